"""Where bytes live: one suite over every backend."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from sheets import Opener

from memest.errors import ChangeRefusedError, SheetError
from memest.store import LocalBlobs


def test_bytes_come_back_as_they_were_put(opener: Opener) -> None:
    """Any bytes, none and a megabyte among them, in any depth of folders, also for another reader."""
    contents = {"a": b"", "sheet/b.bin": bytes(range(256)), "sheet/deep/c-1_2.txt": b"\r\n" * 500_000}
    for name, content in contents.items():
        opener().put(name, content)
    for blobs in (opener(), opener()):
        assert {name: blobs.get(name) for name in contents} == contents
        assert {name: blobs.get(name) for name in contents} == contents


def test_names_are_those_directly_inside_a_folder(opener: Opener) -> None:
    """Sorted, with their folder, folders inside it left out; a folder that is not there is empty."""
    blobs = opener()
    for name in ("sheet/b", "sheet/a", "sheet/deep/c", "sheets/d", "top"):
        blobs.put(name, name.encode())
    assert blobs.names("sheet") == ["sheet/a", "sheet/b"]
    assert blobs.names("sheet/deep") == ["sheet/deep/c"]
    assert blobs.names("nowhere") == []


def test_the_same_bytes_may_come_again_and_no_others(opener: Opener) -> None:
    """A resumed run repeats itself; a changed one is refused, and what was kept stays."""
    opener().put("sheet/a", b"one")
    opener().put("sheet/a", b"one")
    for other in (b"two", b"", b"one "):
        with pytest.raises(ChangeRefusedError, match="sheet/a"):
            opener().put("sheet/a", other)
    assert opener().get("sheet/a") == b"one"
    assert opener().names("sheet") == ["sheet/a"]


def test_bytes_that_are_not_those_of_a_hash_are_damaged(opener: Opener) -> None:
    """With a SHA-256 other bytes are refused by their name; a stretch of them is read as it is."""
    opener().put("sheet/a", b"one two")
    digest = hashlib.sha256(b"one two").hexdigest()
    for blobs in (opener(), opener()):
        assert blobs.get("sheet/a", digest) == b"one two"
        assert blobs.read("sheet/a", 4, 7) == b"two"
        with pytest.raises(SheetError, match="sheet/a is damaged"):
            blobs.get("sheet/a", "0" * 64)


def test_what_is_not_there_is_an_error(opener: Opener) -> None:
    """A missing name, and a folder's name, are errors of the sheet, never empty bytes."""
    blobs = opener()
    blobs.put("sheet/a", b"one")
    for name in ("nowhere", "sheet/b", "nowhere/b", "sheet"):
        with pytest.raises(SheetError, match=name):
            blobs.get(name)


NO_NAMES = [
    "", ".", "..", "../a", "a/../b", "a/..", "/a", "/", "a//b", "a/", "./a", ".a", "a/.b", "a\\b", "C:a",
    "a b", "a\n", "a\x00b", "~", "%2e%2e/a", "file:a",
]  # fmt: skip


@pytest.mark.parametrize("name", NO_NAMES)
def test_a_name_cannot_leave_its_folder(name: str, opener: Opener, tmp_path: Path) -> None:
    """Absolute names, climbing names and odd characters are refused before anything is touched."""
    blobs = opener()
    for call in (lambda: blobs.put(name, b"x"), lambda: blobs.get(name)):
        with pytest.raises(SheetError, match="artifact names are relative paths"):
            call()
    if name:
        with pytest.raises(SheetError, match="artifact names are relative paths"):
            blobs.names(name)
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.parent.name != "journal"]


def test_a_torn_write_is_not_a_name(tmp_path: Path) -> None:
    """What a crash leaves behind is not listed, and does not stop the file from being written."""
    blobs = LocalBlobs(tmp_path)
    blobs.put("sheet/a", b"one")
    (tmp_path / "sheet" / "b.4711.partial").write_bytes(b"tw")
    blobs.put("sheet/b", b"two")
    assert blobs.names("sheet") == ["sheet/a", "sheet/b"]
