"""Score sheets and where their bytes live: one suite over every backend, and sheets to the last bit."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray

from memest.errors import ChangeRefusedError, FingerprintError, NonFiniteError, SheetError
from memest.store import Blobs, Header, LocalBlobs, Manifest, SheetReader, SheetWriter, block_span
from memest.store import sheet as sheet_module
from memest.store.artifacts import ArtifactBlobs, run_blobs
from memest.store.block import BlockMap
from memest.store.cache import Cache, CachedBlobs
from memest.store.manifest import Block, SheetFile
from memest.store.sheet import MANIFEST
from memest.store.tables import Columns, read_table, write_table
from memest.tracking import connect
from memest.tracking.journal import Head, Journal
from memest.tracking.journaled_run import JournaledBlobs
from memest.tracking.limits import Limits

if TYPE_CHECKING:
    from mlflow import MlflowClient

IDS = np.array([40, 7, 19, 3, 22])
FINGERPRINT = "0123456789abcdef" * 4
HEADER = Header(
    key="k" * 64,
    fingerprint=FINGERPRINT,
    order="torchvision",
    corruption="symmetric_noise(rate=0.05)",
    config={"epochs": 7, "lr": 0.1, "name": "é", "corruption_seed": None, "deterministic": True},
    count=len(IDS),
)
TRUTH: Columns = {
    "id": IDS,
    "label": np.array([0, 1, 2, 3, 4]),
    "original_label": np.array([0, 1, 2, 3, 0]),
    "changed": np.array([False, False, False, False, True]),
    "partner_id": np.full(5, -1),
}
SUMMARY: Columns = TRUTH | {"csl": np.array([0.5, 1.5, 2.5, 1e-9, 9.75])}
EPOCHS = 8
LOSS = np.random.default_rng(0).gamma(1, size=(EPOCHS, len(IDS))).astype(np.float32)
GRADIENT = np.random.default_rng(1).gamma(1, size=(EPOCHS, len(IDS))).astype(np.float32)
NORM = np.random.default_rng(2).gamma(9, size=EPOCHS)
MEASURED = [0, 3, 6, 7]
"""The epochs at which the gradient is measured; with blocks of 2 epochs one block has none."""

Opener = Callable[[], Blobs]


@pytest.fixture(scope="session")
def client(store_uri: str) -> MlflowClient:
    """A client of a real MLflow store."""
    return connect(store_uri)


@pytest.fixture(
    params=[
        "local",
        "journal",
        pytest.param("artifacts", marks=pytest.mark.mlflow),
        pytest.param("cached artifacts", marks=pytest.mark.mlflow),
    ]
)
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Opener:
    """Opens the same empty backend as often as it is called."""
    if request.param == "local":
        return lambda: LocalBlobs(tmp_path / "blobs")
    if request.param == "journal":
        head = Head("run", "http://127.0.0.1", "here")
        return lambda: JournaledBlobs(Journal(tmp_path / "journal", head, Limits()))
    client: MlflowClient = request.getfixturevalue("client")
    location = (tmp_path / "artifacts").as_uri()
    run = client.create_run(client.create_experiment(tmp_path.name, artifact_location=location))
    if request.param == "artifacts":
        return lambda: ArtifactBlobs(client, run.info.run_id)
    return lambda: run_blobs(client, run.info.run_id, tmp_path / "cache")


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


def describe(key: str) -> dict[str, Any]:
    """Unit and direction, as `memest.scores.describe` gives them."""
    return {"unit": "nats", "harder": 1, "name": key.partition("(")[0]}


def begin(blobs: Blobs, span: int = 2) -> SheetWriter:
    """A sheet with nothing in it."""
    return SheetWriter(blobs, HEADER, IDS, span, describe)


def put(sheet: SheetWriter, epochs: range | list[int]) -> None:
    """Loss and weight norm of these epochs, and the gradient where it is measured."""
    for epoch in epochs:
        near = {"input_gradient(norm=2)": GRADIENT[epoch]} if epoch in MEASURED else {}
        sheet.put(epoch, {"loss": LOSS[epoch]} | near, {"weight_norm": NORM[epoch]})


def write(blobs: Blobs, span: int = 2) -> Manifest:
    """A sealed sheet of eight epochs."""
    sheet = begin(blobs, span)
    put(sheet, range(EPOCHS))
    return sheet.seal(TRUTH, SUMMARY)


def assert_holds_all(reader: SheetReader, until: int = EPOCHS) -> None:
    """Every number that `put` gave comes back, with its epochs."""
    measured = [epoch for epoch in MEASURED if epoch < until]
    for key, epochs, values in (
        ("loss", list(range(until)), LOSS[:until]),
        ("input_gradient(norm=2)", measured, GRADIENT[measured]),
        ("scalar/weight_norm", list(range(until)), NORM[:until, None]),
    ):
        came_epochs, came = reader.trace(key)
        assert came_epochs.tolist() == epochs
        assert came.dtype == values.dtype
        np.testing.assert_array_equal(came, values)


def assert_tables_equal(came: Columns, put: Columns) -> None:
    """Names, order, types and values of the columns."""
    assert list(came) == list(put)
    for name, column in put.items():
        assert came[name].tolist() == column.tolist(), name
        assert column.dtype.kind == "U" or came[name].dtype == column.dtype, name


def files(folder: Path) -> dict[str, bytes]:
    """Every file under a folder."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_sheet_comes_back_from_every_backend(opener: Opener) -> None:
    """Scores, scalars, tables and header, over several blocks and with a key that some epochs lack."""
    manifest = write(opener())
    reader = SheetReader.open(opener())
    assert reader.manifest == manifest
    assert reader.manifest.header == HEADER
    assert_holds_all(reader)
    assert_tables_equal(reader.truth(), TRUTH)
    assert_tables_equal(reader.summary(), SUMMARY)
    assert opener().names("sheet") == [
        *(f"sheet/block-00000{first}-00000{first + 1}.safetensors" for first in (0, 2, 4, 6)),
        "sheet/manifest.json",
        "sheet/summary.parquet",
        "sheet/truth.parquet",
    ]


