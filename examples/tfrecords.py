"""Class folders of images as TFRecord shards like those of ImageNet.

python examples/tfrecords.py photos shards 4      reads the folder photos, writes 4 files into shards
"""

from __future__ import annotations

import sys
from pathlib import Path

import tensorflow as tf

from memest.data.sources.walk import files_below


def feature(value: bytes | int) -> tf.train.Feature:
    """A single value, as TensorFlow's examples hold it."""
    if isinstance(value, int):
        return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))


def main() -> None:
    """Write train-00000-of-…; labels count the sorted folders from 1, as ImageNet's do."""
    root, into = Path(sys.argv[1]), Path(sys.argv[2])
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 4
    files = sorted(files_below(root))
    classes = sorted({name.partition("/")[0] for name in files})
    into.mkdir(parents=True, exist_ok=True)
    for shard in range(count):
        with tf.io.TFRecordWriter(str(into / f"train-{shard:05d}-of-{count:05d}")) as writer:
            for name in files[shard * len(files) // count : (shard + 1) * len(files) // count]:
                values = {
                    "image/encoded": (root / name).read_bytes(),
                    "image/filename": name.encode(),
                    "image/class/label": 1 + classes.index(name.partition("/")[0]),
                }
                features = tf.train.Features(feature={key: feature(value) for key, value in values.items()})
                writer.write(tf.train.Example(features=features).SerializeToString())


if __name__ == "__main__":
    main()
