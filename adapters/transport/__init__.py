"""The one way out: every provider is asked through `Transport.send`, or `Transport.stream` for what takes its time.

Each call has one of three ends: an Answer, whatever its status; a ProviderError, when nothing was sent or a read
failed; OutcomeUnknown, when a write may have reached the provider and no answer that settles it came back.
"""

from adapters.transport.call import Answer, Call
from adapters.transport.metrics import Metrics
from adapters.transport.outcomes import refusal, unreadable
from adapters.transport.streaming import Limits, Streamed, Watch
from adapters.transport.transport import Sender, Streamer, Transport
from adapters.transport.wire import open_session

__all__ = [
    "Answer",
    "Call",
    "Limits",
    "Metrics",
    "Sender",
    "Streamed",
    "Streamer",
    "Transport",
    "Watch",
    "open_session",
    "refusal",
    "unreadable",
]
