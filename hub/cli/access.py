"""staff, permissions, keys: who may come in, what they may do, and what their tokens are signed with."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from hub import app as root
from hub.cli.operations import open_database
from hub.cli.processes import load_settings
from hub.core.clock import IdGenerator, SystemClock
from hub.core.metrics import new_registry
from hub.core.sealing import SecretBox, load_or_create_secret
from hub.oversight.audit import AuditLog
from hub.people.identity import (
    PERMISSIONS,
    PasswordHasher,
    Permission,
    Role,
    SigningKeyInfo,
    SigningKeyStore,
    StaffMember,
    StaffMembers,
)
from routes.system.permissions import list_route_permissions

console = Console()
TABLE_WIDTH = 150
"""Columns of the tables that nothing may be cut off of."""
staff_app = typer.Typer(no_args_is_help=True, help="The operator's own people.")
keys_app = typer.Typer(no_args_is_help=True, help="The keys that sign access tokens.")

EmailArgument = Annotated[str, typer.Argument(help="their e-mail address")]
PasswordOption = Annotated[
    str,
    typer.Option(
        envvar="HUB_STAFF_PASSWORD",
        prompt=True,
        hide_input=True,
        confirmation_prompt=True,
        help="at least 12 characters; asked for when it is not given",
    ),
]


def register_commands(app: typer.Typer) -> None:
    app.command()(permissions)
    app.add_typer(staff_app, name="staff")
    app.add_typer(keys_app, name="keys")


@asynccontextmanager
async def open_staff_members() -> AsyncIterator[StaffMembers]:
    passwords, clock = PasswordHasher(threads=1), SystemClock()
    try:
        async with open_database() as db:
            yield StaffMembers(db, AuditLog(clock), clock, IdGenerator(clock), passwords)
    finally:
        passwords.close()


@staff_app.command("add")
def staff_add(
    email: EmailArgument,
    name: Annotated[str, typer.Option(help="how they are called")],
    role: Annotated[list[Role], typer.Option(help="staff, manager, admin or accountant; more than one is possible")],
    password: PasswordOption,
) -> None:
    """Add somebody who signs in with a password here."""

    async def work() -> StaffMember:
        async with open_staff_members() as found:
            return await found.add_member(email, name, role, password)

    member = asyncio.run(work())
    console.print(f"{member.email} is added as {_roles(member)}.", highlight=False)


@staff_app.command("list")
def staff_list() -> None:
    """Everybody, by name."""

    async def work() -> list[StaffMember]:
        async with open_staff_members() as found:
            people: list[StaffMember] = []
            while page := (await found.list_members(page=len(people) // 100 + 1))[0]:
                people += page
                if len(page) < 100:  # noqa: PLR2004
                    break
            return people

    table = Table("name", "address", "roles", "let in by", "last seen", "state", box=None)
    for one in asyncio.run(work()):
        seen = f"{one.last_seen_at:%Y-%m-%d %H:%M}" if one.last_seen_at else "never"
        state = "[red]disabled[/red]" if one.disabled_at else "[green]active[/green]"
        table.add_row(one.name, one.email, _roles(one), one.issuer, seen, state)
    console.print(table)


@staff_app.command("disable")
def staff_disable(email: EmailArgument) -> None:
    """Let somebody in no more; their sessions end."""
    asyncio.run(_change(email, disabled=True))
    console.print(f"{email} is disabled.", highlight=False)


@staff_app.command("enable")
def staff_enable(email: EmailArgument) -> None:
    """Let somebody in again."""
    asyncio.run(_change(email, disabled=False))
    console.print(f"{email} is enabled.", highlight=False)


@staff_app.command("password")
def staff_password(email: EmailArgument, password: PasswordOption) -> None:
    """Give somebody a new password; their sessions end."""

    async def work() -> None:
        async with open_staff_members() as found:
            await found.set_password((await found.find_member_by_email(email)).id, password)

    asyncio.run(work())
    console.print(f"{email} has a new password.", highlight=False)


@staff_app.command("reset-second-factor")
def staff_reset_second_factor(email: EmailArgument) -> None:
    """Remove a second factor that has been lost; the member's sessions end."""

    async def work() -> None:
        async with open_staff_members() as found:
            await found.reset_second_factor((await found.find_member_by_email(email)).id)

    asyncio.run(work())
    console.print(f"{email} has no second factor any more.", highlight=False)


async def _change(email: str, *, disabled: bool) -> None:
    async with open_staff_members() as found:
        await found.change_member((await found.find_member_by_email(email)).id, disabled=disabled)


def _roles(member: StaffMember) -> str:
    return ", ".join(sorted(member.roles)) or "nobody"


@asynccontextmanager
async def open_signing_keys() -> AsyncIterator[SigningKeyStore]:
    settings, clock = load_settings(), SystemClock()
    vault = SecretBox(
        [one.get_secret_value() for one in settings.secret_keys] or [load_or_create_secret(settings.data_dir)]
    )
    async with open_database() as db:
        found = SigningKeyStore(db, vault, clock, IdGenerator(clock))
        try:
            yield found
        finally:
            await found.close()


@keys_app.command("list")
def keys_list() -> None:
    """The keys, and which of them signs."""

    async def work() -> list[SigningKeyInfo]:
        async with open_signing_keys() as found:
            return await found.list_keys()

    table = Table("kid", "made", "signs from", "state", box=None)
    for one in asyncio.run(work()):
        table.add_row(one.kid, f"{one.created_at:%Y-%m-%d %H:%M}", f"{one.signs_from:%Y-%m-%d %H:%M}", one.state)
    console.print(table)


@keys_app.command("rotate")
def keys_rotate(
    now: Annotated[bool, typer.Option("--now", help="it signs at once: for a key that has leaked")] = False,
) -> None:
    """Make a new signing key. Nobody is signed out: tokens of the old one count until they expire."""

    async def work() -> str:
        async with open_signing_keys() as found:
            return await found.rotate_key(sign_at_once=now)

    kid = asyncio.run(work())
    console.print(f"Key {kid} signs {'from now on' if now else 'in ten minutes'}.", highlight=False)


def permissions() -> None:
    """Print who may do what, and what every route asks for."""
    wide = Console(width=max(console.width, TABLE_WIDTH))
    roles = sorted(Role, key=list(Role).index)
    matrix = Table("permission", *roles, "session looked at", "meaning", box=None)
    for one in PERMISSIONS:
        matrix.add_row(
            one.name, *(_mark(one, role) for role in roles), "yes" if one.requires_live_session else "", one.description
        )
    wide.print(matrix)
    routes = Table("method", "path", "permission", box=None)
    for line in list_route_permissions(_application()):
        routes.add_row(line.method, line.path, line.permission.name)
    wide.print()
    wide.print(routes)


def _mark(permission: Permission, role: Role) -> str:
    return "yes" if permission.admits_roles(frozenset({role})) else ""


def _application() -> Any:
    """The application as it would be served, made without a database or a network."""
    nothing: Any = object()
    chance = random.SystemRandom()
    have = root.Resources(
        load_settings(), SystemClock(), chance, nothing, nothing, nothing, new_registry(), AsyncExitStack()
    )
    return root.build_web_app(have, root.build_services(have), None)
