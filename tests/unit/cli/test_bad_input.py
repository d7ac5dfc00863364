"""Bad input of every kind: the documented exit code, one line that names the way out, and nothing written.

A case is a command line, what its one line says, and the files and variables that it finds. Add a case to the
list of its area.
"""

from __future__ import annotations

import io
import shlex
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from memest import cli


@dataclass(frozen=True)
class Bad:
    """One command that cannot be done.

    Attributes:
        typed: the command line, as in a shell, without `memest`.
        says: part of what it says.
        files: content by path, there before.
        variables: of the environment.
        code: the exit code; 2: nothing was done.
    """

    typed: str
    says: str
    files: dict[str, bytes] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    code: int = 2


def npz(**arrays: object) -> bytes:
    """The bytes of an npz file."""
    buffer = io.BytesIO()
    np.savez(buffer, **{name: np.asarray(array) for name, array in arrays.items()})
    return buffer.getvalue()


def grid(text: str, says: str, more: str = "") -> Bad:
    """A sweep whose grid file is `text`."""
    return Bad(f"sweep grid.yaml {more}", says, {"grid.yaml": text.encode()})


IMAGES, LABELS = np.zeros((40, 8, 8), np.uint8), np.arange(40) % 4
MINE = "train --data npz(path=mine.npz) --limit 20 --epochs 1"


def own(says: str, **arrays: object) -> Bad:
    """A training on an npz file with these arrays beside, or in place of, images and labels."""
    content = {"images": IMAGES, "labels": LABELS} | arrays
    kept = {name: array for name, array in content.items() if array is not None}
    return Bad(
        f"{MINE.replace('npz(path=mine.npz)', shlex.quote('npz(path=mine.npz)'))}",
        says,
        {"mine.npz": npz(**kept)},
    )


WORDS = [
    Bad("", "a command is needed"),
    Bad("trian", "did you mean 'train'"),
    Bad("Train", "did you mean 'train'"),
    Bad("--verbose", "unknown flag of memest '--verbose'"),
    Bad("services", "did you mean 'services"),
    Bad("services upp", "did you mean 'services up'"),
    Bad("train digits", "as in memest train --data digits"),
    Bad("analyze demo", "as in memest analyze --experiment demo"),
    Bad("score 0123abcd", "as in memest score --run 0123abcd"),
    Bad("services up minio", "as in memest services up --store minio"),
    Bad("train --data npz(path=my file.npz)", "a value with spaces or brackets needs quotes"),
    Bad("train --sede 1", "did you mean '--seed'"),
    Bad("train --epoch=3", "did you mean '--epochs'"),
    Bad("train -epochs 3", "did you mean '--epochs'"),
    Bad("train --epochs", "--epochs: expected one argument"),
    Bad("train --lr --momentum 0.9", "--lr: expected one argument"),
    Bad("train --epochs=", "--epochs must be a whole number of at least 1, not ''"),
    Bad("demo --epochs 3", "unknown flag of memest demo '--epochs'"),
    Bad("doctor --no-such x", "unknown flag of memest doctor"),
]
"""Commands, flags and words that are not understood."""

