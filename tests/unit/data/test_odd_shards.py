"""Parquet files and tar shards that are not quite as expected."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from odd_files import names_of, png, put
from pyarrow import parquet

from memest.data import load_images
from memest.errors import DataError


def cells(*rows: Any, label: Any = None) -> None:
    """A parquet file of these image cells under labels 0 and 1 in turns."""
    labels = label or [n % 2 for n in range(len(rows))]
    parquet.write_table(pa.table({"image": list(rows), "label": labels}), "mine.parquet")


def test_images_may_be_paths_beside_the_file() -> None:
    """As a struct without bytes, or as text; a cell without either cannot be read."""
    put("a.png", "b.png", root=".")
    cells(
        {"bytes": None, "path": "a.png"}, {"bytes": png(1), "path": "x/b.png"}, {"bytes": None, "path": None}
    )
    with pytest.raises(DataError, match=r"1 of 3 images .* mine\.parquet#2 \(no image in this row\)"):
        load_images("mine.parquet")
    train = load_images("parquet(mine.parquet, on_error=skip)").train
    assert len(train) == 2
    cells("a.png", "b.png")
    np.testing.assert_array_equal(
        np.asarray(load_images("mine.parquet").train.images), np.asarray(train.images)
    )


def test_a_row_without_a_cell_is_an_image_that_cannot_be_read() -> None:
    """A null, of bytes or of a struct."""
    for rows in (
        (png(0), png(1), None),
        ({"bytes": png(0), "path": "a"}, {"bytes": png(1), "path": "b"}, None),
    ):
        cells(*rows)
        with pytest.raises(DataError, match="no image in this row"):
            load_images("mine.parquet")


def test_a_path_that_climbs_out_of_the_folder_is_not_read() -> None:
    """It is named like an image that cannot be read."""
    put("secret.png", root=".")
    Path("below").mkdir()
    cells("../secret.png", "../secret.png")
    Path("mine.parquet").rename("below/mine.parquet")
    with pytest.raises(DataError, match=r"its path '\.\./secret\.png' does not lie below below"):
        load_images("below")


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ([0, None, 1], "has no label"),
        ([0.5, 1.0, 0.0], "text or whole numbers"),
        ([[0], [1], [0]], "text or whole numbers"),
    ],
)
def test_labels_of_parquet_that_are_none_are_refused(labels: Any, words: str) -> None:
    """Missing, broken numbers, lists."""
    cells(png(0), png(1), png(2), label=labels)
    with pytest.raises(DataError, match=words):
        load_images("mine.parquet")


def test_an_empty_parquet_file_has_no_images() -> None:
    """Which is said, and not a traceback."""
    schema = pa.schema({"image": pa.binary(), "label": pa.int64()})
    parquet.write_table(schema.empty_table(), "mine.parquet")
    with pytest.raises(DataError, match="has no images"):
        load_images("mine.parquet")


def pack(path: str, *members: tuple[str, bytes | None], mode: str = "w") -> Path:
    """A tar file of these members; None makes a folder."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, mode) as shard:  # type: ignore[call-overload]  # the stub wants a literal
        for name, content in members:
            member = tarfile.TarInfo(name)
            if content is None:
                member.type = tarfile.DIRTYPE
            member.size = len(content or b"")
            shard.addfile(member, io.BytesIO(content or b""))
    return Path(path)


PAIRS = (("1.png", png(1)), ("1.cls", b"a"), ("2.png", png(2)), ("2.cls", b"b"))


def test_folders_and_hidden_files_in_a_tar_are_passed_over() -> None:
    """As macOS and `tar c folder` leave them."""
    left = (
        ("./", None),
        ("x/", None),
        ("x/._1.png", b"fork"),
        ("x/.DS_Store", b""),
        ("__MACOSX/x/._1.png", b""),
    )
    pack("a.tar", *left, *((f"./x/{name}", content) for name, content in PAIRS))
    train = load_images("a.tar").train
    assert names_of(train) == ["x/1", "x/2"]
    assert train.classes == ("a", "b")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: pack("t/a.tar.gz", *PAIRS, mode="w:gz"), "is compressed.*unpack it"),
        (lambda: pack("t/a.tar", *PAIRS, mode="w:gz"), "is compressed.*unpack it"),
        (lambda: pack("t/a.tgz", *PAIRS, mode="w:gz"), "is compressed.*unpack it"),
        (lambda: pack("t/a.tar", *PAIRS, *PAIRS[:2]), r"example 1, which .*a\.tar has as well"),
        (lambda: pack("t/a.tar", PAIRS[0], *PAIRS), r"has 1\.png twice"),
        (lambda: (pack("t/a.tar", *PAIRS), pack("t/b.tar", *PAIRS)), "which .* has as well"),
        (lambda: pack("t/a.tar", *PAIRS[:3]), r"example 2 has no label \.cls"),
        (lambda: pack("t/a.tar", *PAIRS, ("3.cls", b"a")), "example 3 has no image"),
        (lambda: pack("t/a.tar", *PAIRS, ("3.png", png(3)), ("3.cls", b" ")), "3 has no label"),
        (lambda: pack("t/a.tar"), "has no images"),
        (lambda: (pack("t/a.tar", *PAIRS), Path("t/b.tar").touch()), r"b\.tar is empty"),
        (lambda: (pack("t/a.tar"), Path("t/a.tar").write_bytes(b"x" * 2000)), r"a\.tar is damaged"),
    ],
)
def test_a_tar_that_does_not_fit_is_refused_in_one_line(make: Callable[[], Any], words: str) -> None:
    """What is wrong, of which shard."""
    make()
    with pytest.raises(DataError, match=words) as refusal:
        load_images("t")
    assert "\n" not in str(refusal.value)


def test_an_empty_shard_among_others_does_no_harm() -> None:
    """A tar file of no members is one."""
    pack("t/a.tar", *PAIRS)
    pack("t/b.tar")
    assert len(load_images("t").train) == 2


def test_a_compressed_shard_is_known_by_its_bytes() -> None:
    """Whatever its name."""
    Path("t").mkdir()
    Path("t/a.tar").write_bytes(gzip.compress(bytes(1024)))
    with pytest.raises(DataError, match="is compressed"):
        load_images("t")
