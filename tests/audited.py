"""Findings of real digits: labels changed on purpose, cross-validated probabilities, losses over training."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from memest.auditing.findings import Findings, Group, Planted, Reliability, WrongShare
from memest.data import ImageSet, load_images

CHANGED = 30


@cache
def audited() -> tuple[Findings, ImageSet]:
    """What is found in 400 digits of which 30 have a wrong label; and the images."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_predict

    images = load_images("digits", 400).train
    rng = np.random.default_rng(0)
    labels = images.labels.copy()
    changed = np.sort(rng.choice(400, CHANGED, replace=False))
    labels[changed] = (labels[changed] + rng.integers(1, 10, CHANGED)) % 10
    images = replace(images, labels=labels)
    pixels = images.images.reshape(400, -1) / 255
    p = cross_val_predict(LogisticRegression(max_iter=200), pixels, labels, cv=3, method="predict_proba")
    return findings_of(images, p.astype(np.float32), _losses(pixels, labels)), images


def findings_of(images: ImageSet, p_NK: np.ndarray, losses_EN: np.ndarray) -> Findings:
    """Findings by plain rules."""
    every = np.arange(len(images))
    own = p_NK[every, images.labels]
    others = p_NK.copy()
    others[every, images.labels] = -1
    suggested, wrong = others.argmax(1), (1 - own).astype(np.float64)
    rank = np.empty(len(images), np.int64)
    rank[np.argsort(-wrong, kind="stable")] = every + 1
    kind = np.where(wrong > 0.7, "wrong", np.where(wrong > 0.45, "ambiguous", "fine"))
    names = [str(number) for number in images.ids.tolist()] if images.names is None else images.names.tolist()
    why = tuple(
        "" if k == "fine" else f"the network that never saw it says {images.classes[s]}, {q:.2f}"
        for k, s, q in zip(kind, suggested, others.max(1), strict=True)
    )
    ids = images.ids.tolist()
    return Findings(
        dataset="digits",
        fingerprint=images.fingerprint,
        classes=images.classes,
        ids=images.ids,
        files=tuple(names),
        labels=images.labels,
        suggested=suggested.astype(np.int64),
        probability=wrong,
        rank=rank,
        kind=kind,
        why=why,
        estimate=WrongShare(0.07, 0.07, 0.07, 0),
        groups=(
            Group((ids[0], ids[1]), (names[0], names[1]), (), True, "same label", 1.0),
            Group((ids[2], ids[5]), (names[2], names[5]), ("4",), False, "conflicting", 0.93),
        ),
        unreadable={"broken.png": "it is cut off"},
        planted=Planted(20, np.minimum(20, np.arange(1, len(images) + 1) // 2), "as plausible confusions"),
        reliability=Reliability(
            np.array([0.1, 0.5, 0.9]), np.array([0.05, 0.6, 0.85]), np.array([300, 20, 80])
        ),
        epochs=np.arange(1, len(losses_EN) + 1),
        losses=losses_EN,
        choice={"network": "tiny", "epochs": "8", "took": "4 s"},
        sampled=images.ids[np.argsort(-rank)[:5]],
        probabilities=p_NK,
    )


def _losses(pixels_ND: np.ndarray, labels_N: np.ndarray, epochs: int = 8) -> np.ndarray:
    """The loss of each example after each epoch of a linear classifier, (E, N)."""
    from sklearn.linear_model import SGDClassifier

    model = SGDClassifier("log_loss", random_state=0)
    rows = []
    for _ in range(epochs):
        model.partial_fit(pixels_ND, labels_N, classes=np.arange(10))
        p = model.predict_proba(pixels_ND)[np.arange(len(labels_N)), labels_N]
        rows.append(-np.log(np.maximum(p, 1e-6)))
    return np.array(rows, np.float32)
