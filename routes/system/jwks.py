"""The public halves of the keys that sign the hub's tokens (RFC 7517)."""

from typing import Any

from hub.people.identity import SigningKeyStore
from routes.web.endpoint_api import ANYONE, ApiModel, Reply, get


class KeySetOut(ApiModel):
    keys: list[dict[str, Any]]


class KeyRoutes:
    def __init__(self, keyring: SigningKeyStore) -> None:
        self._keyring = keyring

    @get("/.well-known/jwks.json", permission=ANYONE, tags=("auth",), response_model=KeySetOut)
    async def jwks(self) -> Reply:
        """The key set. Keep it for five minutes: a new key signs only later than that."""
        await self._keyring.get_signing_key()
        keys = KeySetOut(keys=await self._keyring.list_public_jwks())
        return Reply(keys, headers={"Cache-Control": "public, max-age=300"})
