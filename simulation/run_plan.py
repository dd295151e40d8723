"""What happens in one run: a list of events drawn from a seed. Any part of it can be played by itself."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

HOUR = 3600.0
CARDS = (
    "pm_card_visa", "pm_card_visa", "pm_card_visa", "pm_card_visa", "pm_card_visa_chargeDeclined",
    "pm_card_threeDSecure2Required", "pm_card_threeDSecure2Required", "pm_card_pendingRefund", "pm_card_refundFail",
)  # fmt: skip
PROVIDER_CALLS = (
    ("kiwi", "GET", "/v2/booking/check_flights"),
    ("kiwi", "POST", "/v2/booking/save_booking"),
    ("kiwi", "POST", "/v2/booking/confirm_payment"),
    ("kiwi", "GET", "/manage/bookings/*"),
    ("kiwi", "POST", "/manage/create_auth_token"),
    ("stripe", "GET", "/v1/account"),
    ("stripe", "POST", "/v1/customers"),
    ("stripe", "POST", "/v1/payment_intents"),
    ("stripe", "GET", "/v1/payment_intents/*"),
    ("stripe", "POST", "/v1/payment_intents/*/capture"),
    ("stripe", "POST", "/v1/payment_intents/*/cancel"),
    ("stripe", "POST", "/v1/refunds"),
    ("resend", "POST", "/emails"),
    ("twilio", "POST", "/2010-04-01/*/Messages.json"),
    ("twilio", "GET", "/2010-04-01/*/Messages.json"),
    ("paypal", "POST", "/v2/checkout/orders"),
    ("paypal", "GET", "/v2/checkout/orders/*"),
    ("paypal", "POST", "/v2/checkout/orders/*/authorize"),
    ("paypal", "POST", "/v2/payments/authorizations/*/capture"),
    ("paypal", "POST", "/v2/payments/captures/*/refund"),
    ("paypal", "POST", "/v2/payments/authorizations/*/void"),
    ("paypal", "PATCH", "/v2/checkout/orders/*"),
    ("paypal", "GET", "/v1/customer/disputes"),
    ("paypal", "POST", "/v1/oauth2/token"),
)
"""Provider, method and path of every call on a booking's way."""
_FATEFUL = ("save_booking", "confirm_payment", "authorize", "capture", "refunds", "refund")
IRREVERSIBLE_CALLS = tuple(one for one in PROVIDER_CALLS if one[2].endswith(_FATEFUL))
"""Those that cannot be taken back."""
FAULT_KINDS = ("status", "status", "timeout", "reset", "garbage", "cut", "slow")
SUPPLIER_SCRIPTS: tuple[dict[str, Any], ...] = (
    {"price_change": {"factor": 1.2}},
    {"price_change": {"factor": 0.9}},
    {"flights_invalid": True},
    {"not_ready_polls": 3},
    {"save": "invalid"},
    {"save": "price_change"},
    {"refusal": [{"param": "passengers.0.phone", "errors": ["Not a valid phone number."]}]},
    {"confirm": "timeout"},
    {"confirm": "timeout_but_done"},
    {"confirm": "fail"},
    {"ticketing": "sold_out"},
    {"ticketing": "technical_issue"},
    {"ticketing": "never"},
)
PROVIDERS = ("kiwi", "stripe", "resend", "twilio", "paypal")
PAYPAL_SHARE = 0.15
"""The part of the travelers that pay with PayPal."""
FUNDINGS = (
    "good", "good", "good", "declined", "denied", "review", "echeck", "bounced", "slow_refund", "failed_refund",
)  # fmt: skip
PAYMENT_PROVIDERS = frozenset({"stripe", "paypal"})


@dataclass(frozen=True, slots=True)
class PlannedEvent:
    """`at` in seconds from the beginning; what happens at a point of the program, or to a webhook, has no time."""

    kind: str
    at: float | None = None
    params: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        when = f"{self.at:9.2f} s" if self.at is not None else " " * 11
        return f"{when}  {self.kind:<9} {' '.join(f'{name}={_short(value)}' for name, value in self.params.items())}"


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


