"""Who may do what: one table. Every endpoint names one line of it, and `hub permissions` prints both."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """`TRAVELLER` is every customer; the others are the operator's own people."""

    TRAVELLER = "traveller"
    STAFF = "staff"
    MANAGER = "manager"
    ADMIN = "admin"
    ACCOUNTANT = "accountant"


STAFF_ROLES = frozenset(Role) - {Role.TRAVELLER}


_GIVES = {Role.ADMIN: STAFF_ROLES, Role.MANAGER: frozenset({Role.STAFF, Role.MANAGER})}
"""Which roles a role may give to others: none with rights beyond its own."""


def roles_to_give(roles: frozenset[Role]) -> frozenset[Role]:
    """All that somebody with these roles may give to somebody else."""
    return frozenset[Role]().union(*(_GIVES.get(role, frozenset()) for role in roles))


@dataclass(frozen=True, slots=True)
class Permission:
    """`roles` None lets everybody in. `live` asks, beyond the token, whether its session still stands."""

    name: str
    meaning: str
    roles: frozenset[Role] | None = None
    live: bool = False
    reads_token: bool = True
    """Whether a token that comes along is looked at."""

    def admits(self, roles: frozenset[Role]) -> bool:
        return self.roles is None or not self.roles.isdisjoint(roles)


def _of(*roles: Role) -> frozenset[Role]:
    return frozenset(roles)


ANYONE = Permission("anyone", "no sign-in is asked for", reads_token=False)
OPTIONAL = Permission("optional", "anybody; a valid token says who, one that is not valid counts as none")
TRAVELLER = Permission("own.data", "a traveller's own things", _of(Role.TRAVELLER))
OWN_MONEY = Permission("own.money", "book, pay, cancel", _of(Role.TRAVELLER), live=True)
OWN_ACCOUNT = Permission(
    "own.account", "password, sessions, second factor, export, erasure", _of(Role.TRAVELLER), live=True
)
STAFF = Permission("staff.self", "any of the operator's people, about themselves", STAFF_ROLES, live=True)
READ_CUSTOMERS = Permission("customers.read", "see travelers", STAFF_ROLES, live=True)
READ_BOOKINGS = Permission("bookings.read", "see bookings, their payments and timeline", STAFF_ROLES, live=True)
MANAGE_CUSTOMERS = Permission(
    "customers.manage", "unlock accounts, end sessions", _of(Role.MANAGER, Role.ADMIN), live=True
)
READ_AUDIT = Permission("audit.read", "who did what", _of(Role.MANAGER, Role.ADMIN, Role.ACCOUNTANT), live=True)
READ_STAFF = Permission("staff.read", "see who the operator's people are", _of(Role.MANAGER, Role.ADMIN), live=True)
ADD_STAFF = Permission(
    "staff.add", "add staff, with roles that are the caller's to give", _of(Role.MANAGER, Role.ADMIN), live=True
)
MANAGE_STAFF = Permission("staff.manage", "change and disable staff", _of(Role.ADMIN), live=True)

READ_MONEY = Permission(
    "money.read", "see every movement of money", _of(Role.MANAGER, Role.ADMIN, Role.ACCOUNTANT), live=True
)
MOVE_MONEY = Permission("money.move", "give money back", _of(Role.ADMIN, Role.ACCOUNTANT), live=True)
ASK_MODELS = Permission(
    "models.ask", "ask language models, on OpenAI's wire; a service key does too", STAFF_ROLES, live=True
)
SIGNED = Permission("provider", "a provider, by the signature of what it sends")
LINK = Permission("link", "who has the link that a letter carries, or asks for one")
STAFF_COOKIE = Permission("staff.cookie", "who has the cookie of a staff session and its CSRF token")

PERMISSIONS = (
    ANYONE, OPTIONAL, TRAVELLER, OWN_MONEY, OWN_ACCOUNT, STAFF, READ_CUSTOMERS, READ_BOOKINGS, MANAGE_CUSTOMERS,
    READ_AUDIT, READ_STAFF, ADD_STAFF, MANAGE_STAFF, READ_MONEY, MOVE_MONEY, ASK_MODELS, SIGNED, LINK, STAFF_COOKIE,
)  # fmt: skip