@pytest.mark.parametrize("span", [1, 2, 3, 5, 8, 100])
def test_the_span_of_a_block_changes_no_number(span: int, tmp_path: Path) -> None:
    """Whatever the span, the traces are the same; blocks cover the epochs without gap or overlap."""
    manifest = write(LocalBlobs(tmp_path), span)
    assert_holds_all(SheetReader.open(LocalBlobs(tmp_path)))
    assert [block.first for block in manifest.blocks] == list(range(0, EPOCHS, span))
    assert all(block.last == block.first + span - 1 for block in manifest.blocks)


def test_the_manifest_says_what_was_measured_when(tmp_path: Path) -> None:
    """Keys with their unit, direction and epochs; the weight norm is a scalar and no score."""
    manifest = write(LocalBlobs(tmp_path))
    assert manifest.scores["loss"] == describe("loss") | {"epochs": list(range(EPOCHS))}
    assert manifest.scores["input_gradient(norm=2)"]["epochs"] == MEASURED
    assert manifest.scalars == {"weight_norm": list(range(EPOCHS))}
    assert set(manifest.scores) == {"loss", "input_gradient(norm=2)"}


def test_a_key_that_starts_late_comes_back(tmp_path: Path) -> None:
    """Epochs may be missing altogether, whole blocks of them too; each key keeps its own."""
    sheet = begin(LocalBlobs(tmp_path))
    sheet.put(1, {"loss": LOSS[1]}, {})
    sheet.put(7, {"loss": LOSS[7], "margin": -LOSS[7]}, {})
    sheet.seal(TRUTH, SUMMARY)
    reader = SheetReader.open(LocalBlobs(tmp_path))
    epochs, loss = reader.trace("loss")
    assert epochs.tolist() == [1, 7]
    np.testing.assert_array_equal(loss, LOSS[[1, 7]])
    assert reader.trace("margin")[0].tolist() == [7]
    assert [(b.first, b.last) for b in reader.manifest.blocks] == [(0, 1), (6, 7)]


def test_the_same_scores_give_the_same_bytes(tmp_path: Path) -> None:
    """Every file of two sheets of the same run is identical, and writing again into one changes nothing."""
    write(LocalBlobs(tmp_path / "one"))
    write(LocalBlobs(tmp_path / "two"))
    first = files(tmp_path / "one")
    assert len(first) == 7
    assert files(tmp_path / "two") == first
    write(LocalBlobs(tmp_path / "one"))
    assert files(tmp_path / "one") == first


def test_a_sealed_sheet_refuses_other_scores(tmp_path: Path) -> None:
    """The same run with one number changed does not overwrite what is there."""
    write(LocalBlobs(tmp_path))
    before = files(tmp_path)
    sheet = begin(LocalBlobs(tmp_path))
    with pytest.raises(SheetError, match=r"block-000000-000001.* is kept already with other bytes"):
        for epoch in range(3):
            sheet.put(epoch, {"loss": LOSS[epoch] + 1}, {})
    assert files(tmp_path) == before


