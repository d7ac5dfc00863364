"""The numbers of the paper, as data: what our cells stand beside, and in what a run departs from its recipe.

Source: Ravikumar, Soufleri, Hashemi, Roy, "Towards Memorization Estimation: Fast, Formal and Free",
ICML 2025: tables of mislabel detection, of conflicting duplicates and of similarity with Feldman and Zhang.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from memest.grammar.spec import Spec

RATES = (0.01, 0.02, 0.05, 0.10)
"""Of symmetric noise, in the order of the columns of `MISLABELED`."""

METHODS = {
    "Thr. LT": "first_learned",
    "In-Conf.": "in_confidence",
    "CL": "confident_learning",
    "SSFT": "second_split_forgetting",
    "Curvature": "mean_curvature",
    "CSL": "csl",
}
"""The paper's names of what it compares, and ours, in the order of its rows."""

MISLABELED = {
    "CIFAR-10": {
        "Thr. LT": (0.4951, 0.4954, 0.4911, 0.4948),
        "In-Conf.": (0.8781, 0.8072, 0.7254, 0.6528),
        "CL": (0.8651, 0.8905, 0.8874, 0.8551),
        "SSFT": (0.9626, 0.9551, 0.9498, 0.9360),
        "Curvature": (0.9715, 0.9776, 0.9800, 0.9819),
        "CSL": (0.9845, 0.9864, 0.9870, 0.9869),
    },
    "CIFAR-100": {
        "Thr. LT": (0.5256, 0.5227, 0.5161, 0.5203),
        "In-Conf.": (0.7258, 0.7236, 0.7069, 0.6884),
        "CL": (0.8723, 0.8838, 0.8733, 0.8536),
        "SSFT": (0.8915, 0.8893, 0.8784, 0.8664),
        "Curvature": (0.9856, 0.9865, 0.9876, 0.9892),
        "CSL": (0.9891, 0.9895, 0.9895, 0.9897),
    },
}
"""AUROC of finding labels changed by symmetric noise, one for each of `RATES`."""

DUPLICATES = {
    "CIFAR-10": {
        "Thr. LT": 0.7029,
        "In-Conf.": 0.9237,
        "CL": 0.5533,
        "SSFT": 0.8490,
        "Curvature": 0.9536,
        "CSL": 0.9821,
    },
    "CIFAR-100": {
        "Thr. LT": 0.7419,
        "In-Conf.": 0.8623,
        "CL": 0.5873,
        "SSFT": 0.7938,
        "Curvature": 0.9639,
        "CSL": 0.9886,
    },
}
"""AUROC of finding 250 conflicting pairs, both members positives."""

SIMILARITY = {
    "CIFAR-100, all": {
        "Final loss": (0.24, 0.17),
        "Curvature": (0.69, 0.49),
        "Loss sensitivity": (0.81, 0.76),
        "Forgetting": (0.76, 0.59),
        "CSL": (0.87, 0.79),
    },
    "CIFAR-100, top 5,000": {
        "Final loss": (0.33, 0.06),
        "Curvature": (0.87, 0.16),
        "Loss sensitivity": (0.97, 0.39),
        "Forgetting": (0.96, 0.29),
        "CSL": (0.93, 0.40),
    },
    "ImageNet, all": {
        "Final loss": (0.64, 0.50),
        "Curvature": (0.62, 0.33),
        "Loss sensitivity": (0.49, 0.17),
        "Forgetting": (0.49, 0.04),
        "CSL": (0.79, 0.64),
    },
    "ImageNet, top 50,000": {
        "Final loss": (0.78, 0.12),
        "Curvature": (0.84, 0.05),
        "Loss sensitivity": (0.79, 0.04),
        "Forgetting": (0.68, 0.15),
        "CSL": (0.94, 0.21),
    },
}
"""Cosine and Pearson with the memorization of Feldman and Zhang."""

SIMILAR = {
    "Final loss": "final_loss",
    "Curvature": "mean_curvature",
    "Loss sensitivity": "loss_sensitivity",
    "Forgetting": "forgetting_count(never=raw)",
    "CSL": "csl",
}
"""The names of that table, and ours."""

