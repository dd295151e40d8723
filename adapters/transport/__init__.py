"""The one way out: every provider is asked through `Transport.send`, or `Transport.stream` for what takes its time.

Each call has one of three ends: an Answer, whatever its status; a ProviderError, when nothing was sent or a read
failed; OutcomeUnknown, when a write may have reached the provider and no answer that settles it came back.
"""

from adapters.transport.call import ProviderCall, ProviderResponse
from adapters.transport.metrics import TransportMetrics
from adapters.transport.outcomes import make_refusal_error, make_unreadable_error
from adapters.transport.streaming import StreamedResponse, StreamLimits, StreamTimer
from adapters.transport.transport import CallSender, StreamSender, Transport
from adapters.transport.wire import open_session

__all__ = [
    "CallSender",
    "ProviderCall",
    "ProviderResponse",
    "StreamLimits",
    "StreamSender",
    "StreamTimer",
    "StreamedResponse",
    "Transport",
    "TransportMetrics",
    "make_refusal_error",
    "make_unreadable_error",
    "open_session",
]
