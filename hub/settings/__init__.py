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

from hub.settings.planning import AffiliateSettings, StorageSettings
from hub.settings.production import (
    MIN_SECRET_LENGTH,
    find_address_faults,
    find_origin_faults,
    find_provider_faults,
    find_secret_faults,
)
from hub.settings.providers import (
    CaptchaSettings,
    KiwiSettings,
    OidcSettings,
    OpenAISettings,
    PayPalSettings,
    ResendSettings,
    StripeSettings,
    SupabaseSettings,
    TwilioSettings,
)
from hub.settings.sections import (
    CommaList,
    DatabaseUrl,
    OptionalWebUrl,
    PipeList,
    ProviderMode,
    ProviderSettings,
    RedisUrl,
    SecretList,
    SettingsSection,
)


class AuthSettings(SettingsSection):
    model_config = SettingsConfigDict(env_prefix="AUTH_")

    provider: Literal["local", "supabase"] = Field(default="local", description="who keeps the travellers' passwords")
    verify_email: Literal["required", "later"] = Field(
        default="required", description="later: a registration signs in at once, and tells whether an address is taken"
    )
    password_min_length: int = Field(default=8, ge=8, le=64)


class InvoiceSettings(SettingsSection):
    """Whose papers they are: the seller on invoices, credit notes and receipts."""

    model_config = SettingsConfigDict(env_prefix="INVOICE_")

    name: str = "Travel Hub"
    address: PipeList = Field(default=(), description="lines, with | between them")
    tax_id: str | None = None
    email: str | None = None
    footer: str = ""
    tax_name: str = "VAT"
    tax_rate: Decimal | None = Field(default=None, ge=0, lt=100, description="percent within the prices")
    tax_note: str = ""
    time_zone: ZoneInfo = Field(default=ZoneInfo("UTC"), description="of the dates, and of the year in the numbers")
    keep_years: int = Field(default=10, ge=1, le=30, description="how long the law wants them kept")
    fonts: Path | None = Field(default=None, description="a directory of further fonts, for scripts beyond the bundled")


def _section(kind: type[SettingsSection]) -> Any:
    return Field(default_factory=kind)


