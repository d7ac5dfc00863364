"""Files that are whole or not there, whatever dies in the middle."""

from __future__ import annotations

import os
import threading
from pathlib import Path


def write_whole(path: Path, content: bytes, durable: bool = True) -> None:
    """Put `content` at `path`, in place of what was there: a reader finds the one or the other.

    Args:
        path: its folders are made if they are not there.
        content: the bytes.
        durable: return when they would outlive a power cut, bytes and name; otherwise only a crash.
    """
    make_folder(path.parent, durable)
    partial = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.partial")
    with partial.open("wb") as file:
        file.write(content)
        file.flush()
        if durable:
            os.fsync(file.fileno())
    partial.replace(path)
    if durable:
        sync_folder(path.parent)


def make_folder(folder: Path, durable: bool = True) -> None:
    """Make a folder and those above it, each with its name forced to the disk."""
    if folder.is_dir():
        return
    make_folder(folder.parent, durable)
    folder.mkdir(exist_ok=True)
    if durable:
        sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Force the names in a folder to the disk: syncing a file does not do that."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def drop_partials(path: Path) -> None:
    """Delete what writers that died left beside `path`; only for a file that has one writer."""
    for left in path.parent.glob(f"{path.name}.*.partial"):
        left.unlink(missing_ok=True)
