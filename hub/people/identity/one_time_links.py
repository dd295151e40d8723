"""Links that work once: kept as a hash, and sealed for the writer of the letter."""

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal
from urllib.parse import quote
from uuid import UUID

from hub.core.clock import Clock, Ids
from hub.core.db import Tx, named_queries
from hub.core.errors import Gone
from hub.core.jobs import Jobs
from hub.core.mail_limits import MailLimits
from hub.core.sealing import Vault
from hub.people.identity.jobs import Letter, WriteLetter

SQL = named_queries("identity")

Purpose = Literal["verify", "reset"]
LIFE: dict[Purpose, timedelta] = {"verify": timedelta(hours=24), "reset": timedelta(hours=1)}
PAUSE = timedelta(seconds=60)
"""Between two letters of one kind to one person, however often they are asked for."""


def digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


@dataclass(frozen=True, slots=True)
class OneTime:
    """`link_base` is where people click: `{link_base}/verify?token=…` and `{link_base}/reset?token=…`."""

    jobs: Jobs
    vault: Vault
    clock: Clock
    ids: Ids
    link_base: str
    limits: MailLimits

    async def may_send(self, tx: Tx, purpose: Purpose, email: str) -> bool:
        """Whether the mailbox takes one message more; it is counted."""
        return await self.limits.take(tx, purpose, email)

    async def send(self, tx: Tx, customer_id: UUID, purpose: Purpose) -> None:
        """A new link, and the letter with it. Older links stay good until one of them is used."""
        token = self.ids.token()
        await self._keep(tx, customer_id, purpose, token, digest(token))

    async def pass_on(self, tx: Tx, customer_id: UUID, purpose: Purpose, token: str) -> None:
        """The letter with a token of somebody else's, who will be asked whether it is good."""
        await self._keep(tx, customer_id, purpose, token, None)

    async def _keep(self, tx: Tx, customer_id: UUID, purpose: Purpose, token: str, hashed: bytes | None) -> None:
        now, number = self.clock.now(), self.ids.uuid()
        sealed = self.vault.seal(f"link:{number}", f"{self.link_base}/{purpose}?token={quote(token)}")
        until = now + LIFE[purpose]
        await tx.execute(SQL.insert_token, number, customer_id, purpose, hashed, sealed, now, until)
        await self.letter(tx, customer_id, purpose, str(number), token_id=number)

    async def sent_lately(self, tx: Tx, customer_id: UUID, purpose: Purpose) -> bool:
        last = await tx.fetchval(SQL.last_token_at, customer_id, purpose)
        return last is not None and self.clock.now() - last < PAUSE

    async def use(self, tx: Tx, token: str, purpose: Purpose) -> UUID:
        """Whose it is. Raises Gone for a token that is unknown, used or too old: which of them is nobody's business."""
        customer_id: UUID | None = await tx.fetchval(SQL.use_token, digest(token), purpose, self.clock.now())
        if customer_id is None:
            raise Gone("This link has been used already, or is too old. Ask for a new one.", code="token_expired")
        return customer_id

    async def void(self, tx: Tx, customer_id: UUID, *purposes: Purpose) -> None:
        await tx.execute(SQL.void_tokens, customer_id, list(purposes), self.clock.now())

    async def letter(
        self,
        tx: Tx,
        customer_id: UUID,
        letter: Letter,
        reference: str,
        *,
        token_id: UUID | None = None,
        session_id: UUID | None = None,
    ) -> None:
        """One letter per `reference`, however often this is called."""
        fact = f"account:{customer_id}:{letter}:{reference}"
        work = WriteLetter(customer_id=customer_id, letter=letter, fact=fact, token_id=token_id, session_id=session_id)
        await self.jobs.enqueue(tx, work, key=fact)
