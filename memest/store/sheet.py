"""Score sheets: every score of every example at every epoch, in immutable blocks of epochs.

    sheet/block-000000-000019.safetensors   by key: (epochs, N) float32; scalars (epochs,) float64
    sheet/truth.parquet                     what the corruption did
    sheet/summary.parquet                   one row per example; read this first
    sheet/evaluation.json                   how well the summaries find what was changed, where something was
    sheet/manifest.json                     written last: without it a sheet is unfinished

This is how a sheet is read. Axes: E epochs, N examples.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memest.errors import FingerprintError, SheetError
from memest.store.blobs import Blobs
from memest.store.block import BlockMap
from memest.store.manifest import Block, Manifest
from memest.store.tables import Columns, read_table, table_names

FOLDER = "sheet"
MANIFEST = f"{FOLDER}/manifest.json"
SCALAR = "scalar/"
"""What the keys of per-epoch numbers begin with."""
_STRETCH_BYTES = 64 << 20


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
        try:
            content = blobs.get(MANIFEST)
        except SheetError as error:
            if MANIFEST in blobs.names(FOLDER):
                raise
            raise SheetError(
                f"there is no {MANIFEST}: the run did not finish, or its files were deleted since; run its "
                "command again"
            ) from error
        return cls(blobs, Manifest.from_json(content))

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

    @property
    def measured(self) -> dict[str, list[int]]:
        """The keys of all scores and of `scalar/<name>`, each with the epochs at which it was measured."""
        return {name: entry["epochs"] for name, entry in self.manifest.scores.items()} | {
            f"{SCALAR}{name}": epochs for name, epochs in self.manifest.scalars.items()
        }

    def trace(self, key: str, examples: slice = slice(None)) -> tuple[NDArray[np.int64], NDArray[Any]]:
        """Epochs (E,) and values of a score, (E, N) float32, or of `scalar/<name>`, (E, 1) float64.

        Args:
            key: one of `measured`, with all of its settings: `input_gradient(norm=2)`.
            examples: a stretch of the N; only its bytes are read, of blocks that were verified whole once.

        Raises:
            SheetError: it was not measured, or a block is damaged.
        """
        known = self.measured
        if key not in known:
            raise SheetError(f"the sheet has no {key!r} (it has {', '.join(sorted(known))})")
        per_example = not key.startswith(SCALAR)
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
