"""A dataset whose items carry their position, for loops whose datasets have no ids."""

from __future__ import annotations

from typing import Any

from torch.utils.data import Dataset

from memest.errors import DataError


class Indexed(Dataset[tuple[Any, ...]]):
    """The items of a dataset with their position as last element: (image, label) becomes (image, label, id).

    Args:
        dataset: with `__getitem__` and `__len__`; items are tuples or lists.

    Raises:
        DataError: the dataset has no length, or silently serves another item in place of one that cannot be
            read (timm's `ImageDataset` does): scores would go to the wrong example.
    """

    def __init__(self, dataset: Any) -> None:
        if not hasattr(dataset, "__len__"):
            raise DataError(
                f"{type(dataset).__name__} has no length, so its examples have no positions: let it yield "
                "ids of its own"
            )
        if any(kind.__module__.startswith("timm.") for kind in type(dataset).__mro__):
            raise DataError(
                f"{type(dataset).__name__} of timm serves the next image for one that cannot be read, "
                "so that ids would name the wrong examples; torchvision.datasets.ImageFolder raises instead"
            )
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        item = self.dataset[index]
        if not isinstance(item, (tuple, list)):
            raise DataError(
                f"an item is {type(item).__name__}, not a tuple such as (image, label): put the id into it "
                "in the dataset itself"
            )
        return (*item, index)
