"""Index TFRecord shards with TensorFlow: run as a process of its own, it needs TensorFlow and numpy alone.

Reads a request as JSON from standard input and writes an .npz with name, label, shard, offset and length of
the encoded image of every record; offsets are those in the shard: images can be read without TensorFlow.
What went wrong is written to `outcome`, as JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

_FRAME, _TAIL = 12, 4
"""Bytes of a record's length and its checksum before its data, and of the data's checksum after."""


class Refused(Exception):  # noqa: N818  # it names what is refused, and leaves this process as text
    """What cannot be indexed, in a sentence."""


_LEFT_OUT = ("jax", "keras")
"""What TensorFlow imports where it is installed and no shard needs: half of its start."""


def main() -> None:
    """Answer one request."""
    request = json.load(sys.stdin)
    leave_out()
    try:
        index(request)
        outcome = {"error": ""}
    except Refused as refused:
        outcome = {"error": str(refused)}
    Path(request["outcome"]).write_text(json.dumps(outcome))


def leave_out() -> None:
    """Have TensorFlow imported sooner in this process, without what shards do not need."""
    sys.modules.update(dict.fromkeys(_LEFT_OUT))  # type: ignore[arg-type]  # None: is not installed


def index(request: dict[str, Any]) -> None:
    """Read through all shards and write what was found.

    Raises:
        Refused: a shard that is damaged, or a record without what is asked for.
    """
    import numpy as np

    columns: dict[str, list[Any]] = {name: [] for name in ("name", "label", "shard", "offset", "length")}
    for number, shard in enumerate(request["shards"]):
        for place, (offset, raw) in enumerate(records(str(Path(request["root"]) / shard))):
            row = example(raw, request, f"{shard}, record {place}")
            name, label, start, length = row
            columns["name"].append(name or f"{shard}#{place}".encode())
            columns["label"].append(label)
            columns["shard"].append(number)
            columns["offset"].append(offset + start)
            columns["length"].append(length)
    arrays: dict[str, Any] = {name: np.array(values) for name, values in columns.items()}
    np.savez(request["out"], **arrays)


def records(path: str) -> Any:
    """Each record's first byte of data in the file, and its data, as TensorFlow reads and checks it.

    Raises:
        Refused: the shard is damaged, with the record and the byte.
    """
    import tensorflow as tf

    count, offset, reason = 0, 0, "it ends within a record"
    try:
        for raw in tf.data.TFRecordDataset(path).as_numpy_iterator():
            yield offset + _FRAME, raw
            count, offset = count + 1, offset + _FRAME + len(raw) + _TAIL
    except tf.errors.OpError as error:
        reason = type(error).__name__
    if offset != Path(path).stat().st_size:
        with Path(path).open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        if packed and not count:
            raise Refused(f"{path} is compressed, so no record can be found in it; unpack it")
        where = f"record {count}, byte {offset}"
        raise Refused(f"{path} is damaged or cut short at {where} ({reason}); copy the shard again")


def example(raw: bytes, request: dict[str, Any], whose: str) -> tuple[bytes, Any, int, int]:
    """Name, label, and where in the record its encoded image lies.

    Raises:
        Refused: it is no tf.train.Example, or lacks a feature.
    """
    import tensorflow as tf
    from google.protobuf.message import DecodeError

    try:
        features = tf.train.Example.FromString(raw).features.feature
    except DecodeError as error:
        raise Refused(f"{whose} is no tf.train.Example") from error
    for name in (request["image"], request["label"]):
        if not _values(features, name):
            held = ", ".join(sorted(features)) or "none"
            raise Refused(f"{whose} has no feature {name!r} (it has {held}); name it with image=… or label=…")
        if (count := len(_values(features, name))) > 1:
            raise Refused(f"{whose} has {count} values of {name!r}, and one is needed; name another feature")
    encoded = _values(features, request["image"])[0]
    start = raw.find(encoded) if isinstance(encoded, bytes) and encoded else -1
    if start < 0:
        raise Refused(f"{whose}: {request['image']} holds no encoded image")
    file = (_values(features, request["file"]) or [b""])[0] if request["file"] in features else b""
    return file, _values(features, request["label"])[0], start, len(encoded)


def _values(features: Any, name: str) -> list[Any]:
    """The values of a feature; [] where there is none. Asking a map for what it lacks would make it."""
    if name not in features:
        return []
    kind = features[name].WhichOneof("kind")
    return list(getattr(features[name], kind).value) if kind else []


if __name__ == "__main__":
    main()
