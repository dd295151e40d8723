"""Mails with a link: how often they may go, what they say, and whether a hook sends them instead."""

from datetime import datetime, timedelta
from urllib.parse import quote_plus

from sandbox.supabase.errors import make_email_limit, make_validation_error
from sandbox.supabase.state import SupabaseProject, hash_token
from sandbox.supabase.users import AuthUser, Record
from sandbox.supabase.wire import SupabaseCall

_PAGES = {"signup": "verify", "recovery": "reset", "email_change": "verify"}
"""Pages of the site in the templates that suit a hub."""
SENDER = "Supabase Auth <noreply@mail.app.supabase.io>"
_SAYS = {
    "signup": (
        "Confirm your email address",
        "Follow the link below to confirm this email address and finish signing up.",
        "Confirm email address",
    ),
    "recovery": (
        "Reset your password",
        "We received a request to reset your password. Follow the link below to choose a new one.",
        "Reset password",
    ),
    "email_change": (
        "Confirm email change",
        "Follow the link below to confirm the change of your email address.",
        "Change email address",
    ),
}


async def send_confirmation(call: SupabaseCall, user: AuthUser) -> None:
    """Raises Refused when it is too soon, or when the mail could not go; the user is as before then."""
    mark, now = await _send(call, user, "signup", user.confirmation_sent_at)
    user.confirmation_token, user.confirmation_sent_at = mark, now
    call.project.touch_user(user)


async def send_recovery(call: SupabaseCall, user: AuthUser) -> None:
    """As send_confirmation."""
    mark, now = await _send(call, user, "recovery", user.recovery_sent_at)
    user.recovery_token, user.recovery_sent_at = mark, now
    call.project.touch_user(user)


async def send_email_change(call: SupabaseCall, user: AuthUser, address: str) -> None:
    """A letter to each of the two addresses. Raises as send_confirmation does."""
    project = call.project
    if project.settings.send_email:
        raise make_validation_error("The sandbox knows no change of the email address with the send-email hook.")
    _check_pace(call, user.email_change_sent_at)
    user.email_change, user.email_change_sent_at, user.email_change_confirm_status = address, project.current_time(), 0
    user.email_change_token_current = hash_token(user.email, project.new_one_time_password())
    user.email_change_token_new = hash_token(address, project.new_one_time_password())
    marks = {user.email: user.email_change_token_current, address: user.email_change_token_new}
    for recipient, mark in marks.items():
        _post(call, recipient, "email_change", _link(project, "email_change", mark, call.redirect_target))
    project.touch_user(user)


async def _send(call: SupabaseCall, user: AuthUser, action: str, before: datetime | None) -> tuple[str, datetime]:
    """The hash of what was sent, and when."""
    project = call.project
    _check_pace(call, before)
    otp, now = project.new_one_time_password(), project.current_time()
    mark, target = hash_token(user.email, otp), call.redirect_target
    if project.settings.send_email:
        data = {
            "token": otp,
            "token_hash": mark,
            "redirect_to": target,
            "email_action_type": action,
            "site_url": project.url,
            "token_new": "",
            "token_hash_new": "",
            "old_email": "",
            "old_phone": "",
            "provider": "",
            "factor_type": "",
        }
        await call.hooks.call_email_hook(project, user.to_json(), data, call.client_ip)
    else:
        _post(call, user.email, action, _link(project, action, mark, target))
    return mark, now


def _link(project: SupabaseProject, action: str, mark: str, target: str) -> str:
    """`{{ .ConfirmationURL }}` as the templates of a new project have it, or an address made of `{{ .RedirectTo }}`."""
    if project.settings.hub_templates:
        return f"{target}/{_PAGES[action]}?token={mark}"
    return f"{project.url}/verify?token={mark}&type={action}&redirect_to={_written(target)}"


def _check_pace(call: SupabaseCall, before: datetime | None) -> None:
    """Counts the mail. Raises Refused when it is one too many."""
    project, settings = call.project, call.project.settings
    now = project.current_time()
    if before is not None and now < before + timedelta(seconds=settings.max_frequency):
        left = int((before + timedelta(seconds=settings.max_frequency) - now).total_seconds())
        raise make_email_limit(f"For security purposes, you can only request this after {left} seconds.")
    project.sent_mail_times[:] = [at for at in project.sent_mail_times if at > now - timedelta(hours=1)]
    if settings.emails_per_hour is not None and len(project.sent_mail_times) >= settings.emails_per_hour:
        raise make_email_limit()
    project.sent_mail_times.append(now)


def _post(call: SupabaseCall, address: str, action: str, link: str) -> None:
    """Into the mailbox, in the shape that Resend's mails have there."""
    subject, line, button = _SAYS[action]
    href = link.replace("&", "&amp;")
    html = f'<h2>{subject}</h2>\n\n<p>{line}</p>\n<p><a href="{href}">{button}</a></p>\n'
    mail: Record = {"id": call.project.new_id(), "to": [address], "cc": [], "bcc": [], "reply_to": []}
    mail |= {"from": SENDER, "subject": subject, "html": html, "text": None, "attachments": [], "tags": []}
    mail |= {"time": call.project.current_time().isoformat(), "status": "delivered"}
    call.project.world.post_mail(mail)


def _written(target: str) -> str:
    """As GoTrue writes it: encoded only when it could be misread."""
    return quote_plus(target) if set("&=#") & set(target) else target
