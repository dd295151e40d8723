"""The second factor: codes that work once and in time, recovery codes, and what is kept of them."""

import asyncio
import random
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import UUID, uuid4

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.clock import REFERENCE_ALPHABET
from hub.core.context import bind_context
from hub.core.db import Database
from hub.core.errors import Conflict, Forbidden, HubError, Unauthenticated
from hub.core.sealing import SecretBox, UnsealError
from hub.oversight.audit import AuditLog
from hub.people.identity.second_factor import STEP_SECONDS, Enrollment, SecondFactors, SecondFactorStatus, _bare
from tests.people.identity.hand import START, HandClock, somebody

EMAIL = "ada+travel@example.com"


@dataclass
class Phone:
    """Ada with an authenticator."""

    db: Database
    ada: UUID
    clock: HandClock = field(default_factory=HandClock)
    secret: str = ""
    codes: list[str] = field(default_factory=list)
    seed: int = 1
    """So that no code is another by chance."""

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.factor = self.under("s" * 32)

    def under(self, *secret_keys: str) -> SecondFactors:
        """The second factor of a hub with these secrets."""
        return SecondFactors(SecretBox(secret_keys), AuditLog(self.clock), self.clock, self.chance)

    def shows(self, steps: int = 0) -> str:
        return pyotp.TOTP(self.secret).at(self.clock.now(), counter_offset=steps)

    async def begin(self) -> Enrollment:
        async with self.db.transaction() as tx:
            made = await self.factor.begin_enrollment(tx, self.ada, EMAIL)
        self.secret = made.secret
        return made

    async def turn_on(self) -> None:
        """And so long ago that the next code is a fresh one."""
        await self.begin()
        self.codes = await self.does(self.factor.confirm_enrollment, self.shows())
        self.clock.move(minutes=5)

    async def does(self, what: Callable[..., Awaitable[Any]], code: str) -> Any:
        async with self.db.transaction() as tx:
            return await what(tx, self.ada, code)

    async def enters(self, code: str, factor: SecondFactors | None = None) -> bool:
        """Whether a code is good at a sign-in."""
        try:
            await self.does((factor or self.factor).check_code, code)
        except Unauthenticated as error:
            return error.code != "wrong_code"
        return True

    async def status(self) -> SecondFactorStatus:
        async with self.db.transaction() as tx:
            status = await self.factor.get_status(tx, self.ada)
            assert await self.factor.is_required(tx, self.ada) is status.on
        return status

    async def audited(self) -> list[str]:
        async with self.db.transaction() as tx:
            rows = await tx.fetch(
                "select action, data, ip from audit_logs where customer_id = $1 order by id", self.ada
            )
        assert all(row["data"] == {} for row in rows)
        return [row["action"] for row in rows]


@pytest.fixture
async def phone(db: Database) -> Phone:
    return Phone(db, await somebody(db, EMAIL))


@pytest.fixture
async def on(phone: Phone) -> Phone:
    await phone.turn_on()
    return phone


# Turning it on.


async def test_it_is_on_when_a_first_code_has_been_seen(phone: Phone):
    assert await phone.status() == SecondFactorStatus(on=False, since=None, recovery_codes_left=0)
    await phone.begin()
    assert not (await phone.status()).on
    assert not await phone.enters(phone.shows())
    codes = await phone.does(phone.factor.confirm_enrollment, phone.shows())
    assert await phone.status() == SecondFactorStatus(on=True, since=START, recovery_codes_left=10)
    assert len(set(codes)) == 10
    assert await phone.audited() == ["second_factor.turned_on"]


async def test_what_an_authenticator_gets(phone: Phone):
    made = await phone.begin()
    uri = urlsplit(made.uri)
    assert (uri.scheme, uri.netloc, unquote(uri.path)) == ("otpauth", "totp", f"/Travel Hub:{EMAIL}")
    assert parse_qs(uri.query) == {"secret": [made.secret], "issuer": ["Travel Hub"]}
    assert re.fullmatch("[A-Z2-7]{32}", made.secret)
    assert pyotp.parse_uri(made.uri).now()
    assert made.qr_svg.startswith("<svg xmlns=")
    assert made.secret not in repr(made)


