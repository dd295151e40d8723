import re
from pathlib import Path

import pytest
from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from hub.settings import ProviderMode, Settings
from hub.settings.environment import find_unknown_variables, format_validation_error, list_variables

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
    assert dict(lines) == {name: shown(field) for name, field in list_variables(Settings).items()}


def test_a_provider_with_credentials_is_live_and_without_is_the_sandbox(monkeypatch: pytest.MonkeyPatch):
    assert Settings.from_environment().kiwi.resolved_mode is ProviderMode.SANDBOX
    monkeypatch.setenv("KIWI_API_KEY", "secret-key")
    assert Settings.from_environment().kiwi.resolved_mode is ProviderMode.LIVE
    monkeypatch.setenv("KIWI_MODE", "off")
    assert Settings.from_environment().kiwi.resolved_mode is ProviderMode.OFF


def test_secrets_do_not_show(monkeypatch: pytest.MonkeyPatch):
    for name, value in LIVE.items():
        monkeypatch.setenv(name, value)
    assert "sk_live_x" not in repr(Settings.from_environment())


@pytest.mark.parametrize("missing", LIVE)
def test_production_names_what_it_misses(monkeypatch: pytest.MonkeyPatch, missing: str):
    for name, value in LIVE.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HUB_ENV", "production")
    assert Settings.from_environment().env == "production"
    monkeypatch.delenv(missing)
    with pytest.raises(ValidationError, match=missing):
        Settings.from_environment()


