"""What the columns of a summary table are: summaries or detectors, clean or online, and what each costs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations

from memest.analysis.record import RunRecord
from memest.grammar.spec import Spec, is_online, without_seen
from memest.summaries import SUMMARIES, needs_of

FROM_TRAINING = ("seen/csl", "seen/forgetting_count")
"""The online summaries that tables of methods show; `detection` shows all of them."""
FIRST = ("csl", "seen/csl")
"""What tables list first: `csl` is what others are compared with. Lists of labels rank by `detect.RANKED`."""
_SHARED = ("forward", "forward_and_gradient")


def is_summary(column: str) -> bool:
    """Whether a column is a summary of one run's scores; a protocol's own detectors are not."""
    return _bare(column) in SUMMARIES


def tabled(column: str) -> bool:
    """Whether tables of methods show a column: all but most online summaries."""
    return not is_online(column) or column in FROM_TRAINING


def misleads(column: str) -> str:
    """When the ranking of a summary is not to be trusted, in a sentence; empty where that is not known."""
    return SUMMARIES.declaration(_bare(column)).misleads if is_summary(column) else ""


def in_table_order(columns: Iterable[str]) -> list[str]:
    """Columns as tables list them: csl first, the others by name."""
    return sorted(columns, key=lambda name: (FIRST.index(name) if name in FIRST else len(FIRST), name))


def epochs_covered(run: RunRecord, column: str) -> tuple[int, ...]:
    """The epochs that the values of a column were made from, ascending.

    Empty for a protocol's detector, which takes all of its epochs, and for a summary that was stored without
    its scores.
    """
    if not is_summary(column):
        return ()
    sheet, spec = run.sheet_of(column), SUMMARIES.parse(column)
    with_epoch_0 = SUMMARIES.declaration(spec.name).with_epoch_0
    start = int(spec.settings.get("start", 0 if with_epoch_0 else 1))
    measured = [
        set(sheet.manifest.scores[need]["epochs"])
        for need in needs_of(column)
        if need in sheet.manifest.scores
    ]
    epochs = set.intersection(*measured) if measured else set()
    return tuple(sorted(epoch for epoch in epochs if epoch >= start))


def covered_text(epochs: Sequence[int]) -> str:
    """`epoch 6`, `epochs 1–30`, or `epochs 1–5, 10, 20, 30`."""
    stretches: list[list[int]] = []
    for epoch in epochs:
        if stretches and stretches[-1][-1] == epoch - 1:
            stretches[-1][1:] = [epoch]
        else:
            stretches.append([epoch])
    shown = ", ".join("–".join(map(str, stretch)) for stretch in stretches)
    return f"epoch{'s' if len(epochs) != 1 else ''} {shown}" if epochs else ""


def seconds(run: RunRecord, column: str) -> float | None:
    """What a method costs from nothing, in seconds as the run measured them: training and its scoring.

    For a summary: the training, and of the scoring passes what they share and what its own scores take
    (nothing for `seen/…`). Where scores from input gradients were measured in the same pass, the shared part
    is theirs. For a detector of another protocol: all training and scoring of that run. None where the
    run measured no training, or `score` measured what it needs.
    """
    spent = {
        name.removeprefix("cost_seconds/"): value
        for name, value in run.metrics.items()
        if name.startswith("cost_seconds/")
    }
    if "training" not in spent:
        return None
    if not is_summary(column):
        return spent["training"] + spent.get("all_scoring", 0.0)
    if is_online(column):
        return spent["training"]
    needs = [need for need in needs_of(column) if "/" not in need]
    slugs = {_measured(need, spent) for need in needs}
    if not slugs <= spent.keys():
        return None  # another run measured it
    own = sum(spent[slug] for slug in slugs)
    near = any(
        Spec.parse(need).name in ("input_gradient", "curvature", "adversarial_distance") for need in needs
    )
    shared = spent.get(_SHARED[1], 0.0) if near else spent.get(_SHARED[0]) or spent.get(_SHARED[1], 0.0)
    return spent["training"] + shared + own


def _measured(need: str, spent: Mapping[str, float]) -> str:
    """The slug under which the cost of a score was logged: its keywords less those at their defaults."""
    spec = Spec.parse(need)
    slugs = [
        Spec(spec.name, some).slug()
        for count in range(len(spec.keywords), -1, -1)
        for some in combinations(spec.keywords, count)
    ]
    return next((slug for slug in slugs if slug in spent), spec.name)


def _bare(column: str) -> str:
    """The name of a column, without `seen/`, settings and the protocol it was told apart by."""
    return Spec.parse(without_seen(column.partition(" of ")[0])).name
