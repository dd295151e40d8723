"""GoTrue's error bodies, raised from wherever the trouble is seen."""

from typing import Any

DATED_API_VERSION = "2024-01-01"
"""From this API version on, `code` is the error's name and `message` its text."""


class SupabaseApiError(Exception):
    """Ends a request with `{"code": status, "error_code": …, "msg": …}`. Without a code it has the general one."""

    def __init__(self, status: int, code: str, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status, self.more = status, more
        self.code = code or ("unexpected_failure" if status == 500 else "unknown")

    def build_body(self, version: str) -> dict[str, Any]:
        """As the API version of the request has it (`YYYY-MM-DD`, or "" for the first)."""
        if version >= DATED_API_VERSION:
            return {"code": self.code, "message": str(self)} | self.more
        return {"code": self.status, "error_code": self.code, "msg": str(self)} | self.more


class GatewayRefusal(Exception):
    """The gateway in front of GoTrue lets nobody through without a key; it has words of its own."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.body = {"message": message, "hint": hint}


def make_validation_error(message: str) -> SupabaseApiError:
    return SupabaseApiError(400, "validation_failed", message)


def make_bad_json(why: str) -> SupabaseApiError:
    return SupabaseApiError(400, "bad_json", f"Could not parse request body as JSON: {why}")


def make_bad_credentials() -> SupabaseApiError:
    return SupabaseApiError(400, "invalid_credentials", "Invalid login credentials")


def make_bad_token(why: str) -> SupabaseApiError:
    return SupabaseApiError(403, "bad_jwt", why)


def make_unreadable(why: str) -> SupabaseApiError:
    return make_bad_token(f"invalid JWT: unable to parse or verify signature, {why}")


def make_unexpected(message: str) -> SupabaseApiError:
    return SupabaseApiError(500, "unexpected_failure", message)


def make_email_limit(message: str = "email rate limit exceeded") -> SupabaseApiError:
    return SupabaseApiError(429, "over_email_send_rate_limit", message)
