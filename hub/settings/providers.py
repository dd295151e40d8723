"""The providers' settings. What is true of every provider stands in `hub.settings.sections`."""

from decimal import Decimal
from types import MappingProxyType
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from hub.core.phone_numbers import normalize_phone
from hub.settings.model_routes import ModelRoutes
from hub.settings.sections import (
    CommaList,
    OptionalProviderSettings,
    ProviderMode,
    ProviderSettings,
    SecretList,
    WebUrl,
)


class KiwiSettings(ProviderSettings):
    model_config = SettingsConfigDict(env_prefix="KIWI_")
    name = "kiwi"
    credential_field = "api_key"
    dependent_fields = ("webhook_token", "contact_email", "contact_phone")

    base_url: WebUrl = "https://api.tequila.kiwi.com"
    api_key: SecretStr | None = None
    account: str = Field(
        default="unknown",
        min_length=1,
        max_length=100,
        description="any name; give another with a key of another account, which does not know the orders of this one",
    )
    webhook_token: SecretStr | None = Field(
        default=None, description="unguessable last part of the callback address given to Kiwi"
    )
    contact_email: str | None = Field(
        default=None, description="of Kiwi's deposit account, given for every passenger; unset: the travelers' own"
    )
    contact_phone: Annotated[str, AfterValidator(normalize_phone)] | None = Field(
        default=None, description="of the agency, given for every passenger"
    )


class StripeSettings(ProviderSettings):
    model_config = SettingsConfigDict(env_prefix="STRIPE_")
    name = "stripe"
    credential_field = "secret_key"
    webhook_field = "webhook_secrets"
    test_values = MappingProxyType({"secret_key": ("_test_",), "publishable_key": ("_test_",)})
    required_fields = ("publishable_key",)
    dependent_fields = ("publishable_key", "webhook_secrets")

    base_url: WebUrl = "https://api.stripe.com"
    secret_key: SecretStr | None = None
    publishable_key: str | None = None
    webhook_secrets: SecretList = Field(
        default=(),
        validation_alias="STRIPE_WEBHOOK_SECRET",
        description="comma list; two while a secret is being rotated",
    )


class ResendSettings(ProviderSettings):
    model_config = SettingsConfigDict(env_prefix="RESEND_")
    name = "resend"
    credential_field = "api_key"
    test_values = MappingProxyType({"sender": ("@example.com",)})
    dependent_fields = ("webhook_secrets",)

    base_url: WebUrl = "https://api.resend.com"
    api_key: SecretStr | None = None
    sender: str = Field(default="Travel Hub <trips@example.com>", description="the From of every e-mail")
    webhook_secrets: SecretList = Field(default=(), validation_alias="RESEND_WEBHOOK_SECRET")


class TwilioSettings(ProviderSettings):
    model_config = SettingsConfigDict(env_prefix="TWILIO_")
    name = "twilio"
    credential_field = "auth_token"
    test_values = MappingProxyType({"sender": ("+1500555",)})
    required_fields = ("account_sid",)
    dependent_fields = ("account_sid",)

    base_url: WebUrl = "https://api.twilio.com"
    timeout: float = Field(default=10.0, gt=0, lt=15, description="seconds for the whole exchange, body included")
    account_sid: str | None = None
    auth_token: SecretStr | None = None
    sender: str = Field(default="+15005550006", description="the number that SMS come from")
    whatsapp_sender: str | None = None