def test_a_sheet_can_be_read_before_it_is_sealed(tmp_path: Path) -> None:
    """Summaries are made from the writer's own reader, its unfinished block included."""
    sheet = begin(LocalBlobs(tmp_path), span=3)
    for epoch in range(EPOCHS):
        put(sheet, [epoch])
        assert_holds_all(sheet.reader(), until=epoch + 1)


@pytest.mark.parametrize("died_after", range(EPOCHS))
def test_a_writer_goes_on_where_another_stopped(died_after: int, tmp_path: Path) -> None:
    """Whichever epoch was the last, the finished sheet has the same bytes."""
    sheet = begin(LocalBlobs(tmp_path / "sheet"), span=3)
    put(sheet, range(died_after + 1))
    state = sheet.state()
    again = begin(LocalBlobs(tmp_path / "sheet"), span=3)
    again.restore(state)
    assert again.state() == state
    assert again.latest == died_after
    put(again, range(died_after + 1, EPOCHS))
    again.seal(TRUTH, SUMMARY)
    write(LocalBlobs(tmp_path / "undisturbed"), span=3)
    assert files(tmp_path / "sheet") == files(tmp_path / "undisturbed")


def test_a_state_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    """Bytes that are no state, and a state whose block is damaged or gone."""
    sheet = begin(LocalBlobs(tmp_path / "sheet"))
    put(sheet, range(5))
    state = sheet.state()
    for bad in (b"", b"{}", state[:40], state[:-1], b"\xff" * 64):
        with pytest.raises(SheetError, match="the state of a sheet"):
            begin(LocalBlobs(tmp_path / "sheet")).restore(bad)
    with pytest.raises(SheetError, match=r"block-000000-000001.safetensors is not in"):
        begin(LocalBlobs(tmp_path / "elsewhere")).restore(state)


def test_the_writer_keeps_a_copy(tmp_path: Path) -> None:
    """An array that its owner fills again for the next epoch does not change what was put."""
    sheet = begin(LocalBlobs(tmp_path))
    reused = np.zeros(len(IDS), np.float32)
    for epoch in range(EPOCHS):
        reused[:] = LOSS[epoch]
        sheet.put(epoch, {"loss": reused}, {})
    reused[:] = -1
    np.testing.assert_array_equal(sheet.reader().trace("loss")[1], LOSS)


def bad(position: int, value: float, kind: type[np.floating[Any]] = np.float32) -> NDArray[Any]:
    """Scores of epoch 3, one of them `value`."""
    scores = LOSS[3].astype(kind)
    scores[position] = value
    return scores


