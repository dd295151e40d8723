"""The certificates with which PayPal signs: fetched from PayPal alone, checked up to a root, kept."""

import asyncio
import re
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import structlog
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from adapters.transport import CallSender, ProviderCall, ProviderResponse
from hub.core.clock import Clock
from hub.core.errors import ProviderError, Unauthenticated, Unavailable

log = structlog.get_logger(__name__)

_PLACE = re.compile(r"/v1/notifications/certs/[A-Za-z0-9_-]{1,100}", re.ASCII)
_HASHED = re.compile(r"[0-9a-f]{8}\.\d+", re.ASCII)
"""How OpenSSL names a root in a folder."""
_DOMAIN = ".paypal.com"
_SANDBOX = ".sandbox.paypal.com"
MAX_CERTIFICATES = 8
"""Certificates. PayPal signs with one or two at a time."""
CERTIFICATE_LIFE = 24 * 3600.0
"""Seconds after which a certificate is fetched anew."""
RETRY_COOLDOWN = 10.0
"""Seconds without any fetch after one that came to nothing: made-up addresses cost one request in that time."""
_LARGEST = 64 * 1024
_DEEPEST = 6

RootLoader = Callable[[], Sequence[x509.Certificate]]


def load_system_roots() -> list[x509.Certificate]:
    """The machine's own trust anchors (SSL_CERT_FILE and SSL_CERT_DIR are honoured). Reads files."""
    context = ssl.create_default_context()
    folder = ssl.get_default_verify_paths().capath
    if not context.cert_store_stats()["x509_ca"] and folder:
        _load(context, Path(folder))
    # What OpenSSL tells of each, and its bytes: roots without a positive number are of no use to anybody (RFC 5280).
    told, raw = context.get_ca_certs(), context.get_ca_certs(binary_form=True)
    numbers = (str(one.get("serialNumber", "")) for one in told)
    return [x509.load_der_x509_certificate(der) for number, der in zip(numbers, raw, strict=True) if number.strip("0-")]


def _load(context: ssl.SSLContext, folder: Path) -> None:
    """A folder of roots, which OpenSSL itself only looks into when it meets a certificate."""
    for path in sorted(folder.iterdir()):
        if _HASHED.fullmatch(path.name):
            with suppress(OSError, ssl.SSLError):
                context.load_verify_locations(path)


@dataclass(frozen=True, slots=True)
class _Kept:
    key: rsa.RSAPublicKey
    begins: datetime
    ends: datetime
    fresh_until: float


