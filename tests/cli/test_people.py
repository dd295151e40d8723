"""Staff and keys, as an operator sees to them from the command line."""

import asyncio
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from hub.cli.access import register_commands
from hub.core.clock import IdGenerator, SystemClock
from hub.core.db import Database
from hub.core.sealing import SecretBox
from hub.oversight.audit import AuditLog
from hub.people.identity.lockout import Lockout
from hub.people.identity.passwords import PasswordHasher
from hub.people.identity.permissions import Role
from hub.people.identity.staff import StaffAccounts

PASSWORD = "a long walk by the sea"
SECRET = "s" * 32
app = typer.Typer()
register_commands(app)


@pytest.fixture
def env(dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("DATABASE_URL", dsn)
    monkeypatch.setenv("HUB_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("HUB_SECRET_KEY", SECRET)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("hub.cli.processes.configure_logging", lambda **_: None)
    return dsn


async def invoke(*arguments: str, said: str | None = None) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, app, list(arguments), input=said)


async def add(email: str = "adam@example.com", *roles: str) -> Result:
    named = [part for role in roles or ("admin",) for part in ("--role", role)]
    return await invoke("staff", "add", email, "--name", "Adam", *named, said=f"{PASSWORD}\n{PASSWORD}\n")


async def sign_in(db: Database, password: str = PASSWORD) -> frozenset[Role]:
    clock, vault, passwords = SystemClock(), SecretBox([SECRET]), PasswordHasher(threads=1)
    staff = StaffAccounts(
        db,
        AuditLog(clock),
        clock,
        IdGenerator(clock),
        secret_box=vault,
        password_hasher=passwords,
        lockout=Lockout(db, clock, vault),
    )
    try:
        return (await staff.sign_in("adam@example.com", password)).member.roles
    finally:
        passwords.close()


async def test_who_is_added_can_sign_in(env: str, db: Database):
    done = await add("adam@example.com", "admin", "accountant")
    assert (done.exit_code, "added as accountant, admin" in done.output) == (0, True)
    assert PASSWORD not in done.output
    assert await sign_in(db) == {Role.ADMIN, Role.ACCOUNTANT}
    listed = (await invoke("staff", "list")).output
    assert all(one in listed for one in ("Adam", "adam@example.com", "accountant, admin", "active"))


async def test_a_password_may_come_from_the_environment(env: str, db: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HUB_STAFF_PASSWORD", PASSWORD)
    done = await invoke("staff", "add", "adam@example.com", "--name", "Adam", "--role", "staff")
    assert done.exit_code == 0
    assert await sign_in(db) == {Role.STAFF}


async def test_disabled_enabled_and_with_a_new_password(env: str, db: Database):
    await add()
    await add("ann@example.com")
    assert (await invoke("staff", "disable", "adam@example.com")).exit_code == 0
    assert "disabled" in (await invoke("staff", "list")).output
    assert (await invoke("staff", "enable", "adam@example.com")).exit_code == 0
    new = "another walk by the sea"
    assert (await invoke("staff", "password", "adam@example.com", said=f"{new}\n{new}\n")).exit_code == 0
    assert await sign_in(db, new) == {Role.ADMIN}


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        (["staff", "disable", "adam@example.com"], "Nobody would be left"),
        (["staff", "disable", "eve@example.com"], "nobody like that"),
        (["staff", "add", "adam@example.com", "--name", "A", "--role", "staff", "--password", PASSWORD], "has this"),
    ],
)
async def test_what_cannot_be_says_why(env: str, command: list[str], complaint: str):
    await add()
    assert complaint in str((await invoke(*command)).exception)


async def test_a_role_that_is_none_is_refused(env: str):
    done = await add("adam@example.com", "boss")
    assert (done.exit_code, "boss" in done.output) == (2, True)


async def test_keys_are_rotated_and_listed(env: str):
    first = await invoke("keys", "rotate")
    assert (first.exit_code, "in ten minutes" in first.output) == (0, True)
    assert "from now" in (await invoke("keys", "rotate", "--now")).output
    listed = (await invoke("keys", "list")).output
    assert (listed.count("signing"), listed.count("waiting")) == (1, 1)


async def test_permissions_are_printed_with_every_route(env: str):
    done = await invoke("permissions")
    assert done.exit_code == 0, done.output
    lines = [" ".join(one.split()) for one in done.output.splitlines()]
    assert "audit.read yes yes yes yes who did what" in lines
    assert "GET /api/v1/audit audit.read" in lines
    assert "POST /webhooks/{provider} provider" in lines
