"""`memest cache` lists and empties what no start reads: of older versions, and not made to its end."""

from __future__ import annotations

import json
from pathlib import Path

from filelock import FileLock
from PIL import Image

from memest.data import load_images
from memest.data.decoded import cache_entries, cache_root, leftovers
from memest.stages.cache import CacheConfig, cache

FIRST = {
    "origin": "/somewhere/photos",
    "settings": {"size": 32},
    "count": 3,
    "failed": {},
    "rotated": 0,
    "several": 0,
    "coloured": 3,
}
"""A manifest as the first version of the cache wrote it."""


def held(key: str, **files: bytes) -> Path:
    """A folder of the cache."""
    folder = cache_root() / key
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name.replace("_", ".")).write_bytes(content)
    return folder


def decode_some() -> Path:
    """The entry of two images that were decoded by this version."""
    for name in ("cat", "dog"):
        Path("photos", name).mkdir(parents=True)
        Image.new("RGB", (8, 8), "red").save(f"photos/{name}/1.png")
    load_images("photos")
    (entry,) = cache_entries()
    return entry.folder


def test_older_versions_are_listed_and_emptied() -> None:
    """One whose manifest has other fields, and one that has these but another version."""
    present = decode_some()
    older = held("0" * 32, manifest_json=json.dumps(FIRST).encode(), pixels_npy=bytes(2_000_000))
    now = json.loads((present / "manifest.json").read_bytes())
    newer = held("1" * 32, manifest_json=json.dumps(now | {"version": 1}).encode())
    assert {one.folder for one in leftovers()} == {older, newer}
    lines = cache(CacheConfig()).splitlines()
    told = [line for line in lines if "of an older version of memest: nothing reads it" in line]
    assert [line.split()[0] for line in told] == ["0" * 32, "1" * 32]
    assert "2.0 MB" in told[0]
    assert lines[-1].startswith("3 entries, ")
    assert "deleted 1 entries, 2.0 MB" in cache(CacheConfig(empty="0" * 32))
    assert "deleted 2 entries" in cache(CacheConfig(empty="all"))
    assert not older.exists() and not newer.exists() and not present.exists()


def test_what_was_not_made_to_its_end_is_emptied_unless_it_is_being_made() -> None:
    """A killed process leaves pixels without a manifest; one at work holds the lock."""
    killed = held("2" * 32, pixels_npy=b"x")
    Path(f"{killed}.lock").touch()
    working = held("3" * 32, pixels_npy=b"x")
    with FileLock(f"{working}.lock"):
        listed = cache(CacheConfig())
        assert f"{killed.name}     0.0 MB  not made to its end" in listed
        assert f"{working.name}     0.0 MB  being made by another process" in listed
        said = cache(CacheConfig(empty="all"))
    assert f"{working.name} stays" in said
    assert working.exists() and not killed.exists()


def test_nothing_else_is_touched() -> None:
    """A cache folder may be one that holds other things."""
    other = held("photographs", manifest_json=b"{}")
    alike = held("4" * 32, letter_txt=b"dear")
    assert cache(CacheConfig(empty="all")).startswith("deleted 0 entries")
    assert other.exists() and alike.exists()


def test_only_what_memest_surely_made_is_deleted() -> None:
    """Folders called like a key, another program's manifest, a folder of indexes, notes in an entry."""
    entry = decode_some()
    kept = [
        held("5" * 32, manifest_json=b'{"origin": "mine"}') / "manifest.json",
        held("6" * 32, pixels_npy=b"x") / "pixels.npy",
        held("7" * 32, pixels_npy=b"x", letter_txt=b"dear") / "letter.txt",
        held("indexes", books_parquet=b"x") / "books.parquet",
        held("8" * 32, manifest_json=json.dumps(FIRST).encode(), letter_txt=b"dear") / "letter.txt",
        entry / "notes.txt",
    ]
    kept[-1].write_text("dear")
    (cache_root() / ("7" * 32 + ".lock")).touch()
    said = cache(CacheConfig(empty="all"))
    assert said.startswith("deleted 2 entries")
    assert f"{entry} stays with what memest did not make there" in said
    assert all(path.exists() for path in kept) and not (entry / "pixels.npy").exists()


def test_indexes_of_shards_are_deleted_and_no_file_beside_them() -> None:
    """Known by their names and locks."""
    name = "b" * 32 + ".parquet"
    folder = held("indexes", books_parquet=b"x")
    for path in (folder / name, folder / f"{name}.lock", folder / ("c" * 32 + ".parquet")):
        path.touch()
    cache(CacheConfig(empty="all"))
    assert {path.name for path in folder.iterdir()} == {"books.parquet", "c" * 32 + ".parquet"}


def test_a_newer_version_and_a_link_stay_whole() -> None:
    """Neither is called of an older version, and neither is said to be deleted."""
    present = decode_some()
    now = json.loads((present / "manifest.json").read_bytes())
    newer = held("9" * 32, manifest_json=json.dumps(now | {"version": 3, "depth": 8}).encode())
    link = cache_root() / ("a" * 32)
    elsewhere = present.rename(Path("elsewhere").absolute())
    link.symlink_to(elsewhere)
    listed = cache(CacheConfig())
    assert "of an older version" not in listed
    assert f"{newer.name}     0.0 MB  of a newer version of memest" in listed
    said = cache(CacheConfig(empty="all"))
    assert said.startswith("deleted 0 entries")
    assert f"{newer.name} stays: it is of a newer" in said and f"{link.name} stays: it is a link" in said
    assert {path.name for path in elsewhere.iterdir()} >= {"manifest.json", "pixels.npy"}
    assert (newer / "manifest.json").exists() and link.is_symlink()
