from typing import Literal


class Unsendable(Exception):
    """There is nothing left to tell (`suppressed`), or it cannot be told (`failed`). `why` is a code for the record."""

    def __init__(self, why: str, status: Literal["suppressed", "failed"] = "suppressed") -> None:
        self.why = why
        self.status = status
        super().__init__(why)
