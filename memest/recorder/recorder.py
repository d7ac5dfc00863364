"""The recorder: what a training loop's own logits say of every example, epoch by epoch.

Axes: N examples of the recording, B of a batch, K classes, T tokens of a sequence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from memest.errors import SettingError, UnseenError, optional_packages
from memest.recorder import ranks
from memest.recorder.batch import ReadBatch, clean_outputs, read_batch
from memest.recorder.examples import Examples, GivenIds
from memest.recorder.observed import Observed
from memest.recorder.recorded import Sealed
from memest.recorder.recording import Recording
from memest.recorder.sealing import logged, saved, seal
from memest.recorder.suspicious import Suspicious, worst
from memest.scores import ScoreSet
from memest.store import SheetReader
from memest.tracking.local_run import blobs_in

Columns = dict[str, NDArray[np.float32]]


class Recorder:
    """Records per-example scores in a training loop that is somebody else's.

    Nothing waits for the device between batches. Under torch.distributed `end_epoch` sums over the ranks by
    id, and rank 0 keeps the recording: on others `suspicious` is empty, `save` and `log` write nothing.

    Args:
        ids: how many examples there are, for ids 0 … N−1; or the id of each: whole numbers or texts.
        labels: (N,) the given labels; learned from the batches, if left out.
        classes: class names; numbers, if left out.
        names: of the examples, such as their files.
        scores: logit scores in the grammar; `logits` stands for all of them.
        partial: allow epochs that leave examples out (`drop_last`, a sampler with replacement).
        about: settings to find the run by: `dataset`, `model`, `seed`, and whatever else was set.
        folder: where the recording is kept as it grows, so that `Recorder.resume(folder, …)` can go on.

    Raises:
        SettingError: ids that are double, labels outside the classes, a score that needs more than logits.
    """

    def __init__(
        self,
        ids: GivenIds,
        labels: Sequence[int] | NDArray[Any] | Tensor | None = None,
        classes: Sequence[str] = (),
        names: Sequence[str] = (),
        *,
        scores: str = "logits",
        partial: bool = False,
        about: Mapping[str, Any] | None = None,
        folder: str | Path | None = None,
    ) -> None:
        self._examples = Examples.of(ids, labels, classes, names)
        self._scores, self._partial, self._about = ScoreSet(scores), partial, dict(about or {})
        if costly := [key for key in self._scores.keys if key not in self._scores.free.keys]:
            raise SettingError(
                f"only scores from logits can be recorded, not {', '.join(costly)}: memest train has these"
            )
        self._recording = Recording(self._examples, len(self._scores), Path(folder) if folder else None)
        self._recording.require_new()
        self._width = len(classes)
        self._clean: Columns = {}
        self._passed: NDArray[np.int32] = np.zeros(0, np.int32)
        self._keeps = True
        self._sealed: Sealed | None = None
        self._observed: Observed | None = None

    @classmethod
    def resume(cls, folder: str | Path, ids: GivenIds, **settings: Any) -> Recorder:
        """Go on with a recording after its last epoch; the arguments are those that it was begun with.

        Raises:
            SettingError: the folder holds no recording that can go on.
        """
        recorder = cls(ids, **settings)
        recorder._recording = Recording(recorder._examples, len(recorder._scores), Path(folder))
        state = recorder._recording.restore()
        recorder._observed = Observed.restored(recorder._examples, torch.device("cpu"), state)
        recorder._width = state["classes"]
        return recorder

    @property
    def epoch(self) -> int:
        """The last epoch that has ended, 0 before the first."""
        return self._recording.latest

    def update(self, logits: Any, labels: Any, ids: Any) -> None:
        """Take in one training batch.

        Args:
            logits: (B, K), before the softmax, of the network as it trains; (B, T, K) for sequences of
                tokens, shifted as for the loss.
            labels: (B,) class numbers, or (B, T); −100 is left out.
            ids: (B,) the ids of the examples.

        Raises:
            DataError: shapes or types that are not those of a classifier.
            SettingError: ids that are not one whole number or text for each example.
        """
        batch, ids_B = self._read(logits, labels, ids)
        with torch.no_grad():
            self.observed.put(batch, ids_B, self._scores)

    def measure(self, network: nn.Module, batches: Iterable[Any]) -> Columns:
        """A clean pass over all examples, in evaluation mode, kept with the epoch that ends next.

        For loops whose own logits are of no single example (mixup, cutmix), or beside them. Where no batch
        came through `update`, the pass alone is the epoch.

        Args:
            network: inputs → logits; its mode is put back.
            batches: (inputs, labels, ids) each; inputs are moved to the network's device.

        Returns:
            (N,) float32 by key, such as `loss`.

        Raises:
            UnseenError: an example did not come, or an id is of no example.
        """
        with closing(clean_outputs(network, batches)) as outputs:
            return self.clean_pass(outputs)

    def clean_pass(self, outputs: Iterable[tuple[Any, Any, Any]]) -> Columns:
        """What `measure` does, of outputs that were computed elsewhere, such as in another framework.

        Args:
            outputs: (logits, labels, ids) of each batch, of the network in evaluation mode.
        """
        batches = (self._read(*one) for one in outputs)
        with torch.no_grad():
            if (first := next(batches, None)) is None:
                raise UnseenError("a clean pass over all examples got no batch")
            passed = chain([first], batches)
            self._clean, self._passed = self.observed.clean_pass(passed, self._scores, self._partial)
        return dict(self._clean)

    def end_epoch(self, epoch: int | None = None) -> Columns:
        """Close an epoch.

        Args:
            epoch: its number; the next one, if left out.

        Returns:
            (N,) float32 by key `seen/<score>`, and those of a clean pass; NaN for examples left out.

        Raises:
            UnseenError: no batch came, an id is not of the recording, or examples were left out and `partial`
                is not set. Whatever is raised, the epoch is dropped whole and the next one is clean.
            DataError: labels outside the classes, or another label for an example than before.
            NonFiniteError: NaN or infinite logits, with the ids.
        """
        try:
            columns, visits = self._taken()
            self._keeps, number = ranks.is_first(), self.epoch + 1 if epoch is None else epoch
            ranks.by_first(lambda: self._recording.put(number, columns, visits, self._passed))
        except BaseException:
            self._clean = {}
            if self._observed is not None:
                self._observed.forget_epoch()
            raise
        self.observed.end_epoch()
        self._clean = {}
        ranks.by_first(lambda: self._recording.keep_state(self.observed.state()))
        return columns

    def suspicious(self, count: int = 20, by: str | None = None) -> Suspicious:
        """The most suspicious examples so far, worst first.

        Args:
            count: how many.
            by: the summary that ranks; `seen/csl`, or `csl` where there were clean passes only.

        Raises:
            UnseenError: no epoch has ended, or an example was never seen.
        """
        return worst(self, self._recording.summaries(), count, by) if self._keeps else Suspicious.empty()

    @optional_packages()
    def save(self, folder: str | Path) -> Path:
        """Seal the recording as a run in a folder, which `memest deliver --folder` brings to a server later.

        Raises:
            InputError: the folder holds another recording, or pyarrow is not installed.
        """
        return saved(self, Path(folder)) if self._keeps else Path(folder)

    @optional_packages()
    def log(self, experiment: str = "memest", tracking: str = "auto") -> str:
        """Seal the recording as a run in MLflow, the active one if there is one.

        Returns:
            Its id; on other ranks than 0 nothing is written, and it is empty.

        Raises:
            SettingError: the recording was logged already.
        """
        return logged(self, experiment, tracking) if self._keeps else ""

    @staticmethod
    def read(folder: str | Path) -> SheetReader:
        """The sheet of a recording that was saved in a folder: `trace(key)`, `summary()`."""
        return SheetReader.open(blobs_in(Path(folder)))

    def __enter__(self) -> Recorder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is left behind: a temporary folder goes."""
        self._recording.close()

    # ---- what sealing and listing ask for

    def sealed(self) -> Sealed:
        """The finished recording; the first call finishes it."""
        if self._sealed is None:
            self._sealed = seal(self)
        return self._sealed

    @property
    def scores(self) -> str:
        """What is recorded, in the grammar."""
        return str(self._scores)

    @property
    def examples(self) -> Examples:
        """Which examples the recording is about."""
        return self._examples

    @property
    def recording(self) -> Recording:
        """Its epochs, on this machine's disk."""
        return self._recording

    @property
    def about(self) -> dict[str, Any]:
        """The settings that were given to find the run by."""
        return dict(self._about)

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names; numbers where none were given, one class for sequences of tokens."""
        return self._examples.classes or tuple(map(str, range(1 if self.observed.tokens else self._width)))

    @property
    def observed(self) -> Observed:
        """Labels and probabilities so far.

        Raises:
            UnseenError: no batch came yet.
        """
        if self._observed is None:
            raise UnseenError("no batch came yet: call update(logits, labels, ids) in the training loop")
        return self._observed

    # ---- inside

    def _read(self, logits: Any, labels: Any, ids: Any) -> tuple[ReadBatch, Tensor]:
        """A batch and its ids, (B,); the first one tells device and number of classes."""
        if self._sealed is not None:
            raise SettingError(
                "the recording is sealed: what was saved or logged does not change; begin another"
            )
        batch = read_batch(logits, labels, self._width)
        ids_B, device = self._examples.numbers(ids, len(batch.logits)), batch.logits.device
        if self._observed is None:
            self._width = batch.logits.shape[-1]
            self._observed = Observed(self._examples, device, self._width, batch.tokens)
        elif self._observed.device != device and self._observed.empty:  # resumed, on the host until now
            self._observed = Observed.restored(self._examples, device, self._observed.state())
        return batch, ids_B

    def _taken(self) -> tuple[Columns, NDArray[np.int32]]:
        """The columns of the epoch and how often each example was seen, over all processes."""
        seen = ranks.anywhere(self._observed is not None and not self._observed.empty)
        if not seen and not ranks.anywhere(bool(self._clean)):
            raise UnseenError(
                "no batch came since the last epoch: call update(logits, labels, ids) in the loop"
            )
        self.observed.require_labels()
        if seen:
            columns, visits = self.observed.take(self._partial)
            return columns | self._clean, visits
        return dict(self._clean), self._passed
