"""The operator's own people, as the hub keeps them: who they are and what they may do."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from hub.core.clock import Clock, IdGenerator
from hub.core.db import Database, Tx, load_queries
from hub.core.errors import Conflict, FieldError, Forbidden, InvalidRequest, NotFound
from hub.oversight.audit import AuditLog
from hub.people.identity.model import Caller
from hub.people.identity.passwords import PasswordHasher, check_password_strength
from hub.people.identity.permissions import STAFF_ROLES, Role, list_grantable_roles
from hub.people.identity.staff_provider import StaffIdentity

SQL = load_queries("staff")

LOCAL_ISSUER = "local"
"""The issuer of those who have a password here."""
MIN_STAFF_PASSWORD_LENGTH = 12


@dataclass(frozen=True, slots=True)
class StaffMember:
    """`issuer` is `local`, or the OpenID provider that vouches for them and says what their roles are."""

    id: UUID
    email: str
    name: str
    roles: frozenset[Role]
    issuer: str
    created_at: datetime
    last_seen_at: datetime | None
    disabled_at: datetime | None

    @classmethod
    def from_row(cls, row: Any) -> "StaffMember":
        same = "id email name issuer created_at last_seen_at disabled_at".split()
        return cls(roles=frozenset(map(Role, row["roles"])), **{name: row[name] for name in same})


@dataclass(frozen=True, slots=True)
class StaffMembers:
    """`issuer` is whose people are let in at present."""

    db: Database
    audit: AuditLog
    clock: Clock
    ids: IdGenerator
    password_hasher: PasswordHasher
    issuer: str = LOCAL_ISSUER

    async def add_member(
        self, email: str, name: str, roles: Iterable[Role], password: str, *, caller: Caller | None = None
    ) -> StaffMember:
        """Somebody with a password here. `caller` is who adds them over the API; the command line may add anybody.

        Raises Conflict `email_taken`, InvalidRequest for the password or the roles, Forbidden `role_not_yours_to_give`.
        """
        wanted = _roles(roles)
        if caller is not None and (beyond := set(wanted) - list_grantable_roles(caller.roles)):
            text = f"is not yours to give: {', '.join(sorted(beyond))}"
            raise Forbidden(
                "You may not give this role.",
                code="role_not_yours_to_give",
                errors=(FieldError("/roles", "role_not_yours_to_give", text),),
            )
        check_password_strength(password, email=email, min_length=MIN_STAFF_PASSWORD_LENGTH)
        hashed = await self.password_hasher.hash_password(password)
        async with self.db.transaction() as tx:
            row = await tx.fetchrow(SQL.add, self.ids.new_uuid(), email, name, wanted, hashed, self.clock.now())
            if row is None:
                raise Conflict("Somebody of the staff has this e-mail address.", code="email_taken")
            await self.audit.record_action(tx, "staff.added", staff_id=str(row["id"]), roles=wanted)
        return StaffMember.from_row(row)

    async def list_members(self, *, page: int = 1, page_size: int = 100) -> tuple[list[StaffMember], int]:
        """By name; and how many there are in all."""
        async with self.db.transaction() as tx:
            rows = await tx.fetch(SQL.page, page_size, (page - 1) * page_size)
            total = await tx.fetchval(SQL.count)
        return [StaffMember.from_row(row) for row in rows], total

    async def find_member(self, staff_id: UUID) -> StaffMember:
        """Raises NotFound."""
        async with self.db.connection() as tx:
            row = await tx.fetchrow(SQL.find, staff_id)
        if row is None:
            raise _nobody()
        return StaffMember.from_row(row)

    async def find_member_by_email(self, email: str) -> StaffMember:
        """Somebody with a password here. Raises NotFound."""
        async with self.db.connection() as tx:
            row = await tx.fetchrow(SQL.by_email, email, None, self.clock.now())
        if row is None:
            raise _nobody()
        return StaffMember.from_row(row)

    async def change_member(
        self,
        staff_id: UUID,
        *,
        roles: Iterable[Role] | None = None,
        disabled: bool | None = None,
        caller: Caller | None = None,
    ) -> StaffMember:
        """What is None stays. Disabling ends all sessions.

        Raises NotFound; Conflict `roles_from_provider`, `not_yourself`, or `last_admin` when nobody would be left who
        can manage staff.
        """
        now = self.clock.now()
        async with self.db.transaction() as tx:
            admins = {row["id"] for row in await tx.fetch(SQL.lock_admins, self.issuer)}
            old = await self._locked(tx, staff_id)
            wanted = sorted(old.roles) if roles is None else _roles(roles)
            if sorted(old.roles) != wanted and old.issuer != LOCAL_ISSUER:
                raise Conflict("Their roles are kept by the identity provider.", code="roles_from_provider")
            if disabled and caller is not None and caller.id == staff_id:
                raise Conflict("Nobody can disable themselves.", code="not_yourself")
            if (disabled or Role.ADMIN not in wanted) and admins == {staff_id}:
                raise Conflict("Nobody would be left who can manage staff.", code="last_admin")
            since = old.disabled_at if disabled is None else ((old.disabled_at or now) if disabled else None)
            new = StaffMember.from_row(await tx.fetchrow(SQL.change, staff_id, wanted, since))
            await self._record(tx, old, new)
            return new

    async def set_password(self, staff_id: UUID, password: str, *, except_session_id: UUID | None = None) -> None:
        """Ends all sessions but `keep`. Raises NotFound for somebody without a password here."""
        member = await self.find_member(staff_id)
        check_password_strength(password, email=member.email, min_length=MIN_STAFF_PASSWORD_LENGTH)
        hashed = await self.password_hasher.hash_password(password)
        async with self.db.transaction() as tx:
            if await tx.fetchval(SQL.set_password, staff_id, hashed) is None:
                raise _nobody()
            await tx.fetch(SQL.end_all, staff_id, self.clock.now(), "password_changed", except_session_id)
            await self.audit.record_action(tx, "staff.password_changed", staff_id=str(staff_id))

    async def reset_second_factor(self, staff_id: UUID) -> None:
        """For who has lost the telephone and the recovery codes. Every session ends. Raises Conflict, NotFound."""
        async with self.db.transaction() as tx:
            await self._locked(tx, staff_id)
            if not await tx.fetchval(SQL.forget_second_factor, staff_id):
                raise Conflict("There is no second factor.", code="second_factor_off")
            await tx.execute(SQL.forget_recovery_codes, staff_id)
            await tx.fetch(SQL.end_all, staff_id, self.clock.now(), "second_factor_reset", None)
            await self.audit.record_action(tx, "staff.second_factor_reset", staff_id=str(staff_id))

    async def upsert_from_provider(self, tx: Tx, person: StaffIdentity, roles: frozenset[Role]) -> StaffMember | None:
        """Writes down what an OpenID provider says. A member who has no role any more is kept, and can do nothing.

        None: somebody who has never had one.
        """
        before = await tx.fetchval(SQL.lock_subject, person.issuer, person.subject)
        if before is None and not roles:
            return None
        row = await tx.fetchrow(
            SQL.keep,
            self.ids.new_uuid(),
            person.email or "",
            person.name,
            person.issuer,
            person.subject,
            sorted(roles),
            self.clock.now(),
        )
        member = StaffMember.from_row(row)
        if before is None:
            await self.audit.record_action(tx, "staff.added", staff_id=str(member.id), roles=sorted(roles))
        else:
            await self._note_roles(tx, member, frozenset(map(Role, before)))
        return member

    async def _locked(self, tx: Tx, staff_id: UUID) -> StaffMember:
        row = await tx.fetchrow(SQL.lock, staff_id)
        if row is None:
            raise _nobody()
        return StaffMember.from_row(row)

    async def _record(self, tx: Tx, old: StaffMember, new: StaffMember) -> None:
        who = str(new.id)
        await self._note_roles(tx, new, old.roles)
        if old.disabled_at is None and new.disabled_at is not None:
            ended = await tx.fetch(SQL.end_all, new.id, self.clock.now(), "disabled", None)
            await self.audit.record_action(tx, "staff.disabled", staff_id=who, sessions_ended=len(ended))
        if old.disabled_at is not None and new.disabled_at is None:
            await self.audit.record_action(tx, "staff.enabled", staff_id=who)

    async def _note_roles(self, tx: Tx, member: StaffMember, before: frozenset[Role]) -> None:
        if member.roles != before:
            roles, were = sorted(member.roles), sorted(before)
            await self.audit.record_action(tx, "staff.roles_changed", staff_id=str(member.id), roles=roles, before=were)


def _roles(roles: Iterable[Role]) -> list[str]:
    wanted = frozenset(roles)
    if not wanted or not wanted <= STAFF_ROLES:
        raise InvalidRequest(
            errors=(FieldError("/roles", "bad_role", f"one or more of {', '.join(sorted(STAFF_ROLES))}"),)
        )
    return sorted(wanted)


def _nobody() -> NotFound:
    return NotFound("There is nobody like that among the staff.", code="staff_not_found")
