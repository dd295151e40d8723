"""OpenAI: responses and chat completions, whole and streamed, by models that plan journeys or have bad days."""

from typing import Any

from aiohttp import web

from sandbox.openai import chat, control, responses
from sandbox.openai.model_request import Message
from sandbox.openai.models import list_models, show_model
from sandbox.openai.state import OpenAIAccount
from sandbox.openai.wire import Endpoint, OpenAICall, api_handler, make_unknown_url
from sandbox.state import Emulator, SandboxState


async def _models(_: OpenAICall) -> dict[str, Any]:
    return {"object": "list", "data": list_models()}


async def _model(call: OpenAICall) -> dict[str, Any]:
    return show_model(call.account, call.id)


async def _unknown(call: OpenAICall) -> dict[str, Any]:
    raise make_unknown_url(call)


_ENDPOINTS: tuple[tuple[str, str, Endpoint], ...] = (
    ("POST", "responses", responses.create_response),
    ("GET", "responses/{id}", responses.show_response),
    ("DELETE", "responses/{id}", responses.delete_response),
    ("POST", "responses/{id}/cancel", responses.cancel_response),
    ("POST", "chat/completions", chat.create_completion),
    ("GET", "models", _models),
    ("GET", "models/{id}", _model),
)


def setup(app: web.Application, world: SandboxState) -> None:
    """Adds the API under /openai/v1/ and the controls under /_/openai/."""
    world.register_emulator(Emulator("openai", OpenAIAccount, (Message,)))
    for method, path, endpoint in _ENDPOINTS:
        app.router.add_route(method, f"/openai/v1/{path}", api_handler(world, endpoint))
    app.router.add_route("*", "/openai/v1/{path:.*}", api_handler(world, _unknown))
    control.setup(app, world)
