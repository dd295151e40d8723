"""What the sections of the settings are made of."""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

_COMMA = re.compile(r",(?!(?<=\bv1,)whsec_)")
"""Separates the parts of a comma list. The comma in `v1,whsec_...` belongs to the secret."""


class ProviderMode(StrEnum):
    LIVE = "live"
    SANDBOX = "sandbox"
    OFF = "off"


def _comma_list(value: Any) -> Any:
    return tuple(part.strip() for part in _COMMA.split(value) if part.strip()) if isinstance(value, str) else value


def _piped(value: Any) -> Any:
    return tuple(part.strip() for part in value.split("|") if part.strip()) if isinstance(value, str) else value


CommaList = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_comma_list)]
PipeList = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_piped)]


def _address_of(schemes: tuple[str, ...], value: str) -> str:
    """Raises ValueError unless `value` is an absolute address with one of the schemes and a host."""
    try:
        parts = urlsplit(value)
        well_formed = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, brackets that do not close
        well_formed = False
    if not well_formed or re.search(r"\s", value):
        raise ValueError(f"is not an address like {schemes[-1]}://host")
    return value


def _web_address(value: str | None) -> str | None:
    if not value:
        return value
    parts = urlsplit(_address_of(("http", "https"), value))
    if parts.query or parts.fragment or parts.username or parts.password:
        raise ValueError("is an address with a query, a fragment or a user in it")
    return value


def _database_address(value: SecretStr | None) -> SecretStr | None:
    address = value.get_secret_value() if value else ""
    if address and not re.match(r"postgres(ql)?://", address):
        raise ValueError("is not an address like postgresql://user:password@host/database")
    return value


def _redis_address(value: SecretStr | None) -> SecretStr | None:
    address = value.get_secret_value() if value else ""
    if address and not address.startswith("unix://"):
        _address_of(("rediss", "redis"), address)
    return value


WebUrl = Annotated[str, AfterValidator(_web_address)]
OptionalWebUrl = Annotated[str | None, AfterValidator(_web_address)]
DatabaseUrl = Annotated[SecretStr | None, AfterValidator(_database_address)]
RedisUrl = Annotated[SecretStr | None, AfterValidator(_redis_address)]
SecretList = Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(_comma_list)]


class SettingsSection(BaseSettings):
    model_config = SettingsConfigDict(
        frozen=True, env_file=".env", extra="ignore", env_ignore_empty=True, hide_input_in_errors=True
    )


class ProviderSettings(SettingsSection):
    """What every provider has: a mode, and a base URL that an operator can point elsewhere (proxy, region)."""

    name: ClassVar[str]
    credential_field: ClassVar[str]
    """The field whose presence makes the provider live."""
    required_fields: ClassVar[tuple[str, ...]] = ()
    """Fields that a live provider cannot do without, beside the credential."""
    dependent_fields: ClassVar[tuple[str, ...]] = ()
    """Fields that mean nothing without the credential: set alone, the credential was forgotten."""
    test_values: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """By field, what shows that a value is only for tests (the vendor's test keys and numbers, our own defaults)."""
    webhook_field: ClassVar[str | None] = None
    """The field without which payments made there would not be heard of."""
    may_be_local: ClassVar[bool] = False
    """Whether an operator may run this provider on the same machine, as a language model or an object store."""

    mode: Literal["auto", "live", "sandbox", "off"] = "auto"
    base_url: WebUrl
    timeout: float = Field(default=20.0, gt=0, description="seconds for the whole exchange, body included")

    @property
    def resolved_mode(self) -> ProviderMode:
        if self.mode != "auto":
            return ProviderMode(self.mode)
        return ProviderMode.LIVE if getattr(self, self.credential_field) else self._without_credential

    @property
    def _without_credential(self) -> ProviderMode:
        return ProviderMode.SANDBOX

    @classmethod
    def get_variable_name(cls, field: str) -> str:
        """The environment variable of a field."""
        alias = cls.model_fields[field].validation_alias
        return str(alias or f"{cls.model_config.get('env_prefix', '')}{field}".upper())

    @model_validator(mode="after")
    def _not_half_set(self) -> Self:
        """Refuses a provider of which only a part is configured: it would silently play in the sandbox or fail live."""
        credential = self.get_variable_name(self.credential_field)
        if self.resolved_mode is ProviderMode.LIVE:
            missing = [self.get_variable_name(name) for name in self.required_fields if not getattr(self, name)]
            if self.mode == "live" and not getattr(self, self.credential_field) and not self._live_without_credential:
                missing.insert(0, credential)
            if missing:
                raise ValueError(f"{', '.join(missing)} is missing: {self.name} is live")
        elif self.mode == "auto":
            lonely = [self.get_variable_name(name) for name in self.dependent_fields if getattr(self, name)]
            if lonely and not getattr(self, self.credential_field):
                raise ValueError(f"{credential} is missing: {', '.join(lonely)} is set")
        return self

    @property
    def _live_without_credential(self) -> bool:
        return False


class OptionalProviderSettings(ProviderSettings):
    """A provider that nobody misses: without credentials it is off, and the sandbox plays it when told to."""

    @property
    def _without_credential(self) -> ProviderMode:
        return ProviderMode.OFF
