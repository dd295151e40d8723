"""The one table from settings to implementations.

A provider in sandbox mode is spoken to by the very same adapter, at the sandbox's address and with its secrets.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from adapters.files import LocalFileStore
from adapters.sdk_clients import warm_up_sdk
from adapters.transport import Transport
from hub.core.clock import Clock, SystemClock
from hub.core.inbox import WebhookSource
from hub.outreach.messaging import Mailer, SmsSender
from hub.people.identity import CaptchaVerifier
from hub.planning.completions import ModelCatalog, ModelClient, Route, to_token_price
from hub.planning.files import FileStore
from hub.sales.payments import PaymentGateway
from hub.settings import OpenAISettings, ProviderMode, ProviderSettings, Settings
from hub.settings.model_routes import ModelRoute
from hub.supply.locations import Locations
from sandbox.state import SandboxConfig

LIVE_PRICES = {
    "gpt-5-mini": (Decimal("0.25"), Decimal("2.00")),
    "gpt-4.1-mini": (Decimal("0.40"), Decimal("1.60")),
}
"""OpenAI's list prices of 2025, of a million tokens in and out; OPENAI_ROUTES says what they are today."""
SANDBOX_PRICES = {
    "gpt-sandbox": (Decimal("0.25"), Decimal("2.00")),
    "gpt-sandbox-mini": (Decimal("0.05"), Decimal("0.40")),
}
"""Of a million tokens in and out, as if it were real."""


@dataclass(frozen=True, slots=True)
class Adapters:
    """What stands behind the nouns' ports. None is a provider that is switched off."""

    suppliers: dict[str, Any]
    gateways: dict[str, PaymentGateway]
    mailer: Mailer | None
    sms_sender: SmsSender | None
    identity: Any
    """Who keeps the travellers' accounts, where that is not the hub."""
    staff: Any
    """The OpenID provider that lets staff in."""
    captcha: CaptchaVerifier | None
    files: FileStore
    """Where uploads are kept."""
    language_models: "LanguageModels | None"
    webhooks: dict[str, WebhookSource]
    sandboxed_providers: frozenset[str]
    """The names of the providers whose data is made up."""


@dataclass(frozen=True, slots=True)
class LanguageModels:
    """Language models, and where each is reached."""

    models: ModelClient
    catalog: ModelCatalog
    check_route: Callable[[Route], Awaitable[None]]

    async def check_access(self) -> None:
        """Every address and key of the chain. Raises ProviderError."""
        reached = {(one.base_url, one.api_key): one for one in self.catalog.resolve_routes(None)}
        for route in reached.values():
            await self.check_route(route)


