"""The catalog of error codes, for developers of clients."""

from typing import Literal

from hub.core.error_codes import ERROR_CODES, FIELD_CODES
from routes.web.endpoint_api import ANYONE, ApiModel, get


class ErrorCodeOut(ApiModel):
    code: str
    status: int | None
    meaning: str
    of: Literal["problem", "field"]


class ErrorCodesOut(ApiModel):
    items: list[ErrorCodeOut]


class ErrorCodeRoutes:
    @get("/api/errors", permission=ANYONE, tags=("system",))
    async def list(self) -> ErrorCodesOut:
        """Every code of a problem, and of a field in its `errors`. Fields may also have an error type of pydantic."""
        problems = [
            ErrorCodeOut(code=code, status=entry.status, meaning=entry.meaning, of="problem")
            for code, entry in sorted(ERROR_CODES.items())
        ]
        fields = [
            ErrorCodeOut(code=code, status=None, meaning=meaning, of="field")
            for code, meaning in sorted(FIELD_CODES.items())
        ]
        return ErrorCodesOut(items=[*problems, *fields])
