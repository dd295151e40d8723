"""Everything about who is calling, put together."""

from dataclasses import dataclass
from typing import Any

from adapters import Adapters
from hub.app.resources import Resources
from hub.core.clock import IdGenerator
from hub.core.inbox import Inbox
from hub.core.jobs import JobQueue
from hub.core.mail_limits import MailLimits
from hub.core.notifications import NotificationListener
from hub.core.sealing import SecretBox
from hub.oversight.audit import AuditLog
from hub.people.identity import (
    AccessTokenIssuer,
    Accounts,
    AccountSecurity,
    Authenticator,
    IdentityProvider,
    IdentityProviderSync,
    KnownDevices,
    LocalIdentityProvider,
    Lockout,
    OneTimeLinks,
    PasswordHasher,
    Registrations,
    Role,
    SecondFactors,
    SigningKeyStore,
    StaffAccounts,
    TokenCache,
    build_session_cache,
)


@dataclass(frozen=True, slots=True)
class IdentityServices:
    provider: IdentityProvider
    accounts: Accounts
    account_security: AccountSecurity
    staff: StaffAccounts
    authenticator: Authenticator
    signing_keys: SigningKeyStore
    lockout: Lockout
    notifications: NotificationListener
    job_services: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class CoreServices:
    """What every noun is made with."""

    ids: IdGenerator
    jobs: JobQueue
    audit: AuditLog
    secret_box: SecretBox
    inbox: Inbox
    mail_limits: MailLimits


def build_identity(have: Resources, wired: Adapters, tools: CoreServices) -> IdentityServices:
    """The hub's own accounts, or Supabase's; staff with local accounts, or through OpenID Connect."""
    settings, clock, db = have.settings, have.clock, have.db
    ids, jobs, audit, vault = tools.ids, tools.jobs, tools.audit, tools.secret_box
    keyring, passwords = SigningKeyStore(db, vault, clock, ids), PasswordHasher()
    _close_at_end(have, wired, keyring, passwords)
    one_time = OneTimeLinks(jobs, vault, clock, ids, settings.link_base_url, tools.mail_limits)
    provider: IdentityProvider = wired.identity or LocalIdentityProvider(
        db=db,
        token_issuer=AccessTokenIssuer(keyring, clock, settings.own_url),
        password_hasher=passwords,
        one_time_links=one_time,
        audit=audit,
        clock=clock,
        ids=ids,
        secret_box=vault,
        requires_verification=settings.auth.verify_email == "required",
    )
    lockout, factors = Lockout(db, clock, vault), SecondFactors(vault, audit, clock, have.rng)
    shortest, notices = settings.auth.password_min_length, NotificationListener(db, clock)
    sessions = build_session_cache(db, provider, notices, clock)
    accounts = Accounts(
        db,
        provider,
        one_time,
        KnownDevices(clock, ids),
        lockout,
        factors,
        audit,
        clock,
        TokenCache(clock),
        sessions,
        Registrations(db, passwords, clock, ids),
        captcha=wired.captcha,
        min_password_length=shortest,
    )
    staff = _staff(have, wired, tools, passwords, lockout)
    if wired.identity is not None:
        tools.inbox.register_handler(
            wired.identity.name, IdentityProviderSync(one_time, audit, clock, ids).handle_webhook
        )
    return IdentityServices(
        provider=provider,
        accounts=accounts,
        account_security=AccountSecurity(db, provider, one_time, lockout, factors, audit, clock, sessions, shortest),
        staff=staff,
        authenticator=Authenticator(accounts, staff),
        signing_keys=keyring,
        lockout=lockout,
        notifications=notices,
        job_services=(accounts, lockout, staff, tools.mail_limits),
    )


def _staff(
    have: Resources, wired: Adapters, tools: CoreServices, passwords: PasswordHasher, lockout: Lockout
) -> StaffAccounts:
    settings = have.settings
    return StaffAccounts(
        have.db,
        tools.audit,
        have.clock,
        tools.ids,
        secret_box=tools.secret_box,
        password_hasher=passwords,
        lockout=lockout,
        second_factor_roles=frozenset({Role.ADMIN, Role.ACCOUNTANT})
        if settings.requires_staff_second_factor
        else frozenset(),
        provider=wired.staff,
        role_map={theirs: Role(ours) for theirs, ours in settings.oidc.roles_by_claim.items()},
        callback_url=f"{settings.own_url}/auth/callback",
    )


def _close_at_end(have: Resources, wired: Adapters, keyring: SigningKeyStore, passwords: PasswordHasher) -> None:
    have.exit_stack.push_async_callback(keyring.close)
    have.exit_stack.callback(passwords.close)
    for adapter in (wired.identity, wired.staff):
        if adapter is not None:
            have.exit_stack.push_async_callback(adapter.close)
