"""Runs of several protocols on the same labels and seed, joined into one trial.

    for trial in trials(runs).of: trial.columns()      # method → (run, its column)

A method of the k-fold or second-split protocol is compared with summaries of the standard run of the same
dataset, corruption, model, seed and label fingerprint, and with no other. What does not fit is kept apart,
and said. Depends on `runset`, `detect`, `summaries`, numpy.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from memest.analysis.columns import is_summary
from memest.analysis.runset import RunRecord, RunSet
from memest.errors import SheetError
from memest.ids import Ids
from memest.metrics import Floats
from memest.store.tables import FACTS, Columns

CELL = ("dataset", "limit", "corruption", "model")
STUDY = (*CELL, "epochs", "recipe")
"""Trials that differ in seeds and labels only are averaged."""
STANDARD = "standard"


@dataclass(frozen=True)
class Trial:
    """One seed of one network on one set of labels: its leading run, and those of other protocols.

    Attributes:
        lead: the standard run; where there is none, the run that stands in for it.
        others: runs of other protocols on the same labels.
    """

    lead: RunRecord
    others: tuple[RunRecord, ...] = ()

    @property
    def axes(self) -> dict[str, str]:
        """The axes that trials which may be averaged have in common."""
        return {axis: self.lead.tags.get(axis, "") for axis in STUDY}

    @property
    def seed(self) -> str:
        """The seed of all of its runs."""
        return self.lead.tags.get("seed", "")

    @property
    def fingerprint(self) -> str:
        """Of the labels all of its runs were trained on."""
        return self.lead.tags.get("fingerprint", "")

    @property
    def runs(self) -> tuple[RunRecord, ...]:
        """All of its runs, the leading one first."""
        return (self.lead, *self.others)

    def methods(self, chosen: Callable[[str], bool] = lambda name: True) -> dict[str, tuple[RunRecord, str]]:
        """What can be judged: by name, the run and the column it comes from.

        Summaries are those of the standard run; a run of another protocol adds its detectors. Where two
        protocols give a detector of one name, the later has its protocol after the name.
        """
        found: dict[str, tuple[RunRecord, str]] = {}
        for run in self.runs:
            standard = run.tags.get("protocol", STANDARD) == STANDARD
            for column in run.summaries:
                if not chosen(column) or (is_summary(column) and not standard):
                    continue
                name = f"{column} of {run.tags['protocol']}" if column in found else column
                found[name] = (run, column)
        return found

    def values(self, methods: Mapping[str, tuple[RunRecord, str]]) -> tuple[Columns, dict[str, Floats]]:
        """The facts, and the values of each method, (N,) each, all in the order of the facts' ids.

        Raises:
            SheetError: a run holds other examples than the leading one.
        """
        facts = self.lead.read_by_id(FACTS)
        examples = Ids(facts["id"], f"run {self.lead.id}", SheetError)
        values: dict[str, Floats] = {}
        for run in self.runs:
            mine = {name: column for name, (other, column) in methods.items() if other is run}
            if mine:
                columns = run.read_by_id(mine.values())
                examples.require(Ids(columns["id"], f"run {run.id} of the same labels", SheetError))
                values |= {name: columns[column] for name, column in mine.items()}
        return facts, {name: values[name] for name in methods}


@dataclass(frozen=True)
class Trials:
    """Trials, and in words what was kept apart.

    Attributes:
        of: the trials, in the order of their axes and seeds.
        apart: one line for each seed whose runs do not fit together.
    """

    of: list[Trial]
    apart: list[str] = field(default_factory=list)


def trials(runs: RunSet, wanted: Callable[[RunRecord], bool] = lambda run: True) -> Trials:
    """Join the runs of each dataset, corruption, model and seed that have the same label fingerprint.

    A run of another protocol goes with the standard runs that have its epochs, else with the only one there
    is; without any it is a trial of its own.
    """
    chosen = [run for run in runs if wanted(run)]
    joined, apart = [], []
    for cell, same in _grouped(chosen, (*CELL, "seed")):
        by_labels = list(_grouped(same, ("fingerprint",)))
        if len(by_labels) > 1:
            apart.append(_apart(cell, by_labels))
        for _, together in by_labels:
            joined += _join(together)
    return Trials(sorted(joined, key=lambda trial: (*trial.axes.values(), _number(trial.seed))), apart)


def studies(found: Sequence[Trial]) -> list[tuple[dict[str, str], list[Trial]]]:
    """Trials that may be averaged, with the axes they share."""
    by = groupby(found, lambda trial: trial.axes)
    return [(axes, list(same)) for axes, same in by]


def _join(runs: Collection[RunRecord]) -> list[Trial]:
    leads = [run for run in runs if run.tags.get("protocol", STANDARD) == STANDARD]
    others = [run for run in runs if run not in leads]
    with_lead: dict[str, list[RunRecord]] = {run.id: [] for run in leads}
    alone = []
    for run in others:
        nearest = [lead for lead in leads if lead.tags.get("epochs") == run.tags.get("epochs")]
        nearest = nearest or (leads if len(leads) == 1 else [])
        for lead in nearest:
            with_lead[lead.id].append(run)
        alone += [] if nearest else [Trial(run)]
    return [Trial(lead, tuple(with_lead[lead.id])) for lead in leads] + alone


def _grouped(
    runs: Collection[RunRecord], axes: Sequence[str]
) -> list[tuple[tuple[str, ...], list[RunRecord]]]:
    return [(values, list(same)) for values, same in RunSet(list(runs)).group_by(*axes)]


def _apart(cell: tuple[str, ...], by_labels: Sequence[tuple[tuple[str, ...], list[RunRecord]]]) -> str:
    axes = dict(zip((*CELL, "seed"), cell, strict=True))
    sides = "; ".join(
        f"labels {fingerprint[:8]}… in {', '.join(run.id for run in same)}"
        for (fingerprint,), same in by_labels
    )
    return (
        f"{axes['dataset']}, {axes['corruption']}, {axes['model']}, seed {axes['seed']}: runs of different "
        f"labels are kept apart ({sides})"
    )


def _number(seed: str) -> tuple[int, str]:
    return (int(seed), "") if seed.isdigit() else (0, seed)