@dataclass(frozen=True, slots=True)
class RunPlan:
    """`event_indexes` are the places of the events in the seed's whole list."""

    seed: int
    events: tuple[PlannedEvent, ...]
    event_indexes: tuple[int, ...]

    def events_of_kind(self, *kinds: str) -> list[PlannedEvent]:
        return [one for one in self.events if one.kind in kinds]

    def keep_events(self, kept: Sequence[int]) -> "RunPlan":
        by_place = dict(zip(self.event_indexes, self.events, strict=True))
        places = tuple(sorted(set(kept) & by_place.keys()))
        return RunPlan(self.seed, tuple(by_place[one] for one in places), places)

    @property
    def essential_indexes(self) -> frozenset[int]:
        """Without a booking there is nothing to look at."""
        return frozenset(
            place for place, one in zip(self.event_indexes, self.events, strict=True) if one.kind == "book"
        )


def draw_plan(seed: int) -> RunPlan:
    """The same seed is the same plan, whatever else is drawn."""
    roll = Random(f"plan:{seed}")  # noqa: S311 (it has to be the same each time)
    events: list[PlannedEvent] = []
    for who in range(roll.choices((1, 2), (5, 1))[0]):
        events += _journey(roll, who)
    last = max(0, *(one.params["who"] for one in events))
    paid = tuple(one.at for one in events if one.kind == "pay" and one.at is not None)
    by = frozenset(one.params.get("provider", "stripe") for one in events if one.kind == "pay") or frozenset({"stripe"})
    for _ in range(min(7, round(roll.expovariate(0.4)))):
        events += roll.choices(_TROUBLES, _WEIGHTS)[0](EventSampler(roll, roll.randint(0, last), paid, by))
    events.sort(key=lambda one: -1.0 if one.at is None else one.at)
    return RunPlan(seed, tuple(events), tuple(range(len(events))))


def _journey(roll: Random, who: int) -> list[PlannedEvent]:
    """What a traveller does when nothing goes wrong, and often when it does."""
    at = roll.uniform(0, 2)
    events = [PlannedEvent("book", at, {"who": who, "currency": roll.choice(("EUR", "EUR", "GBP", "JPY"))})]
    if roll.random() < 0.06:  # noqa: PLR2004 (some never pay)
        return events
    if roll.random() < PAYPAL_SHARE:
        return events + _at_paypal(roll, who, at + roll.uniform(0.2, 60))
    card = roll.choice(CARDS)
    at += roll.choice((roll.uniform(0.2, 3), roll.uniform(0.2, 3), roll.uniform(60, 1900)))
    events.append(PlannedEvent("pay", at, {"who": who, "card": card}))
    if "threeD" in card and roll.random() < 0.8:  # noqa: PLR2004 (the rest is abandoned)
        at += roll.choice((roll.uniform(0.1, 20), roll.uniform(0.1, 20), roll.uniform(1000, 3000)))
        events.append(PlannedEvent("challenge", at, {"who": who, "passed": roll.random() < 0.8}))  # noqa: PLR2004
    if "Declined" in card or roll.random() < 0.12:  # noqa: PLR2004 (another card, or a second click)
        again = at + roll.choice((0.0, 0.02, roll.uniform(1, 30)))
        events.append(PlannedEvent("pay", again, {"who": who, "card": "pm_card_visa"}))
    if "efund" in card and roll.random() < 0.5:  # noqa: PLR2004 (or nobody would see how its refunds go)
        events.append(PlannedEvent("cancel", at + roll.uniform(5, 600), {"who": who}))
    if roll.random() < 0.6:  # noqa: PLR2004 (the rest closes the browser)
        events.append(PlannedEvent("look", at + roll.choice((0.0, 0.05, 0.5, 10)), {"who": who}))
    if roll.random() < 0.5:  # noqa: PLR2004 (asked for consent, when the price has changed)
        agreed = {"who": who, "after": roll.choice((0.0, 2.0, 60.0))}
        events.append(PlannedEvent("accept", at + roll.choice((3.0, 30.0, 600.0)), agreed))
    return events


