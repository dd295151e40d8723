"""The adapter over the real transport, against the emulator and against a server that says what it is told."""

import random
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from adapters.kiwi import KiwiContact, KiwiSupplier
from adapters.transport import Transport
from hub.core.clock import SystemClock
from hub.core.errors import OutcomeUnknown, ProviderPermanent, ProviderTimeout, ProviderTransient
from hub.core.money import Money
from hub.resilience.deadline import enforce_deadline
from hub.resilience.policy import ResiliencePolicy
from hub.resilience.retry import Backoff
from hub.supply.flights import (
    Baggage,
    FlightOffer,
    FlightQuery,
    OrderRequest,
    PlacedOrder,
    PriceCheck,
    Segment,
    Slice,
    Traveler,
)
from hub.supply.locations import Locations
from sandbox import kiwi as emulator
from sandbox.state import KiwiRules, SandboxConfig, SandboxState
from tests.support.running import until

RULES = KiwiRules()
TODAY = datetime.now(UTC).date()
QUERY = FlightQuery("LHR", "JFK", TODAY + timedelta(days=40), adults=1, currency="USD")
TRAVELER = Traveler("ms", "f", "Ada", "Lovelace", date(1990, 12, 10), "GB", "ada@example.com", "+441632960000")
QUICK = ResiliencePolicy(
    timeout=3,
    backoff=Backoff(initial_delay=0.001, max_delay=0.01, max_retry_after=0.1),
    retry_reserve=20,
    breaker_min_calls=1000,
)
NOON = datetime(2027, 7, 1, 12, tzinfo=UTC)
FLIGHT = Segment("LHR", "JFK", NOON, NOON + timedelta(hours=8), "BA", "1")
OFFER = FlightOffer(
    "",
    "kiwi",
    "token-of-mine",
    (Slice("LHR", "JFK", (FLIGHT,), 28800),),
    Money(10000, "EUR"),
    NOON,
    expiry_assumed=True,
)
CHECK = PriceCheck(available=True, total=OFFER.total, session="session")
ORDER = OrderRequest(OFFER, QUERY, CHECK, (TRAVELER,), "ada@example.com", "+441632960000")


@asynccontextmanager
async def connected(app, records, **settings):
    """The adapter, connected to that application."""
    async with (
        TestServer(app) as server,
        Transport.open_with_session(
            clock=SystemClock(), chance=random.Random(1), policies={"kiwi": QUICK}, record=records.append
        ) as transport,
    ):
        base = str(server.make_url(settings.pop("prefix", ""))).rstrip("/")
        given = {
            "api_key": "key-of-mine",
            "clock": SystemClock(),
            "zone": Locations().find_time_zone,
            "poll_seconds": 0.01,
        }
        given["contact"] = KiwiContact(RULES.contact_email, RULES.contact_phone)
        yield KiwiSupplier(transport, base_url=base, **given | settings)


@pytest.fixture
def records():
    return []


@pytest.fixture
def world():
    return SandboxState(SandboxConfig("http://127.0.0.1:9"), send_callback=lambda _: None)


@pytest.fixture
async def kiwi(world, records):
    """Connected to the emulator."""
    app = web.Application()
    emulator.setup(app, world)
    async with connected(app, records, prefix="/kiwi") as adapter:
        yield adapter


class Server:
    """Says what it is told: the next of its answers to each request, the last one for ever."""

    def __init__(self):
        self.answers = []
        self.requests = []

    def says(self, *answers, status=200):
        self.answers = [(status, one) for one in answers]

    async def handle(self, request):
        self.requests.append((request.path, dict(request.query), await request.read(), dict(request.headers)))
        status, answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer == "reset":
            request.transport.abort()
            return web.Response()
        return web.json_response(answer, status=status)


@pytest.fixture
def server():
    return Server()


