"""What can differ, how much of a difference is let go, and what a run tells."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any
from uuid import UUID

from hub.core.errors import HubError
from hub.core.job_runner import describe_error
from hub.core.money import get_decimal_places
from hub.core.row_failures import RowFailure, is_transient


class BreakKind(StrEnum):
    """What a break is about. In brackets what its subject is."""

    STRAY_INTENT = "intent_without_payment"
    """Money at the provider under our mark, and no payment of ours (the intent)."""
    SECOND_INTENT = "second_intent"
    """A payment has an intent, and the provider another one for it (the intent)."""
    INTENT_MISSING = "intent_missing"
    """The provider does not know the intent of a payment (the payment)."""
    AMOUNT = "amount_differs"
    """The sum that was asked for (the payment)."""
    CAPTURED = "captured_differs"
    REFUNDED = "refunded_differs"
    DISPUTED = "disputed_differs"
    FEE = "fee_differs"
    STATUS = "status_differs"
    """Over for the hub, and at the provider it holds or takes money; or the other way round (the payment)."""
    BALANCE = "balance_differs"
    """What the provider's balance has got of a payment (the payment)."""
    STUCK = "payment_stuck"
    """Open for a day (the payment)."""
    HOLD_EXPIRING = "hold_expiring"
    """Held for five days, and a hold ends after seven (the payment)."""
    REFUND_STUCK = "refund_stuck"
    """Asked for, and not carried out for an hour (the refund)."""
    MONEY_WITHOUT_BOOKING = "money_without_booking"
    """Taken and not given back, and the booking has ended (the payment)."""
    REFUNDED_WITH_TICKET = "refunded_with_ticket"
    """All is given back, and the booking stands (the booking)."""
    DISPUTE_LOST_WITH_TICKET = "dispute_lost_with_ticket"
    """The bank has taken the money back, and the booking stands (the booking)."""
    TICKET_WITHOUT_BOOKING = "ticket_without_booking"
    """The supplier's order stands, and the booking has ended (the booking)."""
    BOOKING_WITHOUT_TICKET = "booking_without_ticket"
    """The booking stands, and the supplier's order does not (the booking)."""
    ORDER_MISSING = "order_missing"
    """The supplier does not know the order of a booking (the booking)."""
    ORDER_UNCLEAR = "order_unclear"
    """The supplier says of an order what the hub does not understand (the booking)."""
    PRICE = "price_differs"
    """The supplier charges another price than the one that was sold (the booking)."""
    LEDGER = "books_unbalanced"
    """A rule of double entry that is not true (the rule and what breaks it)."""


PROPOSALS: Mapping[BreakKind, str] = MappingProxyType({
    BreakKind.STRAY_INTENT: "Find out at the provider whose money it is; cancel or refund it there if it is nobody's.",
    BreakKind.SECOND_INTENT: "Let the second one go: cancel it, or give back what it has taken.",
    BreakKind.INTENT_MISSING: "Check that the account and the mode of the keys are those the payment was made with.",
    BreakKind.AMOUNT: "Confirm nothing. Compare both sums with what the traveler has agreed to, then refund or cancel.",
    BreakKind.CAPTURED: "Compare with the provider's own page of the payment; the books have another sum taken.",
    BreakKind.REFUNDED: "Compare the refunds one by one with the provider's page; the books show another sum.",
    BreakKind.DISPUTED: "Compare the disputes one by one with the provider's page.",
    BreakKind.FEE: "Book the difference of the fee by hand.",
    BreakKind.STATUS: "Look at the payment at the provider: give back what it holds, or find out where the money went.",
    BreakKind.BALANCE: "Compare the lines of the provider's balance with the movements in the books.",
    BreakKind.STUCK: "Ask the provider what keeps the payment open; cancel it if nobody waits for it.",
    BreakKind.HOLD_EXPIRING: "Take the money if the journey is ordered, let it go if not, before the hold runs out.",
    BreakKind.REFUND_STUCK: "Carry the refund out once more.",
    BreakKind.MONEY_WITHOUT_BOOKING: "Give the rest of the money back.",
    BreakKind.REFUNDED_WITH_TICKET: "Cancel the booking and its ticket, or ask the traveller to pay again.",
    BreakKind.DISPUTE_LOST_WITH_TICKET: "Cancel the booking and its ticket if the journey has not been made.",
    BreakKind.TICKET_WITHOUT_BOOKING: "Cancel the order with the supplier.",
    BreakKind.BOOKING_WITHOUT_TICKET: "End the booking and give the money back, or order anew.",
    BreakKind.ORDER_MISSING: "Ask the supplier for the order; end the booking if there is none.",
    BreakKind.ORDER_UNCLEAR: "Look at the order on the supplier's own pages.",
    BreakKind.PRICE: "Compare with the supplier's invoice.",
    BreakKind.LEDGER: "Find the movement that is wrong, and correct it with another one.",
})  # fmt: skip