@dataclass(frozen=True, slots=True)
class _Builder:
    settings: Settings
    transport: Transport
    clock: Clock
    locations: Locations
    sandbox: SandboxConfig

    def get_base_url(self, section: ProviderSettings) -> str:
        sandboxed = section.resolved_mode is ProviderMode.SANDBOX
        return f"{self.settings.sandbox_base_url}/{section.name}" if sandboxed else section.base_url.rstrip("/")

    def get_secret(self, section: ProviderSettings, name: str, sandboxed: str) -> str:
        """The section's secret when live, the sandbox's when not."""
        if section.resolved_mode is ProviderMode.SANDBOX:
            return sandboxed
        value = getattr(section, name)
        return value.get_secret_value() if hasattr(value, "get_secret_value") else str(value or "")

    def list_webhook_secrets(self, section: Any, sandboxed: str) -> tuple[str, ...]:
        if section.resolved_mode is ProviderMode.SANDBOX:
            return (sandboxed,)
        return tuple(one.get_secret_value() for one in section.webhook_secrets)

    def build_kiwi(self) -> tuple[Any, WebhookSource]:
        from adapters.kiwi import KiwiContact, KiwiSupplier, KiwiWebhooks

        section = self.settings.kiwi
        contact = KiwiContact(section.contact_email, section.contact_phone)
        if section.resolved_mode is ProviderMode.SANDBOX:
            contact = KiwiContact(self.sandbox.kiwi_rules.contact_email, self.sandbox.kiwi_rules.contact_phone)
        supplier = KiwiSupplier(
            self.transport,
            api_key=self.get_secret(section, "api_key", "sandbox"),
            base_url=self.get_base_url(section),
            clock=self.clock,
            zone=self.locations.find_time_zone,
            contact=contact,
            account=f"{section.account}/{'test' if section.resolved_mode is ProviderMode.SANDBOX else 'live'}",
            poll_seconds=0.1 if section.resolved_mode is ProviderMode.SANDBOX else 2.0,
        )
        token = self.get_secret(section, "webhook_token", self.sandbox.kiwi_webhook_token)
        return supplier, KiwiWebhooks(token or None, self.clock.now)

    def build_stripe(self) -> tuple[PaymentGateway, WebhookSource]:
        from adapters.stripe import StripeGateway, StripeWebhooks

        section = self.settings.stripe
        gateway = StripeGateway(
            self.transport,
            secret_key=self.get_secret(section, "secret_key", self.sandbox.stripe_secret_key),
            publishable_key=self.get_secret(section, "publishable_key", self.sandbox.stripe_publishable_key),
            base_url=self.get_base_url(section),
            clock=self.clock,
        )
        return gateway, StripeWebhooks(
            self.list_webhook_secrets(section, self.sandbox.stripe_webhook_secret), self.clock.now
        )

    def build_paypal(self) -> tuple[PaymentGateway, WebhookSource]:
        from adapters.paypal import CertificateCache, PayPalGateway, PayPalWebhooks, load_system_roots

        section, base, clock = self.settings.paypal, self.get_base_url(self.settings.paypal), self.clock
        roots, ids = load_system_roots, section.webhook_ids
        if section.resolved_mode is ProviderMode.SANDBOX:
            roots, ids = self._sandbox_roots, (self.sandbox.paypal_webhook_id,)
        gateway = PayPalGateway(
            self.transport,
            client_id=self.get_secret(section, "client_id", self.sandbox.paypal_client_id),
            client_secret=self.get_secret(section, "client_secret", self.sandbox.paypal_client_secret),
            base_url=base,
            return_url=f"{self.settings.link_base_url}/done?what=paid&booking={{booking_id}}",
            cancel_url=f"{self.settings.link_base_url}/done?what=not_paid&booking={{booking_id}}",
            clock=clock,
        )
        certificates = CertificateCache(self.transport, base_url=base, clock=clock, roots=roots)
        return gateway, PayPalWebhooks(certificates, ids, clock.now)

    def _sandbox_roots(self) -> Any:
        """The sandbox's own authority in the place of the world's."""
        from cryptography import x509

        from sandbox.paypal.certificate_authority import create_root_certificate

        return x509.load_pem_x509_certificates(create_root_certificate(self.sandbox.paypal_authority))

    def build_resend(self) -> tuple[Mailer, WebhookSource]:
        from adapters.resend import ResendMailer, ResendWebhooks

        section = self.settings.resend
        mailer = ResendMailer(
            self.transport,
            api_key=self.get_secret(section, "api_key", self.sandbox.resend_api_key),
            base_url=self.get_base_url(section),
            sender=section.sender,
        )
        return mailer, ResendWebhooks(
            self.list_webhook_secrets(section, self.sandbox.resend_webhook_secret), self.clock.now
        )

    def build_twilio(self) -> tuple[SmsSender, WebhookSource]:
        from adapters.twilio import TwilioSmsSender, TwilioWebhooks

        section = self.settings.twilio
        token = self.get_secret(section, "auth_token", self.sandbox.twilio_auth_token)
        texter = TwilioSmsSender(
            self.transport,
            account_sid=self.get_secret(section, "account_sid", self.sandbox.twilio_account_sid),
            auth_token=token,
            base_url=self.get_base_url(section),
            sender=section.sender,
            whatsapp_sender=section.whatsapp_sender,
            callback_url=f"{self.settings.own_url}/webhooks/twilio",
        )
        return texter, TwilioWebhooks(token, self.clock.now)

    def build_supabase(self) -> tuple[Any, WebhookSource]:
        from adapters.supabase import SupabaseIdentityProvider, SupabaseWebhooks

        section = self.settings.supabase
        identity = SupabaseIdentityProvider(
            self.transport,
            base_url=self.get_base_url(section),
            anon_key=self.get_secret(section, "anon_key", self.sandbox.supabase_anon_key),
            service_key=self.get_secret(section, "service_key", self.sandbox.supabase_service_key),
            jwt_secret=self.get_secret(section, "jwt_secret", self.sandbox.supabase_jwt_secret) or None,
            redirect_to=self.settings.link_base_url,
            clock=self.clock,
        )
        return identity, SupabaseWebhooks(
            self.list_webhook_secrets(section, self.sandbox.supabase_webhook_secret), self.clock.now
        )

    def build_oidc(self) -> tuple[Any, None]:
        from adapters.oidc import OidcProvider

        section = self.settings.oidc
        sandboxed = section.resolved_mode is ProviderMode.SANDBOX
        provider = OidcProvider(
            self.transport,
            issuer=f"{self.settings.sandbox_base_url}/oidc" if sandboxed else section.base_url,
            client_id=self.get_secret(section, "client_id", self.sandbox.oidc_client_id),
            client_secret=self.get_secret(section, "client_secret", self.sandbox.oidc_client_secret) or None,
            audience="travel-hub-api" if sandboxed else section.audience,
            roles_claim=section.roles_claim,
            clock=self.clock,
        )
        return provider, None

    def build_openai(self) -> tuple[LanguageModels, None]:
        from adapters.openai import OpenAIModelClient

        models = OpenAIModelClient(self.transport)
        return LanguageModels(models, self._menu(self.settings.openai), models.check_access), None

    def _menu(self, section: OpenAISettings) -> ModelCatalog:
        sandboxed = section.resolved_mode is ProviderMode.SANDBOX
        given = section.routes or {}
        usual = SANDBOX_PRICES if sandboxed else LIVE_PRICES
        names = section.models or tuple(usual)
        prices = {} if section.is_compatible_server else usual
        routes = {
            name: self._route(section, name, given.get(name, ModelRoute()), prices.get(name))
            for name in (*names, *given)
            if name in given or name in prices
        }
        return ModelCatalog(names, routes, self._route(section, "", ModelRoute(), None))

    def _route(
        self, section: OpenAISettings, model: str, given: ModelRoute, usual: tuple[Decimal, Decimal] | None
    ) -> Route:
        """As the model's own route says, else as for all. `usual` are the sandbox's prices."""
        own_url = (
            f"{self.get_base_url(section)}/v1"
            if section.resolved_mode is ProviderMode.SANDBOX
            else self.get_base_url(section)
        )
        base_url = (given.base_url or own_url).rstrip("/")
        input_price, output_price = usual or (section.input_price, section.output_price)
        wire = given.wire or section.wire
        if wire == "auto":
            wire = "responses" if base_url == own_url and not section.is_compatible_server else "chat"
        # The key of one server is never told to another.
        usual_key = self.get_secret(section, "api_key", "sk-sandbox") if base_url == own_url else ""
        key = given.api_key.get_secret_value() if given.api_key else usual_key
        return Route(
            model=model,
            base_url=base_url,
            api_key=key or "none",
            wire=wire,
            price=to_token_price(
                input_price if given.input_price is None else given.input_price,
                output_price if given.output_price is None else given.output_price,
                section.currency,
            ),
            first=given.first or section.first,
            idle=given.idle or section.idle,
            total=given.total or section.total,
        )

    def build_captcha(self) -> tuple[CaptchaVerifier, None]:
        from adapters.captcha import CaptchaClient

        section = self.settings.captcha
        sandboxed = section.resolved_mode is ProviderMode.SANDBOX
        check = CaptchaClient(
            self.transport,
            kind=section.kind,
            secret=self.get_secret(section, "secret_key", self.sandbox.captcha_secret),
            base_url=f"{self.settings.sandbox_base_url}/{section.kind}" if sandboxed else section.base_url,
            hostname=None if sandboxed else section.hostname,
            sitekey=section.site_key,
        )
        return check, None

    def build_storage(self) -> tuple[FileStore, None]:
        from adapters.files import S3FileStore
        from adapters.files.signing import RequestSigner
        from sandbox import s3

        section, sandboxed = self.settings.storage, self.settings.storage.resolved_mode is ProviderMode.SANDBOX
        signer = RequestSigner(
            self.get_secret(section, "access_key_id", s3.ACCESS_KEY_ID),
            self.get_secret(section, "secret_access_key", s3.SECRET_ACCESS_KEY),
            s3.REGION if sandboxed else section.region,
        )
        base_url, bucket = self.get_base_url(section), s3.BUCKET if sandboxed else section.bucket
        return S3FileStore(self.transport, base_url=base_url, bucket=bucket, signer=signer, clock=self.clock), None


