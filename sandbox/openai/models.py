"""The models by name. A name may end in `:KEY`: the same model, with a memory of its own."""

from dataclasses import dataclass
from typing import Any

from sandbox.openai.errors import no_model
from sandbox.openai.state import Account, Record
from sandbox.openai.troubles import DEFAULTS

WINDOWS = {
    "gpt-sandbox": 128_000,
    "gpt-sandbox-mini": 128_000,
    "obedient": 128_000,
    "careless": 128_000,
    "hopeless": 128_000,
}
"""Tokens that input and output may have together."""
FAULTY = "fault-"
_MADE = 1_763_683_200
"""When all of them were created, in seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Model:
    """`full` is the name with its key, `fault` the trouble that the name asks for."""

    full: str
    name: str
    fault: str | None
    window: int

    @property
    def brain(self) -> str:
        """Who answers: a model with a fault is a good one on a bad day."""
        return self.name if self.name in WINDOWS else "gpt-sandbox"


def find(account: Account, full: str, status: int) -> Model:
    """One of the list, or one that a control call names. Raises Refused with `status`."""
    name = full.partition(":")[0]
    fault = name.removeprefix(FAULTY) if name.startswith(FAULTY) else None
    named = any(rule["model"] in {full, name} for rule in account.rules)
    if name not in WINDOWS and fault not in DEFAULTS and not named:
        raise no_model(full, status)
    return Model(full, name, fault if fault in DEFAULTS else None, WINDOWS.get(name, 128_000))


def all_models() -> list[Record]:
    return [_shown(name) for name in (*WINDOWS, *(FAULTY + one for one in DEFAULTS))]


def one_model(account: Account, name: str) -> Record:
    """Raises Refused."""
    return _shown(find(account, name, 404).full)


def _shown(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": _MADE, "owned_by": "sandbox"}
