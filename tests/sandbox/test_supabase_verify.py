"""Supabase's emulator: what the token of a mail opens, by the app and by the link."""

import json
import re
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.sandbox.supabase_project import ADA, PASSWORD, Project, open_project

BOB = "bob@example.com"
DEAD = (403, "otp_expired", "Email link is invalid or has expired")
WRONG = (403, "otp_expired", "Token has expired or is invalid")


@pytest.fixture
async def project() -> AsyncIterator[Project]:
    async with open_project() as opened:
        await opened.ok("POST", "signup", email=ADA, password=PASSWORD)
        yield opened


async def recovering(project: Project) -> Project:
    await project.ok("POST", "verify", type="signup", token_hash=project.mark)
    await project.ok("POST", f"recover?redirect_to={project.hub}/reset", email=ADA)
    return project


async def follow(project: Project, link: str) -> tuple[str, dict[str, str]]:
    """Where the link leads, and what stands in the fragment."""
    status, _, headers = await project.call("GET", link, key=None)
    assert status == 303
    target, _, fragment = headers["Location"].partition("#")
    return target, {name: values[0] for name, values in parse_qs(fragment, keep_blank_values=True).items()}


async def test_the_hash_confirms_and_signs_in(project: Project) -> None:
    granted = await project.ok("POST", "verify", type="signup", token_hash=project.mark)
    assert granted["user"]["email_confirmed_at"]
    assert granted["user"]["user_metadata"] == {"email_verified": True}
    assert [one["method"] for one in (await project.read(granted["access_token"]))["amr"]] == ["otp"]
    await project.sign_in()


async def test_it_does_so_once(project: Project) -> None:
    mark = project.mark
    await project.ok("POST", "verify", type="signup", token_hash=mark)
    assert await project.refused("POST", "verify", type="signup", token_hash=mark) == DEAD


async def test_six_digits_do_as_well(project: Project) -> None:
    await project.control("hooks", send_email=True)
    await project.ok("POST", "signup", email=BOB, password=PASSWORD)
    otp = json.loads(project.got[-1][1])["email_data"]["token"]
    assert await project.refused("POST", "verify", type="signup", email=BOB, token="wrong!") == WRONG
    assert await project.refused("POST", "verify", type="signup", email=ADA, token=otp) == WRONG
    granted = await project.ok("POST", "verify", type="email", email=BOB.upper(), token=otp)
    assert granted["user"]["email"] == BOB


async def test_an_hour_later_it_is_too_late(project: Project) -> None:
    project.later(3601)
    assert await project.refused("POST", "verify", type="signup", token_hash=project.mark) == DEAD


async def test_one_kind_of_token_is_not_another(project: Project) -> None:
    assert await project.refused("POST", "verify", type="recovery", token_hash=project.mark) == DEAD
    assert await project.refused("POST", "verify", type="email_change", token_hash=project.mark) == DEAD


async def test_recovery_signs_in_to_choose_a_new_password(project: Project) -> None:
    await recovering(project)
    granted = await project.ok("POST", "verify", type="recovery", token_hash=project.mark)
    await project.ok("PUT", "user", bearer=granted["access_token"], password="a-better-one")
    await project.sign_in(password="a-better-one")


async def test_recovery_confirms_an_address_too(project: Project) -> None:
    await project.ok("POST", "recover", email=ADA)
    await project.ok("POST", "verify", type="recovery", token_hash=project.mark)
    await project.sign_in()


async def test_the_link_leads_back_with_the_tokens_in_the_fragment(project: Project) -> None:
    await recovering(project)
    target, found = await follow(project, project.link)
    assert target == f"{project.hub}/reset"
    assert (found["type"], found["token_type"], found["sb"]) == ("recovery", "bearer", "")
    assert found["expires_in"] == "3600"
    await project.ok("GET", "user", bearer=found["access_token"])
    await project.refresh(found["refresh_token"])


