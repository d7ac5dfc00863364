"""Training by one process or, under torchrun, by several: one leads, the others follow.

The leader's is the stage `train`, all of it. Those that follow compute their shares of the same batches, in
the same order, and store and track nothing. Depends on everything below the stages.
"""

from __future__ import annotations

from memest.data import PROTOCOLS, corrupt, load_images
from memest.errors import SettingError
from memest.models import build_model
from memest.runs.budget import within_budget
from memest.runs.config import TrainConfig
from memest.runs.dataset import chosen_part, loaders
from memest.runs.description import choice_files
from memest.runs.device import choose_device, deterministic
from memest.runs.other_labels import other_labels
from memest.scores import SCORING_BATCH, OnlineScores, ScoreSet, Unseen, measure
from memest.seeding import Streams
from memest.stages.protocol import train_protocol
from memest.stages.train import train
from memest.tracking import Opened
from memest.train import Team, checkpoint, train_epochs
from memest.train.parallel import joined


def train_together(config: TrainConfig) -> Opened | None:
    """Train what a configuration asks for; nothing comes back to a process that follows.

    Raises:
        InputError: before anything is written, if something asked for cannot be done.
    """
    with joined() as team:
        if team.size == 1:
            return train_protocol(config)
        if team.rank:
            _follow(team)
            return None
        return _lead(config, team)


def _lead(config: TrainConfig, team: Team) -> Opened:
    """All of the stage; the last word to the others lets them go, now that what they made is stored."""
    try:
        _require_one_run(config, team)
        config, choice = within_budget(config)
        opened = train(config, team=team, files=choice_files(choice))
    except BaseException:
        if not team.told:  # they still wait for the first word; in the middle of training torchrun ends them
            team.tell(None)
        raise
    team.tell(None)
    return opened


def _require_one_run(config: TrainConfig, team: Team) -> None:
    if config.part is None and PROTOCOLS.parse(config.protocol).name != "standard":
        raise SettingError(
            f"{team.size} processes train one run, and --protocol {config.protocol} makes several: name one "
            "with --part 0, then the next, and join them without torchrun"
        )


def _follow(team: Team) -> None:
    """Compute what the leader cannot do without: a share of every batch, trained on or scored."""
    heard = team.hear()
    if heard is None:
        return
    config, packed = heard
    streams = Streams(config.seed, corruption=config.corruption_seed)
    split = load_images(config.data, config.limit)
    images, _ = corrupt(split.train, config.corruption, streams)
    part = chosen_part(images, config.protocol, config.part, streams)
    ids, epochs = images.take(part.observed).ids, config.recipe.epochs * len(part.stages)
    scores = ScoreSet(config.scores)
    others = other_labels(scores, split.train)
    within = {name: labels[part.observed] for name, labels in others.items()}
    device = choose_device(config.device)
    network = build_model(config.model, images.channels, len(images.classes), streams.seed("weights"))
    with deterministic(config.deterministic):
        loaded = loaders(split, images, part, device)
        recorder = OnlineScores(ids, str(scores.free), device) if part.plain else Unseen()
        state = checkpoint.unpack(packed, device) if packed else None
        stages, testing = loaded.stages, loaded.testing
        for end in train_epochs(network, stages, testing, config.recipe, streams, recorder, state, team):
            due, probes = config.schedule.due(end.epoch, epochs), streams.seed("probes", end.epoch)
            batches = team.shares(loaded.observed.batches(SCORING_BATCH))
            measure(end.network, batches, ids, due, device, probes, others=within, add=team.adding)
            recorder.take(team.adding)
        team.hear()
