"""How many of M labels are wrong, from n of them that were drawn at random and looked at: exact bounds."""

from __future__ import annotations

from functools import lru_cache
from math import exp, lgamma


@lru_cache(maxsize=4096)
def most_wrong(wrong: int, drawn: int, of: int, alpha: float) -> int:
    """The upper bound of the wrong ones among all M, which is too low with a probability of at most alpha.

    The largest K for which as few wrong ones, or fewer, are drawn with a probability above alpha, by the
    hypergeometric distribution: Clopper and Pearson's bound for drawing without putting back.

    Args:
        wrong: of those drawn.
        drawn: n.
        of: M.
        alpha: in (0, 1).
    """
    low, high = wrong, of - (drawn - wrong)
    while low < high:
        middle = (low + high + 1) // 2
        if _at_most(wrong, drawn, middle, of) > alpha:
            low = middle
        else:
            high = middle - 1
    return low


def least_wrong(wrong: int, drawn: int, of: int, alpha: float) -> int:
    """The lower bound, which is too high with a probability of at most alpha; arguments as above."""
    return of - most_wrong(drawn - wrong, drawn, of, alpha)


def _at_most(k: int, drawn: int, wrong: int, of: int) -> float:
    """The probability to draw at most k wrong ones, where `wrong` of M are."""
    every = _log_choose(of, drawn)
    counts = range(max(0, drawn - (of - wrong)), min(k, wrong, drawn) + 1)
    return sum(exp(_log_choose(wrong, x) + _log_choose(of - wrong, drawn - x) - every) for x in counts)


def _log_choose(n: int, k: int) -> float:
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)
