"""OpenAI's error bodies, raised from wherever the trouble is seen."""

from typing import Any


class OpenAIApiError(Exception):
    """Ends a request with `{"error": {"message", "type", "param", "code"}}`. `headers` go with the answer."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        param: str | None = None,
        code: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.error: dict[str, Any] = {"message": message, "type": kind, "param": param, "code": code}
        self.headers = headers or {}


def make_invalid_request(message: str, param: str | None, code: str | None = None) -> OpenAIApiError:
    return OpenAIApiError(400, message, param=param, code=code)


def make_missing_param(param: str) -> OpenAIApiError:
    return make_invalid_request(f"Missing required parameter: '{param}'.", param, "missing_required_parameter")


def make_wrong_type(param: str, wanted: str, found: Any) -> OpenAIApiError:
    message = f"Invalid type for '{param}': expected {wanted}, but got {_kind(found)} instead."
    return make_invalid_request(message, param, "invalid_type")


def make_wrong_value(param: str, found: str, options: tuple[str, ...]) -> OpenAIApiError:
    supported = ", ".join(f"'{one}'" for one in options)
    return make_invalid_request(
        f"Invalid value: '{found[:100]}'. Supported values are: {supported}.", param, "invalid_value"
    )  # fmt: skip


def make_missing_key() -> OpenAIApiError:
    return OpenAIApiError(
        401,
        "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth "
        "(i.e. Authorization: Bearer YOUR_KEY).",
    )


def make_invalid_key(key: str) -> OpenAIApiError:
    shown = f"{key[:8]}{'*' * max(0, len(key) - 12)}{key[-4:]}" if len(key) > 12 else "*" * len(key)
    return OpenAIApiError(401, f"Incorrect API key provided: {shown}.", code="invalid_api_key")


def make_no_credit() -> OpenAIApiError:
    message = "You exceeded your current quota, please check your plan and billing details."
    return OpenAIApiError(429, message, kind="insufficient_quota", code="insufficient_quota")


def make_unknown_model(name: str, status: int) -> OpenAIApiError:
    """404 of chat completions and the list of models, 400 of responses."""
    words = f"The model '{name[:100]}' does not exist or you do not have access to it."
    if status == 400:
        words = f"The requested model '{name[:100]}' does not exist."
    return OpenAIApiError(status, words, param="model" if status == 400 else None, code="model_not_found")


def make_server_error(status: int = 500) -> OpenAIApiError:
    words = {
        500: "The server had an error while processing your request. Sorry about that!",
        503: "The engine is currently overloaded, please try again later",
    }
    return OpenAIApiError(status, words[status], kind="server_error")


def _kind(value: Any) -> str:
    names = {bool: "a boolean", int: "an integer", float: "a decimal number", str: "a string", list: "an array"}
    return "null" if value is None else names.get(type(value), "an object")
