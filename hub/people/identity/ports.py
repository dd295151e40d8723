"""What identity needs from outside, beside the identity provider."""

from typing import Protocol


class CaptchaVerifier(Protocol):
    """A captcha."""

    async def verify_captcha(self, token: str, ip: str | None) -> None:
        """Raises InvalidRequest for a token that is no proof, ProviderError when nobody can tell."""
        ...
