"""The port to whoever keeps the travellers' passwords and issues their tokens."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from hub.core.db import Tx
from hub.people.identity.model import Caller, Identity, NewAccount, ProofOutcome, SessionTokens, VerifiedToken


class Proof(Protocol):
    """Somebody has proved who they are, or is about to change it. Nothing of it holds before `apply`.

    A provider on the other side of a wire has done its part already; then `apply` only says what came of it.
    """

    @property
    def identity(self) -> Identity | None:
        """Known before `apply` where a person has proved themselves; None where even that must not be told."""
        ...

    async def apply(self, tx: Tx) -> ProofOutcome:
        """Completes the step in the hub's own transaction. Raises Unauthenticated when it has been overtaken."""
        ...

    async def discard(self) -> None:
        """Undoes what has been done: the second factor was missing."""
        ...


@dataclass(frozen=True, slots=True)
class CompletedProof:
    """A step that has been done on the other side of a wire; `undo` takes it back."""

    outcome: ProofOutcome
    undo: Callable[[], Awaitable[None]] | None = None

    @property
    def identity(self) -> Identity | None:
        return self.outcome.identity

    async def apply(self, tx: Tx) -> ProofOutcome:  # noqa: ARG002 (there is nothing left to be done here)
        return self.outcome

    async def discard(self) -> None:
        if self.undo is not None:
            await self.undo()


class IdentityProvider(Protocol):
    """Keeps passwords, confirms addresses, issues and renews tokens.

    Unknown addresses are answered as known ones are. Methods that reach over a wire raise the ProviderError family.
    """

    @property
    def name(self) -> str: ...

    @property
    def is_remote(self) -> bool:
        """Whether accounts are kept on the other side of a wire, and sessions can begin without the hub."""
        ...

    async def sign_up(self, new: NewAccount) -> Proof:
        """Raises InvalidRequest for a password that the provider finds too weak."""
        ...

    async def sign_in(self, email: str, password: str) -> Proof:
        """Raises Unauthenticated `wrong_credentials`, Forbidden `email_not_verified` after a right password."""
        ...

    async def refresh_session(self, refresh_token: str) -> SessionTokens:
        """A new pair for the old one. Raises Unauthenticated; a token used twice ends its session."""
        ...

    async def discard_password(self, identity: Identity) -> None:
        """Of an account whose address is not confirmed: after this nobody knows its password."""
        ...

    async def verify_email(self, token: str, password: str | None = None) -> Proof:
        """`token` stands in a letter, or is the access token of the session that the provider's own link has opened;
        such a session ends for the link's use alone, and comes without a refresh token.

        `password` comes into force. Raises Gone for a token that is used, expired or unknown, InvalidRequest for the
        password, Conflict `other_address_not_confirmed` for one half of a change of the address. To discard this
        proof is to discard the account's password, too.
        """
        ...

    async def resend_verification(self, email: str) -> None:
        """Returns alike for every address."""
        ...

    async def request_password_reset(self, email: str) -> None:
        """Returns alike for every address."""
        ...

    async def reset_password(self, token: str, password: str) -> Proof:
        """`token` as of `verify_email`. Ends all sessions, and gives no grant. Raises Gone for the token,
        InvalidRequest for the password.
        """
        ...

    async def verify_password(self, caller: Caller, email: str, password: str) -> bool: ...

    async def change_password(self, caller: Caller, token: str, password: str) -> Proof:
        """Ends the other sessions. `token` is the caller's access token. Raises InvalidRequest for the password."""
        ...

    async def sign_out(self, token: str, *, everywhere: bool = False) -> None:
        """Ends the caller's session, or all of theirs, on the provider's side."""
        ...

    async def read_token(self, token: str) -> VerifiedToken:
        """Checks an access token without asking anybody. Raises Unauthenticated `invalid_token`, `token_expired`."""
        ...

    async def is_session_live(self, token: str) -> bool:
        """Whether the provider still knows the session and its owner: a token outlives both."""
        ...

    async def delete_identity(self, identity: Identity) -> None:
        """Forgets the person. Succeeds when they are forgotten already."""
        ...
