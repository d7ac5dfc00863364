"""memest: which training examples has the model memorized, and which labels are wrong?"""

__version__ = "0.1.0"
