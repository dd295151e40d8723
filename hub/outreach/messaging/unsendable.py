from typing import Literal


class Unsendable(Exception):
    """There is nothing left to tell (`suppressed`), or it cannot be told (`failed`).

    `reason` is a code for the record.
    """

    def __init__(self, reason: str, status: Literal["suppressed", "failed"] = "suppressed") -> None:
        self.reason = reason
        self.status = status
        super().__init__(reason)