def _at_paypal(roll: Random, who: int, at: float) -> list[PlannedEvent]:
    """Approved on PayPal's page; after a decline with another card, as long as the traveler has patience."""
    funding, facts = roll.choice(FUNDINGS), {"who": who, "provider": "paypal"}
    thinking = roll.choice((0.0, roll.uniform(0.5, 20), roll.uniform(900, 2500), 4 * HOUR))  # the last: too late
    events = [PlannedEvent("pay", at, facts | {"funding": funding, "after": thinking})]
    at += thinking
    if funding in {"declined", "denied"} or roll.random() < 0.12:  # noqa: PLR2004 (or a second click)
        events.append(PlannedEvent("pay", at + roll.choice((0.02, roll.uniform(1, 60))), facts | {"funding": "good"}))
    if "refund" in funding and roll.random() < 0.5:  # noqa: PLR2004
        events.append(PlannedEvent("cancel", at + roll.uniform(5, 600), {"who": who}))
    if roll.random() < 0.6:  # noqa: PLR2004
        events.append(PlannedEvent("look", at + roll.choice((0.0, 0.05, 0.5, 10)), {"who": who}))
    return events


@dataclass(frozen=True, slots=True)
class EventSampler:
    """`payment_times` is when somebody pays: the moments after it are those in which most is at stake.

    `payment_providers` are the payment providers of the run: trouble at another one would be none.
    """

    random: Random
    traveler: int
    payment_times: tuple[float, ...]
    payment_providers: frozenset[str] = frozenset({"stripe"})

    def filter_providers(self, providers: Sequence[str]) -> list[str]:
        """Those that the run has to do with."""
        return [one for one in providers if one not in PAYMENT_PROVIDERS or one in self.payment_providers]

    def sample_time(self) -> float:
        """While most things happen, or long after."""
        roll = self.random
        if self.payment_times and roll.random() < 0.5:  # noqa: PLR2004
            return roll.choice(self.payment_times) + roll.uniform(0, roll.choice((0.8, 0.8, 20.0)))
        return roll.choice((roll.uniform(0, 5), roll.uniform(0, 60), roll.uniform(60, 4 * HOUR)))

    def sample_late_time(self) -> float:
        """At any moment, or more often when everything has come right."""
        if self.payment_times and self.random.random() < 0.6:  # noqa: PLR2004
            return max(self.payment_times) + self.random.uniform(120, 3 * HOUR)
        return self.sample_time()


def _fault(dice: EventSampler) -> list[PlannedEvent]:
    met = dice.filter_providers(PROVIDERS)
    faults = dice.random.choice((PROVIDER_CALLS, IRREVERSIBLE_CALLS))
    provider, method, path = dice.random.choice([one for one in faults if one[0] in met])
    kind = dice.random.choice(FAULT_KINDS)
    facts: dict[str, Any] = {
        "provider": provider,
        "method": method,
        "path": path,
        "kind": kind,
        "times": dice.random.choice((1, 1, 1, 2, 8)),
    }
    if kind in {"status", "timeout", "reset", "garbage"}:
        facts["after_effect"] = dice.random.random() < 0.5  # noqa: PLR2004
    if kind == "status":
        # 429 says that nothing was done: after the effect it would be a lie.
        facts["status"] = dice.random.choice((500, 502, 503) if facts["after_effect"] else (500, 503, 429))
    if kind == "slow":
        facts["delay"] = dice.random.choice((2.0, 12.0, 25.0))
    return [PlannedEvent("fault", dice.random.choice((0.0, 0.0, dice.sample_time())), facts)]


def _script(dice: EventSampler) -> list[PlannedEvent]:
    return [PlannedEvent("script", 0.0, dict(dice.random.choice(SUPPLIER_SCRIPTS)))]


def _cancel(dice: EventSampler) -> list[PlannedEvent]:
    at = dice.sample_time()
    events = [PlannedEvent("cancel", at, {"who": dice.traveler})]
    if dice.random.random() < 0.3:  # noqa: PLR2004 (an impatient finger)
        events.append(PlannedEvent("cancel", at + dice.random.choice((0.0, 0.01, 1.0)), {"who": dice.traveler}))
    return events