def build_adapters(settings: Settings, transport: Transport, clock: Clock, locations: Locations) -> Adapters:
    """Every provider that is not off. SDKs are imported here, for those providers alone."""
    builder = _Builder(settings, transport, clock, locations, SandboxConfig(callback_base=settings.own_url))
    made = {
        one.name: getattr(builder, f"build_{one.name}")()
        for one in settings.providers
        if one.resolved_mode is not ProviderMode.OFF
    }
    return Adapters(
        suppliers={name: made[name][0] for name in ("kiwi",) if name in made},
        gateways={name: made[name][0] for name in ("stripe", "paypal") if name in made},
        mailer=made["resend"][0] if "resend" in made else None,
        sms_sender=made["twilio"][0] if "twilio" in made else None,
        identity=made["supabase"][0] if "supabase" in made else None,
        staff=made["oidc"][0] if "oidc" in made else None,
        captcha=made["captcha"][0] if "captcha" in made else None,
        language_models=made["openai"][0] if "openai" in made else None,
        files=made["storage"][0]
        if "storage" in made
        else LocalFileStore(settings.storage.path or settings.data_dir / "files"),
        webhooks={name: webhooks for name, (_, webhooks) in made.items() if webhooks is not None},
        sandboxed_providers=frozenset(
            one.name for one in settings.providers if one.resolved_mode is ProviderMode.SANDBOX
        ),
    )


def list_access_checks(settings: Settings, transport: Transport) -> dict[str, Callable[[], Awaitable[None]]]:
    """For each live provider one harmless read, to see whether its credentials are good. Raises ProviderError."""
    builder = _Builder(settings, transport, SystemClock(), Locations(), SandboxConfig(callback_base=settings.own_url))
    live = [one.name for one in settings.providers if one.resolved_mode is ProviderMode.LIVE]
    return {name: getattr(builder, f"build_{name}")()[0].check_access for name in live}


async def warm_up_sdks(settings: Settings) -> None:
    """Loads the SDKs of the enabled providers, before the port opens: a first call must not hold up the loop."""
    for section in settings.providers:
        if section.resolved_mode is not ProviderMode.OFF and section.name in {"stripe", "resend", "twilio", "openai"}:
            await warm_up_sdk(section.name)


__all__ = ["Adapters", "build_adapters", "list_access_checks", "warm_up_sdks"]
