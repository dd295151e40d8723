"""The command `hub`, as an operator uses it."""

import asyncio
import json
from pathlib import Path

import pytest
from openapi_spec_validator import validate
from typer.testing import CliRunner

from hub.cli import app, main
from hub.cli.doctor import run_checks
from hub.core import jobs as queue
from hub.core.db import Database
from hub.core.jobs import Job, JobQueue
from hub.settings import Settings
from tests.support.running import Running, free_port, hub_running, settings_for


class Forgotten(Job, kind="test.forgotten"):
    number: int


@pytest.fixture
def env(dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("DATABASE_URL", dsn)
    monkeypatch.setenv("HUB_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("HUB_PORT", str(free_port()))
    monkeypatch.setenv("HUB_SANDBOX_PORT", str(free_port()))
    monkeypatch.setattr("hub.cli.processes.configure_logging", lambda **_: None)
    return dsn


async def invoke(*arguments: str) -> tuple[int, str]:
    result = await asyncio.to_thread(CliRunner().invoke, app, list(arguments))
    return result.exit_code, result.output


async def test_migrate_says_what_stands(env: str):
    code, text = await invoke("migrate", "--status")
    assert (code, "0012_bookings" in text, "up to date" in text) == (0, True, True)


async def test_openapi_is_valid(env: str):
    code, text = await invoke("openapi")
    assert code == 0
    validate(json.loads(text))


async def test_held_jobs_are_listed_shown_retried_and_dropped(env: str, db: Database):
    async with db.transaction() as tx:
        for number in (1, 2):
            await JobQueue().enqueue(tx, Forgotten(number=number))
        await tx.execute("update pgqueuer set status = 'failed'")
        first, second = sorted(one.id for one in await queue.list_held_jobs(tx))
    code, text = await invoke("jobs", "list")
    assert (code, text.count("test.forgotten")) == (0, 2)
    assert '"number": 1' in (await invoke("jobs", "show", str(first)))[1]
    assert (await invoke("jobs", "retry", str(first)))[0] == 0
    assert (await invoke("jobs", "drop", str(second)))[0] == 0
    async with db.transaction() as tx:
        assert await queue.list_held_jobs(tx) == []
        assert await tx.fetchval("select status::text from pgqueuer") == "queued"


async def test_webhooks_are_listed_shown_and_replayed(env: str, db: Database):
    async with db.transaction() as tx:
        number = await tx.fetchval(
            "insert into webhook_events (provider, event_id, type, payload, raw, received_at, status) "
            "values ('stripe', 'evt_9', 'payout.paid', '{\"a\": 1}', '{}', now(), 'processed') returning id"
        )
    assert "evt_9" in (await invoke("webhooks", "show", str(number)))[1]
    assert "payout.paid" in (await invoke("webhooks", "list", "--provider", "stripe"))[1]
    assert (await invoke("webhooks", "replay", str(number)))[0] == 0
    async with db.transaction() as tx:
        assert await tx.fetchval("select status from webhook_events") == "received"
        assert await tx.fetchval("select count(*) from pgqueuer where entrypoint = 'webhook.process'") == 1


@pytest.mark.parametrize("command", [["jobs", "drop", "77"], ["webhooks", "replay", "77"], ["jobs", "show", "77"]])
async def test_what_is_not_there_is_one_line_and_a_status(
    env: str, command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr("sys.argv", ["hub", *command])
    with pytest.raises(SystemExit) as end:
        await asyncio.to_thread(main)
    assert end.value.code == 1
    assert capsys.readouterr().err.strip() == f"hub: There is no {_thing(command)} 77."


def _thing(command: list[str]) -> str:
    return {"drop": "held job", "replay": "webhook event", "show": "job"}[command[1]]


async def test_a_wrong_setting_is_one_line_naming_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("HUB_ENV", "production")
    monkeypatch.setattr("sys.argv", ["hub", "serve"])
    with pytest.raises(SystemExit) as end:
        await asyncio.to_thread(main)
    assert end.value.code == 2
    assert "HUB_PUBLIC_URL" in capsys.readouterr().err


async def test_the_doctor_finds_a_sandboxed_hub_well(env: str):
    code, text = await invoke("doctor")
    assert code == 0
    assert all(f"{name}" in text for name in ("kiwi", "stripe", "resend", "twilio", "database", "migrations"))


async def test_the_doctor_knows_good_credentials_from_bad(running: Running, monkeypatch: pytest.MonkeyPatch):
    """The sandbox plays the live provider: right keys are well, wrong ones are trouble."""
    from sandbox.state import SandboxConfig

    good = SandboxConfig(callback_base="")
    keys = {
        "STRIPE_SECRET_KEY": good.stripe_secret_key, "STRIPE_PUBLISHABLE_KEY": good.stripe_publishable_key,
        "RESEND_API_KEY": good.resend_api_key, "KIWI_API_KEY": "good",
        "TWILIO_ACCOUNT_SID": good.twilio_account_sid, "TWILIO_AUTH_TOKEN": good.twilio_auth_token,
    }  # fmt: skip
    for name in ("stripe", "resend", "kiwi", "twilio"):
        monkeypatch.setenv(f"{name.upper()}_BASE_URL", f"{running.sandbox}/{name}")
    for name, value in keys.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DATABASE_URL", running.settings.database_url.get_secret_value())
    found = {
        one.subject: one for one in await run_checks(Settings.from_environment(public_url="https://hub.example.com"))
    }
    assert {name: found[name].state for name in ("stripe", "resend", "kiwi", "twilio")} == dict.fromkeys(
        ("stripe", "resend", "kiwi", "twilio"), "ok"
    )
    monkeypatch.setenv("STRIPE_SECRET_KEY", "wrong")
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "wrong")
    found = {one.subject: one for one in await run_checks(Settings.from_environment())}
    assert {found[name].state for name in ("stripe", "twilio", "HUB_PUBLIC_URL")} == {"trouble"}
    assert "wrong" not in found["stripe"].detail


async def test_the_doctor_sees_that_the_database_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    found = {one.subject: one.state for one in await run_checks(Settings.from_environment())}
    assert (found["database"], found["redis"]) == ("trouble", "trouble")


async def test_the_demo_plays_the_journey(dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    settings = settings_for(dsn, tmp_path)
    monkeypatch.setenv("HUB_PORT", str(settings.port))
    monkeypatch.setenv("HUB_SANDBOX_PORT", str(settings.sandbox_port))
    async with hub_running(settings):
        code, text = await invoke("demo")
    assert code == 0, text
    assert "confirmed" in text
    assert "is confirmed" in text


async def test_the_demo_says_when_no_hub_is_there(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setenv("HUB_PORT", "1")
    monkeypatch.setattr("sys.argv", ["hub", "demo"])
    with pytest.raises(SystemExit) as end:
        await asyncio.to_thread(main)
    assert end.value.code == 1
    assert "make run" in capsys.readouterr().err