SETTINGS = [
    Bad("train --epochs 0", "--epochs must be a whole number of at least 1, not 0"),
    Bad("train --epochs 3.5", "--epochs must be a whole number"),
    Bad("train --epochs ten", "not 'ten'"),
    Bad("train --epochs 1e3", "--epochs must be a whole number of at least 1, not 1000.0"),
    Bad("train --seed -1", "--seed must be a whole number of at least 0, not -1"),
    Bad("train --lr 0", "--lr must be a number above 0, not 0"),
    Bad("train --lr nan", "--lr must be a number above 0, not 'nan'"),
    Bad("train --lr 1e999", "--lr must be a number above 0, not inf"),
    Bad("train --momentum 2", "--momentum must be a number in [0, 1], not 2"),
    Bad("train --batch-size 0", "--batch-size must be a whole number of at least 1"),
    Bad("train --precision fp16", "--precision must be one of fp32, bf16, not 'fp16'"),
    Bad("train --compile yes", "--compile must be true or false, not 'yes'"),
    Bad("train --stop-when stabel", "did you mean 'stable'"),
    Bad("train --stop-when 'stable(agreement=2)'", "(agreement=…) must be a number in (0, 1], not 2"),
    Bad("train --stop-when stable --protocol second_split", "leave one of the two out"),
    Bad("train --stop-when stable --scores correct", "add loss to --scores correct"),
    Bad("train --device gpu", "--device must be one of auto, cpu, cuda, not 'gpu'"),
    Bad("train --limit many", "--limit must be a whole number"),
    Bad("train --corruption-seed x", "--corruption-seed must be a whole number of at least 0 or None"),
    Bad("train --part 1.5", "--part must be a whole number of at least 0 or None"),
    Bad("train --max-overhead 0", "--max-overhead must be a number in (0, 1] or None, not 0"),
    Bad("train --max-overhead 10", "--max-overhead must be a number in (0, 1] or None, not 10"),
    Bad("retrain --share 1", "a share below 1"),
    Bad("train --model 'resnet18(width=4)' --batch-size 1", "leave a batch of one, and this network cannot"),
    Bad("train --model 'vgg16(width=4)' --batch-size 1 --protocol second_split", "leave a batch of one"),
    Bad("retrain --model 'resnet18(width=4)' --batch-size 1 --networks 30", "leave a batch of one"),
    Bad("retrain --networks 0", "--networks must be"),
    Bad("retrain --networks 2 --limit 100", "train more --networks"),
    Bad("retrain --share 0.0001", "of 1438 images is none"),
    Bad("retrain --into no/such/folder/x.npz --limit 100", "no/such/folder"),
    Bad("experiment mislabeled --scale big", "--scale must be one of smoke, small, medium, full, not 'big'"),
    Bad("services up --mlflow-port 70000", "--mlflow-port must be a whole number in [0, 65535]"),
    Bad("services up --store mini", "--store must be one of minio"),
    Bad("services down --grace -1", "--grace must be a number of at least 0"),
    Bad("tune --trials 0", "--trials must be a whole number of at least 1, not 0"),
    Bad("deliver --folder ''", "it came empty"),
]
"""Values of the wrong type or out of range."""

SPECS = [
    Bad("train --data digitz", "did you mean 'digits'"),
    Bad("train --data ''", "--data came empty"),
    Bad("train --data 'digits('", "digits("),
    Bad("train --data 'digits(size=9)'", "keyword of dataset digits 'size'"),
    Bad("train --data 'npz(path=a.npz, path=b.npz)'", "path= is given twice"),
    Bad("train --data npz", "npz(path="),
    Bad("train --corruption 'symmetric_noise(rate=1.5)'", "a number in (0, 1], not 1.5"),
    Bad("train --corruption 'symmetric_noise(rat=0.1)'", "did you mean 'rate'"),
    Bad("train --corruption symmetric_noise", "needs rate="),
    Bad("train --corruption 'symmetric_noise(rate=0.0001)'", "would change 0 of"),
    Bad("train --corruption 'conflicting_duplicates(pairs=100000)'", "100000"),
    Bad("train --model resnet81", "did you mean 'resnet18'"),
    Bad("train --model 'resnet18(width=0)'", "width"),
    Bad("train --model \"tiny(width=__import__('os'))\"", "must be a whole number"),
    Bad("train --scores losss", "did you mean 'loss'"),
    Bad("train --scores ''", "at least one score is needed"),
    Bad("train --scores 'loss,,margin'", "an empty item stands between commas"),
    Bad("train --scores 'curvature(probes=0)'", "probes"),
    Bad("train --scores 'loss(labels=somebody)'", "labels"),
    Bad("train --scores input_gradient --gradient-every 0", "would be measured at no epoch"),
    Bad("train --schedule stairs", "unknown schedule 'stairs'"),
    Bad("train --augmentation flip", "unknown augmentation 'flip'"),
    Bad("train --checkpoints 'every(k=0)'", "k=…"),
    Bad("train --checkpoints first", "choice of epochs 'first'"),
    Bad("train --protocol k_folds", "did you mean 'k_fold'"),
    Bad("train --protocol 'k_fold(folds=1)'", "folds"),
    Bad("train --protocol second_split --part 7", "7"),
    Bad("train --limit 3", "3"),
    Bad("train --device cuda", "no GPU"),
    Bad("analyze --analysis detektion", "did you mean 'detection'"),
    Bad("analyze --where modl=tiny", "did you mean 'model'"),
    Bad("analyze --where 'seed=1, seed=2'", "names seed twice"),
    Bad("analyze --where seed", "seed"),
    Bad("sweep grid.yaml --engine locl", "did you mean 'local'"),
    Bad("tune --space 'lr=logg(0.01, 0.3)'", "did you mean 'log'"),
    Bad("tune --space 'lr=log(0.3, 0.01)'", "0.3"),
    Bad("tune --space lr", "lr"),
    Bad("tune --space 'learning_rate=log(0.01, 0.3)'", "learning_rate"),
    Bad("tune --sampler tpee", "did you mean 'tpe'"),
    Bad("tune --space 'lr=log(0.01, 0.3)' --objectives speed", "speed"),
]
"""Names and keywords of the grammar."""

