"""Random signs keyed by example, epoch and probe, so that batch size, order and device cannot move them.

A counter-based generator: each 32-bit word of signs is a hash of where it stands (the integer mixer of
Steele, Lea & Flood 2014, "SplitMix"). Axes: B examples, D input values, W words.
"""

from __future__ import annotations

import torch
from torch import Tensor

_GOLDEN = -0x61C8864680B583EB  # 2^64 / golden ratio, as a signed 64-bit integer
_FIRST = -0x40A7B892E31B1A47
_SECOND = -0x6B2FB644ECCEEE15
_BITS = 32


def rademacher(ids_B: Tensor, seed: int, probe: int, dimensions: int) -> Tensor:
    """Independent signs, (B, D) float32 of ±1.

    Args:
        ids_B: (B,) int64 example ids.
        seed: this epoch's seed.
        probe: which of the epoch's probes.
        dimensions: D.
    """
    words = -(-dimensions // _BITS)
    probe_B = torch.full_like(ids_B, probe)
    stream_B1 = _mix(_mix(ids_B * _GOLDEN + seed) + probe_B * _GOLDEN)[:, None]
    hash_BW = _mix(stream_B1 + torch.arange(words, device=ids_B.device) * _GOLDEN)
    shifts = torch.arange(_BITS, device=ids_B.device)
    bits_BD = ((hash_BW[:, :, None] >> shifts) & 1).flatten(1)[:, :dimensions]
    return bits_BD.float() * 2 - 1


def _mix(z: Tensor) -> Tensor:
    z = (z ^ _logical_shift(z, 30)) * _FIRST
    z = (z ^ _logical_shift(z, 27)) * _SECOND
    return z ^ _logical_shift(z, 31)


def _logical_shift(z: Tensor, by: int) -> Tensor:
    """Right shift of 64 unsigned bits: torch shifts the sign in, so it is masked out."""
    return (z >> by) & ((1 << (64 - by)) - 1)
