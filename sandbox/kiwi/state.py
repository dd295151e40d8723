"""What the emulator remembers, in `world.providers["kiwi"]`. Made anew after a reset."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sandbox.kiwi.tokens import OfferedItinerary
from sandbox.state import SandboxState
from sandbox.tables import TrackedTable

EMULATOR_NAME = "kiwi"
DEFAULT_POLLS = 1


@dataclass(slots=True)
class CheckSession:
    """One session of check_flights. `factor` multiplies the price of the search."""

    session_id: str
    token: str
    polls_left: int
    factor: float = 1.0
    is_invalid: bool = False
    bag_count: int = 0
    document_need: int | None = None
    adult_threshold: int | None = None
    """What a script says in the place of the rules."""

    @property
    def is_ready(self) -> bool:
        return self.polls_left <= 0


@dataclass(slots=True)
class KiwiBooking:
    """`status`: open (not paid), received (paid), then confirmed or what a callback says; cancelled when lapsed."""

    id: int
    transaction_id: str
    auth_token: str
    offered: OfferedItinerary
    session_id: str
    cents: int
    passengers: list[dict[str, Any]]
    """Each with `hold_bags` and `hand_bags`, as they were ordered."""
    created_at: datetime
    currency: str
    status: str = "open"
    confirm_requests: int = 0
    confirmations: int = 0
    pnrs: list[str] = field(default_factory=list)
    e_tickets: list[str] = field(default_factory=list)


@dataclass(slots=True)
class ScriptedOutcome:
    """An outcome for coming calls, `times` of them. `outcome` is check, save, confirm or ticketing."""

    outcome: str
    value: Any
    times: int


@dataclass(slots=True)
class KiwiState:
    scripted_outcomes: list[ScriptedOutcome] = field(default_factory=list)
    checks: TrackedTable[str, CheckSession] = field(default_factory=TrackedTable)
    bookings: TrackedTable[int, KiwiBooking] = field(default_factory=TrackedTable)
    grants: TrackedTable[str, datetime] = field(default_factory=TrackedTable)
    """Authorization tokens of the manage API and when they were given."""
    ids_given: int = 0

    def next_id(self) -> int:
        self.ids_given += 1
        return self.ids_given

    def take_outcome(self, outcome: str) -> Any:
        """The next scripted value of that kind; None when there is none."""
        for entry in self.scripted_outcomes:
            if entry.outcome == outcome:
                entry.times -= 1
                if entry.times <= 0:
                    self.scripted_outcomes.remove(entry)
                return entry.value
        return None


def get_kiwi_state(world: SandboxState) -> KiwiState:
    return world.get_state(EMULATOR_NAME, KiwiState)
