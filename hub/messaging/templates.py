"""Text for people, from the package `templates`."""

from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from typing import Any

import jinja2


@dataclass(frozen=True, slots=True)
class Rendered:
    subject: str
    html: str
    text: str


class Templates:
    """`templates/email/<name>/{subject.txt,body.html,body.txt}` and `templates/messages/<name>.txt`."""

    def __init__(self) -> None:
        self._jinja = jinja2.Environment(
            loader=jinja2.FileSystemLoader(str(files("templates"))),
            autoescape=jinja2.select_autoescape(["html"]),
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._jinja.filters["clock"] = _clock
        self._jinja.filters["day"] = _day

    def email(self, name: str, facts: dict[str, Any]) -> Rendered:
        subject = self._render(f"email/{name}/subject.txt", facts)
        return Rendered(
            subject=" ".join(subject.split()),
            html=self._render(f"email/{name}/body.html", facts | {"subject": subject}),
            text=self._render(f"email/{name}/body.txt", facts),
        )

    def text(self, name: str, facts: dict[str, Any]) -> str:
        return self._render(f"messages/{name}.txt", facts).strip()

    def _render(self, path: str, facts: dict[str, Any]) -> str:
        return self._jinja.get_template(path).render(facts)


def _clock(moment: str) -> str:
    """The wall clock at the airport: 09:35."""
    return f"{datetime.fromisoformat(moment):%H:%M}"


def _day(moment: str) -> str:
    day = datetime.fromisoformat(moment)
    return f"{day:%a} {day.day} {day:%b %Y}"
