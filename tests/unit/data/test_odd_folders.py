"""Folders, tables and shards as people really have them: what is read, what is said, what is refused."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

from memest.data import ImageSet, load_images
from memest.data.decoded.cache import cache_entries
from memest.errors import DataError

RNG = np.random.default_rng(0)


def png(number: int) -> bytes:
    """An encoded image, another for every number."""
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(number).integers(0, 256, (9, 9, 3), dtype=np.uint8)).save(
        buffer, "PNG"
    )
    return buffer.getvalue()


def put(*names: str, root: str = "photos") -> None:
    """Image files of these names."""
    for number, name in enumerate(names):
        path = Path(root) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(number))


def names_of(images: ImageSet) -> list[str]:
    """Their names."""
    return [] if images.names is None else images.names.tolist()


TWO = ("cat/a.png", "dog/b.png")


# Folders


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


# Parts


@pytest.mark.parametrize(
    ("train", "held"),
    [
        ("train", "test"),
        ("Train", "VAL"),
        ("training", "validation"),
        ("train", "valid"),
        ("train", "dev"),
        ("train", "eval"),
        ("train2017", "val2017"),
        ("Training", "Testing"),
    ],
)
def test_parts_may_be_called_many_things(train: str, held: str) -> None:
    """The words that `datasets` knows, in any case, with a year behind them; a note beside them is none."""
    put(*(f"{train}/{name}" for name in TWO), f"{held}/cat/c.png")
    put("README.md", ".DS_Store", "__MACOSX/x.png")
    split = load_images("photos")
    assert split.test is not None
    assert (len(split.train), names_of(split.test)) == (2, ["cat/c.png"])


def test_a_test_set_is_preferred_to_a_validation_set(caplog: pytest.LogCaptureFixture) -> None:
    """What is not read is said."""
    put(*(f"train/{name}" for name in TWO), "val/cat/c.png", "test/dog/d.png")
    split = load_images("folder(path=photos)")
    assert split.test is not None
    assert names_of(split.test) == ["dog/d.png"]
    assert "not read: photos/val" in caplog.text


def test_a_table_above_the_parts_names_the_files_of_both(caplog: pytest.LogCaptureFixture) -> None:
    """Its rows are told apart by the folders that they name; else test images would be trained on."""
    put("train/a.png", "train/b.png", "test/c.png", "val/d.png")
    rows = "".join(
        f"{name}.png,{label}\n"
        for name, label in zip(("train/a", "train/b", "test/c", "val/d"), "xyxy", strict=True)
    )
    Path("photos/metadata.csv").write_text(f"file_name,label\n{rows}")
    split = load_images("photos")
    assert split.test is not None
    assert names_of(split.train) == ["train/a.png", "train/b.png"]
    assert names_of(split.test) == ["test/c.png"]
    assert "not read: val" in caplog.text
    caplog.clear()
    load_images("photos")
    assert "has changed" not in caplog.text  # training and test images are kept side by side
    assert len(list(cache_entries())) == 2
    put("loose.png")
    with Path("photos/metadata.csv").open("a") as table:
        table.write("loose.png,x\n")
    assert load_images("photos").test is None


def test_test_sets_alone_are_refused() -> None:
    """They are no classes called test and val."""
    put(*(f"test/{name}" for name in TWO), "val/cat/c.png")
    with pytest.raises(DataError, match="has test, val and no folder called train"):
        load_images("folder(path=photos)")
    assert len(load_images("folder(path=photos/test)").train) == 2


def test_a_test_set_of_another_class_is_refused() -> None:
    """Its images could not be right."""
    put(*(f"train/{name}" for name in TWO), "test/bird/c.png")
    with pytest.raises(DataError, match="has class 'bird', which the training images lack"):
        load_images("folder(path=photos)")


@pytest.mark.parametrize("below", ["data", "train"])
def test_shards_in_a_folder_below_are_found(below: str) -> None:
    """As Hugging Face's hub has them: a README, and `data/` or a folder for each part."""
    rows = [{"image": png(n), "label": n % 2} for n in range(6)]
    (Path("repo") / below).mkdir(parents=True)
    Path("repo/README.md").touch()
    parquet.write_table(pa.Table.from_pylist(rows), Path("repo") / below / "train-00000-of-00001.parquet")
    assert len(load_images("repo").train) == 6


# Tables


