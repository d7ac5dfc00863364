"""The manifest of a sheet."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sheets import FINGERPRINT, HEADER

from memest.errors import SheetError
from memest.store import Manifest
from memest.store.manifest import Block, SheetFile

MANIFESTED = Manifest(
    header=replace(HEADER, source_run="0a1b"),
    scores={"loss": {"unit": "nats", "harder": 1, "epochs": [0, 1]}},
    scalars={"weight_norm": [0, 1]},
    blocks=[Block(SheetFile.of("sheet/block-000000-000001.safetensors", b"one"), 0, 1)],
    tables={"truth": SheetFile.of("sheet/truth.parquet", b"two")},
)


def test_a_manifest_is_json_and_back() -> None:
    """Nothing is lost, equal manifests give equal bytes, and any JSON reader can read them."""
    content = MANIFESTED.to_json()
    again = Manifest.from_json(content)
    assert again == MANIFESTED
    assert again.to_json() == content
    assert replace(MANIFESTED, tables=dict(reversed(MANIFESTED.tables.items()))).to_json() == content
    assert json.loads(content)["header"]["fingerprint"] == FINGERPRINT


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda raw: raw | {"format": 99}, "has format 99; this version reads 1"),
        (lambda raw: {k: v for k, v in raw.items() if k != "blocks"}, "cannot be read .*blocks"),
        (lambda raw: raw | {"header": {"key": "k"}}, "cannot be read"),
        (lambda raw: raw | {"tables": []}, "cannot be read"),
        (lambda raw: [raw], "cannot be read"),
    ],
)
def test_a_manifest_that_cannot_be_read_is_refused(change: Callable[[Any], Any], words: str) -> None:
    """Another format, a missing part or something else altogether: an error of the sheet."""
    with pytest.raises(SheetError, match=words):
        Manifest.from_json(json.dumps(change(json.loads(MANIFESTED.to_json()))).encode())
    for torn in (b"", MANIFESTED.to_json()[:-9], b"\xff\xfe"):
        with pytest.raises(SheetError, match="cannot be read"):
            Manifest.from_json(torn)
