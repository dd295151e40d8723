"""Chat completions as the real SDK sees them."""

import json
from collections.abc import AsyncIterator
from typing import Any

import jsonschema
import openai
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from tests.sandbox.openai_lab import HELLO, SCHEMA, Lab, open_lab, said
from tests.sandbox.shell import vendor

FORMAT: Any = {"type": "json_schema", "json_schema": {"name": "trip", "schema": SCHEMA, "strict": True}}
USAGE = {"include_usage": True}


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    async with open_lab() as opened:
        yield opened


async def test_a_text_is_answered_and_counted(lab: Lab) -> None:
    found = await lab.sdk.chat.completions.create(model="gpt-sandbox", messages=HELLO)  # type: ignore[arg-type]
    text = found.choices[0].message.content
    assert text
    assert found.choices[0].finish_reason == "stop"
    assert found.usage is not None
    assert found.usage.completion_tokens == -(-len(text) // 4)
    assert found.usage.total_tokens == found.usage.prompt_tokens + found.usage.completion_tokens


@pytest.mark.parametrize(
    "more",
    [{}, {"response_format": FORMAT}, {"reasoning_effort": "low"}, {"max_completion_tokens": 5}, {"n": 1},
     {"model": "fault-refuses"}, {"model": "fault-content-filter"}],
)  # fmt: skip
async def test_every_answer_is_of_the_published_type(lab: Lab, more: dict[str, Any]) -> None:
    _, document, _ = await lab.chat(**more)
    ChatCompletion.model_validate(document, strict=True)
    *chunks, done = await lab.stream("chat/completions", stream_options=USAGE, **{"model": "gpt-sandbox"} | more)
    assert done == "[DONE]"
    for one in chunks:
        ChatCompletionChunk.model_validate_json(one, strict=True)


async def test_an_answer_is_as_the_vendors_file_has_it(lab: Lab) -> None:
    spec = vendor("openai.json")
    _, document, _ = await lab.chat(response_format=FORMAT)
    schema = {"$ref": "#/components/schemas/CreateChatCompletionResponse", "components": spec["components"]}
    jsonschema.Draft202012Validator(schema).validate(document)


async def test_a_stream_says_what_the_whole_does_and_ends_with_done(lab: Lab) -> None:
    _, whole, _ = await lab.chat()
    found = await lab.stream("chat/completions", "gpt-sandbox")
    chunks = [json.loads(one) for one in found[:-1]]
    assert found[-1] == "[DONE]"
    assert said(found) == whole["choices"][0]["message"]["content"]
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert [one["choices"][0]["finish_reason"] for one in chunks][-2:] == [None, "stop"]
    assert not any("usage" in one for one in chunks)
    assert len({(one["id"], one["created"]) for one in chunks}) == 1


async def test_usage_comes_in_a_chunk_of_its_own_when_wished(lab: Lab) -> None:
    _, whole, _ = await lab.chat()
    *chunks, last, _ = await lab.stream("chat/completions", "gpt-sandbox", stream_options=USAGE)
    assert json.loads(last)["usage"] == whole["usage"]
    assert json.loads(last)["choices"] == []
    assert all(json.loads(one)["usage"] is None for one in chunks)


@pytest.mark.parametrize(
    ("more", "reason"),
    [({"max_tokens": 3}, "length"), ({"max_completion_tokens": 3}, "length"),
     ({"model": "fault-content-filter"}, "content_filter"), ({"model": "fault-truncates"}, "length")],
)  # fmt: skip
async def test_an_answer_that_stops_early_says_why(lab: Lab, more: dict[str, Any], reason: str) -> None:
    _, whole, _ = await lab.chat(**more)
    found = await lab.stream("chat/completions", **{"model": "gpt-sandbox"} | more)
    assert whole["choices"][0]["finish_reason"] == reason
    assert json.loads(found[-2])["choices"][0]["finish_reason"] == reason
    assert whole["choices"][0]["message"]["content"] == said(found)


async def test_structured_output_fits_its_schema(lab: Lab) -> None:
    _, found, _ = await lab.chat(response_format=FORMAT)
    jsonschema.validate(json.loads(found["choices"][0]["message"]["content"]), SCHEMA)
    _, free, _ = await lab.chat(
        response_format={"type": "json_object"}, messages=[{"role": "user", "content": "Say it in JSON."}]
    )
    assert isinstance(json.loads(free["choices"][0]["message"]["content"]), dict)


async def test_an_answer_goes_on_from_its_beginning(lab: Lab) -> None:
    _, whole, _ = await lab.chat()
    text = whole["choices"][0]["message"]["content"]
    again = [*HELLO, {"role": "assistant", "content": text[:20]}]
    _, rest, _ = await lab.chat(messages=again)
    assert text[:20] + rest["choices"][0]["message"]["content"] == text


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"n": 2}, "'n' must be 1"),
        ({"messages": []}, "empty array"),
        ({"messages": [{"role": "ghost", "content": "x"}]}, "Supported values are: 'developer'"),
        ({"messages": [{"role": "user", "content": [{"type": "sound"}]}]}, "'image_url'"),
        ({"messages": "hi"}, "expected an array"),
        ({"stream_options": USAGE}, "only allowed when 'stream' is enabled"),
        ({"max_tokens": 0}, ">= 1"),
        ({"max_tokens": 1, "max_completion_tokens": 1}, "at the same time"),
        ({"temperature": 3}, "<= 2"),
        ({"response_format": {"type": "json_object"}}, "must contain the word 'json'"),
        ({"max_output_tokens": 5}, "Unrecognized request argument"),
    ],
)
async def test_nonsense_is_refused(lab: Lab, more: dict[str, Any], words: str) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        await lab.sdk.chat.completions.create(model="gpt-sandbox", messages=HELLO, extra_body=more)  # type: ignore[arg-type]
    assert words in caught.value.message


async def test_a_model_that_is_not_there(lab: Lab) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        await lab.sdk.chat.completions.create(model="gpt-nobody", messages=HELLO)  # type: ignore[arg-type]
    assert caught.value.code == "model_not_found"