def _airline(dice: EventSampler) -> list[PlannedEvent]:
    status = dice.random.choice(("cancelled", "cancelled", "delayed", "refund"))
    return [PlannedEvent("airline", dice.sample_time(), {"who": dice.traveler, "status": status})]


def _dashboard(dice: EventSampler) -> list[PlannedEvent]:
    share = dice.random.choice((1.0, 1.0, 0.4))
    events = [PlannedEvent("refund", dice.sample_late_time(), {"who": dice.traveler, "share": share})]
    if share < 1 and dice.random.random() < 0.5:  # noqa: PLR2004
        events.append(PlannedEvent("refund", dice.sample_late_time(), {"who": dice.traveler, "share": 0.3}))
    return events + _unheard(dice)


def _unheard(dice: EventSampler) -> list[PlannedEvent]:
    """Often nobody tells the hub what was done elsewhere: it has to look by itself."""
    provider = dice.random.choice(sorted(dice.payment_providers))
    return [PlannedEvent("mute", None, {"provider": provider})] if dice.random.random() < 0.3 else []  # noqa: PLR2004


def _staff(dice: EventSampler) -> list[PlannedEvent]:
    """A person gives a part back, or all; often with a second click, or a colleague's."""
    share = dice.random.choice((None, 1.0, 0.4, 0.4))
    facts = {"who": dice.traveler, "share": share, "keyed": dice.random.random() < 0.5}  # noqa: PLR2004 (else: ask first)
    at = dice.sample_late_time()
    events = [PlannedEvent("repay", at, facts)]
    if dice.random.random() < 0.4:  # noqa: PLR2004
        events.append(PlannedEvent("repay", at + dice.random.choice((0.0, 0.05, 30.0)), facts))
    if dice.random.random() < 0.4:  # noqa: PLR2004 (the answer to it is lost)
        provider = dice.random.choice(sorted(dice.payment_providers))
        path = {"stripe": "/v1/refunds", "paypal": "/v2/payments/captures/*/refund"}[provider]
        lost = {"provider": provider, "method": "POST", "path": path, "kind": "reset", "after_effect": True}
        events.append(PlannedEvent("fault", 0.0, {**lost, "times": dice.random.choice((1, 4, 8))}))
    return events


def _dispute(dice: EventSampler) -> list[PlannedEvent]:
    """Rounds of a dispute: often an inquiry first, a decision, and now and then another one after it."""
    at, who = dice.sample_late_time(), {"who": dice.traveler}
    inquiry = dice.random.random() < 0.4  # noqa: PLR2004
    events = [PlannedEvent("dispute", at, who | {"inquiry": inquiry})]
    if inquiry and dice.random.random() < 0.7:  # noqa: PLR2004 (the rest comes to nothing)
        at += dice.random.uniform(0.01, HOUR)
        events.append(PlannedEvent("escalate", at, who))
    for _ in range(dice.random.choice((0, 1, 1, 1, 2))):  # the rest is never decided
        at += dice.random.uniform(0.01, HOUR)
        events.append(PlannedEvent("decide", at, who | {"outcome": dice.random.choice(("won", "lost"))}))
        at += dice.random.uniform(0.01, HOUR)
        events.append(PlannedEvent(dice.random.choice(("reopen", "reopen", "dispute")), at, who))
    return events + _unheard(dice)


def _part(dice: EventSampler) -> list[PlannedEvent]:
    """Somebody takes a part of what is held, in the dashboard; often while the supplier keeps the booking waiting."""
    at = dice.sample_time()
    events = [PlannedEvent("capture", at, {"who": dice.traveler, "share": dice.random.choice((0.2, 0.7, 0.9))})]
    if dice.payment_times and dice.random.random() < 0.8:  # noqa: PLR2004
        provider, method, path = dice.random.choice((PROVIDER_CALLS[0], PROVIDER_CALLS[8]))
        busy = {"provider": provider, "method": method, "path": path, "kind": "status", "status": 503, "times": 12}
        events.append(PlannedEvent("fault", min(dice.payment_times) - 0.01, busy | {"after_effect": False}))
    return events + _unheard(dice)


