"""What `make run` says to a newcomer whose machine lacks something. Python, pip and uv are stood in for by a script."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
STAND_IN = """#!/bin/sh
echo "$@" >> "{log}"
case "$*" in
    "-c "*version*) exit {old} ;;
    --version) echo Python 3.9.2 ;;
    "-m venv"*) {venv} || exit 1; mkdir -p .venv/bin; for name in python pip hub; do cp "$0" .venv/bin/$name; done ;;
    "-m uv pip"*) exit {uv} ;;
esac
"""

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="needs make")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def make(project: Path, *, old: int = 0, venv: str = "true", uv: int = 0) -> tuple[int, str, list[str]]:
    """Status, output, and the commands that Python was asked to run, of making the environment that serves."""
    python, log = project / "stand-in", project / "log"
    python.write_text(STAND_IN.format(log=log, old=old, venv=venv, uv=uv))
    python.chmod(0o755)
    command = ["make", ".venv/.run", f"PYTHON={python}", "WORKERS=1"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr, log.read_text().splitlines()


def test_an_old_python_is_named_with_what_is_needed(project: Path):
    status, text, _ = make(project, old=1)
    assert status != 0
    assert "needs Python 3.11 or newer" in text
    assert "Python 3.9.2" in text


def test_a_python_without_venv_is_told_how_to_get_it_and_leaves_nothing_half_made(project: Path):
    status, text, _ = make(project, venv="{ mkdir .venv; false; }")
    assert status != 0
    assert "python3-venv" in text
    assert not (project / ".venv").exists()


def test_pip_takes_over_when_uv_cannot_download(project: Path):
    status, text, commands = make(project, uv=1)
    assert (status, "trying pip" in text) == (0, True)
    assert any(line.startswith("-m pip install") and "--require-hashes" in line for line in commands)
    assert any(line.startswith("-m pip install") and line.endswith("--editable .") for line in commands)


def test_it_says_what_it_does_and_the_second_time_there_is_nothing_to_do(project: Path):
    assert "Installing the packages" in make(project)[1]
    assert "up to date" in make(project)[1]


@pytest.mark.parametrize("breaks", ["python", "pip"])
def test_a_broken_environment_is_made_anew(project: Path, breaks: str):
    make(project)
    (project / ".venv" / "bin" / breaks).write_text("#!/nowhere/python\n")
    status, text, commands = make(project)
    assert (status, "made anew" in text) == (0, True)
    assert sum(line.startswith("-m venv") for line in commands) == 2
