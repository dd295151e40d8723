"""The sandbox seen and steered by people and tests, under /_/. Lists are JSON arrays, or HTML in a browser."""

import re
from importlib.resources import files
from typing import Any

import jinja2
from aiohttp import web

from sandbox import faults
from sandbox.control_input import InvalidControlInput, prefers_page, read_input
from sandbox.state import SandboxState
from sandbox.webhook_delivery import WebhookDeliverer

_PAGE = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'self'; connect-src 'self'; img-src data:; "
    "form-action 'self'; frame-src 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_MAIL = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; "
    "img-src data: https:; frame-ancestors 'self'; form-action 'none'; base-uri 'none'"
)
_DOCTYPE = re.compile(r"\s*<!doctype[^>]*>", re.IGNORECASE)
_VERBS = ("hold", "release", "drop", "keep")
_SHOWN = 300
"""Rows of a list in a browser; programs get them all."""


def setup(app: web.Application, world: SandboxState, deliverer: WebhookDeliverer) -> None:
    control = ControlHandlers(world, deliverer)
    app.router.add_get("/_/", control.show_home)
    app.router.add_get("/_/lists", control.show_lists)
    app.router.add_get("/_/live.js", control.serve_script)
    app.router.add_get("/_/health", control.show_health)
    app.router.add_get("/_/mailbox", control.list_mails)
    app.router.add_get("/_/mailbox/{id}", control.show_mail)
    app.router.add_get("/_/messages", control.list_messages)
    app.router.add_get("/_/calls", control.list_calls)
    app.router.add_get("/_/faults", control.list_faults)
    app.router.add_post("/_/faults", control.add_fault)
    app.router.add_delete("/_/faults", control.clear_faults)
    app.router.add_post("/_/faults/clear", control.clear_faults)
    app.router.add_get("/_/callbacks", control.list_callbacks)
    app.router.add_post(f"/_/callbacks/{{verb:{'|'.join(_VERBS)}}}", control.control_callbacks)
    app.router.add_post("/_/callbacks/{n}/resend", control.resend_callback)
    app.router.add_post("/_/reset", control.reset_sandbox)


