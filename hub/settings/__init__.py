"""Every setting, in one frozen tree, from the environment and `.env`.

A provider is `live` when its credentials are set, else it is the `sandbox`; `<PROVIDER>_MODE` overrules that.
Secrets are SecretStr: they do not show in a repr or a log.
"""

from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from hub.settings.models import ModelRoutes
from hub.settings.plans import AffiliateSettings, StorageSettings
from hub.settings.sections import Lines, Mode, Names, OptionalSection, ProviderSection, Secrets, Section

SHORTEST_SECRET = 32


class KiwiSettings(ProviderSection):
    model_config = SettingsConfigDict(env_prefix="KIWI_")
    name = "kiwi"
    credential = "api_key"

    base_url: str = "https://api.tequila.kiwi.com"
    api_key: SecretStr | None = None
    webhook_token: SecretStr | None = Field(
        default=None, description="unguessable last part of the callback address given to Kiwi"
    )


class StripeSettings(ProviderSection):
    model_config = SettingsConfigDict(env_prefix="STRIPE_")
    name = "stripe"
    credential = "secret_key"

    base_url: str = "https://api.stripe.com"
    secret_key: SecretStr | None = None
    publishable_key: str | None = None
    webhook_secrets: Secrets = Field(
        default=(),
        validation_alias="STRIPE_WEBHOOK_SECRET",
        description="comma list; two while a secret is being rotated",
    )


class ResendSettings(ProviderSection):
    model_config = SettingsConfigDict(env_prefix="RESEND_")
    name = "resend"
    credential = "api_key"

    base_url: str = "https://api.resend.com"
    api_key: SecretStr | None = None
    sender: str = Field(default="Travel Hub <trips@example.com>", description="the From of every e-mail")
    webhook_secrets: Secrets = Field(default=(), validation_alias="RESEND_WEBHOOK_SECRET")


class TwilioSettings(ProviderSection):
    model_config = SettingsConfigDict(env_prefix="TWILIO_")
    name = "twilio"
    credential = "auth_token"

    base_url: str = "https://api.twilio.com"
    timeout: float = Field(default=10.0, gt=0, lt=15, description="seconds for the whole exchange, body included")
    account_sid: str | None = None
    auth_token: SecretStr | None = None
    sender: str = Field(default="+15005550006", description="the number that SMS come from")
    whatsapp_sender: str | None = None


class OpenAISettings(ProviderSection):
    """Language models. A server of one's own needs no key: an address other than OpenAI's is live too."""

    model_config = SettingsConfigDict(env_prefix="OPENAI_", hide_input_in_errors=True)
    name = "openai"
    credential = "api_key"

    base_url: str = "https://api.openai.com/v1"
    timeout: float = Field(default=20.0, gt=0, description="seconds for what generates nothing")
    api_key: SecretStr | None = None
    wire: Literal["auto", "responses", "chat"] = Field(
        default="auto", description="responses or chat; auto: responses at OpenAI's own address, chat elsewhere"
    )
    models: Names = Field(
        default=(), description="comma list: who is asked first, and who then; default: gpt-5-mini,gpt-4.1-mini"
    )
    routes: ModelRoutes = Field(
        default=None,
        description="JSON by model: base_url, api_key, wire, input_price, output_price, first, idle, total",
    )
    input_price: Decimal = Field(
        default=Decimal("15.00"), ge=0, le=100_000, description="of a million tokens, for models that OPENAI_ROUTES "
        "gives no price; high, so that a budget holds",
    )  # fmt: skip
    output_price: Decimal = Field(default=Decimal("75.00"), ge=0, le=100_000)
    currency: str = Field(default="USD", pattern="^[A-Z]{3}$", description="of prices and budgets")
    user_budget: Decimal = Field(default=Decimal("1.00"), ge=0, le=1_000_000, description="of a user and day")
    plan_budget: Decimal = Field(default=Decimal("0.50"), ge=0, le=1_000_000, description="of a plan, for good")
    global_budget: Decimal = Field(default=Decimal("50.00"), ge=0, le=1_000_000, description="of everybody and day")
    first: float = Field(default=20.0, gt=0, description="seconds until the first piece of an answer")
    idle: float = Field(default=15.0, gt=0, description="seconds between two pieces")
    total: float = Field(default=120.0, gt=0, le=600, description="seconds for a whole answer, all models together")

    @property
    def compatible(self) -> bool:
        """Whether it is somebody else's server that speaks like OpenAI's."""
        return bool(self.base_url.rstrip("/") != type(self).model_fields["base_url"].default)

    @property
    def _without_credential(self) -> Mode:
        return Mode.LIVE if self.compatible else Mode.SANDBOX


