"""Dataset sources, one file each; importing this package registers them."""

from memest.data.sources import cifar as cifar
from memest.data.sources import digits as digits
from memest.data.sources import folder as folder
from memest.data.sources import mnist as mnist
from memest.data.sources import npz as npz
