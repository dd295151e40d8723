"""Travellers come in and go out: over HTTP, with the hub's own accounts."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import pytest

from hub.people.identity.passwords import PasswordHasher
from hub.people.identity.tokens import AccessTokenIssuer
from tests.support.running import Running, until

PASSWORD = "correct horse battery"


def new(email: str | None = None, **more: Any) -> dict[str, Any]:
    email = email or f"eve.{uuid4().hex[:8]}@example.com"
    return {"email": email, "password": PASSWORD, "name": "Eve", "phone": "+447700900123"} | more


async def login(running: Running, email: str, password: str = PASSWORD, **more: Any) -> tuple[int, Any]:
    device = {"X-Device-Token": more.pop("device")} if "device" in more else {}
    return await running.call("POST", "/api/auth/login", {"email": email, "password": password} | more, **device)


async def test_a_traveller_registers_confirms_the_address_and_is_known(running: Running):
    email = await running.register()
    me = await running.good("GET", "/api/auth/me")
    assert (me["email"], me["name"], me["phone"], me["verified"]) == (email, "Ada Lovelace", "+447700900123", True)
    await asyncio.sleep(0.2)
    subjects = [one["subject"] for one in await running.control("GET", "mailbox") if email in one["to"]]
    assert len(subjects) == 2, subjects


async def test_before_the_address_is_confirmed_nobody_signs_in(running: Running):
    body = new()
    done = await running.good("POST", "/api/auth/register", body)
    assert (done["requires_verification"], done["token"]) == (True, None)
    status, problem = await login(running, body["email"])
    assert (status, problem["code"]) == (403, "email_not_verified")
    status, problem = await login(running, body["email"], "wrong wrong wrong")
    assert (status, problem["code"]) == (401, "wrong_credentials")


async def test_registering_a_known_address_says_nothing_and_writes_to_its_owner(running: Running):
    email = await running.register()
    first = await running.good("POST", "/api/auth/register", new())
    again = await running.good("POST", "/api/auth/register", new(email.upper(), password="another long one"))
    assert again.pop("registration_token") != first.pop("registration_token")
    assert again == first
    await asyncio.sleep(0.3)
    letters = [one for one in await running.control("GET", "mailbox") if email in one["to"]]
    assert "verify?token" not in letters[-1]["text"]
    assert (await login(running, email, "another long one"))[0] == 401


async def test_who_claims_an_address_first_gains_nothing(running: Running):
    """The links of an older registration stop working, and the device that registered confirms its own password."""
    body = new(name="Eve")
    await running.good("POST", "/api/auth/register", body | {"password": "the thief's own password", "name": "Mallory"})
    stolen = await running.link(body["email"], "verify")
    registered = await running.good("POST", "/api/auth/register", body)
    mine = await running.link(body["email"], "verify")
    while mine == stolen:
        await asyncio.sleep(0.05)
        mine = await running.link(body["email"], "verify")
    status, problem = await running.call("POST", "/api/auth/verify-email", {"token": stolen})
    assert (status, problem["code"]) == (410, "token_expired")
    proof = {"token": mine, "registration_token": registered["registration_token"]}
    running.token = (await running.good("POST", "/api/auth/verify-email", proof))["token"]
    assert (await running.good("GET", "/api/auth/me"))["name"] == "Eve"
    assert (await login(running, body["email"]))[0] == 200
    assert (await login(running, body["email"], "the thief's own password"))[0] == 401


@pytest.mark.parametrize("again", ["register", "resend"])
async def test_no_link_confirms_a_password_or_a_name_of_somebody_else(running: Running, again: str):
    """A stranger registers the address, before its owner or after: the owner chooses the password with the link."""
    body = new(name="Mallory", password="the thief's own password")
    if again == "register":
        await running.good("POST", "/api/auth/register", new(body["email"]))
    await running.good("POST", "/api/auth/register", body)
    if again == "resend":
        await minutes_pass(running)
        await running.good("POST", "/api/auth/resend-verification", {"email": body["email"]})
    links = {"register": 2, "resend": 2}[again]
    await until(lambda: letters_to(running, body["email"], links))
    token = await running.link(body["email"], "verify")
    status, problem = await running.call("POST", "/api/auth/verify-email", {"token": token})
    assert (status, problem["code"], problem["errors"][0]["pointer"]) == (409, "password_required", "/password")
    chosen = {"token": token, "password": "what the owner chose"}
    running.token = (await running.good("POST", "/api/auth/verify-email", chosen))["token"]
    assert (await running.good("GET", "/api/auth/me"))["name"] == ""
    assert (await login(running, body["email"], body["password"]))[0] == 401
    assert (await login(running, body["email"], "what the owner chose"))[0] == 200


async def test_registering_twice_with_one_password_is_no_dispute(running: Running):
    body = new()
    for _ in range(2):
        await running.good("POST", "/api/auth/register", body)
    token = await running.link(body["email"], "verify")
    assert await running.good("POST", "/api/auth/verify-email", {"token": token})
    assert (await login(running, body["email"]))[0] == 200


async def test_the_device_that_registered_asks_for_another_link_and_keeps_its_password(running: Running):
    body = new()
    secret = (await running.good("POST", "/api/auth/register", body))["registration_token"]
    assert "hub_registration=" in running.headers["Set-Cookie"]
    await minutes_pass(running)
    asked = {"email": body["email"], "registration_token": secret}
    await running.good("POST", "/api/auth/resend-verification", asked)
    token = await running.link(body["email"], "verify")
    assert await running.good("POST", "/api/auth/verify-email", {"token": token})
    assert (await login(running, body["email"]))[0] == 200


async def test_a_reset_of_an_unconfirmed_account_keeps_no_name_of_a_stranger(running: Running):
    body = new(name="Mallory")
    await running.good("POST", "/api/auth/register", body)
    await running.good("POST", "/api/auth/forgot-password", {"email": body["email"]})
    token = await running.link(body["email"], "reset")
    await running.good("POST", "/api/auth/reset-password", {"token": token, "password": "what the owner chose"})
    _, signed = await login(running, body["email"], "what the owner chose")
    running.token = signed["token"]
    assert (await running.good("GET", "/api/auth/me"))["name"] == ""


async def test_a_reset_on_the_device_that_registered_keeps_its_name(running: Running):
    body = new(name="Ada Lovelace")
    secret = (await running.good("POST", "/api/auth/register", body))["registration_token"]
    await running.good("POST", "/api/auth/forgot-password", {"email": body["email"]})
    chosen = {"token": await running.link(body["email"], "reset"), "password": "what the owner chose"}
    done = await running.call("POST", "/api/auth/reset-password", chosen, Cookie=f"hub_registration={secret}")
    assert done[0] == 204
    running.token = (await login(running, body["email"], chosen["password"]))[1]["token"]
    assert (await running.good("GET", "/api/auth/me"))["name"] == "Ada Lovelace"


@pytest.mark.parametrize("tag", ["", "+{}"])
async def test_one_mailbox_is_not_bombed_with_letters(running: Running, tag: str):
    local = uuid4().hex[:8]
    for number in range(8):
        address = f"{local}{tag.format(number)}@example.com"
        await running.good("POST", "/api/auth/register", new(address, password=f"password number {number}"))

    async def letters() -> list[Any]:
        return [one for one in await running.control("GET", "mailbox") if local in one["to"][0]]

    assert len(await until(lambda: at_least(5, letters))) == 5
    async with running.db.connection() as tx:
        waiting = await tx.fetchval(
            "select count(*) from pgqueuer where entrypoint in ('account.letter', 'message.send')"
        )
    assert (waiting, len(await letters())) == (0, 5)


async def at_least(number: int, listed: Callable[[], Awaitable[list[Any]]]) -> list[Any]:
    found = await listed()
    return found if len(found) >= number else []


async def minutes_pass(running: Running) -> None:
    async with running.db.transaction() as tx:
        await tx.execute("update one_time_tokens set created_at = created_at - interval '2 minutes'")


async def letters_to(running: Running, email: str, number: int) -> bool:
    return len([one for one in await running.control("GET", "mailbox") if email in one["to"]]) >= number


async def test_signing_in_wants_the_right_password(running: Running):
    email = await running.register()
    status, done = await login(running, email)
    assert (status, bool(done["token"]), bool(done["device_token"])) == (200, True, True)
    for wrong in (email, "nobody@example.com"):
        status, problem = await login(running, wrong, "no")
        assert (status, problem["code"]) == (401, "wrong_credentials")


async def test_a_lost_answer_to_a_refresh_is_given_again(running: Running):
    email = await running.register()
    _, first = await login(running, email)
    body = {"refresh_token": first["refresh_token"]}
    lost = await running.good("POST", "/api/auth/refresh", body)
    again = await running.good("POST", "/api/auth/refresh", body)
    assert again["refresh_token"] == lost["refresh_token"]
    running.token = again["token"]
    assert await running.good("GET", "/api/auth/me")


async def test_a_refresh_token_that_was_replaced_twice_ends_the_session(running: Running):
    email = await running.register()
    _, first = await login(running, email)
    second = await running.good("POST", "/api/auth/refresh", {"refresh_token": first["refresh_token"]})
    second = await running.good("POST", "/api/auth/refresh", {"refresh_token": second["refresh_token"]})
    stolen = await running.call("POST", "/api/auth/refresh", {"refresh_token": first["refresh_token"]})
    assert (stolen[0], stolen[1]["code"]) == (401, "refresh_token_reused")
    ended = await running.call("POST", "/api/auth/refresh", {"refresh_token": second["refresh_token"]})
    assert (ended[0], ended[1]["code"]) == (401, "invalid_refresh_token")


async def test_ten_seconds_later_a_spent_refresh_token_ends_the_session(running: Running):
    """Also where its answer was lost and its successor was never used."""
    email = await running.register()
    _, first = await login(running, email)
    lost = await running.good("POST", "/api/auth/refresh", {"refresh_token": first["refresh_token"]})
    async with running.db.transaction() as tx:
        await tx.execute(
            "update refresh_tokens set used_at = used_at - interval '11 seconds' where used_at is not null"
        )
    for token, code in ((first, "refresh_token_reused"), (lost, "invalid_refresh_token")):
        status, problem = await running.call("POST", "/api/auth/refresh", {"refresh_token": token["refresh_token"]})
        assert (status, problem["code"]) == (401, code)


async def test_a_refresh_that_was_overtaken_twice_gets_the_current_pair(
    running: Running, monkeypatch: pytest.MonkeyPatch
):
    """Tabs one after the other, all of them asked before the slowest was answered: none has replayed anything."""
    _, first = await login(running, await running.register())
    provider = running.made.identity.accounts.provider
    prepare, current = AccessTokenIssuer.load_signing_key, [first["refresh_token"]]

    async def overtake(tokens: AccessTokenIssuer) -> None:
        monkeypatch.setattr(AccessTokenIssuer, "load_signing_key", prepare)
        for _ in range(2):
            current.append((await provider.refresh_session(current[-1])).refresh_token)
        await prepare(tokens)

    monkeypatch.setattr(AccessTokenIssuer, "load_signing_key", overtake)
    slowest = await provider.refresh_session(first["refresh_token"])
    assert slowest.refresh_token == current[2]
    assert await provider.refresh_session(slowest.refresh_token)


async def test_two_tabs_refreshing_at_once_get_one_pair_and_stay_signed_in(running: Running):
    email = await running.register()
    _, first = await login(running, email)
    body = {"refresh_token": first["refresh_token"]}
    answers = await asyncio.gather(*(running.call("POST", "/api/auth/refresh", body) for _ in range(4)))
    assert {status for status, _ in answers} == {200}
    (refresh_token,) = {pair["refresh_token"] for _, pair in answers}
    assert await running.good("POST", "/api/auth/refresh", {"refresh_token": refresh_token})


async def test_after_sign_out_the_access_token_opens_nothing(running: Running):
    email = await running.register()
    _, signed = await login(running, email)
    running.token = signed["token"]
    offer = await running.offer()
    assert (await running.call("POST", "/api/auth/logout"))[0] == 204
    assert (await running.call("POST", "/api/auth/refresh", {"refresh_token": signed["refresh_token"]}))[0] == 401
    for method, path, body in (
        ("GET", "/api/auth/me", None),
        ("GET", "/api/bookings", None),
        ("GET", "/api/user/plans", None),
        ("POST", "/api/bookings", {"offer_id": offer["id"], "travelers": [], "contact": {}}),
        ("POST", "/api/payments/create-payment-intent", {"booking_id": str(uuid4())}),
        ("DELETE", f"/api/bookings/{uuid4()}", None),
        ("GET", "/api/user/export", None),
        ("DELETE", "/api/user/sessions", None),
        ("POST", "/api/auth/change-password", {"current_password": PASSWORD, "new_password": "a new long one"}),
    ):
        status, problem = await running.call(method, path, body)
        assert (status, problem["code"]) == (401, "session_ended"), path


async def test_a_forgotten_password_is_set_anew_once_and_ends_every_session(running: Running):
    email = await running.register()
    _, signed = await login(running, email)
    assert await running.good("POST", "/api/auth/forgot-password", {"email": email}) == {"sent": True}
    token = await running.link(email, "reset")
    body = {"token": token, "password": "quite another one"}
    assert (await running.call("POST", "/api/auth/reset-password", body))[0] == 204
    assert (await running.call("POST", "/api/auth/reset-password", body))[0] == 410
    assert (await running.call("POST", "/api/auth/refresh", {"refresh_token": signed["refresh_token"]}))[0] == 401
    assert (await login(running, email))[0] == 401
    assert (await login(running, email, "quite another one"))[0] == 200


async def test_a_changed_password_ends_the_other_sessions_and_keeps_this_one(running: Running):
    email = await running.register()
    (_, here), (_, there) = await login(running, email), await login(running, email)
    running.token = here["token"]
    change = {"current_password": PASSWORD, "new_password": "quite another one"}
    wrong = await running.call("POST", "/api/auth/change-password", change | {"current_password": "no"})
    assert (wrong[0], wrong[1]["code"]) == (403, "wrong_password")
    assert (await running.call("POST", "/api/auth/change-password", change))[0] == 204
    assert (await running.call("POST", "/api/auth/refresh", {"refresh_token": there["refresh_token"]}))[0] == 401
    assert (await running.call("POST", "/api/auth/refresh", {"refresh_token": here["refresh_token"]}))[0] == 200


async def test_sessions_are_listed_and_ended(running: Running):
    email = await running.register()
    _, there = await login(running, email)
    _, here = await login(running, email)
    running.token = here["token"]
    sessions = await running.good("GET", "/api/user/sessions")
    assert [one["current"] for one in sessions].count(True) == 1
    assert all(one["ip"] == "127.0.0.1" and one["user_agent"] for one in sessions)
    other = next(one for one in sessions if not one["current"])
    assert (await running.call("DELETE", f"/api/user/sessions/{other['id']}"))[0] == 204
    assert (await running.call("DELETE", f"/api/user/sessions/{other['id']}"))[0] == 404
    assert (await running.good("DELETE", "/api/user/sessions"))["ended"] == 2
    for pair in (there, here):
        assert (await running.call("POST", "/api/auth/refresh", {"refresh_token": pair["refresh_token"]}))[0] == 401


async def test_another_letter_is_written_at_most_once_a_minute(running: Running):
    body = new()
    await running.good("POST", "/api/auth/register", body)
    for _ in range(3):
        assert (await running.call("POST", "/api/auth/resend-verification", {"email": body["email"]}))[0] == 202
    await asyncio.sleep(0.3)
    assert len([one for one in await running.control("GET", "mailbox") if body["email"] in one["to"]]) == 1


async def test_the_same_under_customers(running: Running):
    body = new()
    await running.good("POST", "/api/customers/register", body)
    token = await running.link(body["email"], "verify")
    running.token = (await running.good("POST", "/api/customers/verify-email", {"token": token}))["token"]
    assert (await running.good("GET", "/api/customers/me"))["email"] == body["email"]
    done = await running.good("POST", "/api/customers/login", {"email": body["email"], "password": PASSWORD})
    assert (await running.good("POST", "/api/customers/refresh", {"refresh_token": done["refresh_token"]}))["token"]


@pytest.mark.parametrize(
    ("field", "value", "pointer"),
    [
        ("email", "not an address", "/email"),
        ("password", "short", "/password"),
        ("password", "password123", "/password"),
        ("password", "aaaaaaaaaaaa", "/password"),
        ("name", "  ", "/name"),
        ("phone", "12", "/phone"),
        ("email", 7, "/email"),
    ],
)
async def test_a_wrong_field_is_named(running: Running, field: str, value: object, pointer: str):
    status, problem = await running.call("POST", "/api/auth/register", new() | {field: value})
    assert (status, [one["pointer"] for one in problem["errors"]]) == (422, [pointer])


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "é" * 5])
async def test_a_token_that_is_none_is_refused(running: Running, token: str):
    status, problem = await running.call("GET", "/api/auth/me", Authorization=f"Bearer {token}")
    assert (status, problem["status"]) == (401, 401)


async def test_hashing_does_not_hold_up_the_loop():
    passwords = PasswordHasher()
    loop = asyncio.get_running_loop()
    hashing = asyncio.gather(*(passwords.hash_password("x" * 12) for _ in range(8)))
    began, worst = loop.time(), 0.0
    while not hashing.done():
        before = loop.time()
        await asyncio.sleep(0.005)
        worst = max(worst, loop.time() - before)
    took = loop.time() - began
    passwords.close()
    assert worst < took / 2
