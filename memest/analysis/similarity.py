"""How alike are the scores and a published reference, and how alike would nothing be?

    runs → rows (run × summary × set) → table (group × summary × set) → sections of a report

Every number stands beside two baselines that know nothing, a constant vector and a permutation, and
beside what the score has in common with itself under another seed. Depends on `references`, `stats`,
`summaries`, pandas.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from memest.analysis.aligned import Beside, beside, groups, unit
from memest.analysis.detection import AXES, GROUP
from memest.analysis.finding import ANALYSES, Cells, Finding, Section
from memest.analysis.runset import RunSet
from memest.errors import NoRunsError, SettingError
from memest.grammar.spec import Spec
from memest.grammar.values import Index
from memest.ids import Ids
from memest.metrics import Floats, cosine, pearson, spearman
from memest.references import Reference
from memest.reports import figures

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

BINS = 15
CONSTANT, PERMUTATION = "constant", "permutation"
_DRAWS = 20
_DRAWN = ("csl", "final_loss", "mean_curvature", "loss_sensitivity", "forgetting_count(never=raw)", "aum")
_SETS = ("all", "top")
_READING = (
    "Every summary is turned so that higher is harder and stretched to [0, 1] over a run's examples: "
    "(v − min) / (max − min), or (max − v) / (max − min) where lower is harder; the cosine depends on that, "
    "Pearson and Spearman do not. Raw: the cosine of the values as they are, where they are not negative and "
    "higher is harder. Nothing is centred in a cosine, so read it beside the rows constant and permutation "
    "(of the reference, mean of {draws} draws) and beside shuffled, what the summary's own values would have "
    "on average in a random order. Top: the {top} hardest by the reference; statistics and baselines are of "
    "that set alone. Seeds: the correlation of a summary with itself between runs that differ in seeds only, "
    "r; no reference can be expected to correlate with it by more than √r. Forgetting counts are raw: an "
    "example never learned has 0. Examples whose label or image was changed are left out, unless the "
    "reference is about the labels that were given: {left_out}. Numbers are means over "
    "runs that differ in seeds only."
)


@ANALYSES.register
def similarity(runs: RunSet, *, reference: str, top: Index = 0) -> Finding:
    """Cosine, Pearson and Spearman of every summary with a reference, over all and over its hardest.

    Args:
        runs: their labels before corruption must be those of the reference.
        reference: its spec, such as `c_scores(path='cifar100-cscores-orig-order.npz')`.
        top: how many of the hardest by the reference make the second set; 0: a tenth.

    Raises:
        InputError: no such reference, or one that is not about a run's examples; says which run.
        NoRunsError: no run has a summary.
    """
    found, pairs = beside(runs, reference)
    measured = [Measured.of(pair, top) for pair in pairs if pair.run.summaries]
    if not measured:
        raise NoRunsError(f"none of the {len(runs)} runs has a summary to compare with {found.name}")
    rows = similarity_rows(measured)
    table = similarity_table(rows, reliability(measured))
    left_out = ", ".join(f"{int(m.pair.apart.sum()):,} of run {m.pair.run.id}" for m in measured)
    sizes = ", ".join(sorted({f"{len(m.top):,}" for m in measured}))
    return Finding(
        title=f"How alike are the scores and {found.name}?",
        tables={"similarity": table, "similarity_per_run": rows.assign(reference=Spec.parse(reference).name)},
        sections=list(_sections(table, measured, found)),
        remark=_READING.format(draws=_DRAWS, top=sizes, left_out=left_out)
        + f" Reference: {reference}, SHA-256 {found.sha256}.",
        sources={"reference": found.sha256},
    )


@dataclass(frozen=True)
class Measured:
    """A run's summaries and the reference, over the examples it is about.

    Attributes:
        pair: the run beside the reference.
        ids: (M,) int64, ascending.
        hardness: (M,) by the reference.
        top: (k,) places of the hardest.
        values: by summary, (M,) in [0, 1].
        raw: by summary, (M,) as they are, where a cosine may be taken of them.
    """

    pair: Beside
    ids: NDArray[np.int64]
    hardness: Floats
    top: NDArray[np.intp]
    values: Mapping[str, Floats]
    raw: Mapping[str, Floats]

    @classmethod
    def of(cls, pair: Beside, top: int) -> Measured:
        """What there is to compare of one run.

        Raises:
            SettingError: `top` is more than the examples.
        """
        known = Ids(pair.run.summary["id"][~pair.apart], f"run {pair.run.id}")
        ids, order = known.ids, known.order
        hardness = pair.hardness[~pair.apart][order]
        if top > len(ids):
            raise SettingError(f"top must be at most the {len(ids)} examples of run {pair.run.id}, not {top}")
        both = {name: (v[order], r if r is None else r[order]) for name, (v, r) in pair.measures().items()}
        return cls(
            pair=pair,
            ids=ids[order],
            hardness=hardness,
            top=np.argsort(-hardness, kind="stable")[: top or max(1, len(ids) // 10)],
            values={name: values for name, (values, _) in both.items()},
            raw={name: raw for name, (_, raw) in both.items() if raw is not None},
        )

    def sets(self) -> Iterator[tuple[str, NDArray[np.intp]]]:
        """The two sets of examples, by their places."""
        return zip(_SETS, (np.arange(len(self.ids)), self.top), strict=True)

    @property
    def axes(self) -> dict[str, str]:
        """The axes of the run but the seed."""
        return {axis: self.pair.run.tags.get(axis, "") for axis in AXES}


def similarity_rows(measured: Sequence[Measured]) -> pd.DataFrame:
    """One row per run, set and summary, the two baselines among them as summaries.

    Columns: the axes, seed, run, summary, set (all, top), examples, k
    (of the set), cosine, shuffled, raw, pearson, spearman. A constant has no correlation: NaN.
    """
    import pandas as pd

    return pd.DataFrame([row for one in measured for row in _rows(one)])


def similarity_table(rows: pd.DataFrame, seeds: pd.DataFrame) -> pd.DataFrame:
    """One row per group, set and summary: means over seeds, with the summary's own reliability.

    Sorted by group and set, the highest Pearson first, the baselines last.
    """
    keys = [*GROUP, "set", "summary"]
    table = rows.groupby(keys, sort=True).agg(
        runs=("run", "nunique"),
        k=("k", "max"),
        cosine=("cosine", "mean"),
        shuffled=("shuffled", "mean"),
        raw=("raw", "mean"),
        pearson=("pearson", "mean"),
        spearman=("spearman", "mean"),
        lowest_pearson=("pearson", "min"),
        highest_pearson=("pearson", "max"),
    )
    table = table.reset_index().merge(seeds, "left", [*GROUP, "set", "summary"])
    table["baseline"] = table.summary.isin([CONSTANT, PERMUTATION])
    order = [*GROUP, "set", "baseline", "pearson"]
    ascending = [True] * (len(order) - 1) + [False]
    return table.sort_values(order, ascending=ascending, ignore_index=True).drop(columns="baseline")


def reliability(measured: Sequence[Measured]) -> pd.DataFrame:
    """What every summary has in common with itself between runs that differ in seeds only.

    Over the examples that the reference is about in both; the top set is that of the reference among them.
    Columns: the axes, examples, set, summary, seeds_pearson and seeds_spearman (means over pairs of runs); a
    group of one run has no row.
    """
    import pandas as pd

    columns = [*GROUP, "set", "summary", "seeds_pearson", "seeds_spearman"]
    rows = [
        {**a.axes, "examples": len(a.pair.hardness), "set": which, "summary": name}
        | {"seeds_pearson": pearson(x, y), "seeds_spearman": spearman(x, y)}
        for a, b in combinations(measured, 2)
        if a.axes == b.axes and len(a.pair.hardness) == len(b.pair.hardness)
        for which, name, x, y in _shared(a, b)
    ]
    pairs = pd.DataFrame(rows, columns=columns).astype({"examples": np.int64})
    return pairs.groupby(columns[:-2], as_index=False)[columns[-2:]].mean()


def permutation_null(hardness: Floats, draws: int = _DRAWS) -> dict[str, float]:
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


def binned_means(at: Floats, values: Floats, edges: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """The mean of values in each bin of `at`, NaN in an empty one, and how many there are.

    Args:
        at: (M,) within the edges; the last bin holds its upper edge.
        values: (M,).
        edges: (B + 1,) ascending.
    """
    bins = (np.searchsorted(edges, at, side="right") - 1).clip(0, len(edges) - 2)
    counts = np.bincount(bins, minlength=len(edges) - 1)
    sums = np.bincount(bins, values, len(edges) - 1)
    means = np.divide(sums, counts, out=np.full(len(counts), np.nan), where=counts > 0)
    return means, counts


def _rows(one: Measured) -> Iterable[dict[str, object]]:
    run = one.pair.run
    common = {**one.axes, "seed": run.tags.get("seed", ""), "run": run.id, "examples": len(one.pair.hardness)}
    for which, places in one.sets():
        hardness = one.hardness[places]
        here = {**common, "set": which, "k": len(places)}
        for name, whole in one.values.items():
            values = whole[places]
            yield {
                **here,
                "summary": name,
                "cosine": cosine(values, hardness),
                "shuffled": shuffled_cosine(values, hardness),
                "raw": cosine(one.raw[name][places], hardness) if name in one.raw else np.nan,
                "pearson": pearson(values, hardness),
                "spearman": spearman(values, hardness),
            }
        constant = cosine(np.ones_like(hardness), hardness)
        blank = {"shuffled": np.nan, "raw": np.nan, "pearson": np.nan, "spearman": np.nan}
        yield {**here, "summary": CONSTANT, **blank, "cosine": constant}
        yield {**here, "summary": PERMUTATION, **blank, **permutation_null(hardness)}


def _shared(a: Measured, b: Measured) -> Iterator[tuple[str, str, Floats, Floats]]:
    """Both runs' values of each summary over the examples they share: set, summary, values, values."""
    here = Ids(a.ids, f"run {a.pair.run.id}")
    in_a, in_b = here.common(Ids(b.ids, f"run {b.pair.run.id}"))
    top = np.flatnonzero(here.among(a.ids[a.top])[in_a])
    for which, places in zip(_SETS, (np.arange(len(in_a)), top), strict=True):
        if not len(places):
            continue
        for name in a.values:
            if name in b.values:
                yield which, name, a.values[name][in_a[places]], b.values[name][in_b[places]]


