"""What a remote identity provider tells of its users, and the letters that it lets the hub write."""

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

import structlog

from hub.core.clock import Clock, IdGenerator
from hub.core.db import Tx, load_queries
from hub.core.inbox import WebhookEffect, WebhookEvent
from hub.core.person_names import clean_person_name
from hub.oversight.audit import AuditLog
from hub.people.identity.model import Identity
from hub.people.identity.one_time_links import LinkPurpose, OneTimeLinks

SQL = load_queries("provider_sync")
IDENTITY = load_queries("identity")
log = structlog.get_logger(__name__)

_LETTERS: dict[str, LinkPurpose] = {"signup": "verify", "recovery": "reset"}


@dataclass(frozen=True, slots=True)
class IdentityProviderSync:
    """Beside the calls of `Accounts`: people also register, change and leave without asking the hub."""

    one_time_links: OneTimeLinks
    audit: AuditLog
    clock: Clock
    ids: IdGenerator

    async def handle_webhook(self, event: WebhookEvent) -> WebhookEffect | None:
        match event.type:
            case "users.INSERT" | "users.UPDATE":
                record = event.payload.get("record")
                person = _person(record)
                if record is None or person is None:
                    return None
                if _is_time(record.get("deleted_at")):  # softly: the row stays, with a hash for an address
                    return partial(self._left, person.id)
                return partial(self._keep, person)
            case "users.DELETE":
                gone = _person(event.payload.get("old_record"))
                return partial(self._left, gone.id) if gone else None
            case "hook.send_email":
                return self._letter(event)
            case _:
                return None

    def _letter(self, event: WebhookEvent) -> WebhookEffect | None:
        person, letter = _person(event.payload.get("user")), event.payload.get("email_data") or {}
        purpose, token = _LETTERS.get(str(letter.get("email_action_type"))), letter.get("token_hash")
        if person is None or purpose is None or not isinstance(token, str) or not token:
            log.warning("remote.letter_unknown", action=str(letter.get("email_action_type"))[:40])
            return partial(self._wipe, event)
        return partial(self._write, event, person, purpose, token)

    async def _keep(self, person: Identity, tx: Tx) -> None:
        """The first to hold an address keeps it here; the other is known by id as soon as the address is free."""
        kept = await tx.fetchval(
            SQL.keep, person.id, person.email, person.name, person.phone, self.clock.now(), person.verified
        )
        if kept:
            await self.audit.record_action(tx, "customer.kept", customer_id=person.id, verified=person.verified)

    async def _left(self, customer_id: UUID, tx: Tx) -> None:
        """Bookings stay, and so does whose they are. Their erasure is for the customer to ask for, or for staff."""
        ended = await tx.fetch(IDENTITY.end_sessions, customer_id, self.clock.now(), "account_deleted", None)
        if await tx.fetchval(SQL.exists, customer_id):
            await self.audit.record_action(tx, "customer.left", customer_id=customer_id, sessions=len(ended))

    async def _write(self, event: WebhookEvent, person: Identity, purpose: LinkPurpose, token: str, tx: Tx) -> None:
        await self._keep(person, tx)
        known = await tx.fetchval(SQL.exists, person.id)
        if known and await self.one_time_links.allow_message(tx, purpose, person.email):
            await self.one_time_links.send_provider_link(tx, person.id, purpose, token)
        await self._wipe(event, tx)

    async def _wipe(self, event: WebhookEvent, tx: Tx) -> None:
        """The token is sealed where the letter needs it; the event need not show it any more."""
        await tx.execute(SQL.wipe, event.id)


def _person(row: Any) -> Identity | None:
    """None for a row that names nobody: a user without an address can have no letters, and no account here."""
    if not isinstance(row, dict):
        return None
    said = row.get("user_metadata") or {}
    try:
        ident = UUID(str(row.get("id")))
    except ValueError:
        return None
    email, name = row.get("email"), said.get("name") or said.get("full_name") or ""
    if not isinstance(email, str) or not email:
        return None
    phone = said.get("phone") or row.get("phone") or None
    confirmed = _is_time(row.get("email_confirmed_at"))  # `confirmed_at` is set by a confirmed telephone, too
    return Identity(ident, email, clean_person_name(str(name)), str(phone)[:40] if phone else None, confirmed)


def _is_time(value: Any) -> bool:
    try:
        datetime.fromisoformat(str(value))
    except ValueError:
        return False
    return True
