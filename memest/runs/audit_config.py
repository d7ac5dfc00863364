"""What an audit can be told. It is importable without torch: a typo is answered at once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Literal

from memest.data import SETS
from memest.data.protocols import Folds
from memest.errors import SettingError
from memest.export import export_names
from memest.grammar.config import option
from memest.grammar.duration import canonical_duration
from memest.grammar.values import Index, Share, Within
from memest.runs.config import EXPERIMENT, TRACKING_OR_OFFLINE, Device, models

Repeats = Annotated[int, Within(2)]


def data_or_none(text: str) -> str:
    """A dataset spec made canonical, or nothing; images that cannot be read are left out unless it says else.

    Raises:
        InputError: an unknown dataset or keyword, or nothing that is understood lies at the path.
    """
    if not text:
        return text
    spec = SETS.parse(text)
    if "on_error" in spec.settings and "on_error" not in text:
        spec = replace(spec, keywords=tuple((spec.settings | {"on_error": "skip"}).items()))
    return str(spec)


def auto_or_model(text: str) -> str:
    """A network spec made canonical, or `auto`; imports torch unless it is that.

    Raises:
        InputError: an unknown network, or a setting that does not fit.
    """
    return text if text == "auto" else str(models().parse(text))


def budget_text(text: str) -> str:
    """A duration in its shortest spelling.

    Raises:
        SettingError: it is none.
    """
    try:
        return canonical_duration(text)
    except SettingError as error:
        raise SettingError(f"--budget {error}") from None


@dataclass(frozen=True)
class AuditConfig:
    """Everything an audit can be told."""

    data: str = option(
        "", "dataset spec, or a path such as photos/", read=data_or_none, bare=True, needed=True
    )
    budget: str = option(
        "10m", "how long it may take, such as 90s, 10m or 1h", read=budget_text, shown="DURATION"
    )
    into: str = option("audit", "folder for report, tables and summary", key=False, shown="FOLDER")
    sheet: str = option(
        "", "audit this finished run, or folder of a recording, without training", shown="RUN"
    )
    export: str = option(
        "",
        "also write the findings for other tools: cleanlab, fiftyone, label_studio, …",
        read=export_names,
        key=False,
        shown="NAME,…",
    )
    verify: Repeats | Literal[0] = option(
        0,
        "seeds, 2 at least, to train with and without what is flagged, and compare on the test set; 0: none",
        key=False,
    )
    limit: Index = option(0, "audit this many images, class shares kept; 0: all")
    planted: Share = option(0.03, "share of labels that are changed on purpose, to measure what is found")
    model: str = option("auto", "network spec; auto: by the budget", read=auto_or_model)
    epochs: Index = option(0, "epochs of each network; 0: by the budget")
    folds: Folds | Literal[0] = option(0, "networks, each of which leaves a part out; 0: by the budget")
    seed: Index = option(0, "seed of weights, order, folds and planted errors")
    device: Device = option("auto", "where to train", key=False)
    experiment: str = EXPERIMENT
    tracking: str = TRACKING_OR_OFFLINE