class PayPalSettings(OptionalSection):
    model_config = SettingsConfigDict(env_prefix="PAYPAL_")
    name = "paypal"
    credential = "client_secret"

    base_url: str = "https://api-m.paypal.com"
    timeout: float = Field(default=20.0, gt=0, description="seconds for the whole exchange, body included")
    client_id: str | None = None
    client_secret: SecretStr | None = None
    webhook_ids: Names = Field(default=(), validation_alias="PAYPAL_WEBHOOK_ID", description="comma list")


class AuthSettings(Section):
    model_config = SettingsConfigDict(env_prefix="AUTH_")

    provider: Literal["local", "supabase"] = Field(default="local", description="who keeps the travellers' passwords")
    verify_email: Literal["required", "later"] = Field(
        default="required", description="later: a registration signs in at once, and tells whether an address is taken"
    )
    password_min_length: int = Field(default=8, ge=8, le=64)


class SupabaseSettings(ProviderSection):
    model_config = SettingsConfigDict(env_prefix="SUPABASE_")
    name = "supabase"
    credential = "service_key"

    base_url: str = Field(default="", validation_alias="SUPABASE_URL", description="https://<project>.supabase.co")
    timeout: float = Field(default=10.0, gt=0, description="seconds for the whole exchange, body included")
    anon_key: SecretStr | None = Field(default=None, description="the publishable (anon) key")
    service_key: SecretStr | None = Field(default=None, description="the secret (service_role) key")
    jwt_secret: SecretStr | None = Field(default=None, description="for projects that still sign with HS256")
    webhook_secrets: Secrets = Field(default=(), validation_alias="SUPABASE_WEBHOOK_SECRET")


class OidcSettings(OptionalSection):
    model_config = SettingsConfigDict(env_prefix="OIDC_")
    name = "oidc"
    credential = "client_id"

    base_url: str = Field(default="", validation_alias="OIDC_ISSUER", description="the issuer, as its tokens name it")
    timeout: float = Field(default=10.0, gt=0, description="seconds for the whole exchange, body included")
    client_id: str | None = None
    client_secret: SecretStr | None = None
    audience: str | None = Field(default=None, description="of bearer tokens for /api/v1; without it they are refused")
    roles_claim: str = Field(default="realm_access.roles", description="a path into the claims, or one claim's name")
    role_map: Names = Field(
        default=("staff=staff", "manager=manager", "admin=admin", "accountant=accountant"),
        description="comma list of <their role>=<ours>",
    )

    @property
    def roles(self) -> dict[str, str]:
        """Theirs to ours."""
        return {theirs.strip(): ours.strip() for theirs, _, ours in (one.rpartition("=") for one in self.role_map)}

    @model_validator(mode="after")
    def _roles_that_exist(self) -> Self:
        unknown = set(self.roles.values()) - {"staff", "manager", "admin", "accountant"}
        if unknown or not all(self.roles):
            raise ValueError(f"OIDC_ROLE_MAP: <their role>=<staff, manager, admin or accountant>, not {self.role_map}")
        return self


class CaptchaSettings(OptionalSection):
    model_config = SettingsConfigDict(env_prefix="CAPTCHA_")
    name = "captcha"
    credential = "secret_key"

    kind: Literal["turnstile", "hcaptcha"] = "turnstile"
    base_url: str = Field(default="", description="default: the vendor's own address")
    timeout: float = Field(default=5.0, gt=0, description="seconds for the whole exchange, body included")
    secret_key: SecretStr | None = None
    site_key: str | None = None
    hostname: str | None = Field(default=None, description="where the widget has to have been solved")


