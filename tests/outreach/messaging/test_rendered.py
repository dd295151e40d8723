"""A message that has to be sent again says the very same, whatever has changed in between."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.errors import OutcomeUnknown
from hub.core.jobs import Retry
from hub.outreach.messaging import Attachment, Email, SendMessage, Text
from hub.outreach.messaging.delivery import IN_HAND
from hub.outreach.messaging.rendered_message import from_json, to_json
from tests.outreach.messaging.conftest import Post

WORDS = st.text(st.characters(exclude_categories=["Cs"]))
ATTACHMENTS = st.builds(Attachment, WORDS, WORDS, st.binary())


@given(st.one_of(
    st.builds(Email, WORDS, WORDS, WORDS, WORDS, st.lists(ATTACHMENTS).map(tuple)),
    st.builds(Text, WORDS, WORDS, st.sampled_from(["sms", "whatsapp"])),
))  # fmt: skip
def test_a_rendered_message_is_read_back_as_it_was(message: Email | Text):
    assert from_json(to_json(message)) == message


async def test_another_attempt_sends_the_same_words_and_keeps_none_of_them(post: Post):
    customer = await post.customer("Ada Lovelace")
    await post.write("welcome", customer)
    (message,) = await post.sql("select id from messages")
    first: list[Email] = []
    send = type(post.mailbox).send

    async def lost(email: Email, key: str) -> str:
        first.append(email)
        raise OutcomeUnknown("resend")

    post.mailbox.send = lost
    with pytest.raises(Retry):
        await post.outbox.send(SendMessage(message_id=message["id"]))
    (row,) = await post.sql("select rendered from messages")
    assert row["rendered"] is not None
    assert b"Ada" not in row["rendered"]
    await post.sql("update customers set name = 'Countess'")
    post.clock.at += IN_HAND
    post.mailbox.send = send.__get__(post.mailbox)
    await post.outbox.send(SendMessage(message_id=message["id"]))
    ((_, again),) = post.mailbox.sent
    assert again == first[0]
    (row,) = await post.sql("select status, rendered from messages")
    assert (row["status"], row["rendered"]) == ("sent", None)