def table(text: str | bytes, *names: str) -> None:
    """Photos with a metadata.csv of this text."""
    put(*(names or ("a.png", "b.png", "c.png")))
    Path("photos/metadata.csv").write_bytes(text if isinstance(text, bytes) else text.encode())


PLAIN = "file_name,label\na.png,cat\nb.png,dog\nc.png,cat\n"


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        b"\xef\xbb\xbf" + PLAIN.encode(),
        PLAIN.replace(",", ";"),
        PLAIN.replace(",", "\t"),
        PLAIN.replace("\n", "\r\n"),
        PLAIN.rstrip(),
        'file_name,"label"\n"a.png","cat"\n"b.png","dog"\n"c.png","cat"\n',
        "label,file_name,note\ncat,a.png,1\ndog,./b.png,\ncat,c.png,x\n",
    ],
    ids=["plain", "BOM", "semicolons", "tabs", "CRLF", "no last newline", "quoted", "more columns"],
)
def test_a_table_as_spreadsheets_write_it(text: str | bytes) -> None:
    """Whatever separates its columns and ends its lines."""
    table(text)
    train = load_images("folder(path=photos)").train
    assert names_of(train) == ["a.png", "b.png", "c.png"]
    assert [train.classes[k] for k in train.labels] == ["cat", "dog", "cat"]


def test_a_table_may_name_a_file_of_two_lines() -> None:
    """Quoted, as the csv module writes it."""
    table('file_name,label\n"two\nlines.png",cat\nb.png,dog\n', "two\nlines.png", "b.png")
    assert names_of(load_images("folder(path=photos)").train) == ["b.png", "two\nlines.png"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("file_name,label,label\na.png,cat,x\nb.png,dog,x\nc.png,cat,x\n", "has 2 columns 'label'"),
        ("file_name,label\na.png,cat\nb.png,\nc.png,cat\n", r"b\.png has no label"),
        ("file_name,label\na.png,cat\nb.png,dog,extra\nc.png,cat\n", "cannot be read as a table"),
        ("file_name,label\na.png,cat\n,dog\nb.png,cat\n", "does not lie below photos"),
        ("name;class\na.png;cat\nb.png;dog\n", r"no column 'file_name' \(it has name, class\)"),
        ("", "cannot be read as a table"),
        ("file_name,label\n", "0 rows without a file, 3 files without a row"),
        (PLAIN.encode("utf-16"), "metadata.csv"),
        (PLAIN.replace("dog", "h\u00fbnd").encode("latin-1"), "cannot be read as a table"),
        ("file_name,label\na.png,cat\na.png,dog\nb.png,cat\nc.png,dog\n", r"names the file a\.png in 2 rows"),
        (
            "file_name,label\na.png,cat\n./a.png,dog\nb.png,cat\nc.png,dog\n",
            r"names the file a\.png in 2 rows",
        ),
        ("file_name,label\n..\\a.png,cat\nb.png,dog\nc.png,dog\n", "does not lie below photos"),
    ],
)
def test_a_table_that_does_not_fit_is_refused_in_one_line(text: str | bytes, words: str) -> None:
    """What is wrong, of which file."""
    table(text)
    with pytest.raises(DataError, match=words) as refusal:
        load_images("folder(path=photos)")
    assert "metadata.csv" in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_labels_are_numbers_only_where_all_are() -> None:
    """Ten after nine; but text where one of them is a word."""
    table("file_name,label\na.png,10\nb.png,9\nc.png,10\n")
    assert load_images("folder(path=photos)").train.classes == ("9", "10")
    table("file_name,label\na.png,10\nb.png,9\nc.png,none\n")
    assert load_images("folder(path=photos)").train.classes == ("10", "9", "none")


def test_a_test_table_of_numbers_fits_a_training_table_of_words() -> None:
    """`1` is the class `1`, whether or not all labels beside it are numbers."""
    for part, labels in (("train", "1 one"), ("test", "1 1")):
        put("a.png", "b.png", root=f"photos/{part}")
        rows = "".join(f"{name}.png,{label}\n" for name, label in zip("ab", labels.split(), strict=True))
        Path(f"photos/{part}/metadata.csv").write_text(f"file_name,label\n{rows}")
    split = load_images("folder(path=photos)")
    assert split.test is not None
    assert split.test.labels.tolist() == [0, 0]


# Parquet


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


# Tar shards


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
