import re
from pathlib import Path

import pytest
from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from hub.settings import (
    AuthSettings,
    CaptchaSettings,
    InvoiceSettings,
    KiwiSettings,
    Mode,
    OidcSettings,
    PayPalSettings,
    ResendSettings,
    Section,
    Settings,
    StripeSettings,
    SupabaseSettings,
    TwilioSettings,
)

EXAMPLE = Path(__file__).parent.parent / ".env.example"
LIVE = {
    "KIWI_API_KEY": "k", "STRIPE_SECRET_KEY": "sk_live_x", "RESEND_API_KEY": "re_x", "TWILIO_AUTH_TOKEN": "t",
    "HUB_PUBLIC_URL": "https://hub.example.com", "HUB_SECRET_KEY": "x" * 32,
}  # fmt: skip

SECTIONS = (
    Settings, AuthSettings, SupabaseSettings, OidcSettings, CaptchaSettings, KiwiSettings, StripeSettings,
    ResendSettings, TwilioSettings, InvoiceSettings, PayPalSettings,
)  # fmt: skip


def variables() -> dict[str, FieldInfo]:
    found = {}
    for section in SECTIONS:
        prefix = str(section.model_config.get("env_prefix", ""))
        for name, field in section.model_fields.items():
            if not (isinstance(field.annotation, type) and issubclass(field.annotation, Section)):
                found[str(field.validation_alias or (prefix + name).upper())] = field
    return found


def shown(field: FieldInfo) -> str:
    default = field.default
    if default in {None, PydanticUndefined, ()}:
        return ""
    return ",".join(default) if isinstance(default, tuple) else str(default)


def test_every_setting_is_in_the_example_with_its_default():
    lines = re.findall(r"^#? ?([A-Z_]+)=(.*?)$", EXAMPLE.read_text(), re.MULTILINE)
    assert dict(lines) == {name: shown(field) for name, field in variables().items()}


def test_a_provider_with_credentials_is_live_and_without_is_the_sandbox(monkeypatch: pytest.MonkeyPatch):
    assert Settings.load().kiwi.resolved is Mode.SANDBOX
    monkeypatch.setenv("KIWI_API_KEY", "secret-key")
    assert Settings.load().kiwi.resolved is Mode.LIVE
    monkeypatch.setenv("KIWI_MODE", "off")
    assert Settings.load().kiwi.resolved is Mode.OFF


def test_secrets_do_not_show(monkeypatch: pytest.MonkeyPatch):
    for name, value in LIVE.items():
        monkeypatch.setenv(name, value)
    assert "sk_live_x" not in repr(Settings.load())


@pytest.mark.parametrize("missing", LIVE)
def test_production_names_what_it_misses(monkeypatch: pytest.MonkeyPatch, missing: str):
    for name, value in LIVE.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HUB_ENV", "production")
    assert Settings.load().env == "production"
    monkeypatch.delenv(missing)
    with pytest.raises(ValidationError, match=missing):
        Settings.load()


def test_a_wrong_value_names_its_variable(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HUB_PORT", "many")
    with pytest.raises(ValidationError, match="port"):
        Settings.load()


def test_a_live_provider_without_its_address_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OIDC_CLIENT_ID", "hub")
    with pytest.raises(ValidationError, match="OIDC_ISSUER"):
        Settings.load()
    monkeypatch.delenv("OIDC_CLIENT_ID")
    monkeypatch.setenv("AUTH_PROVIDER", "supabase")
    monkeypatch.setenv("SUPABASE_SERVICE_KEY", "secret")
    with pytest.raises(ValidationError, match="SUPABASE_URL"):
        Settings.load()


def test_an_optional_provider_is_off_until_it_is_set_up_or_the_sandbox_is_asked_for(monkeypatch: pytest.MonkeyPatch):
    assert [one.name for one in Settings.load().providers] == ["kiwi", "stripe", "resend", "twilio"]
    monkeypatch.setenv("OIDC_MODE", "sandbox")
    assert Settings.load().providers[-1].resolved is Mode.SANDBOX


def test_a_role_that_does_not_exist_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OIDC_ROLE_MAP", "boss=king")
    with pytest.raises(ValidationError, match="OIDC_ROLE_MAP"):
        Settings.load()
