"""The same flows with Supabase Auth in the place of the hub's own accounts: the real adapter against the emulator."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyotp
import pytest

from hub.cli.processes import build_sandbox_config
from hub.settings import AuthSettings
from tests.support.running import Running, hub_running, settings_for, until

PASSWORD = "correct horse battery"


@pytest.fixture
async def hub(dsn: str, tmp_path: Path) -> AsyncIterator[Running]:
    async with hub_running(settings_for(dsn, tmp_path, auth=AuthSettings(provider="supabase"))) as found:
        yield found


def person() -> dict[str, Any]:
    return {"email": f"ada.{uuid4().hex[:8]}@example.com", "password": PASSWORD, "name": "Ada Lovelace"}


async def confirmed(hub: Running, **more: Any) -> dict[str, Any]:
    """Registered, and confirmed by the link of Supabase's own letter."""
    body = person() | more
    done = await hub.good("POST", "/api/auth/register", body)
    assert done["requires_verification"]
    async with hub.session.get(await letter(hub, body["email"], "signup"), allow_redirects=False) as answer:
        assert (answer.status, "access_token=" in answer.headers["Location"]) == (303, True)
    return body


async def letter(hub: Running, email: str, kind: str) -> str:
    async def found() -> str | None:
        texts = [str(one) for one in await hub.control("GET", "mailbox") if email in one["to"]]
        links = re.findall(rf"http[^\s\"'<>\\]+type={kind}[^\s\"'<>\\]*", " ".join(texts))
        return links[-1].replace("&amp;", "&") if links else None

    return await until(found)


async def login(hub: Running, body: dict[str, Any], **more: Any) -> tuple[int, Any]:
    asked = {"email": body["email"], "password": body["password"]} | more
    return await hub.call("POST", "/api/auth/login", asked)


async def signed_in(hub: Running) -> dict[str, Any]:
    body = await confirmed(hub)
    status, done = await login(hub, body)
    assert status == 200, done
    hub.token = done["token"]
    return body | done


async def test_the_whole_journey_with_an_account_of_supabase(hub: Running):
    body = await signed_in(hub)
    assert (await hub.good("GET", "/api/auth/me"))["email"] == body["email"]
    booking = await hub.book()
    await hub.pay(booking)
    assert (await hub.settled(booking))["status"] == "confirmed"


async def test_before_the_address_is_confirmed_nobody_signs_in_and_a_taken_one_says_nothing(hub: Running):
    body = person()
    first = await hub.good("POST", "/api/auth/register", body)
    assert (await login(hub, body))[1]["code"] == "email_not_verified"
    taken = await confirmed(hub)
    again = await hub.good("POST", "/api/auth/register", taken | {"password": "another long one"})
    assert again.pop("registration_token") != first.pop("registration_token")
    assert again == first
    assert (await login(hub, taken | {"password": "another long one"}))[1]["code"] == "wrong_credentials"


async def test_tokens_are_renewed_and_end_with_the_session(hub: Running):
    mine = await signed_in(hub)
    pair = await hub.good("POST", "/api/auth/refresh", {"refresh_token": mine["refresh_token"]})
    hub.token = pair["token"]
    assert [one["current"] for one in await hub.good("GET", "/api/user/sessions")] == [True]
    assert (await hub.call("POST", "/api/auth/logout"))[0] == 204
    assert (await hub.call("GET", "/api/auth/me"))[1]["code"] == "session_ended"
    assert (await hub.call("GET", "/api/user/export"))[1]["code"] == "session_ended"
    status, problem = await hub.call("POST", "/api/auth/refresh", {"refresh_token": pair["refresh_token"]})
    assert (status, problem["code"]) == (401, "invalid_refresh_token")


async def test_a_session_that_was_ended_here_ends_there_at_its_next_refresh(hub: Running):
    body = await signed_in(hub)
    _, other = await login(hub, body)
    sessions = await hub.good("GET", "/api/user/sessions")
    there = next(one for one in sessions if not one["current"])
    assert (await hub.call("DELETE", f"/api/user/sessions/{there['id']}"))[0] == 204
    for _ in range(2):
        assert (await hub.call("POST", "/api/auth/refresh", {"refresh_token": other["refresh_token"]}))[0] == 401
    left = await hub.control("GET", "supabase/sessions")
    assert there["id"] not in str(left)


