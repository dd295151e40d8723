"""What production refuses: settings that would show as lost payments, open doors or secrets that can be guessed."""

import ipaddress
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from pydantic import SecretStr

from hub.settings.sections import ProviderMode, ProviderSettings

MIN_SECRET_LENGTH = 32
"""Characters of a secret that the operator makes up."""
MIN_SECRET_STRENGTH = 20.0
"""Decimal logarithm of the guesses that a secret must withstand; 32 random hexadecimal digits reach 32."""
_ESTIMATED = 64
"""Characters that are looked at: the estimate is quadratic in their number."""


def is_loopback(address: str) -> bool:
    """Whether an address leads to this very machine."""
    host = (urlsplit(address).hostname or "").rstrip(".").lower()
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        number = ipaddress.ip_address(host)
    except ValueError:
        return False
    return number.is_loopback or number.is_unspecified


def find_provider_faults(sections: Iterable[ProviderSettings]) -> list[str]:
    """One sentence for each provider that plays in the sandbox, or is live with an address or key that is not."""
    faults: list[str] = []
    for section in sections:
        if section.resolved_mode is ProviderMode.SANDBOX:
            credential, mode = section.get_variable_name(section.credential_field), section.get_variable_name("mode")
            faults.append(f"{credential} is missing (or set {mode}=off)")
        elif section.resolved_mode is ProviderMode.LIVE:
            faults += _live_faults(section)
    return faults


def _live_faults(section: ProviderSettings) -> list[str]:
    faults = []
    variable = section.get_variable_name("base_url")
    if section.base_url and not section.may_be_local:
        if is_loopback(section.base_url):
            faults.append(f"{variable} leads to this machine, where no provider is")
        elif not section.base_url.startswith("https://"):
            faults.append(f"{variable} must be an https address")
    for field, marks in section.test_values.items():
        value = getattr(section, field)
        text = value.get_secret_value() if isinstance(value, SecretStr) else str(value or "")
        if any(mark in text for mark in marks):
            faults.append(f"{section.get_variable_name(field)} is a value for tests")
    if section.webhook_field and not getattr(section, section.webhook_field):
        faults.append(f"{section.get_variable_name(section.webhook_field)} is missing: payments would not be heard of")
    return faults


def find_address_faults(addresses: Mapping[str, str | None]) -> list[str]:
    """By variable: what travelers and providers are sent to has to be a public https address."""
    return [
        f"{variable} must be a public https address"
        for variable, address in addresses.items()
        if address and (urlsplit(address).scheme != "https" or is_loopback(address))
    ]


def find_origin_faults(origins: Iterable[str]) -> list[str]:
    """Cookies go along with what these origins ask, so a wildcard or a developer's machine must not be among them."""
    return [
        f"HUB_CORS_ORIGINS must not contain {origin}"
        for origin in origins
        if "*" in origin or is_loopback(origin) or not origin.startswith("https://")
    ]


def find_secret_faults(secrets: Mapping[str, Iterable[SecretStr | None]]) -> list[str]:
    """By variable: secrets that the operator made up and that somebody could guess."""
    return [
        f"{variable} can be guessed: take {MIN_SECRET_LENGTH} random characters or more (openssl rand -hex 32)"
        for variable, values in secrets.items()
        if any(value is not None and _is_weak(value.get_secret_value()) for value in values)
    ]


def _is_weak(secret: str) -> bool:
    """Short, repetitive, or made of words and keyboard rows."""
    if len(secret) < MIN_SECRET_LENGTH:
        return True
    from zxcvbn import zxcvbn

    return bool(zxcvbn(secret[:_ESTIMATED])["guesses_log10"] < MIN_SECRET_STRENGTH)
