"""Who is calling, and how they prove it."""

from hub.people.identity.account_security import AccountSecurity
from hub.people.identity.accounts import Accounts, build_session_cache
from hub.people.identity.authenticator import Authenticator
from hub.people.identity.jobs import AccountTemplate, QueueAccountMessage
from hub.people.identity.known_devices import KnownDevices
from hub.people.identity.local_provider import LocalIdentityProvider
from hub.people.identity.lockout import Lockout
from hub.people.identity.model import (
    Caller,
    Identity,
    NewAccount,
    ProofOutcome,
    RegistrationResult,
    Session,
    SessionTokens,
    SignInResult,
    VerifiedToken,
)
from hub.people.identity.one_time_links import OneTimeLinks
from hub.people.identity.passwords import PasswordHasher
from hub.people.identity.permissions import (
    ADD_STAFF,
    ANYONE,
    ASK_MODELS,
    LINK_HOLDER,
    MANAGE_CUSTOMERS,
    MANAGE_STAFF,
    MOVE_MONEY,
    OPTIONAL,
    OWN_ACCOUNT,
    OWN_DATA,
    OWN_MONEY,
    PERMISSIONS,
    PROVIDER_SIGNATURE,
    READ_AUDIT,
    READ_BOOKINGS,
    READ_CUSTOMERS,
    READ_MONEY,
    READ_STAFF,
    STAFF_COOKIE,
    STAFF_ROLES,
    STAFF_SELF,
    Permission,
    Role,
)
from hub.people.identity.ports import CaptchaVerifier
from hub.people.identity.provider import CompletedProof, IdentityProvider, Proof
from hub.people.identity.provider_sync import IdentityProviderSync
from hub.people.identity.registrations import Registrations
from hub.people.identity.second_factor import SecondFactors
from hub.people.identity.service_keys import ServiceKeyAuthenticator
from hub.people.identity.signing_keys import SigningKeyInfo, SigningKeyStore
from hub.people.identity.staff import StaffAccounts, StaffSession, equals_in_constant_time
from hub.people.identity.staff_members import StaffMember, StaffMembers
from hub.people.identity.staff_provider import StaffIdentity
from hub.people.identity.tokens import AUDIENCE, AccessTokenIssuer, TokenCache

__all__ = [
    "ADD_STAFF",
    "ANYONE",
    "ASK_MODELS",
    "AUDIENCE",
    "LINK_HOLDER",
    "MANAGE_CUSTOMERS",
    "MANAGE_STAFF",
    "MOVE_MONEY",
    "OPTIONAL",
    "OWN_ACCOUNT",
    "OWN_DATA",
    "OWN_MONEY",
    "PERMISSIONS",
    "PROVIDER_SIGNATURE",
    "READ_AUDIT",
    "READ_BOOKINGS",
    "READ_CUSTOMERS",
    "READ_MONEY",
    "READ_STAFF",
    "STAFF_COOKIE",
    "STAFF_ROLES",
    "STAFF_SELF",
    "AccessTokenIssuer",
    "AccountSecurity",
    "AccountTemplate",
    "Accounts",
    "Authenticator",
    "Caller",
    "CaptchaVerifier",
    "CompletedProof",
    "Identity",
    "IdentityProvider",
    "IdentityProviderSync",
    "KnownDevices",
    "LocalIdentityProvider",
    "Lockout",
    "NewAccount",
    "OneTimeLinks",
    "PasswordHasher",
    "Permission",
    "Proof",
    "ProofOutcome",
    "QueueAccountMessage",
    "RegistrationResult",
    "Registrations",
    "Role",
    "SecondFactors",
    "ServiceKeyAuthenticator",
    "Session",
    "SessionTokens",
    "SignInResult",
    "SigningKeyInfo",
    "SigningKeyStore",
    "StaffAccounts",
    "StaffIdentity",
    "StaffMember",
    "StaffMembers",
    "StaffSession",
    "TokenCache",
    "VerifiedToken",
    "build_session_cache",
    "equals_in_constant_time",
]
