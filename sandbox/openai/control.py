"""What the sandbox adds to OpenAI at /_/openai/: faults by model, the calls with their bills, and the pace."""

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from sandbox.faults import LONGEST
from sandbox.openai.state import Account, Record, account_of
from sandbox.openai.troubles import DEFAULTS
from sandbox.wire import Wrong, number, read_input, whole
from sandbox.world import World

Act = Callable[[Account, Record], Record]


def setup(app: web.Application, world: World) -> None:
    app.router.add_get("/_/openai/calls", _look(world, lambda it: it.calls))
    app.router.add_get("/_/openai/faults", _look(world, lambda it: it.rules))
    app.router.add_post("/_/openai/fault", _act(world, _add, status=201))
    app.router.add_post("/_/openai/clear", _act(world, _clear))
    app.router.add_post("/_/openai/pace", _act(world, _pace))


def _look(world: World, seen: Callable[[Account], Any]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def look(_: web.Request) -> web.Response:
        return web.json_response(seen(account_of(world)))

    return look


def _act(world: World, act: Act, status: int = 200) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        try:
            return web.json_response(act(account_of(world), await read_input(request)), status=status)
        except Wrong as error:
            return error.answer()

    return handle


def _known(wish: Record, *names: str) -> None:
    for name in wish:
        if name not in names:
            raise Wrong(name, f"is not one of {', '.join(names)}")


def _add(account: Account, wish: Record) -> Record:
    """`{"model", "fault", "times", "after_chunks", "seconds"}`: `model` with or without its key, or `*` for all.

    The first rule that fits a call strikes, `times` times (null: until cleared; error-once: once).
    """
    _known(wish, "model", "fault", "times", "after_chunks", "seconds")
    model, fault = wish.get("model"), wish.get("fault")
    if not isinstance(model, str) or not model:
        raise Wrong("model", "must be the name of a model, or *")
    if fault not in DEFAULTS:
        raise Wrong("fault", f"must be one of {', '.join(DEFAULTS)}")
    usual: Record = {"times": 1 if fault == "error-once" else None, "after_chunks": 0, "seconds": None}
    usual |= DEFAULTS[str(fault)]
    account.numbered += 1
    rule: Record = {"n": account.numbered, "model": model, "fault": fault, "used": 0} | usual
    rule |= {name: wish[name] for name in usual if wish.get(name) is not None}
    if rule["times"] is not None and not whole(rule["times"], 1):
        raise Wrong("times", "must be a whole number above 0")
    if not whole(rule["after_chunks"]):
        raise Wrong("after_chunks", "must be a whole number from 0")
    if rule["seconds"] is not None and not number(rule["seconds"], 0, LONGEST):
        raise Wrong("seconds", f"must be from 0 to {LONGEST:g}")
    account.rules.append(rule)
    return rule


def _clear(account: Account, wish: Record) -> Record:
    """Ends all faults by control call and forgets what models remember; with `{"calls": true}` the calls too."""
    _known(wish, "calls")
    account.rules.clear()
    account.marks.clear()
    if wish.get("calls") is True:
        account.calls.clear()
    return {"cleared": True}


def _pace(account: Account, wish: Record) -> Record:
    """`{"delay_ms", "piece_tokens"}`: the wait before each piece of text, and its size."""
    _known(wish, "delay_ms", "piece_tokens")
    delay, size = wish.get("delay_ms", account.delay_ms), wish.get("piece_tokens", account.piece_tokens)
    if not number(delay, 0, LONGEST * 1000):
        raise Wrong("delay_ms", f"must be from 0 to {LONGEST * 1000:g}")
    if not whole(size, 1):
        raise Wrong("piece_tokens", "must be a whole number above 0")
    account.delay_ms, account.piece_tokens = delay, size
    return {"delay_ms": delay, "piece_tokens": size}
