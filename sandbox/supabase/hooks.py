"""What a project tells the hub: the send-email hook inside the call, and database webhooks after it."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
from aiohttp import web

from sandbox.state import Callback
from sandbox.supabase import webhook_signature
from sandbox.supabase.errors import SupabaseApiError, make_unexpected
from sandbox.supabase.state import SupabaseProject
from sandbox.supabase.users import Record

MAX_ATTEMPTS = 3
MAX_BODY_BYTES = 200 * 1024
"""Bytes of a hook's answer."""
_SAID = {
    400: "Invalid payload sent to hook",
    401: "Hook requires authorization token",
    429: "Service currently unavailable due to hook",
    503: "Service currently unavailable due to hook",
}


class HookCaller:
    """Calls a hook as GoTrue does: one time for all attempts, and a new signature for each."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def run_session(self, _: web.Application) -> AsyncIterator[None]:
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
            self._session = session
            yield

    async def call_email_hook(self, project: SupabaseProject, user: Record, data: Record, ip: str) -> None:
        """Raises Refused when the hook fails or is silent."""
        told = {
            "uuid": project.new_id(),
            "time": project.current_time().isoformat(),
            "name": "send-email",
            "ip_address": ip,
        }
        body = json.dumps({"metadata": told, "user": user, "email_data": data}).encode()
        timeout = project.settings.hook_timeout
        try:
            async with asyncio.timeout(timeout):
                await self._invoke(project, body)
        except TimeoutError:
            text = f"Failed to reach hook within maximum time of {timeout:f} seconds"
            raise SupabaseApiError(422, "hook_timeout", text) from None

    async def _invoke(self, project: SupabaseProject, body: bytes) -> None:
        for attempt in range(MAX_ATTEMPTS):
            try:
                if await self._attempt(project, body):
                    return
            except aiohttp.ClientError:
                if attempt == MAX_ATTEMPTS - 1:
                    text = "Failed to reach hook after maximum retries"
                    raise SupabaseApiError(422, "hook_timeout_after_retry", text) from None
                await asyncio.sleep(project.settings.hook_backoff)
        raise make_unexpected(_SAID[503])

    async def _attempt(self, project: SupabaseProject, body: bytes) -> bool:
        """False when the hub asks for another attempt."""
        if self._session is None:
            raise RuntimeError("the hooks have not been started")
        config = project.world.config
        signed = webhook_signature.build_headers(
            project.new_id(), body, config.supabase_webhook_secret, project.current_time()
        )
        headers = {"Content-Type": "application/json", "Accept-Encoding": "identity", **signed}
        url = f"{config.callback_base}/webhooks/supabase"
        async with self._session.post(url, data=body, headers=headers, allow_redirects=False) as answer:
            said = await answer.content.read(MAX_BODY_BYTES + 1)
            if answer.status in {429, 503} and answer.headers.get("Retry-After"):
                return False
            _judge(answer.status, answer.headers.get("Content-Type", ""), said)
            return True


def _judge(status: int, kind: str, said: bytes) -> None:
    """Raises Refused unless the hook has done its work."""
    if status == 204:
        return
    if status not in {200, 202}:
        raise make_unexpected(_SAID.get(status, f"Unexpected status code returned from hook: {status}"))
    if kind.partition(";")[0].strip().lower() != "application/json":
        why = f"Invalid JSON response. Received content-type: {kind}" if kind else "Missing Content-Type header"
        raise SupabaseApiError(
            400, "hook_payload_invalid_content_type", why if kind else f"Invalid Content-Type: {why}"
        )
    if len(said) > MAX_BODY_BYTES:
        text = f"Payload size exceeded size limit of {MAX_BODY_BYTES} bytes"
        raise SupabaseApiError(422, "hook_payload_over_size_limit", text)
    error = _error_in(said)
    if error.get("message"):
        raise SupabaseApiError(int(error.get("http_code") or 500), "", str(error["message"]))


def _error_in(said: bytes) -> Record:
    try:
        found: Any = json.loads(said)
    except (ValueError, RecursionError):
        raise make_unexpected("Error unmarshaling JSON output.") from None
    error = found.get("error") if isinstance(found, dict) else None
    return error if isinstance(error, dict) else {}


def send_user_changes(project: SupabaseProject) -> None:
    """Every changed row of auth.users, once a call, to whoever listens."""
    for ident in list(project.touched_user_ids):
        del project.touched_user_ids[ident]
        user = project.users.get(ident)
        row, before = user.to_record() if user else None, project.reported_rows.pop(ident, None)
        if row is not None:
            project.reported_rows[ident] = row
        if project.settings.database and row != before:
            _tell(project, row, before)


def _tell(project: SupabaseProject, row: Record | None, before: Record | None) -> None:
    kind = "INSERT" if before is None else "UPDATE" if row is not None else "DELETE"
    event = {"type": kind, "table": "users", "schema": "auth", "record": row, "old_record": before}
    body, ident, config = json.dumps(event).encode(), project.new_id(), project.world.config
    url = f"{config.callback_base}/webhooks/supabase"
    project.world.send_callback(Callback("supabase", url, body, f"auth.users {kind}", ident))
