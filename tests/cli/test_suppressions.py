"""The list of addresses that get no more messages, as an operator sees and changes it from the command line."""

import asyncio
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from hub.cli.suppressions import register_commands
from hub.core.clock import SystemClock
from hub.core.db import Database
from hub.core.errors import Conflict
from hub.outreach.messaging import SuppressionFilter, Suppressions
from hub.oversight.audit import AuditLog

app = typer.Typer()
register_commands(app)


@pytest.fixture(autouse=True)
def _env(dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", dsn)
    monkeypatch.setenv("HUB_DATA_DIR", str(tmp_path))
    monkeypatch.setattr("hub.cli.processes.configure_logging", lambda **_: None)
    monkeypatch.setattr("hub.cli.suppressions.console.width", 200)


async def invoke(*arguments: str) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, app, ["suppressions", *arguments])


async def test_the_list_is_shown_with_causes_and_an_opt_out_is_lifted_with_consent_alone(db: Database):
    suppressions = Suppressions(db, AuditLog(SystemClock()), SystemClock())
    async with db.transaction() as tx:
        await suppressions.add_suppression(tx, "email", "ada@example.com", "bounce", "Permanent/General")
        await suppressions.add_suppression(tx, "sms", "+15005550004", "opt_out", "21610")
    shown = (await invoke("list", "5550004")).output
    assert ("opt_out" in shown, "21610" in shown, "ada@example.com" in shown) == (True, True, False)
    ((entry,), _) = await suppressions.list_suppressions(
        SuppressionFilter(address_part="5550004"), page=1, page_size=10
    )
    assert isinstance((await invoke("lift", str(entry.id))).exception, Conflict)
    assert (await invoke("lift", str(entry.id), "--consent")).output == "Lifted.\n"
    listed, total = await suppressions.list_suppressions(SuppressionFilter(), page=1, page_size=10)
    assert ([left.address for left in listed], total) == (["ada@example.com"], 1)