async def test_a_token_of_supabase_itself_is_enough_and_makes_the_customer_known(hub: Running):
    """A frontend may talk to Supabase alone, and to the hub for the rest."""
    body = await confirmed(hub)
    asked = {"email": body["email"], "password": PASSWORD}
    headers = {"apikey": "sb_publishable_sandbox"}
    url = f"{hub.sandbox}/supabase/auth/v1/token?grant_type=password"
    async with hub.session.post(url, json=asked, headers=headers) as answer:
        hub.token = (await answer.json())["access_token"]
    assert (await hub.good("GET", "/api/auth/me"))["email"] == body["email"]
    assert (await hub.book())["status"] == "pending"


async def test_a_rotation_at_supabase_signs_nobody_out(hub: Running):
    body = await signed_in(hub)
    await hub.control("POST", "supabase/rotate")
    assert (await hub.call("GET", "/api/auth/me"))[0] == 200
    _, fresh = await login(hub, body)
    hub.token = fresh["token"]
    assert (await hub.call("GET", "/api/auth/me"))[0] == 200


async def test_a_legacy_project_signs_with_its_secret(hub: Running):
    await hub.control("POST", "supabase/signing", {"algorithm": "HS256"})
    await signed_in(hub)
    assert (await hub.call("GET", "/api/auth/me"))[0] == 200


async def test_a_forgotten_password_through_the_hubs_own_letter(hub: Running):
    """With the send-email hook Supabase lets the hub write; the token is wiped from the event once it is sealed."""
    body = await signed_in(hub)
    await hub.control("POST", "supabase/hooks", {"send_email": True, "database": False})
    await hub.good("POST", "/api/auth/forgot-password", {"email": body["email"]})
    token = await hub.link(body["email"], "reset")
    done = await hub.call("POST", "/api/auth/reset-password", {"token": token, "password": "quite another one"})
    assert done[0] == 204, done
    assert (await login(hub, body))[0] == 401
    assert (await login(hub, body | {"password": "quite another one"}))[0] == 200
    async with hub.db.connection() as tx:
        kept = await tx.fetchval("select string_agg(w::text, '') from webhook_events w where provider = 'supabase'")
    assert kept
    assert token not in kept


async def test_registration_through_the_hubs_own_letter(hub: Running):
    await hub.control("POST", "supabase/hooks", {"send_email": True, "database": True})
    body = person()
    await hub.good("POST", "/api/auth/register", body)
    token = await hub.link(body["email"], "verify")
    done = await hub.good("POST", "/api/auth/verify-email", {"token": token})
    hub.token = done["token"]
    assert (await hub.good("GET", "/api/auth/me"))["name"] == "Ada Lovelace"


async def test_a_reset_of_an_unconfirmed_account_keeps_no_name_of_a_stranger(hub: Running):
    await hub.control("POST", "supabase/hooks", {"send_email": True, "database": True})
    strangers = person() | {"name": "Mallory"}
    await hub.good("POST", "/api/auth/register", strangers)
    await hub.good("POST", "/api/auth/forgot-password", {"email": strangers["email"]})
    chosen = {"token": await hub.link(strangers["email"], "reset"), "password": "what the owner chose"}
    assert (await hub.call("POST", "/api/auth/reset-password", chosen))[0] == 204
    hub.token = (await login(hub, strangers | chosen))[1]["token"]
    assert (await hub.good("GET", "/api/auth/me"))["name"] == ""


