"""The page on which the buyer approves an order. It works from curl too."""

from importlib.resources import files
from typing import Any
from urllib.parse import urlencode, urlsplit

import jinja2
from aiohttp import web

from sandbox.paypal import orders
from sandbox.paypal.errors import PayPalApiError
from sandbox.paypal.state import Object, PayPalAccount, get_paypal_account
from sandbox.state import SandboxState

_CSP = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"
"""No form-action: the forms' redirects lead to the hub's own pages."""
_OPEN = ("CREATED", "PAYER_ACTION_REQUIRED", "APPROVED")
_FUNDINGS = {"approve": "good", "decline": "declined"}


class PageHandlers:
    def __init__(self, world: SandboxState) -> None:
        self._world = world
        folder = files("sandbox.paypal").joinpath("pages")
        self._jinja = jinja2.Environment(
            loader=jinja2.FileSystemLoader(str(folder)), autoescape=True, undefined=jinja2.StrictUndefined
        )

    async def show_approval(self, request: web.Request) -> web.Response:
        return self._page(self._order(request))

    async def handle_approval(self, request: web.Request) -> web.Response:
        """`outcome=approve`, `decline` (approved with a card that the bank will refuse) or `cancel`."""
        order, outcome = self._order(request), (await request.post()).get("outcome")
        if outcome not in {*_FUNDINGS, "cancel"}:
            raise web.HTTPUnprocessableEntity(text="outcome must be approve, decline or cancel\n")
        context = self._account.contexts[order["id"]]
        if outcome == "cancel":
            return self._back(context.get("cancel_url"), order, {"token": order["id"]})
        if order["status"] in _OPEN:
            orders.approve_order(self._account, order, _FUNDINGS[str(outcome)])
        payer = order.get("payer", {}).get("payer_id", "")
        return self._back(context.get("return_url"), order, {"token": order["id"], "PayerID": payer})

    @property
    def _account(self) -> PayPalAccount:
        return get_paypal_account(self._world)

    def _order(self, request: web.Request) -> Object:
        try:
            return self._account.find_object("order", request.query.get("token", ""))
        except PayPalApiError:
            raise web.HTTPNotFound(text="No such order.\n") from None

    def _back(self, url: Any, order: Object, query: dict[str, str]) -> web.Response:
        if not url:
            return self._page(order)
        parts = urlsplit(url)
        there = parts._replace(query="&".join(filter(None, (parts.query, urlencode(query))))).geturl()
        return web.Response(status=303, headers={"Location": there, "Cache-Control": "no-store"})

    def _page(self, order: Object) -> web.Response:
        brand = self._account.contexts[order["id"]].get("brand_name", "the merchant")
        template = self._jinja.get_template("checkout.html")
        text = template.render(order=order, brand=brand, waiting=order["status"] in _OPEN)
        headers = {"Content-Security-Policy": _CSP, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
        return web.Response(text=text, content_type="text/html", headers=headers)
