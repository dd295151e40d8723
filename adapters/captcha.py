"""Turnstile and hCaptcha: whether a visitor's captcha was solved."""

from contextlib import suppress
from typing import Any, Literal
from urllib.parse import urlencode

from adapters.transport import CallSender, ProviderCall, ProviderResponse, make_refusal_error, make_unreadable_error
from hub.core.errors import (
    FieldError,
    InvalidRequest,
    OutcomeUnknown,
    ProviderError,
    ProviderPermanent,
    ProviderTransient,
)

MAX_TOKEN_LENGTH = 8192
"""Characters of a token that are asked about: Turnstile's end at 2048, hCaptcha's are longer."""
VENDOR_URLS = {"turnstile": "https://challenges.cloudflare.com", "hcaptcha": "https://api.hcaptcha.com"}
_PATHS = {"turnstile": "/turnstile/v0/siteverify", "hcaptcha": "/siteverify"}
_OUR_SECRET = frozenset({"missing-input-secret", "invalid-input-secret"})
"""The codes that no visitor can bring about. With any other the captcha has failed, so that nobody gets past it by
sending what makes the provider complain (a token of another site, a test token, a malformed one).
"""


class CaptchaClient:
    """`secret` is the provider's; `sitekey`, where given, must be the one that the captcha was shown under (hCaptcha).

    `hostname`, where given, is the site that it must have been shown on; the vendors' test keys name one of theirs.
    Without a `base_url` the vendor is asked at its own address.
    """

    def __init__(
        self,
        transport: CallSender,
        *,
        kind: Literal["turnstile", "hcaptcha"],
        secret: str,
        base_url: str,
        hostname: str | None,
        sitekey: str | None = None,
    ) -> None:
        self.name = kind
        self._transport = transport
        self._secret = secret
        self._url = (base_url or VENDOR_URLS[kind]).rstrip("/") + _PATHS[kind]
        self._hostname = hostname and hostname.lower()
        self._sitekey = sitekey if kind == "hcaptcha" else None

    async def check_access(self) -> None:
        """Asks about a token that nobody was given, to see whether the secret is good."""
        with suppress(InvalidRequest):
            await self.verify_captcha("ping", None)

    async def verify_captcha(self, token: str, ip: str | None) -> None:
        """Returns when it was solved. A token is good for one check.

        Raises InvalidRequest `captcha_failed` at /captcha_token; ProviderError when the provider could not say, where
        the caller decides what that means.
        """
        if not token or len(token) > MAX_TOKEN_LENGTH:
            raise _failed()
        found = await self._verify(token, ip)
        if found.get("success") is True and self._is_here(found.get("hostname")):
            return
        if found.get("success") is not True:
            self._raise_for(_codes(found))
        raise _failed()

    def _is_here(self, hostname: Any) -> bool:
        return self._hostname is None or (isinstance(hostname, str) and hostname.lower() == self._hostname)

    def _raise_for(self, codes: frozenset[str]) -> None:
        """Raises ProviderError when it is not the visitor's fault."""
        if codes and codes <= _OUR_SECRET:
            raise ProviderPermanent(self.name, "does not take the secret.", provider_code=min(codes))
        if codes == {"internal-error"}:
            raise ProviderTransient(self.name, "had an error of its own.", provider_code="internal-error")

    async def _verify(self, token: str, ip: str | None) -> dict[str, Any]:
        form = {"secret": self._secret, "response": token, "remoteip": ip, "sitekey": self._sitekey}
        body = urlencode({name: value for name, value in form.items() if value is not None})
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        call = ProviderCall(
            provider=self.name,
            operation="siteverify",
            method="POST",
            url=self._url,
            headers=headers,
            body=body.encode(),
        )
        try:
            return _document(await self._transport.send_call(call))
        except OutcomeUnknown as error:  # the token may be used up, and that is all: nothing to be resolved
            raise ProviderTransient(self.name, "did not say whether the captcha was solved.") from error


def _document(answer: ProviderResponse) -> dict[str, Any]:
    """The verdict. A refusal with a verdict in it is one too: the status of a failed check is not documented."""
    try:
        found = answer.json()
    except ValueError:
        found = None
    if isinstance(found, dict) and isinstance(found.get("success"), bool) and answer.status < 500:  # noqa: PLR2004
        return found
    raise _trouble(answer)


def _trouble(answer: ProviderResponse) -> ProviderError:
    return make_unreadable_error(answer) if answer.ok else make_refusal_error(answer)


def _codes(found: dict[str, Any]) -> frozenset[str]:
    codes = found.get("error-codes")
    return frozenset(one for one in codes if isinstance(one, str)) if isinstance(codes, list) else frozenset()


def _failed() -> InvalidRequest:
    message = "The captcha was not solved, or too long ago. Please solve it again."
    return InvalidRequest(errors=(FieldError("/captcha_token", "captcha_failed", message),))
