"""Who may do what: one table. Every endpoint names one line of it, and `hub permissions` prints both."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """`TRAVELLER` is every customer; the others are the operator's own people."""

    TRAVELER = "traveller"
    STAFF = "staff"
    MANAGER = "manager"
    ADMIN = "admin"
    ACCOUNTANT = "accountant"


STAFF_ROLES = frozenset(Role) - {Role.TRAVELER}


_GIVES = {Role.ADMIN: STAFF_ROLES, Role.MANAGER: frozenset({Role.STAFF, Role.MANAGER})}
"""Which roles a role may give to others: none with rights beyond its own."""


def list_grantable_roles(roles: frozenset[Role]) -> frozenset[Role]:
    """All that somebody with these roles may give to somebody else."""
    return frozenset[Role]().union(*(_GIVES.get(role, frozenset()) for role in roles))


@dataclass(frozen=True, slots=True)
class Permission:
    """`roles` None lets everybody in.

    `requires_live_session` asks, beyond the token, whether its session still stands.
    """

    name: str
    description: str
    roles: frozenset[Role] | None = None
    requires_live_session: bool = False
    reads_token: bool = True
    """Whether a token that comes along is looked at."""

    def admits_roles(self, roles: frozenset[Role]) -> bool:
        return self.roles is None or not self.roles.isdisjoint(roles)


def _of(*roles: Role) -> frozenset[Role]:
    return frozenset(roles)


ANYONE = Permission("anyone", "no sign-in is asked for", reads_token=False)
OPTIONAL = Permission("optional", "anybody; a valid token says who, one that is not valid counts as none")
OWN_DATA = Permission("own.data", "a traveller's own things", _of(Role.TRAVELER))
OWN_MONEY = Permission("own.money", "book, pay, cancel", _of(Role.TRAVELER), requires_live_session=True)
OWN_ACCOUNT = Permission(
    "own.account", "password, sessions, second factor, export, erasure", _of(Role.TRAVELER), requires_live_session=True
)
STAFF_SELF = Permission(
    "staff.self", "any of the operator's people, about themselves", STAFF_ROLES, requires_live_session=True
)
READ_CUSTOMERS = Permission("customers.read", "see travelers", STAFF_ROLES, requires_live_session=True)
READ_BOOKINGS = Permission(
    "bookings.read", "see bookings, their payments and timeline", STAFF_ROLES, requires_live_session=True
)
MANAGE_CUSTOMERS = Permission(
    "customers.manage", "unlock accounts, end sessions", _of(Role.MANAGER, Role.ADMIN), requires_live_session=True
)
READ_AUDIT = Permission(
    "audit.read", "who did what", _of(Role.MANAGER, Role.ADMIN, Role.ACCOUNTANT), requires_live_session=True
)
READ_STAFF = Permission(
    "staff.read", "see who the operator's people are", _of(Role.MANAGER, Role.ADMIN), requires_live_session=True
)
ADD_STAFF = Permission(
    "staff.add",
    "add staff, with roles that are the caller's to give",
    _of(Role.MANAGER, Role.ADMIN),
    requires_live_session=True,
)
MANAGE_STAFF = Permission("staff.manage", "change and disable staff", _of(Role.ADMIN), requires_live_session=True)

READ_MONEY = Permission(
    "money.read",
    "see every movement of money",
    _of(Role.MANAGER, Role.ADMIN, Role.ACCOUNTANT),
    requires_live_session=True,
)
MOVE_MONEY = Permission("money.move", "give money back", _of(Role.ADMIN, Role.ACCOUNTANT), requires_live_session=True)
ASK_MODELS = Permission(
    "models.ask",
    "ask language models, on OpenAI's wire; a service key does too",
    STAFF_ROLES,
    requires_live_session=True,
)
PROVIDER_SIGNATURE = Permission("provider", "a provider, by the signature of what it sends")
LINK_HOLDER = Permission("link", "who has the link that a letter carries, or asks for one")
STAFF_COOKIE = Permission("staff.cookie", "who has the cookie of a staff session and its CSRF token")

PERMISSIONS = (
    ANYONE,
    OPTIONAL,
    OWN_DATA,
    OWN_MONEY,
    OWN_ACCOUNT,
    STAFF_SELF,
    READ_CUSTOMERS,
    READ_BOOKINGS,
    MANAGE_CUSTOMERS,
    READ_AUDIT,
    READ_STAFF,
    ADD_STAFF,
    MANAGE_STAFF,
    READ_MONEY,
    MOVE_MONEY,
    ASK_MODELS,
    PROVIDER_SIGNATURE,
    LINK_HOLDER,
    STAFF_COOKIE,
)
