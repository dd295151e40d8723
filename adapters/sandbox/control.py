"""The sandbox seen and steered by people and tests, under /_/. Lists are JSON arrays, or HTML in a browser."""

from importlib.resources import files
from random import Random
from typing import Any

import jinja2
from aiohttp import web

from adapters.sandbox import faults
from adapters.sandbox.callbacks import Deliverer
from adapters.sandbox.world import World

_CSP = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-src 'self'; img-src data:"


def setup(app: web.Application, world: World, deliverer: Deliverer) -> None:
    control = Control(world, deliverer)
    app.router.add_get("/_/", control.home)
    app.router.add_get("/_/health", control.health)
    app.router.add_get("/_/mailbox", control.mailbox)
    app.router.add_get("/_/mailbox/{id}", control.mail)
    app.router.add_get("/_/messages", control.messages)
    app.router.add_get("/_/calls", control.calls)
    app.router.add_get("/_/faults", control.faults)
    app.router.add_post("/_/faults", control.add_fault)
    app.router.add_delete("/_/faults", control.clear_faults)
    app.router.add_post("/_/faults/clear", control.clear_faults)
    app.router.add_get("/_/callbacks", control.callbacks)
    app.router.add_post("/_/callbacks/{verb:hold|release|drop|keep}", control.steer)
    app.router.add_post("/_/callbacks/{n}/resend", control.resend)
    app.router.add_post("/_/reset", control.reset)


class Control:
    def __init__(self, world: World, deliverer: Deliverer) -> None:
        self._world = world
        self._deliverer = deliverer
        self._jinja = jinja2.Environment(
            loader=jinja2.FileSystemLoader(str(files("adapters.sandbox").joinpath("pages"))),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
        )

    async def health(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "ok", "sandbox": True})

    async def home(self, request: web.Request) -> web.Response:
        lists = {
            "mailbox": self._world.mailbox[::-1][:20],
            "messages": self._world.messages[::-1][:20],
            "calls": self._world.calls[::-1][:40],
            "callbacks": [one.as_json() for one in self._deliverer.deliveries[::-1][:40]],
            "faults": self._world.faults,
        }
        return self._page("home.html", lists=lists, providers=faults.PROVIDERS, kinds=faults.KINDS)

    async def mailbox(self, request: web.Request) -> web.Response:
        return self._list(request, "Mailbox", self._world.mailbox)

    async def messages(self, request: web.Request) -> web.Response:
        return self._list(request, "Messages", self._world.messages)

    async def calls(self, request: web.Request) -> web.Response:
        wanted = request.query.get("provider")
        found = [one for one in self._world.calls if wanted in {None, one["provider"]}]
        return self._list(request, "Calls", found)

    async def faults(self, request: web.Request) -> web.Response:
        return self._list(request, "Faults", self._world.faults)

    async def callbacks(self, request: web.Request) -> web.Response:
        return self._list(request, "Callbacks", [one.as_json() for one in self._deliverer.deliveries])

    async def mail(self, request: web.Request) -> web.Response:
        """One mail as its reader sees it, or as JSON."""
        found = next((one for one in self._world.mailbox if one["id"] == request.match_info["id"]), None)
        if found is None:
            raise web.HTTPNotFound
        if "raw" in request.query:
            headers = {
                "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"
            }
            return web.Response(text=found["html"] or "", content_type="text/html", headers=headers)
        return self._page("mail.html", mail=found) if _browser(request) else web.json_response(found)

    async def add_fault(self, request: web.Request) -> web.Response:
        try:
            fault = faults.parse(await _input(request))
        except ValueError as error:
            field = str(error).split(maxsplit=1)[0]
            return web.json_response({"error": str(error), "field": field}, status=422)
        self._world.faults.append(fault)
        return self._done(request, fault, status=201)

    async def clear_faults(self, request: web.Request) -> web.Response:
        self._world.faults.clear()
        return self._done(request, {"cleared": True})

    async def steer(self, request: web.Request) -> web.Response:
        """hold: webhooks wait. release: they go (`backwards`: the latest first). drop: they are lost. keep: no longer."""
        given = await _input(request)
        provider = given.get("provider")
        names = {provider} if provider else set(faults.PROVIDERS)
        match request.match_info["verb"]:
            case "hold":
                self._deliverer.holding |= names
            case "drop":
                self._deliverer.dropping |= names
            case "keep":
                self._deliverer.dropping -= names
            case _:
                sent = self._deliverer.release(provider, backwards=bool(given.get("backwards")))
                return self._done(request, {"released": sent})
        return self._done(request, {"providers": sorted(names)})

    async def resend(self, request: web.Request) -> web.Response:
        number = request.match_info["n"]
        if not number.isdigit() or not self._deliverer.again(int(number)):
            raise web.HTTPNotFound
        return self._done(request, {"resent": int(number)})

    async def reset(self, request: web.Request) -> web.Response:
        """As on the first day."""
        world = self._world
        self._deliverer.forget()
        for one in (world.calls, world.faults, world.mailbox, world.messages, world.providers):
            one.clear()
        world.random = Random(world.config.seed)
        return self._done(request, {"reset": True})

    def _list(self, request: web.Request, title: str, rows: list[dict[str, Any]]) -> web.Response:
        if not _browser(request):
            return web.json_response(rows)
        return self._page("list.html", title=title, rows=rows[::-1][:300])

    def _page(self, name: str, **facts: Any) -> web.Response:
        text = self._jinja.get_template(name).render(facts)
        return web.Response(text=text, content_type="text/html", headers={"Content-Security-Policy": _CSP})

    def _done(self, request: web.Request, body: dict[str, Any], status: int = 200) -> web.Response:
        """JSON for a program; a browser that pressed a button goes back to the page."""
        if _browser(request):
            raise web.HTTPSeeOther("/_/")
        return web.json_response(body, status=status)


def _browser(request: web.Request) -> bool:
    return "text/html" in request.headers.get("Accept", "")


async def _input(request: web.Request) -> dict[str, Any]:
    """A JSON object, or the fields of a form with their numbers as numbers."""
    if request.content_type == "application/json":
        try:
            found = await request.json()
        except ValueError as error:
            raise web.HTTPBadRequest(text="not JSON") from error
        return found if isinstance(found, dict) else {"provider": None}
    form = await request.post()
    return {name: _number(str(value)) for name, value in form.items() if value != ""}


def _number(text: str) -> Any:
    try:
        return float(text) if "." in text else int(text)
    except ValueError:
        return text
