"""A recording on this machine's disk: a sheet in a folder, from its first epoch to its seal.

Axes: N examples.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import uuid
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from memest.errors import NonFiniteError, SettingError, UnseenError
from memest.files import write_whole
from memest.grammar.spec import SEEN, is_online
from memest.recorder.examples import Examples
from memest.scores import describe
from memest.store import Header, LocalBlobs, SheetReader, SheetWriter, block_span
from memest.store.tables import Columns
from memest.summaries import Trace, summarise_all
from memest.training import checkpoint
from memest.version import commit

VISITS = f"{SEEN}visits"
"""How often each example was seen in an epoch; stored where that is not once each."""
_SPAN = 1000
"""Epochs that a block is planned for; how many will come is not known."""
_STATE = "recording.pt"


class Recording:
    """Epochs of a recording, kept block by block in a folder.

    Args:
        examples: that it is about.
        scores: how many scores an epoch has.
        folder: where; None: a temporary folder, gone with the process.

    Raises:
        SettingError: the folder holds a recording already.
    """

    def __init__(self, examples: Examples, scores: int, folder: Path | None) -> None:
        self._examples = examples
        self._temporary = tempfile.TemporaryDirectory(prefix="memest-") if folder is None else None
        self.folder = folder or Path(self._temporary.name if self._temporary else "")
        self._blobs = LocalBlobs(self.folder)
        self.identity = uuid.uuid4().hex
        header = Header("", "", "recording", "none", {}, len(examples), commit=commit())
        span = block_span(len(examples), 2 * scores, _SPAN)
        self._sheet = SheetWriter(self._blobs, header, examples.ids, span, _described)
        self.metrics: dict[int, dict[str, float]] = {}

    def require_new(self) -> None:
        """Refuse a folder that holds a recording already.

        Raises:
            SettingError: it does.
        """
        if (self.folder / _STATE).exists() or self._blobs.names("sheet"):
            raise SettingError(
                f"{self.folder} holds a recording already: go on with it by Recorder.resume(folder, …), or "
                "give another folder"
            )

    @property
    def latest(self) -> int:
        """The last epoch, 0 before the first."""
        return max(0, self._sheet.latest)

    def put(
        self,
        epoch: int,
        columns: Mapping[str, NDArray[np.float32]],
        visits: NDArray[np.int32],
        passed: NDArray[np.int32],
    ) -> None:
        """Keep an epoch.

        Args:
            epoch: after the last one.
            columns: (N,) by key, NaN where there was no visit.
            visits: (N,) how often each example was seen.
            passed: (N,) how often it came in the clean pass, whose keys are those without `seen/`.

        Raises:
            NonFiniteError: a value is NaN or infinite; nothing of this epoch is kept.
        """
        unseen = {key: (visits if is_online(key) else passed) == 0 for key in columns}
        for key, values in columns.items():
            if (broken := ~np.isfinite(values) & ~unseen[key]).any():
                raise NonFiniteError(key, epoch, self._examples.called(broken))
        once = bool((visits == 1).all()) and VISITS not in self._sheet.reader().manifest.scores
        counts = {} if once else {VISITS: visits.astype(np.float32)}
        self._sheet.put(epoch, dict(columns) | counts, {}, unseen)
        self.metrics[epoch] = _means(columns)

    def reader(self) -> SheetReader:
        """The sheet so far."""
        return self._sheet.reader()

    def summaries(self) -> Columns:
        """Every summary that the recording can answer, (N,) float64 by name.

        An epoch in which an example was not seen counts with the mean of those in which it was.

        Raises:
            UnseenError: no epoch has ended, or an example was never seen.
        """
        if self.latest == 0:
            raise UnseenError("no epoch has ended yet: call end_epoch() after the last batch of each")
        sheet = self._sheet.reader()
        keys = [key for key in sheet.manifest.scores if key != VISITS]
        answers = summarise_all(keys, partial(_filled, sheet, self._examples))
        return {name: np.asarray(values) for name, values in answers.items()}

    def keep_state(self, state: dict[str, Any]) -> None:
        """What `resume` needs, replaced after every epoch; nothing, where the folder is temporary."""
        if self._temporary is None:
            rows = torch.frombuffer(bytearray(self._sheet.state()), dtype=torch.uint8)
            facts = {"sheet": rows, "identity": self.identity, "metrics": self.metrics}
            write_whole(self.folder / _STATE, checkpoint.pack(state | facts))

    def restore(self) -> dict[str, Any]:
        """Go on from what was kept.

        Raises:
            SettingError: there is no recording that could go on in the folder.
        """
        path = self.folder / _STATE
        if not path.is_file():
            raise SettingError(
                f"{self.folder} has no recording to go on with ({_STATE} is not there): begin one with "
                "Recorder(…, folder=…)"
            )
        state = checkpoint.unpack(path.read_bytes(), torch.device("cpu"))
        self._sheet.restore(state["sheet"].numpy().tobytes())
        self.identity, self.metrics = state["identity"], state["metrics"]
        return state

    def seal(
        self, header: Header, extra: Mapping[str, bytes], truth: Columns, summary: Columns
    ) -> LocalBlobs:
        """Finish the sheet: nothing can be added to it after that. Its commit is that of the beginning."""
        self._sheet.header = replace(header, commit=self._sheet.header.commit)
        for name, content in extra.items():
            self._sheet.keep(name, content)
        self._sheet.seal(truth, summary)
        (self.folder / _STATE).unlink(missing_ok=True)
        return self._blobs

    def close(self) -> None:
        """Remove the folder, if it is temporary."""
        if self._temporary is not None:
            self._temporary.cleanup()


def fingerprint(examples: Examples, labels: NDArray[np.int64], classes: tuple[str, ...]) -> str:
    """SHA-256, in hex, over classes, ids and labels: what the scores were measured against."""
    content = hashlib.sha256(json.dumps(classes).encode())
    for array in (examples.ids, labels):
        content.update(np.ascontiguousarray(array).tobytes())
    return content.hexdigest()


def _means(columns: Mapping[str, NDArray[np.float32]]) -> dict[str, float]:
    """Mean loss and accuracy of the epoch, over the examples that were seen."""
    named = {"train/loss": "seen/loss", "train/accuracy": "seen/correct"}
    return {name: float(np.nanmean(columns[key])) for name, key in named.items() if key in columns}


def _filled(sheet: SheetReader, examples: Examples, key: str) -> Trace:
    epochs, values = sheet.trace(key)
    missing = np.isnan(values)
    if not missing.any():
        return Trace(epochs, values)
    if (never := missing.all(0)).any():
        raise UnseenError(
            f"{int(never.sum())} examples were never seen, such as id {examples.called(never)[0]}: give the "
            "Recorder only the ids that the loop visits, or record more epochs"
        )
    return Trace(epochs, np.where(missing, np.nanmean(values, 0, keepdims=True), values))


def _described(key: str) -> dict[str, Any]:
    return {"unit": "visits", "harder": "higher"} if key == VISITS else describe(key)
