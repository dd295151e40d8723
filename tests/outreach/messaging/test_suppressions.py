"""Which addresses get no more messages, for what cause, and who lets messages go there again."""

from typing import Any

import pytest

from adapters.resend import ResendMailer
from adapters.twilio import TwilioSmsSender
from hub.core.errors import Conflict, ProviderPermanent
from hub.outreach.messaging import SuppressionFilter
from tests.outreach.messaging.conftest import Post


def resend(kind: str, **data: Any) -> str | None:
    event = {"type": f"email.{kind}", "data": {"email_id": "1", **data}}
    delivery = ResendMailer.parse_delivery_report(ResendMailer.__new__(ResendMailer), event)
    assert delivery is not None
    return delivery.cause


@pytest.mark.parametrize(
    ("bounce", "cause"),
    [
        ({"type": "Permanent", "subType": "General"}, "bounce"),
        ({"type": "Permanent", "subType": "NoEmail"}, "bounce"),
        ({"type": "Permanent", "subType": "ContentRejected"}, None),
        ({"type": "Transient", "subType": "MailboxFull"}, None),
        ({"type": "Transient", "subType": "General"}, None),
        ({"type": "Undetermined", "subType": "Undetermined"}, None),
        ({}, None),
    ],
)
def test_only_an_address_that_does_not_exist_is_suppressed_for_a_bounce(bounce: dict[str, str], cause: str | None):
    assert resend("bounced", bounce=bounce) == cause


def test_complaints_and_the_providers_own_list_are_taken_over_with_their_cause():
    assert resend("complained") == "complaint"
    assert resend("suppressed", suppressed={"reason": "previous_complaint"}) == "complaint"
    assert resend("suppressed", suppressed={"reason": "previous_bounce"}) == "bounce"
    assert resend("failed", failed={"reason": "reached_daily_quota"}) is None


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        ("30003", None), ("30008", None), ("21408", None), ("30007", None), ("99999", None),
        ("30005", "bounce"), ("30006", "bounce"), ("21211", "bounce"), ("21614", "bounce"),
        ("21610", "opt_out"), ("63014", "opt_out"),
    ],
)  # fmt: skip
def test_twilios_codes_suppress_by_their_meaning(code: str, cause: str | None):
    texter = TwilioSmsSender.__new__(TwilioSmsSender)
    report = texter.parse_delivery_report({"MessageSid": "SM1", "MessageStatus": "undelivered", "ErrorCode": code})
    assert report is not None
    assert report.cause == cause
    assert texter.find_suppression_cause(ProviderPermanent("twilio", provider_code=code)) == cause


@pytest.mark.parametrize(
    ("cause", "message", "blocks"),
    [
        ("complaint", "reset", None),
        ("complaint", "verify", None),
        ("complaint", "booking_confirmation", "complaint"),
        ("bounce", "reset", "bounce"),
        ("opt_out", "booking_confirmation", "opt_out"),
        ("manual", "reset", "manual"),
    ],
)
async def test_a_complaint_never_blocks_a_message_about_security(
    post: Post, cause: Any, message: str, blocks: str | None
):
    suppressions = post.outbox.suppressions
    async with post.db.transaction() as tx:
        await suppressions.add_suppression(tx, "email", "Ada@Example.com", cause)
        assert await suppressions.find_blocking_cause(tx, "email", "ada@example.com", message) == blocks
        assert await suppressions.find_blocking_cause(tx, "sms", "ada@example.com", message) is None


async def test_an_address_that_bounces_after_a_complaint_gets_nothing_at_all(post: Post):
    suppressions = post.outbox.suppressions
    async with post.db.transaction() as tx:
        for cause in ("complaint", "bounce", "bounce"):
            await suppressions.add_suppression(tx, "email", "ada@example.com", cause)
        assert await suppressions.find_blocking_cause(tx, "email", "ada@example.com", "reset") == "bounce"
    listed, total = await suppressions.list_suppressions(SuppressionFilter(), page=1, page_size=10)
    assert ({entry.cause for entry in listed}, total) == ({"complaint", "bounce"}, 2)


async def test_an_opt_out_is_lifted_only_with_the_recipients_consent(post: Post):
    suppressions = post.outbox.suppressions
    async with post.db.transaction() as tx:
        await suppressions.add_suppression(tx, "sms", "+15005550004", "opt_out", "21610")
    ((entry,), _) = await suppressions.list_suppressions(SuppressionFilter("sms", "5550004"), page=1, page_size=10)
    with pytest.raises(Conflict, match="opted out"):
        await suppressions.lift_suppression(entry.id)
    await suppressions.lift_suppression(entry.id, consent=True)
    assert await suppressions.list_suppressions(SuppressionFilter(), page=1, page_size=10) == ([], 0)
    (audit,) = await post.sql("select data from audit_logs where action = 'suppression.lifted'")
    assert (audit["data"]["consent"], "5550004" in str(audit["data"])) == (True, False)
