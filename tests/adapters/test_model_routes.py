"""Where each model is reached, with whose key."""

import json

import pytest

from adapters import build_adapters
from adapters.transport import Transport
from hub.core.clock import SystemClock
from hub.planning.completions import Route
from hub.settings import Settings
from hub.supply.locations import Locations

ROUTES = {
    "big": {"input_price": 2.5},
    "near": {"base_url": "http://127.0.0.1:9/v1/"},
    "far": {"base_url": "https://models.example/v1", "api_key": "sk-theirs", "wire": "responses"},
}


async def routes(monkeypatch: pytest.MonkeyPatch, **env: str) -> dict[str, Route]:
    given = {"OPENAI_API_KEY": "sk-ours", "OPENAI_MODELS": "big,near,far", "OPENAI_ROUTES": json.dumps(ROUTES)}
    for name, value in (given | env).items():
        monkeypatch.setenv(name, value)
    async with Transport.open_with_session(clock=SystemClock(), chance=None) as transport:
        language = build_adapters(
            Settings.from_environment(_env_file=None), transport, SystemClock(), Locations()
        ).language_models
    assert language is not None
    return {one.model: one for one in language.catalog.resolve_routes(None)}


async def test_the_key_of_one_server_is_never_told_to_another(monkeypatch: pytest.MonkeyPatch):
    found = await routes(monkeypatch)
    assert {name: one.api_key for name, one in found.items()} == {"big": "sk-ours", "near": "none", "far": "sk-theirs"}


async def test_only_openai_itself_is_asked_on_the_responses_wire_unless_told(monkeypatch: pytest.MonkeyPatch):
    found = await routes(monkeypatch)
    assert {name: one.wire for name, one in found.items()} == {"big": "responses", "near": "chat", "far": "responses"}
    assert found["near"].base_url == "http://127.0.0.1:9/v1"


async def test_a_model_without_a_price_is_reckoned_dear(monkeypatch: pytest.MonkeyPatch):
    found = await routes(monkeypatch, OPENAI_INPUT_PRICE="15")
    assert (found["big"].price.input_per_1k, found["near"].price.input_per_1k) == (2500, 15000)


async def test_the_usual_models_have_their_prices_where_only_a_key_is_set(monkeypatch: pytest.MonkeyPatch):
    found = await routes(monkeypatch, OPENAI_MODELS="", OPENAI_ROUTES="")
    assert {name: one.price.output_per_1k for name, one in found.items()} == {"gpt-5-mini": 2000, "gpt-4.1-mini": 1600}
