"""What was fetched or written once, kept on this machine by the SHA-256 of its bytes.

    content/ab/abcd…            the bytes
    runs/<run id>/<name>        the SHA-256 of the blob that the run calls so

`get` checks the hash: bytes that changed on disk are never handed out.
"""

from __future__ import annotations

import hashlib
import logging
import re
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from memest.files import write_whole
from memest.store.blobs import Blobs, plain_name

_SHA256 = re.compile(r"[0-9a-f]{64}")
_log = logging.getLogger(__name__)


class Cache:
    """Blobs of runs under one folder, which may be deleted at any time."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def get(self, run_id: str, name: str, sha256: str = "") -> bytes | None:
        """The bytes that the run keeps under `name`; None if they are not here, damaged, or others.

        Args:
            run_id: of the run.
            name: of the bytes.
            sha256: which bytes; empty: those that were kept last.
        """
        try:
            digest = self._digest(run_id, name)
            content = self._content(digest).read_bytes()
        except OSError:
            return None
        whole = sha256 in ("", digest) and hashlib.sha256(content).hexdigest() == digest
        return content if whole else None

    def read(self, run_id: str, name: str, start: int, stop: int) -> bytes | None:
        """Bytes `start` to `stop` of the same, without checking any; None if they are not here."""
        try:
            with self._content(self._digest(run_id, name)).open("rb", buffering=0) as file:
                file.seek(start)
                return file.read(stop - start)
        except OSError:
            return None

    def put(self, run_id: str, name: str, content: bytes, sha256: str = "") -> None:
        """Keep `content`, in place of whatever was kept under `name`; a failure is only a warning.

        Args:
            run_id: of the run.
            name: of the bytes.
            content: the bytes.
            sha256: of `content`, if it is known.
        """
        digest = sha256 or hashlib.sha256(content).hexdigest()
        with _only_a_copy(name):  # not forced to the disk: every read is checked
            write_whole(self._content(digest), content, durable=False)
            self._point(run_id, name, digest)

    def adopt(self, run_id: str, name: str, digest: str, file: Path) -> None:
        """Keep a file whose SHA-256 is `digest`, by moving it; a failure is only a warning."""
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
        return self._root / "runs" / plain_name(run_id) / plain_name(name)


class CachedBlobs:
    """The blobs of one run, each fetched from its store once.

    Args:
        store: where the bytes live.
        cache: on this machine.
        run_id: whose blobs.
        known: every name there is, of a run that is whole: the store is not asked.
    """

    def __init__(self, store: Blobs, cache: Cache, run_id: str, known: Collection[str] | None = None) -> None:
        self._store, self._cache, self._run_id, self._known = store, cache, run_id, known

    def put(self, name: str, content: bytes) -> None:
        """Keep `content`; a no-op if it is there already."""
        self._store.put(name, content)
        self._cache.put(self._run_id, name, content)

    def get(self, name: str, sha256: str = "") -> bytes:
        """The bytes kept under `name`; a damaged copy is fetched once more."""
        kept = self._cache.get(self._run_id, plain_name(name), sha256)
        if kept is None:
            kept = self._store.get(name, sha256)
            self._cache.put(self._run_id, name, kept, sha256)
        return kept

    def read(self, name: str, start: int, stop: int) -> bytes:
        """Bytes `start` to `stop` of what is kept under `name`, unchecked."""
        kept = self._cache.read(self._run_id, plain_name(name), start, stop)
        return self.get(name)[start:stop] if kept is None else kept

    def names(self, folder: str) -> list[str]:
        """The names directly inside `folder`, sorted."""
        if self._known is None:
            return self._store.names(folder)
        return sorted(name for name in self._known if name.rpartition("/")[0] == folder)


@contextmanager
def _only_a_copy(name: str) -> Iterator[None]:
    """A block that may fail: what it was to keep is kept elsewhere, and is fetched from there again."""
    try:
        yield
    except OSError as error:
        _log.warning("%s is not kept in the cache: %s", name, error)
