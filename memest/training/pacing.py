"""How far training is on its learning-rate schedule, where the number of its epochs may change on the way."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Pacing:
    """The last epoch of a training, and the share of the schedule that is behind after some epochs.

    Where the last epoch changes, what is left of the schedule is spread evenly over the epochs that are left:
    the learning rate does not jump, and the schedule ends with training.

    Attributes:
        last: the last epoch.
        begun: the epoch after which it became the last one.
        share: of the schedule, behind at that moment.
    """

    last: int
    begun: int = 0
    share: float = 0.0

    def progress(self, epochs: float) -> float:
        """The share of the schedule that is behind after so many epochs, from 0 to 1."""
        return self.share + (1 - self.share) * (epochs - self.begun) / (self.last - self.begun)

    def end_with(self, last: int, after: int) -> None:
        """Make `last` the last epoch once `after` epochs are done."""
        if last != self.last:
            self.share, self.begun, self.last = self.progress(after), after, last
