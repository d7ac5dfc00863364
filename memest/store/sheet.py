"""Score sheets: every score of every example at every epoch, in immutable blocks of epochs.

    sheet/block-000000-000019.safetensors   by key: (epochs, N) float32; scalars (epochs,) float64
    sheet/truth.parquet                     what the corruption did
    sheet/summary.parquet                   one row per example; read this first
    sheet/evaluation.json                   how well the summaries find what was changed, where something was
    sheet/manifest.json                     written last: without it a sheet is unfinished

Depends on numpy, `block` and `blobs`; never on torch. Axes: E epochs, N examples.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memest.errors import FingerprintError, NonFiniteError, SheetError
from memest.store.blobs import Blobs
from memest.store.block import BlockMap, pack, unpack
from memest.store.manifest import Block, Header, Manifest, Part
from memest.store.tables import Columns, read_table, table_names, write_table

FOLDER = "sheet"
MANIFEST = f"{FOLDER}/manifest.json"
_BLOCK_BYTES = 32 << 20
_STRETCH_BYTES = 64 << 20
_SCALAR = "scalar/"
_LENGTH = 8


def block_span(count: int, keys: int, epochs: int) -> int:
    """Epochs per block: as many as fit in 32 MB, at least 1, at most all; decided by the configuration.

    Args:
        count: N.
        keys: scores per epoch.
        epochs: how many will come, epoch 0 included.
    """
    return max(1, min(epochs, _BLOCK_BYTES // (4 * count * max(keys, 1))))


class SheetWriter:
    """A sheet being written, epoch by epoch.

    Args:
        blobs: where to.
        header: what the sheet is about.
        ids: (N,) int64, the order of every column.
        span: epochs per block.
        describe: unit and direction of a score, for the manifest.

    Attributes:
        latest: the epoch that was put last, -1 before the first.
    """

    def __init__(
        self,
        blobs: Blobs,
        header: Header,
        ids: NDArray[np.int64],
        span: int,
        describe: Callable[[str], dict[str, Any]],
    ) -> None:
        self._blobs, self._header, self._ids = blobs, header, ids
        self._span, self._describe = span, describe
        self._pending: dict[str, dict[int, NDArray[Any]]] = {}
        self._first = 0
        self._epochs: dict[str, list[int]] = {}
        self._blocks: list[Block] = []
        self._kept: list[Part] = []
        self.latest = -1

    def put(
        self, epoch: int, scores: Mapping[str, NDArray[np.float32]], scalars: Mapping[str, float]
    ) -> None:
        """Keep one epoch: scores (N,) float32 by key, in the order of the ids, and per-epoch numbers.

        Raises:
            SheetError: the epoch is not after the last one, or a column has the wrong length.
            NonFiniteError: a score is NaN or infinite; nothing of this epoch is kept.
        """
        if epoch <= self.latest:
            raise SheetError(f"epochs must come in order: {epoch} came after {self.latest}")
        columns = {key: values.astype(np.float32) for key, values in scores.items()}  # a copy
        for key, values in columns.items():
            if values.shape != self._ids.shape:
                raise SheetError(f"{key} must have shape {self._ids.shape}, not {values.shape}")
            if not (finite := np.isfinite(values)).all():
                raise NonFiniteError(key, epoch, self._ids[~finite].tolist())
        while epoch >= self._first + self._span:
            self._close_block()
        numbers = {f"{_SCALAR}{key}": np.float64(value) for key, value in scalars.items()}
        for key, value in (columns | numbers).items():
            self._pending.setdefault(key, {})[epoch] = np.asarray(value)
            self._epochs.setdefault(key, []).append(epoch)
        self.latest = epoch

    def keep(self, name: str, content: bytes) -> None:
        """Keep a file of the run that is no part of the table; the manifest will have its hash."""
        self._blobs.put(name, content)
        self._kept.append(Part.of(name, content))

    @property
    def full(self) -> bool:
        """Whether the next epoch begins another block: what waits will be written as it is."""
        return self.latest == self._first + self._span - 1

    def state(self) -> bytes:
        """What it takes to go on with the sheet after the latest epoch, the unfinished block included."""
        facts = {
            "first": self._first,
            "latest": self.latest,
            "epochs": self._epochs,
            "blocks": [asdict(block) for block in self._blocks],
            "kept": [asdict(part) for part in self._kept],
            "rows": {key: list(rows) for key, rows in self._pending.items()},
        }
        text = json.dumps(facts).encode()
        return b"".join([len(text).to_bytes(_LENGTH, "little"), text, pack(self._pending)])

    def restore(self, state: bytes) -> None:
        """Go on from what `state` gave, in a new writer of the same sheet.

        Raises:
            SheetError: it cannot be read, or a block it speaks of is damaged or gone.
        """
        start = _LENGTH + int.from_bytes(state[:_LENGTH], "little")
        rows = unpack("the state of a sheet", state[start:])
        try:
            facts = json.loads(state[_LENGTH:start])
            pending = {
                key: dict(zip(epochs, rows[key], strict=True)) for key, epochs in facts["rows"].items()
            }
            blocks = [Block(Part(**b["part"]), b["first"], b["last"]) for b in facts["blocks"]]
            first, latest, epochs = facts["first"], facts["latest"], facts["epochs"]
            kept = [Part(**part) for part in facts["kept"]]
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            raise SheetError(f"the state of a sheet cannot be read ({type(error).__name__})") from error
        for block in blocks:
            block.part.read(self._blobs)
        self._first, self.latest, self._epochs = first, latest, epochs
        self._blocks, self._pending, self._kept = blocks, pending, kept

    def seal(self, truth: Columns, summary: Columns, evaluation: bytes | None = None) -> Manifest:
        """Write the last block, the tables and, last of all, the manifest.

        Args:
            truth: columns id, label, original_label, changed, partner_id, (N,) each.
            summary: one row per example.
            evaluation: how well the summaries find what was changed; None where there is nothing to find.
        """
        self._close_block()
        contents = {"truth.parquet": write_table(truth), "summary.parquet": write_table(summary)}
        if evaluation is not None:
            contents["evaluation.json"] = evaluation
        tables = {}
        for name, content in contents.items():
            part = Part.of(f"{FOLDER}/{name}", content)
            tables[name.partition(".")[0]] = part
            self._blobs.put(part.name, content)
        manifest = self._manifest(tables)
        self._blobs.put(MANIFEST, manifest.to_json())
        return manifest

    def reader(self) -> SheetReader:
        """The sheet so far, its unfinished block included, for summaries before it is sealed."""
        unfinished = {key: np.stack(list(rows.values())) for key, rows in sorted(self._pending.items())}
        return SheetReader(self._blobs, self._manifest({}), unfinished)

    def _manifest(self, tables: dict[str, Part]) -> Manifest:
        scores = {key: epochs for key, epochs in self._epochs.items() if not key.startswith(_SCALAR)}
        return Manifest(
            header=self._header,
            scores={key: self._describe(key) | {"epochs": list(epochs)} for key, epochs in scores.items()},
            scalars={
                key.removeprefix(_SCALAR): list(epochs)
                for key, epochs in self._epochs.items()
                if key.startswith(_SCALAR)
            },
            blocks=list(self._blocks),
            tables=tables,
            kept=list(self._kept),
        )

    def _close_block(self) -> None:
        last = self._first + self._span - 1
        if self._pending:
            name = f"{FOLDER}/block-{self._first:06d}-{last:06d}.safetensors"
            content = pack(self._pending)
            with ThreadPoolExecutor(1) as aside:  # hashing takes as long as writing
                part = aside.submit(Part.of, name, content)
                self._blobs.put(name, content)
            self._blocks.append(Block(part.result(), self._first, last))
        self._pending, self._first = {}, last + 1


class SheetReader:
    """A sheet being read: every part is verified against its hash."""

    def __init__(
        self, blobs: Blobs, manifest: Manifest, unfinished: dict[str, NDArray[Any]] | None = None
    ) -> None:
        self._blobs = blobs
        self.manifest = manifest
        self._unfinished = unfinished or {}
        self._maps: dict[str, BlockMap] = {}
        self._verified: set[str] = set()

    @classmethod
    def open(cls, blobs: Blobs) -> SheetReader:
        """The finished sheet in `blobs`.

        Raises:
            SheetError: it has no manifest, so it is unfinished; or the manifest cannot be read.
        """
        if MANIFEST not in blobs.names(FOLDER):
            raise SheetError(
                f"there is no {MANIFEST}: the run did not finish, or its files were deleted since; run its "
                "command again"
            )
        return cls(blobs, Manifest.from_json(blobs.get(MANIFEST)))

    def require(self, fingerprint: str, what: str) -> None:
        """Refuse any images and labels but those that were measured.

        Raises:
            FingerprintError: naming both fingerprints.
        """
        if fingerprint != self.manifest.header.fingerprint:
            raise FingerprintError(self.manifest.header.fingerprint, fingerprint, what)

    def stretches(self) -> list[slice]:
        """The examples in stretches whose traces fit into 64 MB, all keys together: one, for most sheets."""
        rows = sum(len(entry["epochs"]) for entry in self.manifest.scores.values())
        count, length = self.manifest.header.count, max(1, _STRETCH_BYTES // (4 * max(rows, 1)))
        return [slice(start, min(start + length, count)) for start in range(0, count, length)]

    def trace(self, key: str, examples: slice = slice(None)) -> tuple[NDArray[np.int64], NDArray[Any]]:
        """Epochs (E,) and values of a score, (E, N) float32, or of `scalar/<name>`, (E, 1) float64.

        Args:
            key: of a score, or `scalar/<name>`.
            examples: a stretch of the N; only its bytes are read, of blocks that were verified whole once.

        Raises:
            SheetError: it was not measured, or a block is damaged.
        """
        known = {
            **{name: entry["epochs"] for name, entry in self.manifest.scores.items()},
            **{f"{_SCALAR}{name}": epochs for name, epochs in self.manifest.scalars.items()},
        }
        if key not in known:
            raise SheetError(f"the sheet has no {key!r} (it has {', '.join(sorted(known))})")
        per_example = not key.startswith(_SCALAR)
        maps = [self._map(block) for block in self.manifest.blocks]
        parts = [held.read(key, examples, self._blobs) for held in maps if key in held]
        if key in self._unfinished:
            rows = self._unfinished[key]
            parts.append(rows[:, examples] if per_example else rows)
        values = np.concatenate(parts)
        return np.asarray(known[key], np.int64), values if per_example else values[:, None]

    def epochs(self) -> Iterator[tuple[int, dict[str, NDArray[np.float32]]]]:
        """Every measured epoch of a finished sheet and its scores, (N,) by key; read block by block."""
        for block in self.manifest.blocks:
            held, rows = self._map(block), dict[int, dict[str, NDArray[np.float32]]]()
            for key, entry in self.manifest.scores.items():
                within = [epoch for epoch in entry["epochs"] if block.first <= epoch <= block.last]
                values: Iterable[NDArray[Any]] = held.read(key, slice(None), self._blobs) if within else []
                for epoch, row in zip(within, values, strict=True):
                    rows.setdefault(epoch, {})[key] = row
            yield from sorted(rows.items())

    def kept(self, name: str) -> bytes:
        """A file of the run that the writer was told to keep, verified.

        Raises:
            SheetError: there is none of this name, or it is damaged.
        """
        for part in self.manifest.kept:
            if part.name == name:
                return part.read(self._blobs)
        raise SheetError(f"the run kept no {name!r} (it has {[part.name for part in self.manifest.kept]})")

    def truth(self) -> Columns:
        """What the corruption did: columns id, label, original_label, changed, partner_id."""
        return read_table(self._table("truth"))

    def summary(self, columns: Sequence[str] | None = None) -> Columns:
        """One row per example: id, labels, truth and every summary, or only the columns asked for."""
        return read_table(self._table("summary"), columns)

    def summary_names(self) -> list[str]:
        """The columns of the summary table, none of which is read."""
        return table_names(self._table("summary"))

    def evaluation(self) -> bytes | None:
        """What the run stored of how well its summaries find what was changed; None where it stored nothing.

        Raises:
            SheetError: it is damaged.
        """
        return self._table("evaluation") if "evaluation" in self.manifest.tables else None

    def _table(self, name: str) -> bytes:
        """The bytes of a table, which are verified the first time."""
        part = self.manifest.tables[name]
        if name in self._verified:
            return self._blobs.read(part.name, 0, part.size)
        content = part.read(self._blobs)
        self._verified.add(name)
        return content

    def _map(self, block: Block) -> BlockMap:
        """Where the tensors of a block lie; the block is verified whole the first time."""
        name = block.part.name
        if name not in self._maps:
            self._maps[name] = BlockMap(name, block.part.read(self._blobs))
        return self._maps[name]
