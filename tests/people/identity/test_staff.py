"""The operator's own people: how they come in, how long they stay, what is written down about it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from hub.core.clock import IdGenerator
from hub.core.context import bind_context
from hub.core.db import Database
from hub.core.errors import Conflict, Forbidden, InvalidRequest, NotFound, TooManyRequests, Unauthenticated
from hub.core.sealing import SecretBox
from hub.oversight.audit import AuditLog
from hub.people.identity.lockout import Lockout
from hub.people.identity.model import Caller
from hub.people.identity.passwords import PasswordHasher
from hub.people.identity.permissions import MANAGE_STAFF, READ_CUSTOMERS, Role
from hub.people.identity.staff import StaffAccounts, StaffIdentity, StaffMember

PASSWORD = "a long walk by the sea"
ISSUER = "https://id.example.com"


@dataclass
class Clock:
    """Stands still until told otherwise."""

    at: datetime = datetime(2027, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)

    def forward(self, **time: float) -> None:
        self.at += timedelta(**time)


@dataclass
class Provider:
    """An OpenID provider that vouches for whoever it has been told of."""

    issuer: str = ISSUER
    person: StaffIdentity = field(
        default_factory=lambda: StaffIdentity(
            ISSUER, "mona", "mona@example.com", True, "Mona", frozenset({"boss"}),
            datetime(2030, 1, 1, tzinfo=UTC), "id-token",
        )
    )  # fmt: skip
    asked: dict[str, Any] = field(default_factory=dict)

    async def build_sign_in_url(self, redirect_uri: str, *, state: str, nonce: str, verifier: str) -> str:
        self.asked = {"redirect_uri": redirect_uri, "state": state, "nonce": nonce, "verifier": verifier}
        return f"{ISSUER}/authorize?state={state}"

    async def exchange_code(self, code: str, *, redirect_uri: str, nonce: str, verifier: str) -> StaffIdentity:
        if code != "good" or (nonce, verifier) != (self.asked["nonce"], self.asked["verifier"]):
            raise Unauthenticated("The code is not valid.", code="invalid_grant")
        return self.person

    async def read_token(self, token: str) -> StaffIdentity:
        return self.person

    async def build_sign_out_url(self, id_token_hint: str | None, return_to: str) -> str | None:
        return f"{ISSUER}/logout?hint={id_token_hint}"


@dataclass
class House:
    db: Database
    clock: Clock
    passwords: PasswordHasher
    vault: SecretBox = field(default_factory=lambda: SecretBox(["s" * 32]))

    def staff(self, provider: Provider | None = None) -> StaffAccounts:
        return StaffAccounts(
            self.db,
            AuditLog(self.clock),
            self.clock,
            IdGenerator(self.clock),
            secret_box=self.vault,
            password_hasher=self.passwords,
            lockout=Lockout(self.db, self.clock, self.vault),
            provider=provider,
            role_map={"boss": Role.MANAGER, "root": Role.ADMIN},
            callback_url="http://hub/auth/callback",
        )

    async def audited(self, action: str = "staff.%") -> list[Any]:
        async with self.db.transaction() as tx:
            return await tx.fetch("select * from audit_logs where action like $1 order by id", action)


@pytest.fixture
async def house(db: Database) -> AsyncIterator[House]:
    passwords = PasswordHasher(threads=1)
    yield House(db, Clock(), passwords)
    passwords.close()


async def adam(staff: StaffAccounts, *roles: Role, email: str = "adam@example.com") -> StaffMember:
    return await staff.members.add_member(email, "Adam", roles or (Role.ADMIN,), PASSWORD)


async def test_a_member_signs_in_and_is_known_by_the_cookie(house: House):
    staff = house.staff()
    member = await adam(staff)
    with bind_context(ip="192.0.2.7", user_agent="Firefox"):
        session = await staff.sign_in("ADAM@example.com", PASSWORD)
    caller = await staff.authenticate_cookie(staff.sign_cookie(session))
    assert caller == Caller(member.id, session.id, frozenset({Role.ADMIN}), "staff")
    assert MANAGE_STAFF.admits_roles(caller.roles)
    (row,) = await house.audited("staff.signed_in")
    assert (row["actor"], row["ip"], row["user_agent"]) == (f"staff:{member.id}", "192.0.2.7", "Firefox")


async def test_every_sign_in_makes_a_new_secret_and_only_hashes_are_kept(house: House):
    staff = house.staff()
    await adam(staff)
    first, second = [await staff.sign_in("adam@example.com", PASSWORD) for _ in range(2)]
    assert first.secret != second.secret
    async with house.db.transaction() as tx:
        kept = await tx.fetchval("select string_agg(s::text || m::text, '') from staff_sessions s, staff m")
    assert all(one not in kept for one in (first.secret, second.secret, PASSWORD))


@pytest.mark.parametrize(("email", "password"), [("adam@example.com", "no"), ("eve@example.com", PASSWORD)])
async def test_unknown_addresses_and_wrong_passwords_are_refused_alike_and_written_down(
    house: House, email: str, password: str
):
    staff = house.staff()
    await adam(staff)
    with bind_context(ip="192.0.2.9"), pytest.raises(Unauthenticated) as refused:
        await staff.sign_in(email, password)
    assert refused.value.code == "wrong_credentials"
    (row,) = await house.audited("staff.sign_in_failed")
    assert (row["ip"], row["data"]["because"]) == ("192.0.2.9", "wrong_credentials")
    assert "example.com" not in str(dict(row))


async def test_who_guesses_elsewhere_has_to_wait_and_the_member_has_not(house: House):
    staff = house.staff()
    await adam(staff)
    with bind_context(ip="192.0.2.7"):
        await staff.sign_in("adam@example.com", PASSWORD)
    with bind_context(ip="203.0.113.1"):
        said = await asyncio.gather(
            *(staff.sign_in("adam@example.com", "no") for _ in range(9)), return_exceptions=True
        )
        assert [type(one) for one in said].count(Unauthenticated) == 5
        with pytest.raises(TooManyRequests):
            await staff.sign_in("adam@example.com", PASSWORD)
    with bind_context(ip="192.0.2.7"):
        assert await staff.sign_in("adam@example.com", PASSWORD)


async def test_a_disabled_member_is_out_at_once(house: House):
    staff = house.staff()
    member, _ = await adam(staff), await adam(staff, email="ann@example.com")
    session = await staff.sign_in("adam@example.com", PASSWORD)
    await staff.members.change_member(member.id, disabled=True)
    with pytest.raises(Unauthenticated):
        await staff.authenticate_cookie(staff.sign_cookie(session))
    with pytest.raises(Forbidden, match="disabled"):
        await staff.sign_in("adam@example.com", PASSWORD)
    assert (await house.audited("staff.disabled"))[0]["data"]["sessions_ended"] == 1
    await staff.members.change_member(member.id, disabled=False)
    assert await staff.sign_in("adam@example.com", PASSWORD)


async def test_a_session_ends_unused_after_two_hours_and_used_after_twelve(house: House):
    staff = house.staff()
    await adam(staff)
    idle, used = [staff.sign_cookie(await staff.sign_in("adam@example.com", PASSWORD)) for _ in range(2)]
    for _ in range(11):
        house.clock.forward(minutes=61)
        await staff.authenticate_cookie(used)
    with pytest.raises(Unauthenticated):
        await staff.authenticate_cookie(idle)
    house.clock.forward(minutes=50)
    with pytest.raises(Unauthenticated):
        await staff.authenticate_cookie(used)


async def test_a_bearer_does_not_do_as_a_cookie_nor_a_cookie_as_a_bearer(house: House):
    staff = house.staff()
    await adam(staff)
    session = await staff.sign_in("adam@example.com", PASSWORD, kind="bearer")
    cookie, bearer = (await staff.sign_in("adam@example.com", PASSWORD)).secret, session.secret
    assert (bearer.startswith("hst_"), staff.recognizes_token(bearer)) == (True, True)
    assert (await staff.authenticate_token(bearer)).kind == "staff"
    with pytest.raises(Unauthenticated):
        await staff.authenticate_cookie(staff.sign_cookie(session))
    for wrong in (cookie, f"hst_{cookie}", "hst_", "hst_\ud800"):
        with pytest.raises(Unauthenticated):
            await staff.authenticate_token(wrong)


@pytest.mark.parametrize(
    "change", [lambda it: it[:-1] + "g", lambda it: it.partition(".")[0], lambda it: "." + it, lambda _: "\ud800.é"]
)
async def test_a_cookie_that_has_been_changed_is_none(house: House, change: Any):
    staff = house.staff()
    await adam(staff)
    cookie = staff.sign_cookie(await staff.sign_in("adam@example.com", PASSWORD))
    with pytest.raises(Unauthenticated):
        await staff.authenticate_cookie(change(cookie))


async def test_signing_out_ends_this_session_and_no_other(house: House):
    staff = house.staff()
    await adam(staff)
    first, second = [await staff.sign_in("adam@example.com", PASSWORD) for _ in range(2)]
    caller = await staff.authenticate_cookie(staff.sign_cookie(first))
    assert await staff.is_session_live(caller)
    await staff.end_session(caller)
    assert not await staff.is_session_live(caller)
    with pytest.raises(Unauthenticated):
        await staff.authenticate_cookie(staff.sign_cookie(first))
    assert await staff.authenticate_cookie(staff.sign_cookie(second))
    assert staff.compute_csrf_token(caller) != staff.compute_csrf_token(replace(caller, session_id=second.id))


async def test_the_last_admin_stays_one(house: House):
    staff = house.staff()
    member = await adam(staff)
    await adam(staff, Role.STAFF, email="stella@example.com")
    for change in ({"roles": {Role.STAFF}}, {"disabled": True}):
        with pytest.raises(Conflict) as refused:
            await staff.members.change_member(member.id, **change)
        assert refused.value.code == "last_admin"


async def test_two_admins_who_demote_each_other_at_once_leave_one(house: House):
    staff = house.staff()
    pair = [await adam(staff), await adam(staff, email="ann@example.com")]
    said = await asyncio.gather(
        *(staff.members.change_member(one.id, roles={Role.STAFF}) for one in pair), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in said) == ["Conflict", "StaffMember"]


async def test_nobody_disables_themselves(house: House):
    staff = house.staff()
    member, _ = await adam(staff), await adam(staff, email="ann@example.com")
    with pytest.raises(Conflict) as refused:
        await staff.members.change_member(member.id, disabled=True, caller=Caller(member.id, kind="staff"))
    assert refused.value.code == "not_yourself"


async def test_who_is_added_needs_a_free_address_a_good_password_and_a_role(house: House):
    staff = house.staff()
    await adam(staff)
    with pytest.raises(Conflict):
        await adam(staff, email="Adam@Example.com")
    for roles, password in (((Role.ADMIN,), "password1234"), ((), PASSWORD), ((Role.TRAVELER,), PASSWORD)):
        with pytest.raises(InvalidRequest):
            await staff.members.add_member("eve@example.com", "Eve", roles, password)
    found, total = await staff.members.list_members()
    assert ([one.email for one in found], total) == (["adam@example.com"], 1)


async def test_a_new_password_ends_the_sessions_and_replaces_the_old_one(house: House):
    staff = house.staff()
    member = await adam(staff)
    session = await staff.sign_in("adam@example.com", PASSWORD)
    await staff.members.set_password(member.id, "another walk by the sea")
    for attempt in (staff.authenticate_cookie(staff.sign_cookie(session)), staff.sign_in("adam@example.com", PASSWORD)):
        with pytest.raises(Unauthenticated):
            await attempt
    assert await staff.sign_in("adam@example.com", "another walk by the sea")
    caller = await staff.authenticate_cookie(
        staff.sign_cookie(await staff.sign_in("adam@example.com", "another walk by the sea"))
    )
    with pytest.raises(Forbidden, match="wrong"):
        await staff.change_password(caller, PASSWORD, PASSWORD)
    await staff.change_password(caller, "another walk by the sea", PASSWORD)
    assert await staff.is_session_live(caller)
    with pytest.raises(NotFound):
        await staff.members.set_password(IdGenerator(house.clock).new_uuid(), "another walk by the sea")


# Through an OpenID provider.


async def signed_in(staff: StaffAccounts, provider: Provider) -> Any:
    _, cookie = await staff.begin_provider_sign_in("/console?a=1")
    return await staff.finish_provider_sign_in("good", provider.asked["state"], cookie)


async def test_a_member_comes_in_through_the_provider_with_its_roles(house: House):
    provider = Provider()
    staff = house.staff(provider)
    session, return_to = await signed_in(staff, provider)
    caller = await staff.authenticate_cookie(staff.sign_cookie(session))
    member = await staff.members.find_member(caller.id)
    assert (member.email, member.issuer, return_to) == ("mona@example.com", ISSUER, "/console?a=1")
    assert (caller.roles, READ_CUSTOMERS.admits_roles(caller.roles)) == ({Role.MANAGER}, True)
    assert await staff.end_session(caller) == "id-token"
    assert [row["action"] for row in await house.audited()] == ["staff.added", "staff.signed_in", "staff.signed_out"]


async def test_what_the_provider_says_now_wins_also_for_sessions_that_stand(house: House):
    provider = Provider()
    staff = house.staff(provider)
    session, _ = await signed_in(staff, provider)
    provider.person = replace(provider.person, roles=frozenset({"root"}), email=None, name="Mona M.")
    await signed_in(staff, provider)
    caller = await staff.authenticate_cookie(staff.sign_cookie(session))
    member = await staff.members.find_member(caller.id)
    assert (member.name, member.email, caller.roles) == ("Mona M.", "mona@example.com", {Role.ADMIN})
    (row,) = await house.audited("staff.roles_changed")
    assert (row["data"]["before"], row["data"]["roles"]) == (["manager"], ["admin"])


@pytest.mark.parametrize("was_known", [True, False])
async def test_without_a_role_of_ours_nobody_comes_in(house: House, was_known: bool):
    provider = Provider()
    staff = house.staff(provider)
    session = (await signed_in(staff, provider))[0] if was_known else None
    provider.person = replace(provider.person, roles=frozenset({"admin", "offline_access"}))
    with pytest.raises(Forbidden) as refused:
        await signed_in(staff, provider)
    assert refused.value.code == "no_role"
    assert (await house.audited("staff.sign_in_failed"))[0]["data"]["because"] == "no_role"
    if session is not None:
        assert (await staff.authenticate_cookie(staff.sign_cookie(session))).roles == frozenset()
    else:
        assert (await staff.members.list_members())[1] == 0


async def test_who_is_disabled_here_stays_out_whatever_the_provider_says(house: House):
    provider = Provider()
    staff = house.staff(provider)
    session, _ = await signed_in(staff, provider)
    await staff.members.change_member(session.member.id, disabled=True)
    for attempt in (signed_in(staff, provider), staff.authenticate_token("token")):
        with pytest.raises(Forbidden) as refused:
            await attempt
        assert refused.value.code == "staff_disabled"


async def test_the_way_back_has_to_belong_to_the_way_out(house: House):
    provider = Provider()
    staff = house.staff(provider)
    _, other = await staff.begin_provider_sign_in("/")
    _, cookie = await staff.begin_provider_sign_in("/")
    state = provider.asked["state"]
    for wrong in (("good", "x", cookie), ("good", state, other), ("good", state, ""), ("good", "\ud800", cookie)):
        with pytest.raises(Unauthenticated) as refused:
            await staff.finish_provider_sign_in(*wrong)
        assert refused.value.code == "login_expired"
    with pytest.raises(Unauthenticated, match="code"):
        await staff.finish_provider_sign_in("bad", state, cookie)
    house.clock.forward(minutes=10)
    with pytest.raises(Unauthenticated, match="too long ago"):
        await staff.finish_provider_sign_in("good", state, cookie)


async def test_an_access_token_of_the_provider_is_enough_for_an_api(house: House):
    provider = Provider()
    staff = house.staff(provider)
    caller = await staff.authenticate_token("token")
    assert (caller.kind, caller.session_id, caller.roles) == ("staff", None, {Role.MANAGER})
    assert await staff.authenticate_token("token") == caller
    assert await staff.is_session_live(caller)
    assert len(await house.audited("staff.added")) == 1
    provider.person = replace(provider.person, roles=frozenset())
    with pytest.raises(Forbidden):
        await staff.authenticate_token("token")


async def test_tokens_for_here_are_told_from_travellers_by_their_issuer(house: House):
    ours, local = house.staff(Provider()), house.staff()
    token = jwt.encode({"iss": ISSUER}, "k" * 32)
    assert (ours.recognizes_token(token), local.recognizes_token(token)) == (True, False)
    assert [ours.recognizes_token(one) for one in ("", "a.b.c", jwt.encode({"iss": "x"}, "k" * 32))] == [False] * 3


async def test_with_a_provider_the_passwords_here_open_nothing(house: House):
    await adam(house.staff())
    session = await house.staff().sign_in("adam@example.com", PASSWORD)
    staff = house.staff(Provider())
    with pytest.raises(Conflict):
        await staff.sign_in("adam@example.com", PASSWORD)
    with pytest.raises(Unauthenticated):
        await staff.authenticate_cookie(staff.sign_cookie(session))


async def test_roles_that_the_provider_keeps_are_not_changed_here(house: House):
    provider = Provider()
    staff = house.staff(provider)
    session, _ = await signed_in(staff, provider)
    with pytest.raises(Conflict) as refused:
        await staff.members.change_member(session.member.id, roles={Role.ADMIN})
    assert refused.value.code == "roles_from_provider"
