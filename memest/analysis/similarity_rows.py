"""How alike summaries and a reference are: rows per run, means over seeds, and what nothing would score."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from memest.analysis.aligned import Measure, Referenced
from memest.analysis.averages import averaged, told_apart
from memest.analysis.columns import covered_text, epochs_covered
from memest.analysis.groups import AXES, RunGroup, groups
from memest.errors import SettingError
from memest.ids import Ids
from memest.metrics import Floats, cosine, pearson, spearman

if TYPE_CHECKING:
    import pandas as pd

CONSTANT, PERMUTATION = "constant", "permutation"
DRAWS = 20
SETS = ("all", "top")
_KEY = ["group", "set", "summary", "label"]


@dataclass(frozen=True)
class Measured:
    """A run's summaries and the reference, over the examples it is about.

    Attributes:
        pair: the run beside the reference.
        ids: (M,) int64, ascending.
        hardness: (M,) by the reference.
        top: (k,) places of the hardest.
        measures: by summary, (M,).
    """

    pair: Referenced
    ids: NDArray[np.int64]
    hardness: Floats
    top: NDArray[np.intp]
    measures: Mapping[str, Measure]

    @classmethod
    def of(cls, pair: Referenced, top: int) -> Measured:
        """What there is to compare of one run.

        Raises:
            SettingError: `top` is more than the examples.
        """
        known = Ids(pair.run.summary["id"][~pair.apart], f"run {pair.run.id}")
        ids, order = known.ids, known.order
        hardness = pair.hardness[~pair.apart][order]
        if top > len(ids):
            raise SettingError(f"top must be at most the {len(ids)} examples of run {pair.run.id}, not {top}")
        measures = {
            name: Measure(m.column, m.values[order], None if m.raw is None else m.raw[order])
            for name, m in pair.measures().items()
        }
        return cls(
            pair=pair,
            ids=ids[order],
            hardness=hardness,
            top=np.argsort(-hardness, kind="stable")[: top or max(1, len(ids) // 10)],
            measures=measures,
        )

    def sets(self) -> Iterator[tuple[str, NDArray[np.intp]]]:
        """The two sets of examples, by their places."""
        return zip(SETS, (np.arange(len(self.ids)), self.top), strict=True)


def similarity_rows(measured: Sequence[Measured]) -> pd.DataFrame:
    """One row per run, set and summary, the two baselines among them as summaries.

    Columns: those of `groups.AXES`, seed, run, summary, label, covers, set (all, top), examples, k (of the
    set), cosine, shuffled, raw, pearson, spearman. A constant has no correlation: NaN.
    """
    import pandas as pd

    rows = [group.axes | row for group, ours in _grouped(measured) for one in ours for row in _rows(one)]
    return told_apart(pd.DataFrame(rows), ["group", "set"], "summary")


def similarity_table(rows: pd.DataFrame, seeds: pd.DataFrame) -> pd.DataFrame:
    """One row per group, set and summary: means over seeds, with the summary's own reliability.

    Sorted by group and set, the highest Pearson first, what rests on fewer seeds below, the baselines last.
    """
    table = averaged(
        rows,
        [*AXES, "set", "summary", "label"],
        k=("k", "max"),
        cosine=("cosine", "mean"),
        shuffled=("shuffled", "mean"),
        raw=("raw", "mean"),
        pearson=("pearson", "mean"),
        spearman=("spearman", "mean"),
        lowest_pearson=("pearson", "min"),
        highest_pearson=("pearson", "max"),
        calculations=("cosine", "nunique"),
    )
    table = table.merge(seeds, "left", _KEY)
    table["baseline"] = table.summary.isin([CONSTANT, PERMUTATION])
    table.loc[table.baseline, "seeds"] = table.calculations  # equal ones are one calculation, repeated
    table["fewer"] = table.seeds < table.groupby(["group", "set"]).seeds.transform("max")
    order = [*AXES, "set", "baseline", "fewer", "pearson"]
    ascending = [True] * (len(order) - 1) + [False]
    ordered = table.sort_values(order, ascending=ascending, ignore_index=True)
    return ordered.drop(columns=["baseline", "fewer", "calculations"])


def reliability(measured: Sequence[Measured], rows: pd.DataFrame) -> pd.DataFrame:
    """What every summary has in common with itself between runs of one group.

    Over the examples that the reference is about in both; the top set is that of the reference among them.
    Columns: group, set, summary, label, seeds_pearson and seeds_spearman (means over pairs of runs); a
    group of one run has no row.

    Args:
        rows: of `similarity_rows`, which say where a summary was not measured alike.
    """
    import pandas as pd

    keys = zip(rows.run, rows.set, rows.summary, rows.label, strict=True)
    label = {(run, which, name): label for run, which, name, label in keys}
    pairs = [
        (group.title, which, name, label[a.pair.run.id, which, name], pearson(x, y), spearman(x, y))
        for group, ours in _grouped(measured)
        for a, b in combinations(ours, 2)
        for which, name, x, y in _shared(a, b)
        if label[a.pair.run.id, which, name] == label[b.pair.run.id, which, name]
    ]
    columns = [*_KEY, "seeds_pearson", "seeds_spearman"]
    found = pd.DataFrame(pairs, columns=columns).astype(dict.fromkeys(columns[-2:], np.float64))
    return found.groupby(_KEY, as_index=False)[columns[-2:]].mean()


def permutation_null(hardness: Floats, draws: int = DRAWS) -> dict[str, float]:
    """What a random order of the reference has in common with it: means over seeded draws.

    Its cosine is about the square of a constant's; Pearson and Spearman are about 0.
    """
    rng = np.random.default_rng(0)
    drawn = [rng.permutation(hardness) for _ in range(draws)]
    return {
        measure.__name__: float(np.mean([measure(values, hardness) for values in drawn]))
        for measure in (cosine, pearson, spearman)
    }


def shuffled_cosine(values: Floats, hardness: Floats) -> float:
    """The cosine that values have with a reference on average over every order of them, exactly.

    N · mean(x) · mean(y) / (‖x‖ ‖y‖), the product of what a constant has with each of the two.
    """
    return cosine(np.ones_like(values), values) * cosine(np.ones_like(hardness), hardness)


def _grouped(measured: Sequence[Measured]) -> Iterator[tuple[RunGroup, list[Measured]]]:
    """What was measured, by what may be averaged."""
    of = {one.pair.run.id: one for one in measured}
    for group in groups(one.pair.run for one in measured):
        yield group, [of[run.id] for run in group.runs]


def _rows(one: Measured) -> Iterator[dict[str, object]]:
    run = one.pair.run
    common = {"seed": run.tags.get("seed", ""), "run": run.id, "examples": len(one.pair.hardness)}
    for which, places in one.sets():
        hardness = one.hardness[places]
        here = {**common, "set": which, "k": len(places)}
        for name, measure in one.measures.items():
            values = measure.values[places]
            yield {
                **here,
                "summary": name,
                "covers": covered_text(epochs_covered(run, measure.column)),
                "cosine": cosine(values, hardness),
                "shuffled": shuffled_cosine(values, hardness),
                "raw": np.nan if measure.raw is None else cosine(measure.raw[places], hardness),
                "pearson": pearson(values, hardness),
                "spearman": spearman(values, hardness),
            }
        constant = cosine(np.ones_like(hardness), hardness)
        blank = {"covers": "", "shuffled": np.nan, "raw": np.nan, "pearson": np.nan, "spearman": np.nan}
        yield {**here, "summary": CONSTANT, **blank, "cosine": constant}
        yield {**here, "summary": PERMUTATION, **blank, **permutation_null(hardness)}


def _shared(a: Measured, b: Measured) -> Iterator[tuple[str, str, Floats, Floats]]:
    """Both runs' values of each summary over the examples they share: set, summary, values, values."""
    here = Ids(a.ids, f"run {a.pair.run.id}")
    in_a, in_b = here.common(Ids(b.ids, f"run {b.pair.run.id}"))
    top = np.flatnonzero(here.among(a.ids[a.top])[in_a])
    for which, places in zip(SETS, (np.arange(len(in_a)), top), strict=True):
        if not len(places):
            continue
        for name in a.measures:
            if name in b.measures:
                x, y = a.measures[name].values, b.measures[name].values
                yield which, name, x[in_a[places]], y[in_b[places]]