class Settings(SettingsSection):
    model_config = SettingsConfigDict(env_prefix="HUB_")

    env: Literal["development", "production"] = "development"
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    reuse_port: bool = Field(default=False, description="several `hub serve` on one port of one machine")
    sandbox_port: int | None = Field(default=None, description="default: the hub's port + 1")
    sandbox_url: OptionalWebUrl = Field(default=None, description="where a sandbox runs that somebody else has started")
    public_url: OptionalWebUrl = Field(default=None, description="how the world reaches the hub; signs webhooks")
    frontend_url: OptionalWebUrl = Field(
        default=None,
        description="where links in letters lead: <it>/verify, /reset, /forgot; default: the hub's own pages",
    )
    secret_keys: SecretList = Field(
        default=(),
        validation_alias="HUB_SECRET_KEY",
        description="seals what is kept; comma list, the first seals and all open; made in data_dir when empty",
    )
    data_dir: Path = Path(".hub")
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["auto", "json", "console"] = "auto"
    cors_origins: CommaList = ("http://localhost:3000",)
    trusted_proxies: int = Field(default=0, ge=0, description="how many X-Forwarded-For hops to believe")
    rate_limit: int = Field(default=600, ge=1, description="requests a minute and caller")
    auth_rate_limit: int = Field(default=60, ge=1, description="sign-ins and the like a minute and address")
    staff_second_factor: Literal["auto", "required"] = Field(
        default="auto", description="of local admins and accountants; auto: required in production"
    )
    service_keys: SecretList = Field(
        default=(), description="comma list, each at least 32 characters: who may use /api/ai without being staff"
    )
    metrics_port: int | None = Field(
        default=None, ge=1, le=65535, description="serves /metrics on a port of its own, at HUB_METRICS_HOST"
    )
    metrics_host: str = "127.0.0.1"
    metrics_token: SecretStr | None = Field(
        default=None, description="bearer token that opens /metrics on HUB_PORT; in production it is closed without"
    )
    max_connections: int | None = Field(
        default=None, ge=16, description="open at once; default: by the limit of file descriptors (ulimit -n)"
    )
    header_timeout: float = Field(default=15.0, gt=0, description="seconds until a request's head has arrived whole")
    idle_timeout: float = Field(default=75.0, gt=0, description="seconds a connection may rest between two requests")
    streams_per_caller: int = Field(default=20, ge=1, description="event streams a caller may have open at once")
    search_rate_limit: int = Field(
        default=120, ge=1, description="distinct searches a minute and caller that have to ask suppliers"
    )
    max_body: int = Field(default=1024 * 1024, ge=1024, description="bytes")
    shutdown_grace: float = Field(default=20.0, description="seconds to finish what is in flight on SIGTERM")

    database_url: DatabaseUrl = Field(default=None, validation_alias="DATABASE_URL")
    db_pool_size: int = Field(default=10, ge=2)
    db_statement_cache: int = Field(default=100, ge=0, description="0 with PgBouncer or Supabase's pooler")
    db_listen_url: DatabaseUrl = Field(
        default=None, description="a direct connection for LISTEN when database_url is a transaction pooler"
    )
    redis_url: RedisUrl = Field(default=None, validation_alias="REDIS_URL")

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
    def providers(self) -> tuple[ProviderSettings, ...]:
        """Those in use: Supabase only where it keeps the accounts, the optional ones where they are set up."""
        accounts = (self.supabase,) if self.auth.provider == "supabase" else ()
        optional = tuple(
            one
            for one in (self.paypal, self.oidc, self.captcha, self.storage)
            if one.resolved_mode is not ProviderMode.OFF
        )
        return (self.kiwi, self.stripe, self.resend, self.twilio, self.openai, *accounts, *optional)

    @property
    def requires_staff_second_factor(self) -> bool:
        """Whether local admins and accountants come in only with a second factor."""
        return self.env == "production" or self.staff_second_factor == "required"

    @property
    def link_base_url(self) -> str:
        """Where the links in letters lead."""
        return (self.frontend_url or f"{self.own_url}/account").rstrip("/")

    @property
    def own_url(self) -> str:
        """Where the hub's webhooks are called: the public URL, else the hub's own address."""
        host = "127.0.0.1" if self.host in {"", "0.0.0.0", "::"} else self.host  # noqa: S104
        return (self.public_url or f"http://{host}:{self.port}").rstrip("/")

    @property
    def sandbox_base_url(self) -> str:
        """Where the sandbox of the providers is reached."""
        port = self.sandbox_port if self.sandbox_port is not None else self.port + 1
        return (self.sandbox_url or f"http://127.0.0.1:{port}").rstrip("/")

    @property
    def needs_sandbox(self) -> bool:
        return any(one.resolved_mode is ProviderMode.SANDBOX for one in self.providers)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        """What a live provider cannot do without."""
        if self.supabase in self.providers and self.supabase.resolved_mode is ProviderMode.LIVE:
            missing = [
                SupabaseSettings.get_variable_name(name)
                for name in ("base_url", "anon_key")
                if not getattr(self.supabase, name)
            ]
            if missing:
                raise ValueError(f"{', '.join(missing)} is missing: AUTH_PROVIDER is supabase")
        if any(len(one.get_secret_value()) < MIN_SECRET_LENGTH for one in self.service_keys):
            raise ValueError(f"HUB_SERVICE_KEYS needs at least {MIN_SECRET_LENGTH} characters each")
        return self

    @model_validator(mode="after")
    def _fit_for_production(self) -> Self:
        """Production refuses what is only fit for development; every fault is named at once."""
        if self.env != "production":
            return self
        needed = {"HUB_PUBLIC_URL": self.public_url, "HUB_SECRET_KEY": self.secret_keys}
        faults = [
            *(f"{variable} is missing" for variable, value in needed.items() if not value),
            *find_provider_faults(self.providers),
            *find_address_faults({"HUB_PUBLIC_URL": self.public_url, "HUB_FRONTEND_URL": self.frontend_url}),
            *find_origin_faults(self.cors_origins),
            *find_secret_faults(
                {
                    "HUB_SECRET_KEY": self.secret_keys,
                    "HUB_SERVICE_KEYS": self.service_keys,
                    "HUB_METRICS_TOKEN": (self.metrics_token,),
                    "KIWI_WEBHOOK_TOKEN": (self.kiwi.webhook_token,),
                }
            ),
        ]
        if faults:
            raise ValueError(f"HUB_ENV=production: {'; '.join(faults)}")
        return self

    @classmethod
    def from_environment(cls, **overrides: Any) -> Self:
        """From the environment. Raises pydantic.ValidationError naming the variable."""
        return cls(**overrides)


__all__ = [
    "AffiliateSettings",
    "AuthSettings",
    "CaptchaSettings",
    "InvoiceSettings",
    "KiwiSettings",
    "OidcSettings",
    "OpenAISettings",
    "PayPalSettings",
    "ProviderMode",
    "ProviderSettings",
    "ResendSettings",
    "Settings",
    "SettingsSection",
    "StorageSettings",
    "StripeSettings",
    "SupabaseSettings",
    "TwilioSettings",
]