class OpenAISettings(ProviderSettings):
    """Language models. A server of one's own needs no key: an address other than OpenAI's is live too."""

    model_config = SettingsConfigDict(env_prefix="OPENAI_", hide_input_in_errors=True)
    name = "openai"
    credential_field = "api_key"
    may_be_local = True

    base_url: WebUrl = "https://api.openai.com/v1"
    timeout: float = Field(default=20.0, gt=0, description="seconds for what generates nothing")
    api_key: SecretStr | None = None
    wire: Literal["auto", "responses", "chat"] = Field(
        default="auto", description="responses or chat; auto: responses at OpenAI's own address, chat elsewhere"
    )
    models: CommaList = Field(
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
    first: float = Field(default=10.0, gt=0, description="seconds until the first piece of an answer")
    idle: float = Field(default=15.0, gt=0, description="seconds between two pieces")
    total: float = Field(default=120.0, gt=0, le=600, description="seconds for a whole answer, all models together")

    @property
    def _live_without_credential(self) -> bool:
        return self.is_compatible_server or bool(self.routes)

    @property
    def is_compatible_server(self) -> bool:
        """Whether it is somebody else's server that speaks like OpenAI's."""
        return bool(self.base_url.rstrip("/") != type(self).model_fields["base_url"].default)

    @property
    def _without_credential(self) -> ProviderMode:
        return ProviderMode.LIVE if self.is_compatible_server else ProviderMode.SANDBOX


class PayPalSettings(OptionalProviderSettings):
    model_config = SettingsConfigDict(env_prefix="PAYPAL_")
    name = "paypal"
    credential_field = "client_secret"
    webhook_field = "webhook_ids"
    test_values = MappingProxyType({"base_url": ("sandbox.paypal.com",)})
    required_fields = ("client_id",)
    dependent_fields = ("client_id", "webhook_ids")

    base_url: WebUrl = "https://api-m.paypal.com"
    timeout: float = Field(default=20.0, gt=0, description="seconds for the whole exchange, body included")
    client_id: str | None = None
    client_secret: SecretStr | None = None
    webhook_ids: CommaList = Field(default=(), validation_alias="PAYPAL_WEBHOOK_ID", description="comma list")


class SupabaseSettings(ProviderSettings):
    model_config = SettingsConfigDict(env_prefix="SUPABASE_")
    name = "supabase"
    credential_field = "service_key"

    base_url: WebUrl = Field(default="", validation_alias="SUPABASE_URL", description="https://<project>.supabase.co")
    timeout: float = Field(default=10.0, gt=0, description="seconds for the whole exchange, body included")
    anon_key: SecretStr | None = Field(default=None, description="the publishable (anon) key")
    service_key: SecretStr | None = Field(default=None, description="the secret (service_role) key")
    jwt_secret: SecretStr | None = Field(default=None, description="for projects that still sign with HS256")
    webhook_secrets: SecretList = Field(default=(), validation_alias="SUPABASE_WEBHOOK_SECRET")


class OidcSettings(OptionalProviderSettings):
    model_config = SettingsConfigDict(env_prefix="OIDC_")
    name = "oidc"
    credential_field = "client_id"
    required_fields = ("base_url",)
    dependent_fields = ("client_secret", "base_url")

    base_url: WebUrl = Field(
        default="", validation_alias="OIDC_ISSUER", description="the issuer, as its tokens name it"
    )
    timeout: float = Field(default=10.0, gt=0, description="seconds for the whole exchange, body included")
    client_id: str | None = None
    client_secret: SecretStr | None = None
    audience: str | None = Field(default=None, description="of bearer tokens for /api/v1; without it they are refused")
    roles_claim: str = Field(default="realm_access.roles", description="a path into the claims, or one claim's name")
    role_map: CommaList = Field(
        default=("staff=staff", "manager=manager", "admin=admin", "accountant=accountant"),
        description="comma list of <their role>=<ours>",
    )

    @property
    def roles_by_claim(self) -> dict[str, str]:
        """Theirs to ours."""
        return {theirs.strip(): ours.strip() for theirs, _, ours in (one.rpartition("=") for one in self.role_map)}

    @model_validator(mode="after")
    def _roles_that_exist(self) -> Self:
        unknown = set(self.roles_by_claim.values()) - {"staff", "manager", "admin", "accountant"}
        if unknown or not all(self.roles_by_claim):
            raise ValueError(f"OIDC_ROLE_MAP: <their role>=<staff, manager, admin or accountant>, not {self.role_map}")
        return self


class CaptchaSettings(OptionalProviderSettings):
    model_config = SettingsConfigDict(env_prefix="CAPTCHA_")
    name = "captcha"
    credential_field = "secret_key"
    test_values = MappingProxyType({"secret_key": ("x0000000000",)})
    dependent_fields = ("site_key", "hostname")

    kind: Literal["turnstile", "hcaptcha"] = "turnstile"
    base_url: WebUrl = Field(default="", description="default: the vendor's own address")
    timeout: float = Field(default=5.0, gt=0, description="seconds for the whole exchange, body included")
    secret_key: SecretStr | None = None
    site_key: str | None = None
    hostname: str | None = Field(default=None, description="where the widget has to have been solved")
