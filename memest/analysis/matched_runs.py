"""Matched runs: those of several protocols on the same labels and seed.

    for matched in matched_runs(runs).of: matched.methods()      # method → (run, its column)

A method of the k-fold or second-split protocol is compared with summaries of the standard run of the same
dataset, corruption, model, seed and label fingerprint, and with no other. What does not fit is kept apart,
and said.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from memest.analysis.columns import is_summary
from memest.analysis.groups import RunGroup, differences, groups, setting_of, without_repeats
from memest.analysis.record import RunRecord
from memest.analysis.runset import RunSet
from memest.errors import SheetError
from memest.ids import Ids
from memest.metrics import Floats
from memest.store.tables import FACTS, Columns

CELL = ("dataset", "limit", "source", "corruption", "model", "scores_version")
"""What matched runs have in common, beside the seed and the labels."""
STANDARD = "standard"
Methods = Mapping[str, tuple[RunRecord, str]]
"""What is judged: by name, the run and the column that it comes from."""


@dataclass(frozen=True)
class MatchedRuns:
    """One seed of one network on one set of labels: its leading run, and those of other protocols.

    Attributes:
        lead: the standard run; where there is none, the run that stands in for it.
        others: runs of other protocols on the same labels.
    """

    lead: RunRecord
    others: tuple[RunRecord, ...] = ()

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

    def methods(self, chosen: Callable[[str], bool] = lambda name: True) -> Methods:
        """What can be judged.

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

    def values(self, methods: Methods) -> tuple[Columns, dict[str, Floats]]:
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
class Matching:
    """The matched runs of a run set, and in words what was kept apart.

    Attributes:
        of: the matched runs, in the order of their axes and seeds.
        apart: one line for each seed whose runs do not fit together.
    """

    of: list[MatchedRuns]
    apart: list[str] = field(default_factory=list)


def matched_runs(runs: RunSet, wanted: Callable[[RunRecord], bool] = lambda run: True) -> Matching:
    """Join the runs of each dataset, corruption, model and seed that have the same label fingerprint.

    A run of another protocol goes with the standard runs that have its epochs, else with the only one there
    is; without any it stands alone. The same training done twice counts once.
    """
    chosen = without_repeats(run for run in runs if wanted(run))
    joined, apart = [], []
    for cell, same in _grouped(chosen, lambda run: (*_cell(run), run.tags.get("seed", ""))):
        by_labels = _grouped(same, lambda run: (run.tags.get("fingerprint", ""),))
        if len(by_labels) > 1:
            apart.append(_apart(cell, by_labels))
        for _, together in by_labels:
            joined += _join(together)
    return Matching(joined, apart)


@dataclass(frozen=True)
class Study:
    """Matched runs that may be averaged: their leading runs are one group.

    Attributes:
        group: of the leading runs.
        matched: those of each training seed.
    """

    group: RunGroup
    matched: list[MatchedRuns]

    def made(self, methods: Sequence[Methods]) -> dict[tuple[str, str], str]:
        """By method and run, in what that run differs from the others of the method: in nothing, mostly.

        Args:
            methods: of each of `matched`.
        """
        found: dict[tuple[str, str], str] = {}
        for name in dict.fromkeys(name for one in methods for name in one):
            runs = [one[name][0] for one in methods if name in one]
            texts = differences([(setting_of(run), run) for run in runs], lambda setting: "")
            found |= {(name, run.id): text for run, text in zip(runs, texts, strict=True)}
        return found


def studies(found: Sequence[MatchedRuns]) -> list[Study]:
    """Matched runs by what may be averaged."""
    of = {matched.lead.id: matched for matched in found}
    grouped = groups(matched.lead for matched in found)
    return [Study(group, [of[run.id] for run in group.runs]) for group in grouped]


def _join(runs: Collection[RunRecord]) -> list[MatchedRuns]:
    leads = [run for run in runs if run.tags.get("protocol", STANDARD) == STANDARD]
    others = [run for run in runs if run not in leads]
    with_lead: dict[str, list[RunRecord]] = {run.id: [] for run in leads}
    alone = []
    for run in others:
        nearest = _nearest(run, leads)
        for lead in nearest:
            with_lead[lead.id].append(run)
        alone += [] if nearest else [MatchedRuns(run)]
    return [MatchedRuns(lead, tuple(with_lead[lead.id])) for lead in leads] + alone


def _nearest(run: RunRecord, leads: list[RunRecord]) -> list[RunRecord]:
    """The standard runs that a run of another protocol goes with: of its recipe, else of its epochs."""
    for axis in ("recipe", "epochs"):
        if alike := [lead for lead in leads if lead.tags.get(axis) == run.tags.get(axis)]:
            return alike
    return leads if len(leads) == 1 else []


def _cell(run: RunRecord) -> tuple[str, ...]:
    setting = setting_of(run)
    return tuple(setting[axis] for axis in CELL)


def _grouped(
    runs: Collection[RunRecord], key: Callable[[RunRecord], tuple[str, ...]]
) -> list[tuple[tuple[str, ...], list[RunRecord]]]:
    return [(values, list(same)) for values, same in groupby(sorted(runs, key=key), key)]


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
