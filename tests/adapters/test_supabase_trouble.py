"""The adapter against a server that says anything at all: unknown answers are errors, and never good news."""

from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.core.errors import (
    Forbidden,
    Gone,
    HubError,
    InvalidRequest,
    OutcomeUnknown,
    ProviderError,
    ProviderPermanent,
    ProviderTransient,
    TooManyRequests,
    Unauthenticated,
)
from hub.people.identity import Caller, Identity, NewAccount
from tests.adapters.supabase_server import scripted
from tests.sandbox.supabase_project import ADA, PASSWORD

NEW, PERSON, CALLER = NewAccount(ADA, PASSWORD, "Ada"), Identity(uuid4(), ADA), Caller(uuid4())
ASKED = {
    "sign_up": lambda it: it.sign_up(NEW),
    "sign_in": lambda it: it.sign_in(ADA, PASSWORD),
    "refresh": lambda it: it.refresh_session("r"),
    "verify_email": lambda it: it.verify_email("t"),
    "resend": lambda it: it.resend_verification(ADA),
    "forgot": lambda it: it.request_password_reset(ADA),
    "reset": lambda it: it.reset_password("t", PASSWORD),
    "password_is": lambda it: it.verify_password(CALLER, ADA, PASSWORD),
    "change": lambda it: it.change_password(CALLER, "t", PASSWORD),
    "sign_out": lambda it: it.sign_out("t"),
    "alive": lambda it: it.is_session_live("t"),
    "delete": lambda it: it.delete_identity(PERSON),
    "check_access": lambda it: it.check_access(),
}
every_question = pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(
        st.sampled_from(["user", "id", "access_token", "refresh_token", "expires_in", "identities", "code", "email"]),
        inner,
        max_size=4,
    ),
    max_leaves=6,
)  # fmt: skip


@pytest.fixture
def records():
    return []


@pytest.fixture
async def wire(records):
    async with scripted(records) as both:
        yield both


@every_question
async def test_a_page_in_the_place_of_an_answer_is_trouble_of_the_provider(wire, asked):
    """A login page of some proxy, with status 200: nobody has registered, left or been forgotten."""
    identity, script = wire
    script.says((200, "<html>Welcome</html>"))
    with pytest.raises(ProviderError) as error:
        await asked(identity)
    assert not isinstance(error.value, OutcomeUnknown)


@every_question
@pytest.mark.parametrize("answer", [(503, {"message": "no"}), (500, "<html>"), None], ids=["503", "500", "cut"])
async def test_a_provider_that_is_away_is_asked_again_later(wire, asked, answer):
    identity, script = wire
    script.says(answer)
    with pytest.raises(ProviderTransient):
        await asked(identity)


@every_question
async def test_a_code_that_nobody_knows_is_passed_on_by_name(wire, asked):
    identity, script = wire
    script.says((418, {"code": "brand_new_code", "message": f"of {ADA}"}))
    with pytest.raises(ProviderPermanent) as error:
        await asked(identity)
    assert error.value.provider_code == "brand_new_code"
    assert ADA not in str(error.value)


@pytest.mark.parametrize(
    ("code", "kind", "ours"),
    [
        ("invalid_credentials", Unauthenticated, "wrong_credentials"),
        ("email_not_confirmed", Forbidden, "email_not_verified"),
        ("user_banned", Unauthenticated, "wrong_credentials"),
        ("over_request_rate_limit", TooManyRequests, "rate_limited"),
    ],
)
@pytest.mark.parametrize("dated", [False, True], ids=["first version", "dated version"])
async def test_a_refusal_means_the_same_in_both_versions_of_the_api(wire, code, kind, ours, dated):
    identity, script = wire
    body = {"code": code, "message": "m"} if dated else {"code": 400, "error_code": code, "msg": "m"}
    script.says((429 if kind is TooManyRequests else 400, body))
    with pytest.raises(kind) as error:
        await identity.sign_in(ADA, PASSWORD)
    assert error.value.code == ours
    assert kind is not TooManyRequests or error.value.retry_after


@pytest.mark.parametrize("code", ["refresh_token_not_found", "refresh_token_already_used", "session_not_found",
                                  "session_expired", "user_banned", "user_not_found", "validation_failed"])  # fmt: skip
