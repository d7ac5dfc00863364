"""From a listing of encoded images and their labels to a split: what every source of own images shares."""

from __future__ import annotations

import logging
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Literal

import numpy as np

from memest.data.decoded import CacheEntry, Color, Files, Fit, Records, Shape, UnreadableError, decoded
from memest.data.decoded.pictures import GREY, image_facts
from memest.data.images import ImageSet, Integers, Split
from memest.errors import DataError
from memest.grammar.values import Within

Size = Annotated[int, Within(8, 1024)]
OnError = Literal["stop", "skip"]
Holdout = Annotated[float, Within(0, 0.9)]
Label = str | int
_SAMPLE, _USUAL, _LARGEST, _SHOWN = 100, 64, 224, 5
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Options:
    """How images are made alike, as every source of encoded images takes it.

    Attributes:
        size: height and width in pixels; None: that of the images, where all that are looked at have the same
            and it is at most 224, else 64.
        fit: `crop`, `pad` or `stretch` what is not square.
        color: `rgb`, `grey`, or `auto`: grey where all that are looked at are.
        on_error: `stop` with a list of the images that cannot be read, or `skip` and count them.
        holdout: the share held out as a test set, class shares kept, where there is none.
    """

    size: Size | None
    fit: Fit
    color: Color
    on_error: OnError
    holdout: Holdout


@dataclass(frozen=True, eq=False)
class Listing:
    """Encoded images and the labels that their source gives them.

    Attributes:
        path: of the source.
        records: N encoded images.
        labels: N, each the name of a class or its number.
        ids: (N,); None: positions in the listing.
        left_out: what has no place in the listing, by name, with the reason.
        numbering: what the ids are, where the source can be numbered in several ways; empty: as is usual.
    """

    path: Path
    records: Records
    labels: Sequence[Label]
    ids: Integers | None = None
    left_out: dict[str, str] | None = None
    numbering: str = ""

    @property
    def order(self) -> str:
        """The path's name, and how its images are numbered."""
        return self.path.name + (f" by {self.numbering}" if self.numbering else "")

    def take(self, places: Integers) -> Listing:
        """The files at `places`, in that order; only files of their own can be taken."""
        names, labels = self.records.names[places], [self.labels[place] for place in places.tolist()]
        ids = places if self.ids is None else self.ids[places]
        return replace(self, records=Files(self.path, names), labels=labels, ids=ids)


def encoded_split(train: Listing, test: Listing | None, options: Options, kind: str) -> Split:
    """The images of one or two listings, decoded once and mapped.

    Args:
        train: what is scored.
        test: what generalisation is measured on, if the source has it.
        options: how images are made alike.
        kind: of the source, for the name of the numbering.

    Raises:
        DataError: no image, one class only, or images that cannot be read.
    """
    classes = class_names(train)
    shape = _shape(train.records, options)
    images, left_out = _images(train, "train", classes, shape, options, f"{kind}:{train.order}")
    if test is not None:
        held, also = _images(test, "test", classes, shape, options, images.order)
        return Split(images, held, left_out | also)
    if not options.holdout:
        return Split(images, None, left_out)
    kept, out = held_out(images.labels, options.holdout, str(train.path))
    return Split(images.take(kept), images.take(out), left_out)


def class_names(listing: Listing) -> list[Label]:
    """The classes of a listing, sorted: numbers by size, names by their characters.

    Raises:
        DataError: no image, fewer than two classes, or two that differ in case or spaces only.
    """
    if not len(listing.labels):
        raise DataError(f"{listing.path} has no images; expected some in at least two classes")
    classes = sorted(set(listing.labels), key=lambda label: (isinstance(label, str), label))
    if len(classes) < 2:
        raise DataError(
            f"{listing.path} has one class only, {classes[0]!r}, in {len(listing.labels)} images; there is "
            "nothing to tell apart"
        )
    folded: dict[str, Label] = {}
    for name in classes:
        other = folded.setdefault(unicodedata.normalize("NFKC", str(name)).strip().casefold(), name)
        if other != name:
            raise DataError(
                f"{listing.path} has classes {other!r} and {name!r}, which differ in case or spaces only: "
                "give them one name, or two that are told apart everywhere"
            )
    return classes


