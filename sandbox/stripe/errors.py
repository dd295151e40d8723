"""Stripe's error bodies, raised from wherever the trouble is seen."""

from typing import Any

_DOCS = "https://docs.stripe.com/error-codes#"


class Refused(Exception):
    """An answer that is an error. `executed` tells whether Stripe would remember it under the idempotency key."""

    def __init__(
        self, status: int, kind: str, message: str, *, code: str = "", executed: bool = True, **more: Any
    ) -> None:
        super().__init__(message)
        self.status = status
        self.executed = executed
        self.error: dict[str, Any] = {"message": message, "type": kind, **more}
        if code:
            self.error |= {"code": code, "doc_url": _DOCS + code.replace("_", "-")}


def invalid(message: str, param: str = "", code: str = "") -> Refused:
    """A parameter that cannot be taken; nothing was executed."""
    more = {"param": param} if param else {}
    return Refused(400, "invalid_request_error", message, code=code, executed=False, **more)


def missing_param(name: str) -> Refused:
    return invalid(f"Missing required param: {name}.", name, "parameter_missing")


def unknown_params(names: list[str]) -> Refused:
    word = "parameter" if len(names) == 1 else "parameters"
    return invalid(f"Received unknown {word}: {', '.join(names)}", names[0], "parameter_unknown")


def no_such(kind: str, name: str, param: str, status: int = 404) -> Refused:
    """404 for the object of the path, 400 for one that a parameter names."""
    message = f"No such {kind.replace('.', ' ')}: '{name}'"
    return Refused(status, "invalid_request_error", message, code="resource_missing", param=param)


def unexpected_state(message: str, intent: dict[str, Any]) -> Refused:
    return Refused(400, "invalid_request_error", message, code="payment_intent_unexpected_state", payment_intent=intent)


def unauthorised(message: str, code: str = "") -> Refused:
    return Refused(401, "invalid_request_error", message, code=code, executed=False)
