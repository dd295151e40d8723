"""Stripe's error bodies, raised from wherever the trouble is seen."""

from typing import Any

_DOCS = "https://docs.stripe.com/error-codes#"


class StripeApiError(Exception):
    """An answer that is an error. `was_executed` tells whether Stripe would remember it under the idempotency key."""

    def __init__(
        self, status: int, kind: str, message: str, *, code: str = "", was_executed: bool = True, **more: Any
    ) -> None:
        super().__init__(message)
        self.status = status
        self.was_executed = was_executed
        self.error: dict[str, Any] = {"message": message, "type": kind, **more}
        if code:
            self.error |= {"code": code, "doc_url": _DOCS + code.replace("_", "-")}


def make_invalid(message: str, param: str = "", code: str = "") -> StripeApiError:
    """A parameter that cannot be taken; nothing was executed."""
    more = {"param": param} if param else {}
    return StripeApiError(400, "invalid_request_error", message, code=code, was_executed=False, **more)


def make_missing_param(name: str) -> StripeApiError:
    return make_invalid(f"Missing required param: {name}.", name, "parameter_missing")


def make_unknown_params(names: list[str]) -> StripeApiError:
    word = "parameter" if len(names) == 1 else "parameters"
    return make_invalid(f"Received unknown {word}: {', '.join(names)}", names[0], "parameter_unknown")


def make_no_such(kind: str, name: str, param: str, status: int = 404) -> StripeApiError:
    """404 for the object of the path, 400 for one that a parameter names."""
    message = f"No such {kind.replace('.', ' ')}: '{name}'"
    return StripeApiError(status, "invalid_request_error", message, code="resource_missing", param=param)


def make_unexpected_state(message: str, intent: dict[str, Any]) -> StripeApiError:
    return StripeApiError(
        400, "invalid_request_error", message, code="payment_intent_unexpected_state", payment_intent=intent
    )


def make_unauthorized(message: str, code: str = "") -> StripeApiError:
    return StripeApiError(401, "invalid_request_error", message, code=code, was_executed=False)
