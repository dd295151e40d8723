"""What the sections of the settings are made of."""

from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


class Mode(StrEnum):
    LIVE = "live"
    SANDBOX = "sandbox"
    OFF = "off"


def _comma_list(value: Any) -> Any:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _piped(value: Any) -> Any:
    return tuple(part.strip() for part in value.split("|") if part.strip()) if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_comma_list)]
Lines = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_piped)]
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
        return Mode.LIVE if getattr(self, self.credential) else self._without_credential

    @property
    def _without_credential(self) -> Mode:
        return Mode.SANDBOX


class OptionalSection(ProviderSection):
    """A provider that nobody misses: without credentials it is off, and the sandbox plays it when told to."""

    @property
    def _without_credential(self) -> Mode:
        return Mode.OFF
