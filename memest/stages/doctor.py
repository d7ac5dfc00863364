"""`memest doctor`: every link of the platform in turn, and what to do about the first that is broken."""

from __future__ import annotations

import importlib.metadata
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from memest.grammar.config import option
from memest.services import (
    BrokenLinkError,
    Check,
    CheckResult,
    Reach,
    SkippedLinkError,
    artifact_route,
    examine,
    s3_checks,
    tracking_answers,
)
from memest.services.artifact_route import LIMIT
from memest.stages.services import FOLDER, services_folder
from memest.tracking import bare, tracking_uri
from memest.verdict import Verdict

PACKAGES = ("numpy", "torch", "mlflow", "pyarrow", "filelock", "scikit-learn")
FOR_SERVERS = ("boto3", "minio", "requests")
LOCAL = (
    "everything is local and fine: runs go to mlflow.db and mlruns in the folder where you train; servers "
    "are for several people or machines (memest services up)"
)
ROUTE_NEEDS = ("packages", "S3 round trip", "tracking server")
TORCH_SECONDS = 60.0
"""Importing torch for the first time on a slow disk takes its time."""


@dataclass(frozen=True)
class DoctorConfig:
    """Everything the doctor can be told."""

    bucket: str = option("", "bucket to try; empty: MEMEST_BUCKET, else that of the services started here")
    folder: str = FOLDER


def doctor(config: DoctorConfig) -> Verdict:
    """Check every link; not good if one is broken."""
    reach = Reach.find(services_folder(config.folder))
    reach = replace(reach, bucket=config.bucket or reach.bucket)
    found = examine(_checks(reach))
    broken = next((one for one in found if one.state == "FAILED"), None)
    lines = [f"settings come from {reach.source}"] if reach.source else ["no server is configured"]
    lines += map(_line, found)
    if broken:
        lines.append(f"remedy for {broken.name}: {broken.remedy}")
    elif reach.local:
        lines.append(f"fine: runs go to {bare(reach.tracking_uri)}" if reach.tracking_uri else LOCAL)
    return Verdict(reach.hide("\n".join(lines)), good=broken is None)


def _checks(reach: Reach) -> list[Check]:
    here = [
        Check("GPU", _gpu, limit=TORCH_SECONDS),
        Check("data", _data, limit=TORCH_SECONDS),
    ]
    if reach.local:
        return [
            Check("packages", lambda: _packages(PACKAGES)),
            Check("local runs", lambda: _artifacts(reach), ("packages",), limit=LIMIT + 5),
            *here,
        ]
    return [
        Check("packages", lambda: _packages((*PACKAGES, *FOR_SERVERS))),
        *s3_checks(reach),
        Check("tracking server", lambda: tracking_answers(reach), ("packages",)),
        Check("artifact route", lambda: _artifacts(reach), ROUTE_NEEDS, limit=LIMIT + 5),
        *here,
    ]


def _packages(names: tuple[str, ...]) -> str:
    versions, missing = [], []
    for name in names:
        try:
            versions.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
    if missing:
        raise BrokenLinkError(f"not installed: {', '.join(missing)}", "pip install 'memest[platform]'")
    return ", ".join(versions)


def _artifacts(reach: Reach) -> str:
    if reach.tracking_uri or Path("mlflow.db").is_file():
        return artifact_route(reach, reach.tracking_uri or tracking_uri())
    try:
        with tempfile.TemporaryDirectory(
            dir=".", prefix="memest-doctor-"
        ) as scratch:  # leaves no empty store
            room = Path(scratch).absolute()
            return artifact_route(reach, f"sqlite:///{room / 'mlflow.db'}", room)
    except OSError as error:
        way_out = "make this folder writable, go to another, or set MLFLOW_TRACKING_URI to a server"
        raise BrokenLinkError(
            f"nothing can be written in {Path.cwd()} ({error.strerror})", way_out
        ) from error


def _gpu() -> str:
    import torch

    if not torch.cuda.is_available():
        raise SkippedLinkError("torch finds none: training runs on the CPU")
    return str(torch.cuda.get_device_name())


def _data() -> str:
    from memest.data import load_images

    return f"digits: {len(load_images('digits').train)} images"


def _line(one: CheckResult) -> str:
    return f"{one.state:<8} {one.name:<16} {one.details}".rstrip()
