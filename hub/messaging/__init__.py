"""Messages: one per business fact, whatever is repeated.

    queued ──> sending ──> sent ──> delivered ──> complained
       │          │          └────> bounced
       │          └──> failed
       └──> suppressed

The fact (`booking:<id>:confirmation:email`, `account:<id>:welcome:<once>:email`) is the row's unique name and the
provider's idempotency key.
"""

from hub.messaging.announcements import Announcements
from hub.messaging.facts import Facts
from hub.messaging.letters import Letters
from hub.messaging.model import (
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
from hub.messaging.outbox import Outbox, SendMessage
from hub.messaging.plan_facts import PlanFacts
from hub.messaging.plans import PlanLetters
from hub.messaging.suppressions import Suppression, SuppressionFilter, Suppressions
from hub.messaging.templates import Templates

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
