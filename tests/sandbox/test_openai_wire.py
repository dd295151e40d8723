"""Keys, headers, models, and what is refused before a model is asked."""

import copy
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
from openai.lib._pydantic import to_strict_json_schema
from pydantic import BaseModel

from tests.sandbox.openai_lab import SCHEMA, Lab, open_lab


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    async with open_lab() as opened:
        yield opened


@pytest.mark.parametrize(
    ("header", "status", "code"),
    [(None, 401, None), ("Basic eDp5", 401, None), ("Bearer ", 401, None),
     ("Bearer sk-sandbox-bad", 401, "invalid_api_key"),
     ("Bearer sk-sandbox-empty", 429, "insufficient_quota"), ("Bearer sk-sandbox-other", 200, None),
     ("Bearer sk-other", 401, "invalid_api_key")],
)  # fmt: skip
async def test_a_key_is_wanted(lab: Lab, header: str | None, status: int, code: str | None) -> None:
    headers = {"Authorization": header} if header else {}
    body = {"model": "gpt-sandbox", "input": "x"}
    found, document, _ = await lab.shell.call("POST", "/openai/v1/responses", json=body, headers=headers)
    assert found == status
    if status != 200:
        assert document["error"]["code"] == code
        assert "sk-sandbox-bad" not in document["error"]["message"]


async def test_the_sdk_knows_the_errors(lab: Lab) -> None:
    with pytest.raises(openai.AuthenticationError):
        await lab.sdk.with_options(api_key="sk-bad-1").models.list()
    with pytest.raises(openai.RateLimitError) as caught:
        await lab.sdk.with_options(api_key="sk-sandbox-empty").responses.create(model="gpt-sandbox", input="x")
    assert caught.value.type == "insufficient_quota"


async def test_every_answer_has_the_usual_headers(lab: Lab) -> None:
    answers = [await lab.respond(), await lab.respond("gpt-nobody"), await lab.chat(stream=True)]
    for _, _, headers in answers:
        assert headers["x-request-id"].startswith("req_")
        assert headers["openai-processing-ms"].isdigit()
        assert headers["x-ratelimit-remaining-requests"].isdigit()
    assert len({headers["x-request-id"] for _, _, headers in answers}) == 3
    assert answers[2][2]["Content-Type"] == "text/event-stream; charset=utf-8"


async def test_models_are_listed_and_found(lab: Lab) -> None:
    listed = [one.id async for one in lab.sdk.models.list()]
    assert {"gpt-sandbox", "gpt-sandbox-mini", "obedient", "careless", "hopeless", "fault-cut"} <= set(listed)
    assert (await lab.sdk.models.retrieve("gpt-sandbox")).owned_by == "sandbox"
    assert (await lab.sdk.models.retrieve("fault-cut:mine")).id == "fault-cut:mine"
    with pytest.raises(openai.NotFoundError):
        await lab.sdk.models.retrieve("gpt-nobody")


async def test_a_path_that_is_not_there(lab: Lab) -> None:
    status, error = await lab.refused("embeddings", model="x")
    assert (status, error["message"]) == (404, "Invalid URL (POST /v1/embeddings)")


@pytest.mark.parametrize("body", [b"{", b"[1]", b"\xff", b""])
async def test_a_body_that_is_no_json(lab: Lab, body: bytes) -> None:
    headers = {"Authorization": "Bearer sk-sandbox", "Content-Type": "application/json"}
    status, found, _ = await lab.shell.call("POST", "/openai/v1/responses", data=body, headers=headers)
    assert (status, found["error"]["type"]) == (400, "invalid_request_error")


