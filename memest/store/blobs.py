"""Where the bytes of a run live: a protocol of four methods, and a folder that keeps it.

A name is a relative path of plain parts. What is written never changes: the same bytes may come again
(a resumed run repeats itself), different bytes are refused. A cache and a journal wrap other stores.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Protocol

from memest.errors import ChangeRefusedError, SheetError
from memest.files import write_whole

_NAME = re.compile(r"[\w-][\w.+-]*(/[\w-][\w.+-]*)*")


class Blobs(Protocol):
    """Immutable named bytes."""

    def put(self, name: str, content: bytes) -> None:
        """Keep `content`; a no-op if it is there already.

        Raises:
            SheetError: other bytes are kept under this name.
        """
        ...

    def get(self, name: str, sha256: str = "") -> bytes:
        """The bytes kept under `name`; with a SHA-256, only if it is theirs.

        Raises:
            SheetError: there are none, or they are damaged.
        """
        ...

    def read(self, name: str, start: int, stop: int) -> bytes:
        """Bytes `start` to `stop` of what is kept under `name`, unchecked: call `get` once before.

        Raises:
            SheetError: there is nothing.
        """
        ...

    def names(self, folder: str) -> list[str]:
        """The names directly inside `folder`, or, if it is empty, at the top; sorted."""
        ...


class LocalBlobs:
    """Files under one folder, written so that a crash or a power cut leaves a file whole or absent."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, name: str) -> Path:
        """Where `name` lies."""
        return self.root / plain_name(name)

    def put(self, name: str, content: bytes) -> None:
        """Keep `content`; a no-op if it is there already."""
        path = self.path(name)
        if path.exists():
            refuse_change(name, path.read_bytes(), content)
            return
        write_whole(path, content)

    def get(self, name: str, sha256: str = "") -> bytes:
        """The bytes kept under `name`; with a SHA-256, only if it is theirs."""
        path = self.path(name)
        if not path.is_file():
            raise SheetError(f"{name} is not in {self.root}")
        return verified(name, path.read_bytes(), sha256)

    def read(self, name: str, start: int, stop: int) -> bytes:
        """Bytes `start` to `stop` of what is kept under `name`."""
        path = self.path(name)
        if not path.is_file():
            raise SheetError(f"{name} is not in {self.root}")
        with path.open("rb", buffering=0) as file:
            file.seek(start)
            return file.read(stop - start)

    def names(self, folder: str) -> list[str]:
        """The names directly inside `folder`, sorted."""
        place = self.path(folder) if folder else self.root
        if not place.is_dir():
            return []
        return sorted(
            f"{folder}/{path.name}".lstrip("/")
            for path in place.iterdir()
            if path.is_file() and path.suffix != ".partial"
        )


def plain_name(name: str) -> str:
    """`name`, if it is a relative path of plain parts.

    Raises:
        SheetError: it is absolute, climbs out of its folder, or holds odd characters.
    """
    if not _NAME.fullmatch(name):
        raise SheetError(f"artifact names are relative paths of letters, digits, - _ + and ., not {name!r}")
    return name


def verified(name: str, content: bytes, sha256: str) -> bytes:
    """`content`, if it is what was written.

    Args:
        name: of the bytes, for the message.
        content: what came back.
        sha256: of what was written; empty: it is not known, and nothing is checked.

    Raises:
        SheetError: it is not.
    """
    if sha256 and (came := hashlib.sha256(content).hexdigest()) != sha256:
        raise SheetError(
            f"{name} is damaged: bytes with SHA-256 {sha256[:12]}… were written, {len(content)} bytes with "
            f"{came[:12]}… came back; fetch it again or score the run anew"
        )
    return content


def refuse_change(name: str, kept: bytes, came: bytes) -> None:
    """Nothing, if the bytes are equal.

    Raises:
        ChangeRefusedError: they differ.
    """
    if kept != came:
        raise ChangeRefusedError(
            f"{name} is kept already with other bytes ({len(kept)}, now {len(came)}): a sheet never changes; "
            "score into a run of its own"
        )