async def test_a_refresh_that_leads_nowhere_is_an_ended_session(wire, code):
    identity, script = wire
    script.says((400, {"code": code, "message": "m"}))
    with pytest.raises(Unauthenticated) as error:
        await identity.refresh_session("r")
    assert error.value.code == "invalid_refresh_token"


@pytest.mark.parametrize("code", ["otp_expired", "user_banned"])
async def test_a_link_that_leads_nowhere_is_gone(wire, code):
    identity, script = wire
    script.says((403, {"code": code, "message": "m"}))
    with pytest.raises(Gone):
        await identity.verify_email("t")


async def test_a_weak_password_is_said_in_our_words(wire):
    identity, script = wire
    reasons = ["pwned", "characters", "new-reason", 5]
    script.says((422, {"code": "weak_password", "message": "m", "weak_password": {"reasons": reasons}}))
    with pytest.raises(InvalidRequest) as error:
        await identity.sign_up(NEW)
    (field,) = error.value.errors
    assert (field.pointer, field.code) == ("/password", "weak_password")
    assert field.message == "it is known from a leak; it needs more kinds of characters"


async def test_an_address_that_takes_no_letters_is_a_wrong_field_of_a_registration_and_else_nobodys_business(wire):
    identity, script = wire
    script.says((400, {"code": "email_address_invalid", "message": ADA}))
    with pytest.raises(InvalidRequest) as error:
        await identity.sign_up(NEW)
    assert error.value.errors[0].pointer == "/email"
    await identity.request_password_reset(ADA)


async def test_a_limit_of_the_network_is_told_and_one_of_the_address_is_not(wire):
    identity, script = wire
    script.says((429, {"code": "over_request_rate_limit", "message": "m"}))
    with pytest.raises(TooManyRequests):
        await identity.request_password_reset(ADA)
    script.says((429, {"code": "over_email_send_rate_limit", "message": "m"}))
    await identity.request_password_reset(ADA)


@pytest.mark.parametrize(
    ("name", "times"), [("sign_up", 1), ("verify_email", 1), ("forgot", 1), ("sign_in", 2), ("refresh", 2)]
)
async def test_only_what_may_be_asked_twice_is_asked_twice(wire, name, times):
    """A refresh is: GoTrue gives the parent of the newest token that newest token again."""
    identity, script = wire
    script.says(None, None, None, None)
    with pytest.raises(ProviderTransient):
        await ASKED[name](identity)
    assert (len(script.asked) > 1) is (times > 1)


@pytest.mark.parametrize(
    ("code", "alive"),
    [(code, False) for code in ("bad_jwt", "no_authorization", "session_not_found", "user_not_found", "user_banned")]
    + [("not_admin", None), ("", None)],
)
async def test_a_session_is_over_when_gotrue_says_so_and_nobody_else(wire, code, alive):
    identity, script = wire
    script.says((403, {"code": code, "message": "m"} if code else {"message": "Invalid API key", "hint": "h"}))
    if alive is None:
        with pytest.raises(ProviderPermanent):
            await identity.is_session_live("t")
    else:
        assert await identity.is_session_live("t") is alive


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(name=st.sampled_from(sorted(ASKED)), status=st.sampled_from([200, 400, 401, 403, 404, 422]), document=ANYTHING)
async def test_whatever_is_answered_is_an_error_of_ours_or_an_answer(wire, name, status, document):
    identity, script = wire
    script.says((status, document))
    try:
        await ASKED[name](identity)
    except HubError as error:
        assert ADA not in f"{error} {error.errors}"  # noqa: PT017 (an answer is as good)


async def test_the_question_carries_key_token_and_version_and_no_address_in_its_path(wire):
    identity, script = wire
    script.says((200, {"id": str(UUID(int=1)), "identities": [{}], "email": ADA}))
    await identity.sign_up(NEW)
    await identity.is_session_live("t")
    assert [(method, path) for method, path, _ in script.asked] == [
        ("POST", "/auth/v1/signup"),
        ("GET", "/auth/v1/user"),
    ]
    assert ADA in script.asked[0][2]
