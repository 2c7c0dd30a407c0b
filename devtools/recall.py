"""How much of what a page says was read."""

import re
from collections import Counter


def words(text: str) -> Counter[str]:
    """Count the words of a text, whatever their case."""
    return Counter(re.findall(r"\w+", text.lower()))


def recall(truth: str, text: str) -> float:
    """Return the share of the truth's words that the text has, each as often."""
    expected = words(truth)
    return (expected & words(text)).total() / expected.total()
