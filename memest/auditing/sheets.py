"""Evidence from the sheet of a finished run or recording. Axes: N examples, K classes, E epochs."""

from __future__ import annotations

import numpy as np

from memest.auditing.evidence import Evidence
from memest.errors import SettingError
from memest.store import SheetReader
from memest.store.tables import read_array

UNSEEN, SEEN = "sheet/probabilities.npy", "sheet/seen_probabilities.npy"
"""Probabilities out of sample, and of a recording while it was trained on."""


def evidence_of(sheet: SheetReader, networks: int = 1) -> Evidence:
    """What a sheet says of its examples.

    Args:
        sheet: finished.
        networks: how many trained on each example.

    Raises:
        SettingError: it kept neither kind of probabilities, measured no loss, or is one fold of several.
    """
    kept = {part.name for part in sheet.manifest.kept}
    name = next((name for name in (UNSEEN, SEEN) if name in kept), None)
    loss = next((key for key in ("seen/loss", "loss") if key in sheet.manifest.scores), None)
    if name is None or loss is None:
        raise SettingError(
            "an audit needs the loss of each example and probabilities of its classes: train with --protocol "
            "'cross_fit(folds=3)' or 'k_fold(folds=3)', or record with a Recorder"
        )
    table = sheet.summary(["id", "label"])
    config = sheet.manifest.header.config
    if str(config.get("protocol", "")).startswith("cross_fit") and config.get("part") is not None:
        raise SettingError(
            f"this is part {config['part']} of {config['protocol']}: its network was trained on some "
            "examples and asked about the others; name the run that joins it with the other parts"
        )
    epochs, losses = sheet.trace(loss)
    margins = (
        sheet.trace(margin)[1]
        if (margin := loss.replace("loss", "margin")) in sheet.manifest.scores
        else None
    )
    later = epochs > 0
    return Evidence(
        ids=table["id"],
        labels=table["label"],
        probabilities=read_array(sheet.kept(name)).astype(np.float64),
        unseen=name == UNSEEN,
        epochs=epochs[later],
        losses=losses[later],
        margins=None if margins is None else margins[later],
        networks=networks,
    )
