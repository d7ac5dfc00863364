"""Whether published detection results are those of losses measured against foreign labels.

The rule was fixed before anything was run. Consistent with C: at each of the rates 0.01, 0.05 and 0.10 of
symmetric noise CSL against C is within 0.005 of the published AUROC, first_learned against C in the released
sign is between 0.45 and 0.55, and CSL against A misses the published AUROC by more than 0.01. Anything else
is undecided. C is the draw called `released`: rate 0.01, seed 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from memest.analysis.groups import how_many
from memest.analysis.matched_runs import STANDARD
from memest.grammar.spec import GIVEN, Spec
from memest.paper import published

if TYPE_CHECKING:
    import pandas as pd

CONSISTENT, UNDECIDED = "consistent with C", "undecided"
RELEASED_SIGN = "first_learned, argmax 0, turned"
"""First learned as the released notebook scores it: 1 − argmax, so that learned late is least suspicious."""
YES, NO, MISSING = "yes", "no", "not measured"
RATES = (0.01, 0.05, 0.10)
_CLOSE, _MISS, _LOW, _HIGH = 0.005, 0.01, 0.45, 0.55
_ABOUT = ["dataset", "limit", "source", "model", "protocol", "epochs", "recipe", "scores_version", "covers"]
"""What the runs of one verdict have in common: they differ in rate and seed."""


@dataclass(frozen=True)
class Condition:
    """One part of the rule: what, the value wanted and the one that came, and whether it holds."""

    what: str
    wanted: str
    came: str
    holds: str


@dataclass(frozen=True)
class LeakVerdict:
    """What the runs of one dataset, network and recipe say."""

    about: str
    conditions: list[Condition]

    @property
    def answer(self) -> str:
        """`consistent with C` where every condition holds; else `undecided`."""
        return CONSISTENT if all(c.holds == YES for c in self.conditions) else UNDECIDED

    @property
    def said(self) -> str:
        """The answer in a sentence."""
        if self.answer == CONSISTENT:
            return "the published numbers are those of losses measured against foreign labels (C)"
        held = sum(condition.holds == YES for condition in self.conditions)
        asked = how_many(len(self.conditions), "condition")
        return f"undecided whether published losses are those of foreign labels: {held} of {asked} met"


def verdicts(rows: pd.DataFrame) -> list[LeakVerdict]:
    """One for each dataset, network and recipe among the rows of the audit.

    Values are means over the runs that may be averaged; where a rate has several groups of these, a condition
    must hold in each.
    """
    return [
        LeakVerdict(_about(part, rows), [_setting(part), *_conditions(part)])
        for _, part in rows.groupby(_ABOUT, sort=True)
    ]


def _about(part: pd.DataFrame, rows: pd.DataFrame) -> str:
    """What a verdict is on; with what tells it apart from the others."""
    first = part.iloc[0]
    base = f"Verdict on {first.dataset}, {first.model}, {first.protocol}, {first.epochs} epochs"
    covers = f"measured at {first.covers}" if rows.covers.nunique() > 1 else ""
    return ", ".join(filter(None, [base, *part.differs.unique(), covers]))


def _setting(part: pd.DataFrame) -> Condition:
    """Whether this is what was published at all."""
    first = part.iloc[0]
    apart = [first["departs"]] if first["departs"] else []
    apart += [f"protocol {first['protocol']}"] if first["protocol"] != STANDARD else []
    apart += [] if _published(part) else [f"nothing published on {first['dataset']}"]
    came = "; ".join(apart) or "the same"
    return Condition("the published setting", "the paper's", came, NO if apart else YES)


def _published(part: pd.DataFrame) -> dict[float, float]:
    """CSL's AUROC by rate; empty for a dataset that the paper has not."""
    values = published.MISLABELED.get(published.paper_dataset(part.iloc[0]["dataset"]), {})
    return dict(zip(published.RATES, values["CSL"], strict=True)) if values else {}


def _conditions(part: pd.DataFrame) -> Iterator[Condition]:
    targets = _published(part)
    for rate in RATES if targets else ():
        at_rate = part[[_is_rate(text, rate) for text in part.corruption]]
        target = targets[rate]
        for what, summary, labels, wanted, holds in (
            (
                "CSL against C",
                "csl",
                "released",
                f"within {_CLOSE} of {target}",
                lambda x, target=target: abs(x - target) <= _CLOSE,
            ),
            (
                "first_learned against C, released sign",
                RELEASED_SIGN,
                "released",
                f"{_LOW}–{_HIGH}",
                lambda x: _LOW <= x <= _HIGH,
            ),
            (
                "CSL against A",
                "csl",
                GIVEN,
                f"more than {_MISS} from {target}",
                lambda x, target=target: abs(x - target) > _MISS,
            ),
        ):
            found = at_rate[(at_rate.summary == summary) & (at_rate.labels == labels)]
            yield _judged(f"{what} at rate {rate:g}", wanted, found, holds)


def _judged(what: str, wanted: str, found: pd.DataFrame, holds: Callable[[float], bool]) -> Condition:
    if not len(found):
        return Condition(what, wanted, "", MISSING)
    groups = [(float(part.auroc.mean()), part.seed.nunique()) for _, part in found.groupby("group")]
    came = "; ".join(f"{mean:.4f} over {how_many(seeds, 'seed')}" for mean, seeds in groups)
    return Condition(what, wanted, came, YES if all(holds(mean) for mean, _ in groups) else NO)


def _is_rate(corruption: str, rate: float) -> bool:
    spec = Spec.parse(corruption)
    return spec.name == "symmetric_noise" and spec.settings.get("rate") == rate
