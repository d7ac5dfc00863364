"""The settings of a run that keeps within a budget, chosen before the run begins.

What was chosen is remembered in `.memest/plans`, so that the same command on the same machine finds the
same run.
"""

from __future__ import annotations

import time
from dataclasses import asdict, replace

from memest.grammar.config import digest, flatten
from memest.overhead.budget import Choice, choose
from memest.overhead.prices import measured_prices
from memest.runs.plans import remembered
from memest.runs.possible import require_one_run
from memest.runs.prepare import Prepared


def within_budget(prepared: Prepared) -> Prepared:
    """The run with the scores and epochs that fit its budget, and that choice; as it is, if it has no budget.

    Raises:
        SettingError: nothing that was asked for fits, or the configuration makes several runs.
    """
    config, share = prepared.config, prepared.config.max_overhead
    if share is None:
        return prepared
    require_one_run(config, len(prepared.parts))

    def choice_now() -> Choice:
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
        return Choice(schedule, share, prices, time.perf_counter() - began)

    key = digest(flatten(config), prepared.images.fingerprint)
    choice = remembered(key, Choice.from_json, choice_now, Choice.to_json)
    config = replace(config, max_overhead=None, **asdict(choice.schedule))
    return replace(prepared, config=config, choice=choice)
