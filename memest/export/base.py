"""Exports by name, `cleanlab, label_studio(prefix=s3://bucket/)`: each writes a folder of its own.

An export is a function of findings, images and a folder that is there. Planted errors are in none of them:
findings know the labels that were given, not those that were planted.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import numpy as np
from numpy.typing import NDArray

from memest.auditing.findings import Findings, Integers
from memest.data import SETS, ImageSet
from memest.data.sources.folder import folder_parts
from memest.errors import SettingError
from memest.files import write_whole
from memest.grammar.registry import Registry
from memest.grammar.spec import split_list
from memest.ids import Ids

EXPORTS: Registry[Callable[..., None]] = Registry("export", "memest.exports")


def export(names: str, findings: Findings, images: ImageSet, folder: Path) -> list[Path]:
    """Write the exports that `names` lists, each into a folder of its name inside `folder`; gives these.

    Raises:
        InputError: an unknown name or keyword, before anything is written; or findings that lack what an
            export needs.
    """
    specs = [EXPORTS.parse(name) for name in split_list(names)]
    made = []
    for spec in specs:
        (into := folder / spec.name).mkdir(parents=True, exist_ok=True)
        EXPORTS.call(spec, findings, images, into)
        made.append(into)
    return made


def exported(names: str, findings: Findings, images: ImageSet) -> Iterator[tuple[str, bytes]]:
    """Each export that `names` lists, by name, as one zip; equal files give equal bytes.

    Raises:
        InputError: as `export`.
    """
    with TemporaryDirectory() as temporary:
        for folder in export(names, findings, images, Path(temporary)):
            content = io.BytesIO()
            with ZipFile(content, "w") as packed:
                for path in sorted(path for path in folder.rglob("*") if path.is_file()):
                    packed.writestr(
                        ZipInfo(path.relative_to(folder).as_posix()), path.read_bytes(), ZIP_DEFLATED
                    )
            yield folder.name, content.getvalue()


def unpack(content: bytes, folder: Path) -> None:
    """Write the files of an export into a folder."""
    with ZipFile(io.BytesIO(content)) as packed:
        packed.extractall(folder)


def export_names(text: str) -> str:
    """A list of exports in its one spelling.

    Raises:
        InputError: an unknown name or keyword.
    """
    return ", ".join(EXPORTS.short(name) for name in split_list(text))


def source_files(findings: Findings) -> Path | None:
    """The folder below which the files of the findings lie; None: the data has no image files."""
    if findings.dataset.partition("(")[0] not in SETS:  # a recording
        return None
    spec = SETS.parse(findings.dataset)
    return folder_parts(Path(spec.settings["path"]))[0] if spec.name == "folder" else None


def pixels_of(findings: Findings, images: ImageSet, places: Sequence[int]) -> Iterable[NDArray[np.uint8]]:
    """The images of the findings at `places`, in that order; (H, W, C) each."""
    located = Ids(images.ids, "the images").locate(findings.ids[np.asarray(places, np.int64)])
    return (images.images[np.array([place])][0] for place in located.tolist())


def image_png(pixels_HWC: NDArray[np.uint8]) -> bytes:
    """An image as PNG bytes."""
    from PIL import Image

    content = io.BytesIO()
    Image.fromarray(pixels_HWC[..., 0] if pixels_HWC.shape[2] == 1 else pixels_HWC).save(content, "PNG")
    return content.getvalue()


def flagged(findings: Findings) -> Integers:
    """What is not fine, most suspicious first: (M,) positions."""
    order = findings.order
    chosen: Integers = order[findings.kind[order] != "fine"]
    return chosen


def put_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a table."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    write_whole(path, text.getvalue().encode())


def needed(array: NDArray[np.float32] | None, what: str, name: str) -> NDArray[np.float32]:
    """The array, which an export needs.

    Raises:
        SettingError: there is none.
    """
    if array is None:
        raise SettingError(f"the export {name} needs {what}, and this audit has none: leave {name} out")
    return array
