"""What fetchers of the RQ-based clerk use that read documents themselves."""

from __future__ import annotations

import json
import time
from datetime import datetime
from pathlib import Path

import pytest


def test_only_errors_that_may_pass_are_tried_again() -> None:
    from clerk.ocr_utils import CRITICAL_ERRORS, PERMANENT_ERRORS, TRANSIENT_ERRORS, retry_on_transient

    for error, calls in ((TRANSIENT_ERRORS[0]("slow"), 3), (CRITICAL_ERRORS[0](), 1), (PERMANENT_ERRORS[2](), 1)):
        seen = []

        @retry_on_transient(max_attempts=3, delay_seconds=0)
        def fetch(subdomain: str) -> None:
            seen.append(subdomain)  # noqa: B023 - called before the next
            raise error  # noqa: B023

        with pytest.raises(type(error)):
            fetch(subdomain="a.ca")
        assert len(seen) == calls


def test_failures_are_appended_and_progress_is_a_share(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    from clerk.ocr_utils import FailureManifest, JobState, print_progress

    path = tmp_path / "failures.jsonl"
    for number in (1, 2):
        with FailureManifest(str(path)) as manifest:
            manifest.record_failure("j", "a.pdf", "Council", "2026-01-02", "permanent", "ValueError", "bad", number)
    first, second = map(json.loads, path.read_text().splitlines())
    assert (first["meeting"], first["error_type"], second["retry_count"]) == ("Council", "permanent", 2)
    assert datetime.fromisoformat(first["failed_at"])
    state = JobState("j", total_documents=8, start_time=time.time() - 60)
    assert (state.progress_pct(), state.eta_seconds()) == (0, None)
    state.completed, state.failed, state.skipped = 4, 1, 1
    assert state.progress_pct() == 75
    assert state.eta_seconds() == pytest.approx(20, abs=1)
    with caplog.at_level("INFO"):
        print_progress(state, "a.ca")
    assert "6 of 8 documents (75.0%), 1 failed, 20 s left" in caplog.text
    assert JobState("j", 0).eta_seconds() is None
