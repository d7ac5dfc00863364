"""What the settings of a training exclude by themselves: refused before data or a server is touched."""

from __future__ import annotations

from collections.abc import Iterable

from memest.data import PROTOCOLS
from memest.data.protocols import part_count
from memest.errors import SettingError
from memest.runs.config import TrainConfig
from memest.runs.stopping import require_meaning
from memest.scores import ScoreSet


def require_possible(configs: Iterable[TrainConfig]) -> None:
    """Refuse settings that cannot go together, whatever the data are.

    Raises:
        SettingError: a part that the protocol does not have, a budget for several runs, nothing that would
            be measured, or a rule or protocol without the score that it needs.
    """
    for config in configs:
        _require_part(config)
        scores = ScoreSet(config.scores)
        if PROTOCOLS.parse(config.protocol).name == "second_split" and "correct" not in scores.keys:
            raise SettingError(
                "second_split needs the score correct, which the run that joins its parts is judged by: "
                f"--scores '{config.scores}, correct'"
            )
        config.schedule.require_something()
        require_meaning(config.stop_when, config.protocol, scores.free.keys)


def _require_part(config: TrainConfig) -> None:
    """A part that there is, and one run where a budget is chosen for one."""
    count = part_count(PROTOCOLS.parse(config.protocol))
    if count is None:
        return
    if config.part is None:
        require_one_run(config, count)
    elif count == 1 or config.part >= count:
        raise SettingError(no_part(config, count))


def require_one_run(config: TrainConfig, count: int) -> None:
    """Refuse a budget for a configuration that makes `count` runs.

    Raises:
        SettingError: it has one, and they are several.
    """
    if config.max_overhead is not None and count > 1:
        raise SettingError(
            f"--max-overhead chooses for one run, and {config.protocol} makes several that must agree: set "
            "--score-every and --gradient-every instead"
        )


def no_part(config: TrainConfig, count: int) -> str:
    """Why the part that a configuration names cannot be trained alone, in words."""
    given = "none" if config.part is None else config.part
    have = f"parts 0 to {count - 1}: name one" if count > 1 else "one part: leave --part out"
    return f"--part {given}: {config.protocol} has {have}"
