import asyncio
from uuid import uuid4

import jwt
import pytest

from hub.identity import Passwords, Tokens
from tests.fixtures.running import Running

PASSWORD = "correct horse battery"


async def test_a_traveller_registers_and_is_known(running: Running):
    email = await running.register()
    me = await running.good("GET", "/api/auth/me")
    assert (me["email"], me["name"], me["phone"]) == (email, "Ada Lovelace", "+447700900123")


async def test_one_account_an_address_whatever_its_case(running: Running):
    email = await running.register()
    body = {"email": email.upper(), "password": PASSWORD, "name": "Ada", "phone": None}
    status, problem = await running.call("POST", "/api/auth/register", body)
    assert (status, problem["code"]) == (409, "email_taken")


async def test_signing_in_wants_the_right_password(running: Running):
    email = await running.register()
    good = await running.good("POST", "/api/auth/login", {"email": email, "password": PASSWORD})
    assert good["token"]
    for wrong in ({"email": email, "password": "no"}, {"email": "nobody@example.com", "password": PASSWORD}):
        status, problem = await running.call("POST", "/api/auth/login", wrong)
        assert (status, problem["code"]) == (401, "wrong_credentials")


async def test_a_refresh_token_works_once_and_its_second_use_ends_the_session(running: Running):
    email = await running.register()
    first = await running.good("POST", "/api/auth/login", {"email": email, "password": PASSWORD})
    second = await running.good("POST", "/api/auth/refresh", {"refresh_token": first["refresh_token"]})
    stolen = await running.call("POST", "/api/auth/refresh", {"refresh_token": first["refresh_token"]})
    assert (stolen[0], stolen[1]["code"]) == (401, "refresh_token_reused")
    ended = await running.call("POST", "/api/auth/refresh", {"refresh_token": second["refresh_token"]})
    assert (ended[0], ended[1]["code"]) == (401, "invalid_refresh_token")


async def test_two_tabs_refreshing_at_once_get_one_pair(running: Running):
    email = await running.register()
    first = await running.good("POST", "/api/auth/login", {"email": email, "password": PASSWORD})
    body = {"refresh_token": first["refresh_token"]}
    answers = await asyncio.gather(*(running.call("POST", "/api/auth/refresh", body) for _ in range(2)))
    assert sorted(status for status, _ in answers) == [200, 401]


async def test_after_signing_out_the_session_cannot_be_refreshed(running: Running):
    email = await running.register()
    signed = await running.good("POST", "/api/auth/login", {"email": email, "password": PASSWORD})
    running.token = signed["token"]
    assert (await running.call("POST", "/api/auth/logout"))[0] == 204
    assert (await running.call("POST", "/api/auth/refresh", {"refresh_token": signed["refresh_token"]}))[0] == 401


@pytest.mark.parametrize(
    ("field", "value", "pointer"),
    [
        ("email", "not an address", "/email"),
        ("password", "short", "/password"),
        ("name", "  ", "/name"),
        ("phone", "12", "/phone"),
        ("email", 7, "/email"),
    ],
)
async def test_a_wrong_field_is_named(running: Running, field: str, value: object, pointer: str):
    body = {"email": "ada@example.com", "password": PASSWORD, "name": "Ada", "phone": "+447700900123"} | {field: value}
    status, problem = await running.call("POST", "/api/auth/register", body)
    assert (status, [one["pointer"] for one in problem["errors"]]) == (422, [pointer])


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "é" * 5])
async def test_a_token_that_is_none_is_refused(running: Running, token: str):
    status, problem = await running.call("GET", "/api/auth/me", Authorization=f"Bearer {token}")
    assert (status, problem["status"]) == (401, 401)


def test_tokens_are_ours_whole_and_in_time():
    class Clock:
        seconds = 1_800_000_000.0

        def now(self):
            from datetime import UTC, datetime

            return datetime.fromtimestamp(self.seconds, UTC)

    clock, secret = Clock(), "s" * 32
    tokens = Tokens(secret, clock)  # type: ignore[arg-type]
    customer, session = uuid4(), uuid4()
    token = tokens.issue(customer, session)
    assert tokens.read(token).id == customer
    claims = jwt.decode(token, options={"verify_signature": False})
    for bad in (
        jwt.encode(claims, "other" * 8, algorithm="HS256"),
        jwt.encode(claims, None, algorithm="none"),
        jwt.encode(claims | {"aud": "another"}, secret, algorithm="HS256"),
        jwt.encode(claims | {"sub": "nobody"}, secret, algorithm="HS256"),
        jwt.encode({name: value for name, value in claims.items() if name != "exp"}, secret, algorithm="HS256"),
    ):
        with pytest.raises(Exception, match="not valid"):
            tokens.read(bad)
    clock.seconds += 901
    with pytest.raises(Exception, match="expired"):
        tokens.read(token)


async def test_hashing_does_not_hold_up_the_loop():
    passwords = Passwords()
    loop = asyncio.get_running_loop()
    hashing = asyncio.gather(*(passwords.hash("x" * 12) for _ in range(8)))
    worst = last = 0.0
    while not hashing.done():
        before = loop.time()
        await asyncio.sleep(0.005)
        last = loop.time() - before
        worst = max(worst, last)
    passwords.close()
    assert worst < 0.2