class InvoiceSettings(Section):
    """Whose papers they are: the seller on invoices, credit notes and receipts."""

    model_config = SettingsConfigDict(env_prefix="INVOICE_")

    name: str = "Travel Hub"
    address: Lines = Field(default=(), description="lines, with | between them")
    tax_id: str | None = None
    email: str | None = None
    footer: str = ""
    tax_name: str = "VAT"
    tax_rate: Decimal | None = Field(default=None, ge=0, lt=100, description="percent within the prices")
    tax_note: str = ""
    time_zone: ZoneInfo = Field(default=ZoneInfo("UTC"), description="of the dates, and of the year in the numbers")
    keep_years: int = Field(default=10, ge=1, le=30, description="how long the law wants them kept")
    fonts: Path | None = Field(default=None, description="a directory of further fonts, for scripts beyond the bundled")


def _section(kind: type[Section]) -> Any:
    return Field(default_factory=kind)


class Settings(Section):
    model_config = SettingsConfigDict(env_prefix="HUB_")

    env: Literal["development", "production"] = "development"
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    reuse_port: bool = Field(default=False, description="several `hub serve` on one port of one machine")
    sandbox_port: int | None = Field(default=None, description="default: the hub's port + 1")
    sandbox_url: str | None = Field(default=None, description="where a sandbox runs that somebody else has started")
    public_url: str | None = Field(default=None, description="how the world reaches the hub; signs webhooks")
    frontend_url: str | None = Field(
        default=None,
        description="where links in letters lead: <it>/verify, /reset, /forgot; default: the hub's own pages",
    )
    secret_keys: Secrets = Field(
        default=(),
        validation_alias="HUB_SECRET_KEY",
        description="seals what is kept; comma list, the first seals and all open; made in data_dir when empty",
    )
    data_dir: Path = Path(".hub")
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["auto", "json", "console"] = "auto"
    cors_origins: Names = ("http://localhost:3000",)
    trusted_proxies: int = Field(default=0, ge=0, description="how many X-Forwarded-For hops to believe")
    rate_limit: int = Field(default=600, ge=1, description="requests a minute and caller")
    auth_rate_limit: int = Field(default=60, ge=1, description="sign-ins and the like a minute and address")
    service_keys: Secrets = Field(
        default=(), description="comma list, each at least 32 characters: who may use /api/ai without being staff"
    )
    max_body: int = Field(default=1024 * 1024, ge=1024, description="bytes")
    shutdown_grace: float = Field(default=20.0, description="seconds to finish what is in flight on SIGTERM")

    database_url: SecretStr | None = Field(default=None, validation_alias="DATABASE_URL")
    db_pool_size: int = Field(default=10, ge=2)
    db_statement_cache: int = Field(default=100, ge=0, description="0 with PgBouncer or Supabase's pooler")
    db_listen_url: SecretStr | None = Field(
        default=None, description="a direct connection for LISTEN when database_url is a transaction pooler"
    )
    redis_url: SecretStr | None = Field(default=None, validation_alias="REDIS_URL")

    search_ttl: float = Field(default=300.0, gt=0, description="seconds a search stays fresh")
    search_deadline: float = Field(default=25.0, gt=0, description="seconds a search may take, all suppliers")
    payment_window: float = Field(default=1800.0, gt=0, description="seconds an unpaid booking is kept")

    auth: AuthSettings = _section(AuthSettings)
    supabase: SupabaseSettings = _section(SupabaseSettings)
    oidc: OidcSettings = _section(OidcSettings)
    captcha: CaptchaSettings = _section(CaptchaSettings)
    payment_provider: Literal["stripe", "paypal"] = Field(
        default="stripe", validation_alias="PAYMENT_PROVIDER", description="where a booking is paid that names no other"
    )

    paypal: PayPalSettings = _section(PayPalSettings)
    invoice: InvoiceSettings = _section(InvoiceSettings)
    affiliate: AffiliateSettings = _section(AffiliateSettings)
    storage: StorageSettings = _section(StorageSettings)
    kiwi: KiwiSettings = _section(KiwiSettings)
    stripe: StripeSettings = _section(StripeSettings)
    resend: ResendSettings = _section(ResendSettings)
    twilio: TwilioSettings = _section(TwilioSettings)
    openai: OpenAISettings = _section(OpenAISettings)

    @property
    def providers(self) -> tuple[ProviderSection, ...]:
        """Those in use: Supabase only where it keeps the accounts, the optional ones where they are set up."""
        accounts = (self.supabase,) if self.auth.provider == "supabase" else ()
        optional = tuple(
            one for one in (self.paypal, self.oidc, self.captcha, self.storage) if one.resolved is not Mode.OFF
        )
        return (self.kiwi, self.stripe, self.resend, self.twilio, self.openai, *accounts, *optional)

    @property
    def links(self) -> str:
        """Where the links in letters lead."""
        return (self.frontend_url or f"{self.own_url}/account").rstrip("/")

    @property
    def own_url(self) -> str:
        """Where the hub's webhooks are called: the public URL, else the hub's own address."""
        host = "127.0.0.1" if self.host in {"", "0.0.0.0", "::"} else self.host  # noqa: S104
        return (self.public_url or f"http://{host}:{self.port}").rstrip("/")

    @property
    def sandbox_base(self) -> str:
        """Where the sandbox of the providers is reached."""
        port = self.sandbox_port if self.sandbox_port is not None else self.port + 1
        return (self.sandbox_url or f"http://127.0.0.1:{port}").rstrip("/")

    @property
    def needs_sandbox(self) -> bool:
        return any(one.resolved is Mode.SANDBOX for one in self.providers)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        """What a live provider cannot do without."""
        missing = [
            variable
            for section, variable in ((self.supabase, "SUPABASE_URL"), (self.oidc, "OIDC_ISSUER"))
            if section in self.providers and section.resolved is Mode.LIVE and not section.base_url
        ]
        if missing:
            raise ValueError(f"{', '.join(missing)} is missing")
        if any(len(one.get_secret_value()) < SHORTEST_SECRET for one in self.service_keys):
            raise ValueError(f"HUB_SERVICE_KEYS needs at least {SHORTEST_SECRET} characters each")
        return self

    @model_validator(mode="after")
    def _fit_for_production(self) -> Self:
        """Production takes no made-up provider, no made-up secret, and has to know its own address."""
        if self.env != "production":
            return self
        missing = [
            f"{one.name.upper()}_{one.credential.upper()} (or {one.name.upper()}_MODE=off)"
            for one in self.providers
            if one.resolved is Mode.SANDBOX
        ]
        missing += ["HUB_PUBLIC_URL"] if not self.public_url else []
        missing += ["HUB_SECRET_KEY"] if not self.secret_keys else []
        if missing:
            raise ValueError(f"HUB_ENV=production needs {', '.join(missing)}")
        if any(len(one.get_secret_value()) < SHORTEST_SECRET for one in self.secret_keys):
            raise ValueError(f"HUB_SECRET_KEY needs at least {SHORTEST_SECRET} characters")
        return self

    @classmethod
    def load(cls, **overrides: Any) -> Self:
        """From the environment. Raises pydantic.ValidationError naming the variable."""
        return cls(**overrides)


__all__ = [
    "AffiliateSettings",
    "AuthSettings",
    "CaptchaSettings",
    "InvoiceSettings",
    "KiwiSettings",
    "Mode",
    "OidcSettings",
    "OpenAISettings",
    "PayPalSettings",
    "ProviderSection",
    "ResendSettings",
    "Section",
    "Settings",
    "StorageSettings",
    "StripeSettings",
    "SupabaseSettings",
    "TwilioSettings",
]
