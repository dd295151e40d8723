"""Text for people, from the package `templates`."""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any
from unicodedata import category

import jinja2

_LONGEST_NAME = 60
_IN_NAMES = " '-\N{RIGHT SINGLE QUOTATION MARK}"


@dataclass(frozen=True, slots=True)
class RenderedEmail:
    subject: str
    html: str
    text: str


class MessageTemplates:
    """`templates/email/<name>/{subject.txt,body.html,body.txt}` and `templates/messages/<name>.txt`."""

    def __init__(self) -> None:
        self._jinja = _environment()

    def compile_all(self) -> None:
        """Compiles them all, so that the first letter does not hold up the loop."""
        for path in self._jinja.list_templates(filter_func=_is_template):
            self._jinja.get_template(path)

    def render_email(self, name: str, facts: dict[str, Any]) -> RenderedEmail:
        subject = self._render(f"email/{name}/subject.txt", facts)
        return RenderedEmail(
            subject=" ".join(subject.split()),
            html=self._render(f"email/{name}/body.html", facts | {"subject": subject}),
            text=self._render(f"email/{name}/body.txt", facts),
        )

    def render_text(self, name: str, facts: dict[str, Any]) -> str:
        return self._render(f"messages/{name}.txt", facts).strip()

    def _render(self, path: str, facts: dict[str, Any]) -> str:
        return self._jinja.get_template(path).render(facts)


@cache
def _environment() -> jinja2.Environment:
    """Compiled once in a process, whoever asks."""
    found = jinja2.Environment(
        loader=jinja2.FileSystemLoader(str(files("templates"))),
        autoescape=jinja2.select_autoescape(["html"]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters["clock"] = _clock
    found.filters["day"] = _day
    found.filters["moment"] = _moment
    found.filters["greeting"] = format_greeting
    return found


def _is_template(path: str) -> bool:
    return path.startswith(("email/", "messages/"))


def _clock(moment: str | datetime) -> str:
    """The wall clock at the airport: 09:35."""
    return f"{_parsed(moment):%H:%M}"


def _parsed(moment: str | datetime) -> datetime:
    return moment if isinstance(moment, datetime) else datetime.fromisoformat(moment)


def _day(moment: str | datetime) -> str:
    day = _parsed(moment)
    return f"{day:%a} {day.day} {day:%b %Y}"


def _moment(moment: datetime) -> str:
    """Where the reader is nobody knows: Sat 21 Nov 2026, 09:23 UTC."""
    at = moment.astimezone(UTC)
    return f"{at:%a} {at.day} {at:%b %Y}, {at:%H:%M} UTC"


def format_greeting(name: str) -> str:
    """With the name where it is one, else without.

    Anybody may open an account for somebody else's address: no text of theirs, and no link, travels in our letters.
    """
    plain = " ".join(name.split())
    return f"Hello {plain}," if _is_name(plain) else "Hello,"


def _is_name(text: str) -> bool:
    """Letters of any script; a dot ends an initial, it joins nothing."""
    words = text.replace(". ", " ").removesuffix(".")
    return 0 < len(words) <= _LONGEST_NAME and all(one in _IN_NAMES or category(one)[0] in "LM" for one in words)
