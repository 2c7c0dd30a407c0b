"""Ids of entries: the same for the same row, whatever file it comes in and wherever it stands there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from plugins.election_finance.transform import Entry, Group, digest


class Identities:
    """Gives each entry an id that depends on nothing but its filing and transaction: not on the file, nor its order.

    Transaction ids repeat within a filing for different gifts, and a filing may come in two years' files. So
    rows that share (filing, sheet, transaction) are counted by content: a row that an earlier file already
    gave is the same row, while two equal rows within one file are two. Which of those that share it has which
    number does depend on the files: on what they hold together, and in the order of their years.
    """

    def __init__(self) -> None:
        self._known: dict[Group, list[str]] = {}

    def assign(self, entries: Iterable[Entry]) -> Iterator[tuple[str, Entry]]:
        """Yield (id, entry) for the entries of one sheet of one file that no earlier file gave."""
        groups: dict[Group, list[Entry]] = {}
        for entry in entries:
            groups.setdefault(entry.group, []).append(entry)
        for group, members in groups.items():
            yield from self._number(group, sorted(members, key=lambda member: member.content))

    def _number(self, group: Group, members: list[Entry]) -> Iterator[tuple[str, Entry]]:
        known = self._known.setdefault(group, [])
        spare = Counter(known)
        for entry in members:
            if spare[entry.content] > 0:
                spare[entry.content] -= 1
                continue
            yield digest(*group, len(known)), entry
            known.append(entry.content)
