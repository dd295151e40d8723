"""Finds the data in a question: the last JSON object of the last text that has one."""

import json
import re
from typing import Any

_MARKED = re.compile(r"<data\b[^>]*>(.*?)</data>|```(?:json)?\s*\n(.*?)```", re.DOTALL | re.IGNORECASE)
_TRIES = 200
"""Braces that are looked at in one text before it counts as prose."""
_DECODER = json.JSONDecoder()


def find_document(texts: list[str]) -> dict[str, Any] | None:
    """Within `<data>…</data>` or a fence, or else in the open."""
    for text in reversed(texts):
        marked = [inside or fenced for inside, fenced in _MARKED.findall(text)]
        for one in (*reversed(marked), text):
            found = _last_object(one)
            if found is not None:
                return found
    return None


def _last_object(text: str) -> dict[str, Any] | None:
    last, at, tries = None, text.find("{"), 0
    while at >= 0 and tries < _TRIES:
        tries += 1
        try:
            found, end = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            end = at + 1
        else:
            last = found or last
        at = text.find("{", end)
    return last


def list_texts(value: Any) -> list[str]:
    """Every text within a document, in order."""
    match value:
        case str():
            return [value]
        case dict():
            return [one for inner in value.values() for one in list_texts(inner)]
        case list():
            return [one for inner in value for one in list_texts(inner)]
        case _:
            return []