def _cells(part: pd.DataFrame) -> Cells:
    columns = {
        "cosine": "cosine",
        "shuffled": "shuffled",
        "raw": "raw",
        "pearson": "Pearson",
        "spearman": "Spearman",
        "seeds_pearson": "seeds' Pearson",
        "seeds_spearman": "seeds' Spearman",
    }
    rows = [[row["summary"], *(_number(row[name]) for name in columns)] for row in part.to_dict("records")]
    return ["summary", *columns.values()], rows


def _number(value: Any) -> str:
    """Three decimals; four where the third would round to 1, as 0.9997."""
    if np.isnan(value):
        return ""
    return f"{value:.3f}" if value < 0.9995 else f"{value:.4f}"


def _sections(table: pd.DataFrame, measured: Sequence[Measured], found: Reference) -> Iterator[Section]:
    """For each group a section over all examples, with the figure, and one over the hardest."""
    for number, (title, part) in enumerate(groups(table)):
        axes = {axis: part.iloc[0][axis] for axis in GROUP}
        mine = [m for m in measured if m.axes | {"examples": len(m.pair.hardness)} == axes]
        for which in _SETS:
            rows = part[part.set == which]
            size = f"{rows.k.max():,}"
            label = f"all {size} examples" if which == "all" else f"the {size} hardest by the reference"
            paint = partial(_painted, number, mine, found) if which == "all" else dict
            yield Section(f"{title}: {label}", _cells(rows), paint)


def _painted(number: int, mine: Sequence[Measured], found: Reference) -> dict[tuple[str, str], Figure]:
    caption = f"Mean of each summary, stretched to [0, 1], in {BINS} equal bins of the reference"
    return {(f"similarity-{number}", caption): _binned(mine, found)}


def _binned(mine: Sequence[Measured], found: Reference) -> Figure:
    """A few summaries over the examples of all the runs of one group together."""
    hardness = np.concatenate([one.hardness for one in mine])
    stretched = hardness.min() < 0 or hardness.max() > 1
    at, edges = unit(hardness) if stretched else hardness, np.linspace(0, 1, BINS + 1)
    lines = {
        name: binned_means(at, np.concatenate([one.values[name] for one in mine]), edges)[0]
        for name in _drawn(mine)
    }
    label = f"hardness by {found.name}" + (", stretched to [0, 1]" if stretched else "")
    return figures.binned(edges, lines, label, "mean of the summary, stretched to [0, 1]")


def _drawn(mine: Sequence[Measured]) -> list[str]:
    shared = [name for name in mine[0].values if all(name in one.values for one in mine)]
    return [name for name in _DRAWN if name in shared] or shared[:6]
