"""What the SDKs' providers say when they refuse: their own stable codes, and what these mean beyond the status."""

import re
from dataclasses import dataclass, field
from typing import Any

from adapters.transport import ProviderResponse

_CODE = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_PARAM = re.compile(r"[a-z0-9_\[\]]{1,100}")


@dataclass(frozen=True, slots=True)
class ProviderProblem:
    """`is_permanent` is None when the status says enough."""

    code: str | None = None
    is_permanent: bool | None = None
    extra: dict[str, str] = field(default_factory=dict)


def read_problem(provider: str, answer: ProviderResponse) -> ProviderProblem:
    """Reads the refusal of `provider`; an unknown provider's, or an unreadable one, has no code."""
    document = _document(answer)
    match provider:
        case "stripe":
            return _stripe(answer, _inner(document))
        case "resend":
            return _resend(document)
        case "twilio":
            return ProviderProblem(_code(document.get("code")))
        case "openai":
            return _openai(_inner(document))
        case _:
            return ProviderProblem()


def is_quota_exhausted(answer: ProviderResponse) -> bool:
    """Whether a 429 or 409 is one that waiting a moment does not change: a quota, or a key used for something else."""
    return read_problem(answer.call.provider, answer).is_permanent is True or _resend_quota(answer)


def _stripe(answer: ProviderResponse, error: dict[str, Any]) -> ProviderProblem:
    """docs.stripe.com/error-codes. A 409 is another request under the same key or on the same row: it passes."""
    code = _code(error.get("code")) or _code(error.get("type"))
    decline = _code(error.get("decline_code"))
    passing = answer.status == 409 or code in {"rate_limit", "lock_timeout", "idempotency_key_in_use"}  # noqa: PLR2004
    extra = {"decline_code": decline, "param": _param(error.get("param"))}
    return ProviderProblem(code, False if passing else None, {name: text for name, text in extra.items() if text})


def _resend(document: dict[str, Any]) -> ProviderProblem:
    """resend.com/docs/api-reference/errors. Tomorrow is later; next month is not."""
    code = _code(document.get("name"))
    if code == "concurrent_idempotent_requests":
        return ProviderProblem(code, is_permanent=False)
    return ProviderProblem(code, True if code == "monthly_quota_exceeded" else None)


def _resend_quota(answer: ProviderResponse) -> bool:
    names = {"daily_quota_exceeded", "invalid_idempotent_request"}
    return answer.call.provider == "resend" and _document(answer).get("name") in names


def _openai(error: dict[str, Any]) -> ProviderProblem:
    code = _code(error.get("code")) or _code(error.get("type"))
    return ProviderProblem(code, True if code == "insufficient_quota" else None)


def _document(answer: ProviderResponse) -> dict[str, Any]:
    try:
        document = answer.json()
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _inner(document: dict[str, Any]) -> dict[str, Any]:
    error = document.get("error")
    return error if isinstance(error, dict) else {}


def _code(value: Any) -> str | None:
    """A code is a word. What is a sentence may quote somebody's address, and is not taken."""
    text = str(value) if isinstance(value, (str, int)) else ""
    return text if _CODE.fullmatch(text) else None


def _param(text: Any) -> str | None:
    """The name of the parameter that was refused."""
    return text if isinstance(text, str) and _PARAM.fullmatch(text) else None
