"""The settings of what goes with plans: links that earn a commission, and where uploads are kept."""

import re
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from hub.settings.sections import OptionalProviderSettings, SettingsSection, WebUrl

AFFILIATE_KINDS = ("hotels", "tours", "cars", "transfers", "insurance")
URL_PLACEHOLDERS = frozenset({"destination", "country", "start", "end", "adults"})


class AffiliateSettings(SettingsSection):
    """Where travellers book what the hub does not sell; the operator may earn a commission, and plans say so."""

    model_config = SettingsConfigDict(env_prefix="AFFILIATE_")

    hotels_url: str = Field(
        default="", description="https address with {destination} {country} {start} {end} {adults} in it"
    )
    tours_url: str = ""
    cars_url: str = ""
    transfers_url: str = ""
    insurance_url: str = ""
    disclosure: str = "We may earn a commission if you book through these links. The price is the same for you."

    @property
    def urls_by_kind(self) -> dict[str, str]:
        """By kind, those that are set."""
        return {kind: address for kind in AFFILIATE_KINDS if (address := getattr(self, f"{kind}_url"))}

    @model_validator(mode="after")
    def _https_and_known(self) -> Self:
        for kind, address in self.urls_by_kind.items():
            parts, unknown = urlsplit(address), set(re.findall(r"{([^{}]*)}", address)) - URL_PLACEHOLDERS
            if parts.scheme != "https" or not parts.netloc or "{" in parts.netloc or unknown:
                names = " ".join(f"{{{name}}}" for name in sorted(URL_PLACEHOLDERS))
                raise ValueError(f"AFFILIATE_{kind.upper()}_URL: https, with {names} in it, and none in the host")
        return self


class StorageSettings(OptionalProviderSettings):
    """Where uploads are kept: a directory, or with credentials a bucket of S3 or of what speaks its language."""

    model_config = SettingsConfigDict(env_prefix="STORAGE_")
    name = "storage"
    credential_field = "secret_access_key"
    required_fields = ("access_key_id",)
    dependent_fields = ("access_key_id",)
    may_be_local = True

    base_url: WebUrl = Field(
        default="https://s3.us-east-1.amazonaws.com", description="of the service; the bucket goes into the path"
    )
    timeout: float = Field(default=30.0, gt=0, description="seconds for the whole exchange, body included")
    region: str = "us-east-1"
    bucket: str = "travel-hub"
    access_key_id: str | None = None
    secret_access_key: SecretStr | None = None
    path: Path | None = Field(
        default=None,
        description="without credentials: a directory that all nodes share; default: files in HUB_DATA_DIR",
    )
