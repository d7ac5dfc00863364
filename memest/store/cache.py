"""What was fetched or written once, kept on this machine by the SHA-256 of its bytes.

    content/ab/abcd…            the bytes
    runs/<run id>/<name>        the SHA-256 of the blob that the run calls so

Every read is checked against the hash: bytes that changed on disk are dropped, never handed out.
Depends on `errors`.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from pathlib import Path

from memest.store.blobs import plain

_SHA256 = re.compile(r"[0-9a-f]{64}")


class Cache:
    """Blobs of runs under one folder, which may be deleted at any time."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def get(self, run_id: str, name: str) -> bytes | None:
        """The bytes that the run keeps under `name`; None if they are not here, or damaged."""
        try:
            digest = self._pointer(run_id, name).read_text("ascii")
            content = self._content(digest).read_bytes() if _SHA256.fullmatch(digest) else b""
        except (OSError, UnicodeDecodeError):
            return None
        if hashlib.sha256(content).hexdigest() != digest:
            return None
        return content

    def put(self, run_id: str, name: str, content: bytes) -> None:
        """Keep `content`, in place of whatever was kept under `name`."""
        digest = hashlib.sha256(content).hexdigest()
        _write(self._content(digest), content)
        _write(self._pointer(run_id, name), digest.encode())

    def adopt(self, run_id: str, name: str, digest: str, file: Path) -> None:
        """Take a file whose SHA-256 is `digest`; it is moved, not copied."""
        target = self._content(digest)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(file, target)
        _write(self._pointer(run_id, name), digest.encode())

    def _content(self, digest: str) -> Path:
        return self._root / "content" / digest[:2] / digest

    def _pointer(self, run_id: str, name: str) -> Path:
        return self._root / "runs" / plain(run_id) / plain(name)


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all; not forced to the disk, since every read is checked."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    partial.write_bytes(content)
    partial.replace(path)