REVIEWED_KINDS = frozenset(
    {
        BreakKind.STRAY_INTENT,
        BreakKind.SECOND_INTENT,
        BreakKind.INTENT_MISSING,
        BreakKind.AMOUNT,
        BreakKind.CAPTURED,
        BreakKind.REFUNDED,
        BreakKind.DISPUTED,
        BreakKind.STATUS,
        BreakKind.BALANCE,
        BreakKind.STUCK,
        BreakKind.HOLD_EXPIRING,
        BreakKind.MONEY_WITHOUT_BOOKING,
        BreakKind.REFUNDED_WITH_TICKET,
        BreakKind.DISPUTE_LOST_WITH_TICKET,
        BreakKind.TICKET_WITHOUT_BOOKING,
        BreakKind.BOOKING_WITHOUT_TICKET,
        BreakKind.ORDER_MISSING,
        BreakKind.LEDGER,
    }
)
"""Those over which somebody has to act; the others are only to be known."""

_SMALL = {
    "BHD": 20, "CLP": 50, "CZK": 100, "DKK": 50, "HUF": 1_000, "IDR": 50_000, "INR": 400, "ISK": 10, "JOD": 20,
    "JPY": 5, "KRW": 50, "KWD": 20, "MXN": 100, "NOK": 50, "OMR": 20, "PHP": 300, "PLN": 20, "SEK": 50, "THB": 200,
    "TND": 100, "TRY": 150, "TWD": 200, "VND": 100_000, "ZAR": 100,
}  # fmt: skip
_CENTS, _TWO_DECIMALS = 5, 2


def get_write_off_limit(currency: str) -> int:
    """Up to how much of a payment, in minor units, is written off without asking: about five euro cents.

    Nothing where a currency without two decimals is not in the table.
    """
    return _SMALL.get(currency, _CENTS if get_decimal_places(currency) == _TWO_DECIMALS else 0)


@dataclass(frozen=True, slots=True)
class Finding:
    """A break as a run sees it. `ours` and `theirs` hold what differs, and nothing that changes by itself."""

    kind: BreakKind
    subject: str
    ours: dict[str, Any]
    theirs: dict[str, Any]
    booking_id: UUID | None = None
    payment_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class ComparisonResult:
    """What one part of a run has looked at: breaks of these kinds and subjects (None: all) that it has not found are
    there no more.
    """

    kinds: frozenset[BreakKind]
    findings: tuple[Finding, ...]
    subjects: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Break:
    """A break on record. `closed_because` is `gone`, `written_off`, or `accepted` by the person in `closed_by`."""

    id: UUID
    kind: str
    subject: str
    booking_id: UUID | None
    payment_id: UUID | None
    ours: dict[str, Any]
    theirs: dict[str, Any]
    proposal: str
    found_at: datetime
    seen_at: datetime
    closed_at: datetime | None
    closed_because: str | None
    closed_by: str | None
    note: str | None


@dataclass(frozen=True, slots=True)
class RunNote:
    """A part of the run that could not be done, or one row of it (`row_failed`), and why."""

    part: str
    provider: str
    code: str
    text: str


@dataclass(slots=True)
class ReconciliationReport:
    """One run. `looked_at`, `mended` and `open` count by name; `new` and `closed` are breaks.

    `sums`, by provider and currency in minor units: what its balance has got of the payments of this window, and what
    the books have of the same payments.
    """

    since: datetime
    started_at: datetime
    ended_at: datetime | None = None
    looked_at: dict[str, int] = field(default_factory=dict)
    mended: dict[str, int] = field(default_factory=dict)
    new: dict[str, int] = field(default_factory=dict)
    closed: dict[str, int] = field(default_factory=dict)
    open: dict[str, int] = field(default_factory=dict)
    sums: dict[str, dict[str, dict[str, int]]] = field(default_factory=dict)
    notes: list[RunNote] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Nothing is open, and everything could be looked at."""
        return not self.open and not self.notes

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"clean": self.is_clean}


MAX_NOTES = 20
ROW_FAILED = "row_failed"
"""The code of a note about one row. Others stand for a part that could not be done, or a provider that is away."""


def add_failure_notes(
    report: ReconciliationReport, part: str, provider: str, failures: Sequence[RowFailure[Any]]
) -> None:
    """Adds a note for each row that could not be compared; of very many only the first."""
    for failure in failures[:MAX_NOTES]:
        error = failure.error
        code = error.code if isinstance(error, HubError) and is_transient(error) else ROW_FAILED
        report.notes.append(RunNote(part, provider, code, f"{failure.key.id}: {describe_error(error)}"))


def add_count(into: dict[str, int], name: str, by: int = 1) -> None:
    """Adds; a name that counts nothing is left out."""
    if by:
        into[str(name)] = into.get(name, 0) + by
