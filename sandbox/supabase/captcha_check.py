"""The check that a project may ask for before it signs up, signs in or mails."""

from sandbox.supabase.errors import SupabaseApiError
from sandbox.supabase.wire import RequestParams, SupabaseCall

_PASSES = ("XXXX.DUMMY.TOKEN.XXXX", "10000000-aaaa-bbbb-cccc-000000000001", "sandbox-pass-")
"""Turnstile's and hCaptcha's own test tokens, and any that begins like the last."""


def check_captcha(call: SupabaseCall, params: RequestParams) -> None:
    """Raises Refused with captcha_failed. Whoever holds the service key need not pass."""
    if not call.project.settings.captcha or call.is_admin:
        return
    token = str((params.read_table("gotrue_meta_security") or {}).get("captcha_token") or "").strip()
    if not token:
        raise _failed("no captcha_token found")
    if not token.startswith(_PASSES):
        raise _failed("invalid-input-response")


def _failed(why: str) -> SupabaseApiError:
    return SupabaseApiError(400, "captcha_failed", f"captcha protection: request disallowed ({why})")