def held_out(labels: Integers, share: float, path: str) -> tuple[Integers, Integers]:
    """Positions to keep and to hold out, each sorted; class shares kept, the same on every machine.

    Raises:
        DataError: nothing would be held out, or some class would lose its last image.
    """
    part = Fraction(str(share))
    number = np.arange(len(labels) + 1, dtype=np.int64) * part.numerator // part.denominator
    out = np.sort(np.argsort(labels, kind="stable")[number[1:] > number[:-1]])
    kept = np.setdiff1d(np.arange(len(labels)), out)
    lost = np.setdiff1d(labels[out], labels[kept])
    if not len(out) or len(lost):
        raise DataError(
            f"holdout={share:g} of {path} holds out {len(out)} of {len(labels)} images"
            f"{' and leaves a class without any' if len(lost) else ''}; use another share, or none"
        )
    return kept, out


def _images(
    listing: Listing, part: str, classes: list[Label], shape: Shape, options: Options, order: str
) -> tuple[ImageSet, dict[str, str]]:
    entry = decoded(listing.records, shape, listing.path, part)
    if options.color == "auto" and shape.color == "grey" and entry.coloured:
        raise DataError(
            f"{entry.coloured} images in {listing.path} are in colour although the first ones are grey: say "
            "color=rgb or color=grey"
        )
    left_out = (listing.left_out or {}) | _unreadable(listing, entry, options)
    kept = np.setdiff1d(np.arange(entry.count), list(entry.failed))
    number = {str(name): place for place, name in enumerate(classes)}
    if unknown := set(map(str, set(listing.labels))) - set(number):
        raise DataError(f"{listing.path} has class {min(unknown)!r}, which the training images lack")
    everything = ImageSet(
        images=entry.images(),
        labels=np.array([number[str(label)] for label in listing.labels], np.int64),
        ids=np.arange(entry.count) if listing.ids is None else listing.ids,
        classes=tuple(map(str, classes)),
        order=order,
        names=listing.records.names,
    )
    return everything.take(kept) if entry.failed else everything, left_out


def _unreadable(listing: Listing, entry: CacheEntry, options: Options) -> dict[str, str]:
    """What could not be read, by name.

    Raises:
        DataError: something, and it is not to be skipped; or nothing could be read.
    """
    if not entry.failed:
        return {}
    names = {str(listing.records.names[place]): reason for place, reason in entry.failed.items()}
    listed = shown(f"{name} ({reason})" for name, reason in names.items())
    said = f"{len(names)} of {entry.count} images in {listing.path} cannot be read: {listed}"
    if options.on_error == "stop" or len(names) == entry.count:
        raise DataError(
            f"{said}; mend or remove them, or on_error=skip leaves them out (all are listed in "
            f"{entry.folder / 'index.parquet'})"
        )
    _log.warning("%s; they are left out", said)
    return names


def shown(items: Iterable[str]) -> str:
    """The first few of some items, and how many more there are."""
    listed = list(items)
    more = f"; … {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return "; ".join(map(one_line, listed[:_SHOWN])) + more


def one_line(text: str) -> str:
    """Text in one line, whatever a file's name holds: what cannot be printed is escaped."""
    return text if text.isprintable() else ascii(text)[1:-1]


def _shape(records: Records, options: Options) -> Shape:
    """What the images are made into, from a look at some of them, spread over all."""
    if options.size is not None and options.color != "auto":
        return Shape(options.size, options.fit, options.color)
    count = len(records.names)
    sizes: Counter[tuple[int, int]] = Counter()
    grey = True
    for place in np.unique(np.linspace(0, count - 1, min(count, _SAMPLE)).astype(int)).tolist():
        content = next(records.part(place, place + 1).read())
        if isinstance(content, UnreadableError):
            continue
        try:
            facts = image_facts(content)
        except UnreadableError:
            continue
        sizes[facts.height, facts.width] += 1
        grey = grey and facts.mode in GREY
    color = options.color if options.color != "auto" else ("grey" if grey and sizes else "rgb")
    return Shape(options.size or _natural(sizes), options.fit, color)


def _natural(sizes: Counter[tuple[int, int]]) -> int:
    """The one size of all images, if they have one that can be trained on."""
    if len(sizes) == 1:
        ((height, width),) = sizes
        if height == width and 8 <= height <= _LARGEST:
            return height
    return _USUAL
