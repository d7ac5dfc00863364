"""TLS at the servers: whom to trust, and what it means when http and https, or certificates, do not fit."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from memest.errors import SettingError
from memest.services.links import BrokenLinkError
from memest.services.patience import patient

CA_BUNDLE = "AWS_CA_BUNDLE"
_CERTIFICATES = {
    ("hostname mismatch", "ip address mismatch", "doesn't match"): (
        "its certificate is for another name",
        "use the name in its certificate in {variable}, or give it a certificate for this one",
    ),
    ("has expired", "not yet valid"): (
        "its certificate is not valid today",
        "renew the certificate of that server, or set the clock of this machine",
    ),
    ("certificate verify failed", "certificate_verify_failed"): (
        "its certificate is signed by nobody who is trusted here",
        f"set {CA_BUNDLE} to the file (PEM) of the certificate authority that signed it",
    ),
}
"""What is wrong with a certificate and the remedy, by words of OpenSSL and urllib3; the first that fits."""


def ca_bundle(environment: Mapping[str, str] = os.environ) -> str:
    """The file of certificate authorities that AWS_CA_BUNDLE names, absolute; empty: those of the system.

    Raises:
        SettingError: there is no such file, or it holds no certificate.
    """
    named = environment.get(CA_BUNDLE, "")
    if not named:
        return ""
    try:
        ssl.create_default_context(cafile=named)
    except OSError as error:  # ssl.SSLError is one
        why = "holds no certificate" if isinstance(error, ssl.SSLError) else error.strerror
        raise SettingError(
            f"{CA_BUNDLE}={named}: {why}; name a file of certificates in PEM, or unset it"
        ) from error
    return str(Path(named).absolute())


def trust(url: str, environment: Mapping[str, str], *names: str) -> str | bool:
    """What `requests` verifies a server with: a file that one of these variables names, or the usual.

    Raises:
        BrokenLinkError: the server is to speak TLS, and AWS_CA_BUNDLE names no file of certificates.
    """
    named = next((environment[name] for name in names if environment.get(name)), "")
    try:
        return named or not url.startswith("https:") or ca_bundle(environment) or True
    except SettingError as error:
        way_out = "set it to the file of your certificate authority, in PEM, or unset it"
        raise BrokenLinkError(str(error).partition(";")[0], way_out) from error


def tls_trouble(url: str, variable: str, error: BaseException | None = None) -> BrokenLinkError | None:
    """What TLS, or the lack of it, has to do with a call that failed; None: nothing.

    Args:
        url: of the server.
        variable: where it was set, for the remedy.
        error: that the call raised; None: it was answered, though not well.
    """
    parts = urlsplit(url)
    if parts.scheme == "http":
        if speaks_tls(parts.hostname or "", parts.port or 80):
            return BrokenLinkError(
                f"{url}: this port speaks https, not http", f"write https:// in {variable}"
            )
        return None
    said = " ".join(f"{one}" for one in _chain(error)).lower()
    for words, (what, remedy) in _CERTIFICATES.items():
        if any(word in said for word in words):
            return BrokenLinkError(f"{url}: {what}", remedy.format(variable=variable))
    broken = any(isinstance(one, ssl.SSLError) for one in _chain(error))
    if broken and not speaks_tls(parts.hostname or "", parts.port or 443):
        return BrokenLinkError(f"{url}: this port does not speak https", f"write http:// in {variable}")
    return None


def speaks_tls(host: str, port: int) -> bool:
    """Whether the other side answers a TLS handshake, whatever certificate it shows."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with (
            socket.create_connection((host, port), timeout=patient(2)) as plain,
            context.wrap_socket(plain, server_hostname=host),
        ):
            return True
    except (OSError, ValueError):
        return False


def _chain(error: BaseException | None) -> list[BaseException]:
    """An error and those it goes back to."""
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found
