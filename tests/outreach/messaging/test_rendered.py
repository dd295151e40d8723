"""A message that has to be sent again says the very same, whatever has changed in between."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.errors import OutcomeUnknown
from hub.core.jobs import Retry
from hub.outreach.messaging import Attachment, EmailMessage, SendMessage, TextMessage
from hub.outreach.messaging.delivery import SENDING_LEASE
from hub.outreach.messaging.rendered_message import message_from_json, message_to_json
from tests.outreach.messaging.conftest import Post

WORDS = st.text(st.characters(exclude_categories=["Cs"]))
ATTACHMENTS = st.builds(Attachment, WORDS, WORDS, st.binary())


@given(st.one_of(
    st.builds(EmailMessage, WORDS, WORDS, WORDS, WORDS, st.lists(ATTACHMENTS).map(tuple)),
    st.builds(TextMessage, WORDS, WORDS, st.sampled_from(["sms", "whatsapp"])),
))  # fmt: skip
def test_a_rendered_message_is_read_back_as_it_was(message: EmailMessage | TextMessage):
    assert message_from_json(message_to_json(message)) == message


async def test_another_attempt_sends_the_same_words_and_keeps_none_of_them(post: Post):
    customer = await post.customer("Ada Lovelace")
    await post.write("welcome", customer)
    (message,) = await post.sql("select id from messages")
    first: list[EmailMessage] = []
    send = type(post.mailbox).send_email

    async def lost(email: EmailMessage, key: str) -> str:
        first.append(email)
        raise OutcomeUnknown("resend")

    post.mailbox.send_email = lost
    with pytest.raises(Retry):
        await post.outbox.send_message(SendMessage(message_id=message["id"]))
    (row,) = await post.sql("select rendered from messages")
    assert row["rendered"] is not None
    assert b"Ada" not in row["rendered"]
    await post.sql("update customers set name = 'Countess'")
    post.clock.at += SENDING_LEASE
    post.mailbox.send_email = send.__get__(post.mailbox)
    await post.outbox.send_message(SendMessage(message_id=message["id"]))
    ((_, again),) = post.mailbox.sent
    assert again == first[0]
    (row,) = await post.sql("select status, rendered from messages")
    assert (row["status"], row["rendered"]) == ("sent", None)
