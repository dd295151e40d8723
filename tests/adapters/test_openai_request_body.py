"""A question in the words of either wire; each body is also one that the SDK's own types know."""

from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from openai.types.chat import completion_create_params as chat_params
from openai.types.responses import response_create_params as responses_params
from pydantic import TypeAdapter

from adapters.openai.request_body import build_chat_body, build_responses_body, choose_wire, is_openai
from hub.planning.completions.model import ChatMessage, CompletionRequest, Route, TokenPrice
from tests.adapters.openai_models import HELLO, PERSON

OPENAI = Route("gpt", "https://api.openai.com/v1", "sk", "responses", TokenPrice(1, 1))
OTHER = replace(OPENAI, base_url="http://localhost:11434/v1", wire="chat")
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
SEEN = ChatMessage("user", ({"type": "text", "text": "What is this?"}, IMAGE))


@cache
def known(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def chat(question: CompletionRequest, route: Route = OTHER, **more: Any) -> dict[str, Any]:
    body = build_chat_body(route, question, **{"stream": True, "limit": "max_tokens"} | more)
    known(chat_params.CompletionCreateParamsStreaming).validate_python(
        body if body["stream"] else body | {"stream": True}
    )
    return body


def responses(question: CompletionRequest, **more: Any) -> dict[str, Any]:
    body = build_responses_body(OPENAI, question, **{"stream": True} | more)
    known(responses_params.ResponseCreateParamsStreaming).validate_python(body)
    return body


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://api.openai.com/v1", True),
        ("https://eu.api.openai.com/v1/", True),
        ("https://mine.openai.azure.com/openai/v1", True),
        ("https://api.openai.com.example.com/v1", False),
        ("https://notapi.openai.com.evil/v1", False),
        ("http://localhost:11434/v1", False),
        ("nowhere", False),
    ],
)
def test_openai_is_known_by_its_host(url: str, found: bool):
    assert is_openai(url) is found


def test_a_question_over_chat():
    assert chat(HELLO) == {
        "model": "gpt",
        "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": HELLO.messages[1].content}],
        "max_tokens": 400,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_a_question_over_responses():
    assert responses(HELLO) == {
        "model": "gpt",
        "instructions": "Be kind.",
        "input": [{"role": "user", "content": HELLO.messages[1].content}],
        "max_output_tokens": 400,
        "store": False,
        "stream": True,
    }


def test_a_schema_is_strict_on_both():
    wanted = {"name": "person", "schema": PERSON.document, "strict": True}
    question = replace(HELLO, schema=PERSON, parameters={"response_format": {"type": "text"}, "verbosity": "low"})
    assert chat(question)["response_format"] == {"type": "json_schema", "json_schema": wanted}
    question = replace(question, parameters={"verbosity": "low"})
    assert responses(question)["text"] == {"verbosity": "low", "format": {"type": "json_schema", **wanted}}


def test_parameters_are_passed_on_and_ours_are_kept():
    given = {"temperature": 0.5, "stop": ["."], "stream": False, "model": "dearer", "max_tokens": 10**6, "store": True}
    body = chat(replace(HELLO, parameters=given | {"stream_options": {"include_usage": False, "x": 1}}))
    assert (body["temperature"], body["stop"], body["model"], body["max_tokens"]) == (0.5, ["."], "gpt", 400)
    assert (body["stream_options"], body["stream"], "store" in body) == ({"x": 1, "include_usage": True}, True, False)
    assert "stream_options" not in chat(HELLO, stream=False)


def test_a_response_takes_what_it_has_a_name_for():
    body = responses(replace(HELLO, parameters={"temperature": 0.5, "reasoning_effort": "low", "max_tokens": 10**6}))
    assert (body["temperature"], body["reasoning"]) == (0.5, {"effort": "low"})
    assert "max_tokens" not in body


@pytest.mark.parametrize(
    ("question", "wire"),
    [
        (HELLO, "responses"),
        (replace(HELLO, wire="chat"), "chat"),
        (replace(HELLO, parameters={"temperature": 1, "reasoning_effort": "low"}), "responses"),
        (replace(HELLO, parameters={"stop": ["."]}), "chat"),
        (replace(HELLO, parameters={"tools": []}), "chat"),
        (replace(HELLO, max_output_tokens=15), "chat"),
        (replace(HELLO, messages=(SEEN,)), "responses"),
        (replace(HELLO, messages=(ChatMessage("user", ({"type": "input_audio"},)),)), "chat"),
        (replace(HELLO, messages=(ChatMessage("tool", "4", {"tool_call_id": "c"}),)), "chat"),
        (replace(HELLO, messages=(ChatMessage("assistant", None, {"tool_calls": []}),)), "chat"),
    ],
)
def test_what_only_chat_can_say_is_said_there(question: CompletionRequest, wire: str):
    assert choose_wire(OPENAI, question) == wire
    assert choose_wire(OTHER, question) == "chat"


def test_a_question_names_its_wire():
    assert choose_wire(OTHER, replace(HELLO, wire="responses")) == "responses"


def test_other_servers_do_not_know_developers():
    question = replace(HELLO, messages=(ChatMessage("developer", "Be kind."), *HELLO.messages[1:]))
    assert chat(question)["messages"][0]["role"] == "system"
    assert chat(question, OPENAI)["messages"][0]["role"] == "developer"


def test_images_and_earlier_answers():
    said = ChatMessage("assistant", ({"type": "text", "text": "A tower."},))
    question = replace(HELLO, messages=(SEEN, said, ChatMessage("user", "Where?")))
    assert chat(question)["messages"][0]["content"][1] == IMAGE
    shown, earlier, _ = responses(question)["input"]
    assert shown["content"] == [
        {"type": "input_text", "text": "What is this?"},
        {"type": "input_image", "image_url": IMAGE["image_url"]["url"], "detail": "auto"},
    ]
    assert earlier == {"role": "assistant", "content": "A tower."}


def test_rules_alone_are_a_question_too():
    body = responses(replace(HELLO, messages=(ChatMessage("system", "One."), ChatMessage("system", "Two."))))
    assert (body["instructions"], body["input"]) == ("One.", [{"role": "system", "content": "Two."}])


def test_calls_and_their_results_keep_their_ids():
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    messages = (ChatMessage("assistant", None, {"tool_calls": [call]}), ChatMessage("tool", "4", {"tool_call_id": "c"}))
    assert chat(replace(HELLO, messages=messages))["messages"] == [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "content": "4", "tool_call_id": "c"},
    ]
