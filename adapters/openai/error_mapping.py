"""What a model's server says when it does not answer, in our words; none of its own, which quote the question."""

import re
from collections.abc import Mapping
from typing import Any

from adapters.transport import ProviderResponse
from hub.core.errors import HubError, ProviderError, ProviderPermanent, ProviderTransient
from hub.planning.completions import ContentFiltered, ContextTooLong, RequestRejected

PROVIDER = "openai"

_TOO_LONG = frozenset({"context_length_exceeded", "exceed_context_size_error"})
"""The second is llama.cpp's."""
_TOO_LONG_WORDS = re.compile(r"maximum context length", re.IGNORECASE)
"""vLLM, SGLang and OpenRouter have no code for it: theirs repeats the status."""
_FILTERED = frozenset({"content_filter", "content_policy_violation", "invalid_prompt"})
_PASSING = frozenset({"server_error", "rate_limit_exceeded", "rate_limit_error", "overloaded", "overloaded_error",
                      "internal_error", "internal_server_error", "service_unavailable", "timeout"})  # fmt: skip
_PERMANENT = frozenset({"insufficient_quota", "invalid_request_error", "model_not_found"})
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
_STATUS = re.compile(r"[1-5]\d\d")
_BUSY, _FORBIDDEN, _FAILED = frozenset({408, 425, 429}), frozenset({400, 403}), 500
_OVER = frozenset({400, 413, 422})
_QUESTION = frozenset({400, 413, 415, 422})
_PARAM = re.compile(r"[A-Za-z0-9_.\[\]]{1,100}")


def refine_refusal(error: ProviderError, answer: ProviderResponse | None) -> HubError:
    """The same error, or one that says more: ContextTooLong, ContentFiltered, RequestRejected."""
    if answer is None:
        return error
    told = find_error(_document(answer))
    if answer.status in _OVER and is_too_long(told):
        return ContextTooLong()
    note = describe_content_filter(told)
    if answer.status in _FORBIDDEN and note:
        return ContentFiltered(note)
    param, code = _param(told.get("param")), error.provider_code or _word(told.get("code"))
    if answer.status not in _QUESTION or code == "model_not_found" or (param is None and code is None):
        return error
    detail = error.detail.removeprefix(f"{PROVIDER}: ")
    return RequestRejected(PROVIDER, detail, param=param, provider_code=code, provider_status=answer.status)


def rejects_max_tokens(answer: ProviderResponse | None) -> bool:
    """OpenAI's newer models, behind an address that is not OpenAI's, refuse `max_tokens` by name."""
    told = find_error(_document(answer)) if answer is not None else {}
    return told.get("code") == "unsupported_parameter" and told.get("param") == "max_tokens"


def map_stream_error(error: Any, name: str = "error") -> HubError:
    """For an error within a stream, or one that came with status 200. An unknown one passes: somebody else may know."""
    told = error if isinstance(error, Mapping) else {}
    code = _word(told.get("code")) or _word(told.get("type"))
    if is_too_long(told):
        return ContextTooLong()
    if note := describe_content_filter(told):
        return ContentFiltered(note)
    status = _status(told.get("code"))
    permanent = code in _PERMANENT if status is None else status < _FAILED and status not in _BUSY
    kind = ProviderPermanent if permanent and code not in _PASSING else ProviderTransient
    return kind(
        PROVIDER,
        f"The answer ended with an error ({code or status or name}).",
        code="stream_failed",
        provider_code=code,
        provider_status=status or (429 if code in {"rate_limit_exceeded", "rate_limit_error"} else None),
    )


def make_malformed_error(what: str) -> ProviderTransient:
    """`what` was wrong, in words of ours."""
    return ProviderTransient(PROVIDER, f"The answer could not be read: {what}.", code="stream_malformed")


def make_cut_error() -> ProviderTransient:
    return ProviderTransient(PROVIDER, "The answer stopped before its end.", code="stream_cut")


def is_too_long(told: Mapping[str, Any]) -> bool:
    if told.get("code") in _TOO_LONG or told.get("type") in _TOO_LONG:
        return True
    return not _word(told.get("code")) and bool(_TOO_LONG_WORDS.search(str(told.get("message", ""))))


def describe_content_filter(told: Mapping[str, Any]) -> str | None:
    """What was objected to, as far as it is said in single words."""
    code = _word(told.get("code")) or _word(told.get("type"))
    reasons = _mapping(told.get("metadata")).get("reasons")  # OpenRouter
    if code not in _FILTERED and not isinstance(reasons, list):
        return None
    results = _mapping(_mapping(told.get("innererror")).get("content_filter_result"))  # Azure
    found = [name for name, one in results.items() if _mapping(one).get("filtered") is True]
    found += reasons if isinstance(reasons, list) else []
    return ", ".join(word for one in found if (word := _word(one))) or code or "content_filter"


def find_error(document: Any) -> Mapping[str, Any]:
    """The error; older servers of vLLM have its fields at the top."""
    top = _mapping(document)
    error = top.get("error")
    if isinstance(error, str):
        return {"message": error}
    return _mapping(error) or (top if top.get("object") == "error" else {})


def _document(answer: ProviderResponse) -> Any:
    try:
        return answer.json()
    except ValueError:
        return None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _word(value: Any) -> str | None:
    """A code is a word; a sentence may quote somebody."""
    return value if isinstance(value, str) and _WORD.fullmatch(value) else None


def _param(value: Any) -> str | None:
    """A path of fields, as OpenAI writes it: `messages[0].content`."""
    return value if isinstance(value, str) and _PARAM.fullmatch(value) else None


def _status(value: Any) -> int | None:
    """OpenRouter's codes are statuses."""
    return int(value) if _STATUS.fullmatch(str(value)) else None
