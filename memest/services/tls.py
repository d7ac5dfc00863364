"""TLS at the servers: whom to trust, and what a port speaks."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Mapping
from pathlib import Path

from memest.errors import SettingError

CA_BUNDLE = "AWS_CA_BUNDLE"


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
        why = (
            "holds no certificate" if isinstance(error, ssl.SSLError) else error.strerror or "cannot be read"
        )
        raise SettingError(
            f"{CA_BUNDLE}={named}: {why}; name a file of certificates in PEM, or unset it"
        ) from error
    return str(Path(named).absolute())


def speaks_tls(host: str, port: int, seconds: float = 3) -> bool:
    """Whether the other side answers a TLS handshake, whoever signed its certificate."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with (
            socket.create_connection((host, port), timeout=seconds) as plain,
            context.wrap_socket(plain, server_hostname=host),
        ):
            return True
    except (OSError, ValueError):
        return False