@pytest.fixture
async def told(server, records):
    """Connected to that server."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.handle)
    async with connected(app, records) as adapter:
        yield adapter


def script(world, **outcome):
    from sandbox.kiwi.control import read_script
    from sandbox.kiwi.state import get_kiwi_state

    get_kiwi_state(world).scripted_outcomes.extend(read_script(outcome))


def bookings(world):
    from sandbox.kiwi.state import get_kiwi_state

    return list(get_kiwi_state(world).bookings.values())


async def order(kiwi, **changes):
    offer = (await kiwi.search(QUERY))[0]
    check = await kiwi.check(offer, QUERY)
    return replace(ORDER, offer=offer, check=check, **changes)


async def test_a_whole_order(kiwi, world):
    request = await order(kiwi)
    placed = await kiwi.place(request)
    assert (await kiwi.read(placed)).status == "placed"
    await kiwi.confirm(placed)
    assert (await kiwi.read(placed)).status == "confirmed"
    [booking] = bookings(world)
    assert (str(booking.id), booking.confirmations, len(booking.passengers)) == (placed.order_id, 1, 1)


async def test_a_search_for_a_city_and_a_return(kiwi):
    query = replace(QUERY, origin="LON", return_date=QUERY.departure_date + timedelta(days=7), children=1)
    offers = await kiwi.search(query)
    assert {len(one.slices) for one in offers} == {2}
    assert {one.total.currency for one in offers} == {"USD"}


async def test_a_place_that_kiwi_does_not_know_has_no_flights(kiwi):
    assert await kiwi.search(replace(QUERY, origin="ZZZ")) == []


async def test_a_currency_that_kiwi_does_not_know_is_named(kiwi):
    with pytest.raises(ProviderPermanent) as refused:
        await kiwi.search(replace(QUERY, currency="XAF"))
    assert refused.value.provider_code == "currency_not_supported"


async def test_a_check_waits_until_kiwi_has_looked(kiwi, world, records):
    offer = (await kiwi.search(QUERY))[0]
    script(world, not_ready_polls=3)
    found = await kiwi.check(offer, QUERY)
    assert (found.available, found.total) == (True, offer.total)
    assert [one.operation for one in records].count("check_flights") == 4


async def test_a_price_that_has_risen(kiwi, world):
    offer = (await kiwi.search(QUERY))[0]
    script(world, price_change={"factor": 1.1})
    found = await kiwi.check(offer, QUERY)
    assert found.total.currency == "USD"
    assert 1.09 < found.total.amount / offer.total.amount < 1.11


async def test_an_offer_that_is_sold_out(kiwi, world):
    offer = (await kiwi.search(QUERY))[0]
    script(world, flights_invalid=True)
    assert await kiwi.check(offer, QUERY) == PriceCheck(available=False, total=None)


async def test_an_expired_token_is_said_to_be_gone(kiwi, world):
    offer = (await kiwi.search(QUERY))[0]
    later = datetime.now(UTC) + timedelta(minutes=31)
    world.now = lambda: later
    with pytest.raises(ProviderPermanent) as gone:
        await kiwi.check(offer, QUERY)
    assert gone.value.provider_code == "offer_gone"


async def test_a_check_that_never_ends_stops_at_the_deadline(kiwi, world):
    offer = (await kiwi.search(QUERY))[0]
    script(world, not_ready_polls=10_000)
    with pytest.raises(ProviderTimeout):
        async with enforce_deadline(SystemClock(), 0.2):
            await kiwi.check(offer, QUERY)


async def test_a_place_that_is_sold_out_while_saving(kiwi, world):
    request = await order(kiwi)
    script(world, save="invalid")
    with pytest.raises(ProviderPermanent) as refused:
        await kiwi.place(request)
    assert refused.value.provider_code == "sold_out"


async def test_a_price_that_rises_while_saving_is_not_paid(kiwi, world):
    request = await order(kiwi)
    script(world, save="price_change")
    with pytest.raises(ProviderPermanent) as refused:
        await kiwi.place(request)
    assert refused.value.provider_code == "price_changed"
    assert [one.confirm_requests for one in bookings(world)] == [0]


async def test_passengers_that_kiwi_refuses(kiwi):
    request = await order(kiwi, travelers=(replace(TRAVELER, nationality="XX"),))
    with pytest.raises(ProviderPermanent) as refused:
        await kiwi.place(request)
    assert refused.value.provider_status == 422
    [reason] = refused.value.reasons
    assert (reason.param, reason.pointer) == ("passengers.0.nationality", "/travelers/0/nationality")
    assert reason.message == "Not a valid country code."


async def test_a_promised_bag_is_ordered_for_everybody_who_has_a_seat(kiwi, world):
    query = replace(QUERY, adults=2, infants=1)
    infant = replace(TRAVELER, born_on=TODAY - timedelta(days=90), given_name="Anne")
    offer = next(one for one in await kiwi.search(query) if one.bags_included)
    check = await kiwi.check(offer, query)
    assert check.total == offer.total, "it is free"
    people = (TRAVELER, replace(TRAVELER, given_name="Grace"), infant)
    placed = await kiwi.place(replace(ORDER, offer=offer, query=query, check=check, travelers=people))
    [booking] = bookings(world)
    assert [one["hold_bags"] for one in booking.passengers] == [1, 1, 0]
    assert [one["hand_bags"] for one in booking.passengers] == [1, 1, 0]
    assert placed.baggage == (Baggage(1, 1, 23, 8), Baggage(1, 1, 23, 8), Baggage(0, 0))


async def test_without_a_promise_the_combination_without_a_bag_is_ordered(kiwi, world):
    offer = next(one for one in await kiwi.search(QUERY) if not one.bags_included)
    placed = await kiwi.place(replace(ORDER, offer=offer, check=await kiwi.check(offer, QUERY)))
    assert [one["hold_bags"] for one in bookings(world)[0].passengers] == [0]
    assert placed.baggage[0].hold == 0


async def test_bags_that_cannot_be_had_any_more_are_not_quietly_left_out(kiwi, world):
    offer = next(one for one in await kiwi.search(QUERY) if not one.bags_included)
    check = await kiwi.check(offer, QUERY)
    promised = replace(offer, bags_included=7)
    with pytest.raises(ProviderPermanent) as gone:
        await kiwi.place(replace(ORDER, offer=promised, check=check))
    assert gone.value.provider_code == "bags_gone"
    with pytest.raises(ProviderPermanent) as gone:
        await kiwi.check(promised, QUERY)
    assert gone.value.provider_code == "bags_gone"
    assert bookings(world) == []


async def test_the_check_says_what_an_order_requires(kiwi, world):
    offer = (await kiwi.search(QUERY))[0]
    found = (await kiwi.check(offer, QUERY)).requirements
    assert (found.document.need, found.ages.alone_from, found.contact.phone_required) == ("optional", 16, True)
    script(world, document_need=2, adult_threshold=18)
    found = (await kiwi.check(offer, QUERY)).requirements
    assert (found.document.need, found.ages.alone_from) == ("required", 18)


async def test_a_mononym_and_a_name_with_marks_are_accepted(kiwi, world):
    people = (replace(TRAVELER, given_name="", family_name="Nguyễn"),)
    await kiwi.place(await order(kiwi, travelers=people))
    [passenger] = bookings(world)[0].passengers
    assert (passenger["name"], passenger["surname"]) == ("Nguyễn", "Nguyễn")


async def test_each_ticket_of_an_order_has_its_reference_and_its_flights(kiwi, world):
    offer = next(one for one in await kiwi.search(QUERY) if (one.tickets or 1) > 1)
    placed = await kiwi.place(replace(ORDER, offer=offer, check=await kiwi.check(offer, QUERY)))
    await kiwi.confirm(placed)

    async def issued():
        state = await kiwi.read(placed)
        return state if len(state.references) == offer.tickets else None

    state = await until(issued)
    flights = [f"{one.carrier}{one.flight_number}" for part in offer.slices for one in part.segments]
    assert [flight for one in state.references for flight in one.flights] == flights
    assert state.pnr == state.references[0].reference


async def test_a_refused_confirmation(kiwi, world):
    placed = await kiwi.place(await order(kiwi))
    script(world, confirm="fail")
    with pytest.raises(ProviderPermanent):
        await kiwi.confirm(placed)
    assert (await kiwi.read(placed)).status == "placed"


@pytest.mark.parametrize(("outcome", "status"), [("timeout", "placed"), ("timeout_but_done", "confirmed")])
async def test_a_confirmation_that_times_out_is_unknown_until_read(kiwi, world, outcome, status):
    placed = await kiwi.place(await order(kiwi))
    script(world, confirm=outcome)
    with pytest.raises(OutcomeUnknown):
        await kiwi.confirm(placed)
    assert (await kiwi.read(placed)).status == status


@pytest.mark.parametrize("answer", ["reset", {"status": "?"}])
async def test_a_confirmation_is_never_asked_twice(told, server, answer):
    server.says(answer)
    with pytest.raises(OutcomeUnknown):
        await told.confirm(PlacedOrder("1", "t"))
    assert len(server.requests) == 1


async def test_a_save_is_never_asked_twice(told, server):
    server.says("reset")
    with pytest.raises(OutcomeUnknown):
        await told.place(ORDER)
    assert len(server.requests) == 1


async def test_a_save_that_fails_on_their_side_is_unknown(told, server):
    server.says({"error": "oops"}, status=503)
    with pytest.raises(OutcomeUnknown):
        await told.place(ORDER)
    assert len(server.requests) == 1


async def test_a_save_without_a_booking_is_refused(told, server):
    server.says({"status": "error"})
    with pytest.raises(ProviderPermanent):
        await told.place(ORDER)


async def test_a_search_that_is_cut_off_is_asked_again(told, server):
    server.says("reset", {"currency": "USD", "data": []})
    assert await told.search(QUERY) == []
    assert len(server.requests) == 2


@pytest.mark.parametrize("answer", [{}, [], {"data": 7}])
async def test_a_search_answered_with_nonsense_is_the_suppliers_trouble(told, server, answer):
    server.says(answer)
    with pytest.raises(ProviderTransient):
        await told.search(QUERY)


@pytest.mark.parametrize("status", [401, 403])
async def test_a_key_that_is_not_good_is_refused(told, server, status):
    server.says({"error": "no"}, status=status)
    with pytest.raises(ProviderPermanent):
        await told.check_access()


async def test_a_state_that_kiwi_invents_tomorrow_is_unknown(told, server):
    server.says({"authorization_token": "grant"}, {"status": "levitating"})
    assert (await told.read(PlacedOrder("1"))).status == "unknown"
    assert server.requests[1][3]["KW-Auth-Token"] == "grant"


async def test_the_wire_of_a_search(told, server):
    server.says({"data": []})
    await told.search(QUERY)
    path, params, _, headers = server.requests[0]
    assert (path, headers["apikey"], params["date_from"]) == (
        "/v2/search",
        "key-of-mine",
        f"{QUERY.departure_date:%d/%m/%Y}",
    )


async def test_neither_key_nor_token_nor_person_is_recorded_or_told(told, server, records):
    server.says({"message": "token-of-mine Ada ada@example.com"}, status=400)
    with pytest.raises(ProviderPermanent) as refused:
        await told.place(ORDER)
    with pytest.raises(ProviderPermanent):
        await told.check(OFFER, QUERY)
    shown = f"{records} {refused.value!r} {refused.value.detail} {ORDER!r} {refused.value.extra}"
    for secret in ("key-of-mine", "token-of-mine", "Ada", "ada@example.com"):
        assert secret not in shown
