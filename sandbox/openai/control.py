"""What the sandbox adds to OpenAI at /_/openai/: faults by model, the calls with their bills, and the pace."""

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from sandbox.control_input import InvalidControlInput, is_number_between, is_whole_number, read_input
from sandbox.faults import MAX_SECONDS
from sandbox.openai.model_faults import FAULT_DEFAULTS
from sandbox.openai.state import OpenAIAccount, Record, get_openai_account
from sandbox.state import SandboxState

ControlAction = Callable[[OpenAIAccount, Record], Record]


def setup(app: web.Application, world: SandboxState) -> None:
    app.router.add_get("/_/openai/calls", _look(world, lambda it: it.calls))
    app.router.add_get("/_/openai/faults", _look(world, lambda it: it.fault_rules))
    app.router.add_post("/_/openai/fault", _act(world, _add, status=201))
    app.router.add_post("/_/openai/clear", _act(world, _clear))
    app.router.add_post("/_/openai/pace", _act(world, _pace))


def _look(
    world: SandboxState, seen: Callable[[OpenAIAccount], Any]
) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def look(_: web.Request) -> web.Response:
        return web.json_response(seen(get_openai_account(world)))

    return look


def _act(
    world: SandboxState, act: ControlAction, status: int = 200
) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        try:
            return web.json_response(act(get_openai_account(world), await read_input(request)), status=status)
        except InvalidControlInput as error:
            return error.to_response()

    return handle


def _known(wish: Record, *names: str) -> None:
    for name in wish:
        if name not in names:
            raise InvalidControlInput(name, f"is not one of {', '.join(names)}")


def _add(account: OpenAIAccount, wish: Record) -> Record:
    """`{"model", "fault", "times", "after_chunks", "seconds"}`: `model` with or without its key, or `*` for all.

    The first rule that fits a call strikes, `times` times (null: until cleared; error-once: once).
    """
    _known(wish, "model", "fault", "times", "after_chunks", "seconds")
    model, fault = wish.get("model"), wish.get("fault")
    if not isinstance(model, str) or not model:
        raise InvalidControlInput("model", "must be the name of a model, or *")
    if fault not in FAULT_DEFAULTS:
        raise InvalidControlInput("fault", f"must be one of {', '.join(FAULT_DEFAULTS)}")
    usual: Record = {"times": 1 if fault == "error-once" else None, "after_chunks": 0, "seconds": None}
    usual |= FAULT_DEFAULTS[str(fault)]
    account.last_number += 1
    rule: Record = {"n": account.last_number, "model": model, "fault": fault, "used": 0} | usual
    rule |= {name: wish[name] for name in usual if wish.get(name) is not None}
    if rule["times"] is not None and not is_whole_number(rule["times"], 1):
        raise InvalidControlInput("times", "must be a whole number above 0")
    if not is_whole_number(rule["after_chunks"]):
        raise InvalidControlInput("after_chunks", "must be a whole number from 0")
    if rule["seconds"] is not None and not is_number_between(rule["seconds"], 0, MAX_SECONDS):
        raise InvalidControlInput("seconds", f"must be from 0 to {MAX_SECONDS:g}")
    account.fault_rules.append(rule)
    return rule


def _clear(account: OpenAIAccount, wish: Record) -> Record:
    """Ends all faults by control call and forgets what models remember; with `{"calls": true}` the calls too."""
    _known(wish, "calls")
    account.fault_rules.clear()
    account.marks.clear()
    if wish.get("calls") is True:
        account.calls.clear()
    return {"cleared": True}


def _pace(account: OpenAIAccount, wish: Record) -> Record:
    """`{"delay_ms", "piece_tokens"}`: the wait before each piece of text, and its size."""
    _known(wish, "delay_ms", "piece_tokens")
    delay, size = wish.get("delay_ms", account.delay_ms), wish.get("piece_tokens", account.piece_tokens)
    if not is_number_between(delay, 0, MAX_SECONDS * 1000):
        raise InvalidControlInput("delay_ms", f"must be from 0 to {MAX_SECONDS * 1000:g}")
    if not is_whole_number(size, 1):
        raise InvalidControlInput("piece_tokens", "must be a whole number above 0")
    account.delay_ms, account.piece_tokens = delay, size
    return {"delay_ms": delay, "piece_tokens": size}
