import re
from pathlib import Path

import pytest
from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from hub.settings import Mode, Settings
from hub.settings.environment import variables

EXAMPLE = Path(__file__).parent.parent / ".env.example"
LIVE = {
    "KIWI_API_KEY": "k", "STRIPE_SECRET_KEY": "sk_live_x", "STRIPE_PUBLISHABLE_KEY": "pk_live_x",
    "STRIPE_WEBHOOK_SECRET": "whsec_x", "RESEND_API_KEY": "re_x", "RESEND_SENDER": "Trips <trips@agency.travel>",
    "TWILIO_ACCOUNT_SID": "AC1", "TWILIO_AUTH_TOKEN": "t", "TWILIO_SENDER": "+447700900123", "OPENAI_API_KEY": "sk-x",
    "HUB_PUBLIC_URL": "https://hub.example.com", "HUB_CORS_ORIGINS": "https://www.example.com",
    "HUB_SECRET_KEY": "4f1d9c0b7e2a68f35c9047d1be83a62f",
}  # fmt: skip


def shown(field: FieldInfo) -> str:
    default = field.default
    if default in {None, PydanticUndefined, ()}:
        return ""
    return ",".join(default) if isinstance(default, tuple) else str(default)


def test_every_setting_is_in_the_example_with_its_default():
    lines = re.findall(r"^#? ?([A-Z_]+)=(.*?)$", EXAMPLE.read_text(), re.MULTILINE)
    assert dict(lines) == {name: shown(field) for name, field in variables(Settings).items()}


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
    assert [one.name for one in Settings.load().providers] == ["kiwi", "stripe", "resend", "twilio", "openai"]
    monkeypatch.setenv("OIDC_MODE", "sandbox")
    assert Settings.load().providers[-1].resolved is Mode.SANDBOX


def test_a_role_that_does_not_exist_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OIDC_ROLE_MAP", "boss=king")
    with pytest.raises(ValidationError, match="OIDC_ROLE_MAP"):
        Settings.load()


def test_a_server_of_ones_own_is_live_without_a_key(monkeypatch: pytest.MonkeyPatch):
    assert Settings.load().openai.resolved is Mode.SANDBOX
    monkeypatch.setenv("OPENAI_BASE_URL", "http://localhost:11434/v1")
    assert Settings.load().openai.resolved is Mode.LIVE


def test_the_routes_of_models_are_read_and_their_keys_do_not_show(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OPENAI_ROUTES", '{"big": {"api_key": "sk-secret", "wire": "chat", "input_price": 2.5}}')
    routes = Settings.load().openai.routes
    assert routes is not None
    assert (routes["big"].wire, str(routes["big"].input_price)) == ("chat", "2.5")
    assert "sk-secret" not in repr(Settings.load())


@pytest.mark.parametrize("wrong", ['{"big": {"api_key": "sk-secret"', '{"big": {"api_key": "sk-secret", "pirce": 1}}'])
def test_wrong_routes_are_refused_without_telling_their_keys(monkeypatch: pytest.MonkeyPatch, wrong: str):
    monkeypatch.setenv("OPENAI_ROUTES", wrong)
    with pytest.raises(ValidationError, match="routes") as caught:
        Settings.load()
    assert "sk-secret" not in str(caught.value)


def test_a_service_key_that_is_too_short_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HUB_SERVICE_KEYS", f"{'k' * 32},short")
    with pytest.raises(ValidationError, match="HUB_SERVICE_KEYS"):
        Settings.load()


@pytest.mark.parametrize(
    "wrong", ["http://x.example.com", "https://{destination}.example.com", "https://x.example/{me}"]
)
def test_an_affiliate_address_that_could_lead_elsewhere_is_refused(monkeypatch: pytest.MonkeyPatch, wrong: str):
    """A commission is earned at the host that the operator has named, and at no other."""
    monkeypatch.setenv("AFFILIATE_TOURS_URL", wrong)
    with pytest.raises(ValidationError, match="AFFILIATE_TOURS_URL"):
        Settings.load()


def test_files_are_kept_in_a_bucket_once_there_are_credentials(monkeypatch: pytest.MonkeyPatch):
    assert Settings.load().storage.resolved is Mode.OFF
    monkeypatch.setenv("STORAGE_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("STORAGE_ACCESS_KEY_ID", "id")
    assert (Settings.load().storage.resolved, Settings.load().providers[-1].name) == (Mode.LIVE, "storage")