@pytest.mark.parametrize(
    ("epoch", "scores", "error", "words"),
    [
        (2, {"loss": LOSS[2]}, SheetError, "epochs must come in order: 2 came after 2"),
        (0, {"loss": LOSS[0]}, SheetError, "epochs must come in order: 0 came after 2"),
        (3, {"loss": LOSS[3, :4]}, SheetError, r"loss must have shape \(5,\), not \(4,\)"),
        (3, {"loss": LOSS[3:4]}, SheetError, r"not \(1, 5\)"),
        (3, {"loss": bad(1, np.nan)}, NonFiniteError, r"loss .* epoch 3 for 1 examples \(ids 7\)"),
        (3, {"loss": bad(4, -np.inf)}, NonFiniteError, r"epoch 3 for 1 examples \(ids 22\)"),
        (3, {"loss": bad(0, 1e39, np.float64)}, NonFiniteError, r"\(ids 40\)"),
        (3, {"loss": LOSS[3], "margin": LOSS[3] * np.nan}, NonFiniteError, r"margin .* for 5 examples"),
        (9, {"loss": LOSS[3], "margin": LOSS[3] * np.nan}, NonFiniteError, "epoch 9"),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
def test_an_epoch_that_does_not_fit_leaves_the_sheet_intact(
    epoch: int, scores: dict[str, NDArray[Any]], error: type[Exception], words: str, tmp_path: Path
) -> None:
    """Wrong order, shape or a value that is not finite: nothing of the epoch is kept, and work can go on."""
    sheet = begin(LocalBlobs(tmp_path / "sheet"))
    put(sheet, range(3))
    with pytest.raises(error, match=words):
        sheet.put(epoch, scores, {"weight_norm": 1.0})
    assert_holds_all(sheet.reader(), until=3)
    put(sheet, range(3, EPOCHS))
    sheet.seal(TRUTH, SUMMARY)
    write(LocalBlobs(tmp_path / "undisturbed"))
    assert files(tmp_path / "sheet") == files(tmp_path / "undisturbed")


def test_a_sheet_without_a_manifest_is_unfinished(tmp_path: Path) -> None:
    """Whoever opens a sheet whose run died is told to run the command again."""
    put(begin(LocalBlobs(tmp_path)), range(EPOCHS))
    assert len(files(tmp_path)) == 3
    with pytest.raises(
        SheetError, match=r"no sheet/manifest.json: the run did not finish.*run its command again"
    ):
        SheetReader.open(LocalBlobs(tmp_path))
    with pytest.raises(SheetError, match=r"no sheet/manifest.json"):
        SheetReader.open(LocalBlobs(tmp_path / "nowhere"))


def read_all(reader: SheetReader) -> None:
    """Read everything a sheet holds."""
    for key in [*reader.manifest.scores, "scalar/weight_norm"]:
        reader.trace(key)
    reader.truth()
    reader.summary()


@pytest.mark.parametrize("damage", ["one bit", "cut", "longer", "empty"])
@pytest.mark.parametrize(
    "name",
    [
        "block-000000-000001.safetensors",
        "block-000006-000007.safetensors",
        "truth.parquet",
        "summary.parquet",
    ],
)
def test_a_damaged_part_is_named(name: str, damage: str, tmp_path: Path) -> None:
    """One flipped bit anywhere, or a byte more or less, and the part is refused by its name."""
    write(LocalBlobs(tmp_path))
    path = tmp_path / "sheet" / name
    whole = path.read_bytes()
    middle = len(whole) // 2
    path.write_bytes(
        {
            "one bit": whole[:middle] + bytes([whole[middle] ^ 4]) + whole[middle + 1 :],
            "cut": whole[:-1],
            "longer": whole + b"\0",
            "empty": b"",
        }[damage]
    )
    with pytest.raises(SheetError, match=f"sheet/{name} is damaged"):
        read_all(SheetReader.open(LocalBlobs(tmp_path)))
    path.unlink()
    with pytest.raises(SheetError, match=name):
        read_all(SheetReader.open(LocalBlobs(tmp_path)))


def test_other_labels_are_refused(tmp_path: Path) -> None:
    """Scores are read only beside the images and labels they were measured against; both are named."""
    write(LocalBlobs(tmp_path))
    reader = SheetReader.open(LocalBlobs(tmp_path))
    reader.require(FINGERPRINT, "scoring")
    foreign = "f" * 64
    with pytest.raises(FingerprintError, match=f"scoring: .*{FINGERPRINT[:16]}.*{foreign[:16]}"):
        reader.require(foreign, "scoring")


def test_a_score_that_was_not_measured_is_refused(tmp_path: Path) -> None:
    """The message lists what the sheet has."""
    write(LocalBlobs(tmp_path))
    with pytest.raises(
        SheetError, match=r"no 'margin' \(it has input_gradient.*, loss, scalar/weight_norm\)"
    ):
        SheetReader.open(LocalBlobs(tmp_path)).trace("margin")


def test_a_block_is_as_large_as_fits() -> None:
    """At most 32 MB of scores, unless one epoch alone is more; never more epochs than there are."""
    limit = 32 * 2**20
    for count in (1, 1438, 50_000, 1_281_167, 10**8):
        for keys in (0, 1, 9, 40):
            for epochs in (1, 2, 31, 201):
                span = block_span(count, keys, epochs)
                assert 1 <= span <= epochs
                assert span == 1 or span * 4 * count * max(keys, 1) <= limit
                assert span == epochs or (span + 1) * 4 * count * max(keys, 1) > limit


MANIFESTED = Manifest(
    header=replace(HEADER, source_run="0a1b"),
    scores={"loss": {"unit": "nats", "harder": 1, "epochs": [0, 1]}},
    scalars={"weight_norm": [0, 1]},
    blocks=[Block(SheetFile.of("sheet/block-000000-000001.safetensors", b"one"), 0, 1)],
    tables={"truth": SheetFile.of("sheet/truth.parquet", b"two")},
)


def test_a_manifest_is_json_and_back() -> None:
    """Nothing is lost, equal manifests give equal bytes, and any JSON reader can read them."""
    content = MANIFESTED.to_json()
    again = Manifest.from_json(content)
    assert again == MANIFESTED
    assert again.to_json() == content
    assert replace(MANIFESTED, tables=dict(reversed(MANIFESTED.tables.items()))).to_json() == content
    assert json.loads(content)["header"]["fingerprint"] == FINGERPRINT


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda raw: raw | {"format": 99}, "has format 99; this version reads 1"),
        (lambda raw: {k: v for k, v in raw.items() if k != "blocks"}, "cannot be read .*blocks"),
        (lambda raw: raw | {"header": {"key": "k"}}, "cannot be read"),
        (lambda raw: raw | {"tables": []}, "cannot be read"),
        (lambda raw: [raw], "cannot be read"),
    ],
)
def test_a_manifest_that_cannot_be_read_is_refused(change: Callable[[Any], Any], words: str) -> None:
    """Another format, a missing part or something else altogether: an error of the sheet."""
    with pytest.raises(SheetError, match=words):
        Manifest.from_json(json.dumps(change(json.loads(MANIFESTED.to_json()))).encode())
    for torn in (b"", MANIFESTED.to_json()[:-9], b"\xff\xfe"):
        with pytest.raises(SheetError, match="cannot be read"):
            Manifest.from_json(torn)


