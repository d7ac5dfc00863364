"""The manifest of a score sheet: what it holds, against which labels, and the hash of every part."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Any

from memest.errors import SheetError
from memest.store.blobs import Blobs

FORMAT = 1


@dataclass(frozen=True)
class SheetFile:
    """One file of a sheet: its name, its SHA-256 and its size in bytes."""

    name: str
    sha256: str
    size: int

    @classmethod
    def of(cls, name: str, content: bytes) -> SheetFile:
        """The part that `content` is."""
        return cls(name, hashlib.sha256(content).hexdigest(), len(content))

    def read(self, blobs: Blobs) -> bytes:
        """The bytes of this part.

        Raises:
            SheetError: they are damaged or gone, naming the part.
        """
        return blobs.get(self.name, self.sha256)


@dataclass(frozen=True)
class Block:
    """A part that holds the scores of the epochs `first` to `last`."""

    part: SheetFile
    first: int
    last: int


@dataclass(frozen=True)
class Header:
    """What a sheet is about, known before the first epoch.

    Attributes:
        key: the run key.
        fingerprint: of the images, labels and ids that were measured.
        order: whose numbering the ids follow.
        corruption: the corruption spec; what it did is in the truth table.
        config: every setting of the run.
        count: N.
        source_run: for a sheet that `score` made, the run it measured.
        classes: what the labels stand for.
        version: of the memest that measured; empty in a sheet of before they were kept, like the next two.
        scores_version: of the definitions of its scores.
        commit: that memest ran from when the sheet was begun; empty where it was installed. It says where
            the numbers are from and decides nothing: the two versions do.
    """

    key: str
    fingerprint: str
    order: str
    corruption: str
    config: dict[str, Any]
    count: int
    source_run: str = ""
    classes: tuple[str, ...] = ()
    version: str = ""
    scores_version: str = ""
    commit: str = ""


@dataclass(frozen=True)
class Manifest:
    """Everything about a finished sheet; it is written last.

    Attributes:
        header: what the sheet is about.
        scores: by key, its unit, direction and the epochs it was measured at.
        scalars: by key, the epochs of per-epoch numbers such as the weight norm.
        blocks: in order of epochs.
        tables: `truth`, `summary`, and `evaluation` where something was changed.
        kept: other files of the run, such as its checkpoints.
    """

    header: Header
    scores: dict[str, dict[str, Any]]
    scalars: dict[str, list[int]]
    blocks: list[Block]
    tables: dict[str, SheetFile]
    kept: list[SheetFile] = field(default_factory=list)
    format: int = field(default=FORMAT)

    def to_json(self) -> bytes:
        """JSON bytes; equal manifests give equal bytes."""
        return json.dumps(asdict(self), sort_keys=True, indent=1).encode()

    @classmethod
    def from_json(cls, content: bytes) -> Manifest:
        """The manifest in `content`.

        Raises:
            SheetError: it is not a manifest of a format this version reads.
        """
        try:
            raw = json.loads(content)
            if raw["format"] != FORMAT:
                raise SheetError(f"the sheet has format {raw['format']}; this version reads {FORMAT}")
            return cls(
                header=Header(**raw["header"] | {"classes": tuple(raw["header"].get("classes", ()))}),
                scores=raw["scores"],
                scalars=raw["scalars"],
                blocks=[Block(SheetFile(**b["part"]), b["first"], b["last"]) for b in raw["blocks"]],
                tables={name: SheetFile(**part) for name, part in raw["tables"].items()},
                kept=[SheetFile(**part) for part in raw["kept"]],
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise SheetError(f"the manifest cannot be read ({type(error).__name__}: {error})") from error
