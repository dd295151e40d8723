"""GoTrue's error bodies, raised from wherever the trouble is seen."""

from typing import Any

DATED = "2024-01-01"
"""From this API version on, `code` is the error's name and `message` its text."""


class Refused(Exception):
    """Ends a request with `{"code": status, "error_code": …, "msg": …}`. Without a code it has the general one."""

    def __init__(self, status: int, code: str, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status, self.more = status, more
        self.code = code or ("unexpected_failure" if status == 500 else "unknown")

    def body(self, version: str) -> dict[str, Any]:
        """As the API version of the request has it (`YYYY-MM-DD`, or "" for the first)."""
        if version >= DATED:
            return {"code": self.code, "message": str(self)} | self.more
        return {"code": self.status, "error_code": self.code, "msg": str(self)} | self.more


class Closed(Exception):
    """The gateway in front of GoTrue lets nobody through without a key; it has words of its own."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.body = {"message": message, "hint": hint}


def invalid(message: str) -> Refused:
    return Refused(400, "validation_failed", message)


def bad_json(why: str) -> Refused:
    return Refused(400, "bad_json", f"Could not parse request body as JSON: {why}")


def bad_credentials() -> Refused:
    return Refused(400, "invalid_credentials", "Invalid login credentials")


def bad_token(why: str) -> Refused:
    return Refused(403, "bad_jwt", why)


def unreadable(why: str) -> Refused:
    return bad_token(f"invalid JWT: unable to parse or verify signature, {why}")


def unexpected(message: str) -> Refused:
    return Refused(500, "unexpected_failure", message)


def email_limit(message: str = "email rate limit exceeded") -> Refused:
    return Refused(429, "over_email_send_rate_limit", message)
