"""A second factor over HTTP, from the picture to the recovery code."""

import time

import pyotp

from hub.people.identity import Role
from tests.support.running import Running, until

PASSWORD = "correct horse battery"


async def login(running: Running, email: str, **more: str) -> tuple[int, dict]:
    return await running.call("POST", "/api/auth/login", {"email": email, "password": PASSWORD} | more)


async def turned_on(running: Running) -> tuple[str, pyotp.TOTP, list[str]]:
    email = await running.register()
    made = await running.good("POST", "/api/user/second-factor", {"password": PASSWORD})
    totp = pyotp.TOTP(made["secret"])
    assert made["qr_svg"].startswith("<svg")
    done = await running.good("POST", "/api/user/second-factor/confirm", {"code": totp.now()})
    return email, totp, done["recovery_codes"]


async def fresh_code(totp: pyotp.TOTP, used: set[str]) -> str:
    """A code of this step or the next that has not been used."""

    async def found() -> str | None:

        codes = [totp.at(time.time()), totp.at(time.time() + 30)]
        return next((one for one in codes if one not in used), None)

    return await until(found)


async def test_a_sign_in_wants_the_code_and_takes_each_once(running: Running):
    email, totp, _ = await turned_on(running)
    status, problem = await login(running, email)
    assert (status, problem["code"]) == (401, "second_factor_required")
    status, problem = await login(running, email, code="000000")
    assert (status, problem["code"]) == (401, "wrong_code")
    code = await fresh_code(totp, {totp.now()})
    assert (await login(running, email, code=code))[0] == 200
    assert (await login(running, email, code=code))[1]["code"] == "wrong_code"


async def test_a_recovery_code_opens_once_and_is_counted(running: Running):
    email, _, codes = await turned_on(running)
    assert (await login(running, email, code=codes[0].lower().replace("-", " ")))[0] == 200
    assert (await login(running, email, code=codes[0]))[1]["code"] == "wrong_code"
    state = await running.good("GET", "/api/user/second-factor")
    assert (state["enabled"], state["recovery_codes_left"]) == (True, 9)


async def test_it_is_turned_off_with_password_and_code(running: Running):
    email, _, codes = await turned_on(running)
    body = {"password": PASSWORD, "code": codes[1]}
    wrong = await running.call("POST", "/api/user/second-factor/disable", body | {"password": "no no no"})
    assert (wrong[0], wrong[1]["code"]) == (403, "wrong_password")
    assert (await running.call("POST", "/api/user/second-factor/disable", body))[0] == 204
    assert (await login(running, email))[0] == 200


async def test_codes_are_not_guessed_by_who_has_the_password_and_a_session(running: Running):
    await turned_on(running)
    body = {"password": PASSWORD, "code": "000000"}
    answers = [await running.call("POST", "/api/user/second-factor/recovery-codes", body) for _ in range(7)]
    assert [status for status, _ in answers] == [403] * 5 + [429] * 2


async def test_staff_turn_it_off_for_who_has_lost_everything(running: Running):
    email, _, _ = await turned_on(running)
    customer = (await running.good("GET", "/api/auth/me"))["customer_id"]
    await running.made.identity.staff.members.add_member("mona@example.com", "Mona", {Role.MANAGER}, PASSWORD)
    signed = await running.good("POST", "/api/v1/auth/login", {"email": "mona@example.com", "password": PASSWORD})
    running.token = signed["token"]
    path = f"/api/v1/customers/{customer}/reset-second-factor"
    assert (await running.call("POST", path))[0] == 204
    assert (await running.call("POST", path))[1]["code"] == "second_factor_off"
    running.token = ""
    assert (await login(running, email))[0] == 200