def _restart(dice: EventSampler) -> list[PlannedEvent]:
    """The providers are killed and come back with what they have kept."""
    return [PlannedEvent("restart", dice.sample_time())]


def _expire(dice: EventSampler) -> list[PlannedEvent]:
    return [PlannedEvent("expire", dice.sample_time(), {"who": dice.traveler})]


def _webhook(dice: EventSampler) -> list[PlannedEvent]:
    """Some of the first webhooks, or all of one provider, or all in a heap."""
    if dice.random.random() < 0.35:  # noqa: PLR2004
        return [
            PlannedEvent(
                "mute",
                None,
                {"provider": dice.random.choice(sorted(dice.payment_providers) * 2 + dice.filter_providers(PROVIDERS))},
            )
        ]
    if dice.random.random() < 0.2:  # noqa: PLR2004
        at = dice.sample_time()
        end = at + dice.random.uniform(1, 600)
        return [
            PlannedEvent(
                "hold",
                at,
                {"provider": dice.random.choice(dice.filter_providers(PROVIDERS)), "until": end, "backwards": True},
            )
        ]
    fate = dice.random.choice(("lost", "late", "late", "twice", "twice", "together"))
    seconds = {
        "late": dice.random.choice((dice.random.uniform(1, 90), 72 * HOUR)),
        "twice": dice.random.uniform(0, 90),
    }.get(fate, 0.0)
    return [PlannedEvent("webhook", None, {"number": dice.random.randrange(24), "fate": fate, "seconds": seconds})]


def _blow(dice: EventSampler) -> list[PlannedEvent]:
    kind = dice.random.choices(("kill", "drop", "stall"), (5, 2, 2))[0]
    seconds = {"kill": dice.random.choice((0.1, 3.0, 30.0)), "stall": dice.random.choice((0.5, 12.0, 45.0))}.get(
        kind, 0.0
    )
    facts = {"point": dice.random.randrange(130), "blow": kind, "after": dice.random.random() < 0.5, "seconds": seconds}  # noqa: PLR2004
    return [PlannedEvent("point", None, facts)]


def _schedule(dice: EventSampler) -> list[PlannedEvent]:
    return [PlannedEvent("schedules", dice.random.uniform(0, 10))]


def _lost_customer(dice: EventSampler) -> list[PlannedEvent]:
    """Deleted between two payments: the price rises, and the traveler pays anew."""
    at = dice.sample_time()
    events = [PlannedEvent("lose_customer", at, {"who": dice.traveler})]
    if dice.random.random() < 0.7:  # noqa: PLR2004
        agreed = {"who": dice.traveler, "after": dice.random.choice((0.0, 2.0))}
        events += [PlannedEvent("script", 0.0, {"price_change": {"factor": 1.2}})]
        events += [PlannedEvent("accept", at + wait, agreed) for wait in (5.0, 60.0)]
    return events


def _poison(dice: EventSampler) -> list[PlannedEvent]:
    return [PlannedEvent("poison", dice.sample_time(), {"who": dice.traveler})]


def _tabs(dice: EventSampler) -> list[PlannedEvent]:
    facts = {
        "who": dice.traveler,
        "tabs": dice.random.choice((2, 3, 5)),
        "after": dice.random.choice((0.0, 5.0, 900.0)),
    }
    return [PlannedEvent("tabs", dice.sample_time(), facts)]


SampleEvents = Callable[[EventSampler], list[PlannedEvent]]
_TROUBLES: tuple[SampleEvents, ...] = (
    _fault, _script, _cancel, _airline, _dashboard, _staff, _dispute, _expire, _webhook, _blow, _schedule, _part,
    _lost_customer, _poison, _restart, _tabs,
)  # fmt: skip
_WEIGHTS = (30, 8, 10, 7, 6, 5, 6, 3, 18, 22, 6, 4, 6, 6, 6, 5)