async def test_a_new_beginning_replaces_one_that_was_not_confirmed(phone: Phone):
    await phone.begin()
    first = phone.shows()
    await phone.begin()
    with pytest.raises(Forbidden):
        await phone.does(phone.factor.confirm_enrollment, first)
    assert await phone.does(phone.factor.confirm_enrollment, phone.shows())


async def test_nobody_replaces_what_is_on(on: Phone):
    for again in (on.begin(), on.does(on.factor.confirm_enrollment, on.shows())):
        with pytest.raises(Conflict) as refused:
            await again
        assert refused.value.code == "second_factor_on"
    assert await on.enters(on.shows())


async def test_there_is_nothing_to_confirm_before_the_beginning(phone: Phone):
    with pytest.raises(Conflict) as refused:
        await phone.does(phone.factor.confirm_enrollment, "123456")
    assert refused.value.code == "second_factor_not_begun"


async def test_the_code_that_turned_it_on_is_used_up(phone: Phone):
    await phone.begin()
    await phone.does(phone.factor.confirm_enrollment, phone.shows())
    assert not await phone.enters(phone.shows())
    phone.clock.move(seconds=STEP_SECONDS)
    assert await phone.enters(phone.shows())


# Codes.


@pytest.mark.parametrize(("steps", "good"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
async def test_a_telephones_clock_may_be_half_a_minute_off(on: Phone, steps: int, good: bool):
    assert await on.enters(on.shows(steps)) is good


async def test_a_code_is_good_once_and_none_before_it_any_more(on: Phone):
    code, earlier, later = on.shows(), on.shows(-1), on.shows(1)
    assert await on.enters(code)
    assert not await on.enters(code)
    assert not await on.enters(earlier)
    assert await on.enters(later)
    on.clock.move(seconds=STEP_SECONDS)
    assert not await on.enters(later)


async def test_of_those_who_enter_one_code_at_once_one_gets_in(on: Phone):
    code = on.shows()
    assert sorted(await asyncio.gather(*(on.enters(code) for _ in range(8)))) == [False] * 7 + [True]


async def test_a_code_is_not_used_up_by_a_sign_in_that_failed_otherwise(on: Phone):
    with pytest.raises(ZeroDivisionError):
        async with on.db.transaction() as tx:
            await on.factor.check_code(tx, on.ada, on.shows())
            raise ZeroDivisionError
    assert await on.enters(on.shows())


@pytest.mark.parametrize("written", ["{0} {1}", " {0}-{1} ", "{0}\N{EN DASH}{1}", "{0}\N{NO-BREAK SPACE}{1}"])
async def test_spaces_and_dashes_are_forgiven(on: Phone, written: str):
    code = on.shows()
    assert await on.enters(written.format(code[:3], code[3:]))


@pytest.mark.parametrize("code", ["", "12345", "1234567", "é\ud800", "١٢٣٤٥٦", "\N{SUPERSCRIPT TWO}" * 6, "9" * 5000])
async def test_whatever_is_sent_instead_is_wrong(on: Phone, code: str):
    assert not await on.enters(code)


async def test_a_code_is_its_owners_alone(on: Phone):
    ben = Phone(on.db, await somebody(on.db, "ben@example.com"), on.clock, seed=2)
    await ben.turn_on()
    assert not await ben.enters(on.shows())
    assert not await ben.enters(on.codes[0])
    nobody = Phone(on.db, uuid4(), on.clock)
    assert not await nobody.enters(on.shows())


# Recovery codes.


async def test_recovery_codes_are_two_groups_that_can_be_read_aloud(on: Phone):
    letters = f"[{REFERENCE_ALPHABET}]{{5}}"
    assert all(re.fullmatch(f"{letters}-{letters}", code) for code in on.codes)


async def test_a_recovery_code_is_good_once(on: Phone):
    assert await on.enters(on.codes[3])
    assert not await on.enters(on.codes[3])
    assert await on.enters(on.codes[4].lower().replace("-", " "))
    assert (await on.status()).recovery_codes_left == 8
    assert await on.audited() == ["second_factor.turned_on", *["second_factor.recovery_code_used"] * 2]


async def test_of_those_who_enter_one_recovery_code_at_once_one_gets_in(on: Phone):
    answers = await asyncio.gather(*(on.enters(on.codes[0]) for _ in range(8)))
    assert sorted(answers) == [False] * 7 + [True]
    assert (await on.status()).recovery_codes_left == 9


async def test_new_recovery_codes_void_the_old_ones(on: Phone):
    fresh = await on.does(on.factor.renew_recovery_codes, on.shows())
    assert set(fresh).isdisjoint(on.codes)
    assert (await on.status()).recovery_codes_left == 10
    assert not await on.enters(on.codes[0])
    assert await on.enters(fresh[0])
    assert "second_factor.codes_renewed" in await on.audited()


async def test_they_can_be_renewed_with_the_last_of_them(on: Phone):
    fresh = await on.does(on.factor.renew_recovery_codes, on.codes[9])
    assert await on.enters(fresh[9])


# Turning it off.


async def test_off_it_is_not_asked_for_and_its_codes_are_gone(on: Phone):
    await on.does(on.factor.turn_off_factor, on.shows())
    assert await on.status() == SecondFactorStatus(on=False, since=None, recovery_codes_left=0)
    assert not await on.enters(on.codes[0])
    assert (await on.audited())[-1] == "second_factor.turned_off"
    await on.turn_on()
    assert await on.enters(on.shows())


async def test_it_takes_a_code_to_change_anything(on: Phone):
    wrong = "".join(str((int(digit) + 1) % 10) for digit in on.shows())
    for what in (on.factor.renew_recovery_codes, on.factor.turn_off_factor):
        with pytest.raises(Forbidden) as refused:
            await on.does(what, wrong)
        assert refused.value.code == "wrong_code"
    assert (await on.status()).recovery_codes_left == 10
    assert await on.enters(on.codes[0])


async def test_a_code_given_at_two_doors_opens_one(on: Phone):
    """Somebody looks over a shoulder: the code of a sign-in does not turn the second factor off as well."""
    code = on.shows()
    answers = await asyncio.gather(
        on.does(on.factor.check_code, code), on.does(on.factor.turn_off_factor, code), return_exceptions=True
    )
    assert sum(isinstance(answer, HubError) for answer in answers) == 1


# What is kept.


async def test_neither_the_secret_nor_the_codes_are_readable(on: Phone):
    async with on.db.transaction() as tx:
        kept = await tx.fetch("select sealed as it from second_factors union all select hash from recovery_codes")
    everything = b"".join(row["it"] for row in kept)
    assert len(kept) == 11
    assert not any(one.encode() in everything for one in (on.secret, *on.codes, *map(_bare, on.codes)))


async def test_it_outlives_a_change_of_the_hubs_secret(on: Phone):
    """With the old secret still known everything works; who signs in then has moved to the new one, codes and all."""
    both = on.under("t" * 32, "s" * 32)
    assert await on.enters(on.codes[0], both)
    assert await on.enters(on.shows(), both)
    on.clock.move(seconds=STEP_SECONDS)
    moved = on.under("t" * 32)
    assert await on.enters(on.shows(), moved)
    assert await on.enters(on.codes[1], moved)


async def test_a_secret_that_the_hub_has_lost_lets_nobody_in_and_is_no_wrong_code(on: Phone):
    with pytest.raises(UnsealError):
        await on.enters(on.codes[0], on.under("t" * 32))


async def test_acts_are_written_down_with_where_they_came_from(phone: Phone):
    with bind_context(ip="192.0.2.1", user_agent="browser"):
        await phone.turn_on()
    async with phone.db.transaction() as tx:
        row = await tx.fetchrow("select ip, user_agent from audit_logs where customer_id = $1", phone.ada)
    assert tuple(row) == ("192.0.2.1", "browser")


async def test_it_works_within_the_travellers_own_transaction(on: Phone):
    async with on.db.transaction(on.ada) as tx:
        assert (await on.factor.get_status(tx, on.ada)).on
        await on.factor.check_code(tx, on.ada, on.shows())
        await on.factor.renew_recovery_codes(tx, on.ada, on.codes[0])
        await on.factor.turn_off_factor(tx, on.ada, on.shows(1))
        made = await on.factor.begin_enrollment(tx, on.ada, EMAIL)
        assert await on.factor.confirm_enrollment(tx, on.ada, pyotp.TOTP(made.secret).at(on.clock.now()))
        assert await tx.fetchval("select current_user") == "authenticated"


@given(st.text(max_size=30))
def test_a_code_without_what_makes_it_readable_has_nothing_else_removed(written: str):
    assert _bare(_bare(written)) == _bare(written)
    assert all(letter in _bare(written) for letter in written if letter.isalnum())
