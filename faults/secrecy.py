"""What must not get out, and what must not get in: secrets, planted code, paths that climb."""

from __future__ import annotations

import io
import os
import pickle
import sys
import zipfile
from pathlib import Path

import numpy as np

from faults.base import fault
from faults.damage import finished, objects
from faults.moments import kill_at, metrics_of
from faults.site import Site, train_command
from memest.errors import SheetError
from memest.store import LocalBlobs

GROUP = "secrets and planted files"
PRIVATE = ("credentials.json", "asked.json", "s3.json")
"""The files of the services that hold secrets, mode 600."""


@fault(
    GROUP,
    "a run that fails and one that succeeds: every file, database and line they leave searched for secrets",
    "none but the services' own files of mode 600 hold one",
    often=True,
)
def secrets_stay(site: Site) -> str:
    """Parameters, tags, logs, errors, artifacts, journals, caches, databases, the store's own files."""
    failed = site.run(AWS_SECRET_ACCESS_KEY="wrong", MEMEST_DEADLINE="5")
    uri = site.environment["MLFLOW_TRACKING_URI"].replace("://", "://ada:a-password-in-a-uri@")
    refused = site.run(MLFLOW_TRACKING_URI=uri.replace("127.0.0.1", "127.0.0.2"))
    ended = site.run()
    assert ended.code == 0, ended.said
    secret = site.services.secrets()
    assert secret is not None
    assert (failed.code, refused.code) == (1, 2), "a run that should fail did not"
    words = [secret.secret_key.encode(), secret.signing_key.encode(), b"a-password-in-a-uri"]
    said = "".join(one.said for one in (failed, refused, ended)).encode()
    assert not any(word in said for word in words), "a secret was printed"
    commands = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline")]
    assert not any(word in command for command in commands for word in words), "a command line holds a secret"
    searched = 0
    for folder in (site.root, site.services.root):
        for path in folder.rglob("*"):
            if not path.is_file() or path.name in PRIVATE:
                continue
            content = path.read_bytes()
            searched += 1
            assert not any(word in content for word in words), f"{path} holds a secret"
    modes = {(site.services.root / name).stat().st_mode & 0o777 for name in PRIVATE[:1]}
    assert modes == {0o600}, modes
    return f"{searched} files and all output searched, and every command line on the machine"


class _Planted:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch {self.path}",)


@fault(GROUP, "a checkpoint in the store that runs code if unpickled", "refused; no code runs", often=True)
def planted_checkpoint(site: Site) -> str:
    """In torch's own container, in place of a kept network; then `memest score`."""
    finished(site)
    store, bucket, prefix = objects(site)
    mark = site.root / "it-ran"
    content = _torch_file(mark)
    name = f"{prefix}checkpoint/epoch-000003.pt"
    store.put_object(bucket, name, io.BytesIO(content), len(content))
    command = [sys.executable, "-m", "entrypoints.score", "--run", site.runs()[0].info.run_id]
    elsewhere = {"MEMEST_HOME": str(site.root / "elsewhere")}  # this machine keeps what it wrote
    ended = site.run([*command, "--scores", "loss", "--epochs", "3"], 180, **elsewhere)
    assert ended.code == 1, f"exit code {ended.code}: {ended.said}"
    assert not mark.exists(), "it ran"
    return ended.said.strip().splitlines()[-1]


@fault(GROUP, "a resume point that runs code when unpickled", "dropped; the run starts anew; same bytes")
def planted_resume_point(site: Site) -> str:
    """In place of that of a killed run."""
    kill_at(site.start(), site.home, metrics_of(4))
    mark = site.root / "it-ran"
    (point,) = site.home.rglob("resume.pt")
    point.write_bytes(_torch_file(mark))
    ended = site.run()
    assert ended.code == 0, ended.said
    assert not mark.exists(), "it ran"
    return site.assert_as_undisturbed()


@fault(GROUP, "a dataset .npz that runs code when unpickled", "refused; no code runs", often=True)
def planted_dataset(site: Site) -> str:
    """An array of objects."""
    mark, path = site.root / "it-ran", site.root / "planted.npz"
    np.savez(path, images=np.array([_Planted(mark)], dtype=object), labels=np.zeros(1, int))
    mark.unlink(missing_ok=True)
    ended = site.run(train_command(site.experiment, data=f"npz(path='{path}')"))
    assert ended.code == 2, f"exit code {ended.code}: {ended.said}"
    assert not mark.exists(), "it ran"
    return ended.said.strip().splitlines()[-1]


@fault(GROUP, "artifact names that climb out of their folder", "refused", often=True)
def climbing_names(site: Site) -> str:
    """Read and written, by relative and absolute paths."""
    blobs = LocalBlobs(site.root)
    names = ["../x", "sheet/../../x", "/etc/passwd", "sheet//x", "sheet/./x", "..", "a\0b", "C:\\x"]
    for name in names:
        for attempt in (lambda n=name: blobs.get(n), lambda n=name: blobs.put(n, b"")):
            try:
                attempt()
            except SheetError as error:
                assert "relative paths" in str(error), error
            else:
                raise AssertionError(f"{name!r} was taken")
    return f"{len(names)} names, read and written"


def _torch_file(mark: Path) -> bytes:
    """A checkpoint in torch's zip container whose pickle makes a file, as is seen here once."""
    pickle.loads(pickle.dumps(_Planted(mark)))
    assert mark.exists(), "the planted code does nothing"
    mark.unlink()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(_Planted(mark)))
        archive.writestr("archive/version", "3\n")
        archive.writestr("archive/byteorder", "little")
    return buffer.getvalue()
