"""What a project tells the hub: the send-email hook inside the call, and database webhooks after it."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
from aiohttp import web

from sandbox.supabase import signature
from sandbox.supabase.errors import Refused, unexpected
from sandbox.supabase.state import Project
from sandbox.supabase.users import Record
from sandbox.world import Callback

ATTEMPTS = 3
LARGEST = 200 * 1024
"""Bytes of a hook's answer."""
_SAID = {
    400: "Invalid payload sent to hook",
    401: "Hook requires authorization token",
    429: "Service currently unavailable due to hook",
    503: "Service currently unavailable due to hook",
}


class Hooks:
    """Calls a hook as GoTrue does: one time for all attempts, and a new signature for each."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def running(self, _: web.Application) -> AsyncIterator[None]:
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
            self._session = session
            yield

    async def send_email(self, project: Project, user: Record, data: Record, ip: str) -> None:
        """Raises Refused when the hook fails or is silent."""
        told = {"uuid": project.new_id(), "time": project.now().isoformat(), "name": "send-email", "ip_address": ip}
        body = json.dumps({"metadata": told, "user": user, "email_data": data}).encode()
        timeout = project.settings.hook_timeout
        try:
            async with asyncio.timeout(timeout):
                await self._invoke(project, body)
        except TimeoutError:
            text = f"Failed to reach hook within maximum time of {timeout:f} seconds"
            raise Refused(422, "hook_timeout", text) from None

    async def _invoke(self, project: Project, body: bytes) -> None:
        for attempt in range(ATTEMPTS):
            try:
                if await self._attempt(project, body):
                    return
            except aiohttp.ClientError:
                if attempt == ATTEMPTS - 1:
                    text = "Failed to reach hook after maximum retries"
                    raise Refused(422, "hook_timeout_after_retry", text) from None
                await asyncio.sleep(project.settings.hook_backoff)
        raise unexpected(_SAID[503])

    async def _attempt(self, project: Project, body: bytes) -> bool:
        """False when the hub asks for another attempt."""
        if self._session is None:
            raise RuntimeError("the hooks have not been started")
        config = project.world.config
        signed = signature.headers(project.new_id(), body, config.supabase_webhook_secret, project.now())
        headers = {"Content-Type": "application/json", "Accept-Encoding": "identity", **signed}
        url = f"{config.callback_base}/webhooks/supabase"
        async with self._session.post(url, data=body, headers=headers, allow_redirects=False) as answer:
            said = await answer.content.read(LARGEST + 1)
            if answer.status in {429, 503} and answer.headers.get("Retry-After"):
                return False
            _judge(answer.status, answer.headers.get("Content-Type", ""), said)
            return True


def _judge(status: int, kind: str, said: bytes) -> None:
    """Raises Refused unless the hook has done its work."""
    if status == 204:
        return
    if status not in {200, 202}:
        raise unexpected(_SAID.get(status, f"Unexpected status code returned from hook: {status}"))
    if kind.partition(";")[0].strip().lower() != "application/json":
        why = f"Invalid JSON response. Received content-type: {kind}" if kind else "Missing Content-Type header"
        raise Refused(400, "hook_payload_invalid_content_type", why if kind else f"Invalid Content-Type: {why}")
    if len(said) > LARGEST:
        text = f"Payload size exceeded size limit of {LARGEST} bytes"
        raise Refused(422, "hook_payload_over_size_limit", text)
    error = _error_in(said)
    if error.get("message"):
        raise Refused(int(error.get("http_code") or 500), "", str(error["message"]))


def _error_in(said: bytes) -> Record:
    try:
        found: Any = json.loads(said)
    except (ValueError, RecursionError):
        raise unexpected("Error unmarshaling JSON output.") from None
    error = found.get("error") if isinstance(found, dict) else None
    return error if isinstance(error, dict) else {}


def tell_changes(project: Project) -> None:
    """Every changed row of auth.users, once a call, to whoever listens."""
    for ident in list(project.touched):
        del project.touched[ident]
        user = project.users.get(ident)
        row, before = user.as_record() if user else None, project.told.pop(ident, None)
        if row is not None:
            project.told[ident] = row
        if project.settings.database and row != before:
            _tell(project, row, before)


def _tell(project: Project, row: Record | None, before: Record | None) -> None:
    kind = "INSERT" if before is None else "UPDATE" if row is not None else "DELETE"
    event = {"type": kind, "table": "users", "schema": "auth", "record": row, "old_record": before}
    body, ident, config = json.dumps(event).encode(), project.new_id(), project.world.config
    url = f"{config.callback_base}/webhooks/supabase"
    project.world.send(Callback("supabase", url, body, f"auth.users {kind}", ident))