@pytest.mark.parametrize("again", ["register", "resend"])
async def test_no_link_confirms_a_password_that_a_stranger_registered_first(hub: Running, again: str):
    """Supabase keeps the first password of an address, whoever registers it again."""
    await hub.control("POST", "supabase/hooks", {"send_email": True, "database": True})
    await hub.control("POST", "supabase/settings", {"max_frequency": 0})
    strangers, mine = person() | {"password": "the thief's own password", "name": "Mallory"}, person()
    mine["email"] = strangers["email"]
    await hub.good("POST", "/api/auth/register", strangers)
    first = await hub.link(mine["email"], "verify")
    path, body = ("register", mine) if again == "register" else ("resend-verification", {"email": mine["email"]})
    await minutes_pass(hub)
    await hub.good("POST", f"/api/auth/{path}", body)
    token = await newer_link(hub, mine["email"], first)
    chosen = {"token": token, "password": "what the owner chose"}
    hub.token = (await hub.good("POST", "/api/auth/verify-email", chosen))["token"]
    assert (await hub.good("GET", "/api/auth/me"))["name"] == ""
    assert (await login(hub, strangers))[0] == 401
    assert (await login(hub, mine | {"password": "what the owner chose"}))[0] == 200


async def test_a_disputed_password_is_dropped_with_a_link_that_chooses_none(hub: Running):
    await hub.control("POST", "supabase/hooks", {"send_email": True, "database": True})
    strangers = person() | {"password": "the thief's own password"}
    await hub.good("POST", "/api/auth/register", strangers)
    first = await hub.link(strangers["email"], "verify")
    await hub.good("POST", "/api/auth/register", strangers | {"password": PASSWORD})
    token = await newer_link(hub, strangers["email"], first)
    status, problem = await hub.call("POST", "/api/auth/verify-email", {"token": token})
    assert (status, problem["code"]) == (409, "password_required")
    for password in (PASSWORD, "the thief's own password"):
        assert (await login(hub, strangers | {"password": password}))[0] == 401


async def newer_link(hub: Running, email: str, older: str) -> str:
    async def newer() -> str | None:
        token = await hub.link(email, "verify")
        return token if token != older else None

    return await until(newer)


async def minutes_pass(hub: Running) -> None:
    async with hub.db.transaction() as tx:
        await tx.execute("update one_time_tokens set created_at = created_at - interval '2 minutes'")


async def test_a_changed_password_ends_the_other_sessions(hub: Running):
    body = await signed_in(hub)
    _, other = await login(hub, body)
    change = {"current_password": PASSWORD, "new_password": "quite another one"}
    assert (await hub.call("POST", "/api/auth/change-password", change | {"current_password": "no"}))[0] == 403
    assert (await hub.call("POST", "/api/auth/change-password", change))[0] == 204
    assert (await hub.call("POST", "/api/auth/refresh", {"refresh_token": other["refresh_token"]}))[0] == 401
    assert (await hub.call("GET", "/api/user/export"))[0] == 200


async def test_an_erasure_reaches_supabase(hub: Running):
    body = await signed_in(hub)
    status, found = await hub.call("DELETE", "/api/user", {"password": PASSWORD})
    assert status == 204, found

    async def gone() -> bool:
        return body["email"] not in str(await hub.control("GET", "supabase/users"))

    await until(gone)
    assert (await hub.call("GET", "/api/auth/me"))[1]["code"] == "session_ended"


async def test_database_webhooks_keep_customers_end_sessions_and_bring_no_password_hashes(hub: Running):
    await hub.control("POST", "supabase/hooks", {"send_email": False, "database": True})
    body = await signed_in(hub)
    me = (await hub.good("GET", "/api/auth/me"))["customer_id"]
    url = f"{hub.sandbox}/supabase/auth/v1/admin/users/{me}"
    service = {"apikey": "sb_secret_sandbox", "Authorization": "Bearer sb_secret_sandbox"}
    async with hub.session.delete(url, headers=service) as answer:
        assert answer.status == 200

    async def left() -> Any:
        async with hub.db.connection() as tx:
            return await tx.fetchval("select ended_because from sessions where customer_id::text = $1", me)

    assert await until(left) == "account_deleted"
    assert (await login(hub, body))[0] == 401
    async with hub.db.connection() as tx:
        kept = await tx.fetchval("select string_agg(w::text, '') from webhook_events w where provider = 'supabase'")
    assert "$2a$" not in kept
    assert "token" not in kept


