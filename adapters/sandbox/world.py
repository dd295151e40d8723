"""What all emulators share: time, chance, the call log, faults, outgoing mail and messages, and callbacks.

Nothing here knows the hub. The sandbox is the other side of the wire, and must not share a mistake with it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any


@dataclass(frozen=True, slots=True)
class SandboxConfig:
    """`callback_base` is where the hub listens: webhooks go to `{callback_base}/webhooks/{provider}`.

    The secrets sign what the sandbox sends, and are the hub's sandbox secrets, not anybody's real ones.
    """

    callback_base: str
    public_base: str = "http://127.0.0.1:8081"
    seed: int = 1
    kiwi_webhook_token: str = "sandbox-kiwi-token"  # noqa: S105
    stripe_webhook_secret: str = "whsec_sandboxsandboxsandboxsandbox"  # noqa: S105
    resend_webhook_secret: str = "whsec_c2FuZGJveHNhbmRib3hzYW5kYm94"  # noqa: S105
    twilio_account_sid: str = "AC5a4db0c5a4db0c5a4db0c5a4db0c5a4d"
    twilio_auth_token: str = "sandboxsandboxsandboxsandbox0000"  # noqa: S105
    supabase_anon_key: str = "sb_publishable_sandbox"
    supabase_service_key: str = "sb_secret_sandbox"
    supabase_jwt_secret: str = "sandbox-super-secret-jwt-token-with-at-least-32-characters"  # noqa: S105
    supabase_webhook_secret: str = "v1,whsec_c3VwYWJhc2VzdXBhYmFzZXN1cGFiYXNl"  # noqa: S105
    oidc_client_id: str = "travel-hub"
    oidc_client_secret: str = "sandbox-oidc-secret"  # noqa: S105
    paypal_client_id: str = "AsandboxClient"
    paypal_client_secret: str = "EsandboxSecret"  # noqa: S105
    paypal_webhook_id: str = "1SB00000000000000"
    paypal_authority: str = "sandbox-paypal-authority"
    """What the keys are made of that vouch for PayPal's certificate (see paypal/authority.py)."""
    captcha_secret: str = "1x0000000000000000000000000000000AA"  # noqa: S105
    callback_delay: float = 0.05
    """Seconds between an effect and its webhook."""
    callback_retry: tuple[float, ...] = (0.5, 1, 2, 4, 8, 15, 30, 60, 60, 60)
    """Seconds between attempts: the providers' schedules, sped up."""


@dataclass(frozen=True, slots=True)
class Callback:
    """One webhook to deliver until it is taken (any 2xx). `sign` makes the headers anew for each attempt."""

    provider: str
    url: str
    body: bytes
    sign: Callable[[datetime], dict[str, str]]
    label: str
    taken: Callable[[], None] = lambda: None
    """Called once the hub has taken it, for emulators that tell what was delivered."""


@dataclass(slots=True)
class World:
    """All state of a sandbox. `POST /_/reset` empties it."""

    config: SandboxConfig
    send: Callable[[Callback], None]
    """Hands a callback to the deliverer (see callbacks.py); returns at once."""
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    random: Random = field(default_factory=Random)
    calls: list[dict[str, Any]] = field(default_factory=list)
    faults: list[dict[str, Any]] = field(default_factory=list)
    mailbox: list[dict[str, Any]] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    providers: dict[str, Any] = field(default_factory=dict)
    """Each emulator's own state object under its name; the emulator makes it anew after a reset."""
