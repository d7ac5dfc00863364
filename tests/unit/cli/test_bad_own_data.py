"""Own images that do not fit, at the command line: one line, exit code 2, and nothing written."""

from __future__ import annotations

import csv
import io
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from memest import cli


def put(*names: str) -> None:
    """Image files of these names, each another image."""
    for number, name in enumerate(names):
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 256, (9, 9), dtype=np.uint8)
        Image.fromarray(pixels).save(path)


def touch(*names: str) -> None:
    """Empty files."""
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()


def photos(*names: str, empty: str = "") -> None:
    """Two cats and a dog in class folders, what else is named below them, and an empty file."""
    put("photos/cat/a.png", "photos/cat/b.png", "photos/dog/c.png", *(f"photos/{name}" for name in names))
    touch(*filter(None, [empty]))


def table(*rows: tuple[str, str]) -> None:
    """Three images with a metadata.csv of these rows."""
    put("photos/a.png", "photos/b.png", "photos/c.png")
    text = io.StringIO()
    csv.writer(text).writerows([("file_name", "label"), *rows])
    Path("photos/metadata.csv").write_text(text.getvalue())


def shard(content: bytes = b"no record") -> None:
    """A tar file that is none."""
    Path("a.tar").write_bytes(content)


ALL = (("a.png", "cat"), ("b.png", "dog"), ("c.png", "cat"))
CASES: dict[str, tuple[Callable[[], None], str, str]] = {
    "an empty folder": (lambda: Path("photos").mkdir(), "photos/", "the folder photos is empty"),
    "a folder of empty folders": (
        lambda: Path("photos/cat").mkdir(parents=True),
        "photos/",
        "photos has no images; expected some in at least two classes",
    ),
    "one class only": (
        lambda: put("photos/cat/a.png", "photos/cat/b.png"),
        "photos/",
        "has one class only, 'cat'",
    ),
    "a class with one example, in folds": (
        lambda: photos("cat/d.png"),
        "photos/ --protocol 'k_fold(folds=2)'",
        "'dog': it has one example only",
    ),
    "a label without a file": (
        lambda: table(*ALL, ("gone.png", "dog")),
        "photos/",
        "1 rows without a file, 0 files without a row: gone.png",
    ),
    "a file without a label": (
        lambda: table(*ALL[:2]),
        "photos/",
        "0 rows without a file, 1 files without a row: c.png",
    ),
    "a file beside the class folders": (
        lambda: photos("stray.png"),
        "photos/",
        "lie in no class folder, such as stray.png",
    ),
    "the same file twice": (lambda: table(*ALL, ALL[0]), "photos/", "names the file a.png in 2 rows"),
    "a name that climbs out": (
        lambda: table(*ALL, ("../secret.png", "cat")),
        "photos/",
        "'../secret.png', which does not lie below photos",
    ),
    "classes that differ in case": (
        lambda: photos("Cat/d.png"),
        "photos/",
        "'Cat' and 'cat', which differ in case",
    ),
    "a path with spaces that is not there": (
        photos,
        "'фото ~ été/'",
        "there is nothing at фото ~ été (looked in",
    ),
    "a shard that is no tar": (shard, "a.tar", "a.tar is damaged or cut short at example 0"),
    "a shard that is empty": (lambda: shard(b""), "a.tar", "a.tar is empty"),
    "a test set of another class": (
        lambda: put("photos/train/cat/a.png", "photos/train/dog/b.png", "photos/test/bird/c.png"),
        "photos/",
        "has class 'bird', which the training images lack",
    ),
    "a test set alone": (lambda: put("photos/test/cat/a.png"), "photos/", "no folder called train"),
    "an image that cannot be read": (
        lambda: photos(empty="photos/cat/cut.png"),
        "photos/",
        "1 of 4 images in photos cannot be read: cat/cut.png (an empty file)",
    ),
    "nothing that can be read": (
        lambda: touch("photos/a/x", "photos/b/x"),
        "'folder(path=photos, on_error=skip)'",
        "2 of 2 images in photos cannot be read",
    ),
    "nothing left to hold out": (photos, "'folder(path=photos, holdout=0.1)'", "holds out 0 of 3 images"),
    "a size that no network takes": (photos, "'folder(path=photos, size=4)'", "size=…"),
    "more images than there are": (
        photos,
        "photos/ --limit 9",
        "limit must be at most the 3 training images",
    ),
}


NO_AUDIT = {
    "a label without a file",
    "a file without a label",
    "a class with one example, in folds",
    "an image that cannot be read",
    "nothing left to hold out",
    "more images than there are",
}
"""An audit has other flags, and leaves out what cannot be read or has no label."""
TYPED = [("train --tracking off --data", name) for name in CASES]
TYPED += [("audit --tracking offline --data", name) for name in CASES if name not in NO_AUDIT]


def test_a_disk_without_room_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what is needed, what there is, and three ways out; /proc is a disk of no bytes."""
    photos()
    monkeypatch.setenv("MEMEST_CACHE", "/proc/memest")
    assert cli.main(["train", "--tracking", "off", "--data", "photos/"]) == 2
    refusal = capsys.readouterr().err.splitlines()[-1]
    assert "3 decoded images of 9 × 9 need 0.000243 MB in /proc, and 0.0 GB are free" in refusal
    for way in ("smaller size=", "memest cache --empty all", "MEMEST_CACHE"):
        assert way in refusal


@pytest.mark.parametrize(("command", "name"), TYPED)
def test_own_data_that_does_not_fit_is_one_line_and_writes_nothing(
    command: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, the cause and the way out; what the decoded images' cache keeps is not a result."""
    make, typed, says = CASES[name]
    make()
    before = {path: path.is_file() and path.read_bytes() for path in Path.cwd().rglob("*")}
    assert cli.main(shlex.split(f"{command} {typed}")) == 2
    out, error = capsys.readouterr()
    refusal = error.splitlines()[-1]
    assert refusal.startswith("memest: ")
    assert says in refusal
    assert "Traceback" not in error
    assert out == ""
    shutil.rmtree(".cache", ignore_errors=True)
    assert {path: path.is_file() and path.read_bytes() for path in Path.cwd().rglob("*")} == before
