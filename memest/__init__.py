"""memest: which training examples has the model memorized, and which labels are wrong?"""

from memest.version import __version__

__all__ = ["__version__"]
