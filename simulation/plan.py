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
FAULTS = (
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
FATEFUL = tuple(one for one in FAULTS if one[2].endswith(_FATEFUL))
"""Those that cannot be taken back."""
HOW = ("status", "status", "timeout", "reset", "garbage", "cut", "slow")
SCRIPTS: tuple[dict[str, Any], ...] = (
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
BY_PAYPAL = 0.15
"""The part of the travelers that pay with PayPal."""
FUNDINGS = (
    "good", "good", "good", "declined", "denied", "review", "echeck", "bounced", "slow_refund", "failed_refund",
)  # fmt: skip
PAYMENTS = frozenset({"stripe", "paypal"})


@dataclass(frozen=True, slots=True)
class Event:
    """`at` in seconds from the beginning; what happens at a point of the program, or to a webhook, has no time."""

    kind: str
    at: float | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        when = f"{self.at:9.2f} s" if self.at is not None else " " * 11
        return f"{when}  {self.kind:<9} {' '.join(f'{name}={_short(value)}' for name, value in self.facts.items())}"


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


@dataclass(frozen=True, slots=True)
class Plan:
    """`kept` are the places of the events in the seed's whole list."""

    seed: int
    events: tuple[Event, ...]
    kept: tuple[int, ...]

    def of(self, *kinds: str) -> list[Event]:
        return [one for one in self.events if one.kind in kinds]

    def only(self, kept: Sequence[int]) -> "Plan":
        by_place = dict(zip(self.kept, self.events, strict=True))
        places = tuple(sorted(set(kept) & by_place.keys()))
        return Plan(self.seed, tuple(by_place[one] for one in places), places)

    @property
    def essential(self) -> frozenset[int]:
        """Without a booking there is nothing to look at."""
        return frozenset(place for place, one in zip(self.kept, self.events, strict=True) if one.kind == "book")


def drawn(seed: int) -> Plan:
    """The same seed is the same plan, whatever else is drawn."""
    roll = Random(f"plan:{seed}")  # noqa: S311 (it has to be the same each time)
    events: list[Event] = []
    for who in range(roll.choices((1, 2), (5, 1))[0]):
        events += _journey(roll, who)
    last = max(0, *(one.facts["who"] for one in events))
    paid = tuple(one.at for one in events if one.kind == "pay" and one.at is not None)
    by = frozenset(one.facts.get("provider", "stripe") for one in events if one.kind == "pay") or frozenset({"stripe"})
    for _ in range(min(7, round(roll.expovariate(0.4)))):
        events += roll.choices(_TROUBLES, _WEIGHTS)[0](Dice(roll, roll.randint(0, last), paid, by))
    events.sort(key=lambda one: -1.0 if one.at is None else one.at)
    return Plan(seed, tuple(events), tuple(range(len(events))))


def _journey(roll: Random, who: int) -> list[Event]:
    """What a traveller does when nothing goes wrong, and often when it does."""
    at = roll.uniform(0, 2)
    events = [Event("book", at, {"who": who, "currency": roll.choice(("EUR", "EUR", "GBP", "JPY"))})]
    if roll.random() < 0.06:  # noqa: PLR2004 (some never pay)
        return events
    if roll.random() < BY_PAYPAL:
        return events + _at_paypal(roll, who, at + roll.uniform(0.2, 60))
    card = roll.choice(CARDS)
    at += roll.choice((roll.uniform(0.2, 3), roll.uniform(0.2, 3), roll.uniform(60, 1900)))
    events.append(Event("pay", at, {"who": who, "card": card}))
    if "threeD" in card and roll.random() < 0.8:  # noqa: PLR2004 (the rest is abandoned)
        at += roll.choice((roll.uniform(0.1, 20), roll.uniform(0.1, 20), roll.uniform(1000, 3000)))
        events.append(Event("challenge", at, {"who": who, "passed": roll.random() < 0.8}))  # noqa: PLR2004
    if "Declined" in card or roll.random() < 0.12:  # noqa: PLR2004 (another card, or a second click)
        again = at + roll.choice((0.0, 0.02, roll.uniform(1, 30)))
        events.append(Event("pay", again, {"who": who, "card": "pm_card_visa"}))
    if "efund" in card and roll.random() < 0.5:  # noqa: PLR2004 (or nobody would see how its refunds go)
        events.append(Event("cancel", at + roll.uniform(5, 600), {"who": who}))
    if roll.random() < 0.6:  # noqa: PLR2004 (the rest closes the browser)
        events.append(Event("look", at + roll.choice((0.0, 0.05, 0.5, 10)), {"who": who}))
    if roll.random() < 0.5:  # noqa: PLR2004 (asked for consent, when the price has changed)
        agreed = {"who": who, "after": roll.choice((0.0, 2.0, 60.0))}
        events.append(Event("accept", at + roll.choice((3.0, 30.0, 600.0)), agreed))
    return events


def _at_paypal(roll: Random, who: int, at: float) -> list[Event]:
    """Approved on PayPal's page; after a decline with another card, as long as the traveler has patience."""
    funding, facts = roll.choice(FUNDINGS), {"who": who, "provider": "paypal"}
    thinking = roll.choice((0.0, roll.uniform(0.5, 20), roll.uniform(900, 2500), 4 * HOUR))  # the last: too late
    events = [Event("pay", at, facts | {"funding": funding, "after": thinking})]
    at += thinking
    if funding in {"declined", "denied"} or roll.random() < 0.12:  # noqa: PLR2004 (or a second click)
        events.append(Event("pay", at + roll.choice((0.02, roll.uniform(1, 60))), facts | {"funding": "good"}))
    if "refund" in funding and roll.random() < 0.5:  # noqa: PLR2004
        events.append(Event("cancel", at + roll.uniform(5, 600), {"who": who}))
    if roll.random() < 0.6:  # noqa: PLR2004
        events.append(Event("look", at + roll.choice((0.0, 0.05, 0.5, 10)), {"who": who}))
    return events


@dataclass(frozen=True, slots=True)
class Dice:
    """`paid` is when somebody pays: the moments after it are those in which most is at stake.

    `by` are the payment providers of the run: trouble at another one would be none.
    """

    roll: Random
    who: int
    paid: tuple[float, ...]
    by: frozenset[str] = frozenset({"stripe"})

    def met(self, providers: Sequence[str]) -> list[str]:
        """Those that the run has to do with."""
        return [one for one in providers if one not in PAYMENTS or one in self.by]

    def moment(self) -> float:
        """While most things happen, or long after."""
        roll = self.roll
        if self.paid and roll.random() < 0.5:  # noqa: PLR2004
            return roll.choice(self.paid) + roll.uniform(0, roll.choice((0.8, 0.8, 20.0)))
        return roll.choice((roll.uniform(0, 5), roll.uniform(0, 60), roll.uniform(60, 4 * HOUR)))

    def afterwards(self) -> float:
        """At any moment, or more often when everything has come right."""
        if self.paid and self.roll.random() < 0.6:  # noqa: PLR2004
            return max(self.paid) + self.roll.uniform(120, 3 * HOUR)
        return self.moment()


def _fault(dice: Dice) -> list[Event]:
    met = dice.met(PROVIDERS)
    faults = dice.roll.choice((FAULTS, FATEFUL))
    provider, method, path = dice.roll.choice([one for one in faults if one[0] in met])
    kind = dice.roll.choice(HOW)
    facts: dict[str, Any] = {
        "provider": provider,
        "method": method,
        "path": path,
        "kind": kind,
        "times": dice.roll.choice((1, 1, 1, 2, 8)),
    }
    if kind in {"status", "timeout", "reset", "garbage"}:
        facts["after_effect"] = dice.roll.random() < 0.5  # noqa: PLR2004
    if kind == "status":
        # 429 says that nothing was done: after the effect it would be a lie.
        facts["status"] = dice.roll.choice((500, 502, 503) if facts["after_effect"] else (500, 503, 429))
    if kind == "slow":
        facts["delay"] = dice.roll.choice((2.0, 12.0, 25.0))
    return [Event("fault", dice.roll.choice((0.0, 0.0, dice.moment())), facts)]


def _script(dice: Dice) -> list[Event]:
    return [Event("script", 0.0, dict(dice.roll.choice(SCRIPTS)))]


def _cancel(dice: Dice) -> list[Event]:
    at = dice.moment()
    events = [Event("cancel", at, {"who": dice.who})]
    if dice.roll.random() < 0.3:  # noqa: PLR2004 (an impatient finger)
        events.append(Event("cancel", at + dice.roll.choice((0.0, 0.01, 1.0)), {"who": dice.who}))
    return events


def _airline(dice: Dice) -> list[Event]:
    status = dice.roll.choice(("cancelled", "cancelled", "delayed", "refund"))
    return [Event("airline", dice.moment(), {"who": dice.who, "status": status})]


def _dashboard(dice: Dice) -> list[Event]:
    share = dice.roll.choice((1.0, 1.0, 0.4))
    events = [Event("refund", dice.afterwards(), {"who": dice.who, "share": share})]
    if share < 1 and dice.roll.random() < 0.5:  # noqa: PLR2004
        events.append(Event("refund", dice.afterwards(), {"who": dice.who, "share": 0.3}))
    return events + _unheard(dice)


def _unheard(dice: Dice) -> list[Event]:
    """Often nobody tells the hub what was done elsewhere: it has to look by itself."""
    provider = dice.roll.choice(sorted(dice.by))
    return [Event("mute", None, {"provider": provider})] if dice.roll.random() < 0.3 else []  # noqa: PLR2004


def _staff(dice: Dice) -> list[Event]:
    """A person gives a part back, or all; often with a second click, or a colleague's."""
    share = dice.roll.choice((None, 1.0, 0.4, 0.4))
    facts = {"who": dice.who, "share": share, "keyed": dice.roll.random() < 0.5}  # noqa: PLR2004 (else: ask first)
    at = dice.afterwards()
    events = [Event("repay", at, facts)]
    if dice.roll.random() < 0.4:  # noqa: PLR2004
        events.append(Event("repay", at + dice.roll.choice((0.0, 0.05, 30.0)), facts))
    if dice.roll.random() < 0.4:  # noqa: PLR2004 (the answer to it is lost)
        provider = dice.roll.choice(sorted(dice.by))
        path = {"stripe": "/v1/refunds", "paypal": "/v2/payments/captures/*/refund"}[provider]
        lost = {"provider": provider, "method": "POST", "path": path, "kind": "reset", "after_effect": True}
        events.append(Event("fault", 0.0, {**lost, "times": dice.roll.choice((1, 4, 8))}))
    return events


def _dispute(dice: Dice) -> list[Event]:
    """Rounds of a dispute: often an inquiry first, a decision, and now and then another one after it."""
    at, who = dice.afterwards(), {"who": dice.who}
    inquiry = dice.roll.random() < 0.4  # noqa: PLR2004
    events = [Event("dispute", at, who | {"inquiry": inquiry})]
    if inquiry and dice.roll.random() < 0.7:  # noqa: PLR2004 (the rest comes to nothing)
        at += dice.roll.uniform(0.01, HOUR)
        events.append(Event("escalate", at, who))
    for _ in range(dice.roll.choice((0, 1, 1, 1, 2))):  # the rest is never decided
        at += dice.roll.uniform(0.01, HOUR)
        events.append(Event("decide", at, who | {"outcome": dice.roll.choice(("won", "lost"))}))
        at += dice.roll.uniform(0.01, HOUR)
        events.append(Event(dice.roll.choice(("reopen", "reopen", "dispute")), at, who))
    return events + _unheard(dice)


def _part(dice: Dice) -> list[Event]:
    """Somebody takes a part of what is held, in the dashboard; often while the supplier keeps the booking waiting."""
    at = dice.moment()
    events = [Event("capture", at, {"who": dice.who, "share": dice.roll.choice((0.2, 0.7, 0.9))})]
    if dice.paid and dice.roll.random() < 0.8:  # noqa: PLR2004
        provider, method, path = dice.roll.choice((FAULTS[0], FAULTS[8]))
        busy = {"provider": provider, "method": method, "path": path, "kind": "status", "status": 503, "times": 12}
        events.append(Event("fault", min(dice.paid) - 0.01, busy | {"after_effect": False}))
    return events + _unheard(dice)


def _restart(dice: Dice) -> list[Event]:
    """The providers are killed and come back with what they have kept."""
    return [Event("restart", dice.moment())]


def _expire(dice: Dice) -> list[Event]:
    return [Event("expire", dice.moment(), {"who": dice.who})]


def _webhook(dice: Dice) -> list[Event]:
    """Some of the first webhooks, or all of one provider, or all in a heap."""
    if dice.roll.random() < 0.35:  # noqa: PLR2004
        return [Event("mute", None, {"provider": dice.roll.choice(sorted(dice.by) * 2 + dice.met(PROVIDERS))})]
    if dice.roll.random() < 0.2:  # noqa: PLR2004
        at = dice.moment()
        end = at + dice.roll.uniform(1, 600)
        return [Event("hold", at, {"provider": dice.roll.choice(dice.met(PROVIDERS)), "until": end, "backwards": True})]
    fate = dice.roll.choice(("lost", "late", "late", "twice", "twice", "together"))
    seconds = {"late": dice.roll.choice((dice.roll.uniform(1, 90), 72 * HOUR)), "twice": dice.roll.uniform(0, 90)}.get(
        fate, 0.0
    )
    return [Event("webhook", None, {"number": dice.roll.randrange(24), "fate": fate, "seconds": seconds})]


def _blow(dice: Dice) -> list[Event]:
    kind = dice.roll.choices(("kill", "drop", "stall"), (5, 2, 2))[0]
    seconds = {"kill": dice.roll.choice((0.1, 3.0, 30.0)), "stall": dice.roll.choice((0.5, 12.0, 45.0))}.get(kind, 0.0)
    facts = {"point": dice.roll.randrange(130), "blow": kind, "after": dice.roll.random() < 0.5, "seconds": seconds}  # noqa: PLR2004
    return [Event("point", None, facts)]


def _schedule(dice: Dice) -> list[Event]:
    return [Event("schedules", dice.roll.uniform(0, 10))]


def _lost_customer(dice: Dice) -> list[Event]:
    """Deleted between two payments: the price rises, and the traveler pays anew."""
    at = dice.moment()
    events = [Event("lose_customer", at, {"who": dice.who})]
    if dice.roll.random() < 0.7:  # noqa: PLR2004
        agreed = {"who": dice.who, "after": dice.roll.choice((0.0, 2.0))}
        events += [Event("script", 0.0, {"price_change": {"factor": 1.2}})]
        events += [Event("accept", at + wait, agreed) for wait in (5.0, 60.0)]
    return events


def _poison(dice: Dice) -> list[Event]:
    return [Event("poison", dice.moment(), {"who": dice.who})]


def _tabs(dice: Dice) -> list[Event]:
    facts = {"who": dice.who, "tabs": dice.roll.choice((2, 3, 5)), "after": dice.roll.choice((0.0, 5.0, 900.0))}
    return [Event("tabs", dice.moment(), facts)]


Draw = Callable[[Dice], list[Event]]
_TROUBLES: tuple[Draw, ...] = (
    _fault, _script, _cancel, _airline, _dashboard, _staff, _dispute, _expire, _webhook, _blow, _schedule, _part,
    _lost_customer, _poison, _restart, _tabs,
)  # fmt: skip
_WEIGHTS = (30, 8, 10, 7, 6, 5, 6, 3, 18, 22, 6, 4, 6, 6, 6, 5)
