"""Copies on this machine: checked, and fetched again where they are damaged."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from memest.errors import SheetError
from memest.store import LocalBlobs
from memest.store.artifacts import run_blobs
from memest.store.cache import Cache, CachedBlobs


def test_a_cached_blob_is_not_fetched_again(tmp_path: Path) -> None:
    """A second read comes from this machine: the run's artifacts may be gone by then."""
    Cache(tmp_path / "cache").put("run", "sheet/a", b"one")
    unreachable: Any = None
    blobs = run_blobs(unreachable, "run", tmp_path / "cache")
    assert blobs.get("sheet/a") == b"one"
    assert blobs.read("sheet/a", 1, 3) == b"ne"


@pytest.mark.parametrize("damage", [b"onE", b"", b"one more"])
def test_a_damaged_copy_is_fetched_once_more(damage: bytes, tmp_path: Path) -> None:
    """The store has the right bytes; the copy is mended, and with a hash an outdated copy is no answer."""
    store, cache = LocalBlobs(tmp_path / "store"), Cache(tmp_path / "cache")
    store.put("sheet/a", b"one")
    blobs = CachedBlobs(store, cache, "run")
    digest = hashlib.sha256(b"one").hexdigest()
    for wanted in ("", digest):
        assert blobs.get("sheet/a", wanted) == b"one"
        (tmp_path / "cache/content" / digest[:2] / digest).write_bytes(damage)
        assert blobs.get("sheet/a", wanted) == b"one"
        assert cache.get("run", "sheet/a") == b"one"
    cache.put("run", "sheet/a", b"another")
    assert blobs.get("sheet/a", digest) == b"one"


def test_a_cache_hands_out_nothing_that_changed(tmp_path: Path) -> None:
    """Every read is checked: a flipped bit, a pointer to nothing or to somewhere else is a miss."""
    cache = Cache(tmp_path)
    cache.put("run", "sheet/a", b"one")
    cache.put("run", "sheet/b", b"one")
    (kept,) = [path for path in (tmp_path / "content").rglob("*") if path.is_file()]
    assert cache.get("run", "sheet/a") == b"one"
    assert cache.get("run", "sheet/c") is None
    kept.write_bytes(b"onE")
    assert cache.get("run", "sheet/a") is None
    for pointer in ("", "0" * 64, "../../../etc/passwd", "\xff"):
        (tmp_path / "runs/run/sheet/b").write_text(pointer)
        assert cache.get("run", "sheet/b") is None
    with pytest.raises(SheetError, match="relative paths"):
        cache.get("../run", "sheet/a")
