"""Names that nearly are what was typed."""

from collections.abc import Callable, Iterator, Sequence

MIN_LENGTH, MIN_LENGTH_TWO_EDITS = 4, 6
"""Letters from which one mistake, and two, are looked for: in a shorter word everything is near to everything."""
_ALPHABET = "abcdefghijklmnopqrstuvwxyz "


def list_one_edit_variants(key: str) -> Iterator[str]:
    """All texts at one letter too many, too few, wrong, or swapped with the next (Damerau-Levenshtein distance 1)."""
    parts = [(key[:at], key[at:]) for at in range(len(key) + 1)]
    for head, tail in parts:
        if tail:
            yield head + tail[1:]
        if len(tail) > 1:
            yield head + tail[1] + tail[0] + tail[2:]
        for letter in _ALPHABET:
            if tail:
                yield head + letter + tail[1:]
            yield head + letter + tail


def find_similar_names(key: str, has: Callable[[str], bool], famous_names: Callable[[str], Sequence[str]]) -> list[str]:
    """Known names at one mistake; if there are none, those of famous places at two."""
    if len(key) < MIN_LENGTH or not key.isascii():
        return []
    near = list(dict.fromkeys(text for text in list_one_edit_variants(key) if text != key and has(text.strip())))
    if near or len(key) < MIN_LENGTH_TWO_EDITS:
        return [text.strip() for text in near]
    letters = set(key)
    return [
        name
        for name in famous_names(key[0])
        if abs(len(name) - len(key)) <= 2 and len(letters ^ set(name)) <= 4 and is_within_two_edits(key, name)  # noqa: PLR2004
    ]


def is_within_two_edits(first: str, second: str) -> bool:
    """Whether the Damerau-Levenshtein distance (optimal string alignment) is at most 2."""
    before: list[int] = []
    row = list(range(len(second) + 1))
    for at, letter in enumerate(first, 1):
        earlier, before, row = before, row, [at] + [0] * len(second)
        for to, other in enumerate(second, 1):
            best = min(before[to] + 1, row[to - 1] + 1, before[to - 1] + (letter != other))
            if at > 1 and to > 1 and letter == second[to - 2] and first[at - 2] == other:
                best = min(best, earlier[to - 2] + 1)
            row[to] = best
        if min(row) > 2:  # noqa: PLR2004
            return False
    return row[-1] <= 2  # noqa: PLR2004
