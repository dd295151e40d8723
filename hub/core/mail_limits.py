"""How many messages may go to one mailbox, whoever asks for them: GCRA in the database, for all processes together."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal
from unicodedata import normalize

import structlog

from hub.core.clock import Clock
from hub.core.db import Database, Tx, load_queries
from hub.core.jobs import every
from hub.core.sealing import SecretBox

SQL = load_queries("mail_limits")
log = structlog.get_logger(__name__)

MailLimitKind = Literal["verify", "reset", "booking"]


@dataclass(frozen=True, slots=True)
class MailRate:
    """`burst` messages at once, then one each `interval`."""

    burst: int
    interval: timedelta


MAIL_RATES: dict[MailLimitKind, MailRate] = {
    "verify": MailRate(5, timedelta(minutes=30)),
    "reset": MailRate(5, timedelta(minutes=30)),
    "booking": MailRate(10, timedelta(hours=1)),
}
"""`booking`: to a contact address that nobody has confirmed, about a booking that nobody has paid."""

_DOTS_IGNORED = frozenset({"gmail.com", "googlemail.com"})


@dataclass(frozen=True, slots=True)
class MailLimits:
    db: Database
    secret_box: SecretBox
    clock: Clock

    async def allow_message(self, tx: Tx, kind: MailLimitKind, address: str) -> bool:
        """Whether one message more may go there; it is counted in the caller's transaction."""
        rate = MAIL_RATES[kind]
        mailbox = self.secret_box.compute_keyed_hash("mailbox", normalize_mailbox(address))
        facts = (mailbox, kind, self.clock.now(), rate.interval, rate.burst * rate.interval)
        async with tx.as_hub():
            allowed = await tx.fetchval(SQL.take, *facts) is True
        if not allowed:
            log.warning("mail_limits.message_refused", kind=kind)
        return allowed

    @every(3600, "maillimits.forget")
    async def delete_expired_counts(self) -> None:
        async with self.db.transaction() as tx:
            await tx.execute(SQL.forget, self.clock.now())


def normalize_mailbox(address: str) -> str:
    """One spelling for all addresses of a mailbox: without case, a `+tag`, and the dots that Gmail ignores."""
    local, _, domain = normalize("NFKC", address).casefold().rpartition("@")
    plain = local.partition("+")[0] or local
    return f"{plain.replace('.', '') if domain in _DOTS_IGNORED else plain}@{domain}"