def test_the_manifest_is_written_last(tmp_path: Path) -> None:
    """It hashes every other file of the sheet, so that a sheet with a manifest is whole."""
    manifest = write(LocalBlobs(tmp_path))
    parts = [block.part for block in manifest.blocks] + list(manifest.tables.values())
    assert {part.name for part in parts} | {MANIFEST} == set(files(tmp_path))
    for part in parts:
        assert SheetFile.of(part.name, (tmp_path / part.name).read_bytes()) == part
    assert files(tmp_path)[MANIFEST] == manifest.to_json()


COLUMNS: Columns = {
    "id": np.array([3, 1, 2**62]),
    "small": np.array([-1, 0, 1], np.int8),
    "changed": np.array([True, False, True]),
    "csl": np.array([0.1, -1e300, 5e-324]),
    "loss": np.array([0.1, 1e-45, -0.0], np.float32),
    "class": np.array(["cat", "", "Ünïcødé, “quoted”"]),
}


def test_a_table_comes_back_column_by_column() -> None:
    """Whole numbers, truth values, numbers and text keep type and value; equal tables are equal bytes."""
    content = write_table(COLUMNS)
    assert_tables_equal(read_table(content), COLUMNS)
    assert write_table({name: column.copy() for name, column in COLUMNS.items()}) == content
    assert_tables_equal(read_table(content, ["csl", "id"]), {k: COLUMNS[k] for k in ("csl", "id")})
    assert read_table(write_table({"id": IDS[:0]}))["id"].tolist() == []


def test_a_table_that_cannot_be_read_is_refused() -> None:
    """A column that is not there, and bytes that are not parquet."""
    with pytest.raises(SheetError, match="no column 'aum'"):
        read_table(write_table(COLUMNS), ["id", "aum"])
    for content in (b"", b"PAR1", b"id,label\n1,2\n", write_table(COLUMNS)[:-20]):
        with pytest.raises(SheetError, match="a table of the sheet cannot be read"):
            read_table(content)


def test_stretches_cover_every_example_once_and_read_the_same_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sheet too large for memory is read a stretch of examples at a time, its unfinished block too."""
    monkeypatch.setattr(sheet_module, "_STRETCH_BYTES", 4 * 12 * 2)
    sheet = begin(LocalBlobs(tmp_path), 3)
    put(sheet, range(EPOCHS))
    reader = sheet.reader()
    stretches = reader.stretches()
    assert len(stretches) > 1
    assert [n for part in stretches for n in range(part.start, part.stop)] == list(range(len(IDS)))
    parts = [reader.trace("loss", part)[1] for part in stretches]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), LOSS)
    assert all(reader.trace("scalar/weight_norm", part)[1].shape == (EPOCHS, 1) for part in stretches)


def test_a_file_that_is_no_block_is_refused() -> None:
    """Bytes whose header is not a safetensors header are named, whatever they are."""
    for content in (b"", b"12345678", b"\x02\0\0\0\0\0\0\0[]", b'\x09\0\0\0\0\0\0\0{"a":{}} '):
        with pytest.raises(SheetError, match="block-7"):
            BlockMap("block-7", content)


def test_the_library_reads_every_block(tmp_path: Path) -> None:
    """Blocks are safetensors to the letter: the library finds the same tensors, scalars and metadata."""
    from safetensors import safe_open

    manifest = write(LocalBlobs(tmp_path), 3)
    with safe_open(tmp_path / manifest.blocks[1].part.name, "numpy") as block:
        assert json.loads(block.metadata()["epochs"])["loss"] == [3, 4, 5]
        np.testing.assert_array_equal(block.get_tensor("loss"), LOSS[3:6])
        np.testing.assert_array_equal(block.get_tensor("input_gradient(norm=2)"), GRADIENT[[3]])
        np.testing.assert_array_equal(block.get_tensor("scalar/weight_norm"), NORM[3:6])
        assert set(block.keys()) == {"loss", "input_gradient(norm=2)", "scalar/weight_norm"}
