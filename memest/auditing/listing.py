"""The report's data: one row for each listed example, groups, traces and pictures, as JSON for its script.

Axes: N examples, R rows of the report, E epochs, T points of a trace.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from memest.auditing.findings import Findings, Group, Integers
from memest.auditing.thumbnails import thumbnails
from memest.data import ImageSet
from memest.ids import Ids

KINDS = ("wrong", "ambiguous", "rare", "duplicate", "fine")
MOST = 100_000
"""Rows of a report at most."""
_POINTS = 32
_PICTURED_TESTS = 500


def listed(findings: Findings, most: int = MOST) -> Integers:
    """The positions of the rows of a report, at most `most`, those first that need a picture most: (R,).

    What is not fine by rank, then the random part of a review, then members of groups, then all others.
    """
    known = Ids(findings.ids, "the findings")
    members = np.array([number for group in findings.groups for number in group.ids], np.int64)
    later = np.full(len(findings), 3)
    later[known.locate(members)] = 2
    later[known.locate(findings.sampled)] = 1
    later[findings.kind != "fine"] = 0
    return np.lexsort((findings.rank, later))[:most].astype(np.int64)


def page_data(findings: Findings, rows: Integers) -> dict[str, Any]:
    """All that the report's script shows but pictures and traces; rows by position, in their order."""
    sampled = set(findings.sampled.tolist())
    shown = Ids(findings.ids[rows], "the rows of the report")
    probability = findings.probability[rows]
    return {
        "fingerprint": findings.fingerprint,
        "classes": list(findings.classes),
        "kinds": list(KINDS),
        "id": findings.ids[rows].tolist(),
        "file": [findings.files[n] for n in rows.tolist()],
        "label": findings.labels[rows].tolist(),
        "suggested": findings.suggested[rows].tolist(),
        "probability": [None if np.isnan(p) else round(float(p), 4) for p in probability],
        "rank": findings.rank[rows].tolist(),
        "kind": [KINDS.index(kind) for kind in findings.kind[rows].tolist()],
        "why": [findings.why[n] for n in rows.tolist()],
        "sampled": [int(number in sampled) for number in findings.ids[rows].tolist()],
        "groups": [_group(group, shown) for group in findings.groups],
        "points": len(_thinned(findings)),
    }


def packed_losses(findings: Findings, rows: Integers) -> str:
    """Losses as one byte each on a logarithmic scale, (R, T), gzip in base64; empty where there are none."""
    if findings.losses is None or not len(epochs := _thinned(findings)):
        return ""
    losses = np.log1p(np.nan_to_num(findings.losses[epochs][:, rows].T, posinf=1e6))
    bytes_RT = np.round(255 * losses / max(float(losses.max(initial=0)), 1e-9)).astype(np.uint8)
    return base64.b64encode(gzip.compress(bytes_RT.tobytes(), 9, mtime=0)).decode()


def page_pictures(
    findings: Findings, rows: Integers, images: ImageSet, test: ImageSet | None, room: int
) -> tuple[list[str], dict[str, str]]:
    """Pictures of the first rows, and of test images in groups by name, in at most `room` characters."""
    named = {} if test is None else _of_tests(findings, test, room // 4)
    places = Ids(images.ids, "the images").locate(findings.ids[rows])
    return thumbnails(images, places.tolist(), room - sum(map(len, named.values()))), named


def script_json(value: Mapping[str, Any]) -> str:
    """JSON that may stand inside a script element: no character of it can end the element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _of_tests(findings: Findings, test: ImageSet, room: int) -> dict[str, str]:
    names = test.names.tolist() if test.names is not None else [str(number) for number in test.ids.tolist()]
    known = {name: place for place, name in enumerate(names)}
    wanted = dict.fromkeys(file for group in findings.groups for file in group.test_files if file in known)
    chosen = list(wanted)[:_PICTURED_TESTS]
    made = thumbnails(test, [known[name] for name in chosen], room)
    return dict(zip(chosen, made, strict=False))


def _group(group: Group, shown: Ids) -> dict[str, Any]:
    places = shown.find(np.asarray(group.ids, np.int64)).tolist()
    return {
        "members": [[place, file] for place, file in zip(places, group.files, strict=True)],
        "tests": list(group.test_files),
        "exact": group.exact,
        "relation": group.relation,
        "similarity": round(group.similarity, 3),
    }


def _thinned(findings: Findings) -> Integers:
    """The epochs that a trace shows, by position, (T,)."""
    if findings.losses is None or not len(findings.epochs):
        return np.zeros(0, np.int64)
    return np.unique(np.linspace(0, len(findings.epochs) - 1, _POINTS).round().astype(np.int64))
