"""Tokens from above and near, and whether a document fits."""

import json

from hypothesis import given
from hypothesis import strategies as st

from hub.planning.completions import ChatMessage, CompletionRequest, OutputSchema, TokenPrice
from hub.planning.completions.schema_check import matches_schema
from hub.planning.completions.token_counts import (
    estimate_max_cost,
    estimate_max_input,
    estimate_max_tokens,
    estimate_tokens,
    estimate_usage,
)

DAY = {
    "type": "object",
    "properties": {"day": {"$ref": "#/$defs/Day"}, "note": {"anyOf": [{"type": "string"}, {"type": "null"}]}},
    "required": ["day", "note"],
    "additionalProperties": False,
    "$defs": {"Day": {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}},
}


@given(st.text())
def test_what_is_reserved_is_never_less_than_what_is_estimated(text: str):
    asked = CompletionRequest((ChatMessage("user", text),), 10)
    assert estimate_usage(asked, "").input_tokens <= estimate_max_input(asked)
    assert estimate_tokens(text) <= estimate_max_tokens(text) + 1


def test_every_kind_of_writing_is_counted_from_above():
    assert estimate_max_tokens("word " * 100) == 250
    assert estimate_max_tokens("東京" * 100) == 300
    assert estimate_tokens("word " * 100) == 125


def test_schema_tools_and_images_are_input_too():
    plain = CompletionRequest((ChatMessage("user", "hi"),), 10)
    tools = CompletionRequest(
        (ChatMessage("user", "hi"),), 10, OutputSchema("s", DAY), parameters={"tools": [{"x": "y" * 100}]}
    )
    picture = ({"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 1_000_000}},)
    shown = CompletionRequest((ChatMessage("user", picture),), 10)
    assert estimate_max_input(tools) > estimate_max_input(plain) + 100
    assert 3000 <= estimate_max_input(shown) < 4000


def test_the_worst_case_is_the_dearest_of_each():
    asked = CompletionRequest((ChatMessage("user", ""),), 1000)
    assert estimate_max_cost(asked, [TokenPrice(10, 5000), TokenPrice(1000, 20)]) == 5000 + 8


@given(st.integers(), st.none() | st.text())
def test_a_document_fits_its_schema(number: int, note: str | None):
    text = json.dumps({"day": {"n": number}, "note": note})
    assert matches_schema(text, DAY)
    assert not matches_schema(text[:-1], DAY)


def test_what_does_not_fit_is_seen():
    wrong = ['{"day": {"n": 1}}', '{"day": {"n": "1"}, "note": null}', '{"day": {}, "note": null}', "[]", "null"]
    wrong += ['{"day": {"n": true}, "note": null}', '{"day": {"n": 1}, "note": null, "more": 1}', "[" * 5000]
    assert not any(matches_schema(one, DAY) for one in wrong)
    assert not matches_schema('{"a": 1}', {"$ref": "#"}), "a schema of itself alone ends too"
    assert matches_schema('"a"', {"enum": ["a", "b"]})
    assert not matches_schema('"c"', {"enum": ["a", "b"]})
