"""What hurt in the system that this one replaces (M§4), and the test that holds it off here.

§4.1, its history
    one failed OCR job keeps a site waiting for ever    | test_a_bad_document_is_kept_listed_and_in_nobodys_way
    three sources of truth                              | test_a_run_step_by_step
    killed jobs run no handler, counters stay short     | test_a_child_is_killed, test_a_worker_is_killed
    a crash between two enqueues: half a fan-out        | test_the_fan_out_is_whole_or_not_at_all
    pages and documents in one counter                  | test_a_run_step_by_step
    zero PDFs are never done                            | test_a_city_without_a_single_paper_ends_well
    workers forgot post_deploy, page count, search      | test_a_first_day, test_a_fetcher_compiles_in_its_own_way
    compile and deploy wait for an optional extraction  | test_extract_site_is_a_plugins_to_supply
    wrong stage names                                   | test_a_run_step_by_step
    the scheduler enqueues a site twice                 | test_two_callers_never_take_the_same_site
    text timestamps compared with datetimes             | test_the_site_longest_untouched_is_next
    "stuck" although deployed                           | test_a_quiet_day_is_a_success
    PDF libraries crash the worker                      | test_a_reader_that_is_killed_is_replaced
    missing directories                                 | test_a_city_without_a_single_paper_ends_well
§4.2, found by running it
    5 fast workers' increments are zeroed               | test_a_run_step_by_step
    6 a failed fan-out counts as a failed document      | test_a_reading_that_could_not_begin_stops_the_run
    7 a redelivered job counts twice                    | test_a_job_delivered_twice_counts_once
    8 empty, missing, unreadable: "completed"           | test_a_bad_document_is_kept_listed_and_in_nobodys_way
    8 a missing PDF                                     | test_a_pdf_that_is_gone_is_no_success
    8 ... and tried for ever                            | test_what_was_given_up_is_not_tried_with_every_run
    9 one page fails and is lost                        | test_one_page_that_fails_loses_no_page
    9 the same, by a fetcher itself                     | test_what_a_fetcher_could_not_read_is_not_thrown_away
    10 a quiet day is an error                          | test_a_quiet_day_is_a_success
    11 a coordinator that crashed is never run again    | test_a_child_is_killed
    12 page order 1, 10, 11, 2                          | test_pages_are_in_the_order_of_their_numbers
    14 no plugin answers: AttributeError                | test_without_a_fetcher_the_error_names_the_label
    15 last_updated in another format                   | test_the_site_longest_untouched_is_next
    17 the look-back is ignored                         | test_a_site_is_due_again_after_the_look_back
§4.3, read in it
    only OCR counters move                              | test_a_run_step_by_step
    fetch, compile, deploy failures leave no error      | test_a_hook_that_raises_fails_its_job_for_all_to_see
    last_deployed is never set                          | test_a_first_day
    "completed" before post_deploy                      | test_the_hooks_are_called_in_turn_with_what_they_need
    a revised agenda is never read                      | test_a_revised_paper_is_read_again
    update -n loses last year's late minutes            | test_a_fetch_that_failed_does_not_count_as_an_update
    recovery of compilation and deploy is "TODO"        | test_a_failed_run_is_made_again_from_where_it_failed
    one global logger                                   | test_each_job_logs_under_its_own_id
    compile deletes meetings.db first                   | test_readers_have_a_database_at_every_moment
    hooks that never fire                               | test_the_hooks_are_called_in_turn_with_what_they_need
"""

from __future__ import annotations

import re
from pathlib import Path

FOLDER = Path(__file__).parent


def test_every_test_that_is_named_is_there() -> None:
    named = {name for line in (__doc__ or "").splitlines() for name in re.findall(r"\btest_\w+", line)}
    there = {
        name for file in FOLDER.glob("test_*.py") for name in re.findall(r"^def (test_\w+)", file.read_text(), re.M)
    }
    assert len(named) > 20
    assert named - there == set()
