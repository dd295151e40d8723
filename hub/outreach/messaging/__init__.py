"""Messages: one per business fact, whatever is repeated.

    queued ──> sending ──> sent ──> delivered ──> complained
       │          │          └────> bounced
       │          └──> failed
       └──> suppressed

The fact (`booking:<id>:confirmation:email`, `account:<id>:welcome:<once>:email`) is the row's unique name and the
provider's idempotency key.
"""

from hub.outreach.messaging.account_messages import Letters
from hub.outreach.messaging.booking_messages import Announcements
from hub.outreach.messaging.delivery import Outbox, SendMessage
from hub.outreach.messaging.model import (
    Attachment,
    Channel,
    Delivery,
    Email,
    Mailer,
    Message,
    SuppressionCause,
    Text,
    Texter,
)
from hub.outreach.messaging.plan_context import PlanFacts
from hub.outreach.messaging.plan_messages import PlanLetters
from hub.outreach.messaging.suppressions import Suppression, SuppressionFilter, Suppressions
from hub.outreach.messaging.template_context import Facts
from hub.outreach.messaging.templates import Templates

__all__ = [
    "Announcements",
    "Attachment",
    "Channel",
    "Delivery",
    "Email",
    "Facts",
    "Letters",
    "Mailer",
    "Message",
    "Outbox",
    "PlanFacts",
    "PlanLetters",
    "SendMessage",
    "Suppression",
    "SuppressionCause",
    "SuppressionFilter",
    "Suppressions",
    "Templates",
    "Text",
    "Texter",
]
