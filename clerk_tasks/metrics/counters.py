"""The counters and histograms: what has ended since the ledger began, pruned rows included."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from itertools import accumulate

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily

from clerk_tasks.ledger.ends import BUCKETS, READS_DOCUMENT, Total, Totals

#: The labels of the seed's clerk. Its `container` was the worker's host; ours is the host that answers, since workers'
#: hosts come and go.
JOB_LABELS = ("container", "stage", "job_type")

#: What the end of the job says of its document.
OUTCOMES = {"completed": "read", "discarded": "failed", "cancelled": "cancelled"}

_ENDS = (*(str(float(end)) for end in BUCKETS), "+Inf")


def counters(totals: Totals) -> Iterator[Metric]:
    """Yield the families of everything that `totals` has."""
    host = socket.gethostname()
    jobs = CounterMetricFamily(
        "clerk_jobs",
        "Jobs that ended (completed, discarded, cancelled) and attempts that did not end their job"
        " (retryable, lost, handed_back, snoozed).",
        labels=(*JOB_LABELS, "status"),
    )
    takeovers = CounterMetricFamily("clerk_takeovers", "Attempts whose worker was lost.", labels=["job_type"])
    duration = HistogramMetricFamily(
        "clerk_job_duration_seconds", "How long attempts ran, to whatever end.", labels=(*JOB_LABELS, "queue")
    )
    wait = HistogramMetricFamily(
        "clerk_job_wait_seconds", "From due to started, of jobs that completed.", labels=["job_type", "queue"]
    )
    runs = CounterMetricFamily("clerk_runs", "Runs of the pipeline that ended.", labels=["pipeline", "state"])
    run_duration = HistogramMetricFamily(
        "clerk_run_duration_seconds", "From created to ended, of runs of the pipeline.", labels=["pipeline", "state"]
    )
    documents = CounterMetricFamily(
        "clerk_documents", "Documents by what came of reading them: read, failed, cancelled.", labels=["outcome"]
    )
    pages = CounterMetricFamily("clerk_pages", "Pages of the documents that were read.", labels=["outcome"])
    slots = CounterMetricFamily("clerk_schedule_slots", "Slots by their fate.", labels=["schedule", "fate"])
    lost: dict[str, int] = {}
    read: dict[str, int] = {}
    waited: dict[tuple[str, str], Total] = {}
    for (metric, labels), total in sorted(totals.items()):
        if metric == "jobs":
            job_type, stage, status = labels
            jobs.add_metric((host, stage, job_type, status), total.number)
            if job_type == READS_DOCUMENT and status in OUTCOMES:
                read[OUTCOMES[status]] = read.get(OUTCOMES[status], 0) + total.number
            if status == "lost":
                lost[job_type] = lost.get(job_type, 0) + total.number
        elif metric == "duration":
            job_type, queue, stage = labels
            _add(duration, (host, stage, job_type, queue), total)
        elif metric == "wait":
            waited[labels[0], labels[1]] = waited.get((labels[0], labels[1]), Total()) + total
        elif metric == "runs":
            runs.add_metric(labels, total.number)
            _add(run_duration, labels, total)
        elif metric == "pages":
            pages.add_metric(labels, total.number)
        elif metric == "slots":
            slots.add_metric(labels, total.number)
    for job_type, number in lost.items():
        takeovers.add_metric([job_type], number)
    for outcome, number in read.items():
        documents.add_metric([outcome], number)
    for job_and_queue, total in waited.items():
        _add(wait, job_and_queue, total)
    yield from (jobs, duration, wait, takeovers, runs, run_duration, documents, pages, slots)


def _add(family: HistogramMetricFamily, labels: Sequence[str], total: Total) -> None:
    each = (*total.buckets, *(0,) * (len(_ENDS) - len(total.buckets)))
    family.add_metric(labels, list(zip(_ENDS, accumulate(each), strict=True)), sum_value=total.seconds)
