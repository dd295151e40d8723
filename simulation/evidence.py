"""What is known of a run when it is over, and what speaks against it."""

from dataclasses import dataclass, field
from typing import Any

from sandbox.stripe.state import Object
from simulation.actions import Actions, SimulatedTraveler
from simulation.environment import Environment


@dataclass(frozen=True, slots=True)
class RuleViolation:
    """A sentence that is not true, and what speaks against it."""

    rule: str
    detail: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.detail}"


@dataclass
class BookingEvidence:
    """All that is known of one booking when the run is over. `booking` and the rest are rows of the hub."""

    traveler: SimulatedTraveler
    booking: dict[str, Any]
    payments: list[dict[str, Any]]
    review_items: list[str]
    intents: list[Object]
    charges: list[Object]
    refunds: list[Object]
    disputes: list[Object]
    orders: list[Any]
    emails: list[Any]
    texts: list[Any]
    has_lost_webhooks: bool
    """Webhooks of the payment provider were lost, and the hub looks up only payments that are open."""

    @property
    def captured_amount(self) -> int:
        """Minor units of Stripe's that were captured."""
        return sum(one["amount_captured"] for one in self.charges if one["captured"] and one["paid"])

    @property
    def returned_amount(self) -> int:
        """What has gone back, or is on its way. What is let go of a hold was never taken."""
        captured = {one["id"] for one in self.charges if one["captured"]}
        given = sum(
            one["amount"]
            for one in self.refunds
            if one["charge"] in captured and one["status"] in {"succeeded", "pending"}
        )
        return int(given + self.disputed_amount)

    @property
    def disputed_amount(self) -> int:
        """What the banks have. An inquiry takes nothing."""
        return sum(
            one["amount"] for one in self.disputes if one["status"] in {"needs_response", "under_review", "lost"}
        )

    @property
    def has_partial_captures(self) -> bool:
        """Less than what was held has been captured, which only a person at the dashboard does."""
        return bool(self.partial_captures)

    @property
    def partial_captures(self) -> list[Any]:
        """The charges of which only a part was captured."""
        taken = (charge for charge in self.charges if charge["captured"] and charge["paid"])
        return [charge for charge in taken if charge["amount_captured"] < charge["amount"]]

    @property
    def replaced_partial_captures(self) -> list[Any]:
        """Those of payments that another payment has taken the place of: they go back while the booking goes on."""
        replaced = {row["intent_id"] for row in self.payments if row["superseded_at"] is not None}
        return [charge for charge in self.partial_captures if charge["payment_intent"] in replaced]

    @property
    def retained_partial_amount(self) -> int:
        """What has not gone back of the parts, in the provider's minor units."""
        names = {charge["id"] for charge in self.partial_captures}
        given = sum(
            refund["amount"]
            for refund in self.refunds
            if refund["charge"] in names and refund["status"] in {"succeeded", "pending"}
        )
        return int(sum(charge["amount_captured"] for charge in self.partial_captures) - given - self.disputed_amount)

    @property
    def ticketed_orders(self) -> list[Any]:
        return [one for one in self.orders if one.confirmations and one.status in {"received", "confirmed"}]

    @property
    def has_lapsed_hold(self) -> bool:
        """The bank has let go of the money by itself."""
        return any(one["cancellation_reason"] == "automatic" for one in self.intents)

    @property
    def has_review_item(self) -> bool:
        """A person has been asked to look at it; what a supplier has refused is looked at after its money is back."""
        return bool(set(self.review_items) - {"order_refused"})


@dataclass
class RunEvidence:
    environment: Environment
    actions: Actions
    travelers: list[SimulatedTraveler]
    has_lost_webhooks: bool
    outcomes: list[str] = field(default_factory=list)
    bookings: list[BookingEvidence] = field(default_factory=list)
