"""Supabase's emulator: sign-up, and the mails of confirmation and recovery."""

from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest

from tests.sandbox.supabase_project import ADA, PASSWORD, SERVICE, Project, open_project, together


@pytest.fixture
async def project() -> AsyncIterator[Project]:
    async with open_project() as opened:
        yield opened


async def test_who_signs_up_must_confirm(project: Project) -> None:
    user = await project.ok("POST", "signup", email="Ada@Example.com", password=PASSWORD, data={"name": "Ada"})
    assert (user["email"], user["role"], user["user_metadata"]) == (ADA, "authenticated", {"name": "Ada"})
    assert user["app_metadata"] == {"provider": "email", "providers": ["email"]}
    assert user["identities"][0]["identity_data"]["sub"] == user["id"]
    assert "access_token" not in user
    assert "email_confirmed_at" not in user
    found = await project.refused("POST", "token?grant_type=password", email=ADA, password=PASSWORD)
    assert found == (400, "email_not_confirmed", "Email not confirmed")


async def test_the_confirmation_is_in_the_mailbox(project: Project) -> None:
    await project.ok("POST", f"signup?redirect_to={project.hub}/welcome", email=ADA, password=PASSWORD)
    (mail,) = project.world.mailbox
    assert list(mail) == [
        "id", "to", "cc", "bcc", "reply_to", "from", "subject", "html", "text", "attachments", "tags", "time", "status",
    ]  # fmt: skip
    assert (mail["to"], mail["status"], mail["subject"]) == ([ADA], "delivered", "Confirm your email address")
    link = urlsplit(project.link)
    assert link.path == "/supabase/auth/v1/verify"
    asked = parse_qs(link.query)
    assert (asked["type"], asked["redirect_to"]) == (["signup"], [f"{project.hub}/welcome"])


async def test_a_taken_address_gets_a_made_up_user_and_no_mail(project: Project) -> None:
    true = await project.register()
    status, user, _ = await project.call("POST", "signup", email=ADA, password="another-one", data={"name": "Eve"})
    assert (status, user["email"], user["identities"], user["role"]) == (200, ADA, [], "")
    assert UUID(user["id"]) != UUID(true["id"])
    assert "confirmation_sent_at" in user
    assert user["user_metadata"] == {"name": "Eve"}
    assert project.world.mailbox == []
    assert len(await project.look("users")) == 1
    await project.sign_in()


async def test_an_unconfirmed_address_keeps_its_first_password(project: Project) -> None:
    first = await project.ok("POST", "signup", email=ADA, password=PASSWORD)
    project.later(61)
    again = await project.ok("POST", "signup", email=ADA, password="the-second-one")
    assert again["id"] == first["id"]
    assert len(project.world.mailbox) == 2
    await project.ok("POST", "verify", type="signup", token_hash=project.mark)
    await project.sign_in(password=PASSWORD)


async def test_mails_of_one_kind_keep_their_distance(project: Project) -> None:
    await project.ok("POST", "signup", email=ADA, password=PASSWORD)
    for path in ("signup", "resend"):
        status, code, text = await project.refused("POST", path, type="signup", email=ADA, password=PASSWORD)
        assert (status, code) == (429, "over_email_send_rate_limit")
        assert text.startswith("For security purposes, you can only request this after 5")
    assert len(project.world.mailbox) == 1


async def test_a_project_sends_so_many_mails_an_hour(project: Project) -> None:
    await project.control("settings", emails_per_hour=1)
    await project.ok("POST", "signup", email=ADA, password=PASSWORD)
    found = await project.refused("POST", "signup", email="bob@example.com", password=PASSWORD)
    assert found == (429, "over_email_send_rate_limit", "email rate limit exceeded")
    assert len(await project.look("users")) == 1
    project.later(3601)
    await project.ok("POST", "signup", email="bob@example.com", password=PASSWORD)


async def test_with_autoconfirm_there_are_tokens_at_once(project: Project) -> None:
    await project.control("settings", autoconfirm=True)
    granted = await project.ok("POST", "signup", email=ADA, password=PASSWORD)
    assert granted["user"]["email_confirmed_at"]
    assert (await project.read(granted["access_token"]))["email"] == ADA
    assert project.world.mailbox == []
    found = await project.refused("POST", "signup", email=ADA, password=PASSWORD)
    assert found == (422, "user_already_exists", "User already registered")


