"""What tests that train share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from mlflow import MlflowClient


@pytest.fixture
def client(store_uri: str, monkeypatch: pytest.MonkeyPatch) -> MlflowClient:
    """A client of the shared store, which this process and its children use."""
    from mlflow import MlflowClient

    monkeypatch.setenv("MLFLOW_TRACKING_URI", store_uri)
    monkeypatch.setenv("MEMEST_GATHER", "0")
    return MlflowClient(store_uri)
