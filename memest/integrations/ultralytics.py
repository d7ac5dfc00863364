"""The recorder in Ultralytics' classification: a trainer that is given to `train`.

model = YOLO("yolo26n-cls.yaml")
model.train(data="photos", trainer=Recorded)
print(model.trainer.recorder.suspicious(20))

Only on one device: on several Ultralytics trains in processes of its own, each with another trainer.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch.utils.data import Dataset

from memest.errors import SettingError
from memest.recorder import Recorder

try:
    from ultralytics.models.yolo.classify import ClassificationTrainer
    from ultralytics.nn.modules.head import Classify
except ImportError as missing:
    raise SettingError(
        "memest.integrations.ultralytics needs Ultralytics: pip install 'memest[ultralytics]'"
    ) from missing

ID = "memest_id"
"""What the ids are called in a batch."""


class Recorded(ClassificationTrainer):  # type: ignore[misc]
    """Trains as Ultralytics' own, and records the logits of every training batch.

    Ids are positions among the training images that Ultralytics could read, in its order; names are their
    files below the training folder.

    Attributes:
        recorder: made with the training set.

    Raises:
        SettingError: it is to train on several devices.
    """

    recorder: Recorder

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        if self.world_size > 1:
            raise SettingError(
                f"Ultralytics trains on {self.world_size} devices in processes of its own, which no recorder "
                "here would hear of; give one device, such as device=0"
            )
        self._batch: dict[str, Any] = {}
        self._logits: Any = None
        self.add_callback("on_train_start", lambda trainer: self._listen())
        self.add_callback("on_train_batch_end", lambda trainer: self._update())
        self.add_callback("on_train_epoch_end", lambda trainer: self.recorder.end_epoch())

    def build_dataset(self, img_path: str, mode: str = "train", batch: Any = None) -> Any:
        """Ultralytics' own; the training set with ids."""
        data = super().build_dataset(img_path, mode, batch)
        if mode != "train":
            return data
        files = [Path(sample[0]).relative_to(Path(data.root)).as_posix() for sample in data.samples]
        classes = [self.data["names"][k] for k in sorted(self.data["names"])]
        labels = [sample[1] for sample in data.samples]
        self.recorder = Recorder(len(files), labels, classes, files)
        return _WithIds(data)

    def preprocess_batch(self, batch: dict[str, Any]) -> Any:
        """Ultralytics' own; the batch is remembered."""
        self._batch = super().preprocess_batch(batch)
        return self._batch

    def _listen(self) -> None:
        """Keep what the head gives in training; the copy that is saved has no such hook."""
        heads = [module for module in self.model.modules() if isinstance(module, Classify)]
        heads[-1].register_forward_hook(self._keep)

    def _keep(self, module: Any, inputs: Any, output: Any) -> None:
        if module.training:
            self._logits = output.detach()

    def _update(self) -> None:
        self.recorder.update(self._logits, self._batch["cls"], self._batch[ID])


class _WithIds(Dataset[dict[str, Any]]):
    """Examples with their position under `ID`; whatever else the dataset can do, it still can."""

    def __init__(self, data: Any) -> None:
        self._data = data

    def __len__(self) -> int:
        return len(self._data)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {**self._data[index], ID: index}

    def __getattr__(self, name: str) -> Any:
        if name == "_data":
            raise AttributeError(name)
        return getattr(self._data, name)
