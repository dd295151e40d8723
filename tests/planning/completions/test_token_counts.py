"""Tokens from above and near, and whether a document fits."""

import json

from hypothesis import given
from hypothesis import strategies as st

from hub.planning.completions import Message, Price, Question, Schema
from hub.planning.completions.schema_check import fits
from hub.planning.completions.token_counts import about, at_most, input_at_most, spent_on, worst

DAY = {
    "type": "object",
    "properties": {"day": {"$ref": "#/$defs/Day"}, "note": {"anyOf": [{"type": "string"}, {"type": "null"}]}},
    "required": ["day", "note"],
    "additionalProperties": False,
    "$defs": {"Day": {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}},
}


@given(st.text())
def test_what_is_reserved_is_never_less_than_what_is_estimated(text: str):
    asked = Question((Message("user", text),), 10)
    assert spent_on(asked, "").input_tokens <= input_at_most(asked)
    assert about(text) <= at_most(text) + 1


def test_every_kind_of_writing_is_counted_from_above():
    assert at_most("word " * 100) == 250
    assert at_most("東京" * 100) == 300
    assert about("word " * 100) == 125


def test_schema_tools_and_images_are_input_too():
    plain = Question((Message("user", "hi"),), 10)
    tools = Question((Message("user", "hi"),), 10, Schema("s", DAY), parameters={"tools": [{"x": "y" * 100}]})
    picture = ({"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 1_000_000}},)
    shown = Question((Message("user", picture),), 10)
    assert input_at_most(tools) > input_at_most(plain) + 100
    assert 3000 <= input_at_most(shown) < 4000


def test_the_worst_case_is_the_dearest_of_each():
    asked = Question((Message("user", ""),), 1000)
    assert worst(asked, [Price(10, 5000), Price(1000, 20)]) == 5000 + 8


@given(st.integers(), st.none() | st.text())
def test_a_document_fits_its_schema(number: int, note: str | None):
    text = json.dumps({"day": {"n": number}, "note": note})
    assert fits(text, DAY)
    assert not fits(text[:-1], DAY)


def test_what_does_not_fit_is_seen():
    wrong = ['{"day": {"n": 1}}', '{"day": {"n": "1"}, "note": null}', '{"day": {}, "note": null}', "[]", "null"]
    wrong += ['{"day": {"n": true}, "note": null}', '{"day": {"n": 1}, "note": null, "more": 1}', "[" * 5000]
    assert not any(fits(one, DAY) for one in wrong)
    assert not fits('{"a": 1}', {"$ref": "#"}), "a schema of itself alone ends too"
    assert fits('"a"', {"enum": ["a", "b"]})
    assert not fits('"c"', {"enum": ["a", "b"]})
