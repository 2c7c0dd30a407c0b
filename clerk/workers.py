"""The names of the RQ-based clerk's job functions, of those that do the same here, for `get_fetch_queue().enqueue`.

`ocr_page_job`, `ocr_document_job`, `coordinator_job` and `ocr_complete_coordinator` are missing: here a job of
`ocr-page` is given kind, meeting and date, and the ledger counts what a stage has left.
"""

from clerk.meetings.jobs import db_compilation as db_compilation_job
from clerk.meetings.jobs import deploy_site as deploy_job
from clerk.meetings.jobs import fetch_site as fetch_site_job
from clerk.utils import rebuild_site_fts_internal

__all__ = ["db_compilation_job", "deploy_job", "fetch_site_job", "rebuild_site_fts_internal"]
