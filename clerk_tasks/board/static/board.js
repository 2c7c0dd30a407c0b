// Keys, and updates that move nothing that is under the pointer. Without this file the board is complete.
"use strict";

const answer = document.getElementById("answer");
const updates = document.getElementById("updates");
const search = document.getElementById("search");
const keys = document.getElementById("keys");
const pages = { n: "/", s: "/sites", j: "/jobs", f: "/failures", q: "/queues", w: "/workers", a: "/acts" };
const clickable = "a, button, input, select, summary";

let paused = false;
let going = false;
let held = null; // the newest update, while it waits

function typing(target) {
  return target.matches("input, select, textarea") || target.isContentEditable;
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
  if (going) {
    going = false;
    if (pages[event.key]) location.assign(pages[event.key]);
  } else if (event.key === "/") {
    event.preventDefault();
    search.focus();
  } else if (event.key === "?") {
    keys.open ? keys.close() : keys.showModal();
  } else if (event.key === "g") {
    going = true;
  } else if (event.key === "p" && answer) {
    paused = !paused;
    updates.textContent = paused ? updates.dataset.paused : "";
    release();
  }
});

function under(selector) {
  return [...document.querySelectorAll("#answer :hover")].reverse().find((element) => element.matches(selector));
}

function waits() {
  return paused || under(clickable) !== undefined;
}

// Put an update in place; what it has moved under the pointer is scrolled back to where it was.
async function show(text) {
  const row = under("tr, pre, dd");
  const top = row && row.getBoundingClientRect().top;
  for (const log of document.querySelectorAll("pre.follows")) {
    log.dataset.atEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 4;
  }
  await htmx.swap({ text, target: answer, sourceElement: answer, swap: "innerMorph swapEmpty:false" });
  if (row && row.isConnected) scrollBy(0, row.getBoundingClientRect().top - top);
  scrollLogs();
}

function release() {
  if (held === null) return;
  if (waits()) {
    if (!paused) updates.textContent = updates.dataset.waits;
    return;
  }
  const text = held;
  held = null;
  updates.textContent = "";
  show(text);
}

// An update waits while the pointer is on something that a click would act on; a newer one takes its place.
document.addEventListener("htmx:sse:before:message", (event) => {
  event.detail.cancelled = true;
  held = event.detail.message.data;
  release();
});

// A tab that was opened in the background looks for updates once it is seen; htmx pauses those that are hidden later.
function look() {
  if (document.hidden || !answer) return;
  document.removeEventListener("visibilitychange", look);
  answer.setAttribute("hx-sse:connect", answer.dataset.live);
  htmx.process(answer);
}
document.addEventListener("visibilitychange", look);
setTimeout(look); // after htmx has begun

document.addEventListener("pointermove", release);
document.addEventListener("pointerout", release);
document.addEventListener("htmx:sse:error", () => { updates.textContent = updates.dataset.lost; });
document.addEventListener("htmx:sse:after:connection", () => { if (!paused) updates.textContent = ""; });

function scrollLogs() {
  for (const log of document.querySelectorAll("pre.follows")) {
    if (log.dataset.atEnd !== "false") log.scrollTop = log.scrollHeight;
  }
}
scrollLogs();
