"""Folders as people have them: links, pipes, hidden files, odd names."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from odd_files import TWO, names_of, png, put

from memest.data import load_images
from memest.errors import DataError


def test_a_link_that_leads_back_is_not_followed_in_circles(caplog: pytest.LogCaptureFixture) -> None:
    """Each image once, and one line of the link."""
    put(*TWO)
    Path("photos/cat/round").symlink_to(Path("photos").resolve())
    assert names_of(load_images("folder(path=photos)").train) == list(TWO)
    assert "photos/cat/round links to photos, which is read already" in caplog.text


def test_a_linked_class_is_read_and_a_second_link_is_said(caplog: pytest.LogCaptureFixture) -> None:
    """A class folder may lie elsewhere; the same folder under two names is read under the first."""
    put(*TWO)
    put("x.png", root="elsewhere")
    Path("photos/bird").symlink_to(Path("elsewhere").resolve())
    Path("photos/fowl").symlink_to(Path("elsewhere").resolve())
    train = load_images("folder(path=photos)").train
    assert names_of(train) == ["bird/x.png", *TWO]
    assert "photos/fowl links to photos/bird, which is read already" in caplog.text
    assert "no image lies in fowl" in caplog.text


def test_a_link_to_nothing_is_an_image_that_cannot_be_read() -> None:
    """It is named like any other."""
    put(*TWO)
    Path("photos/cat/gone.png").symlink_to("nowhere.png")
    with pytest.raises(DataError, match=r"cat/gone\.png \(No such file or directory\)"):
        load_images("folder(path=photos)")


def test_a_pipe_is_named_and_not_waited_for() -> None:
    """Reading it would never end."""
    put(*TWO)
    os.mkfifo("photos/cat/pipe.png")
    with pytest.raises(DataError, match=r"cat/pipe\.png \(not a file but a pipe"):
        load_images("folder(path=photos)")


def test_a_folder_called_like_an_image_is_a_folder() -> None:
    """Its files belong to the class folder above it, as do those of any folder within one."""
    put("cat/x.jpg/a.png", "cat/deep/er/b.png", "dog/c.png")
    train = load_images("folder(path=photos)").train
    assert names_of(train) == ["cat/deep/er/b.png", "cat/x.jpg/a.png", "dog/c.png"]
    assert train.labels.tolist() == [0, 0, 1]


@contextmanager
def nobody() -> Iterator[None]:
    """A block that runs with the rights of nobody where the tests run as root."""
    root = os.geteuid() == 0
    for path in (Path.cwd(), *Path.cwd().rglob("*")) if root else ():
        os.chown(path, 65534, 65534)
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def test_a_folder_that_may_not_be_listed_is_refused() -> None:
    """Else a whole class would be missing, and nothing would say so."""
    put(*TWO)
    Path("photos/dog").chmod(0)
    try:
        with nobody(), pytest.raises(DataError, match=r"photos/dog cannot be listed \(Permission denied\)"):
            load_images("folder(path=photos)")
    finally:
        Path("photos/dog").chmod(0o700)


def test_files_and_caches_that_may_not_be_used_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the system's reason, and for the cache with the variable that names another."""
    put(*TWO)
    shared = Path(tempfile.mkdtemp())  # a test's own folder lies below one of root alone
    monkeypatch.setenv("MEMEST_CACHE", str(shared / "cache"))
    try:
        with (
            nobody(),
            pytest.raises(DataError, match=r"cannot be written \(Permission denied\); set MEMEST_CACHE"),
        ):
            load_images("folder(path=photos)")
        shared.chmod(0o777)
        Path("photos/dog/b.png").chmod(0)
        with nobody(), pytest.raises(DataError, match=r"dog/b\.png \(Permission denied\)"):
            load_images("folder(path=photos)")
    finally:
        shutil.rmtree(shared)


def test_a_name_of_two_lines_makes_messages_of_one() -> None:
    """It is read like any other, and escaped where it is said."""
    put(*TWO, "cat/two\nlines.png")
    assert "cat/two\nlines.png" in names_of(load_images("folder(path=photos)").train)
    Path("photos/cat/two\nlines.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"cat/two\\nlines\.png \(an empty file\)") as refusal:
        load_images("folder(path=photos)")
    assert "\n" not in str(refusal.value)


def test_a_name_that_is_no_text_is_refused() -> None:
    """With what to do; no table could hold it."""
    put(*TWO)
    Path(os.fsdecode(b"photos/cat/caf\xe9.png")).write_bytes(png(0))
    with pytest.raises(DataError, match=r"cat/caf\\udce9\.png: rename it"):
        load_images("folder(path=photos)")


def test_what_systems_leave_behind_is_not_read() -> None:
    """Thumbnails, forks of a Mac, hidden files and folders."""
    put(*TWO)
    left = (".DS_Store", "cat/.DS_Store", "cat/Thumbs.db", "dog/desktop.ini", "cat/._a.png", ".git/x/y.png")
    put(*left, "__MACOSX/cat/._a.png", "cat/@eaDir/a.png")
    assert names_of(load_images("photos").train) == list(TWO)


def test_a_hidden_file_does_not_choose_the_source() -> None:
    """What a Mac leaves in a class folder may be called like a shard."""
    put(*TWO, "cat/._features.parquet")
    assert names_of(load_images("photos").train) == sorted(TWO)


def test_an_empty_class_folder_is_said(caplog: pytest.LogCaptureFixture) -> None:
    """There is no class without an image."""
    put(*TWO)
    Path("photos/bird").mkdir()
    assert load_images("folder(path=photos)").train.classes == ("cat", "dog")
    assert "no image lies in bird" in caplog.text


def test_class_names_that_look_alike_are_refused() -> None:
    """An accent as one character and as two."""
    put("caf\u00e9/a.png", "cafe\u0301/b.png")
    with pytest.raises(DataError, match="differ in case or spaces only"):
        load_images("folder(path=photos)")
