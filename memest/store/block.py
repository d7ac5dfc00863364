"""The bytes of one block: safetensors with one tensor per key, readable in stretches of examples.

A safetensors file is eight bytes of length, a JSON header with the type, shape and place of every tensor,
and the tensors. Knowing the header, a stretch of examples can be read without the rest: memory does not
grow with epochs. Axes: E epochs of the block, N examples.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memest.errors import SheetError
from memest.store.blobs import Blobs

_LENGTH, _ALIGNMENT = 8, 8
_TYPES: dict[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), "F64": np.dtype("<f8")}
_NAMES = {kind: name for name, kind in _TYPES.items()}


def pack(rows: Mapping[str, Mapping[int, NDArray[Any]]]) -> bytes:
    """Block bytes of rows by key and epoch; equal rows give equal bytes.

    Put together here in one copy: the library stacks, serialises and copies, which at ImageNet's size takes
    longer than hashing. Tests read the bytes back with the library.
    """
    header: dict[str, Any] = {
        "__metadata__": {"epochs": json.dumps({key: list(rows[key]) for key in sorted(rows)})}
    }
    buffers: list[memoryview] = []
    end = 0
    for key in sorted(rows):
        columns = [np.asarray(row, order="C") for row in rows[key].values()]
        kind, start = columns[0].dtype, end
        end += sum(column.nbytes for column in columns)
        shape = [len(columns), *columns[0].shape]
        header[key] = {"dtype": _NAMES[kind], "shape": shape, "data_offsets": [start, end]}
        buffers += [column.data for column in columns]
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    return b"".join([len(text).to_bytes(_LENGTH, "little"), text, *buffers])


def unpack(name: str, content: bytes) -> dict[str, NDArray[Any]]:
    """The rows of every key in block bytes that are in memory: (E, N), or (E,) for a scalar.

    Raises:
        SheetError: `name`, which is not a block, or not all of one.
    """
    held = BlockMap(name, content)
    try:
        return {key: held.cut(key, slice(None), lambda start, stop: content[start:stop]) for key in held}
    except ValueError as error:
        raise SheetError(f"{name} is cut short") from error


class BlockMap:
    """Where each tensor of a block lies.

    Args:
        name: of the block.
        content: all of it, verified; it is not kept.

    Raises:
        SheetError: it is not a block.
    """

    def __init__(self, name: str, content: bytes) -> None:
        self._name = name
        self._places: dict[str, tuple[np.dtype[Any], tuple[int, ...], int]] = {}
        try:
            start = _LENGTH + int.from_bytes(content[:_LENGTH], "little")
            header = json.loads(content[_LENGTH:start])
            header.pop("__metadata__", None)
            for key, entry in header.items():
                place = _TYPES[entry["dtype"]], tuple(entry["shape"]), start + entry["data_offsets"][0]
                self._places[key] = place
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise SheetError(f"{name} is not a block of scores ({type(error).__name__})") from error

    def __contains__(self, key: str) -> bool:
        return key in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def read(self, key: str, examples: slice, blobs: Blobs) -> NDArray[Any]:
        """The rows of `key`, (E, the stretch's length), or (E,) for a scalar.

        Args:
            key: of a score, or `scalar/<name>`.
            examples: a stretch with step 1; of a scalar everything is read.
            blobs: where the block lies.
        """
        return self.cut(key, examples, lambda start, stop: blobs.read(self._name, start, stop))

    def cut(self, key: str, examples: slice, read: Callable[[int, int], bytes]) -> NDArray[Any]:
        """As `read`, from whatever gives the bytes between two places."""
        kind, shape, begin = self._places[key]
        first, last, _ = examples.indices(shape[-1])
        if len(shape) == 1 or (first, last) == (0, shape[-1]):
            content = read(begin, begin + math.prod(shape) * kind.itemsize)
            return np.frombuffer(content, kind).reshape(shape)
        starts = [begin + (row * shape[1] + first) * kind.itemsize for row in range(shape[0])]
        length = (last - first) * kind.itemsize
        rows = [read(start, start + length) for start in starts]
        return np.stack([np.frombuffer(row, kind) for row in rows])
