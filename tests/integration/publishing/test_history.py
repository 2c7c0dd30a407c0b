"""A law: versions are a stack of undo and redo, of at most CLERK_PUBLISH_KEEP."""

from __future__ import annotations

from itertools import count

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from clerk.errors import ClerkError
from devtools.cities import City, texts_of
from plugins.local_publish.deploy import publish_site, shelves

pytestmark = pytest.mark.slow

Step = tuple[str, str]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), st.sampled_from("abcd")),
        st.tuples(st.just("roll back"), st.just("")),
        st.tuples(st.just("go to"), st.sampled_from("123456")),
    ),
    max_size=10,
)
_numbers = count(1)


class Model:
    """What was published: the versions' texts by number, and which of them readers see."""

    def __init__(self, keep: int) -> None:
        self.keep = keep
        self.kept: dict[int, str] = {}
        self.live = 0

    def publish(self, text: str) -> None:
        later = [number for number in self.kept if number > self.live]
        if text == self.kept.get(self.live) or text in [self.kept[number] for number in later]:
            return
        for number in later:
            del self.kept[number]
        self.live = max(self.kept, default=0) + 1
        self.kept[self.live] = text
        self.kept = dict(sorted(self.kept.items())[-self.keep :])

    def go_to(self, name: str) -> bool:
        older = [number for number in self.kept if number < self.live]
        target = int(name) if name else max(older, default=0)
        if target not in self.kept or target == self.live:
            return False
        self.live = target
        return True


@pytest.mark.parametrize("keep", [1, 2, 3])
@given(steps=STEPS)
@examples(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_readers_see_the_newest_or_what_was_gone_back_to(
    city: City, monkeypatch: pytest.MonkeyPatch, keep: int, steps: list[Step]
) -> None:
    monkeypatch.setenv("CLERK_PUBLISH_KEEP", str(keep))
    town, model = City(f"town{next(_numbers)}.ca"), Model(keep)
    shelf = shelves(town.subdomain)[0]
    for what, word in steps:
        if what == "publish":
            town.compile(word)
            publish_site(town.subdomain)
            model.publish(word)
        elif model.go_to(word):
            shelf.roll_back(word or None)
        else:
            with pytest.raises(ClerkError):
                shelf.roll_back(word or None)
        assert {v.number: texts_of(v.path) for v in shelf.versions()} == {n: [t] for n, t in model.kept.items()}
        if model.kept:
            assert town.read() == [model.kept[model.live]]
            assert len(model.kept) <= keep