async def test_two_sign_ups_at_once_make_one_user(project: Project) -> None:
    asked = [project.call("POST", "signup", email=ADA, password=PASSWORD) for _ in range(4)]
    statuses = sorted(status for status, _, _ in await together(*asked))
    assert statuses[0] == 200
    assert set(statuses[1:]) <= {429, 500}
    assert len(await project.look("users")) == 1


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"email": ADA}, (400, "validation_failed", "Signup requires a valid password")),
        ({"email": "ada", "password": PASSWORD},
         (400, "validation_failed", "Unable to validate email address: invalid format")),
        ({"email": "a" * 250 + "@b.com", "password": PASSWORD},
         (400, "validation_failed", "An email address is too long")),
        ({"email": ADA, "phone": "1", "password": PASSWORD},
         (400, "validation_failed", "Only an email address or phone number should be provided on signup.")),
        ({"phone": "+447700900123", "password": PASSWORD},
         (400, "phone_provider_disabled", "Phone signups are disabled")),
        ({"password": PASSWORD}, (422, "anonymous_provider_disabled", "Anonymous sign-ins are disabled")),
        ({"email": ADA, "password": "x" * 73},
         (400, "validation_failed", "Password cannot be longer than 72 characters")),
    ],
)  # fmt: skip
async def test_a_sign_up_that_cannot_be(project: Project, given: dict[str, object], wanted: object) -> None:
    assert await project.refused("POST", "signup", **given) == wanted
    assert project.world.mailbox == []


async def test_an_address_must_be_text(project: Project) -> None:
    status, code, text = await project.refused("POST", "signup", email=5, password=PASSWORD)
    assert (status, code) == (400, "bad_json")
    assert text.endswith("json: cannot unmarshal number into Go struct field .email of type string")


async def test_a_weak_password_says_why(project: Project) -> None:
    status, body, _ = await project.call("POST", "signup", email=ADA, password="short")
    assert status == 422
    assert body == {
        "code": 422, "error_code": "weak_password", "msg": "Password should be at least 6 characters.",
        "weak_password": {"reasons": ["length"]},
    }  # fmt: skip


async def test_sign_up_may_be_closed(project: Project) -> None:
    await project.control("settings", disable_signup=True)
    found = await project.refused("POST", "signup", email=ADA, password=PASSWORD)
    assert found == (422, "signup_disabled", "Signups not allowed for this instance")
    assert (await project.ok("GET", "settings"))["disable_signup"] is True


async def test_a_captcha_stands_before_it(project: Project) -> None:
    await project.control("settings", captcha=True)
    _, code, text = await project.refused("POST", "signup", email=ADA, password=PASSWORD)
    assert (code, text) == ("captcha_failed", "captcha protection: request disallowed (no captcha_token found)")
    _, code, text = await project.refused("POST", "recover", email=ADA, gotrue_meta_security={"captcha_token": "no"})
    assert (code, text) == ("captcha_failed", "captcha protection: request disallowed (invalid-input-response)")
    passed = {"captcha_token": "XXXX.DUMMY.TOKEN.XXXX"}
    await project.ok("POST", "signup", email=ADA, password=PASSWORD, gotrue_meta_security=passed)
    await project.ok("POST", "recover", key=SERVICE, email=ADA)


async def test_recovery_says_the_same_to_everybody(project: Project) -> None:
    await project.register()
    assert await project.ok("POST", "recover", email=ADA) == {}
    assert await project.ok("POST", "recover", email="nobody@example.com") == {}
    (mail,) = project.world.mailbox
    assert (mail["to"], mail["subject"]) == ([ADA], "Reset your password")
    assert "type=recovery" in project.link
    assert (await project.refused("POST", "recover", email=ADA))[1] == "over_email_send_rate_limit"
    assert (await project.refused("POST", "recover"))[2] == "Password recovery requires an email"


async def test_a_confirmation_is_sent_again(project: Project) -> None:
    await project.ok("POST", "signup", email=ADA, password=PASSWORD)
    project.later(61)
    first = project.mark
    assert await project.ok("POST", "resend", type="signup", email=ADA) == {}
    assert project.mark != first
    assert (await project.refused("POST", "verify", type="signup", token_hash=first))[1] == "otp_expired"
    await project.ok("POST", "verify", type="signup", token_hash=project.mark)


async def test_nothing_is_sent_to_strangers_and_to_the_confirmed(project: Project) -> None:
    await project.register()
    for given in ({"email": ADA}, {"email": "nobody@example.com"}, {"email": ADA, "type": "email_change"}):
        assert await project.ok("POST", "resend", **({"type": "signup"} | given)) == {}
    assert project.world.mailbox == []


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"type": "other", "email": ADA}, "Missing one of these types: signup, email_change, sms, phone_change"),
        ({"type": "signup"}, "Type provided requires an email address"),
        ({"type": "sms"}, "Type provided requires a phone number"),
        ({"type": "email_change"}, "Missing email address or phone number"),
    ],
)
async def test_a_resend_that_cannot_be(project: Project, given: dict[str, str], text: str) -> None:
    assert await project.refused("POST", "resend", **given) == (400, "validation_failed", text)


async def test_a_link_leads_to_strange_sites_never(project: Project) -> None:
    await project.ok("POST", "signup?redirect_to=https://evil.example/x", email=ADA, password=PASSWORD)
    assert parse_qs(urlsplit(project.link).query)["redirect_to"] == [project.hub]
