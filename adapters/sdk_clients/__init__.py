"""HTTP clients of ours for the official SDKs: each SDK speaks, the one transport carries.

An SDK is imported when its client is first asked for: `from adapters.sdk_clients import StripeHTTP` loads stripe, and
nothing else. `warm("stripe")` loads it and plays one call against a canned answer, without a network, so that the
first real call does not hold up the loop.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from adapters.sdk_clients.exchange import SdkExchange, send_for_sdk, translate_sdk_errors

if TYPE_CHECKING:
    from adapters.sdk_clients.openai import OpenAITransport
    from adapters.sdk_clients.resend import ResendHTTP
    from adapters.sdk_clients.stripe import StripeHTTP
    from adapters.sdk_clients.twilio import TwilioHTTP

__all__ = [
    "OpenAITransport",
    "ResendHTTP",
    "SdkExchange",
    "StripeHTTP",
    "TwilioHTTP",
    "send_for_sdk",
    "translate_sdk_errors",
    "warm_up_sdk",
]

_HOMES = {"StripeHTTP": "stripe", "ResendHTTP": "resend", "TwilioHTTP": "twilio", "OpenAITransport": "openai"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


async def warm_up_sdk(provider: str) -> None:
    """Loads the SDK of `stripe`, `resend`, `twilio` or `openai`, and makes its first call in the air.

    Blocks the loop while it imports (up to about a second): call it before the port opens.
    """
    await import_module(f"{__name__}.{provider}").warm_up()
