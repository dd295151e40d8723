"""The vendors' own JavaScript SDKs, used plainly, against the sandbox.

They come from npm: `npm install --prefix tests/javascript`. Without them, or without Node, the tests are skipped.
"""

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.shell import Shell, open_shell

HERE = Path(__file__).parent
NODE = shutil.which("node")
INSTALLED = NODE is not None and (HERE / "node_modules").is_dir()

pytestmark = pytest.mark.skipif(not INSTALLED, reason="node, or the packages of tests/javascript, are not installed")


@pytest.fixture
async def shell() -> AsyncIterator[Shell]:
    async with open_shell() as one:
        await one.control("POST", "supabase/settings", max_frequency=0)
        yield one


async def run(shell: Shell, name: str, *arguments: str) -> Any:
    """What the script prints."""
    assert NODE is not None
    environment = {**os.environ, "RESEND_BASE_URL": f"{shell.base}/resend"}
    process = await asyncio.create_subprocess_exec(
        NODE, str(HERE / f"{name}.mjs"), shell.base, *arguments, cwd=HERE, env=environment,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, err.decode()
    return json.loads(out)


async def test_stripe(shell: Shell) -> None:
    assert await run(shell, "stripe", shell.config.stripe_webhook_secret) == {
        "held": ["requires_capture", True],
        "taken": "succeeded",
        "refunds": [300, 200, 100],
        "declined": ["StripeCardError", "card_declined", "insufficient_funds", "requires_payment_method"],
        "search": ["StripeInvalidRequestError", 400],
        "missing": ["StripeInvalidRequestError", "resource_missing"],
        "key": ["StripeAuthenticationError", 401],
        "session": ["open", True],
        "webhook": "x",
    }


async def test_openai(shell: Shell) -> None:
    assert await run(shell, "openai") == {
        "whole": ["stop", True],
        "streamed": True,
        "schema": "string",
        "next": "completed",
        "tool": [400, "unsupported_parameter", "tool_choice"],
        "model": [404, "model_not_found", None],
        "key": [401, "invalid_api_key", None],
        "models": True,
    }


async def test_twilio(shell: Shell) -> None:
    config = shell.config
    assert await run(shell, "twilio", config.twilio_account_sid, config.twilio_auth_token) == {
        "plain": ["queued", "SM"],
        "media": ["1", "MM"],
        "service": "accepted",
        "scheduled": ["scheduled", "canceled"],
        "refused": [400, 21211],
        "unscheduled": [400, 35118],
        "listed": 4,
        "removed": 3,
        "lookup": "GB",
    }


async def test_resend(shell: Shell) -> None:
    assert await run(shell, "resend") == {
        "once": [None, True],
        "changed": "invalid_idempotent_request",
        "read": "delivered",
        "strict": "validation_error",
        "permissive": [1, [1]],
        "idn": "validation_error",
        "scheduled": "validation_error",
        "key": "invalid_api_key",
    }


async def test_supabase(shell: Shell) -> None:
    assert await run(shell, "supabase", shell.config.supabase_anon_key) == {
        "signUp": [None, None],
        "early": "email_not_confirmed",
        "verified": [None, "ada@example.com"],
        "user": "Ada",
        "refreshed": [None, True],
        "recovery": None,
        "changed": None,
        "signedOut": None,
        "old": "invalid_credentials",
    }


async def test_paypal(shell: Shell) -> None:
    config = shell.config
    assert await run(shell, "paypal", config.paypal_client_id, config.paypal_client_secret) == {
        "made": ["CREATED", "2.00"],
        "mismatch": [422, "AMOUNT_MISMATCH"],
        "early": [422, "ORDER_NOT_APPROVED"],
        "held": ["CREATED", "10.00"],
        "taken": ["COMPLETED", "10.00"],
        "refunded": ["COMPLETED", "4.00"],
        "read": "PARTIALLY_REFUNDED",
    }
