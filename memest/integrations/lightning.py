"""The recorder in Lightning: a callback, and the loop stays as it is.

callback = CSLCallback(Recorder(len(dataset)))
Trainer(callbacks=[callback]).fit(module, loader)        # batches are (inputs, labels, ids)
print(callback.recorder.suspicious(20))
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from memest.errors import DataError, SettingError
from memest.recorder import Recorder

try:
    if "pytorch_lightning" in sys.modules and "lightning.pytorch" not in sys.modules:
        from pytorch_lightning import Callback
    else:
        from lightning.pytorch import Callback
except ImportError as missing:
    raise SettingError(
        "memest.integrations.lightning needs Lightning: pip install 'memest[lightning]'"
    ) from missing

Read = Callable[[Any], tuple[Any, Any]]


def labels_and_ids(batch: Any) -> tuple[Any, Any]:
    """The labels and ids of a batch (inputs, labels, ids), or of a mapping with `labels` and `ids`.

    Raises:
        DataError: it is neither.
    """
    if isinstance(batch, Mapping) and {"labels", "ids"} <= batch.keys():
        return batch["labels"], batch["ids"]
    if isinstance(batch, (tuple, list)) and len(batch) >= 3:
        return batch[1], batch[-1]
    raise DataError(
        "a batch must be (inputs, labels, ids), or a mapping with labels and ids: wrap the dataset in "
        "memest.recorder.Indexed, or give CSLCallback(read=lambda batch: (labels, ids))"
    )


class CSLCallback(Callback):  # type: ignore[misc]
    """Records the logits of every training batch.

    They are `outputs["logits"]` where `training_step` returns them, else what the module's own `forward` gave
    last; `module="net"` takes those of the submodule `net` that `training_step` calls. Under DDP ranks are
    summed.

    Args:
        recorder: where to; its ids are those of the batches.
        read: the labels and ids of a batch.
        module: the name of the submodule whose output the logits are; empty: the module itself.
    """

    def __init__(self, recorder: Recorder, read: Read = labels_and_ids, module: str = "") -> None:
        super().__init__()
        self.recorder, self._read, self._module = recorder, read, module
        self._logits: Any = None
        self._hook: Any = None

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Listen to the module that makes logits."""
        module = pl_module.get_submodule(self._module)
        self._hook = module.register_forward_hook(self._keep)

    def on_train_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Record the batch."""
        given = outputs.get("logits") if isinstance(outputs, Mapping) else None
        logits = self._logits if given is None else given
        if logits is None:
            raise DataError(
                "no logits were seen: let training_step return {'loss': loss, 'logits': logits}, or name the "
                "submodule that it calls, CSLCallback(module='net')"
            )
        self.recorder.update(logits, *self._read(batch))
        self._logits = None

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Close the epoch."""
        self.recorder.end_epoch()

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Stop listening."""
        if self._hook is not None:
            self._hook.remove()

    def _keep(self, module: Any, inputs: Any, output: Any) -> None:
        logits = output.get("logits") if isinstance(output, Mapping) else output
        if module.training and isinstance(logits, Tensor) and logits.ndim > 1:  # under DDP, losses pass too
            self._logits = logits.detach()
