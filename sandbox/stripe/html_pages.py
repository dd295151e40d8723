"""The pages that Stripe shows to people: the bank's question, the payment page, a receipt. All work from curl too."""

from importlib.resources import files
from typing import Any
from urllib.parse import urlencode, urlsplit

import jinja2
from aiohttp import web

from sandbox.state import SandboxState
from sandbox.stripe import checkout, confirmation, payment_links
from sandbox.stripe.cards import CARDS, IBANS
from sandbox.stripe.errors import StripeApiError
from sandbox.stripe.money import format_amount
from sandbox.stripe.state import Object, StripeAccount, get_stripe_account
from sandbox.stripe.wire import is_same_secret

_CSP = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors *; base-uri 'none'"
"""No form-action: the forms' redirects lead to the hub's own pages."""


class PageHandlers:
    def __init__(self, world: SandboxState) -> None:
        self._world = world
        self._folder = files("sandbox.stripe").joinpath("pages")
        self._jinja = jinja2.Environment(
            loader=jinja2.FileSystemLoader(str(self._folder)), autoescape=True, undefined=jinja2.StrictUndefined
        )
        self._jinja.filters["money"] = format_amount

    async def show_challenge(self, request: web.Request) -> web.Response:
        intent = self._intent(request, request.query.get("client_secret"))
        return self._page("challenge.html", intent=intent, waiting=intent["status"] == "requires_action")

    async def handle_challenge(self, request: web.Request) -> web.Response:
        """`outcome=complete` or `fail`; anything else asks again. Goes back to the return_url, if there is one."""
        form = await request.post()
        given = form.get("client_secret") or request.query.get("client_secret")
        intent = self._intent(request, str(given) if given else None)
        outcome = form.get("outcome")
        if outcome not in {"complete", "fail"}:
            raise web.HTTPUnprocessableEntity(text="outcome must be complete or fail\n")
        confirmation.answer_challenge(self._stripe, intent, passed=outcome == "complete")
        checkout.settle_session_of_intent(self._stripe, intent)
        if url := self._stripe.return_urls.get(intent["id"]):
            return _go(_with(url, _result(intent)))
        return self._page("challenge.html", intent=intent, waiting=False)

    async def show_checkout(self, request: web.Request) -> web.Response:
        return self._checkout(self._session(request))

    async def handle_payment(self, request: web.Request) -> web.Response:
        session = self._session(request)
        if session["status"] != "open":
            return self._checkout(session)
        name = str((await request.post()).get("payment_method", ""))
        back = f"{self._world.config.public_base}/stripe/checkout/{session['id']}/return"
        try:
            intent = checkout.pay_session(self._stripe, session, name, back)
        except StripeApiError as error:
            return self._checkout(session, str(error), status=error.status)
        if intent["status"] == "requires_action":
            return _go(intent["next_action"]["redirect_to_url"]["url"])
        return _go(_success(session))

    async def handle_return(self, request: web.Request) -> web.Response:
        """Back from 3-D Secure."""
        session = self._session(request)
        checkout.settle_session(self._stripe, session)
        if session["status"] == "complete":
            return _go(_success(session))
        return self._checkout(session, "The bank could not confirm that it was you. Please choose another card.")

    async def open_link(self, request: web.Request) -> web.Response:
        """Opens a session of its own for each visitor."""
        link = self._stripe.tables["payment_link"].get(request.match_info["id"])
        if link is None:
            raise web.HTTPNotFound(text="No such payment link.\n")
        session = payment_links.open_link_session(self._stripe, link)
        if session is None:
            return self._page("inactive.html", message=link["inactive_message"] or "This link is no longer active.")
        return _go(session["url"])

    async def show_receipt(self, request: web.Request) -> web.Response:
        charge = self._stripe.tables["charge"].get(request.match_info["id"])
        if charge is None:
            raise web.HTTPNotFound(text="No such receipt.\n")
        return self._page("receipt.html", charge=charge)

    async def serve_script(self, _: web.Request) -> web.Response:
        """The stand-in for Stripe.js, for a page of any origin."""
        headers = {"Cache-Control": "no-store", "Cross-Origin-Resource-Policy": "cross-origin"}
        text = self._folder.joinpath("stripe.js").read_text(encoding="utf-8")
        return web.Response(text=text, content_type="text/javascript", charset="utf-8", headers=headers)

    @property
    def _stripe(self) -> StripeAccount:
        return get_stripe_account(self._world)

    def _intent(self, request: web.Request, secret: str | None) -> Object:
        """A wrong secret finds nothing; none is let pass, as people open the page by hand."""
        intent = self._stripe.tables["payment_intent"].get(request.match_info["id"])
        if intent is None or (secret is not None and not is_same_secret(secret, intent["client_secret"])):
            raise web.HTTPNotFound(text="No such payment.\n")
        return intent

    def _session(self, request: web.Request) -> Object:
        session = self._stripe.tables["checkout.session"].get(request.match_info["id"])
        if session is None:
            raise web.HTTPNotFound(text="No such checkout session.\n")
        return session

    def _checkout(self, session: Object, problem: str = "", status: int = 200) -> web.Response:
        items = self._stripe.line_items[session["id"]]
        ibans = IBANS if "sepa_debit" in session["payment_method_types"] else ()
        facts = {"session": session, "items": items, "cards": CARDS, "ibans": ibans, "problem": problem}
        return self._page("checkout.html", status, **facts)

    def _page(self, name: str, status: int = 200, **facts: Any) -> web.Response:
        text = self._jinja.get_template(name).render(facts)
        headers = {"Content-Security-Policy": _CSP, "Cache-Control": "no-store"}
        return web.Response(text=text, status=status, content_type="text/html", headers=headers)


def _go(url: str) -> web.Response:
    return web.Response(status=303, headers={"Location": url})


def _result(intent: Object) -> dict[str, str]:
    """What Stripe adds to a return_url."""
    failed = intent["status"] in {"requires_payment_method", "canceled"}
    return {
        "payment_intent": intent["id"],
        "payment_intent_client_secret": intent["client_secret"],
        "redirect_status": "failed" if failed else "succeeded",
    }


def _with(url: str, query: dict[str, str]) -> str:
    parts = urlsplit(url)
    joined = "&".join(filter(None, (parts.query, urlencode(query))))
    return parts._replace(query=joined).geturl()


def _success(session: Object) -> str:
    there = session["success_url"] or f"/stripe/checkout/{session['id']}"
    return str(there).replace("{CHECKOUT_SESSION_ID}", session["id"])
