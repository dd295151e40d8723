"""What has to be read again but not by whoever steals the database: sealed with the hub's secret (AES-256-GCM)."""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE = 12


class UnsealError(Exception):
    """What was sealed under another secret, or for another purpose, or has been changed."""


class SecretBox:
    """The first secret seals; all of them open, so that a secret can be replaced."""

    def __init__(self, secret_keys: Sequence[str]) -> None:
        self._roots = tuple(key.encode() for key in secret_keys)

    def seal_text(self, purpose: str, text: str) -> bytes:
        """`purpose` binds it to its place: what was sealed for one row does not open in another."""
        nonce = secrets.token_bytes(_NONCE)
        return nonce + self._cipher(self._roots[0]).encrypt(nonce, text.encode(), purpose.encode())

    def unseal_text(self, purpose: str, sealed: bytes) -> str:
        """Raises UnsealError."""
        for root in self._roots:
            try:
                return self._cipher(root).decrypt(sealed[:_NONCE], sealed[_NONCE:], purpose.encode()).decode()
            except (InvalidTag, ValueError):
                continue
        raise UnsealError(purpose)

    def compute_keyed_hash(self, purpose: str, text: str) -> bytes:
        """A keyed hash: equal texts are found again, and nobody can guess the text by trying."""
        return self._mark(self._roots[0], purpose, text)

    def matches_keyed_hash(self, purpose: str, text: str, mark: bytes) -> bool:
        """Whether one of the secrets gives this keyed hash, or a beginning of it that is as long as
        `compute_keyed_hash`.
        """
        return any(hmac.compare_digest(self._mark(root, purpose, text)[: len(mark)], mark) for root in self._roots)

    def _mark(self, root: bytes, purpose: str, text: str) -> bytes:
        key = self._derived(root, f"mark:{purpose}")
        return hmac.digest(key, text.encode("utf-8", "surrogatepass"), "sha256")

    def _cipher(self, root: bytes) -> AESGCM:
        return AESGCM(self._derived(root, "seal"))

    def _derived(self, root: bytes, purpose: str) -> bytes:
        return hashlib.sha256(b"travel-hub:" + purpose.encode() + b":" + root).digest()


def load_or_create_secret(data_dir: Path) -> str:
    """The development secret: made once, kept in the data directory, readable by its owner only."""
    path = data_dir / "secret_key"
    data_dir.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="ascii") as file:
            path.chmod(0o600)
            file.write(secrets.token_hex(32))
    except FileExistsError:
        pass
    return path.read_text(encoding="ascii")
