"""A certificate authority of the tests, and servers' certificates that it signs."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def server_context(folder: Path, address: str = "127.0.0.1", days: int = 1) -> ssl.SSLContext:
    """What a TLS server needs; its authority's certificate is put in `folder/ca.pem`.

    Args:
        address: the certificate is for.
        days: it is valid for; negative: it has expired.
    """
    folder.mkdir(parents=True, exist_ok=True)
    authority, own = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority of the tests")])
    basic = x509.BasicConstraints(ca=True, path_length=0)
    usage = x509.KeyUsage(
        **dict.fromkeys(("digital_signature", "key_cert_sign", "crl_sign"), True),
        **dict.fromkeys(
            (
                "content_commitment",
                "key_encipherment",
                "data_encipherment",
                "key_agreement",
                "encipher_only",
                "decipher_only",
            ),
            False,
        ),
    )
    root = _builder(name, name, authority.public_key(), 30).add_extension(basic, True)
    root = root.add_extension(usage, True)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
    leaf = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, address)])
    signed = _builder(leaf, name, own.public_key(), days).add_extension(names, False)
    key_of_root = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key())
    signed = signed.add_extension(key_of_root, False)
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(root.sign(authority, hashes.SHA256()).public_bytes(pem))
    key = own.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    chain = folder / "server.pem"
    chain.write_bytes(signed.sign(authority, hashes.SHA256()).public_bytes(pem) + key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    return context


def _builder(subject: x509.Name, issuer: x509.Name, key: object, days: int) -> x509.CertificateBuilder:
    now, day = datetime.datetime.now(datetime.UTC), datetime.timedelta(days=1)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer)
    builder = builder.public_key(key).serial_number(x509.random_serial_number())  # type: ignore[arg-type]
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), False)  # type: ignore[arg-type]
    return builder.not_valid_before(now - 40 * day).not_valid_after(now + days * day)
