// Shows the button only where it works: the citation can be selected without it.
const button = document.getElementById("copy");
const citation = document.getElementById("citation");
if (navigator.clipboard) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(citation.value);
    button.textContent = "Copied";
  });
}