async def test_a_link_that_was_clicked_before_leads_back_with_the_error(project: Project) -> None:
    await follow(project, project.link)
    target, found = await follow(project, project.link)
    assert target == project.hub
    assert found == {
        "error": "access_denied", "error_code": "otp_expired", "sb": "",
        "error_description": "Email link is invalid or has expired",
    }  # fmt: skip


async def test_looking_at_a_link_spends_nothing(project: Project) -> None:
    async with project.session.head(project.link) as answer:
        assert answer.status == 405
    assert "access_token" in (await follow(project, project.link))[1]


async def test_a_new_address_comes_into_force_when_both_letters_are_answered(project: Project) -> None:
    await project.ok("POST", "verify", type="signup", token_hash=project.mark)
    token = (await project.sign_in())["access_token"]
    assert (await project.ok("PUT", "user", bearer=token, email=BOB))["new_email"] == BOB
    first, second = (re.findall(r"token=(\w+)", mail["html"])[0] for mail in project.world.mailbox[-2:])
    half = await project.ok("POST", "verify", type="email_change", token_hash=first)
    assert half["msg"].startswith("Confirmation link accepted")
    assert await project.refused("POST", "verify", type="email_change", token_hash=first) == DEAD
    await project.sign_in()
    granted = await project.ok("POST", "verify", type="email_change", token_hash=second)
    assert (granted["user"]["email"], granted["user"].get("new_email")) == (BOB, None)
    await project.sign_in(BOB)
    await project.register(ADA)
    found = await project.refused("PUT", "user", bearer=granted["access_token"], email=ADA)
    assert found[:2] == (422, "email_exists")


async def test_a_changed_link_leads_to_no_strange_site(project: Project) -> None:
    link = project.link.partition("&redirect_to=")[0]
    target, found = await follow(project, f"{link}&redirect_to=https://evil.example/")
    assert urlsplit(target).netloc == urlsplit(project.hub).netloc
    assert "access_token" in found


async def test_a_new_password_spends_every_mail(project: Project) -> None:
    await recovering(project)
    token = (await project.sign_in())["access_token"]
    await project.ok("PUT", "user", bearer=token, password="a-better-one")
    assert await project.refused("POST", "verify", type="recovery", token_hash=project.mark) == DEAD


async def test_the_banned_stay_out(project: Project) -> None:
    ((user),) = await project.look("users")
    await project.admin("PUT", f"/{user['id']}", ban_duration="1h")
    found = await project.refused("POST", "verify", type="signup", token_hash=project.mark)
    assert found == (403, "user_banned", "User is banned")


@pytest.mark.parametrize(
    ("given", "status", "text"),
    [
        ({"token_hash": "x"}, 400, "Verify requires a verification type"),
        ({"type": "signup"}, 400, "Verify requires either a token or a token hash"),
        ({"type": "signup", "token": "1", "token_hash": "x"}, 400, "Verify requires either a token or a token hash"),
        ({"type": "sms", "token_hash": "x"}, 400, "Invalid email verification type"),
        ({"type": "signup", "token": "1"}, 400, "Only an email address or phone number should be provided on verify"),
        ({"type": "signup", "token": "1", "email": "x"}, 422, "Invalid email format"),
    ],
)
async def test_a_question_that_makes_no_sense(project: Project, given: Any, status: int, text: str) -> None:
    assert await project.refused("POST", "verify", **given) == (status, "validation_failed", text)


async def test_only_type_and_hash_go_together(project: Project) -> None:
    found = await project.refused("POST", "verify", type="signup", token_hash=project.mark, email=ADA)
    assert found == (400, "validation_failed", "Only the token_hash and type should be provided")
    await project.ok("POST", "verify", type="signup", token_hash=project.mark)


async def test_half_a_link_is_told_so(project: Project) -> None:
    for query in ("", "?token=x", "?type=signup"):
        assert (await project.refused("GET", f"verify{query}"))[:2] == (400, "validation_failed")
