"""Judge a review: how many labels are wrong, how many of them are found, and what to look at next."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memest.auditing.headline import percent
from memest.auditing.review import LOOK, STEP, Order, Standing, standing, to_look_at
from memest.data.corrections import COLUMNS, KINDS, decision_rows
from memest.errors import DataError, SettingError
from memest.files import write_whole
from memest.grammar.config import option
from memest.grammar.values import Share
from memest.store.tables import read_table


@dataclass(frozen=True)
class ReviewConfig:
    """What a review can be told."""

    decisions: str = option(
        "",
        "CSV of the report: fingerprint, id, label, decision (right, wrong, unsure, remove)",
        bare=True,
        needed=True,
    )
    audit: str = option("audit", "folder of the audit that was reviewed", shown="FOLDER")
    recall: Share = option(0.9, "share of all wrong labels to find before one may stop")
    into: str = option("next.csv", "file for what to look at next", shown="FILE")


@dataclass(frozen=True, eq=False)
class AuditFolder:
    """An audit that lies in a folder.

    Attributes:
        fingerprint: of its data set.
        table: id, file, label, suggested, rank, place, draw, (N,) each.
    """

    fingerprint: str
    table: dict[str, Any]

    @property
    def order(self) -> Order:
        """In which orders its examples are looked at."""
        return Order(self.table["id"], self.table["place"], self.table["draw"])


def review(config: ReviewConfig) -> str:
    """Say where a review stands, and write the next list.

    Raises:
        InputError: no audit there, or decisions that were made on other images or labels.
    """
    if not config.decisions:
        raise SettingError(
            "review needs a file of decisions, as in memest review decisions.csv --audit out; the report of "
            "an audit writes it"
        )
    into = Path(config.into)
    if into.is_dir() or not into.parent.is_dir() or into.resolve() == Path(config.decisions).resolve():
        raise SettingError(f"--into {into}: name a new file in a folder that is there")
    audited = _audited(Path(config.audit))
    decisions = _decisions(Path(config.decisions), audited)
    order = audited.order
    came = standing(order, decisions, config.recall)
    ahead = to_look_at(order, decisions)
    write_whole(into, _csv(audited, ahead))
    return "\n".join([*_said(came, decisions, order), _next(ahead, into)])


def _audited(folder: Path) -> AuditFolder:
    try:
        fingerprint = json.loads((folder / "summary.json").read_bytes())["fingerprint"]
        table = read_table((folder / "ranking.parquet").read_bytes())
        return AuditFolder(fingerprint, table | {"place": table.get("place", table["rank"])})
    except (OSError, ValueError, KeyError) as error:
        raise DataError(
            f"--audit {folder} holds no audit (summary.json and ranking.parquet): name the folder that "
            "memest audit wrote --into"
        ) from error


def _decisions(path: Path, audited: AuditFolder) -> dict[int, str]:
    """What was decided, by id; rows without a decision are left out.

    Raises:
        DataError: another data set, an id or label that is not there, or two decisions on one example.
    """
    labels = dict(zip(audited.table["id"].tolist(), audited.table["label"].tolist(), strict=True))
    found: dict[int, str] = {}
    for line, row in decision_rows(path):
        where = f"{path}, line {line}"
        if row["fingerprint"] != audited.fingerprint:
            raise DataError(
                f"{where} was decided on fingerprint {row['fingerprint'][:16] or 'none'}…, and the audit is "
                f"of {audited.fingerprint[:16]}…: name the audit that was reviewed with --audit"
            )
        number = int(row["id"]) if row["id"].isdecimal() else -1
        if number not in labels or labels[number].strip() != row["label"]:
            raise DataError(
                f"{where}: the audit has no id {row['id'] or '(empty)'} labelled {row['label']!r}"
            )
        if not row["decision"]:
            continue
        if row["decision"] not in KINDS:
            raise DataError(f"{where}: decision must be one of {', '.join(KINDS)}, not {row['decision']!r}")
        if found.setdefault(number, row["decision"]) != row["decision"]:
            raise DataError(
                f"{where}: id {number} is decided twice, {found[number]} and {row['decision']}; keep one"
            )
    return found


def _csv(audited: AuditFolder, ahead: dict[int, str]) -> bytes:
    """What to look at, with columns to fill in."""
    columns = (audited.table[name].tolist() for name in ("id", "label", "suggested", "file"))
    facts = {number: rest for number, *rest in zip(*columns, strict=True)}
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow((*COLUMNS, "part", "suggested", "file"))
    for number, part in ahead.items():
        label, suggested, file = facts[number]
        writer.writerow((audited.fingerprint, number, label, "", "", part, suggested, file))
    return text.getvalue().encode()


def _said(came: Standing, decisions: dict[int, str], order: Order) -> list[str]:
    unsure = f", {came.unsure} unsure" if came.unsure else ""
    lines = [
        f"{len(decisions):,} of {len(order.ids):,} labels decided: {came.found:,} wrong{unsure}; "
        f"{_reached(came, decisions, order)}, {came.drawn:,} at random from the others"
    ]
    if came.estimate is None:
        lines.append("share of wrong labels: not known before the random part is decided, from its beginning")
    else:
        low, share, high = (percent(v) for v in (came.estimate.low, came.estimate.share, came.estimate.high))
        lines.append(f"share of wrong labels: {share}, between {low} and {high} (95 % interval)")
    if not came.recall:
        lines.append(
            f"recall: no bound before {LOOK} of the random part are decided and a wrong label is found"
        )
    else:
        lines.append(
            f"recall: at least {percent(came.recall)} of all wrong labels are found (95 %, all looks)"
        )
    stop = "reached: you may stop" if came.stop else "not reached: go on"
    return [*lines, f"a recall of {percent(came.target)} is {stop}"]


def _reached(came: Standing, decisions: dict[int, str], order: Order) -> str:
    """How far down the list all is decided, in words."""
    if came.looked:
        return f"all of the first {came.looked:,} of the list"
    first = order.listed[:STEP]
    there = sum(number in decisions for number in first)
    return f"{there} of the first {len(first)} of the list, which counts in whole steps of {STEP}"


def _next(ahead: dict[int, str], into: Path) -> str:
    drawn = sum(part == "random" for part in ahead.values())
    if not ahead:
        return f"nothing is left to look at; {into} has no rows"
    return f"next: {len(ahead) - drawn} of the list and {drawn} of the random part, in {into}"
