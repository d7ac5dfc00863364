"""What tests that train share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from memest.reports import figures

if TYPE_CHECKING:
    from mlflow import MlflowClient

_rendered = figures._rendered
_painted: dict[str, bytes] = {}


@pytest.fixture(autouse=True)
def _painted_once(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Each run makes its figures; the first of a process is rendered, which takes half as long as such a run.

    Tests marked `pictures` look at them: there each is rendered.
    """
    if request.node.get_closest_marker("pictures"):
        return

    def once(figure: Any, kind: str, metadata: dict[str, None]) -> bytes:
        if kind not in _painted:
            _painted[kind] = _rendered(figure, kind, metadata)
        return _painted[kind]

    monkeypatch.setattr(figures, "_rendered", once)


@pytest.fixture
def client(store_uri: str, monkeypatch: pytest.MonkeyPatch) -> MlflowClient:
    """A client of the shared store, which this process and its children use."""
    from mlflow import MlflowClient

    monkeypatch.setenv("MLFLOW_TRACKING_URI", store_uri)
    monkeypatch.setenv("MEMEST_GATHER", "0")
    return MlflowClient(store_uri)
