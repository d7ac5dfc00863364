"""Dataset sources, one file each; importing this package registers them."""

from memest.data.sets import cifar as cifar
from memest.data.sets import digits as digits
from memest.data.sets import mnist as mnist
from memest.data.sets import npz as npz
