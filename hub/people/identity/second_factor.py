"""A second factor: time-based codes (RFC 6238), and recovery codes for the day the telephone is gone.

Every method works on the caller's transaction, as the hub. A wrong code changes nothing, so how often one may be tried
is for the caller to bound (hub.people.identity.lockout).
"""

import base64
import hmac
import io
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import pyotp
import segno

from hub.core.clock import REFERENCE_ALPHABET, Clock, RandomSource
from hub.core.db import Tx, load_queries
from hub.core.errors import Conflict, FieldError, Forbidden, Unauthenticated
from hub.core.sealing import SecretBox
from hub.oversight.audit import AuditLog

TRAVELER_QUERIES = load_queries("second_factor")
STAFF_QUERIES = load_queries("staff_second_factor")

STEP_SECONDS = 30
"""Seconds for which a code is shown."""
CLOCK_DRIFT_STEPS = 1
"""Steps that a telephone's clock may be off, either way."""
RECOVERY_CODE_COUNT = 10
_HALF = 5
_SECRET = 20
"""Bytes: what RFC 4226 recommends."""


@dataclass(frozen=True, slots=True)
class SecondFactorStatus:
    on: bool
    since: datetime | None
    recovery_codes_left: int


@dataclass(frozen=True, slots=True)
class Enrollment:
    """What goes into an authenticator, as text, as an address, and as a picture (SVG) of that."""

    secret: str = field(repr=False)
    uri: str = field(repr=False)
    qr_svg: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SecondFactors:
    """`issuer` is the name that authenticators show. `for_staff`: the owners are members of staff, not customers."""

    secret_box: SecretBox
    audit: AuditLog
    clock: Clock
    rng: RandomSource
    issuer: str = "Travel Hub"
    for_staff: bool = False

    @property
    def queries(self) -> Any:
        return STAFF_QUERIES if self.for_staff else TRAVELER_QUERIES

    async def get_status(self, tx: Tx, owner_id: UUID) -> SecondFactorStatus:
        async with tx.as_hub():
            row = await tx.fetchrow(self.queries.status, owner_id)
        if row is None or row["confirmed_at"] is None:
            return SecondFactorStatus(on=False, since=None, recovery_codes_left=0)
        return SecondFactorStatus(on=True, since=row["confirmed_at"], recovery_codes_left=row["codes"])

    async def is_required(self, tx: Tx, owner_id: UUID) -> bool:
        async with tx.as_hub():
            return bool(await tx.fetchval(self.queries.required, owner_id))

    async def begin_enrollment(self, tx: Tx, owner_id: UUID, email: str) -> Enrollment:
        """A new secret, in force once a first code has been confirmed. Raises Conflict `second_factor_on`."""
        secret = base64.b32encode(self.rng.randbytes(_SECRET)).decode()
        async with tx.as_hub():
            begun = await tx.fetchval(self.queries.begin, owner_id, self._sealed(owner_id, secret), self.clock.now())
        if begun is None:
            raise _on_already()
        return self._enrollment(secret, email)

    def _enrollment(self, secret: str, email: str) -> Enrollment:
        uri = pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=self.issuer)
        return Enrollment(secret, uri, _picture(uri))

    async def get_or_begin_enrollment(self, tx: Tx, owner_id: UUID, email: str) -> Enrollment:
        """What has been begun and not confirmed, else a new beginning. Raises Conflict `second_factor_on`."""
        async with tx.as_hub():
            sealed = await tx.fetchval(self.queries.pending, owner_id)
        if sealed is None:
            return await self.begin_enrollment(tx, owner_id, email)
        return self._enrollment(self._opened(owner_id, sealed), email)

    async def confirm_enrollment(self, tx: Tx, owner_id: UUID, code: str) -> list[str]:
        """Turns it on; the recovery codes. Raises Forbidden `wrong_code`, Conflict `second_factor_on`,
        `second_factor_not_begun`.
        """
        async with tx.as_hub():
            row = await tx.fetchrow(self.queries.lock, owner_id)
            if row is None:
                raise Conflict("There is no second factor to confirm.", code="second_factor_not_begun")
            if row["confirmed_at"] is not None:
                raise _on_already()
            secret = self._opened(owner_id, row["sealed"])
            if not await self._is_code(tx, owner_id, secret, code):
                raise _not_allowed()
            await tx.execute(self.queries.confirm, owner_id, self.clock.now())
            await self._record(tx, "turned_on", owner_id)
            return await self._new_codes(tx, owner_id, secret)

    async def check_code(self, tx: Tx, owner_id: UUID, code: str) -> None:
        """A code or a recovery code; neither is good twice. Raises Unauthenticated `wrong_code`."""
        async with tx.as_hub():
            if await self._proved(tx, owner_id, code) is None:
                raise Unauthenticated("The code is wrong, or has been used.", code="wrong_code")

    async def renew_recovery_codes(self, tx: Tx, owner_id: UUID, code: str) -> list[str]:
        """New recovery codes; the old ones are void. Raises Forbidden `wrong_code`."""
        async with tx.as_hub():
            secret = await self._proved(tx, owner_id, code)
            if secret is None:
                raise _not_allowed()
            await self._record(tx, "codes_renewed", owner_id)
            return await self._new_codes(tx, owner_id, secret)

    async def turn_off_factor(self, tx: Tx, owner_id: UUID, code: str) -> None:
        """Raises Forbidden `wrong_code`."""
        async with tx.as_hub():
            if await self._proved(tx, owner_id, code) is None:
                raise _not_allowed()
            await self.remove_factor(tx, owner_id)
            await self._record(tx, "turned_off", owner_id)

    async def remove_factor(self, tx: Tx, owner_id: UUID) -> None:
        """Without a code: for who has lost it, and has shown by other means who they are."""
        async with tx.as_hub():
            await tx.execute(self.queries.forget_codes, owner_id)
            await tx.execute(self.queries.turn_off, owner_id)

    async def _record(self, tx: Tx, act: str, owner_id: UUID) -> None:
        if self.for_staff:
            await self.audit.record_action(tx, f"staff.second_factor_{act}", staff_id=str(owner_id))
        else:
            await self.audit.record_action(tx, f"second_factor.{act}", customer_id=owner_id)

    async def _proved(self, tx: Tx, owner_id: UUID, code: str) -> str | None:
        """The secret, to whoever knows a code. The lock on its row makes those that come at once stand in line."""
        row = await tx.fetchrow(self.queries.lock, owner_id)
        if row is None or row["confirmed_at"] is None:
            return None
        secret = self._opened(owner_id, row["sealed"])
        if await self._is_code(tx, owner_id, secret, code):
            return secret
        if await tx.fetchval(self.queries.use_recovery_code, owner_id, _mark(secret, code), self.clock.now()) is None:
            return None
        await self._record(tx, "recovery_code_used", owner_id)
        return secret

    async def _is_code(self, tx: Tx, owner_id: UUID, secret: str, code: str) -> bool:
        """A step is accepted once, and none before it any more.

        The secret is sealed anew each time, so that whoever signs in has followed the hub to its present secret key.
        """
        totp, given = pyotp.TOTP(secret), _bare(code)
        if not given.isdecimal():
            return False
        now = int(self.clock.now().timestamp()) // STEP_SECONDS
        for step in range(now - CLOCK_DRIFT_STEPS, now + CLOCK_DRIFT_STEPS + 1):
            if pyotp.utils.strings_equal(given, totp.generate_otp(step)):
                sealed = self._sealed(owner_id, secret)
                return await tx.fetchval(self.queries.use_step, owner_id, step, sealed) is not None
        return False

    async def _new_codes(self, tx: Tx, owner_id: UUID, secret: str) -> list[str]:
        codes = [self._code() for _ in range(RECOVERY_CODE_COUNT)]
        await tx.execute(self.queries.forget_codes, owner_id)
        await tx.execute(self.queries.insert_codes, owner_id, [_mark(secret, code) for code in codes])
        return codes

    def _code(self) -> str:
        letters = "".join(self.rng.choices(REFERENCE_ALPHABET, k=2 * _HALF))
        return f"{letters[:_HALF]}-{letters[_HALF:]}"

    def _sealed(self, owner_id: UUID, secret: str) -> bytes:
        return self.secret_box.seal_text(f"totp:{owner_id}", secret)

    def _opened(self, owner_id: UUID, sealed: bytes) -> str:
        """Raises vault.Broken when the hub has lost the key that it was sealed with: nobody can tell a code then."""
        return self.secret_box.unseal_text(f"totp:{owner_id}", sealed)


def _mark(secret: str, code: str) -> bytes:
    """Keyed with the factor's own secret, which the vault opens also after the hub's secret key has been replaced."""
    return hmac.digest(secret.encode(), b"recovery:" + _bare(code).upper().encode("utf-8", "surrogatepass"), "sha256")


def _bare(code: str) -> str:
    """Without the spaces and dashes, of whatever kind, that make it readable."""
    return re.sub(r"[\W_]", "", code)


def _picture(uri: str) -> str:
    out = io.BytesIO()
    segno.make_qr(uri, error="m").save(out, kind="svg", scale=4, border=4, light="#fff", xmldecl=False, nl=False)
    return out.getvalue().decode()


def _on_already() -> Conflict:
    return Conflict("The second factor is on already.", code="second_factor_on")


def _not_allowed() -> Forbidden:
    return Forbidden(
        "The code is wrong, or has been used.",
        code="wrong_code",
        errors=(FieldError("/code", "wrong_code", "is wrong, or has been used"),),
    )
