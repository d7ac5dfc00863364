"""The settings of a run that keeps within a budget, chosen before the run begins.

What was chosen is remembered in `.memest/plans`, so that the same command on the same machine finds the
same run.
"""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from pathlib import Path

from memest.errors import SettingError
from memest.grammar.config import digest, flatten
from memest.overhead.budget import Choice, choose
from memest.overhead.prices import measured_prices
from memest.runs.prepare import Prepared
from memest.tracking import home


def within_budget(prepared: Prepared) -> tuple[Prepared, Choice | None]:
    """The run with the scores and epochs that fit its budget; as it is, if it has none.

    Raises:
        SettingError: nothing that was asked for fits, or the configuration makes several runs.
    """
    from filelock import FileLock

    config, share = prepared.config, prepared.config.max_overhead
    if share is None:
        return prepared, None
    if len(prepared.parts) > 1:
        raise SettingError(
            f"--max-overhead chooses for one run, and {config.protocol} makes several that must agree: set "
            "--score-every and --gradient-every instead"
        )
    path = home() / "plans" / f"{digest(flatten(config), prepared.images.fingerprint)[:20]}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):  # two that start at once make one choice
        choice = _remembered(path)
        if choice is None:
            began = time.perf_counter()
            with prepared.computing():
                prices = measured_prices(
                    prepared.network(),
                    prepared.images,
                    prepared.device,
                    config.recipe,
                    prepared.streams,
                    prepared.scores,
                )
            schedule = choose(config.schedule, prices, config.recipe.epochs, share)
            choice = Choice(schedule, share, prices, time.perf_counter() - began)
            path.write_bytes(choice.to_json())
    config = replace(config, max_overhead=None, **asdict(choice.schedule))
    return replace(prepared, config=config), choice


def _remembered(path: Path) -> Choice | None:
    """What was chosen before; None, if that is not there or half written."""
    try:
        return Choice.from_json(path.read_bytes())
    except (OSError, LookupError, TypeError, ValueError):
        return None