async def test_a_second_factor_of_the_hub_guards_what_supabase_lets_in(hub: Running):
    body = await signed_in(hub)
    made = await hub.good("POST", "/api/user/second-factor", {"password": PASSWORD})
    codes = await hub.good("POST", "/api/user/second-factor/confirm", {"code": pyotp.TOTP(made["secret"]).now()})
    assert (await login(hub, body))[1]["code"] == "second_factor_required"
    url = f"{hub.sandbox}/supabase/auth/v1/token?grant_type=password"
    asked = {"email": body["email"], "password": PASSWORD}
    async with hub.session.post(url, json=asked, headers={"apikey": "sb_publishable_sandbox"}) as answer:
        hub.token = (await answer.json())["access_token"]
    assert (await hub.call("GET", "/api/user/export"))[1]["code"] == "second_factor_required"
    status, done = await login(hub, body, code=codes["recovery_codes"][0])
    assert status == 200
    hub.token = done["token"]
    assert (await hub.call("GET", "/api/user/export"))[0] == 200


async def test_supabase_away_is_said_and_locks_nobody_out(hub: Running):
    body = await signed_in(hub)
    await hub.fault("supabase", "status", status=503, times=40)
    answers = [await login(hub, body) for _ in range(7)]
    assert {status for status, _ in answers} <= {502, 503, 504}, answers
    await hub.control("POST", "reset")


async def test_an_address_that_was_deleted_at_supabase_can_be_registered_anew(hub: Running):
    body = await signed_in(hub)
    me = (await hub.good("GET", "/api/auth/me"))["customer_id"]
    service = {"apikey": "sb_secret_sandbox", "Authorization": "Bearer sb_secret_sandbox"}
    async with hub.session.delete(f"{hub.sandbox}/supabase/auth/v1/admin/users/{me}", headers=service) as answer:
        assert answer.status == 200
    again = await confirmed(hub, email=body["email"])
    status, done = await login(hub, again)
    assert (status, done["customer_id"] != me) == (200, True)


async def test_a_common_password_is_refused_before_supabase_is_asked(hub: Running):
    status, problem = await hub.call("POST", "/api/auth/register", person() | {"password": "password123"})
    assert (status, problem["errors"][0]["code"]) == (422, "weak_password")


async def test_the_letters_of_the_sandbox_lead_to_pages_that_exist(hub: Running):
    """As `hub serve` sets up the sandbox's project: sign-up, confirmation and reset by links alone."""
    assert build_sandbox_config(hub.settings).supabase_hub_templates
    await hub.control("POST", "supabase/settings", {"hub_templates": True, "max_frequency": 0})
    body = person()
    await hub.good("POST", "/api/auth/register", body)
    await submit(hub, await page_link(hub, body["email"], "verify"), {})
    assert (await login(hub, body))[0] == 200
    await hub.good("POST", "/api/auth/forgot-password", {"email": body["email"]})
    better = body | {"password": "four words keep better"}
    fields = {"password": better["password"], "again": better["password"]}
    await submit(hub, await page_link(hub, body["email"], "reset"), fields)
    assert [(await login(hub, one))[0] for one in (body, better)] == [401, 200]


async def page_link(hub: Running, email: str, page: str) -> str:
    """The newest link to that page in the mailbox, as its reader clicks it."""

    async def found() -> str | None:
        mails = " ".join(one["html"] for one in await hub.control("GET", "mailbox") if email in one["to"])
        links = re.findall(rf'href="({re.escape(hub.settings.link_base_url)}/{page}[^"]+)"', mails)
        return links[-1].replace("&amp;", "&") if links else None

    return await until(found)


async def submit(hub: Running, link: str, fields: dict[str, str]) -> None:
    """Opens the link and sends the form of its page."""
    async with hub.session.get(link) as answer:
        assert answer.status == 200
        assert "<form" in await answer.text()
    address, _, token = link.partition("?token=")
    async with hub.session.post(address, data=fields | {"token": token}) as answer:
        assert answer.status == 200, await answer.text()
