"""Command lines that cannot be done by one command or another, or for what the environment says."""

from __future__ import annotations

import shlex

from bad_input import Bad


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
    Bad("retrain --into ''", "--into came empty"),
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
    variables("MEMEST_PICTURES is 1 or 0", MEMEST_PICTURES="none"),
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
