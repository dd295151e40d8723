"""Everything about who is calling, put together."""

from dataclasses import dataclass
from typing import Any

from adapters import Adapters
from hub.app.resources import Resources
from hub.core.clock import Ids
from hub.core.inbox import Inbox
from hub.core.jobs import Jobs
from hub.core.mail_limits import MailLimits
from hub.core.notifications import Notices
from hub.core.sealing import Vault
from hub.oversight.audit import Audit
from hub.people.identity import IdentityProvider, Role
from hub.people.identity.account_security import Security
from hub.people.identity.accounts import Accounts, session_cache
from hub.people.identity.authenticator import Door
from hub.people.identity.known_devices import Devices
from hub.people.identity.local_provider import LocalIdentity
from hub.people.identity.lockout import Lockout
from hub.people.identity.one_time_links import OneTime
from hub.people.identity.passwords import Passwords
from hub.people.identity.provider_sync import RemoteAccounts
from hub.people.identity.registrations import Registrations
from hub.people.identity.second_factor import SecondFactor
from hub.people.identity.signing_keys import Keyring
from hub.people.identity.staff import Staff
from hub.people.identity.tokens import Checked, Tokens


@dataclass(frozen=True, slots=True)
class People:
    provider: IdentityProvider
    accounts: Accounts
    security: Security
    staff: Staff
    door: Door
    keyring: Keyring
    lockout: Lockout
    notices: Notices
    workers: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Tools:
    """What every noun is made with."""

    ids: Ids
    jobs: Jobs
    audit: Audit
    vault: Vault
    inbox: Inbox
    limits: MailLimits


def people(have: Resources, wired: Adapters, tools: Tools) -> People:
    """The hub's own accounts, or Supabase's; staff with local accounts, or through OpenID Connect."""
    settings, clock, db = have.settings, have.clock, have.db
    ids, jobs, audit, vault = tools.ids, tools.jobs, tools.audit, tools.vault
    keyring, passwords = Keyring(db, vault, clock, ids), Passwords()
    _close_at_end(have, wired, keyring, passwords)
    one_time = OneTime(jobs, vault, clock, ids, settings.links, tools.limits)
    provider: IdentityProvider = wired.identity or LocalIdentity(
        db=db,
        tokens=Tokens(keyring, clock, settings.own_url),
        passwords=passwords,
        one_time=one_time,
        audit=audit,
        clock=clock,
        ids=ids,
        vault=vault,
        verify_first=settings.auth.verify_email == "required",
    )
    lockout, factors = Lockout(db, clock, vault), SecondFactor(vault, audit, clock, have.chance)
    shortest, notices = settings.auth.password_min_length, Notices(db, clock)
    sessions = session_cache(db, provider, notices, clock)
    accounts = Accounts(
        db,
        provider,
        one_time,
        Devices(clock, ids),
        lockout,
        factors,
        audit,
        clock,
        Checked(clock),
        sessions,
        Registrations(db, passwords, clock, ids),
        human=wired.human,
        shortest_password=shortest,
    )
    staff = _staff(have, wired, tools, passwords, lockout)
    if wired.identity is not None:
        tools.inbox.on(wired.identity.name, RemoteAccounts(one_time, audit, clock, ids).on_event)
    return People(
        provider=provider,
        accounts=accounts,
        security=Security(db, provider, one_time, lockout, factors, audit, clock, sessions, shortest),
        staff=staff,
        door=Door(accounts, staff),
        keyring=keyring,
        lockout=lockout,
        notices=notices,
        workers=(accounts, lockout, staff, tools.limits),
    )


def _staff(have: Resources, wired: Adapters, tools: Tools, passwords: Passwords, lockout: Lockout) -> Staff:
    settings = have.settings
    return Staff(
        have.db,
        tools.audit,
        have.clock,
        tools.ids,
        vault=tools.vault,
        passwords=passwords,
        lockout=lockout,
        factor_required_of=frozenset({Role.ADMIN, Role.ACCOUNTANT}) if settings.staff_factor_required else frozenset(),
        provider=wired.staff,
        role_map={theirs: Role(ours) for theirs, ours in settings.oidc.roles.items()},
        callback_url=f"{settings.own_url}/auth/callback",
    )


def _close_at_end(have: Resources, wired: Adapters, keyring: Keyring, passwords: Passwords) -> None:
    have.closing.push_async_callback(keyring.close)
    have.closing.callback(passwords.close)
    for adapter in (wired.identity, wired.staff):
        if adapter is not None:
            have.closing.push_async_callback(adapter.close)
