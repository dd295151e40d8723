"""What a model says: the same to the same question, always."""

import json
from dataclasses import dataclass
from typing import Any

from sandbox.openai import mischief
from sandbox.openai.asks import Ask
from sandbox.openai.facts import read_journey
from sandbox.openai.filling import fill, roll
from sandbox.openai.planning import Day, compose
from sandbox.openai.reading import all_texts, find_document
from sandbox.openai.shaping import day_values, is_day, is_plan, plan_values, shape

_PLEASANTRIES = (
    "Here is what I would do.",
    "A good question.",
    "Gladly.",
    "Let us see.",
)


@dataclass(frozen=True, slots=True)
class Said:
    text: str
    refusal: bool = False


def think(ask: Ask, brain: str, *, refuses: bool = False) -> Said:
    """`brain` is the model's name."""
    if refuses:
        return Said("I'm sorry, but I can't help with that request.", refusal=True)
    document = find_document(ask.given)
    if ask.format.kind == "text":
        return Said(_prose(ask, document, brain))
    return Said(json.dumps(_structured(ask, document, brain), ensure_ascii=False, separators=(",", ":")))


def _structured(ask: Ask, document: dict[str, Any] | None, brain: str) -> Any:
    schema, seed = ask.format.schema, _seed(ask)
    if schema is None:
        return {"answer": _prose(ask, document, brain)}
    if document is None or not (is_plan(schema) or is_day(schema)):
        return fill(schema, schema, seed, ask.format.name)
    journey = read_journey(document)
    days = compose(journey, short=brain == "gpt-sandbox-mini")
    values = day_values(_wanted(days, document), 1, journey) if is_day(schema) else plan_values(days, journey)
    again = document.get("task") in {"days", "refine"}
    values = mischief.spoil(values, brain, seed, all_texts(document), journey, again=again)
    return shape(values, schema, schema, seed)


def _wanted(days: list[Day], document: dict[str, Any]) -> Day:
    wanted = str(document.get("date") or document.get("day"))
    return next((one for one in days if one.date.isoformat() == wanted), days[0])


def _prose(ask: Ask, document: dict[str, Any] | None, brain: str) -> str:
    injected = mischief.orders(ask.given) if brain == "obedient" else []
    if injected:
        return " ".join(injected)
    asked = " ".join((ask.given or [""])[-1].split())[:160]
    opening = _PLEASANTRIES[roll(_seed(ask), len(_PLEASANTRIES))]
    if document is not None:
        journey = read_journey(document)
        liked = ", ".join(journey.likes[:3]) or "whatever you like"
        body = (
            f"In {journey.place} I would plan {len(journey.days)} days from {journey.days[0]}, with time for {liked}."
        )
    else:
        body = f"You asked: {asked} Take it one step at a time, book early, and keep an afternoon free."
    return f"{opening} {body}" + (
        "" if brain == "gpt-sandbox-mini" else " Check opening hours before you go, and enjoy."
    )


def _seed(ask: Ask) -> str:
    """All that was said, the beginning of the answer left out."""
    return "\n".join(ask.texts[:-1] if ask.prefill else ask.texts)
