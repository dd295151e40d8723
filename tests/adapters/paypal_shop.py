"""The gateway and its webhooks, connected to a sandbox of their own."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from cryptography import x509

from adapters.paypal import CertificateCache, PayPalGateway, PayPalWebhooks
from adapters.transport import Transport
from hub.core.inbox import RawWebhook, VerifiedWebhook
from hub.core.money import Money
from hub.core.provider_calls import ProviderCallRecord
from hub.resilience.policy import ResiliencePolicy
from hub.resilience.retry import Backoff
from hub.sales.payments import Intent, IntentRequest
from sandbox.paypal.certificate_authority import create_root_certificate
from tests.sandbox.shell import Shell, Webhook, open_shell

QUICK = ResiliencePolicy(
    timeout=3,
    backoff=Backoff(initial_delay=0.001, max_delay=0.01, max_retry_after=0.2),
    retry_reserve=20,
    breaker_min_calls=1000,
)
TEN = Money(1099, "EUR")


@dataclass
class Clock:
    """The system's, `ahead` of it."""

    ahead: timedelta = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def monotonic(self) -> float:
        return self.now().timestamp()

    async def sleep(self, seconds: float) -> None:
        self.ahead += timedelta(seconds=seconds)


@dataclass
class Shop:
    shell: Shell
    gateway: PayPalGateway
    webhooks: PayPalWebhooks
    certificates: CertificateCache
    transport: Transport
    clock: Clock
    records: list[ProviderCallRecord] = field(default_factory=list)
    payments: dict[str, UUID] = field(default_factory=dict)

    async def start(self, amount: Money = TEN, payment_id: UUID | None = None) -> Intent:
        request = IntentRequest(payment_id or uuid4(), uuid4(), amount, "Booking ABC")
        intent = await self.gateway.create_intent(request, f"payment:{request.payment_id}:create")
        self.payments[intent.id] = request.payment_id
        return intent

    def key(self, intent_id: str, verb: str) -> str:
        return f"payment:{self.payments[intent_id]}:{verb}"

    async def approve(self, intent_id: str, funding: str = "good") -> None:
        await self.shell.control("POST", "paypal/approve", order=intent_id, funding=funding)

    async def held(self, funding: str = "good", amount: Money = TEN) -> Intent:
        intent = await self.start(amount)
        await self.approve(intent.id, funding)
        return await self.gateway.read_intent(intent.id)

    async def taken(self, funding: str = "good", amount: Money = TEN) -> Intent:
        intent = await self.held(funding, amount)
        return await self.gateway.capture_intent(intent.id, self.key(intent.id, "capture"))

    async def fault(self, kind: str, **more: Any) -> None:
        await self.shell.fault(kind, "paypal", **more)

    async def orders(self) -> list[Any]:
        return list(await self.shell.control("GET", "paypal/orders"))

    def asked(self, operation: str) -> int:
        return sum(one.operation == operation for one in self.records)

    async def event(self, kind: str) -> tuple[Webhook, VerifiedWebhook]:
        """The first webhook of that type, as it came and as it was verified."""
        number = 0
        while True:
            number += 1
            raw = (await self.shell.webhooks(number))[number - 1]
            event = await self.verify(raw)
            if event.type == kind:
                return raw, event

    async def verify(self, raw: Webhook, body: bytes | None = None, **headers: str) -> VerifiedWebhook:
        """`headers` in the place of those that came, `PAYPAL_CERT_URL` for PAYPAL-CERT-URL; "" takes one away."""
        given = {name.upper(): value for name, value in raw.headers.items()}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        kept = {name: value for name, value in given.items() if value}
        return await self.webhooks.verify_webhook(RawWebhook(kept, raw.body if body is None else body, raw.url))


@asynccontextmanager
async def open_shop(*, roots: Any = None, webhook_ids: tuple[str, ...] | None = None) -> AsyncIterator[Shop]:
    clock, records = Clock(), list[ProviderCallRecord]()
    async with (
        open_shell() as shell,
        Transport.open_with_session(
            clock=clock, chance=random.Random(1), policies={"paypal": QUICK}, record=records.append
        ) as transport,
    ):
        shell.world.config = type(shell.config)(
            **{
                **{name: getattr(shell.config, name) for name in shell.config.__slots__},
                "public_base": shell.base,
            }
        )
        config, base = shell.world.config, f"{shell.base}/paypal"
        gateway = PayPalGateway(
            transport,
            client_id=config.paypal_client_id,
            client_secret=config.paypal_client_secret,
            base_url=base,
            return_url="https://hub.test/bookings/{booking_id}/paid",
            cancel_url="https://hub.test/bookings/{booking_id}?payment={payment_id}",
            clock=clock,
            brand="Travel Hub",
        )
        anchors = roots or (lambda: x509.load_pem_x509_certificates(create_root_certificate(config.paypal_authority)))
        certificates = CertificateCache(transport, base_url=base, clock=clock, roots=anchors)
        ids = (config.paypal_webhook_id,) if webhook_ids is None else webhook_ids
        webhooks = PayPalWebhooks(certificates, ids, clock.now)
        await shell.control("POST", "paypal/pace", thinking=0, settling=0.02)
        yield Shop(shell, gateway, webhooks, certificates, transport, clock, records)
