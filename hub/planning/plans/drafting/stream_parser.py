"""Reading a model's answer while it is being written: each part as soon as it is whole, however it was cut up.

Nothing is guessed and nothing is mended: a part that is not whole is not there, and after a part that is no JSON there
is nothing more.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson
from pydantic import ValidationError

from hub.planning.plans.drafting.steps import PlanHeading
from hub.planning.plans.model import MAX_PLAN_DAYS, Draft, DraftDay, DraftItem
from hub.planning.plans.rules.texts import MAX_LINE_LENGTH, MAX_TEXT_LENGTH, sanitize_line, sanitize_text

_MARKS = re.compile(r'["{}\[\],:]')
_IN_STRING = re.compile(r'["\\]')
_ITEMS, _LINES = 24, 20
_DEEPEST = 64


@dataclass(slots=True)
class JsonStreamReader:
    """The members of one JSON object; of the array named `days` each element as a member of its own.

    `feed_text` gives what has become whole by the new text, in order: (name, value).
    """

    array_name: str = "days"
    is_broken: bool = False
    _text: str = ""
    _at: int = 0
    _open: list[str] = field(default_factory=list)
    _string: bool = False
    _name: str | None = None
    _from: int = 0
    """Where the value begins that is being read."""

    def feed_text(self, text: str) -> list[tuple[str, Any]]:
        self._text += text
        found = []
        while not self.is_broken and (part := self._next()) is not None:
            if part:
                found.append(part[0])
        return found

    def _next(self) -> list[tuple[str, Any]] | None:
        """One structural sign further: what it has made whole, if anything. None when the text is at its end."""
        pattern = _IN_STRING if self._string else _MARKS
        match = pattern.search(self._text, self._at)
        if match is None:
            self._at = len(self._text)
            return None
        sign, here = match.group(), match.start()
        if sign == "\\":
            if here + 1 >= len(self._text):
                self._at = here  # what it escapes is still to come
                return None
            self._at = here + 2
            return []
        self._at = here + 1
        if sign == '"':
            self._string = not self._string
            return []
        return self._sign(sign, here)

    def _sign(self, sign: str, here: int) -> list[tuple[str, Any]]:
        depth, streaming = len(self._open), self._name == self.array_name
        if sign in "{[":
            self._open.append(sign)
            if depth == 0 or (depth == 1 and streaming):
                self._from = here + 1
            self.is_broken = len(self._open) > _DEEPEST
            return []
        if sign == ":":
            if depth == 1:
                self._named(here)
            return []
        done = self._whole(here, depth, streaming=streaming) if self._ends(sign, depth, streaming=streaming) else []
        if sign in "}]" and (not self._open or self._open.pop() != {"}": "{", "]": "["}[sign]):
            self.is_broken = True
        if sign == "," and depth == 1:
            self._name, self._from = None, here + 1
        return done

    def _ends(self, sign: str, depth: int, *, streaming: bool) -> bool:
        """Whether the sign ends a value that is of interest: a member, or an element of the array."""
        if streaming:
            return depth == 2 and sign in ",]"  # noqa: PLR2004
        return depth == 1 and sign in ",}" and self._name is not None

    def _named(self, here: int) -> None:
        name = self._load(self._text[self._from : here])
        self._name = name if isinstance(name, str) else None
        self._from = here + 1

    def _whole(self, here: int, depth: int, *, streaming: bool) -> list[tuple[str, Any]]:
        raw = self._text[self._from : here]
        self._from = here + 1
        if streaming and depth == 2 and not raw.strip():  # noqa: PLR2004
            return []  # an empty array
        value = self._load(raw)
        return [] if self.is_broken or self._name is None else [(self._name, value)]

    def _load(self, raw: str) -> Any:
        try:
            return orjson.loads(raw)
        except orjson.JSONDecodeError:
            self.is_broken = True
            return None


@dataclass(slots=True)
class DraftStreamReader:
    """A draft as it grows: its title once all before the days is there, and each day that can be read."""

    json_reader: JsonStreamReader = field(default_factory=JsonStreamReader)
    head: dict[str, Any] = field(default_factory=dict)
    has_heading: bool = False

    def feed_text(self, text: str) -> Iterator[PlanHeading | DraftDay]:
        for name, value in self.json_reader.feed_text(text):
            if name != "days":
                self.head[name] = value
                continue
            if not self.has_heading and self.head:
                self.has_heading = True
                yield parse_heading(self.head)
            day = parse_day(value)
            if day is not None:
                yield day


def parse_heading(head: dict[str, Any]) -> PlanHeading:
    title, summary = (str(head.get(name) or "") for name in ("title", "summary"))
    packing, tips = (_texts(head.get(name)) for name in ("packing", "tips"))
    return PlanHeading(sanitize_line(title), sanitize_text(summary), packing, tips)


def parse_day(value: Any) -> DraftDay | None:
    """A day as far as it can be read: a line that fits no schema is left out, long text is cut. None: it is none."""
    if not isinstance(value, dict) or not isinstance(value.get("date"), str):
        return None
    rows = value.get("items")
    items = [item for row in (rows if isinstance(rows, list) else []) if (item := _item(row)) is not None]
    return DraftDay(
        date=value["date"][:40], title=str(value.get("title") or "")[:MAX_LINE_LENGTH], items=items[:_ITEMS]
    )


def parse_draft(text: str) -> Draft | None:
    """The whole answer. None where it is no object."""
    found = _object(text)
    if found is None:
        return None
    head = parse_heading(found)
    return Draft(title=head.title, summary=head.summary, packing=head.packing, tips=head.tips, days=_days(found))


def parse_days(text: str) -> list[DraftDay]:
    found = _object(text)
    return [] if found is None else _days(found)


def _object(text: str) -> dict[str, Any] | None:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def _days(found: dict[str, Any]) -> list[DraftDay]:
    rows = found.get("days")
    days = [day for row in (rows if isinstance(rows, list) else []) if (day := parse_day(row)) is not None]
    return days[:MAX_PLAN_DAYS]


def _item(row: Any) -> DraftItem | None:
    """Unknown members are dropped; what is missing and may be null is null."""
    if not isinstance(row, dict):
        return None
    known: dict[str, Any] = {name: row.get(name) for name in DraftItem.model_fields}
    for name, longest in (("place", MAX_LINE_LENGTH), ("note", MAX_TEXT_LENGTH)):
        known[name] = sanitize_text(str(known[name] or ""), longest)
    try:
        return DraftItem.model_validate(known)
    except ValidationError:
        return None


def _texts(value: Any) -> list[str]:
    rows = value if isinstance(value, list) else []
    return [found for one in rows[:_LINES] if isinstance(one, str) and (found := sanitize_line(one))]
