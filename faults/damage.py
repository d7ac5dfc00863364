"""Damage to what was kept: in the store, and on the machine that works."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from faults.base import fault
from faults.moments import kill_at, metrics_of
from faults.site import Site
from memest.errors import SheetError
from memest.services.probes import bucket_client
from memest.store import SheetReader
from memest.store.artifacts import ArtifactBlobs, run_blobs

GROUP = "damage to what was kept"
NAMED = "reading is refused, and the error names the part"


@fault(GROUP, "a block in the store cut short by one byte", NAMED, often=True)
def truncated(site: Site) -> str:
    """All but the last byte of the first block."""
    return _damaged(site, lambda content: content[:-1])


@fault(GROUP, "one bit of a block in the store flipped", NAMED, often=True)
def flipped(site: Site) -> str:
    """A bit in the middle of the first block."""
    return _damaged(site, _flip)


@fault(GROUP, "the manifest removed from the store", "the sheet is unfinished, and says so", often=True)
def without_manifest(site: Site) -> str:
    """As a run that never ended."""
    blobs = finished(site)
    store, bucket, prefix = objects(site)
    store.remove_object(bucket, prefix + "sheet/manifest.json")
    try:
        SheetReader.open(blobs)
    except SheetError as error:
        return str(error)
    raise AssertionError("a sheet without a manifest was opened")


@fault(GROUP, "a part in the local cache damaged", "it is fetched again; same bytes")
def damaged_cache(site: Site) -> str:
    """Every cached file loses its last byte."""
    finished(site)
    (run,) = site.runs()
    cache = site.root / "cache"
    blobs = run_blobs(site.client, run.info.run_id, cache)
    before = SheetReader.open(blobs).trace("loss")[1]
    files = [path for path in (cache / "content").rglob("*") if path.is_file()]
    for path in files:
        path.chmod(0o600)
        path.write_bytes(path.read_bytes()[:-1])
    after = SheetReader.open(run_blobs(site.client, run.info.run_id, cache)).trace("loss")[1]
    assert (before == after).all(), "other numbers came back"
    return f"{len(files)} cached files damaged, the same numbers read"


@fault(GROUP, "the lock of a process that was killed", "it holds nobody up; same bytes", often=True)
def stale_lock(site: Site) -> str:
    """A killed run leaves its lock file behind."""
    kill_at(site.start(), site.home, metrics_of(1))
    locks = [*site.home.rglob("lock")]
    assert locks, "no lock file was left: the fault did not happen"
    ended = site.run()
    assert ended.code == 0, ended.said
    return site.assert_as_undisturbed()


def finished(site: Site) -> ArtifactBlobs:
    """The blobs of a finished run, read without a cache."""
    ended = site.run()
    assert ended.code == 0, ended.said
    (run,) = site.runs()
    return ArtifactBlobs(site.client, run.info.run_id)


def objects(site: Site) -> tuple[Any, str, str]:
    """A client of the store, the bucket, and where the run's artifacts begin."""
    settings, secret = site.services.settings(), site.services.secrets()
    (run,) = site.runs()
    bucket, _, prefix = run.info.artifact_uri.removeprefix("s3://").partition("/")
    return bucket_client(settings, secret), bucket, prefix + "/"  # type: ignore[arg-type]


def _damaged(site: Site, damage: Callable[[bytes], bytes]) -> str:
    blobs = finished(site)
    name = SheetReader.open(blobs).manifest.blocks[0].part.name
    store, bucket, prefix = objects(site)
    content = damage(blobs.get(name))
    store.put_object(bucket, prefix + name, io.BytesIO(content), len(content))
    try:
        SheetReader.open(ArtifactBlobs(site.client, site.runs()[0].info.run_id)).trace("loss")
    except SheetError as error:
        assert name in str(error), f"the part is not named: {error}"
        return str(error).partition(";")[0]
    raise AssertionError("a damaged block was read")


def _flip(content: bytes) -> bytes:
    changed = bytearray(content)
    changed[len(changed) // 2] ^= 1
    return bytes(changed)
