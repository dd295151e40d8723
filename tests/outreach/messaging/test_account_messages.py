"""Letters about accounts: one for each fact, none that has been overtaken, and the link in no record."""

import json
from datetime import timedelta
from typing import Any

import pytest

from hub.core.clock import IdGenerator
from hub.core.errors import ProviderTransient
from hub.core.jobs import JobQueue
from hub.core.mail_limits import MailLimits
from hub.core.sealing import SecretBox
from hub.outreach.messaging.template_context import ACCOUNT_TEMPLATES
from hub.people.identity.one_time_links import OneTimeLinks
from tests.outreach.messaging.conftest import LINK, Post
from tests.support.jobs import until, working
from tests.support.logs import logging_to_memory


async def everything(post: Post) -> str:
    """What a thief of the database would read."""
    tables = await post.sql("select table_name as name from information_schema.tables where table_schema = 'public'")
    rows: list[Any] = [await post.sql(f'select t::text from "{table["name"]}" t') for table in tables]
    return json.dumps(rows)


async def test_a_fact_is_written_down_once_and_sent_once(post: Post):
    ada = await post.customer()
    token = await post.token(ada)
    for _ in range(2):
        await post.write("verify", ada, token_id=token)
        await post.send()
    ((key, mail),) = post.mailbox.sent
    assert (mail.to, mail.subject) == ("ada@example.com", "Confirm your e-mail address")
    assert key == f"account:{ada}:verify:1:email"
    (row,) = await post.messages()
    assert (row["status"], row["token_id"], row["channel"], row["customer_id"]) == ("sent", token, "email", ada)


async def test_the_link_is_in_the_letter_and_nowhere_else(post: Post):
    with logging_to_memory() as logged:
        ada = await post.customer()
        await post.write("verify", ada, token_id=await post.token(ada))
        await post.send()
    (mail,) = post.mails
    assert mail.html.count(f'href="{LINK}"') == 2
    assert LINK in mail.text
    assert "24 hours" in mail.text
    stored = await everything(post)
    assert "message.sent" in stored
    for canary in ("canary-f00d", b"canary-f00d".hex()):
        assert canary not in stored + json.dumps(logged.events, default=str)


@pytest.mark.parametrize(
    ("letter", "change"),
    [
        ("verify", "update customers set verified_at = now()"),
        ("welcome", "update customers set erased_at = now()"),
        ("new_sign_in", "update customers set erased_at = now()"),
        ("verify", "update one_time_tokens set used_at = now()"),
        ("verify", "update one_time_tokens set expires_at = created_at"),
        ("reset", "update one_time_tokens set used_at = now()"),
        ("reset", "delete from one_time_tokens"),
    ],
)
@pytest.mark.parametrize("when", ["before it is written", "before it is sent"])
async def test_what_has_been_overtaken_is_not_sent(post: Post, letter: str, change: str, when: str):
    ada = await post.customer()
    token = await post.token(ada, "reset" if letter == "reset" else "verify")
    if when == "before it is written":
        await post.sql(change)
    await post.write(letter, ada, token_id=token)
    await post.sql(change)
    await post.send()
    assert post.mails == []
    left = [row["status"] for row in await post.messages()]
    assert left == ([] if when == "before it is written" else ["suppressed"])


async def test_why_a_letter_was_not_sent_is_on_record(post: Post):
    ada = await post.customer()
    await post.write("reset", ada, token_id=await post.token(ada, "reset", hours=1))
    post.clock.at += timedelta(hours=1)
    await post.send()
    (row,) = await post.messages()
    assert (row["status"], row["error"]) == ("suppressed", "link_expired")
    (audit,) = await post.sql("select data from audit_logs where action = 'message.suppressed'")
    assert audit["data"] == {"channel": "email", "template": "reset", "error": "link_expired"}


async def test_a_link_of_somebody_else_goes_to_nobody(post: Post):
    ada, bob = await post.customer(), await post.customer("Bob", "bob@example.com")
    await post.write("reset", bob, token_id=await post.token(ada, "reset"))
    assert await post.messages() == []


async def test_a_sign_in_of_somebody_else_is_not_described(post: Post):
    ada, bob = await post.customer(), await post.customer("Bob", "bob@example.com")
    await post.write("new_sign_in", bob, session_id=await post.session(ada))
    await post.send()
    (mail,) = post.mails
    assert mail.to == "bob@example.com"
    assert "203.0.113.7" not in mail.text + mail.html


async def test_a_link_sealed_under_a_lost_secret_is_a_failure_that_shows(post: Post):
    ada = await post.customer()
    token = await post.token(ada)
    await post.write("verify", ada, token_id=token)
    await post.sql("update one_time_tokens set sealed = $1", SecretBox(["x" * 32]).seal_text(f"link:{token}", LINK))
    await post.send()
    (row,) = await post.messages()
    assert (row["status"], row["error"], post.mails) == ("failed", "link_unreadable", [])


async def test_after_an_outage_the_same_letter_goes_out_under_the_same_key(post: Post):
    ada = await post.customer()
    await post.write("verify", ada, token_id=await post.token(ada))
    post.mailbox.trouble = ProviderTransient("resend")
    with pytest.raises(ProviderTransient):
        await post.send()
    (row,) = await post.messages()
    assert row["status"] == "queued"
    post.mailbox.trouble = None
    await post.send()
    assert [key for key, _ in post.mailbox.sent] == [row["fact"]]


async def test_a_new_sign_in_says_when_where_and_on_what(post: Post):
    ada = await post.customer()
    await post.write("new_sign_in", ada, session_id=await post.session(ada))
    post.clock.at += timedelta(hours=2)
    await post.send()
    (mail,) = post.mails
    for text in (mail.html, mail.text):
        assert "Firefox on Windows" in text
        assert "203.0.113.7" in text
        assert "Thu 4 Mar 2027, 09:05 UTC" in text
        assert "https://hub.test/account/forgot" in text


@pytest.mark.parametrize("letter", sorted(ACCOUNT_TEMPLATES))
async def test_every_letter_can_be_written(post: Post, letter: str):
    ada = await post.customer()
    more = {"token_id": await post.token(ada, letter)} if letter in {"verify", "reset"} else {}
    await post.write(letter, ada, **more)
    await post.send()
    (mail,) = post.mails
    assert mail.subject
    assert "Test data" not in mail.html
    assert "because of this booking" not in mail.html
    assert letter == "verify" or "Hello Ada Lovelace," in mail.text


async def test_from_the_link_to_the_mailbox_through_the_queue(post: Post, dsn: str):
    ada = await post.customer()
    limits = MailLimits(post.db, post.vault, post.clock)
    one_time = OneTimeLinks(
        JobQueue(), post.vault, post.clock, IdGenerator(post.clock), "https://hub.test/account", limits
    )
    async with working(post.db, dsn, post.letters, post.outbox):
        async with post.db.transaction() as tx:
            await one_time.send_link(tx, ada, "reset")
        await until(lambda: post.mails)
    (mail,) = post.mails
    assert "https://hub.test/account/reset?token=" in mail.text
    assert "1 hour." in mail.text
