"""Kiwi Tequila on its own wire, under /kiwi: a world of flights that repeats for one seed, and bookings in memory.

Routes: GET /v2/search, GET /locations/query and /locations/id, GET /v2/booking/check_flights,
POST /v2/booking/save_booking and /v2/booking/confirm_payment, POST /manage/create_auth_token,
GET /manage/bookings/{id} and /manage/bookings/{id}/passengers.

As documented by the vendor, or seen in captured answers: the parameters and answers of search, check_flights,
save_booking and confirm_payment; a token that lives 30 minutes, 30 minutes to pay, 90 until the funds are released;
the body for a missing key; the 422 for an unknown place; `following_technical_stop` on the entry before the stop;
`/manage/create_auth_token` answering `authorization_token` for 30 minutes, and `/manage/bookings/{id}/passengers`
under the header KW-Auth-Token.

Assumed, because nothing public says it:
- GET /manage/bookings/{id} answers `status` (open, received, confirmed, cancelled, technical_issue, sold_out,
  security_issue, refund), `pnr`, `pnrs`, `e_tickets`, `total` in euros and `price` in the booking's currency.
  KW-Auth-Token is a grant, or the `auth_token` that save_booking gave. 401 without, 404 for an unknown booking.
- A second confirm_payment of a paid booking answers status 1 and does nothing. A refused one leaves the booking open.
- save_booking is not idempotent: two calls, two bookings. It wants the session of a finished check_flights.
- The callback's body: booking_id, status, trigger, timestamp, pnr, pnrs, e_tickets. It carries no signature.
- 403 for a key that begins with `invalid`; other parameters that will not do are a 422 like that of an unknown place.

Second hand, from comments in public wrappers; strict unless `KiwiRules` relaxes it:
- every passenger has one hold_bag and one hand_bag combination of check_flights, and `bnum` covers the hold bags;
- names have Latin letters, spaces, hyphens and apostrophes; telephone numbers a plus and 8 to 15 digits;
- an adult has the e-mail address of the deposit account, and somebody is `adult_threshold` years old or older;
- `document_need` 2 wants cardno and expiration of everybody; ages count on the local day of the last landing;
- one reference for each ticket (`pnr_count`): `reservation_number` of a flight of the manage API says which.

A session of check_flights begins with a call without `session_id` (or with one not seen before) and answers
`flights_checked: false` once, then true. A search looks at no more than 6 pairs of airports and 12 days.

Control: POST /_/kiwi/next scripts what comes, each for `times` uses (1): for the next session
{"price_change": {"factor": 1.1}}, {"flights_invalid": true}, {"not_ready_polls": 3}, {"document_need": 2},
{"adult_threshold": 18}; for the next save {"save": "invalid" | "price_change"} or
{"refusal": [{"param": "passengers.0.phone", "errors": ["No."]}]}; for the next confirmation
{"confirm": "timeout" | "timeout_but_done" | "fail"}; for the tickets of the next paid booking
{"ticketing": "sold_out" | "technical_issue" | "security_issue" | "never"}.
GET /_/kiwi/next lists what is left, GET /_/kiwi/bookings the bookings, and POST /_/kiwi/bookings/{id}/status
{"status": "cancelled"} lets the airline act.
"""

from aiohttp import web

from sandbox.kiwi.booking import BookingHandlers
from sandbox.kiwi.control import ControlHandlers
from sandbox.kiwi.fares import Fare, Party
from sandbox.kiwi.locations import LocationHandlers
from sandbox.kiwi.manage_api import ManageHandlers
from sandbox.kiwi.price_check import PriceCheckHandlers
from sandbox.kiwi.search import SearchHandlers
from sandbox.kiwi.state import EMULATOR_NAME, CheckSession, KiwiBooking, KiwiState, ScriptedOutcome
from sandbox.kiwi.ticketing import settle_ticketing
from sandbox.kiwi.tokens import OfferedItinerary, OfferedLeg
from sandbox.state import Emulator, SandboxState

_EMULATOR = Emulator(
    name=EMULATOR_NAME,
    create_state=lambda _: KiwiState(),
    stored_types=(KiwiBooking, CheckSession, Fare, OfferedItinerary, Party, ScriptedOutcome, OfferedLeg),
    actions={"settle": settle_ticketing},
)


def setup(app: web.Application, world: SandboxState) -> None:
    """Adds the routes under /kiwi and /_/kiwi. State lives in `world.providers["kiwi"]`."""
    world.register_emulator(_EMULATOR)
    for part in (
        SearchHandlers(world),
        LocationHandlers(world),
        PriceCheckHandlers(world),
        BookingHandlers(world),
        ManageHandlers(world),
        ControlHandlers(world),
    ):
        app.add_routes(part.list_routes())
