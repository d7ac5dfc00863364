"""The artifacts of an MLflow run as `Blobs`, whatever store MLflow keeps them in; reads are cached.

The one module of `store` that imports mlflow.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from memest.errors import SheetError
from memest.store.blobs import LocalBlobs, plain, refuse_change

if TYPE_CHECKING:
    from mlflow import MlflowClient


class ArtifactBlobs:
    """Artifacts of one run.

    Args:
        client: of the tracking server.
        run_id: whose artifacts.
        cache: a folder of this machine; a blob fetched once is not fetched again.
    """

    def __init__(self, client: MlflowClient, run_id: str, cache: Path | None = None) -> None:
        self._client, self._run_id = client, run_id
        self._cache = LocalBlobs(cache / run_id) if cache else None

    def put(self, name: str, content: bytes) -> None:
        """Upload `content`; a no-op if it is there already."""
        folder, _, file = plain(name).rpartition("/")
        if name in self.names(folder):
            refuse_change(name, self.get(name), content)
            return
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / file
            path.write_bytes(content)
            self._client.log_artifact(self._run_id, str(path), folder or None)
        if self._cache:
            self._cache.put(name, content)

    def get(self, name: str) -> bytes:
        """The bytes kept under `name`."""
        if self._cache and self._cache.path(name).is_file():
            return self._cache.get(name)
        content = self._download(plain(name))
        if self._cache:
            self._cache.put(name, content)
        return content

    def read(self, name: str, start: int, stop: int) -> bytes:
        """Bytes `start` to `stop` of what is kept under `name`; from the cache, if there is one."""
        if self._cache is None:
            return self.get(name)[start:stop]
        if not self._cache.path(name).is_file():
            self.get(name)
        return self._cache.read(name, start, stop)

    def names(self, folder: str) -> list[str]:
        """The names directly inside `folder`, sorted."""
        infos = self._client.list_artifacts(self._run_id, plain(folder) if folder else None)
        return sorted(info.path for info in infos if not info.is_dir)

    def _download(self, name: str) -> bytes:
        from mlflow.exceptions import MlflowException

        with tempfile.TemporaryDirectory() as scratch:
            try:
                return Path(self._client.download_artifacts(self._run_id, name, scratch)).read_bytes()
            except (MlflowException, OSError) as error:
                reason = str(error).splitlines()[0]
                raise SheetError(f"{name} of run {self._run_id} cannot be fetched: {reason}") from error
