"""Where a network puts images: what goes into its last linear layer. Axes: N images, D features."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from memest.loading import Loader
from memest.runs.prepare import Prepared
from memest.store import SheetReader
from memest.training import checkpoint

_BATCH = 256


def kept_features(prepared: Prepared, part: SheetReader) -> NDArray[np.float32] | None:
    """The features of all images by the network that the run of a part kept, (N, D) float32.

    Args:
        prepared: of all parts; the first is that of the run.
        part: the sheet of the run.

    Returns:
        None where it kept no network, or the network has no linear layer.
    """
    kept = checkpoint.epochs_in(entry.name for entry in part.manifest.kept)
    if not kept:
        return None
    network = prepared.network().to(prepared.device)
    state = checkpoint.unpack(part.kept(checkpoint.name(kept[-1])), prepared.device)
    network.load_state_dict(state["network"])
    images = prepared.split.train
    statistics = images.take(prepared.parts[0].trained).statistics()
    return features(network, Loader(images, statistics, prepared.device))


@torch.no_grad()
def features(network: nn.Module, loader: Loader) -> NDArray[np.float32] | None:
    """What goes into the last linear layer of a network, (N, D) float32 in the order of the loader.

    Args:
        network: images → logits, on the loader's device; it is left in evaluation mode.
        loader: the images.
    """
    linear = [layer for layer in network.modules() if isinstance(layer, nn.Linear)]
    if not linear:
        return None
    seen: list[Tensor] = []
    handle = linear[-1].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].float().cpu()))
    network.eval()
    for batch in loader.batches(_BATCH):
        network(batch.images)
    handle.remove()
    return np.asarray(torch.cat(seen).numpy())
