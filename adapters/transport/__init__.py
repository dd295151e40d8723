"""The one way out: every provider is asked through `Transport.send`.

Each call has one of three ends: an Answer, whatever its status; a ProviderError, when nothing was sent or a read
failed; OutcomeUnknown, when a write may have reached the provider and no answer that settles it came back.
"""

from adapters.transport.call import Answer, Call
from adapters.transport.metrics import Metrics
from adapters.transport.outcomes import refusal, unreadable
from adapters.transport.transport import Sender, Transport
from adapters.transport.wire import open_session

__all__ = ["Answer", "Call", "Metrics", "Sender", "Transport", "open_session", "refusal", "unreadable"]
