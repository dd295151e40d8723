"""What identity asks others to do."""

from typing import Literal
from uuid import UUID

from hub.core.jobs import Job

AccountTemplate = Literal["welcome", "verify", "already_registered", "reset", "password_changed", "new_sign_in"]


class QueueAccountMessage(Job, kind="account.letter"):
    """An e-mail to the owner of an account. `token_id` is the one-time token whose link it carries.

    `session_id` is the sign-in that it speaks of.
    """

    customer_id: UUID
    letter: AccountTemplate
    fact: str
    token_id: UUID | None = None
    session_id: UUID | None = None