@pytest.mark.parametrize(
    ("more", "param", "code"),
    [
        ({"model": None}, "model", "missing_required_parameter"),
        ({"model": 5}, "model", "invalid_type"),
        ({"model": "gpt-nobody"}, "model", "model_not_found"),
        ({"input": None}, "input", "missing_required_parameter"),
        ({"input": 5}, "input", "invalid_type"),
        ({"input": []}, "input", "empty_array"),
        ({"input": [5]}, "input[0]", "invalid_type"),
        ({"input": [{"role": "user"}]}, "input[0].content", "missing_required_parameter"),
        ({"input": [{"role": "user", "content": [{"type": "text", "text": "x"}]}]}, "input[0].content[0].type",
         "invalid_value"),
        ({"max_output_tokens": 15}, "max_output_tokens", "integer_below_min_value"),
        ({"max_output_tokens": True}, "max_output_tokens", "invalid_type"),
        ({"max_tokens": 100}, "max_tokens", "unknown_parameter"),
        ({"response_format": {}}, "response_format", "unknown_parameter"),
        ({"temperature": -1}, "temperature", "decimal_below_min_value"),
        ({"stream": "yes"}, "stream", "invalid_type"),
        ({"reasoning": {"effort": "much"}}, "reasoning.effort", "invalid_value"),
        ({"metadata": {"a": 1}}, "metadata.a", "invalid_type"),
        ({"background": True}, "background", "unsupported_parameter"),
        ({"text": {"format": {"type": "json_object"}}}, "input", None),
    ],
)  # fmt: skip
async def test_a_parameter_that_is_wrong_is_named(lab: Lab, more: Any, param: str, code: str | None) -> None:
    body = {name: one for name, one in ({"model": "gpt-sandbox", "input": "x"} | more).items() if one is not None}
    status, error = await lab.refused("responses", **body)
    assert (status, error["param"], error["code"]) == (400, param, code)


def changed(**more: Any) -> dict[str, Any]:
    return copy.deepcopy(SCHEMA) | more


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        (changed(additionalProperties=True), "In context=(), 'additionalProperties' is required to be supplied"),
        (changed(required=["city"]), "Missing 'nights'"),
        (changed(type="array"), "got 'type: \"array\"'"),
        (changed(allOf=[]), "'allOf' is not permitted"),
        (changed(properties=SCHEMA["properties"] | {"city": {"type": "string", "maxLength": 5}}),
         "In context=('properties', 'city'), 'maxLength' is not permitted"),
        (changed(properties=SCHEMA["properties"] | {"city": {"$ref": "#/$defs/None"}}), "was not found"),
        (changed(properties=SCHEMA["properties"] | {"city": {"$ref": "#", "title": "x"}}), "$ref cannot have keywords"),
        (changed(properties=SCHEMA["properties"] | {"city": {"type": "string", "format": "uri"}}), "is not supported"),
        (changed(properties=SCHEMA["properties"] | {"city": {"type": "array"}}), "missing items"),
        (changed(properties=SCHEMA["properties"] | {"city": {}}), "must have a 'type' key"),
    ],
)  # fmt: skip
async def test_a_schema_that_strict_mode_does_not_take(lab: Lab, schema: Any, words: str) -> None:
    form = {"type": "json_schema", "name": "trip", "schema": schema, "strict": True}
    status, error = await lab.refused("responses", model="gpt-sandbox", input="x", text={"format": form})
    assert (status, error["code"], error["param"]) == (400, "invalid_json_schema", "text.format.schema")
    assert words in error["message"]
    nested = {"type": "json_schema", "json_schema": {"name": "trip", "schema": schema, "strict": True}}
    _, error = await lab.refused(
        "chat/completions", model="gpt-sandbox", messages=[{"role": "user", "content": "x"}], response_format=nested
    )
    assert error["param"] == "response_format"


async def test_a_schema_made_by_the_sdk_is_taken(lab: Lab) -> None:
    class Leaf(BaseModel):
        name: str
        size: int | None
        more: list["Leaf"]

    form = {"type": "json_schema", "name": "tree", "schema": to_strict_json_schema(Leaf), "strict": True}
    status, found, _ = await lab.respond(text={"format": form})
    assert (status, found["status"]) == (200, "completed")
    Leaf.model_validate_json(found["output"][0]["content"][0]["text"])


async def test_what_does_not_fit_the_window_is_refused(lab: Lab) -> None:
    for path, body in (
        ("responses", {"input": "x" * 520_000}),
        ("chat/completions", {"messages": [{"role": "user", "content": "x" * 520_000}]}),
    ):
        status, error = await lab.refused(path, model="gpt-sandbox", **body)
        assert (status, error["code"]) == (400, "context_length_exceeded")