DATA = [
    Bad("train --data 'npz(path=no.npz)'", "there is no file no.npz"),
    Bad("train --data 'npz(path=\"~nobody-here/x.npz\")'", "there is no user of that name"),
    Bad("train --data '~nobody-here/x.npz'", "there is no user of that name"),
    Bad(f"train --data {'x' * 5000}", "cannot be looked at"),
    Bad("train --data 'npz(path=mine.npz)'", "mine.npz", {"mine.npz": b""}),
    Bad("train --data 'npz(path=mine.npz)'", "mine.npz", {"mine.npz": b"<!DOCTYPE html><html></html>"}),
    Bad(
        "train --data 'npz(path=mine.npz)'",
        "mine.npz",
        {"mine.npz": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"},
    ),
    Bad(
        "train --data 'npz(path=mine.npz)'", "mine.npz", {"mine.npz": npz(images=IMAGES, labels=LABELS)[:900]}
    ),
    Bad("train --data 'npz(path=.)'", "is a folder"),
    own("labels", labels=None),
    own("images", images=None),
    own("images", images=IMAGES[:30]),
    own("images", images=np.zeros((40, 8, 8), np.int64)),
    own("images", images=np.full((40, 8, 8), np.nan)),
    own("images", images=np.zeros(40)),
    own("needs at least one example", images=IMAGES[:0], labels=LABELS[:0]),
    own("labels", labels=LABELS + 0.5),
    own("labels", labels=LABELS - 1),
    own("labels", labels=[f"class {k}" for k in LABELS]),
    own("labels", labels=np.eye(4)[LABELS]),
    own("has one class only", labels=np.zeros(40, np.int64)),
    own("ids", ids=np.zeros(40, np.int64)),
    own("ids", ids=np.arange(39)),
    own("classes", classes=["one", "two"]),
    Bad("train --data cifar10", "put cifar-10-python.tar.gz"),
    Bad("train --data mnist", "put train-images-idx3-ubyte"),
]
"""Files of data."""

GRIDS = [
    Bad("sweep", "a grid file is needed"),
    Bad("sweep no.yaml", "no.yaml"),
    Bad("sweep .", "."),
    grid("", "grid.yaml"),
    grid("- 1\n- 2\n", "grid.yaml"),
    grid("axes: {lr: [0.1]", "grid.yaml"),
    grid("axis: {lr: [0.1]}", "did you mean 'axes'"),
    grid("axes: {lrate: [0.1]}", "lrate"),
    grid("axes: {lr: 0.1}", "lr"),
    grid("axes: {lr: [0]}", "--lr must be a number above 0, not 0"),
    grid("axes: {epochs: [0]}", "--epochs must be"),
    grid("base: {data: digitz}\naxes: {seed: [1]}", "digitz"),
    grid("axes: {seed: [1]}", "--tracking off", "--tracking off"),
    grid("axes: {seed: [1]}", "--address", "--address host:6379"),
    Bad("sweep grid.yaml", "grid.yaml", {"grid.yaml": b"\xff\xfe\x00"}),
    Bad("experiment", "an experiment is needed"),
    Bad("experiment mislabelled", "did you mean 'mislabeled'"),
    Bad("experiment no.yaml", "no.yaml"),
    Bad("experiment mislabeled --set epochz=3", "did you mean 'epochs'"),
    Bad("experiment mislabeled --set epochs", "epochs"),
    Bad("experiment mislabeled --set seed=1 --set seed=2", "seed"),
    Bad("tune --space no.yaml", "no.yaml"),
    Bad("tune --space space.yaml", "space.yaml", {"space.yaml": b"["}),
]
"""Files of settings."""

PLACES = [
    Bad("analyze", "there are no runs yet"),
    Bad("score --run abc", "there are no runs yet"),
    Bad("score", "--run is needed"),
    Bad("score --run abc --tracking off", "only train works without MLflow"),
    Bad("analyze --tracking off", "only train works without MLflow"),
    Bad("train --tracking http://127.0.0.1:9", "no MLflow server answers"),
    Bad("train", "no MLflow server answers", variables={"MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}),
    Bad("train --tracking http://ada:hunter2@127.0.0.1:9", "http://…@127.0.0.1:9"),
    Bad("train --tracking 'http://ada:hunter two@127.0.0.1:9'", "…@127.0.0.1:9"),
    Bad("train --tracking http://127.0.0.1:port", "127.0.0.1:port"),
    Bad("train --tracking http://", "http://"),
    Bad("train --tracking sqlite:///no/such/x.db", "there is no folder"),
    Bad("train --tracking sqlite://x.db", "sqlite:///"),
    Bad("train --tracking sqlite:/x.db", "sqlite:///"),
    Bad("train --tracking sqlite:///:memory:", "memory"),
    Bad("train --tracking sqlite:///.", "name a file in it: sqlite:////"),
    Bad("train --tracking sqlite:///text", "text", {"text": b"no database"}),
    Bad("train --tracking nowhere", "nowhere"),
    Bad("train --tracking ''", "--tracking"),
    Bad("services up --endpoint 127.0.0.1:9000", "looks like http://127.0.0.1:9000"),
    Bad("services up --endpoint http://ada:hunter2@127.0.0.1:9000", "looks like http://127.0.0.1:9000"),
    Bad("services up --store seaweedfs --folder afile", "afile is a file", {"afile": b""}),
    Bad("services env --folder f", "credentials.json", {"f/credentials.json": b"["}, code=1),
    Bad("deliver --folder no/such", "no/such"),
    Bad(
        "train --limit 100 --epochs 1 --tracking off",
        "afile is a file",
        {"afile": b""},
        {"MEMEST_HOME": "afile"},
    ),
]
"""Servers, databases, folders."""


def variables(says: str, typed: str = "train --limit 100 --epochs 1", **given: str) -> Bad:
    """A command in an environment that has these variables, and a file `afile` and a grid `grid.yaml`."""
    return Bad(typed, says, {"afile": b"text", "grid.yaml": b"axes: {seed: [1]}"}, given)


UP = "services up --endpoint http://127.0.0.1:9"
LR = "tune --limit 100 --space 'lr=log(0.01, 0.3)'"
TORCHRUN = {"WORLD_SIZE": "2", "RANK": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}
KEYS = {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s"}
FILE = {"afile": b"text"}
DECISIONS = "fingerprint,id,label,decision,new_label\nx,1,é,wrong,2\n"
COMMANDS = [
    *(
        Bad(f"{UP} --bucket {bucket}", "3 to 63 of a-z", variables=KEYS)
        for bucket in ("A", "a..b", "1.2.3.4", "a_b", "ab-", "ab", "a" * 64, "s3://a")
    ),
    *(
        Bad(f"services up --endpoint {shlex.quote(url)}", "an S3 endpoint looks like", variables=KEYS)
        for url in ("https://", "http://h:99999", "s3://bucket", "http://h/path", "http://h h", "http://h:0")
    ),
    Bad(f"{UP} --allowed-hosts 'a b'", "'a b' is no name of a host", variables=KEYS),
    Bad(f"{UP} --allowed-hosts 'a, http://b'", "'http://b' is no name of a host", variables=KEYS),
    Bad(f"{UP} --backend sqlite:///:memory:", "in-memory", variables=KEYS),
    Bad(f"{UP} --backend sqlite://x.db", "write sqlite:///x.db", variables=KEYS),
    Bad(f"{UP} --backend nonsense", "--backend nonsense:…: it is a database URL", variables=KEYS),
    Bad(f"{UP} --backend http://a:hunter2@127.0.0.1:9", "--backend http:…: it is", variables=KEYS),
    Bad(UP, "a database URL", variables=KEYS | {"MLFLOW_BACKEND_STORE_URI": "postgres:hunter2@x"}),
    Bad("services up --store seaweedfs --s3-port 5050 --mlflow-port 5050", "are both 5050"),
    Bad("services up --s3-port -1", "--s3-port must be a whole number in [0, 65535]"),
    Bad("services up --workers 0", "--workers must be"),
    Bad("services up --seconds soon", "--seconds must be"),
    Bad("services up --artifacts indirect", "--artifacts must be one of direct, proxied"),
    Bad("services up --auth maybe", "--auth must be true or false"),
    Bad("services up --region x", "unknown flag of memest services up '--region'"),
    Bad("services down --grace inf", "--grace must be"),
    *(
        Bad(f"{command} --folder {folder}", "afile is a file", FILE)
        for command in ("services up", "services down", "services status", "services env", "doctor")
        for folder in ("afile", "afile/below")
    ),
    Bad("services env --folder none", "no services were set up in"),
    Bad("deliver --folder afile", "there is no journal of a run in afile", FILE),
    Bad("deliver afile", "stands without a flag, as in memest deliver --folder afile"),
    Bad("cache --empty nosuch", "nosuch"),
    Bad("cache --empty ../..", "../.."),
    Bad("apply", "apply needs a file of decisions and --into"),
    Bad("apply d.csv --into new", "there is no file d.csv"),
    Bad("apply afile --into new", "needs the columns", FILE),
    Bad("apply . --into new", "cannot be read as a table"),
    Bad("apply d.csv --into new", "fingerprint x", {"d.csv": DECISIONS.encode()}),
    Bad("apply d.csv --into new", "cannot be read as a table", {"d.csv": DECISIONS.encode("latin-1")}),
    Bad("retrain --into ''", "--into is empty"),
    Bad("retrain --into .", "--into .: name a file"),
    Bad("retrain --into afile/x.npz", "--into afile/x.npz: name a file", FILE),
    Bad("retrain --networks many", "--networks must be"),
    Bad("retrain --share nan", "--share must be a number in [0, 1]"),
    Bad("score --run abc --scores nonsense", "unknown score 'nonsense'"),
    Bad("score --run abc --scores ''", "at least one score is needed"),
    Bad("score --run abc --device gpu", "--device must be one of"),
    Bad("analyze --analysis ''", "--analysis came empty"),
    Bad("analyze --analysis 'detection(x=1)'", "unknown keyword"),
    Bad("analyze --analysis similarity", "similarity(reference="),
    Bad("analyze --where a=b=c", "a"),
    Bad("tune", "--space is empty"),
    Bad("tune --search-seed -1", "--search-seed must be"),
    Bad("tune --space 'lr=log(0, 1)'", "above 0"),
    Bad("tune --space 'lr=log(0.1, 0.3), lr=log(0.1, 0.3)'", "twice"),
    Bad("tune --space 'epochs=int(5, 1)'", "5"),
    Bad("tune --space 'experiment=one_of(a, b)'", "experiment"),
    Bad(f"{LR} --storage sqlite://x.db", "write sqlite:///x.db"),
    Bad(f"{LR} --storage sqlite:///afile", "holds something else than a SQLite database", FILE),
    Bad(f"{LR} --storage afile", "is not the URI of a database", FILE),
    Bad(f"{LR} --objectives ''", "--objectives"),
    Bad(f"{LR} --objectives 'accuracy, accuracy'", "accuracy"),
    Bad(f"{LR} --objectives 'accuracy, cost, scoring_cost'", "one or two"),
    Bad(f"{LR} --objectives auroc/nope", "nope"),
    Bad(f"{LR} --sampler 'tpe(x=1)'", "x"),
    Bad(f"{LR} --pruner median --objectives cost", "pruner"),
    Bad(f"{LR} --tracking off", "only train works without MLflow"),
    Bad("sweep g.yaml", "010", {"g.yaml": b"axes: {seed: [010]}"}),
    Bad("sweep g.yaml", "1:30", {"g.yaml": b"axes: {epochs: [1:30]}"}),
    Bad("sweep g.yaml", "lr", {"g.yaml": b"axes:\n  lr: [0.1]\n  lr: [0.2]\n"}),
    Bad("sweep g.yaml", "lr", {"g.yaml": b"axes: {lr: [.nan]}"}),
    Bad("sweep g.yaml", "g.yaml", {"g.yaml": b"axes: {lr: [!!python/object:os.system 1]}"}),
    Bad("sweep g.yaml", "g.yaml", {"g.yaml": b"axes: {seed: [1]}\n---\naxes: {seed: [2]}\n"}),
    Bad("sweep g.yaml", "g.yaml", {"g.yaml": b"axes:\n\tseed: [1]\n"}),
    Bad("sweep g.yaml", "g.yaml", {"g.yaml": "axes: {seed: [1]}".encode("utf-16")}),
    Bad("sweep g.yaml", "g.yaml", {"g.yaml": b"axes: {seed: [*none]}"}),
    Bad("sweep g.yaml", "seed", {"g.yaml": b"axes: {seed: []}"}),
    Bad("sweep g.yaml", "seed", {"g.yaml": b"axes: {seed: [2020-01-01]}"}),
    Bad("sweep g.yaml", "deterministic", {"g.yaml": b"axes: {deterministic: [yes]}"}),
    Bad("sweep g.yaml", "base", {"g.yaml": b"base: [1]\naxes: {seed: [1]}"}),
    Bad("tune --space s.yaml", "is given again", {"s.yaml": b"lr: log(0.1, 0.3)\nlr: log(0.1, 0.2)\n"}),
]
"""Flags and files of commands other than train."""

TRACKING = "is not a tracking URI; write http://127.0.0.1:5000 for a server"
VARIABLES = [
    *(
        variables(TRACKING, MLFLOW_TRACKING_URI=uri)
        for uri in (
            "127.0.0.1:5000",
            "localhost:5000",
            "http//127.0.0.1",
            "htp://127.0.0.1:5000",
            "ftp://127.0.0.1/x",
            "s3://bucket/x",
            "file:///no/such",
            "./mlruns",
            "none",
            '"http://127.0.0.1:9"',
            "C:\\x\\mlflow.db",
        )
    ),
    variables("a tracking server looks like", MLFLOW_TRACKING_URI="http://127.0.0.1:99999"),
    variables("a tracking server looks like", MLFLOW_TRACKING_URI="http://[::1"),
    variables("a tracking server looks like", MLFLOW_TRACKING_URI="http://127.0.0.1:9/ path"),
    variables("a tracking server looks like", MLFLOW_TRACKING_URI="http://ada:hunter2@:80"),
    variables("write sqlite:///", MLFLOW_TRACKING_URI="sqlite3:///x.db"),
    variables("afile holds something else", MLFLOW_TRACKING_URI="sqlite:///afile"),
    variables("there is no folder", MLFLOW_TRACKING_URI="sqlite:////no/such/x.db"),
    variables("in-memory", MLFLOW_TRACKING_URI="sqlite:///"),
    variables("postgresql://…@127.0.0.1:1/x", MLFLOW_TRACKING_URI="postgresql://a:hunter2@127.0.0.1:1/x"),
    variables("its driver is installed", MLFLOW_TRACKING_URI="mysql+nosuch://a:hunter2@127.0.0.1:1/x"),
    *(
        variables("MLFLOW_RUN_ID names run 'deadbeef'", typed, MLFLOW_RUN_ID="deadbeef")
        for typed in (
            "train",
            "sweep grid.yaml",
            "experiment mislabeled",
            "demo",
            "retrain --limit 100 --networks 30",
            "tune --limit 100 --space 'lr=log(0.01, 0.3)'",
        )
    ),
    variables("MLFLOW_EXPERIMENT_ID names experiment '99'", MLFLOW_EXPERIMENT_ID="99"),
    variables("MLFLOW_EXPERIMENT_ID names", "retrain --limit 100 --networks 30", MLFLOW_EXPERIMENT_ID="x"),
    variables("an experiment needs a name", MLFLOW_EXPERIMENT_NAME="  "),
    variables("MEMEST_HEARTBEAT is a number above 0", MEMEST_HEARTBEAT="0"),
    variables("MEMEST_HEARTBEAT is a number above 0", "sweep grid.yaml", MEMEST_HEARTBEAT="30s"),
    variables("MEMEST_DEADLINE is a number of at least 0", MEMEST_DEADLINE="-1"),
    variables("MEMEST_GRACE is a number", MEMEST_GRACE="inf"),
    variables("MEMEST_GATHER is a number", MEMEST_GATHER="soon"),
    variables("MEMEST_LONGEST_PAUSE is a number", MEMEST_LONGEST_PAUSE=""),
    variables("MEMEST_JOURNAL_GB is a number", MEMEST_JOURNAL_GB="nan"),
    variables("MEMEST_SPARE_GB is a number", MEMEST_SPARE_GB="1e999"),
    variables("MEMEST_PATIENCE=often: a positive number", "services env", MEMEST_PATIENCE="often"),
    variables("MEMEST_PATIENCE=0: a positive number", "doctor", MEMEST_PATIENCE="0"),
    variables("MEMEST_RESUME_EVERY_EPOCH is 1 or 0", MEMEST_RESUME_EVERY_EPOCH="always"),
    variables("MEMEST_HOME names a folder", MEMEST_HOME="afile/below"),
    variables("MEMEST_HOME names a folder", "deliver", MEMEST_HOME="afile"),
    variables("MEMEST_CACHE names a folder", "cache", MEMEST_CACHE="afile"),
    variables("MEMEST_DATA names a folder", MEMEST_DATA="afile"),
    variables("looked for nowhere/cifar-10", "train --data cifar10", MEMEST_DATA="nowhere"),
    variables("WORLD_SIZE is a whole number", WORLD_SIZE="two", RANK="0"),
    variables("WORLD_SIZE is a whole number", WORLD_SIZE="0", RANK="0"),
    variables("RANK is a whole number", WORLD_SIZE="1", RANK="-1"),
    variables("ranks are 0 to 1", WORLD_SIZE="2", RANK="2"),
    variables("LOCAL_RANK is a whole number", WORLD_SIZE="1", RANK="0", LOCAL_RANK="x"),
    variables("needs MASTER_ADDR and MASTER_PORT", WORLD_SIZE="2", RANK="0"),
    variables("needs MASTER_PORT", WORLD_SIZE="2", RANK="1", MASTER_ADDR="127.0.0.1"),
    variables("start it without torchrun", "audit digits", **TORCHRUN),
    variables("start it without torchrun", "score --run 0123", **TORCHRUN),
    variables("start it without torchrun", "sweep grid.yaml", **TORCHRUN),
    variables("set AWS_ACCESS_KEY_ID and", "services up --endpoint http://127.0.0.1:9"),
    variables(
        "set AWS_SECRET_ACCESS_KEY", "services up --endpoint http://127.0.0.1:9", AWS_ACCESS_KEY_ID="k"
    ),
    variables(
        "AWS_CA_BUNDLE=no.pem: No such file",
        "services up --endpoint https://127.0.0.1:9",
        AWS_CA_BUNDLE="no.pem",
    ),
    variables(
        "AWS_CA_BUNDLE=afile: holds no certificate",
        "services up --endpoint https://127.0.0.1:9",
        AWS_CA_BUNDLE="afile",
    ),
]
"""The environment."""


def audited(says: str, labels: object, more: str = "", **arrays: object) -> Bad:
    """An audit of an npz file with these labels."""
    count = len(np.asarray(labels))
    content = npz(images=np.arange(count * 64, dtype=np.uint8).reshape(count, 8, 8), labels=labels, **arrays)
    return Bad(f"audit npz(path=mine.npz) --tracking offline {more}", says, {"mine.npz": content})


AUDITS = [
    Bad("audit", "as in memest audit photos/"),
    Bad("audit photos/", "there is nothing at photos"),
    Bad("audit digits --budget soon", "such as 90s or 10m"),
    Bad("audit digits --budget 0m", "such as 90s or 10m"),
    Bad("audit digits --folds 1", "--folds must be"),
    Bad("audit digits --model tinny", "did you mean 'tiny'"),
    Bad("audit digits --planted 2", "--planted must be"),
    Bad("audit digits --into afile", "afile is a file", {"afile": b""}),
    Bad("audit --sheet nothing --tracking offline", "there is no such folder"),
    Bad("audit --sheet folder --tracking offline", "did not finish", {"folder/sheet/block": b""}),
    Bad("audit --sheet folder --tracking offline", "did not finish", {"folder/other": b""}),
    audited("has one image", [0, 1, 1]),
    audited("one class only", [1, 1, 1, 1], classes=["cat", "dog"]),
    audited("smallest class has 3 images", [0, 0, 0, 0, 1, 1, 1], "--folds 4"),
]
"""Audits of too little, in too little time, or of what did not finish."""

AREAS = {
    "words": WORDS,
    "settings": SETTINGS,
    "specs": SPECS,
    "data": DATA,
    "grids": GRIDS,
    "places": PLACES,
    "audits": AUDITS,
    "variables": VARIABLES,
    "commands": COMMANDS,
}
CASES = [
    pytest.param(bad, id=f"{area}-{number}-{bad.typed[:40]}")
    for area, cases in AREAS.items()
    for number, bad in enumerate(cases)
]


@pytest.mark.parametrize("bad", CASES)
def test_bad_input_is_one_line_and_writes_nothing(
    bad: Bad, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The documented exit code, one line with the way out, no traceback, no password, not one file."""
    for name, value in {"https_proxy": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"}.items():
        monkeypatch.setenv(name, value)  # as if offline, wherever the test runs
    for name in (
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "WORLD_SIZE",
        "RANK",
        "MASTER_ADDR",
        "MASTER_PORT",
    ):
        monkeypatch.delenv(name, raising=False)
    for name, value in bad.variables.items():
        monkeypatch.setenv(name, value)
    for name, content in bad.files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(content)
    if "cuda" in bad.typed:
        torch = pytest.importorskip("torch")
        if torch.cuda.is_available():
            pytest.skip("there is a GPU here")
    before = {path: path.is_file() and path.read_bytes() for path in Path.cwd().rglob("*")}
    assert cli.main(shlex.split(bad.typed)) == bad.code
    out, error = capsys.readouterr()
    assert bad.says in error
    assert error.startswith("memest: ")
    assert error.count("\n") == 1
    assert "Traceback" not in error
    assert "hunter" not in error
    assert out == ""
    assert {path: path.is_file() and path.read_bytes() for path in Path.cwd().rglob("*")} == before


def test_there_are_a_hundred_of_them() -> None:
    """A hundred cases at least, no command line twice with the same files and variables."""
    seen = {(bad.typed, str(bad.files), str(bad.variables)) for cases in AREAS.values() for bad in cases}
    assert len(seen) == len(CASES) >= 100
