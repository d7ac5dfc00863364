"""Copies among the findings: their groups, and what is the matter with a label that was fine by itself."""

from __future__ import annotations

from dataclasses import replace

from memest.auditing.findings import Findings, Group
from memest.auditing.headline import percent
from memest.auditing.near_duplicates import Duplicates
from memest.ids import Ids


def with_duplicates(findings: Findings, found: Duplicates) -> Findings:
    """The findings with groups of copies; examples that were fine are of the kind duplicate.

    Of copies with one label the first stays as it is. What the planted copies said is among the choices.
    """
    kind, why = findings.kind.astype("<U12"), list(findings.why)
    known = Ids(findings.ids, "the findings")
    for group in found.groups:
        places = known.locate(group.ids).tolist()
        for place in places[group.relation == "same label" :]:
            if kind[place] == "fine":
                kind[place], why[place] = "duplicate", _reason(group, findings.files[place])
    recall = ", ".join(f"{name} {percent(share)}" for name, share in found.recall.items())
    choice = dict(findings.choice) | ({"planted copies found": recall} if recall else {})
    return replace(findings, groups=found.groups, kind=kind, why=tuple(why), choice=choice)


def _reason(group: Group, file: str) -> str:
    like = "has the same pixels as" if group.exact else "looks like"
    if group.test_files:
        return f"{like} {group.test_files[0]} of the test set"
    other = next(name for name in group.files if name != file)
    return f"{like} {other}" + (", under another label" if group.relation == "conflicting" else "")
