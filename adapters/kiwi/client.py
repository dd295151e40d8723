"""Kiwi's calls. Reads are repeated by the transport; save_booking and confirm_payment never are."""

from typing import Any
from urllib.parse import quote

import orjson

from adapters.kiwi import wire
from adapters.kiwi.baggage import BagsUnavailable, list_ordered_bags, read_order_data
from adapters.kiwi.refusals import read_reasons
from adapters.kiwi.requirements import read_requirements
from adapters.transport import CallSender, ProviderCall, ProviderResponse, make_refusal_error, make_unreadable_error
from hub.core.clock import Clock
from hub.core.errors import OutcomeUnknown, ProviderPermanent, ProviderReason, ProviderTimeout
from hub.core.money import Money
from hub.resilience.deadline import cap_deadline
from hub.supply.flights import FlightOffer, FlightQuery, OrderRequest, OrderState, PlacedOrder, PriceCheck

MAX_RESULTS = 60
"""Offers asked for: more than anybody reads, few enough to answer fast."""
CHECK_TIMEOUT = 30.0
"""Seconds that Kiwi may take to check a price, all polls together."""


_WRONG_QUESTION = frozenset({400, 404, 422})


class KiwiSupplier:
    """Search, price check and order desk. `poll_seconds` is the pause between two price checks, in seconds (Kiwi: 2 to
    3).

    `contact` is given for every passenger in the place of their own address and number. `account` names the account and
    mode of the key, which Kiwi does not tell.
    """

    name = "kiwi"

    def __init__(
        self,
        transport: CallSender,
        *,
        api_key: str,
        base_url: str,
        clock: Clock,
        zone: wire.ZoneLookup,
        contact: wire.KiwiContact | None = None,
        account: str = "unknown/live",
        poll_seconds: float = 2.0,
    ) -> None:
        self._transport = transport
        self._headers = {"apikey": api_key, "Accept": "application/json"}
        self._base_url = base_url
        self._clock = clock
        self._poll = poll_seconds
        self.account = account
        self._zone = zone
        self._contact = contact or wire.KiwiContact()

    async def check_access(self) -> None:
        """One harmless read, to see whether the key is good."""
        params = {"term": "PRG", "limit": "1"}
        self._document(await self._send("locations.query", "GET", "/locations/query", params=params))

    async def search(self, query: FlightQuery) -> list[FlightOffer]:
        answer = await self._send("search", "GET", "/v2/search", params=wire.build_search_params(query, MAX_RESULTS))
        if answer.status in _WRONG_QUESTION and b"ocation" in answer.body:
            return []  # Kiwi does not fly from or to there
        document = self._document(answer)
        try:
            return wire.to_offers(document, query, self._clock.now(), self._zone)
        except ValueError as error:
            raise make_unreadable_error(answer) from error

    async def check(self, offer: FlightOffer, query: FlightQuery) -> PriceCheck:
        """Polls until Kiwi has looked. Raises ProviderTimeout when it does not come to an end in time."""
        ends_at = cap_deadline(self._clock, CHECK_TIMEOUT)
        params = wire.build_check_params(offer, query)
        while True:
            answer = await self._send("check_flights", "GET", "/v2/booking/check_flights", params=params)
            document = self._document(answer)
            if document.get("flights_invalid"):
                return PriceCheck(available=False, total=None)
            session = str(document.get("session_id") or params.get("session_id", ""))
            if document.get("flights_checked"):
                return _price_check(document, answer, offer, session)
            if self._clock.monotonic() + self._poll >= ends_at:
                raise ProviderTimeout("kiwi", "did not finish checking the price")
            params["session_id"] = session
            await self._clock.sleep(self._poll)

    async def place(self, request: OrderRequest) -> PlacedOrder:
        """Freezes the money for it. Nothing is bought before `confirm`; Kiwi lets it lapse by itself."""
        try:
            body = wire.build_save_body(request, self._contact)
        except BagsUnavailable:
            raise ProviderPermanent("kiwi", "has no such bags any more", provider_code="bags_gone") from None
        answer = await self._send("save_booking", "POST", "/v2/booking/save_booking", body=orjson.dumps(body))
        document = self._document(answer)
        if document.get("flights_invalid"):
            raise ProviderPermanent("kiwi", "has sold out", provider_code="sold_out")
        if not document.get("booking_id"):
            raise ProviderPermanent("kiwi", "did not take the booking", provider_code="order_refused")
        if document.get("price_change") and not wire.is_price_covered(document, request.offer.total):
            raise ProviderPermanent("kiwi", "has raised the price", provider_code="price_changed")
        return PlacedOrder(
            order_id=str(document["booking_id"]),
            transaction_id=str(document.get("transaction_id") or ""),
            secret={"auth_token": document.get("auth_token")},
            baggage=list_ordered_bags(request.check.order_data, body["baggage"], len(request.travelers)),
        )

    async def confirm(self, placed: PlacedOrder) -> None:
        body = {"booking_id": _number(placed.order_id), "transaction_id": placed.transaction_id}
        answer = await self._send("confirm_payment", "POST", "/v2/booking/confirm_payment", body=orjson.dumps(body))
        match self._document(answer).get("status"):
            case 0:
                return
            case 1:
                raise ProviderPermanent("kiwi", "refused the confirmation", provider_code="order_refused")
            case _:
                raise OutcomeUnknown("kiwi", "did not say whether it has confirmed")

    async def read(self, placed: PlacedOrder) -> OrderState:
        """What the manage API says of the booking, under a grant of its own."""
        granted = self._document(await self._send("manage.grant", "POST", "/manage/create_auth_token", read=True))
        headers = {"KW-Auth-Token": str(granted.get("authorization_token") or "")}
        path = f"/manage/bookings/{quote(placed.order_id, safe='')}"
        return wire.to_order_state(self._document(await self._send("manage.booking", "GET", path, headers=headers)))

    async def _send(
        self,
        operation: str,
        method: str,
        path: str,
        *,
        params: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
        read: bool = False,
    ) -> ProviderResponse:
        """`read`: asking twice changes nothing, as with every GET."""
        kind = {"Content-Type": "application/json"} if body is not None else {}
        return await self._transport.send_call(
            ProviderCall(
                provider="kiwi",
                operation=operation,
                method=method,
                url=self._base_url + path,
                headers=self._headers | kind | (headers or {}),
                params=params,
                body=body,
                is_read=read or method == "GET",
            )
        )

    def _document(self, answer: ProviderResponse) -> dict[str, Any]:
        """The JSON object of a good answer. Raises what a bad one means."""
        if not answer.ok:
            raise make_refusal_error(answer, code=_code(answer), reasons=_reasons(answer))
        try:
            document = answer.json()
        except ValueError as error:
            raise make_unreadable_error(answer) from error
        if not isinstance(document, dict):
            raise make_unreadable_error(answer)
        return document


def _total(document: dict[str, Any], answer: ProviderResponse, offer: FlightOffer) -> Money:
    try:
        return wire.read_checked_total(document, offer.total)
    except ValueError as error:
        raise make_unreadable_error(answer) from error


def _price_check(document: dict[str, Any], answer: ProviderResponse, offer: FlightOffer, session: str) -> PriceCheck:
    return PriceCheck(
        available=True,
        total=_total(document, answer, offer),
        session=session,
        requirements=read_requirements(document),
        order_data=read_order_data(document),
    )


def _reasons(answer: ProviderResponse) -> tuple[ProviderReason, ...]:
    try:
        return read_reasons(answer.json()) if answer.status in _WRONG_QUESTION else ()
    except ValueError:
        return ()


def _code(answer: ProviderResponse) -> str | None:
    """Kiwi has no error codes: these are ours, for the sentences of theirs that matter."""
    if answer.status not in _WRONG_QUESTION:
        return None
    if b"xpired booking token" in answer.body:
        return "offer_gone"
    if b'"bnum"' in answer.body:
        return "bags_gone"
    return "currency_not_supported" if b'"curr' in answer.body else None


def _number(order_id: str) -> int | str:
    return int(order_id) if order_id.isascii() and order_id.isdigit() else order_id
