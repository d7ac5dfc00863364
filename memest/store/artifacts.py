"""The artifacts of an MLflow run as `Blobs`, whatever store MLflow keeps them in.

The one module of `store` that imports mlflow.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from memest.errors import SheetError, masked
from memest.store.blobs import plain_name, refuse_change, verified
from memest.store.cache import Cache, CachedBlobs

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.store.artifact.artifact_repo import ArtifactRepository


def run_blobs(
    client: MlflowClient,
    run_id: str,
    cache: Path,
    known: Collection[str] | None = None,
    uri: str | None = None,
) -> CachedBlobs:
    """The artifacts of one run, each fetched once.

    Args:
        client: of the tracking server.
        run_id: whose artifacts.
        cache: a folder of this machine.
        known: every name there is, of a run that is whole: the server is not asked.
        uri: the run's artifact URI, if it is known.
    """
    return CachedBlobs(ArtifactBlobs(client, run_id, uri), Cache(cache), run_id, known)


class ArtifactBlobs:
    """Artifacts of one run, read and written without asking the tracking server for each file.

    Args:
        client: of the tracking server.
        run_id: whose artifacts.
        uri: the run's artifact URI; None: the server is asked for it once.
    """

    def __init__(self, client: MlflowClient, run_id: str, uri: str | None = None) -> None:
        self._client, self._run_id, self._uri = client, run_id, uri

    def put(self, name: str, content: bytes) -> None:
        """Upload `content`; a no-op if it is there already."""
        folder, _, file = plain_name(name).rpartition("/")
        if name in self.names(folder):
            refuse_change(name, self.get(name), content)
            return
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / file
            path.write_bytes(content)
            self._upload(name, path)

    def send(self, name: str, file: Path, there: bool) -> None:
        """Upload a file of the same base name.

        Args:
            there: something is kept under this name already. An upload that was cut short left the beginning
                of these bytes (a store of plain files is not atomic) and is made again; equal bytes stay.

        Raises:
            SheetError: other bytes are kept under this name.
        """
        if there:
            kept, content = self._download(plain_name(name)), file.read_bytes()
            if kept == content:
                return
            if not content.startswith(kept):
                refuse_change(name, kept, content)
        self._upload(name, file)

    def get(self, name: str, sha256: str = "") -> bytes:
        """The bytes kept under `name`, fetched now; with a SHA-256, only if it is theirs."""
        return verified(name, self._download(plain_name(name)), sha256)

    def read(self, name: str, start: int, stop: int) -> bytes:
        """Bytes `start` to `stop` of what is kept under `name`, all of which is fetched."""
        return self.get(name)[start:stop]

    def names(self, folder: str) -> list[str]:
        """The names directly inside `folder`, sorted; what memest could not have written is left out.

        Raises:
            SheetError: the server names something outside `folder`.
        """
        where = plain_name(folder) if folder else None
        with _said_plainly(f"the artifacts of run {self._run_id} cannot be listed"):
            infos = self._artifacts.list_artifacts(where)
        return sorted(name for info in infos if not info.is_dir and (name := _inside(folder, info.path)))

    def _upload(self, name: str, file: Path) -> None:
        with _said_plainly(f"{name} of run {self._run_id} cannot be stored"):
            self._artifacts.log_artifact(str(file), name.rpartition("/")[0] or None)  # type: ignore[no-untyped-call]

    def _download(self, name: str) -> bytes:
        """One file, by the call that every store of MLflow has for it; `download_artifacts` lists first."""
        with (
            tempfile.TemporaryDirectory() as scratch,
            _said_plainly(f"{name} of run {self._run_id} cannot be fetched"),
        ):
            path = Path(scratch) / "content"
            self._artifacts._download_file(name, str(path))  # type: ignore[no-untyped-call]
            return path.read_bytes()

    @cached_property
    def _artifacts(self) -> ArtifactRepository:
        """MLflow's access to the artifacts; calls that reach S3 itself do not wait for ever."""
        uri = self._uri or self._client.get_run(self._run_id).info.artifact_uri
        return _repository(uri, self._client.tracking_uri)


def names_at(uri: str, tracking_uri: str) -> set[str]:
    """The names of files and folders directly at an artifact URI; errors of the store's client come out."""
    return {info.path for info in _repository(uri, tracking_uri).list_artifacts()}


def _repository(uri: str, tracking_uri: str) -> ArtifactRepository:
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    if uri.startswith("s3:"):
        from memest.store.s3 import limit_waiting

        limit_waiting()
    return get_artifact_repository(uri, tracking_uri=tracking_uri)


def _inside(folder: str, name: str) -> str | None:
    """`name`, if it lies directly in `folder`; None if it is one that memest does not give.

    Raises:
        SheetError: it lies elsewhere.
    """
    place, _, file = name.rpartition("/")
    if place != folder or file in ("", ".", ".."):
        raise SheetError(f"the server lists {name!r} inside {folder or 'the run'!r}: refused")
    try:
        return plain_name(name)
    except SheetError:
        return None


@contextmanager
def _said_plainly(what: str) -> Iterator[None]:
    """Whatever MLflow, the client of a store or the file system raise, as an error of the sheet."""
    try:
        yield
    except SheetError:
        raise
    except Exception as error:  # each store has a client of its own: they share no base
        text = masked(" ".join(str(error).split()))[:300]
        kind = type(error).__name__
        raise SheetError(f"{what} ({kind}: {text})" if text else f"{what} ({kind})") from error
