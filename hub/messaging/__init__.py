"""Messages: one per business fact, whatever is repeated.

    queued ──> sending ──> sent ──> delivered ──> complained
       │          │          └────> bounced
       │          └──> failed
       └──> suppressed

The fact (`booking:<id>:confirmation:email`) is the row's unique name and the provider's idempotency key.
"""

from hub.messaging.announcements import Announcements
from hub.messaging.model import Attachment, Delivery, Email, Mailer, Message, Text, Texter
from hub.messaging.outbox import Outbox, SendMessage
from hub.messaging.templates import Templates

__all__ = [
    "Announcements",
    "Attachment",
    "Delivery",
    "Email",
    "Mailer",
    "Message",
    "Outbox",
    "SendMessage",
    "Templates",
    "Text",
    "Texter",
]
