"""The adapter against the emulator: what an account goes through, and what GoTrue refuses."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from hub.core.clock import SystemClock
from hub.core.errors import Conflict, Forbidden, Gone, InvalidRequest, ProviderPermanent, Unauthenticated
from hub.people.identity import Caller, Identity, NewAccount, ProofOutcome
from tests.adapters.supabase_server import BACK, connected
from tests.sandbox.supabase_project import ADA, PASSWORD, open_project

NEW = NewAccount(ADA, PASSWORD, "Ada Lovelace", "+447700900123")
BETTER = "difference-engine"


@pytest.fixture
def records():
    return []


@pytest.fixture
async def project():
    async with open_project() as opened:
        yield opened


@pytest.fixture
async def identity(project, records):
    async with connected(project.base, records) as found:
        yield found


async def entered(identity, password=PASSWORD):
    return (await identity.sign_in(ADA, password)).outcome.tokens


async def refused(kind, asked):
    with pytest.raises(kind) as error:
        await asked
    return error.value


async def test_from_the_registration_to_the_first_token(identity, project):
    registered = (await identity.sign_up(NEW)).outcome
    assert (registered.identity.email, registered.identity.verified, registered.tokens) == (ADA, False, None)
    assert (await refused(Forbidden, identity.sign_in(ADA, PASSWORD))).code == "email_not_verified"
    assert f"redirect_to={BACK}" in project.link
    entry = (await identity.verify_email(project.mark)).outcome
    reading = await identity.read_token(entry.tokens.access_token)
    assert reading.caller == Caller(entry.identity.id, entry.tokens.session_id)
    assert (entry.identity.name, entry.identity.phone, entry.identity.verified) == (NEW.name, NEW.phone, True)
    assert reading.identity == entry.identity


async def test_a_taken_address_says_nothing_whether_the_project_confirms_or_not(identity, project):
    await project.register()
    assert (await identity.sign_up(NEW)).outcome == ProofOutcome()
    await project.control("settings", autoconfirm=True)
    assert (await identity.sign_up(NEW)).outcome == ProofOutcome()
    assert (await identity.sign_up(replace(NEW, email="new@example.com"))).outcome.tokens


async def test_asking_twice_within_a_minute_is_the_same_answer_for_every_address(identity, project):
    for _ in range(2):
        await identity.sign_up(NEW)
        await identity.resend_verification(ADA)
        await identity.request_password_reset("nobody@example.com")
    assert len(project.world.mailbox) == 1


async def test_a_link_is_good_once_and_only_for_what_it_is(identity, project):
    """GoTrue's type `email` would let the token of a forgotten password in, past the hub's second factor."""
    await project.register()
    await identity.request_password_reset(ADA)
    assert (await refused(Gone, identity.verify_email(project.mark))).code == "token_expired"
    await identity.reset_password(project.mark, BETTER)
    assert (await refused(Gone, identity.reset_password(project.mark, BETTER))).code == "token_expired"


async def test_a_reset_ends_every_session_and_gives_none(identity, project):
    await project.register()
    before = await entered(identity)
    await identity.request_password_reset(ADA)
    outcome = (await identity.reset_password(project.mark, BETTER)).outcome
    assert (outcome.identity.email, outcome.tokens) == (ADA, None)
    assert not await identity.is_session_live(before.access_token)
    assert await project.look("sessions") == []
    assert (await refused(Unauthenticated, identity.sign_in(ADA, PASSWORD))).code == "wrong_credentials"
    assert await entered(identity, BETTER)


async def test_a_reset_to_the_password_that_it_is_ends_the_sessions_as_well(identity, project):
    """A lost answer leaves the password set: the second try is told that it is the same, and has to finish."""
    await project.register()
    await entered(identity)
    await identity.request_password_reset(ADA)
    assert (await identity.reset_password(project.mark, PASSWORD)).outcome.identity.email == ADA
    assert await project.look("sessions") == []


async def test_a_reset_with_a_weak_password_leaves_no_session_behind(identity, project):
    await project.register()
    await identity.request_password_reset(ADA)
    error = await refused(InvalidRequest, identity.reset_password(project.mark, "short"))
    assert [(one.pointer, one.code) for one in error.errors] == [("/password", "weak_password")]
    assert await project.look("sessions") == []


async def test_what_bcrypt_cannot_hold_is_refused_before_the_link_is_used_up(identity, project):
    """GoTrue has no code of its own for it, and counts bytes."""
    await project.register()
    grant = await entered(identity)
    await identity.request_password_reset(ADA)
    long = "é" * 37
    for asked in (
        identity.sign_up(replace(NEW, password=long)),
        identity.change_password(Caller(grant.customer_id), grant.access_token, long),
        identity.reset_password(project.mark, long),
    ):
        assert (await refused(InvalidRequest, asked)).code == "weak_password"
    await identity.reset_password(project.mark, "é" * 36)


async def test_a_change_of_password_ends_the_other_sessions(identity, project):
    await project.register()
    mine, other = await entered(identity), await entered(identity)
    caller = Caller(mine.customer_id, mine.session_id)
    assert (await identity.change_password(caller, mine.access_token, BETTER)).outcome.identity.id == caller.id
    assert (await identity.is_session_live(mine.access_token), await identity.is_session_live(other.access_token)) == (
        True,
        False,
    )


async def test_asking_for_the_password_leaves_no_session(identity, project):
    caller = Caller(UUID((await project.register())["id"]))
    assert await identity.verify_password(caller, ADA, PASSWORD)
    assert not await identity.verify_password(caller, ADA, "something else")
    assert not await identity.verify_password(Caller(uuid4()), ADA, PASSWORD)
    assert await project.look("sessions") == []


async def test_a_refresh_gives_the_next_pair_and_an_old_one_ends_the_session(identity, project):
    await project.register()
    first = await entered(identity)
    second = await identity.refresh_session(first.refresh_token)
    third = await identity.refresh_session(second.refresh_token)
    assert {first.session_id, second.session_id} == {third.session_id}
    project.later(11)
    for spent in (first, third):
        error = await refused(Unauthenticated, identity.refresh_session(spent.refresh_token))
        assert error.code == "invalid_refresh_token"


async def test_what_was_undone_here_is_undone_there(identity, project):
    """The second factor was missing."""
    await project.register()
    proof = await identity.sign_in(ADA, PASSWORD)
    await proof.discard()
    assert await project.look("sessions") == []


@pytest.mark.parametrize("everywhere", [False, True])
async def test_a_sign_out_reaches_as_far_as_it_is_meant_to(identity, project, everywhere):
    await project.register()
    mine, other = await entered(identity), await entered(identity)
    for _ in range(2):
        await identity.sign_out(mine.access_token, everywhere=everywhere)
    assert (await identity.is_session_live(mine.access_token), await identity.is_session_live(other.access_token)) == (
        False,
        not everywhere,
    )


async def test_who_is_banned_is_told_no_more_than_who_is_unknown(identity, project):
    user = await project.register()
    await identity.request_password_reset(ADA)
    await project.admin("PUT", f"/{user['id']}", ban_duration="24h")
    assert (await refused(Unauthenticated, identity.sign_in(ADA, PASSWORD))).code == "wrong_credentials"
    assert (await refused(Gone, identity.reset_password(project.mark, BETTER))).code == "token_expired"
    assert not await identity.verify_password(Caller(UUID(user["id"])), ADA, PASSWORD)


async def test_forgetting_a_person_is_repeatable(identity, project):
    user = await project.register()
    grant, person = await entered(identity), Identity(UUID(user["id"]), ADA)
    for _ in range(2):
        await identity.delete_identity(person)
    assert await project.look("users") == []
    assert not await identity.is_session_live(grant.access_token)


async def test_a_wrong_key_or_address_of_ours_is_no_news_of_the_traveller(project, records):
    """The gateway says 401 and 404 too: nobody has signed out, and nobody has been forgotten."""
    user = await project.register()
    token = (await project.sign_in())["access_token"]
    person = Identity(UUID(user["id"]), ADA)
    for base, key in ((project.base, "wrong"), (f"{project.base}/nowhere", None)):
        keys = {"anon_key": key, "service_key": key} if key else {}
        async with connected(base, records, **keys) as astray:
            for asked in (
                astray.is_session_live(token),
                astray.delete_identity(person),
                astray.sign_out(token),
                astray.check_access(),
            ):
                await refused(ProviderPermanent, asked)
    assert len(await project.look("users")) == len(await project.look("sessions")) == 1


async def test_a_project_that_writes_no_letters_says_nothing_and_one_that_is_closed_says_so(identity, project):
    await project.control("settings", emails_per_hour=0)
    assert (await identity.sign_up(NEW)).outcome == ProofOutcome()
    await project.control("settings", disable_signup=True)
    assert (await refused(ProviderPermanent, identity.sign_up(NEW))).provider_code == "signup_disabled"


async def test_ping_asks_with_both_keys(identity, records):
    await identity.check_access()
    assert [one.operation for one in records] == ["auth.settings", "auth.admin.users"]


async def test_records_and_errors_hold_nothing_of_the_person(identity, project, records):
    await project.register()
    grant = await entered(identity)
    await identity.refresh_session(grant.refresh_token)
    await identity.request_password_reset(ADA)
    errors = [await refused(Unauthenticated, identity.sign_in(ADA, "wrong-password"))]
    told = " ".join(map(repr, [*records, *errors]))
    for secret in (ADA, PASSWORD, "wrong-password", grant.access_token, grant.refresh_token, project.mark, "sb_secret"):
        assert secret not in told


async def test_unreadable_refresh_tokens_are_sessions_that_have_ended(identity, project):
    error = await refused(Unauthenticated, identity.refresh_session("no-such-token-at-all"))
    assert error.code == "invalid_refresh_token"


async def test_the_session_that_a_link_has_opened_stands_for_it_for_an_hour(identity, project, monkeypatch):
    """A link of Supabase's default templates; the token of the session is renewed meanwhile."""
    await project.register()
    await identity.request_password_reset(ADA)
    granted = await project.ok("POST", "verify", type="recovery", token_hash=project.mark)
    project.later(1800)
    token = (await project.refresh(granted["refresh_token"]))["access_token"]
    began = datetime.now(UTC)
    monkeypatch.setattr(SystemClock, "now", lambda _: began + timedelta(seconds=3601))
    assert (await refused(Gone, identity.reset_password(token, BETTER))).code == "token_expired"
    monkeypatch.setattr(SystemClock, "now", lambda _: began + timedelta(seconds=3500))
    assert (await refused(InvalidRequest, identity.reset_password(token, "short"))).code == "weak_password"
    assert (await identity.reset_password(token, BETTER)).outcome.identity.email == ADA
    assert (await refused(Gone, identity.reset_password(token, BETTER))).code == "token_expired"


async def test_a_changed_address_is_confirmed_by_both_hashes(identity, project):
    """Templates that link to the hub's own page."""
    await project.register()
    token = (await project.sign_in())["access_token"]
    await project.ok("PUT", "user", bearer=token, email="countess@example.com")
    old, new = (re.findall(r"token=(\w+)", mail["html"])[0] for mail in project.world.mailbox[-2:])
    assert (await refused(Conflict, identity.verify_email(old))).code == "other_address_not_confirmed"
    assert (await identity.verify_email(new)).outcome.identity.email == "countess@example.com"
