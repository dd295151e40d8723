"""The models by name. A name may end in `:KEY`: the same model, with a memory of its own."""

from dataclasses import dataclass
from typing import Any

from sandbox.openai.errors import make_unknown_model
from sandbox.openai.model_faults import FAULT_DEFAULTS
from sandbox.openai.state import OpenAIAccount, Record

CONTEXT_WINDOWS = {
    "gpt-sandbox": 128_000,
    "gpt-sandbox-mini": 128_000,
    "obedient": 128_000,
    "careless": 128_000,
    "hopeless": 128_000,
}
"""Tokens that input and output may have together."""
FAULT_PREFIX = "fault-"
_MADE = 1_763_683_200
"""When all of them were created, in seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class SandboxModel:
    """`full_name` is the name with its key, `fault_name` the trouble that the name asks for."""

    full_name: str
    name: str
    fault_name: str | None
    context_window: int

    @property
    def behavior(self) -> str:
        """Who answers: a model with a fault is a good one on a bad day."""
        return self.name if self.name in CONTEXT_WINDOWS else "gpt-sandbox"


def find_model(account: OpenAIAccount, full: str, status: int) -> SandboxModel:
    """One of the list, or one that a control call names. Raises Refused with `status`."""
    name = full.partition(":")[0]
    fault = name.removeprefix(FAULT_PREFIX) if name.startswith(FAULT_PREFIX) else None
    named = any(rule["model"] in {full, name} for rule in account.fault_rules)
    if name not in CONTEXT_WINDOWS and fault not in FAULT_DEFAULTS and not named:
        raise make_unknown_model(full, status)
    return SandboxModel(full, name, fault if fault in FAULT_DEFAULTS else None, CONTEXT_WINDOWS.get(name, 128_000))


def list_models() -> list[Record]:
    return [_shown(name) for name in (*CONTEXT_WINDOWS, *(FAULT_PREFIX + one for one in FAULT_DEFAULTS))]


def show_model(account: OpenAIAccount, name: str) -> Record:
    """Raises Refused."""
    return _shown(find_model(account, name, 404).full_name)


def _shown(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": _MADE, "owned_by": "sandbox"}
