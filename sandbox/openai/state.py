"""One sandbox account: kept responses, calls, faults and pace. Made anew after a reset."""

from dataclasses import dataclass, field
from typing import Any

from sandbox.codec import TRANSIENT
from sandbox.state import SandboxState
from sandbox.tables import TrackedTable

MAX_STORED = 1000
"""Calls and responses remembered."""

Record = dict[str, Any]


@dataclass(slots=True)
class OpenAIAccount:
    world: SandboxState = field(metadata=TRANSIENT)
    delay_ms: float = 0.0
    """Between two pieces of a stream."""
    piece_tokens: int = 4
    """Tokens in a piece; the API sends one or a few."""
    responses: TrackedTable[str, Record] = field(default_factory=TrackedTable)
    """Stored responses, each as `{"document", "messages"}`."""
    calls: list[Record] = field(default_factory=list, metadata=TRANSIENT)
    fault_rules: list[Record] = field(default_factory=list)
    """Faults by control call, the first that fits strikes."""
    last_number: int = 0
    """Rules that there have been."""
    marks: dict[str, float] = field(default_factory=dict)
    """When a model that remembers was called first, in seconds since the epoch, by its full name."""

    def get_seconds(self) -> float:
        return self.world.now().timestamp()

    def new_id(self, prefix: str) -> str:
        return f"{prefix}{self.world.random.getrandbits(192):048x}"

    def store_response(self, document: Record, messages: Any) -> None:
        self.responses[document["id"]] = {"document": document, "messages": messages}
        while len(self.responses) > MAX_STORED:
            del self.responses[next(iter(self.responses))]

    def record_call(self, **facts: Any) -> Record:
        """A call as it begins; who answers it fills in the rest."""
        call: Record = {
            "n": self.calls[-1]["n"] + 1 if self.calls else 1,
            "time": self.world.now().isoformat(),
            "status": None,
            "fault": None,
            "answered": "",
            "finish": None,
            "billed": {"input_tokens": 0, "output_tokens": 0},
            "usage": None,
            "completed": False,
            "client_left": False,
        } | facts
        self.calls.append(call)
        del self.calls[:-MAX_STORED]
        return call


def get_openai_account(world: SandboxState) -> OpenAIAccount:
    return world.get_state("openai", OpenAIAccount)
