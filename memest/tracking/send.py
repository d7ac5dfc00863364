"""Journal entries become calls of the server and the store.

Sending anything again changes nothing: equal points (the journal keeps their time), parameters, tags and
bytes are what is there already.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memest.errors import ChangeRefusedError, JournalError, MemestError, UndeliveredError, masked
from memest.store.artifacts import ArtifactBlobs
from memest.store.blobs import LocalBlobs
from memest.tracking.journal import LASTING, SEALED, STATE
from memest.tracking.kept_model import show_model
from memest.tracking.lines import Entry

if TYPE_CHECKING:
    from mlflow import MlflowClient

_MOST = {"metrics": 800, "params": 100, "tags": 100}
"""Values of a kind that one `log_batch` takes; together at most 1,000."""
_ANEW = "delete the folder of its journal and the run in the MLflow UI, and run its command again"
_REFUSALS = {400, 401, 403, 404}
_SETTINGS = ("NoCredentialsError", "PartialCredentialsError", "ProfileNotFound", "InvalidConfigError")
"""Of the S3 client: nothing was asked, and asking again will not help."""
_STORE_REFUSALS = (
    "AccessDenied",
    "AllAccessDisabled",
    "InvalidAccessKeyId",
    "NoSuchBucket",
    "SignatureDoesNotMatch",
)


def batches(entries: Iterable[tuple[Entry, int]]) -> Iterator[tuple[list[Entry], int]]:
    """Entries grouped into what one call can send, in order, each group with where it ends."""
    group: list[Entry] = []
    end = 0
    for entry, place in entries:
        if group and not _fits(group, entry):
            yield group, end
            group = []
        group.append(entry)
        end = place
    if group:
        yield group, end


def _fits(group: list[Entry], entry: Entry) -> bool:
    kind = entry["kind"]
    if kind not in _MOST or group[0]["kind"] not in _MOST:
        return False
    return sum(len(e["values"]) for e in (*group, entry) if e["kind"] == kind) <= _MOST[kind]


class Sender:
    """Sends the entries of one run.

    Args:
        client: of the tracking server.
        run_id: which run.
        files: where the bytes of its blobs lie.
        new: nothing was ever sent to this run, so that there is no need to ask what is there.
    """

    def __init__(self, client: MlflowClient, run_id: str, files: LocalBlobs, new: bool = False) -> None:
        self._client, self._run_id, self._files = client, run_id, files
        self._blobs = ArtifactBlobs(client, run_id)
        self._there: dict[str, set[str]] = {}
        self._new = new

    def send(self, group: list[Entry]) -> None:
        """One group of `batches`; whatever MLflow or the store raise comes out."""
        if group[0]["kind"] in _MOST:
            self._values(group)
            return
        (entry,) = group
        kind = entry["kind"]
        if kind == "blob":
            self._blob(entry["name"], entry["sha256"])
        elif kind == "dataset":
            self._dataset(entry["name"], entry["fingerprint"])
        elif kind == "model":
            show_model(self._client, self._run_id, entry["name"], entry["file"], entry["step"])
        elif kind == "known":
            pass  # the server said so itself
        elif entry["value"] == "RUNNING":
            self._client.update_run(self._run_id, "RUNNING")
        else:
            self._client.set_terminated(self._run_id, entry["value"], entry["time"])

    def confirm(self, ended: int) -> None:
        """See that the run is whole on the server, and say it again if it is not.

        What was said past a journal whose seal was on its way can have come last.

        Args:
            ended: when the run ended, in milliseconds since 1970.

        Raises:
            UndeliveredError: the server does not keep it.
        """
        if not is_whole(self._client.get_run(self._run_id)):
            self._client.set_terminated(self._run_id, "FINISHED", ended)
            self._client.set_tag(self._run_id, STATE, SEALED)
            if not is_whole(self._client.get_run(self._run_id)):
                raise UndeliveredError("the server was told that the run is whole, and says that it is not")

    def _values(self, group: list[Entry]) -> None:
        from mlflow.entities import Metric, Param, RunTag

        metrics = [
            Metric(name, value, entry["time"], entry["step"])
            for entry in group
            if entry["kind"] == "metrics"
            for name, value in entry["values"].items()
        ]
        self._client.log_batch(
            self._run_id,
            metrics=metrics,
            params=[Param(*item) for item in _latest(group, "params").items()],
            tags=[RunTag(*item) for item in _latest(group, "tags").items()],
        )

    def _blob(self, name: str, sha256: str) -> None:
        """What a folder holds is asked once; an attempt that broke may have left something, so ask again."""
        _require_whole(self._files.path(name), sha256)
        folder, new = name.rpartition("/")[0], self._new
        there = self._there.pop(folder, set() if new else None)
        if there is None:
            there = set(self._blobs.names(folder))
        self._new = False
        try:
            self._blobs.send(name, self._files.path(name), name in there)
        except ChangeRefusedError:
            if name.startswith(LASTING):
                raise
        self._there[folder], self._new = there | {name}, new

    def _dataset(self, name: str, fingerprint: str) -> None:
        from mlflow.entities import Dataset, DatasetInput, InputTag

        source = json.dumps({"spec": name, "fingerprint": fingerprint})
        dataset = Dataset(name=name, digest=fingerprint[:32], source_type="memest", source=source)
        context = InputTag(key="mlflow.data.context", value="training")
        self._client.log_inputs(self._run_id, datasets=[DatasetInput(dataset=dataset, tags=[context])])


def _latest(group: list[Entry], kind: str) -> dict[str, Any]:
    """The values of one kind in a group; of a name said twice, the later."""
    return {
        name: value for entry in group if entry["kind"] == kind for name, value in entry["values"].items()
    }


def is_whole(run: Any) -> bool:
    """Whether the server says that a run is finished and sealed."""
    return bool(run.info.status == "FINISHED" and run.data.tags.get(STATE) == SEALED)


def _require_whole(file: Path, sha256: str) -> None:
    """Damage on this disk must not travel.

    Raises:
        JournalError: the file is gone, or holds other bytes than the journal says.
    """
    try:
        with file.open("rb") as content:
            came = hashlib.file_digest(content, "sha256").hexdigest()
    except OSError as error:
        raise JournalError(f"{file} cannot be read ({error}); {_ANEW}") from error
    if came != sha256:
        raise JournalError(
            f"{file} was damaged: SHA-256 {sha256[:12]}… was written, {came[:12]}… is there; {_ANEW}"
        )


@dataclass(frozen=True)
class Trouble:
    """Why something was not delivered.

    Attributes:
        text: in one line, without credentials.
        refused: server or store answered and said no: trying again soon will not help.
    """

    text: str
    refused: bool

    @classmethod
    def of(cls, error: BaseException) -> Trouble:
        """What an error of MLflow, of the store's client or of our own means.

        The errors are told apart by what they carry: neither package may be imported for this.
        """
        text = masked(" ".join(str(error).split()))[:300] or type(error).__name__
        if isinstance(error, (ChangeRefusedError, JournalError)):
            return cls(text, refused=True)
        if isinstance(error, MemestError) and error.__cause__ is not None:
            return cls(text, cls.of(error.__cause__).refused)
        wrong = isinstance(error, ImportError) or type(error) is ValueError or _named(error, _SETTINGS)
        refused = wrong or _status(error) in _REFUSALS or _denied(text)
        return cls(f"{type(error).__name__}: {text}", refused)


def _status(error: BaseException) -> int | None:
    """The HTTP status an error carries, of the server (MLflow's, requests') or of the store (botocore's)."""
    answer = getattr(error, "response", None)
    if isinstance(answer, dict):
        status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode")
        return None if status == 400 else status  # 400 is also S3's word for a request that came too slowly
    if answer is not None:
        return getattr(answer, "status_code", None)
    status = getattr(error, "get_http_status_code", None)
    return status() if status else None


def _named(error: BaseException, names: Collection[str]) -> bool:
    return type(error).__name__ in names


def _denied(text: str) -> bool:
    return any(f"({code})" in text for code in _STORE_REFUSALS)
