"""Links that work once: kept as a hash, and sealed for the writer of the letter."""

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal
from urllib.parse import quote
from uuid import UUID

from hub.core.clock import Clock, IdGenerator
from hub.core.db import Tx, load_queries
from hub.core.errors import Gone
from hub.core.jobs import JobQueue
from hub.core.mail_limits import MailLimits
from hub.core.sealing import SecretBox
from hub.people.identity.jobs import AccountTemplate, QueueAccountMessage

SQL = load_queries("identity")

LinkPurpose = Literal["verify", "reset"]
LINK_LIFETIMES: dict[LinkPurpose, timedelta] = {"verify": timedelta(hours=24), "reset": timedelta(hours=1)}
RESEND_INTERVAL = timedelta(seconds=60)
"""Between two letters of one kind to one person, however often they are asked for."""


def hash_token(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


@dataclass(frozen=True, slots=True)
class OneTimeLinks:
    """`link_base_url` is where people click: `{link_base}/verify?token=…` and `{link_base}/reset?token=…`."""

    jobs: JobQueue
    secret_box: SecretBox
    clock: Clock
    ids: IdGenerator
    link_base_url: str
    mail_limits: MailLimits

    async def allow_message(self, tx: Tx, purpose: LinkPurpose, email: str) -> bool:
        """Whether the mailbox takes one message more; it is counted."""
        return await self.mail_limits.allow_message(tx, purpose, email)

    async def send_link(self, tx: Tx, customer_id: UUID, purpose: LinkPurpose) -> None:
        """A new link, and the letter with it. Older links stay good until one of them is used."""
        token = self.ids.new_token()
        await self._keep(tx, customer_id, purpose, token, hash_token(token))

    async def send_provider_link(self, tx: Tx, customer_id: UUID, purpose: LinkPurpose, token: str) -> None:
        """The letter with a token of somebody else's, who will be asked whether it is good."""
        await self._keep(tx, customer_id, purpose, token, None)

    async def _keep(self, tx: Tx, customer_id: UUID, purpose: LinkPurpose, token: str, hashed: bytes | None) -> None:
        now, number = self.clock.now(), self.ids.new_uuid()
        sealed = self.secret_box.seal_text(f"link:{number}", f"{self.link_base_url}/{purpose}?token={quote(token)}")
        until = now + LINK_LIFETIMES[purpose]
        await tx.execute(SQL.insert_token, number, customer_id, purpose, hashed, sealed, now, until)
        await self.enqueue_message(tx, customer_id, purpose, str(number), token_id=number)

    async def was_sent_recently(self, tx: Tx, customer_id: UUID, purpose: LinkPurpose) -> bool:
        last = await tx.fetchval(SQL.last_token_at, customer_id, purpose)
        return last is not None and self.clock.now() - last < RESEND_INTERVAL

    async def redeem_link(self, tx: Tx, token: str, purpose: LinkPurpose) -> UUID:
        """Whose it is. Raises Gone for a token that is unknown, used or too old: which of them is nobody's business."""
        customer_id: UUID | None = await tx.fetchval(SQL.use_token, hash_token(token), purpose, self.clock.now())
        if customer_id is None:
            raise Gone("This link has been used already, or is too old. Ask for a new one.", code="token_expired")
        return customer_id

    async def void_links(self, tx: Tx, customer_id: UUID, *purposes: LinkPurpose) -> None:
        await tx.execute(SQL.void_tokens, customer_id, list(purposes), self.clock.now())

    async def enqueue_message(
        self,
        tx: Tx,
        customer_id: UUID,
        letter: AccountTemplate,
        reference: str,
        *,
        token_id: UUID | None = None,
        session_id: UUID | None = None,
    ) -> None:
        """One letter per `reference`, however often this is called."""
        fact = f"account:{customer_id}:{letter}:{reference}"
        work = QueueAccountMessage(
            customer_id=customer_id, letter=letter, fact=fact, token_id=token_id, session_id=session_id
        )
        await self.jobs.enqueue(tx, work, key=fact)
