"""What the comparison of task systems prints of what it found."""

from __future__ import annotations

from argparse import Namespace

from devtools.bench.comparison import Found
from devtools.bench.measure import Kill, Rate
from devtools.bench.report import Latency, as_table, ratios, summary
from devtools.bench.table import PEERS, Peer

OURS = Peer("clerk-redis-postgresql", "clerk_tasks")
OTHER = Peer("other", "other", ("other==1",), beside="clerk-redis-postgresql")
LOST = Kill(not_back=3, done_twice=1, begun_twice=2, seconds=None, watched=75)


def test_a_rate_is_the_best_and_its_cpu_time_the_lowest_of_the_rounds() -> None:
    assert summary({"2": [Rate(100, 1.5), Rate(300, 2.0)]}) == {"2": Rate(300, 1.5)}


def test_latency_is_that_of_all_rounds_together() -> None:
    rounds = [[float(number) for number in range(50)], [float(number) for number in range(50, 100)]]
    assert summary({"latency": rounds}) == {"latency": Latency(50.0, 99.0)}


def test_a_measurement_that_failed_in_every_round_has_no_result() -> None:
    assert summary({"2": [], "kill": []}) == {}


def test_the_ratio_is_of_the_row_named_or_of_the_first_of_ours() -> None:
    ours, other = {"2": Rate(50, 1)}, {"2": Rate(200, 1), "batch": Rate(10, 1)}
    assert ratios({OURS: ours, OTHER: other})["other"].rates == {"2": 0.25}
    elsewhere = Peer("clerk-rabbitmq-postgresql", "clerk_tasks")
    assert ratios({elsewhere: ours, OTHER: other})["other"].ours == "clerk-rabbitmq-postgresql"
    assert ratios({OTHER: other}) == {}


def test_the_table_has_a_row_for_each_system_and_a_column_for_each_measurement() -> None:
    found: dict[Peer, Found] = {
        OURS: {"2": [Rate(1000, 1.5)], "kill": []},
        OTHER: {"2": [Rate(4000, 0.25)], "kill": [LOST]},
    }
    head, _, ours, other = as_table(found, Namespace(batch=10_000)).splitlines()
    assert [cell.strip() for cell in head.split("|")[3:-1]] == [
        "2 processes",
        "kill -9 of 2 processes amid 200 jobs",
        "ours divided by it, 2 processes",
    ]
    assert ours.startswith("| clerk-redis-postgresql | no | 1 000 (1.50) | - |")
    killed = "3 not back in 75 s; 1 done twice, 2 begun twice"
    assert other == f"| other | no | 4 000 (0.25) | {killed} | 0.25 (clerk-redis-postgresql) |"


def test_each_line_names_a_row_of_ours() -> None:
    ours = {peer.name for peer in PEERS if not peer.requirements}
    assert {peer.beside for peer in PEERS} <= ours
    assert len({peer.name for peer in PEERS}) == len(PEERS)