RECIPE: Mapping[str, Any] = {
    "limit": 0,
    "model": "resnet18",
    "epochs": 200,
    "batch_size": 128,
    "lr": 0.1,
    "momentum": 0.9,
    "weight_decay": 1e-4,
    "schedule": "steps(at_first=0.6, at_second=0.9, factor=0.1)",
    "score_every": 1,
    "augmentation": "auto",
    "precision": "fp32",
}
"""Appendix B, by the names of our settings."""
_OF_PROTOCOL: Mapping[str, Mapping[str, Any]] = {
    "k_fold": {"protocol": "k_fold(folds=3)"},
    "second_split": {"lr": 0.01, "weight_decay": 5e-4, "batch_size": 512, "augmentation": "none"},
}
"""What is otherwise for the parts of a protocol: second splits as in the released code."""

_SSFT = "the released code takes 1 − mean correctness in the second stage: our second_split_mean_correct"
_CL = "the released code ranks only the flagged examples, all others 0: our confident_learning_truncated"
NOTES = {
    ("mislabeled", "Thr. LT"): "the released notebook ranks by 1 − epoch, the other way round",
    ("mislabeled", "In-Conf."): "the released code takes 1 − max p, the paper says 1 − p(label)",
    ("mislabeled", "CL"): _CL,
    ("mislabeled", "SSFT"): _SSFT,
    ("duplicates", "In-Conf."): "theirs is from k-fold probabilities",
    ("duplicates", "CL"): _CL,
    ("duplicates", "SSFT"): _SSFT,
}
"""By table and method: how a published number was made in another way than ours, as far as its code tells."""

_SIZES = {"CIFAR-10": (50_000, 10), "CIFAR-100": (50_000, 100), "ImageNet": (1_281_167, 1_000)}
"""Examples and classes of the paper's datasets."""


def paper_name(method: str) -> str:
    """What the paper calls a summary or detector of ours, whatever its settings; empty if it has none."""
    if "/" in method:
        return ""
    name = Spec.parse(method.partition(" of ")[0]).name
    return next((theirs for theirs, ours in METHODS.items() if ours == name), "")


def similar_name(summary: str) -> str:
    """What the paper's table of similarity calls a summary, whatever its settings; empty if it lacks it."""
    if "/" in summary:
        return ""
    name = Spec.parse(summary).name
    return next((theirs for theirs, ours in SIMILAR.items() if Spec.parse(ours).name == name), "")


def paper_dataset(dataset: str) -> str:
    """The paper's dataset that a dataset spec speaks of; empty if none."""
    plain = dataset.lower().replace("-", "")
    return next((name for name in reversed(_SIZES) if name.lower().replace("-", "") in plain), "")


def departures(config: Mapping[str, Any], examples: int, classes: int) -> list[str]:
    """In what a run is not the paper's: `epochs 30, not 200`; nothing if it is.

    Args:
        config: the settings of the run, as its sheet has them.
        examples: how many it was trained on.
        classes: how many there are.
    """
    dataset = paper_dataset(str(config.get("data", "")))
    found = [] if dataset else [f"data {config.get('data')}"]
    if dataset and (examples, classes) != _SIZES[dataset]:
        found.append(f"{examples:,} images in {classes} classes, not all of {dataset}")
    protocol = Spec.parse(str(config.get("protocol", "standard"))).name
    for name, wanted in {**RECIPE, **_OF_PROTOCOL.get(protocol, {})}.items():
        came = config.get(name, wanted)
        if name == "model":
            came = _model(str(came))
        if came != wanted:
            found.append(f"{name.replace('_', ' ')} {came}, not {wanted}")
    return found


def mislabeled(dataset: str, corruption: str, method: str) -> float | None:
    """The paper's AUROC of a cell; None where it has none."""
    spec = Spec.parse(corruption)
    rate = spec.settings.get("rate")
    values = MISLABELED.get(paper_dataset(dataset), {}).get(paper_name(method))
    if values is None or spec.name != "symmetric_noise" or rate not in RATES:
        return None
    return values[RATES.index(rate)]


def duplicates(dataset: str, corruption: str, method: str) -> float | None:
    """The paper's AUROC of both members of conflicting pairs; None where it has none."""
    spec = Spec.parse(corruption)
    if spec.name != "conflicting_duplicates" or spec.settings.get("pairs", 250) != 250:
        return None
    return DUPLICATES.get(paper_dataset(dataset), {}).get(paper_name(method))


def _model(text: str) -> str:
    """`resnet18` for the full width, whatever keywords spell it."""
    spec = Spec.parse(text)
    full = spec.name == "resnet18" and spec.settings.get("width", 64) == 64
    return spec.name if full else text
