"""Messages: one per business fact, whatever is repeated.

    queued ──> sending ──> sent ──> delivered ──> complained
       │          │          └────> bounced
       │          └──> failed
       └──> suppressed

The fact (`booking:<id>:confirmation:email`, `account:<id>:welcome:<once>:email`) is the row's unique name and the
provider's idempotency key.
"""

from hub.outreach.messaging.account_messages import AccountMessages
from hub.outreach.messaging.booking_messages import BookingMessages
from hub.outreach.messaging.delivery import MessageSender, SendMessage
from hub.outreach.messaging.model import (
    Attachment,
    Channel,
    DeliveryReport,
    EmailMessage,
    Mailer,
    Message,
    SmsSender,
    SuppressionCause,
    TextMessage,
)
from hub.outreach.messaging.plan_context import PlanMessageContexts
from hub.outreach.messaging.plan_messages import PlanMessages
from hub.outreach.messaging.suppressions import Suppression, SuppressionFilter, Suppressions
from hub.outreach.messaging.template_context import MessageContexts
from hub.outreach.messaging.templates import MessageTemplates

__all__ = [
    "AccountMessages",
    "Attachment",
    "BookingMessages",
    "Channel",
    "DeliveryReport",
    "EmailMessage",
    "Mailer",
    "Message",
    "MessageContexts",
    "MessageSender",
    "MessageTemplates",
    "PlanMessageContexts",
    "PlanMessages",
    "SendMessage",
    "SmsSender",
    "Suppression",
    "SuppressionCause",
    "SuppressionFilter",
    "Suppressions",
    "TextMessage",
]
