"""Decode all images of a collection into one array on disk: in parallel, and going on where it was killed.

    pixels.npy       (N, S, S, C) uint8; a row of zeros where an image could not be read
    digests.npy      (N, 16) uint8, a hash of each row
    moments.npy      (N, 2, C) uint64, sums of each row's pixels and of their squares
    index.parquet    name, width, height, mode, format, rotated, frames, error, (N,) each
    parts/           what is known of the images done so far; gone at the end

A part is written after the pixels it speaks of, so what has a part is done.
"""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from memest.data.decoded.pictures import Shape, UnreadableError, decode
from memest.data.decoded.records import Records
from memest.data.mapped import facts_of
from memest.files import write_whole

PIXELS, DIGESTS, MOMENTS, INDEX = "pixels.npy", "digests.npy", "moments.npy", "index.parquet"
PARTS = "parts"
_CHUNK, _CHUNK_BYTES = 256, 2**25
Columns = dict[str, NDArray[Any]]


def decode_into(folder: Path, records: Records, shape: Shape, what: str) -> Columns:
    """Fill `folder` with the decoded images; returns the columns of the index.

    Args:
        folder: of this collection and shape alone; may hold what another process left when it died.
        records: the encoded images.
        shape: what they are made into.
        what: a name for the progress bar.
    """
    count = len(records.names)
    (folder / PARTS).mkdir(parents=True, exist_ok=True)
    if not (folder / PIXELS).is_file():
        _allocate(folder / PIXELS, (count, shape.size, shape.size, shape.channels))
    chunk = chunk_of(shape)
    starts = [start for start in range(0, count, chunk) if not _part(folder, start).is_file()]
    jobs = ((folder, records.part(start, start + chunk), shape, start) for start in starts)
    with _bar(count, count - len(starts) * chunk, what) as bar:
        for start in _done(jobs, len(starts)):
            bar.update(min(chunk, count - start))
    return _gather(folder, records, range(0, count, chunk))


def chunk_of(shape: Shape) -> int:
    """Images that one process decodes at a time: 256, or fewer large ones, for the sake of memory."""
    return max(1, min(_CHUNK, _CHUNK_BYTES // (shape.size**2 * shape.channels)))


def _allocate(path: Path, shape: tuple[int, ...]) -> None:
    """An array of zeros that takes its place on the disk now: a full disk is noticed before a write."""
    partial = path.with_suffix(".partial")
    open_memmap(partial, "w+", np.uint8, shape).flush()
    if hasattr(os, "posix_fallocate"):
        with partial.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, partial.stat().st_size)
    partial.replace(path)


def _done(jobs: Iterable[tuple[Path, Records, Shape, int]], count: int) -> Iterator[int]:
    """Run all jobs; yields the start of each as it ends. A single one is run in this process."""
    if count <= 1:
        yield from (decode_part(*job) for job in jobs)
        return
    from joblib import Parallel, delayed

    parallel = Parallel(n_jobs=-1, return_as="generator_unordered", batch_size=1, pre_dispatch="3*n_jobs")
    yield from parallel(delayed(decode_part)(*job) for job in jobs)


def decode_part(folder: Path, records: Records, shape: Shape, start: int) -> int:
    """Decode some images into their rows, and say so in a part file; returns `start`."""
    pixels = open_memmap(folder / PIXELS, "r+")
    rows = np.zeros((len(records.names), *pixels.shape[1:]), np.uint8)
    known = [_decoded(rows, place, content, shape) for place, content in enumerate(records.read())]
    pixels[start : start + len(rows)] = rows
    pixels.flush()
    digests, moments = facts_of(rows)
    columns = {name: np.array([row[name] for row in known]) for name in known[0]}
    _save(_part(folder, start), columns | {"digests": digests, "moments": moments})
    return start


def _decoded(
    rows: NDArray[np.uint8], place: int, content: bytes | UnreadableError, shape: Shape
) -> dict[str, Any]:
    """Put one image into its row; returns what the index says of it."""
    unknown = {"width": 0, "height": 0, "mode": "", "format": "", "rotated": False, "frames": 0}
    try:
        if isinstance(content, UnreadableError):
            raise content
        rows[place], facts = decode(content, shape)
    except UnreadableError as error:
        return unknown | {"error": str(error)}
    return vars(facts) | {"error": ""}


def _part(folder: Path, start: int) -> Path:
    return folder / PARTS / f"{start:012d}.npz"


def _save(path: Path, columns: Columns) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, **columns)  # type: ignore[arg-type]  # numpy's stub takes the first for a flag
    write_whole(path, buffer.getvalue(), durable=False)


def _columns(path: Path) -> Columns:
    with np.load(path) as part:  # closed at once: a million images have thousands of parts
        return dict(part)


def _gather(folder: Path, records: Records, starts: Iterable[int]) -> Columns:
    """Join what the parts say, write it beside the pixels, and delete the parts."""
    parts = [_columns(_part(folder, start)) for start in starts]
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    for name, file in (("digests", DIGESTS), ("moments", MOMENTS)):
        np.save(folder / file, joined.pop(name))
    _write_index(folder / INDEX, {"name": records.names, **joined})
    shutil.rmtree(folder / PARTS)
    return joined


def _write_index(path: Path, columns: Columns) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    plain = {
        name: values.tolist() if values.dtype.kind in "TU" else values for name, values in columns.items()
    }
    parquet.write_table(pa.table(plain), path, compression="zstd")


def _bar(count: int, before: int, what: str) -> Any:
    from tqdm import tqdm

    return tqdm(
        total=count, initial=max(before, 0), desc=f"decoding {what}", unit="image", delay=1, disable=None
    )
