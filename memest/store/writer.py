"""How a score sheet is written: epoch by epoch, a block whenever one is full, the manifest last.

Axes: N examples.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memest.errors import NonFiniteError, SheetError
from memest.store.blobs import Blobs
from memest.store.block import pack, unpack
from memest.store.manifest import Block, Header, Manifest, SheetFile
from memest.store.sheet import FOLDER, MANIFEST, SCALAR, SheetReader
from memest.store.tables import Columns, write_table

_BLOCK_BYTES = 32 << 20
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
        header: may be replaced before the sheet is sealed.
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
        self._blobs, self.header, self._ids = blobs, header, ids
        self._span, self._describe = span, describe
        self._pending: dict[str, dict[int, NDArray[Any]]] = {}
        self._first = 0
        self._epochs: dict[str, list[int]] = {}
        self._blocks: list[Block] = []
        self._kept: list[SheetFile] = []
        self.latest = -1

    def put(
        self,
        epoch: int,
        scores: Mapping[str, NDArray[np.float32]],
        scalars: Mapping[str, float],
        unseen: Mapping[str, NDArray[np.bool_]] | None = None,
    ) -> None:
        """Keep one epoch: scores (N,) float32 by key, in the order of the ids, and per-epoch numbers.

        Args:
            epoch: after the last one.
            scores: NaN where `unseen`, finite elsewhere.
            scalars: numbers of the epoch as a whole.
            unseen: (N,) by key, the examples that a partial epoch left out; no key: there are none.

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
            finite = np.isfinite(values) | (unseen or {}).get(key, False)
            if not finite.all():
                raise NonFiniteError(key, epoch, self._ids[~finite].tolist())
        while epoch >= self._first + self._span:
            self._close_block()
        numbers = {f"{SCALAR}{key}": np.float64(value) for key, value in scalars.items()}
        for key, value in (columns | numbers).items():
            self._pending.setdefault(key, {})[epoch] = np.asarray(value)
            self._epochs.setdefault(key, []).append(epoch)
        self.latest = epoch

    def keep(self, name: str, content: bytes) -> None:
        """Keep a file of the run that is no part of the table; the manifest will have its hash."""
        self._blobs.put(name, content)
        self._kept.append(SheetFile.of(name, content))

    @property
    def full(self) -> bool:
        """Whether the next epoch begins another block: what waits will be written as it is."""
        return self.latest == self._first + self._span - 1

    def state(self) -> bytes:
        """What it takes to go on with the sheet after the latest epoch, the unfinished block included."""
        facts = {
            "commit": self.header.commit,
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
        """Go on from what `state` gave, in a new writer of the same sheet; its commit stays.

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
            blocks = [Block(SheetFile(**b["part"]), b["first"], b["last"]) for b in facts["blocks"]]
            first, latest, epochs = facts["first"], facts["latest"], facts["epochs"]
            kept = [SheetFile(**part) for part in facts["kept"]]
            header = replace(self.header, commit=facts.get("commit", self.header.commit))
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            raise SheetError(f"the state of a sheet cannot be read ({type(error).__name__})") from error
        for block in blocks:
            block.part.read(self._blobs)
        self._first, self.latest, self._epochs = first, latest, epochs
        self._blocks, self._pending, self._kept = blocks, pending, kept
        self.header = header

    def seal(self, truth: Columns, summary: Columns, evaluation: bytes | None = None) -> Manifest:
        """Write the last block, the tables and, last of all, the manifest.

        A manifest that a writer of another commit has written stays, where they differ in nothing else.

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
            part = SheetFile.of(f"{FOLDER}/{name}", content)
            tables[name.partition(".")[0]] = part
            self._blobs.put(part.name, content)
        manifest = self._as_before(self._manifest(tables))
        self._blobs.put(MANIFEST, manifest.to_json())
        return manifest

    def reader(self) -> SheetReader:
        """The sheet so far, its unfinished block included, for summaries before it is sealed."""
        unfinished = {key: np.stack(list(rows.values())) for key, rows in sorted(self._pending.items())}
        return SheetReader(self._blobs, self._manifest({}), unfinished)

    def _as_before(self, manifest: Manifest) -> Manifest:
        """The one that is there already, of a process that died after it, if only the commit is another."""
        if MANIFEST not in self._blobs.names(FOLDER):
            return manifest
        before = Manifest.from_json(self._blobs.get(MANIFEST))
        header = replace(manifest.header, commit=before.header.commit)
        same = replace(manifest, header=header).to_json() == before.to_json()
        return before if same else manifest

    def _manifest(self, tables: dict[str, SheetFile]) -> Manifest:
        scores = {key: epochs for key, epochs in self._epochs.items() if not key.startswith(SCALAR)}
        return Manifest(
            header=self.header,
            scores={key: self._describe(key) | {"epochs": list(epochs)} for key, epochs in scores.items()},
            scalars={
                key.removeprefix(SCALAR): list(epochs)
                for key, epochs in self._epochs.items()
                if key.startswith(SCALAR)
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
                part = aside.submit(SheetFile.of, name, content)
                self._blobs.put(name, content)
            self._blocks.append(Block(part.result(), self._first, last))
        self._pending, self._first = {}, last + 1
