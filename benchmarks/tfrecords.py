"""As many records as ImageNet has, through TFRecords: index, cache and one scored epoch of a tiny network.

python -m benchmarks.tfrecords [--records 1281167] [--folder FOLDER]

The images are 4,096 small ones under as many names as there are records. Each step is a process of its own;
memory is that of all that it starts as well. MEMEST_TENSORFLOW names the Python with TensorFlow.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from benchmarks.memory import Peak
from benchmarks.rows import Row, at_least, at_most, publish
from memest.grammar.once import OnceParser

RECORDS, SHARDS, CLASSES, DIFFERENT, SIZE = 1_281_167, 128, 1000, 4096, 8
CHECKED = 1000

WRITE = """
import json, sys
import tensorflow as tf
request = json.load(sys.stdin)
kind = dict(bytes=lambda v: tf.train.Feature(bytes_list=tf.train.BytesList(value=[v])),
            int=lambda v: tf.train.Feature(int64_list=tf.train.Int64List(value=[v])))
pngs = [bytes.fromhex(png) for png in request["pngs"]]
count, shards = request["records"], request["shards"]
for shard in range(shards):
    with tf.io.TFRecordWriter(f"{request['folder']}/train-{shard:05d}-of-{shards:05d}") as writer:
        for n in range(shard * count // shards, (shard + 1) * count // shards):
            label = n * 7919 % request["classes"]
            writer.write(tf.train.Example(features=tf.train.Features(feature={
                "image/encoded": kind["bytes"](pngs[n * 31 % len(pngs)]),
                "image/class/label": kind["int"](label + 1),
                "image/filename": kind["bytes"](b"n%08d_%d.png" % (label, n)),
            })).SerializeToString())
"""
READ = """
import hashlib, json, sys
import tensorflow as tf
request, found = json.load(sys.stdin), {}
for path, first, wanted in request:
    wanted = set(wanted)
    for place, raw in enumerate(tf.data.TFRecordDataset(path).as_numpy_iterator()):
        if first + place in wanted:
            held = tf.train.Example.FromString(raw).features.feature
            pixels = tf.io.decode_png(held["image/encoded"].bytes_list.value[0]).numpy()
            label, = held["image/class/label"].int64_list.value
            name, = held["image/filename"].bytes_list.value
            found[first + place] = [hashlib.sha256(pixels.tobytes()).hexdigest(), label, name.decode()]
json.dump(found, sys.stdout)
"""
LOAD = """
import json, sys, time
from memest.data import SETS, load_images
from memest.data.sources import tfrecord
spec = SETS.parse(sys.argv[1])
began = time.perf_counter()
root, train, _ = tfrecord.shards_at(spec.settings["path"], tfrecord.is_tfrecord, "")
features = {name: spec.settings[name] for name in ("image", "label", "file")}
tfrecord._listing(root, train, features, "shards")
indexed = time.perf_counter()
images = load_images(sys.argv[1]).train
ready = time.perf_counter()
json.dump({"index": indexed - began, "cache": ready - indexed, "count": len(images)}, sys.stdout)
"""


def tensorflow(code: str, request: Any) -> str:
    """What a program of the Python that has TensorFlow answers to a request."""
    python = os.environ.get("MEMEST_TENSORFLOW", sys.executable)
    return subprocess.run(
        [python, "-c", code], input=json.dumps(request), capture_output=True, text=True, check=True
    ).stdout


def make(folder: Path, records: int) -> None:
    """The shards; those that are there are kept."""
    if folder.is_dir():
        return
    rng, pngs = np.random.default_rng(0), []
    for pixels in rng.integers(0, 256, (DIFFERENT, SIZE, SIZE, 3), dtype=np.uint8):
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "PNG")
        pngs.append(buffer.getvalue().hex())
    folder.mkdir(parents=True)
    request = {"pngs": pngs, "records": records, "shards": SHARDS, "classes": CLASSES, "folder": str(folder)}
    tensorflow(WRITE, request)


def timed(*command: str) -> tuple[str, float, float]:
    """What a command prints, its seconds, and the most memory of it and all that it starts, in GB."""
    began = time.perf_counter()
    with (
        subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, text=True) as process,
        Peak(process.pid) as peak,
    ):
        said, _ = process.communicate()
    if process.returncode:
        raise SystemExit(process.returncode)
    return said, time.perf_counter() - began, peak.gigabytes


def agreeing(spec: str, folder: Path, records: int) -> float:
    """The share of `CHECKED` records of four shards whose pixels, label and name TensorFlow reads alike."""
    from memest.data import load_images

    rng = np.random.default_rng(1)
    train, request = load_images(spec).train, []
    for shard in rng.choice(SHARDS, 4, replace=False).tolist():
        first, stop = (k * records // SHARDS for k in (shard, shard + 1))
        chosen = rng.choice(np.arange(first, stop), min(CHECKED // 4, stop - first), replace=False)
        path = folder / f"train-{shard:05d}-of-{SHARDS:05d}"
        request.append([str(path), first, chosen.tolist()])
    theirs = json.loads(tensorflow(READ, request))
    assert train.names is not None
    alike = [
        [hashlib.sha256(train.images[int(n)].tobytes()).hexdigest(), int(train.labels[int(n)]) + 1]
        == facts[:2]
        and train.names[int(n)] == facts[2]
        for n, facts in theirs.items()
    ]
    return float(np.mean(alike))


def main() -> None:
    """Make, index, decode, train, compare."""
    parser = OnceParser(__doc__)
    parser.add_argument("--records", type=int, default=RECORDS)
    parser.add_argument("--folder", type=Path, help="for the shards, the cache and the run; kept")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        root = (options.folder or Path(temporary)).absolute()
        os.environ["MEMEST_CACHE"] = str(root / "cache")
        shards, spec = root / "shards", f"tfrecord(path='{root / 'shards'}')"
        make(shards, options.records)
        os.environ["MEMEST_HOME"] = str(root / "home")
        loaded, _, loading = timed("-c", LOAD, spec)
        first = json.loads(loaded)
        later = json.loads(timed("-c", LOAD, spec)[0])
        settings = ("--model", "tiny(width=4)", "--epochs", "1", "--batch-size", "256", "--scores", "loss")
        trained = timed("-m", "memest", "train", "--data", spec, *settings, "--tracking", "off")
        share = agreeing(spec, shards, options.records)
        size = sum(path.stat().st_size for path in (root / "cache").rglob("*") if path.is_file())
    rows = [
        at_most(4, Row("most memory: index and cache", loading, "GB")),
        at_most(4, Row("most memory: a training of one epoch, scored twice", trained[2], "GB")),
        Row("the index of all records, once", first["index"], "s"),
        Row("all images decoded, once", first["cache"], "s"),
        Row("images ready at every later start", later["index"] + later["cache"], "s"),
        Row("a training of one epoch, from command to sheet", trained[1], "s"),
        Row("what the cache holds", size / 1e9, "GB"),
        at_least(1, Row("records that TensorFlow reads alike: pixels, label, name", share, "")),
    ]
    publish(
        "tfrecords",
        torch.device("cpu"),
        rows,
        settings={"records": first["count"], "shards": SHARDS, "classes": CLASSES, "pixels": SIZE},
    )


if __name__ == "__main__":
    main()
