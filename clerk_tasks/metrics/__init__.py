"""What Prometheus reads: counters, histograms and gauges, all from the ledger, so that they survive restarts."""

from clerk_tasks.metrics.exposition import CONTENT_TYPE, exposition, prepare

__all__ = ["CONTENT_TYPE", "exposition", "prepare"]
