"""Language models on OpenAI's wire: who may ask, what is refused and how, what it costs."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import openai
import pytest
import pytest_asyncio
from pydantic import SecretStr, TypeAdapter

from hub.people.identity.permissions import Role
from hub.settings import OpenAISettings
from routes.openai import completions as routes
from routes.openai.completion_schemas import ChatCompletion, ChatEvent, ModelList, OpenAIError
from tests.planning.completions.world import KEY, Desk, attempts, sdk, told
from tests.support.database import fresh
from tests.support.logs import logging_to_memory
from tests.support.running import Running, hub_running, settings_for, until

pytestmark = pytest.mark.asyncio(loop_scope="module")

PASSWORD = "correct horse battery"
CHAT = "/api/ai/chat/completions"
HELLO = {"messages": [{"role": "user", "content": "Where to?"}]}
PLACE = {
    "type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city", "days"], "additionalProperties": False,
}  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(pg: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    directory = Path(tmp_path_factory.mktemp("chat"))
    async with fresh(pg, template) as dsn:
        settings = settings_for(dsn, directory, service_keys=(SecretStr(KEY), SecretStr("k" * 40)))
        async with hub_running(settings) as hub, sdk(hub.url) as client:
            yield Desk(hub, client)


async def staff(hub: Running, *roles: Role) -> str:
    email = f"{'-'.join(roles)}.{len(roles)}@example.com"
    await hub.made.identity.staff.members.add_member(email, "Somebody", roles, PASSWORD)
    body = {"email": email, "password": PASSWORD}
    return str((await replace(hub, token="").good("POST", "/api/v1/auth/login", body))["token"])


def with_key(desk: Desk, token: str = KEY) -> Running:
    return replace(desk.hub, token=token)


# Who.


async def test_staff_ask_with_their_token_and_have_a_budget_of_their_own(desk: Desk):
    async with sdk(desk.hub.url, await staff(desk.hub, Role.STAFF)) as client:
        found = await replace(desk, client=client).ask("default")
    assert found.model == "gpt-sandbox"
    assert (await desk.spending())[-1]["user_id"] is not None


async def test_a_service_key_opens_the_models_and_nothing_else(desk: Desk):
    assert (await with_key(desk, "k" * 40).call("POST", CHAT, HELLO))[0] == 200
    for path in ("/api/v1/customers", "/api/v1/me", "/api/user/profile", "/api/admin/ai/usage"):
        assert (await with_key(desk).call("GET", path))[0] == 401, path
    assert (await desk.spending())[-1]["user_id"] is None


@pytest.mark.parametrize("token", ["", "k" * 39, KEY[:-1], KEY + "x", "ä" * 40])
async def test_who_is_unknown_is_told_in_openais_words(desk: Desk, token: str):
    hub = with_key(desk, token)
    status, found = await hub.call("POST", CHAT, HELLO)
    assert (status, found["error"]["code"], found["error"]["type"]) == (
        401, "invalid_api_key", "invalid_request_error",
    )  # fmt: skip
    assert hub.headers["WWW-Authenticate"].startswith("Bearer")


async def test_a_traveller_may_not(desk: Desk):
    hub = replace(desk.hub)
    await hub.register()
    status, found = await hub.call("POST", CHAT, HELLO)
    assert (status, found["error"]["code"]) == (403, "forbidden")


async def test_the_sdk_sees_its_own_kinds_of_errors(desk: Desk):
    async with sdk(desk.hub.url, "k" * 32) as client:
        with pytest.raises(openai.AuthenticationError):
            await replace(desk, client=client).ask("default")
    with pytest.raises(openai.BadRequestError) as caught:
        await desk.ask("default", n=2)
    assert told(caught.value)["param"] == "n"


# What.


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
        ({**HELLO, "max_tokens": 0}, "max_tokens"),
        ({**HELLO, "max_completion_tokens": "many"}, "max_completion_tokens"),
        ({**HELLO, "temperature": 3}, "temperature"),
        ({**HELLO, "n": 2}, "n"),
        ({**HELLO, "stream": "yes"}, "stream"),
        ({**HELLO, "model": "a\nb"}, "model"),
        ({**HELLO, "fallbacks": ["x"] * 9}, "fallbacks"),
        ({**HELLO, "response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        ({}, "messages"),
    ],
)
async def test_what_is_wrong_is_400_with_its_place(desk: Desk, wrong: dict[str, Any], param: str):
    status, found = await with_key(desk).call("POST", CHAT, wrong)
    assert (status, found["error"]["type"]) == (400, "invalid_request_error")
    assert found["error"]["param"].startswith(param)


async def test_what_is_no_json_is_400_in_the_envelope_too(desk: Desk):
    send = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    async with desk.hub.session.post(desk.hub.url + CHAT, data=b"{", headers=send) as answer:
        assert (answer.status, (await answer.json())["error"]["code"]) == (400, "malformed_json")


async def test_what_the_hub_does_not_know_is_passed_on_and_refused_by_those_who_do(desk: Desk):
    await desk.ask("default", seed=7, user="me")
    sent = (await desk.calls())[-1]["request"]
    assert (sent["seed"], sent["user"]) == (7, "me")
    assert "fallbacks" not in sent
    with pytest.raises(openai.BadRequestError, match="gpt-sandbox refused:"):
        await desk.ask("default", extra_body={"warmth": 5})


async def test_text_is_passed_on_as_it_is(desk: Desk):
    text = "  two spaces before, a newline after\n" + "long " * 20_000
    await desk.ask("default", text=text)
    assert (await desk.calls())[-1]["request"]["messages"][0]["content"] == text


async def test_without_a_model_the_chain_answers_and_a_chain_of_ones_own_is_asked_in_its_order(desk: Desk):
    _, found = await with_key(desk).call("POST", CHAT, HELLO)
    assert found["model"] == "gpt-sandbox"
    mine = await desk.ask("fault-unavailable:mine", "default")
    assert mine.hub_attempts == ["fault-unavailable:mine failed", "gpt-sandbox answered"]


async def test_a_schema_binds_the_answer(desk: Desk):
    wanted = {"type": "json_schema", "json_schema": {"name": "place", "schema": PLACE, "strict": True}}
    found = await desk.ask("fault-truncates:schema", "default", response_format=wanted)
    assert found.hub_attempts == ["fault-truncates:schema truncated", "gpt-sandbox answered"]
    with pytest.raises(openai.APIStatusError) as caught:
        await desk.ask("fault-truncates:schema", response_format=wanted)
    assert told(caught.value)["code"] == "answer_truncated"


async def test_a_bound_on_the_answer_is_kept_and_told(desk: Desk):
    found = await desk.ask("default", max_tokens=5)
    assert (found.choices[0].finish_reason, found.usage.completion_tokens) == ("length", 5)


async def test_a_stream_is_openais_own(desk: Desk):
    found = await desk.stream("default", stream_options={"include_usage": True})
    first, *between, end, usage = found.chunks
    assert (first.choices[0].delta.role, first.choices[0].delta.content) == ("assistant", "")
    assert all(one.choices[0].finish_reason is None and one.usage is None for one in between)
    assert (end.choices[0].finish_reason, usage.choices) == ("stop", [])
    assert usage.usage.completion_tokens > 0
    assert len({one.id for one in found.chunks}) == 1


async def test_answers_are_all_that_the_document_says_and_no_more(desk: Desk):
    whole, models = await with_key(desk).good("POST", CHAT, HELLO), await with_key(desk).good("GET", "/api/ai/models")
    assert ChatCompletion.model_validate(whole).model_dump(exclude_unset=True) == whole
    assert ModelList.model_validate(models).model_dump() == models
    for model, more in (("default", {"stream_options": {"include_usage": True}}), ("fault-cut:typed", {})):
        body, send = {**HELLO, "model": model, "stream": True, **more}, {"Authorization": f"Bearer {KEY}"}
        async with desk.hub.session.post(desk.hub.url + CHAT, json=body, headers=send) as answer:
            lines = (await answer.text()).split("\n")
        for data in (json.loads(line[6:]) for line in lines if line.startswith("data: {")):
            event = TypeAdapter(ChatEvent).validate_python(data)
            assert event.model_dump(exclude_unset=True) == data
    assert isinstance(event, OpenAIError)


async def test_without_being_asked_for_there_is_no_usage_and_the_end_is_done(desk: Desk):
    send = {"Authorization": f"Bearer {KEY}"}
    async with desk.hub.session.post(desk.hub.url + CHAT, json={**HELLO, "stream": True}, headers=send) as answer:
        text = await answer.text()
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        assert attempts(answer.headers) == ["gpt-sandbox began"]
    assert text.endswith("data: [DONE]\n\n")
    assert '"usage"' not in text


async def test_the_models_that_are_set_up_are_listed(desk: Desk):
    found = [one.id async for one in await desk.client.models.list()]
    assert found == ["default", "gpt-sandbox", "gpt-sandbox-mini"]


async def test_one_model_is_shown_and_one_that_is_not_set_up_is_not_found(desk: Desk):
    shown = await desk.client.models.retrieve("gpt-sandbox")
    assert (shown.id, shown.owned_by) == ("gpt-sandbox", "travel-hub")
    with pytest.raises(openai.NotFoundError) as caught:
        await desk.client.models.retrieve("vendor/nothing")
    assert told(caught.value)["code"] == "model_not_found"


@pytest.mark.parametrize("stream", [False, True])
async def test_a_model_that_nobody_knows_is_not_found(desk: Desk, stream: bool):
    with pytest.raises(openai.NotFoundError) as caught:
        await desk.client.chat.completions.create(model="gpt-nothing", stream=stream, **HELLO)
    error = told(caught.value)
    assert (error["code"], error["type"]) == ("model_not_found", "invalid_request_error")
    assert "gpt-nothing" in error["message"]


async def test_a_question_that_the_provider_refuses_has_its_code_and_param(desk: Desk):
    with pytest.raises(openai.BadRequestError) as caught:
        await desk.client.chat.completions.create(model="gpt-sandbox", **HELLO, metadata={"x" * 65: "too long a name"})
    error = told(caught.value)
    assert (error["code"], error["param"]) == ("string_above_max_length", "metadata")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/ai/engines", 404, "unknown_url"),
        ("POST", "/api/ai/embeddings", 404, "unknown_url"),
        ("GET", "/api/ai/chat/completions", 405, "method_not_supported"),
    ],
)
async def test_an_unknown_address_is_told_in_openais_words(desk: Desk, method: str, path: str, status: int, code: str):
    hub = with_key(desk)
    answered, body = await hub.call(method, path)
    assert (answered, body["error"]["code"], body["error"]["type"]) == (status, code, "invalid_request_error")
    assert status != 405 or hub.headers["Allow"] == "POST"


async def test_a_client_that_leaves_is_no_failure_in_the_log(desk: Desk):
    with logging_to_memory() as lines:
        for model in ("gpt-sandbox", "fault-stall:left", "fault-slow-first-token:left"):
            send = {"Authorization": f"Bearer {KEY}"}
            body = {"model": model, "stream": True, **HELLO}
            answer = await desk.hub.session.post(f"{desk.hub.url}{CHAT}", json=body, headers=send)
            await answer.content.readany()
            answer.close()

        async def left() -> bool:
            return sum(line["event"] == "request.answered" for line in lines.events) == 3

        await until(left)
    assert [line for line in lines.events if line["level"] in {"error", "warning"}] == []


async def test_a_long_silence_has_signs_of_life_in_it(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(routes, "OPEN_STREAM_AFTER", 0.2)
    monkeypatch.setattr(routes, "HEARTBEAT_INTERVAL", 0.1)
    await desk.fault("gpt-sandbox", "slow-first-token", seconds=1.0, times=1)
    body, send = {**HELLO, "model": "gpt-sandbox", "stream": True}, {"Authorization": f"Bearer {KEY}"}
    async with desk.hub.session.post(desk.hub.url + CHAT, json=body, headers=send) as answer:
        text = await answer.text()
    assert text.startswith(": still here\n\n")
    assert text.endswith("data: [DONE]\n\n")


# Who leaves.


async def test_a_client_that_leaves_a_stream_is_hung_up_on_the_model_too_and_pays_for_what_it_has_seen(desk: Desk):
    model, messages = "fault-stall:left", [{"role": "user", "content": "Where to?"}]
    slow = await desk.client.chat.completions.create(model=model, messages=messages, stream=True)
    await anext(aiter(slow))
    await slow.close()
    row = await until(lambda: bill(desk, model), 3)
    assert (row["outcome"], row["estimated"]) == ("left", True)
    await until(lambda: hung_up(desk, model), 3)


async def test_a_client_that_leaves_before_the_first_word_is_noticed(desk: Desk):
    model = "fault-silent:left"
    asked = asyncio.create_task(desk.ask(model))
    await until(lambda: desk.calls(model))
    asked.cancel()
    await asyncio.gather(asked, return_exceptions=True)
    assert (await until(lambda: bill(desk, model), 3))["outcome"] == "left"
    await until(lambda: hung_up(desk, model), 3)


async def bill(desk: Desk, model: str) -> dict[str, Any] | None:
    return next((row for row in await desk.spending() if row["model"] == model and row["status"] == "settled"), None)


async def hung_up(desk: Desk, model: str) -> bool:
    return bool((await desk.calls(model))[-1]["client_left"])


# What it costs.


async def test_the_report_says_what_was_spent_by_whom_against_the_budgets(desk: Desk):
    await desk.ask("default")
    hub = replace(desk.hub, token=await staff(desk.hub, Role.ACCOUNTANT))
    found = await hub.good("GET", "/api/admin/ai/usage?group=model")
    (line,) = [one for one in found["lines"] if one["key"] == "gpt-sandbox"]
    assert line["cost"] > 0
    assert found["limits"] == {"user": 1_000_000, "plan": 500_000, "global": 50_000_000}
    assert found["today"] == {"spent": found["total"]["cost"], "reserved": 0}
    assert (await hub.good("GET", "/api/admin/ai/usage?from=2020-01-01&to=2020-02-01"))["lines"] == []
    assert (await hub.call("GET", "/api/admin/ai/usage?from=2020-02-02&to=2020-02-01"))[0] == 422


@pytest_asyncio.fixture(loop_scope="module")
async def poor(pg: str, template: str, tmp_path: Path) -> AsyncIterator[Desk]:
    """A hub with little money and little patience."""
    openai_settings = OpenAISettings(global_budget="0.02")
    async with fresh(pg, template) as dsn:
        more = {"service_keys": (SecretStr(KEY),), "openai": openai_settings, "rate_limit": 30}
        async with hub_running(settings_for(dsn, tmp_path, **more)) as hub, sdk(hub.url) as client:
            yield Desk(hub, client)


async def test_who_has_no_money_left_is_told_until_when_and_not_to_ask_again(poor: Desk):
    with pytest.raises(openai.RateLimitError) as caught:
        await poor.ask("default", max_tokens=100_000)
    found, headers = told(caught.value), caught.value.response.headers
    assert (found["code"], found["type"], headers["X-Should-Retry"]) == (
        "ai_budget_spent",
        "insufficient_quota",
        "false",
    )
    assert int(headers["Retry-After"]) > 0
    assert await poor.calls() == []


async def test_fifty_at_once_never_spend_more_than_there_is(poor: Desk):
    """Each may cost two fifths of the budget, and costs little: the rest is given back at once."""
    ends = await asyncio.gather(*(poor.ask("default", max_tokens=4000) for _ in range(25)), return_exceptions=True)
    refused = [one for one in ends if isinstance(one, openai.RateLimitError)]
    assert 0 < len(refused) < 25
    rows = await poor.spending()
    assert sum(row["cost"] for row in rows) <= 20_000
    assert len(rows) == 25 - len(refused)
    await until(lambda: _nothing(poor))


async def _nothing(desk: Desk) -> bool:
    return await desk.reserved() == 0


async def test_who_asks_too_often_is_told_so_in_the_envelope(poor: Desk):
    for _ in range(31):
        status, found = await with_key(poor).call("GET", "/api/ai/models")
    assert (status, found["error"]["type"], found["error"]["code"]) == (429, "requests", "rate_limited")


async def test_switched_off_there_is_nothing_to_ask(pg: str, template: str, tmp_path: Path):
    off = OpenAISettings(mode="off")
    async with fresh(pg, template) as dsn, hub_running(settings_for(dsn, tmp_path, openai=off)) as hub:
        assert hub.made.completions is None
        assert (await hub.call("POST", CHAT, HELLO))[0] == 404
