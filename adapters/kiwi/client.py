"""Kiwi's calls. Reads are repeated by the transport; save_booking and confirm_payment never are."""

from typing import Any

import orjson

from adapters.kiwi import wire
from adapters.transport import Answer, Call, Sender, refusal, unreadable
from hub.core.clock import Clock
from hub.core.errors import OutcomeUnknown, ProviderPermanent, ProviderTimeout
from hub.flights import FlightOffer, FlightQuery, OrderRequest, OrderState, PlacedOrder, PriceCheck
from hub.resilience.deadline import remaining

RESULTS = 60
"""Offers asked for: more than anybody reads, few enough to answer fast."""
POLLS = 30


class Kiwi:
    """Search, price check and order desk. `poll` is the pause between two price checks, in seconds (Kiwi: 2 to 3)."""

    name = "kiwi"

    def __init__(
        self, transport: Sender, *, api_key: str, base_url: str, clock: Clock, zone: wire.Zone, poll: float = 2.0
    ) -> None:
        self._transport = transport
        self._headers = {"apikey": api_key, "Accept": "application/json"}
        self._base_url = base_url
        self._clock = clock
        self._poll = poll
        self._zone = zone

    async def ping(self) -> None:
        """One harmless read, to see whether the key is good."""
        await self._get("locations.query", "/locations/query", {"term": "PRG", "limit": "1"})

    async def search(self, query: FlightQuery) -> list[FlightOffer]:
        answer = await self._send("search", "GET", "/v2/search", params=wire.search_params(query, RESULTS))
        if answer.status in {400, 404, 422} and b"ocation" in answer.body:
            return []  # Kiwi does not fly from or to there
        document = self._document(answer)
        try:
            return wire.offers(document, query, self._clock.now(), self._zone)
        except ValueError as error:
            raise unreadable(answer) from error

    async def check(self, offer: FlightOffer, query: FlightQuery) -> PriceCheck:
        """Polls until Kiwi has looked. Raises ProviderTimeout when it does not come to an end in time."""
        session: str | None = None
        for _ in range(POLLS):
            document = await self._get("check_flights", "/v2/booking/check_flights", _check(offer, query, session))
            session = str(document.get("session_id") or session or "") or None
            if document.get("flights_invalid"):
                return PriceCheck(available=False, total=None)
            if document.get("flights_checked"):
                total = wire.checked_total(document, offer.total.currency)
                return PriceCheck(available=True, total=total, session=session)
            left = remaining(self._clock)
            if left is not None and left <= self._poll:
                break
            await self._clock.sleep(self._poll)
        raise ProviderTimeout("kiwi", "did not finish checking the price")

    async def place(self, request: OrderRequest) -> PlacedOrder:
        document = await self._post("save_booking", "/v2/booking/save_booking", wire.save_body(request))
        if not document.get("booking_id"):
            code = "sold_out" if document.get("flights_invalid") else "order_refused"
            raise ProviderPermanent("kiwi", "did not take the booking", provider_code=code)
        return PlacedOrder(
            order_id=str(document["booking_id"]),
            transaction_id=str(document.get("transaction_id") or ""),
            secret={"auth_token": document.get("auth_token")},
        )

    async def confirm(self, placed: PlacedOrder) -> None:
        body = {"booking_id": _number(placed.order_id), "transaction_id": placed.transaction_id}
        document = await self._post("confirm_payment", "/v2/booking/confirm_payment", body)
        match document.get("status"):
            case 0:
                return
            case 1:
                raise ProviderPermanent("kiwi", "refused the confirmation", provider_code="order_refused")
            case _:
                raise OutcomeUnknown("kiwi", "did not say whether it has confirmed")

    async def read(self, placed: PlacedOrder) -> OrderState:
        return wire.order_state(await self._get("booking.read", f"/v2/booking/bookings/{placed.order_id}", {}))

    async def _get(self, operation: str, path: str, params: dict[str, str]) -> dict[str, Any]:
        return self._document(await self._send(operation, "GET", path, params=params))

    async def _post(self, operation: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return self._document(await self._send(operation, "POST", path, body=orjson.dumps(body)))

    async def _send(
        self, operation: str, method: str, path: str, *, params: dict[str, str] | None = None, body: bytes | None = None
    ) -> Answer:
        headers = self._headers | ({"Content-Type": "application/json"} if body is not None else {})
        return await self._transport.send(
            Call(
                provider="kiwi",
                operation=operation,
                method=method,
                url=self._base_url + path,
                headers=headers,
                params=params or {},
                body=body,
                read=method == "GET",
            )
        )

    def _document(self, answer: Answer) -> dict[str, Any]:
        """The JSON of a good answer. Raises what a bad one means."""
        if not answer.ok:
            raise refusal(answer, code=_code(answer))
        try:
            document = answer.json()
        except ValueError as error:
            raise unreadable(answer) from error
        if not isinstance(document, dict):
            raise unreadable(answer)
        return document


def _check(offer: FlightOffer, query: FlightQuery, session: str | None) -> dict[str, str]:
    params = {
        "booking_token": offer.provider_ref,
        "bnum": "0",
        "adults": str(query.adults),
        "children": str(query.children),
        "infants": str(query.infants),
        "currency": offer.total.currency,
    }
    return params | ({"session_id": session} if session else {})


def _code(answer: Answer) -> str | None:
    """Kiwi has no error codes; its one stable sentence that matters is that of an expired token."""
    return "offer_gone" if b"xpired booking token" in answer.body else None


def _number(order_id: str) -> int | str:
    return int(order_id) if order_id.isascii() and order_id.isdigit() else order_id
