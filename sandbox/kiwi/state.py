"""What the emulator remembers, in `world.providers["kiwi"]`. Made anew after a reset."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sandbox.kiwi.tokens import Offered
from sandbox.tables import Table
from sandbox.world import World

NAME = "kiwi"
DEFAULT_POLLS = 1


@dataclass(slots=True)
class Check:
    """One session of check_flights. `factor` multiplies the price of the search."""

    session_id: str
    token: str
    polls_left: int
    factor: float = 1.0
    invalid: bool = False
    bags: int = 0
    document_need: int | None = None
    adult_threshold: int | None = None
    """What a script says in the place of the rules."""

    @property
    def ready(self) -> bool:
        return self.polls_left <= 0


@dataclass(slots=True)
class Booking:
    """`status`: open (not paid), received (paid), then confirmed or what a callback says; cancelled when lapsed."""

    id: int
    transaction_id: str
    auth_token: str
    offered: Offered
    session_id: str
    cents: int
    passengers: list[dict[str, Any]]
    """Each with `hold_bags` and `hand_bags`, as they were ordered."""
    created_at: datetime
    currency: str
    status: str = "open"
    confirms_asked: int = 0
    confirms_done: int = 0
    pnrs: list[str] = field(default_factory=list)
    e_tickets: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Scripted:
    """An outcome for coming calls, `times` of them. `outcome` is check, save, confirm or ticketing."""

    outcome: str
    value: Any
    times: int


@dataclass(slots=True)
class Kiwi:
    script: list[Scripted] = field(default_factory=list)
    checks: Table[str, Check] = field(default_factory=Table)
    bookings: Table[int, Booking] = field(default_factory=Table)
    grants: Table[str, datetime] = field(default_factory=Table)
    """Authorization tokens of the manage API and when they were given."""
    ids_given: int = 0

    def next_id(self) -> int:
        self.ids_given += 1
        return self.ids_given

    def take(self, outcome: str) -> Any:
        """The next scripted value of that kind; None when there is none."""
        for entry in self.script:
            if entry.outcome == outcome:
                entry.times -= 1
                if entry.times <= 0:
                    self.script.remove(entry)
                return entry.value
        return None


def state(world: World) -> Kiwi:
    return world.state(NAME, Kiwi)
