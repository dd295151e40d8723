"""The Responses API as the real SDK sees it."""

from collections.abc import AsyncIterator
from typing import Any

import jsonschema
import openai
import pytest
from openai.types.responses import Response
from pydantic import BaseModel

from tests.sandbox.openai_lab import HELLO, SCHEMA, Lab, open_lab
from tests.sandbox.shell import vendor

FORMAT: Any = {"type": "json_schema", "name": "trip", "schema": SCHEMA, "strict": True}
DELTA = "response.output_text.delta"
ORDER = [
    "response.created", "response.in_progress", "response.output_item.added", "response.content_part.added", DELTA,
    "response.output_text.done", "response.content_part.done", "response.output_item.done", "response.completed",
]  # fmt: skip


class Trip(BaseModel):
    city: str
    nights: int


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    async with open_lab() as opened:
        yield opened


async def events(lab: Lab, **more: Any) -> list[Any]:
    asked: Any = {"model": "gpt-sandbox", "input": HELLO} | more
    return [one async for one in await lab.sdk.responses.create(stream=True, **asked)]


def unlike(names: list[str]) -> list[str]:
    """Each name once in a row."""
    return [one for n, one in enumerate(names) if n == 0 or names[n - 1] != one]


async def test_a_text_is_answered_and_counted(lab: Lab) -> None:
    found = await lab.sdk.responses.create(model="gpt-sandbox", input="Where to?", instructions="Be brief.")
    assert found.status == "completed"
    assert found.output_text
    assert found.usage is not None
    assert found.usage.output_tokens == -(-len(found.output_text) // 4)
    assert found.usage.total_tokens == found.usage.input_tokens + found.usage.output_tokens
    assert found.usage.input_tokens == (3 + 3) + (3 + 3)


async def test_the_same_question_has_the_same_answer(lab: Lab) -> None:
    one, same, other = [
        (await lab.sdk.responses.create(model="gpt-sandbox", input=text)).output_text for text in ("A", "A", "B")
    ]
    assert one == same != other


@pytest.mark.parametrize(
    "more",
    [{}, {"text": {"format": FORMAT}}, {"reasoning": {"effort": "low"}}, {"max_output_tokens": 16}, {"store": False},
     {"metadata": {"a": "b"}}, {"model": "fault-refuses"}, {"model": "fault-failed"}, {"model": "fault-omits-usage"}],
)  # fmt: skip
async def test_every_answer_is_of_the_published_type(lab: Lab, more: dict[str, Any]) -> None:
    _, document, _ = await lab.respond(**more)
    found = Response.model_validate(document, strict=True)
    assert found.to_dict(mode="json").keys() >= document.keys()
    assert found.metadata == more.get("metadata", {})


async def test_an_answer_is_as_the_vendors_file_has_it(lab: Lab) -> None:
    spec = vendor("openai.json")
    _, document, _ = await lab.respond(text={"format": FORMAT}, reasoning={"effort": "low"})
    schema = {"$ref": "#/components/schemas/Response", "components": spec["components"]}
    jsonschema.Draft202012Validator(schema).validate(document)


async def test_the_events_come_in_their_order_and_are_numbered(lab: Lab) -> None:
    found = await events(lab)
    assert unlike([one.type for one in found]) == ORDER
    assert [one.sequence_number for one in found] == list(range(len(found)))
    text = "".join(one.delta for one in found if one.type == DELTA)
    assert text == found[-1].response.output_text == found[-4].text
    assert [one.response.status for one in found if hasattr(one, "response")] == ["in_progress"] * 2 + ["completed"]


async def test_a_stream_says_and_costs_what_the_whole_does(lab: Lab) -> None:
    whole = await lab.sdk.responses.create(model="gpt-sandbox", input=HELLO)  # type: ignore[arg-type]
    last = (await events(lab))[-1].response
    assert (last.output_text, last.usage) == (whole.output_text, whole.usage)


async def test_reasoning_is_an_item_before_the_message_and_is_billed(lab: Lab) -> None:
    found = await events(lab, reasoning={"effort": "low"})
    last = found[-1].response
    assert [one.type for one in last.output] == ["reasoning", "message"]
    assert last.usage.output_tokens_details.reasoning_tokens == 64
    assert {one.output_index for one in found if one.type == DELTA} == {1}


async def test_structured_output_is_parsed_by_the_sdk(lab: Lab) -> None:
    found = await lab.sdk.responses.parse(model="gpt-sandbox", input="A trip", text_format=Trip)
    assert isinstance(found.output_parsed, Trip)
    async with lab.sdk.responses.stream(model="gpt-sandbox", input="A trip", text_format=Trip) as stream:
        final = await stream.get_final_response()
    assert final.output_parsed == found.output_parsed


@pytest.mark.parametrize(
    ("more", "reason"),
    [({"max_output_tokens": 16}, "max_output_tokens"), ({"model": "fault-content-filter"}, "content_filter"),
     ({"model": "fault-truncates"}, "max_output_tokens")],
)  # fmt: skip
async def test_an_answer_that_stops_early_says_why(lab: Lab, more: dict[str, Any], reason: str) -> None:
    _, whole, _ = await lab.respond(**more)
    last = (await events(lab, **more))[-1]
    assert (whole["status"], whole["incomplete_details"]) == ("incomplete", {"reason": reason})
    assert (last.type, last.response.incomplete_details.reason) == ("response.incomplete", reason)
    assert 0 < whole["usage"]["output_tokens"] <= 16


async def test_reasoning_may_leave_no_room_for_words(lab: Lab) -> None:
    found = (await events(lab, reasoning={"effort": "high"}, max_output_tokens=100))[-1].response
    assert [one.type for one in found.output] == ["reasoning"]
    assert (found.status, found.usage.output_tokens) == ("incomplete", 100)


async def test_a_refusal_is_told_as_one(lab: Lab) -> None:
    found = await events(lab, model="fault-refuses", text={"format": FORMAT})
    names = [one.type for one in found]
    assert "response.refusal.delta" in names
    assert DELTA not in names
    part = found[-1].response.output[0].content[0]
    assert part.refusal == next(one.refusal for one in found if one.type == "response.refusal.done")
    assert found[-1].response.output_text == ""


async def test_a_failure_within_a_stream_is_its_last_event(lab: Lab) -> None:
    found = await events(lab, model="fault-failed")
    assert [one.sequence_number for one in found] == list(range(len(found)))
    assert (found[-1].type, found[-1].response.error.code) == ("response.failed", "server_error")


async def test_a_response_is_kept_and_can_be_deleted(lab: Lab) -> None:
    made = await lab.sdk.responses.create(model="gpt-sandbox", input="Where to?")
    assert await lab.sdk.responses.retrieve(made.id) == made
    with pytest.raises(openai.BadRequestError, match="Cannot cancel a synchronous response"):
        await lab.sdk.responses.cancel(made.id)
    await lab.sdk.responses.delete(made.id)
    with pytest.raises(openai.NotFoundError):
        await lab.sdk.responses.retrieve(made.id)


async def test_what_is_not_stored_is_not_kept(lab: Lab) -> None:
    made = await lab.sdk.responses.create(model="gpt-sandbox", input="Where to?", store=False)
    with pytest.raises(openai.NotFoundError):
        await lab.sdk.responses.retrieve(made.id)


async def test_a_conversation_goes_on_from_the_response_before(lab: Lab) -> None:
    made = await lab.sdk.responses.create(model="gpt-sandbox", input="Where to?", instructions="Be brief.")
    more = await lab.sdk.responses.create(model="gpt-sandbox", input="And then?", previous_response_id=made.id)
    assert made.usage is not None
    assert more.usage is not None
    assert more.usage.input_tokens == (3 + 3) + (made.usage.output_tokens + 3) + (3 + 3)
    with pytest.raises(openai.BadRequestError, match="not found"):
        await lab.sdk.responses.create(model="gpt-sandbox", input="x", previous_response_id="resp_nobody")
