"""OpenAI: responses and chat completions, whole and streamed, by models that plan journeys or have bad days."""

from typing import Any

from aiohttp import web

from sandbox.openai import chat, control, responses
from sandbox.openai.asks import Message
from sandbox.openai.models import all_models, one_model
from sandbox.openai.state import Account
from sandbox.openai.wire import Call, Endpoint, handler, unknown
from sandbox.world import Emulator, World


async def _models(_: Call) -> dict[str, Any]:
    return {"object": "list", "data": all_models()}


async def _model(call: Call) -> dict[str, Any]:
    return one_model(call.account, call.id)


async def _unknown(call: Call) -> dict[str, Any]:
    raise unknown(call)


_ENDPOINTS: tuple[tuple[str, str, Endpoint], ...] = (
    ("POST", "responses", responses.create),
    ("GET", "responses/{id}", responses.show),
    ("DELETE", "responses/{id}", responses.delete),
    ("POST", "responses/{id}/cancel", responses.cancel),
    ("POST", "chat/completions", chat.create),
    ("GET", "models", _models),
    ("GET", "models/{id}", _model),
)


def setup(app: web.Application, world: World) -> None:
    """Adds the API under /openai/v1/ and the controls under /_/openai/."""
    world.register(Emulator("openai", Account, (Message,)))
    for method, path, endpoint in _ENDPOINTS:
        app.router.add_route(method, f"/openai/v1/{path}", handler(world, endpoint))
    app.router.add_route("*", "/openai/v1/{path:.*}", handler(world, _unknown))
    control.setup(app, world)
