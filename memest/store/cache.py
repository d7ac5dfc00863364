"""What was fetched or written once, kept on this machine by the SHA-256 of its bytes.

    content/ab/abcd…            the bytes
    runs/<run id>/<name>        the SHA-256 of the blob that the run calls so

`get` checks the hash: bytes that changed on disk are dropped, never handed out.
Depends on `errors` and `files`.
"""

from __future__ import annotations

import hashlib
import logging
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from memest.files import write_whole
from memest.store.blobs import plain

_SHA256 = re.compile(r"[0-9a-f]{64}")
_log = logging.getLogger(__name__)


class Cache:
    """Blobs of runs under one folder, which may be deleted at any time."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def get(self, run_id: str, name: str) -> bytes | None:
        """The bytes that the run keeps under `name`; None if they are not here, or damaged."""
        content = self.unchecked(run_id, name)
        if content is None:
            return None
        return content if hashlib.sha256(content).hexdigest() == self._digest(run_id, name) else None

    def unchecked(self, run_id: str, name: str) -> bytes | None:
        """The same, damaged or not: for who checks the bytes."""
        try:
            return self._content(self._digest(run_id, name)).read_bytes()
        except OSError:
            return None

    def read(self, run_id: str, name: str, start: int, stop: int) -> bytes | None:
        """Bytes `start` to `stop` of the same, unchecked: for who has checked them all before."""
        try:
            with self._content(self._digest(run_id, name)).open("rb", buffering=0) as file:
                file.seek(start)
                return file.read(stop - start)
        except OSError:
            return None

    def put(self, run_id: str, name: str, content: bytes) -> None:
        """Keep `content`, in place of whatever was kept under `name`; that it cannot be is only a warning."""
        digest = hashlib.sha256(content).hexdigest()
        with _only_a_copy(name):  # not forced to the disk: every read is checked
            write_whole(self._content(digest), content, durable=False)
            self._point(run_id, name, digest)

    def adopt(self, run_id: str, name: str, digest: str, file: Path) -> None:
        """Take a file whose SHA-256 is `digest`; it is moved, not copied. As `put`, else."""
        target = self._content(digest)
        with _only_a_copy(name):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(file, target)
            self._point(run_id, name, digest)

    def _point(self, run_id: str, name: str, digest: str) -> None:
        write_whole(self._pointer(run_id, name), digest.encode(), durable=False)

    def _digest(self, run_id: str, name: str) -> str:
        """What the pointer says, if that is a hash."""
        text = self._pointer(run_id, name).read_bytes().decode("ascii", "replace")
        if not _SHA256.fullmatch(text):
            raise FileNotFoundError(text)
        return text

    def _content(self, digest: str) -> Path:
        return self._root / "content" / digest[:2] / digest

    def _pointer(self, run_id: str, name: str) -> Path:
        return self._root / "runs" / plain(run_id) / plain(name)


@contextmanager
def _only_a_copy(name: str) -> Iterator[None]:
    """A block that may fail: what it was to keep is kept elsewhere, and is fetched from there again."""
    try:
        yield
    except OSError as error:
        _log.warning("%s is not kept in the cache: %s", name, error)
