"""A set of finished runs, opened lazily, several at a time, and joined by example id."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from itertools import groupby
from typing import TYPE_CHECKING, Any, TypeVar

from memest.analysis.record import RunRecord
from memest.errors import SheetError
from memest.ids import Ids
from memest.store.tables import NOT_SUMMARIES, Columns

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T")

_SHOWN = ("dataset", "model", "seed")
AT_ONCE = 4
"""How many runs are read at a time: enough to keep two cores and a store busy, and memory bounded."""


class RunSet(Sequence[RunRecord]):
    """Finished runs, grouped by any of their axes."""

    def __init__(self, runs: Sequence[RunRecord]) -> None:
        self.runs = list(runs)

    def __getitem__(self, place):  # type: ignore[no-untyped-def]  # int and slice, as Sequence has it
        return self.runs[place]

    def __len__(self) -> int:
        return len(self.runs)

    def map(self, work: Callable[[RunRecord], T]) -> list[T]:
        """What `work` says of each run, in their order; see `in_turns`."""
        return in_turns(work, self.runs)

    def to_pandas(self) -> pd.DataFrame:
        """One row per run, by its id: name, axes, metrics, and how well each summary found the truth."""
        import pandas as pd

        return pd.DataFrame(self.map(RunRecord.row)).set_index("run")

    def summary(self, names: Collection[str] | None = None, long: bool = False) -> pd.DataFrame:
        """One row per run and example: run, model, seed, then the columns of its summary table.

        Args:
            names: of columns besides `id`, or of summaries that the runs can answer; None: all columns.
                What a run does not have is NaN.
            long: one row per run, example and summary instead, with columns `summary` and `value`.

        Raises:
            SheetError: no run has a column.
        """
        import pandas as pd

        frames = [_frame(run, names) for run in self.runs]
        table = pd.concat(frames, ignore_index=True)
        if missing := [name for name in names or () if name not in table]:
            raise SheetError(
                f"none of {len(self)} runs has a column {missing[0]!r}, "
                "or measured the scores of a summary called so"
            )
        if not long:
            return table
        kept = [name for name in ("run", *_SHOWN, *NOT_SUMMARIES) if name in table]
        melted = table.melt(kept, var_name="summary", value_name="value")
        return melted.dropna(subset="value", ignore_index=True)

    def joined(self, names: Collection[str]) -> Iterator[Columns]:
        """Columns of each run, and `id`, the examples of all in the same order: that of their ids.

        They are read as they are asked for, a few runs ahead.

        Raises:
            SheetError: a run holds other examples than the first.
        """
        first: Ids | None = None
        for run, columns in zip(
            self.runs, streamed(lambda run: run.read_by_id(names), self.runs), strict=True
        ):
            mine = Ids(columns["id"], f"run {run.id}", SheetError)
            first = first or mine
            first.require(mine)
            yield columns

    def group_by(self, *axes: str) -> Iterator[tuple[tuple[str, ...], RunSet]]:
        """Runs with equal values of `axes`, in the order of those values."""

        def values(run: RunRecord) -> tuple[str, ...]:
            return tuple(run.tags.get(axis, "") for axis in axes)

        for group, runs in groupby(sorted(self.runs, key=values), values):
            yield group, RunSet(list(runs))


def _frame(run: RunRecord, names: Collection[str] | None) -> pd.DataFrame:
    """The summary table of one run, or some of its columns, with what tells runs apart before it."""
    import pandas as pd

    wanted = dict.fromkeys(run.names if names is None else ["id", *names])
    columns = run.read([name for name in wanted if name in run.names])
    for name in wanted:
        with suppress(SheetError):  # neither stored nor answered: the run does not have it
            columns |= {} if name in columns else run.read([name])
    table = pd.DataFrame({name: columns[name] for name in wanted if name in columns})
    told = {"run": run.id} | {axis: run.tags.get(axis, "") for axis in _SHOWN}
    for place, (name, value) in enumerate(told.items()):
        table.insert(place, name, value)
    return table


def in_turns(work: Callable[[Any], T], items: Sequence[Any]) -> list[T]:
    """What `work` says of each item, in their order; see `streamed`."""
    return list(streamed(work, items))


def streamed(work: Callable[[Any], T], items: Sequence[Any]) -> Iterator[T]:
    """What `work` says of each item, in their order, `AT_ONCE` items at a time.

    The first is done alone: what is made once in a process, such as the S3 client, is then there for all.
    No more than `AT_ONCE` results wait to be taken, so that memory is bounded.
    """
    yield from (work(item) for item in items[:1])
    with ThreadPoolExecutor(AT_ONCE) as pool:
        ahead: deque[Future[T]] = deque()
        for item in items[1:]:
            if len(ahead) == AT_ONCE:
                yield ahead.popleft().result()
            ahead.append(pool.submit(work, item))
        while ahead:
            yield ahead.popleft().result()
