"""Dataset sources, one file each; importing this package registers them."""

from memest.data.sources import cifar as cifar
from memest.data.sources import digits as digits
from memest.data.sources import folder as folder
from memest.data.sources import mnist as mnist
from memest.data.sources import npz as npz
from memest.data.sources import parquet as parquet
from memest.data.sources import tfrecord as tfrecord
from memest.data.sources import webdataset as webdataset
