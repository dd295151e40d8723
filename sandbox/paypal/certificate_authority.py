"""Who vouches for the sandbox's webhooks: a root, an intermediate, and the certificate that signs, all from a phrase.

The phrase makes the keys of the two authorities, so that whoever knows it has the same root at hand as a trust anchor.
"""

import base64
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SIGNER_HOST = "messageverificationcerts.sandbox.paypal.com"
"""Whose certificate it is, as in PayPal's own sandbox."""
CERTIFICATE_LIFE = timedelta(days=90)
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_FOREVER = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2120, 1, 1, tzinfo=UTC))


@dataclass(frozen=True, slots=True)
class CertificateSigner:
    """`certificate_chain` is PEM: the certificate that signs, then the intermediate."""

    id: str
    private_key: rsa.RSAPrivateKey
    certificate_chain: bytes
    expires_at: datetime


def _authority(phrase: str, name: str) -> ec.EllipticCurvePrivateKey:
    secret = int.from_bytes(sha256(f"{phrase}:{name}".encode()).digest()) % (_ORDER - 1) + 1
    return ec.derive_private_key(secret, ec.SECP256R1())


@cache
def create_root_certificate(phrase: str) -> bytes:
    """The root's certificate, PEM."""
    key, name = _authority(phrase, "root"), _name("Sandbox Root")
    made = _certificate(name, name, key.public_key(), key, _FOREVER, depth=1)
    return made.public_bytes(serialization.Encoding.PEM)


@cache
def _rsa() -> rsa.RSAPrivateKey:
    """One a process: it takes a tenth of a second."""
    return rsa.generate_private_key(65537, 2048)


def create_signer(phrase: str, now: datetime, host: str = SIGNER_HOST) -> CertificateSigner:
    """Good from a day before `now`, for LIFE."""
    root, between, key = _authority(phrase, "root"), _authority(phrase, "intermediate"), _rsa()
    middle = _certificate(
        _name("Sandbox Intermediate"), _name("Sandbox Root"), between.public_key(), root, _FOREVER, depth=0
    )
    span = (now - timedelta(days=1), now + CERTIFICATE_LIFE)
    leaf = _certificate(_name(host), _name("Sandbox Intermediate"), key.public_key(), between, span, host=host)
    mark = leaf.fingerprint(hashes.SHA256()).hex()
    chain = b"".join(one.public_bytes(serialization.Encoding.PEM) for one in (leaf, middle))
    return CertificateSigner(f"CERT-{mark[:8]}-{mark[8:16]}-{mark[16:24]}", key, chain, span[1])


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    public: ec.EllipticCurvePublicKey | rsa.RSAPublicKey,
    by: ec.EllipticCurvePrivateKey,
    span: tuple[datetime, datetime],
    *,
    depth: int | None = None,
    host: str = "",
) -> x509.Certificate:
    """`depth` for an authority; `host` for what it vouches for."""
    is_authority = depth is not None
    usage = dict.fromkeys(
        (
            "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
            "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
        ),
        False,
    )  # fmt: skip
    usage["key_cert_sign" if is_authority else "digital_signature"] = True
    builder = (
        x509.CertificateBuilder(issuer, subject, public, x509.random_serial_number(), *span)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=depth), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False)
    )
    if host:
        names, purposes = x509.SubjectAlternativeName([x509.DNSName(host)]), [ExtendedKeyUsageOID.SERVER_AUTH]
        builder = builder.add_extension(names, critical=False)
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    return builder.sign(by, hashes.SHA256())


def build_signed_message(transmission_id: str, at: str, webhook_id: str, body: bytes) -> bytes:
    return f"{transmission_id}|{at}|{webhook_id}|{zlib.crc32(body)}".encode()


def sign_message(key: rsa.RSAPrivateKey, text: bytes) -> str:
    return base64.b64encode(key.sign(text, padding.PKCS1v15(), hashes.SHA256())).decode()