def test_a_wrong_value_names_its_variable(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HUB_PORT", "many")
    with pytest.raises(ValidationError, match="port"):
        Settings.from_environment()


def test_a_live_provider_without_its_address_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OIDC_CLIENT_ID", "hub")
    with pytest.raises(ValidationError, match="OIDC_ISSUER"):
        Settings.from_environment()
    monkeypatch.delenv("OIDC_CLIENT_ID")
    monkeypatch.setenv("AUTH_PROVIDER", "supabase")
    monkeypatch.setenv("SUPABASE_SERVICE_KEY", "secret")
    with pytest.raises(ValidationError, match="SUPABASE_URL"):
        Settings.from_environment()


def test_an_optional_provider_is_off_until_it_is_set_up_or_the_sandbox_is_asked_for(monkeypatch: pytest.MonkeyPatch):
    assert [one.name for one in Settings.from_environment().providers] == [
        "kiwi",
        "stripe",
        "resend",
        "twilio",
        "openai",
    ]
    monkeypatch.setenv("OIDC_MODE", "sandbox")
    assert Settings.from_environment().providers[-1].resolved_mode is ProviderMode.SANDBOX


def test_a_role_that_does_not_exist_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OIDC_ROLE_MAP", "boss=king")
    with pytest.raises(ValidationError, match="OIDC_ROLE_MAP"):
        Settings.from_environment()


def test_a_server_of_ones_own_is_live_without_a_key(monkeypatch: pytest.MonkeyPatch):
    assert Settings.from_environment().openai.resolved_mode is ProviderMode.SANDBOX
    monkeypatch.setenv("OPENAI_BASE_URL", "http://localhost:11434/v1")
    assert Settings.from_environment().openai.resolved_mode is ProviderMode.LIVE


def test_the_routes_of_models_are_read_and_their_keys_do_not_show(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OPENAI_ROUTES", '{"big": {"api_key": "sk-secret", "wire": "chat", "input_price": 2.5}}')
    routes = Settings.from_environment().openai.routes
    assert routes is not None
    assert (routes["big"].wire, str(routes["big"].input_price)) == ("chat", "2.5")
    assert "sk-secret" not in repr(Settings.from_environment())


@pytest.mark.parametrize("wrong", ['{"big": {"api_key": "sk-secret"', '{"big": {"api_key": "sk-secret", "pirce": 1}}'])
def test_wrong_routes_are_refused_without_telling_their_keys(monkeypatch: pytest.MonkeyPatch, wrong: str):
    monkeypatch.setenv("OPENAI_ROUTES", wrong)
    with pytest.raises(ValidationError, match="routes") as caught:
        Settings.from_environment()
    assert "sk-secret" not in str(caught.value)


def test_a_service_key_that_is_too_short_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HUB_SERVICE_KEYS", f"{'k' * 32},short")
    with pytest.raises(ValidationError, match="HUB_SERVICE_KEYS"):
        Settings.from_environment()


@pytest.mark.parametrize(
    "wrong", ["http://x.example.com", "https://{destination}.example.com", "https://x.example/{me}"]
)
def test_an_affiliate_address_that_could_lead_elsewhere_is_refused(monkeypatch: pytest.MonkeyPatch, wrong: str):
    """A commission is earned at the host that the operator has named, and at no other."""
    monkeypatch.setenv("AFFILIATE_TOURS_URL", wrong)
    with pytest.raises(ValidationError, match="AFFILIATE_TOURS_URL"):
        Settings.from_environment()


def test_files_are_kept_in_a_bucket_once_there_are_credentials(monkeypatch: pytest.MonkeyPatch):
    assert Settings.from_environment().storage.resolved_mode is ProviderMode.OFF
    monkeypatch.setenv("STORAGE_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("STORAGE_ACCESS_KEY_ID", "id")
    assert (Settings.from_environment().storage.resolved_mode, Settings.from_environment().providers[-1].name) == (
        ProviderMode.LIVE,
        "storage",
    )


def production(monkeypatch: pytest.MonkeyPatch, **changed: str) -> str:
    """What production says of a good configuration in which these variables are changed; empty when it is well."""
    for name, value in (LIVE | {"HUB_ENV": "production"} | changed).items():
        monkeypatch.setenv(name, value)
    try:
        Settings.from_environment()
    except ValidationError as error:
        return "\n".join(format_validation_error(error, Settings))
    return ""


def test_a_good_configuration_is_fit_for_production(monkeypatch: pytest.MonkeyPatch):
    assert production(monkeypatch) == ""


def test_production_requires_a_second_factor_of_staff(monkeypatch: pytest.MonkeyPatch):
    assert production(monkeypatch) == ""
    assert Settings.from_environment().requires_staff_second_factor
    monkeypatch.setenv("HUB_ENV", "development")
    assert not Settings.from_environment().requires_staff_second_factor
    monkeypatch.setenv("HUB_STAFF_SECOND_FACTOR", "required")
    assert Settings.from_environment().requires_staff_second_factor


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("HUB_PUBLIC_URL", "http://hub.example.com"),
        ("HUB_PUBLIC_URL", "https://localhost"),
        ("HUB_PUBLIC_URL", "hub.example.com"),
        ("HUB_PUBLIC_URL", "https://hub.example.com/?a=b"),
        ("HUB_FRONTEND_URL", "http://www.example.com"),
        ("HUB_CORS_ORIGINS", "*"),
        ("HUB_CORS_ORIGINS", "https://www.example.com,http://localhost:3000"),
        ("HUB_CORS_ORIGINS", "https://*.example.com"),
        ("HUB_CORS_ORIGINS", "null"),
        ("STRIPE_SECRET_KEY", "sk_test_abc"),
        ("STRIPE_SECRET_KEY", "rk_test_abc"),
        ("STRIPE_PUBLISHABLE_KEY", "pk_test_abc"),
        ("STRIPE_WEBHOOK_SECRET", ""),
        ("STRIPE_BASE_URL", "http://127.0.0.1:8081/stripe"),
        ("KIWI_BASE_URL", "https://[::1]/kiwi"),
        ("RESEND_BASE_URL", "https://sandbox.localhost/resend"),
        ("TWILIO_BASE_URL", "http://api.twilio.example"),
        ("TWILIO_SENDER", "+15005550006"),
        ("RESEND_SENDER", "Travel Hub <trips@example.com>"),
        ("HUB_SECRET_KEY", "x" * 64),
        ("HUB_SECRET_KEY", "short"),
        ("HUB_SECRET_KEY", "changemechangemechangemechangeme"),
        ("HUB_SERVICE_KEYS", "password" * 4),
        ("KIWI_WEBHOOK_TOKEN", "kiwi"),
        ("HUB_METRICS_TOKEN", "metrics"),
    ],
)
def test_production_refuses(monkeypatch: pytest.MonkeyPatch, variable: str, value: str):
    message = production(monkeypatch, **{variable: value})
    assert variable in message
    assert not value or value.startswith(("http", "*", "null")) or value not in message


def test_production_refuses_paypal_of_which_nothing_is_heard_or_which_is_its_test_system(
    monkeypatch: pytest.MonkeyPatch,
):
    paypal = {"PAYPAL_CLIENT_ID": "id", "PAYPAL_CLIENT_SECRET": "secret"}
    assert "PAYPAL_WEBHOOK_ID" in production(monkeypatch, **paypal)
    base = "https://api-m.sandbox.paypal.com"
    assert "PAYPAL_BASE_URL" in production(monkeypatch, **paypal, PAYPAL_WEBHOOK_ID="W", PAYPAL_BASE_URL=base)


def test_production_names_every_fault_at_once(monkeypatch: pytest.MonkeyPatch):
    message = production(monkeypatch, STRIPE_SECRET_KEY="sk_test_abc", HUB_CORS_ORIGINS="*")
    assert "STRIPE_SECRET_KEY" in message
    assert "HUB_CORS_ORIGINS" in message


def test_a_language_model_of_ones_own_may_run_on_the_same_machine(monkeypatch: pytest.MonkeyPatch):
    assert production(monkeypatch, OPENAI_BASE_URL="http://localhost:11434/v1") == ""


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"STRIPE_PUBLISHABLE_KEY": "pk_live_x"}, "STRIPE_SECRET_KEY"),
        ({"STRIPE_WEBHOOK_SECRET": "whsec_x"}, "STRIPE_SECRET_KEY"),
        ({"STRIPE_SECRET_KEY": "sk_live_x"}, "STRIPE_PUBLISHABLE_KEY"),
        ({"TWILIO_ACCOUNT_SID": "AC1"}, "TWILIO_AUTH_TOKEN"),
        ({"TWILIO_AUTH_TOKEN": "t"}, "TWILIO_ACCOUNT_SID"),
        ({"PAYPAL_CLIENT_ID": "id"}, "PAYPAL_CLIENT_SECRET"),
        ({"PAYPAL_CLIENT_SECRET": "secret"}, "PAYPAL_CLIENT_ID"),
        ({"KIWI_WEBHOOK_TOKEN": "token"}, "KIWI_API_KEY"),
        ({"KIWI_MODE": "live"}, "KIWI_API_KEY"),
        ({"RESEND_WEBHOOK_SECRET": "whsec_x"}, "RESEND_API_KEY"),
        ({"OIDC_ISSUER": "https://id.example.com"}, "OIDC_CLIENT_ID"),
        ({"CAPTCHA_SITE_KEY": "site"}, "CAPTCHA_SECRET_KEY"),
        ({"STORAGE_ACCESS_KEY_ID": "id"}, "STORAGE_SECRET_ACCESS_KEY"),
        ({"AUTH_PROVIDER": "supabase", "SUPABASE_SERVICE_KEY": "s", "SUPABASE_URL": "https://x.supabase.co"},
         "SUPABASE_ANON_KEY"),
    ],
)  # fmt: skip
def test_a_half_set_provider_is_refused_naming_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], named: str
):
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError) as refused:
        Settings.from_environment()
    assert f"{named} is missing" in format_validation_error(refused.value, Settings)[0]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("HUB_PUBLIC_URL", "hub.example.com"), ("HUB_FRONTEND_URL", "https://"), ("HUB_SANDBOX_URL", "http://a b"),
        ("KIWI_BASE_URL", "ftp://kiwi.example"), ("STRIPE_BASE_URL", "https://user:secret@stripe.example"),
        ("RESEND_BASE_URL", "https://resend.example:port"), ("DATABASE_URL", "mysql://db/hub"),
        ("HUB_DB_LISTEN_URL", "db:5432"), ("REDIS_URL", "http://redis:6379"), ("HUB_PORT", "many"),
        ("HUB_RATE_LIMIT", "0"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_one_line_that_names_its_variable_and_repeats_no_value(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
):
    monkeypatch.setenv(variable, value)
    with pytest.raises(ValidationError) as refused:
        Settings.from_environment()
    (line,) = format_validation_error(refused.value, Settings)
    assert line.startswith(f"{variable}: ")
    assert "secret" not in str(refused.value)


def test_a_misspelled_variable_is_found_with_its_suggestion(tmp_path: Path):
    file = tmp_path / ".env"
    file.write_text("HUB_PROT=1\nSTRIPE_SECRET_KEY=sk\n# HUB_HSOT=x\n")
    environment = {"STRIPE_SECRT_KEY": "x", "DATABSE_URL": "x", "HUB_PORT": "1", "PATH": "/bin", "PWD": "/"}
    found = {one.name: one.suggestion for one in find_unknown_variables(list_variables(Settings), environment, file)}
    assert found == {
        "HUB_PROT": "HUB_PORT",
        "STRIPE_SECRT_KEY": "STRIPE_SECRET_KEY",
        "DATABSE_URL": "DATABASE_URL",
    }


def test_variables_of_kubernetes_and_of_other_tools_are_left_alone(tmp_path: Path):
    environment = {
        "HUB_SERVICE_HOST": "10.0.0.1",
        "HUB_PORT_8080_TCP": "tcp://10.0.0.1:8080",
        "STRIPE_CLI_TELEMETRY": "0",
    }
    assert find_unknown_variables(list_variables(Settings), environment, tmp_path / ".env") == []


@pytest.mark.parametrize(
    ("given", "secrets"),
    [
        ("v1,whsec_abc", ["v1,whsec_abc"]),
        ("v1,whsec_abc,v1,whsec_def", ["v1,whsec_abc", "v1,whsec_def"]),
        ("whsec_abc, whsec_def", ["whsec_abc", "whsec_def"]),
    ],
)
def test_the_comma_inside_a_secret_as_supabase_shows_it_does_not_split_it(
    monkeypatch: pytest.MonkeyPatch, given: str, secrets: list[str]
):
    monkeypatch.setenv("SUPABASE_WEBHOOK_SECRET", given)
    assert [one.get_secret_value() for one in Settings.from_environment().supabase.webhook_secrets] == secrets
