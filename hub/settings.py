"""Every setting, in one frozen tree, from the environment and `.env`.

A provider is `live` when its credentials are set, else it is the `sandbox`; `<PROVIDER>_MODE` overrules that.
Secrets are SecretStr: they do not show in a repr or a log.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

SHORTEST_SECRET = 32


class Mode(StrEnum):
    LIVE = "live"
    SANDBOX = "sandbox"
    OFF = "off"


def _comma_list(value: Any) -> Any:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_comma_list)]
Secrets = Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(_comma_list)]


class Section(BaseSettings):
    model_config = SettingsConfigDict(frozen=True, env_file=".env", extra="ignore", env_ignore_empty=True)


class ProviderSection(Section):
    """What every provider has: a mode, and a base URL that an operator can point elsewhere (proxy, region)."""

    name: ClassVar[str]
    credential: ClassVar[str]
    """The field whose presence makes the provider live."""

    mode: Literal["auto", "live", "sandbox", "off"] = "auto"
    base_url: str
    timeout: float = Field(default=20.0, gt=0, description="seconds for the whole exchange, body included")

    @property
    def resolved(self) -> Mode:
        if self.mode != "auto":
            return Mode(self.mode)
        return Mode.LIVE if getattr(self, self.credential) else Mode.SANDBOX


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
    secret_key: SecretStr | None = Field(default=None, description="signs tokens; made and kept in data_dir when empty")
    data_dir: Path = Path(".hub")
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["auto", "json", "console"] = "auto"
    cors_origins: Names = ("http://localhost:3000",)
    trusted_proxies: int = Field(default=0, ge=0, description="how many X-Forwarded-For hops to believe")
    rate_limit: int = Field(default=600, ge=1, description="requests a minute and caller")
    auth_rate_limit: int = Field(default=60, ge=1, description="sign-ins and the like a minute and address")
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

    kiwi: KiwiSettings = _section(KiwiSettings)
    stripe: StripeSettings = _section(StripeSettings)
    resend: ResendSettings = _section(ResendSettings)
    twilio: TwilioSettings = _section(TwilioSettings)

    @property
    def providers(self) -> tuple[ProviderSection, ...]:
        return (self.kiwi, self.stripe, self.resend, self.twilio)

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
        missing += ["HUB_SECRET_KEY"] if not self.secret_key else []
        if missing:
            raise ValueError(f"HUB_ENV=production needs {', '.join(missing)}")
        if self.secret_key and len(self.secret_key.get_secret_value()) < SHORTEST_SECRET:
            raise ValueError(f"HUB_SECRET_KEY needs at least {SHORTEST_SECRET} characters")
        return self

    @classmethod
    def load(cls, **overrides: Any) -> Self:
        """From the environment. Raises pydantic.ValidationError naming the variable."""
        return cls(**overrides)
