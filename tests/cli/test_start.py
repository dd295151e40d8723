"""What an operator sees when the hub cannot start: one line that names the variable, and never a traceback."""

import asyncio
import os
import socket
import sys
from asyncio.subprocess import DEVNULL
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from hub import __version__
from sandbox.app import start_sandbox as serve_sandbox
from sandbox.state import SandboxConfig
from sandbox.storage import FILE_NAME
from tests.sandbox.shell import KEY, MAIL, until
from tests.support.running import free_port


@pytest.fixture
def occupied() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


async def hub(folder: Path, *arguments: str, **variables: str) -> tuple[int, list[str]]:
    """Exit status, and the lines of standard error that the command itself has written."""
    ports = {"HUB_PORT": str(free_port()), "HUB_SANDBOX_PORT": str(free_port())}
    environment = {**os.environ, "HUB_DATA_DIR": str(folder), "HUB_LOG_LEVEL": "error", "COLUMNS": "400"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "hub", *arguments, cwd=folder, env=environment | ports | variables,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode or 0, (err + out).decode().splitlines()


async def test_serve_names_the_variable_of_a_port_that_is_taken(dsn: str, tmp_path: Path, occupied: int):
    status, lines = await hub(tmp_path, "serve", "--no-worker", DATABASE_URL=dsn, HUB_PORT=str(occupied))
    assert (status, lines) == (2, [f"hub: HUB_PORT {occupied}: another program listens there."])


async def test_serve_names_the_variable_of_a_sandbox_port_that_is_taken(dsn: str, tmp_path: Path, occupied: int):
    status, lines = await hub(tmp_path, "serve", "--no-worker", DATABASE_URL=dsn, HUB_SANDBOX_PORT=str(occupied))
    assert (status, lines) == (2, [f"hub: HUB_SANDBOX_PORT {occupied}: another program listens there."])


async def test_serve_does_not_take_the_sandbox_of_another_hub_for_its_own(dsn: str, tmp_path: Path):
    port = free_port()
    runner = await serve_sandbox(SandboxConfig(callback_base="http://127.0.0.1:9"), "127.0.0.1", port)
    status, lines = await hub(tmp_path, "serve", "--no-worker", DATABASE_URL=dsn, HUB_SANDBOX_PORT=str(port))
    _, examined = await hub(tmp_path, "doctor", DATABASE_URL=dsn, HUB_SANDBOX_PORT=str(port))
    await runner.cleanup()
    assert (status, len(lines)) == (2, 1)
    assert lines[0].startswith(f"hub: HUB_SANDBOX_PORT {port}: the sandbox of another hub (http://127.0.0.1:9)")
    assert any("HUB_SANDBOX_PORT" in line and "trouble" in line for line in examined)


@pytest.mark.parametrize(
    ("command", "variable", "value", "line"),
    [
        ("serve", "HUB_PROT", "8080", "hub: HUB_PROT is not a setting; did you mean HUB_PORT?"),
        ("doctor", "HUB_PROT", "8080", "hub: HUB_PROT is not a setting; did you mean HUB_PORT?"),
        ("serve", "STRIPE_PUBLISHABLE_KEY", "pk", "hub: STRIPE_SECRET_KEY is missing: STRIPE_PUBLISHABLE_KEY is set"),
        ("doctor", "HUB_PUBLIC_URL", "hub.example", "hub: HUB_PUBLIC_URL: is not an address like https://host"),
    ],
)
async def test_a_wrong_setting_is_one_line(tmp_path: Path, command: str, variable: str, value: str, line: str):
    status, lines = await hub(tmp_path, command, **{variable: value})
    assert (status, [one.rstrip(".") for one in lines]) == (2, [line])


async def test_a_settings_file_that_is_no_text_is_one_line(tmp_path: Path):
    (tmp_path / ".env").write_bytes(b"HUB_PORT=\xff\xfe\n")
    status, lines = await hub(tmp_path, "doctor")
    assert (status, len(lines)) == (2, 1)


async def test_the_command_prints_its_version_and_offers_completion(tmp_path: Path):
    assert await hub(tmp_path, "--version") == (0, [f"travel-hub {__version__}"])
    status, lines = await hub(tmp_path, "--help")
    assert (status, any("--install-completion" in line for line in lines)) == (0, True)


async def test_the_sandbox_is_emptied_by_command(tmp_path: Path):
    """While it is stopped its file is emptied; while it is running it is asked; another's file is left alone."""
    file, port, hub_port = tmp_path / FILE_NAME, free_port(), free_port()
    config = SandboxConfig(callback_base=f"http://127.0.0.1:{hub_port}", storage=file)
    variables = {"HUB_PORT": str(hub_port), "HUB_SANDBOX_PORT": str(port)}
    runner = await serve_sandbox(config, "127.0.0.1", port)
    await _send_mail(port)
    status, lines = await hub(tmp_path, "sandbox", "reset", **variables | {"HUB_SANDBOX_PORT": str(free_port())})
    assert (status, lines[0].partition(":")[2].split(":")[0].strip()) == (2, "HUB_DATA_DIR")
    assert await _mails(port) == 1
    await hub(tmp_path, "sandbox", "reset", **variables)
    assert await _mails(port) == 0
    await _send_mail(port)
    await runner.cleanup()
    assert (await hub(tmp_path, "sandbox", "reset", **variables))[0] == 0
    runner = await serve_sandbox(config, "127.0.0.1", port)
    assert await _mails(port) == 0
    await runner.cleanup()


async def test_the_sandbox_of_a_hub_that_was_killed_goes_on(tmp_path: Path):
    port, variables = free_port(), {"HUB_DATA_DIR": str(tmp_path), "HUB_PORT": str(free_port())}
    for mails in (1, 2):
        environment = {**os.environ, **variables, "HUB_SANDBOX_PORT": str(port)}
        command = (sys.executable, "-m", "hub", "sandbox")
        process = await asyncio.create_subprocess_exec(*command, cwd=tmp_path, env=environment, stderr=DEVNULL)
        await until(lambda: _listens(port), 30)
        await _send_mail(port)
        assert await _mails(port) == mails
        process.kill()
        await process.wait()


async def _send_mail(port: int) -> None:
    url = f"http://127.0.0.1:{port}/resend/emails"
    async with aiohttp.ClientSession() as session, session.post(url, json=MAIL, headers=KEY) as answer:
        assert answer.status == 200


async def _mails(port: int) -> int:
    url = f"http://127.0.0.1:{port}/_/mailbox"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return len(await answer.json())


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True
