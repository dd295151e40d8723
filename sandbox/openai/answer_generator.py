"""What a model says: the same to the same question, always."""

import json
from dataclasses import dataclass
from typing import Any

from sandbox.openai import misbehavior
from sandbox.openai.document_search import find_document, list_texts
from sandbox.openai.journey_data import read_journey
from sandbox.openai.model_request import ModelRequest
from sandbox.openai.plan_composer import PlanDay, compose_plan
from sandbox.openai.schema_example import build_example, draw_number
from sandbox.openai.schema_mapping import (
    build_day_values,
    build_plan_values,
    is_day_schema,
    is_plan_schema,
    shape_value,
)

_PLEASANTRIES = (
    "Here is what I would do.",
    "A good question.",
    "Gladly.",
    "Let us see.",
)


@dataclass(frozen=True, slots=True)
class GeneratedAnswer:
    text: str
    is_refusal: bool = False


def generate_answer(ask: ModelRequest, brain: str, *, refuses: bool = False) -> GeneratedAnswer:
    """`brain` is the model's name."""
    if refuses:
        return GeneratedAnswer("I'm sorry, but I can't help with that request.", is_refusal=True)
    document = find_document(ask.user_texts)
    if ask.format.kind == "text":
        return GeneratedAnswer(_prose(ask, document, brain))
    return GeneratedAnswer(json.dumps(_structured(ask, document, brain), ensure_ascii=False, separators=(",", ":")))


def _structured(ask: ModelRequest, document: dict[str, Any] | None, brain: str) -> Any:
    schema, seed = ask.format.schema, _seed(ask)
    if schema is None:
        return {"answer": _prose(ask, document, brain)}
    if document is None or not (is_plan_schema(schema) or is_day_schema(schema)):
        return build_example(schema, schema, seed, ask.format.name)
    journey = read_journey(document)
    days = compose_plan(journey, is_short=brain == "gpt-sandbox-mini")
    values = (
        build_day_values(_wanted(days, document), 1, journey)
        if is_day_schema(schema)
        else build_plan_values(days, journey)
    )
    again = document.get("task") in {"days", "refine"}
    values = misbehavior.spoil_values(values, brain, seed, list_texts(document), journey, is_partial=again)
    return shape_value(values, schema, schema, seed)


def _wanted(days: list[PlanDay], document: dict[str, Any]) -> PlanDay:
    wanted = str(document.get("date") or document.get("day"))
    return next((one for one in days if one.date.isoformat() == wanted), days[0])


def _prose(ask: ModelRequest, document: dict[str, Any] | None, brain: str) -> str:
    injected = misbehavior.find_injected_orders(ask.user_texts) if brain == "obedient" else []
    if injected:
        return " ".join(injected)
    asked = " ".join((ask.user_texts or [""])[-1].split())[:160]
    opening = _PLEASANTRIES[draw_number(_seed(ask), len(_PLEASANTRIES))]
    if document is not None:
        journey = read_journey(document)
        liked = ", ".join(journey.interests[:3]) or "whatever you like"
        body = (
            f"In {journey.place} I would plan {len(journey.days)} days from {journey.days[0]}, with time for {liked}."
        )
    else:
        body = f"You asked: {asked} Take it one step at a time, book early, and keep an afternoon free."
    return f"{opening} {body}" + (
        "" if brain == "gpt-sandbox-mini" else " Check opening hours before you go, and enjoy."
    )


def _seed(ask: ModelRequest) -> str:
    """All that was said, the beginning of the answer left out."""
    return "\n".join(ask.texts[:-1] if ask.prefill else ask.texts)
