"""Clients generated from the OpenAPI document are complete: each generator reads it without leaving anything out.

The generators come from their registries, into a folder of this run. Without npm the tests are skipped, unless
HUB_TEST_REQUIRE_ALL is set.
"""

import asyncio
import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from hub.app.web import build_openapi_document
from hub.settings import Settings

CLIENTS = Path(__file__).parent / "clients"
PYTHON_CLIENT = "openapi-python-client==0.29.1"
LIMIT = 240.0
"""Seconds for one tool."""

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("generated_clients")]


async def run(folder: Path, *command: str) -> str:
    """The output of a tool that succeeds."""
    env = {**os.environ, "NO_COLOR": "1", "npm_config_update_notifier": "false"}
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, env=env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), LIMIT)
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0, output.decode(errors="replace")[-4000:]
    return output.decode(errors="replace")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("npm") is None and not os.environ.get("HUB_TEST_REQUIRE_ALL"):
        pytest.skip("npm is not installed")
    made = tmp_path_factory.mktemp("clients")
    (made / "openapi.json").write_text(
        json.dumps(build_openapi_document(Settings.from_environment())), encoding="utf-8"
    )
    for name in ("package.json", "python-client.yaml"):
        shutil.copy(CLIENTS / name, made / name)
    return made


async def test_redocly_finds_no_error_and_typescript_types_every_operation(folder: Path):
    await run(folder, "npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline")
    await run(folder, "npx", "--no-install", "redocly", "lint", "openapi.json")
    await run(folder, "npx", "--no-install", "openapi-typescript", "openapi.json", "--output", "api.ts")
    await run(folder, "npx", "--no-install", "tsc", "--noEmit", "--strict", "--skipLibCheck", "api.ts")
    types = (folder / "api.ts").read_text(encoding="utf-8")
    document = json.loads((folder / "openapi.json").read_text(encoding="utf-8"))
    names = [operation["operationId"] for path in document["paths"].values() for operation in path.values()]
    assert [name for name in names if f"{name}: {{" not in types] == []


async def test_the_python_client_leaves_no_endpoint_and_no_answer_out(folder: Path):
    python = str(folder / "venv" / "bin" / "python")
    try:
        await run(folder, sys.executable, "-m", "uv", "venv", "--quiet", "--python", sys.executable, "venv")
        await run(folder, sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", python, PYTHON_CLIENT)
    except AssertionError:  # uv is not installed, or cannot download here
        await run(folder, sys.executable, "-m", "venv", "--clear", "venv")
        await run(folder, python, "-m", "pip", "install", "--quiet", PYTHON_CLIENT)
    places = ("--path", "openapi.json", "--output-path", "client", "--config", "python-client.yaml")
    tool = str(folder / "venv" / "bin" / "openapi-python-client")
    output = await run(folder, tool, "generate", *places, "--meta", "none", "--fail-on-warning")
    assert "Warning" not in output
    await run(folder, python, "-c", "import client.client, client.models")