class CertificateCache:
    """`base_url` is the API's: at PayPal any of its own hosts will do, elsewhere that very one.

    `roots` are asked for once, off the loop. They may hold an intermediate as well, should PayPal ever leave it out.
    """

    def __init__(
        self, transport: CallSender, *, base_url: str, clock: Clock, roots: RootLoader = load_system_roots
    ) -> None:
        self._transport = transport
        self._base_url = base_url.rstrip("/")
        self._clock = clock
        self._roots = roots
        self._store: Store | None = None
        self._kept: dict[str, _Kept] = {}
        self._lock = asyncio.Lock()
        self._quiet_until: float | None = None

    def get_cached_key(self, url: str) -> rsa.RSAPublicKey | None:
        """The key of a certificate that is at hand and good now."""
        kept, now = self._kept.get(url), self._clock.now()
        if kept is None or self._clock.monotonic() >= kept.fresh_until or not kept.begins <= now <= kept.ends:
            return None
        return kept.key

    async def fetch_key(self, url: str) -> rsa.RSAPublicKey:
        """Raises Unauthenticated for an address or a certificate that is not PayPal's, Unavailable when it could not
        be had: then the webhook is to be sent again.
        """
        if not self.is_paypal_url(url):
            raise _refused("address")
        found = self.get_cached_key(url)
        if found is not None:
            return found
        async with self._lock:
            return self.get_cached_key(url) or await self._fetched(url)

    def is_paypal_url(self, url: str) -> bool:
        """Whether a certificate is fetched from there at all."""
        if len(url) > 500 or not url.isascii() or not url.isprintable() or "\\" in url:  # noqa: PLR2004 (PayPal's limit)
            return False
        try:
            base, given = urlsplit(self._base_url), urlsplit(url)
            port = given.port
        except ValueError:
            return False
        host, ours = given.hostname or "", base.hostname or ""
        if given.query or given.fragment or "@" in given.netloc:
            return False
        if not ours.endswith(_DOMAIN):
            same = (given.scheme, given.netloc) == (base.scheme, base.netloc)
            return same and given.path.startswith(base.path) and _fits(given.path.removeprefix(base.path))
        realm = host.endswith(_SANDBOX) == ours.endswith(_SANDBOX)
        return (
            given.scheme == "https" and port in {None, 443} and host.endswith(_DOMAIN) and realm and _fits(given.path)
        )

    async def _fetched(self, url: str) -> rsa.RSAPublicKey:
        now = self._clock.monotonic()
        if self._quiet_until is not None and now < self._quiet_until:
            raise _away(self._quiet_until - now)
        self._quiet_until = now + RETRY_COOLDOWN  # taken back when it comes to something
        store = await self._anchors()
        kept = self._checked(await self._asked(url), store)
        self._quiet_until = None
        self._kept.pop(url, None)
        while len(self._kept) >= MAX_CERTIFICATES:
            del self._kept[next(iter(self._kept))]
        self._kept[url] = kept
        return kept.key

    async def _asked(self, url: str) -> list[x509.Certificate]:
        call = ProviderCall(provider="paypal", operation="certs.get", method="GET", url=url, is_read=True)
        try:
            answer = await self._transport.send_call(call)
        except ProviderError as error:
            raise _away(error.retry_after) from error
        if answer.status in {400, 404, 410}:
            raise _refused("no_certificate")
        if not answer.ok:
            raise _away(answer.retry_after)
        return _parsed(answer)

    async def _anchors(self) -> Store:
        if self._store is None:
            found = await asyncio.to_thread(self._roots)
            if not found:
                log.error("paypal.no_root_certificates")
                raise _away(None)
            self._store = Store(list(found))
        return self._store

    def _checked(self, chain: list[x509.Certificate], store: Store) -> _Kept:
        """The first certificate, with a path to a root that is good today, made out to PayPal."""
        leaf, now = chain[0], self._clock.now()
        key = leaf.public_key()
        name = _name_of(leaf)
        if name is None or not isinstance(key, rsa.RSAPublicKey):
            raise _refused("not_paypals")
        policy = PolicyBuilder().store(store).time(now).max_chain_depth(_DEEPEST)
        try:
            policy.build_server_verifier(x509.DNSName(name)).verify(leaf, chain[1:])
        except VerificationError as error:
            raise _refused("chain") from error
        fresh = self._clock.monotonic() + CERTIFICATE_LIFE
        return _Kept(key, leaf.not_valid_before_utc, leaf.not_valid_after_utc, fresh)


def _fits(path: str) -> bool:
    return _PLACE.fullmatch(path) is not None


def _parsed(answer: ProviderResponse) -> list[x509.Certificate]:
    """What cannot be read is no certificate of anybody's: PayPal has been seen to answer with a page instead."""
    try:
        found = x509.load_pem_x509_certificates(answer.body) if len(answer.body) <= _LARGEST else []
    except ValueError as error:
        raise _away(None) from error
    if not 1 <= len(found) <= _DEEPEST:
        raise _away(None)
    return found


def _name_of(leaf: x509.Certificate) -> str | None:
    """The host of PayPal's that it is made out to."""
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return None
    hosts = [one.lower() for one in names.get_values_for_type(x509.DNSName)]
    return next((one for one in hosts if one.endswith(_DOMAIN) and not one.startswith("*")), None)


def _refused(why: str) -> Unauthenticated:
    log.warning("webhook.certificate_refused", provider="paypal", why=why)
    return Unauthenticated("The signature is not valid.", code="bad_signature")


def _away(after: float | None) -> Unavailable:
    return Unavailable(
        "The certificate of the signature cannot be had at the moment.", retry_after=after or RETRY_COOLDOWN
    )
