"""kill -9 of the hub between any two steps: what was paid is confirmed or given back, once."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import aiohttp
import pytest

from hub.core.db import Database
from tests.support.running import Running, free_port, settings_for, until

STEPS = {
    "the price check": ("kiwi", "/v2/booking/check_flights", False),
    "the order, before it": ("kiwi", "/v2/booking/save_booking", False),
    "the order, after it": ("kiwi", "/v2/booking/save_booking", True),
    "the confirmation, before it": ("kiwi", "/v2/booking/confirm_payment", False),
    "the confirmation, after it": ("kiwi", "/v2/booking/confirm_payment", True),
    "the capture, before it": ("stripe", "/v1/payment_intents/*/capture", False),
    "the capture, after it": ("stripe", "/v1/payment_intents/*/capture", True),
    "the mail, after it": ("resend", "/emails", True),
    "the text, after it": ("twilio", "/2010-04-01/*/Messages.json", True),
}


class Processes:
    """`hub serve` and `hub sandbox`, each a process of its own, so that one can die without the other."""

    def __init__(self, dsn: str, folder: Path) -> None:
        self.settings = settings_for(dsn, folder / "data")
        self.folder = folder
        self.env = os.environ | {
            "HUB_PORT": str(self.settings.port),
            "HUB_SANDBOX_PORT": str(self.settings.sandbox_port or free_port()),
            "HUB_DATA_DIR": str(folder / "data"),
            "DATABASE_URL": dsn,
            "HUB_LOG_LEVEL": "warning",
        }
        self.started: list[asyncio.subprocess.Process] = []

    async def start(self, command: str) -> asyncio.subprocess.Process:
        with (self.folder / f"{command}.log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "hub", command, env=self.env, stdout=log, stderr=log
            )
        self.started.append(process)
        return process

    async def stop(self) -> None:
        for process in self.started:
            if process.returncode is None:
                process.send_signal(signal.SIGKILL)
            await process.wait()


@pytest.fixture
async def world(dsn: str, db: Database, tmp_path: Path):
    processes = Processes(dsn, tmp_path)
    async with aiohttp.ClientSession() as session:
        settings = processes.settings
        running = Running(settings.own_url, settings.sandbox_base_url, db, session, settings, None)  # type: ignore[arg-type]
        yield processes, running
    await processes.stop()


async def ready(running: Running, path: str) -> None:
    async def answers() -> bool:
        try:
            async with running.session.get(path) as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    await until(answers, 30)


@pytest.mark.slow
async def test_killed_at_every_step_each_booking_ends_well_and_once(world: tuple[Processes, Running]):
    processes, running = world
    await processes.start("sandbox")
    await ready(running, f"{running.sandbox}/_/health")
    hub = await processes.start("serve")
    await ready(running, f"{running.url}/readyz")
    await running.register()
    bookings = {}
    for step, (provider, path, after) in STEPS.items():
        bookings[step] = await running.book()
        await running.fault(
            provider, "timeout", path=path, times=1, after_effect=after, method="GET" if "check" in path else "POST"
        )
        await running.pay(bookings[step])
        await until(lambda: _struck(running), 20)
    hub.kill()
    await hub.wait()
    await processes.start("serve")
    await ready(running, f"{running.url}/readyz")

    ends = {step: await running.settled(booking, within=60) for step, booking in bookings.items()}
    confirmed = [step for step, end in ends.items() if end["status"] == "confirmed"]
    orders = await running.orders()
    assert sum(one["confirmed"] for one in orders) == len(confirmed)
    assert all(one["confirmed"] <= 1 for one in orders)
    for step, end in ends.items():
        wanted = {"released", "refunded"} if end["status"] == "failed" else {"paid"}
        assert end["payment_status"] in wanted, (step, end["status"], end["payment_status"])
    await until(lambda: _all_told(running, ends), 60)


async def test_asked_to_stop_it_finishes_what_is_in_flight_and_exits_well(world: tuple[Processes, Running]):
    processes, running = world
    await processes.start("sandbox")
    await ready(running, f"{running.sandbox}/_/health")
    hub = await processes.start("serve")
    await ready(running, f"{running.url}/readyz")
    await running.fault("kiwi", "slow", path="/v2/search", times=1, delay=1.0)
    searching = asyncio.create_task(running.offer())
    await until(lambda: _struck(running))
    hub.terminate()
    assert (await searching)["id"].startswith("off_")
    assert await asyncio.wait_for(hub.wait(), 20) == 0


async def _struck(running: Running) -> bool:
    return await running.control("GET", "faults") == []


async def _all_told(running: Running, ends: dict[str, dict]) -> bool:
    """One mail about the end of each booking, and one text for each that is confirmed; never two.

    Beside it go the receipt, and the airline's reference where the ticket came later.
    """
    mails, texts = await running.mails(), await running.control("GET", "messages")
    for end in ends.values():
        beside = ("Receipt", "Airline reference")
        told = [one for one in mails if end["reference"] in one["subject"] and not one["subject"].startswith(beside)]
        written = [one for one in texts if end["reference"] in one["body"]]
        assert len(told) <= 1, [one["subject"] for one in told]
        assert len(written) <= 1, [one["body"] for one in written]
        if not told or (end["status"] == "confirmed" and not written):
            return False
    return True