class ControlHandlers:
    def __init__(self, world: SandboxState, deliverer: WebhookDeliverer) -> None:
        self._world = world
        self._deliverer = deliverer
        self._pages = files("sandbox").joinpath("pages")
        self._jinja = jinja2.Environment(
            loader=jinja2.FileSystemLoader(str(self._pages)), autoescape=True, undefined=jinja2.StrictUndefined
        )

    async def show_health(self, request: web.Request) -> web.Response:
        """`callback_base` is the hub whose webhooks this sandbox delivers."""
        health = {"status": "ok", "sandbox": True, "callback_base": self._world.config.callback_base}
        return web.json_response(health)

    async def show_home(self, request: web.Request) -> web.Response:
        facts = {"providers": faults.PROVIDERS, "kinds": faults.KINDS, "methods": faults.METHODS}
        return self._page("home.html", lists=self._lists(), **facts)

    async def show_lists(self, request: web.Request) -> web.Response:
        """The part of the home page that changes."""
        return self._page("_lists.html", lists=self._lists())

    async def serve_script(self, request: web.Request) -> web.Response:
        text = self._pages.joinpath("live.js").read_text(encoding="utf-8")
        return web.Response(text=text, content_type="text/javascript")

    async def list_mails(self, request: web.Request) -> web.Response:
        return self._list(request, "Mailbox", self._world.mailbox)

    async def list_messages(self, request: web.Request) -> web.Response:
        return self._list(request, "Messages", self._world.messages)

    async def list_calls(self, request: web.Request) -> web.Response:
        wanted = request.query.get("provider")
        found = [one for one in self._world.calls if wanted in {None, one["provider"]}]
        return self._list(request, "Calls", found)

    async def list_faults(self, request: web.Request) -> web.Response:
        return self._list(request, "Faults", self._world.faults)

    async def list_callbacks(self, request: web.Request) -> web.Response:
        return self._list(request, "Webhooks", [one.to_json() for one in self._deliverer.list_deliveries()])

    async def show_mail(self, request: web.Request) -> web.Response:
        """One mail as its reader sees it, or as JSON; `?raw` is the HTML itself, which may run nothing.

        Its links open in a tab of their own, as from a mail program: pages that matter refuse to be framed.
        """
        found = next((one for one in self._world.mailbox if one["id"] == request.match_info["id"]), None)
        if found is None:
            raise web.HTTPNotFound
        if "raw" in request.query:
            headers = {"Content-Security-Policy": _MAIL, "Referrer-Policy": "no-referrer"}
            return web.Response(text=_elsewhere(found["html"] or ""), content_type="text/html", headers=headers)
        return self._page("mail.html", mail=found) if prefers_page(request) else web.json_response(found)

    async def add_fault(self, request: web.Request) -> web.Response:
        try:
            fault = faults.parse_fault(await read_input(request))
        except InvalidControlInput as error:
            return error.to_response()
        self._world.faults.append(fault)
        return self._done(request, fault, status=201)

    async def clear_faults(self, request: web.Request) -> web.Response:
        self._world.faults.clear()
        return self._done(request, {"cleared": True})

    async def control_callbacks(self, request: web.Request) -> web.Response:
        """`{"provider"}`, or all. hold: webhooks wait; release: they go, with `backwards` the latest first.

        drop: they are lost, but for those that are resent by hand; keep: no longer.
        """
        try:
            given = await read_input(request)
            names = _names(given)
        except InvalidControlInput as error:
            return error.to_response()
        match request.match_info["verb"]:
            case "hold":
                self._deliverer.held_providers |= names
            case "drop":
                self._deliverer.dropped_providers |= names
            case "keep":
                self._deliverer.dropped_providers -= names
            case _:
                sent = self._deliverer.release_held(given.get("provider"), backwards=bool(given.get("backwards")))
                return self._done(request, {"released": sent})
        return self._done(request, {"providers": sorted(names)})

    async def resend_callback(self, request: web.Request) -> web.Response:
        number = request.match_info["n"]
        if not (
            number.isascii() and number.isdigit() and len(number) < 10 and self._deliverer.resend_delivery(int(number))
        ):
            raise web.HTTPNotFound
        return self._done(request, {"resent": int(number)})

    async def reset_sandbox(self, request: web.Request) -> web.Response:
        """As on the first day, but for the ids: no id is ever given twice."""
        self._deliverer.forget_all()
        self._world.reset_state()
        return self._done(request, {"reset": True})

    def _lists(self) -> dict[str, Any]:
        world, deliverer = self._world, self._deliverer
        return {
            "mailbox": world.mailbox[:-21:-1],
            "messages": world.messages[:-21:-1],
            "calls": world.calls[:-41:-1],
            "callbacks": [one.to_json() for one in deliverer.list_deliveries()[:-41:-1]],
            "faults": world.faults,
            "holding": sorted(deliverer.held_providers),
            "dropping": sorted(deliverer.dropped_providers),
        }

    def _list(self, request: web.Request, title: str, rows: list[dict[str, Any]]) -> web.Response:
        if not prefers_page(request):
            return web.json_response(rows)
        return self._page("list.html", title=title, rows=rows[: -_SHOWN - 1 : -1])

    def _page(self, name: str, **facts: Any) -> web.Response:
        text = self._jinja.get_template(name).render(facts)
        headers = {"Content-Security-Policy": _PAGE, "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
        return web.Response(text=text, content_type="text/html", headers=headers)

    def _done(self, request: web.Request, body: dict[str, Any], status: int = 200) -> web.Response:
        """JSON for a program; a browser that pressed a button goes back to the page."""
        if prefers_page(request):
            raise web.HTTPSeeOther("/_/")
        return web.json_response(body, status=status)


def _names(given: dict[str, Any]) -> set[str]:
    provider = given.get("provider")
    if provider is None:
        return set(faults.PROVIDERS)
    if provider not in faults.PROVIDERS:
        raise InvalidControlInput("provider", f"must be one of {', '.join(faults.PROVIDERS)}")
    return {provider}


def _elsewhere(html: str) -> str:
    """Behind the doctype, if there is one: in front of it would be another kind of page."""
    doctype = _DOCTYPE.match(html)
    at = doctype.end() if doctype else 0
    return f'{html[:at]}<base target="_blank">{html[at:]}'
