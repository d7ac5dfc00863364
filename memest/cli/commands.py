"""The commands: what each can be told, what carries it out, and what it says when it is done.

Settings and stages are named as `module:name` and imported when they are needed: settings without torch, so
that a typo is answered at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from memest.verdict import Verdict


def imported(place: str) -> Any:
    """What `module:name` names."""
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)


def as_it_is(outcome: Any) -> Any:
    """The outcome of a stage that says what there is to say."""
    return outcome


def done(opened: Any, before: str = "", after: str = "") -> Verdict:
    """The run in which the work lies, between other texts; the outcome of a stage that makes one run."""
    run, found = opened.run.id, opened.done
    text = f"{before}run {run} {'was done before' if found else 'is done'}{after}"
    text += f"\nside by side with others: {opened.look}" if opened.look else ""
    return Verdict(text, good=True, run=run, before=found)


def trained(opened: Any) -> Verdict:
    """What a training found; nothing from a process that helped another, which says it."""
    from memest.runs.report import trained_text

    return done(opened, f"{trained_text(opened.run.blobs)}\n\n") if opened else Verdict("", good=True)


def analyzed(found: Any) -> str:
    """The tables of an analysis, and its run."""
    return f"{found.text}\n\n{found.place}"


@dataclass(frozen=True)
class Command:
    """One command.

    Attributes:
        settings: its configuration class, as `module:name`; importable without torch.
        stage: what carries it out, configuration → outcome, as `module:name`.
        help: one line.
        example: what to type.
        say: outcome → text or verdict.
        resumes: the same command goes on where an interrupted one was.
        together: the processes that torchrun started carry it out as one.
    """

    settings: str
    stage: str
    help: str
    example: str
    say: Callable[[Any], str | Verdict] = as_it_is
    resumes: bool = True
    together: bool = False

    @property
    def kind(self) -> type[Any]:
        """Its configuration class."""
        kind: type[Any] = imported(self.settings)
        return kind

    def run(self, config: Any) -> Verdict:
        """Carry it out.

        Raises:
            MemestError: it could not be done.
        """
        said = self.say(imported(self.stage)(config))
        return said if isinstance(said, Verdict) else Verdict(said, good=True)


_CONFIG, _SERVICES = "memest.stages.config", "memest.stages.services"

COMMANDS: dict[str, Command] = {
    "train": Command(
        "memest.runs.config:TrainConfig",
        "memest.stages.train:train_together",
        "train a network and score every example",
        "memest train --data digits --corruption 'symmetric_noise(rate=0.05)' --seed 1 --epochs 30",
        trained,
        together=True,
    ),
    "score": Command(
        f"{_CONFIG}:ScoreConfig",
        "memest.stages.score:score",
        "measure further scores of a finished run, from the networks it kept",
        "memest score --run 0123456789abcdef0123456789abcdef --scores 'curvature(probes=5)'",
        done,
    ),
    "analyze": Command(
        f"{_CONFIG}:AnalyzeConfig",
        "memest.stages.analyze:analyze",
        "judge the summaries of finished runs",
        "memest analyze --experiment demo --analysis detection --where model=tiny",
        analyzed,
        resumes=False,
    ),
    "sweep": Command(
        f"{_CONFIG}:SweepConfig",
        "memest.stages.sweep:sweep",
        "train every configuration of a grid file, each in a process of its own",
        "memest sweep grid.yaml --jobs 2",
    ),
    "experiment": Command(
        f"{_CONFIG}:ExperimentConfig",
        "memest.stages.experiment:experiment",
        "train and analyse one of the paper's experiments, at one of its scales",
        "memest experiment mislabeled --scale smoke --set seed=1",
    ),
    "retrain": Command(
        f"{_CONFIG}:RetrainConfig",
        "memest.stages.retrain:retrain",
        "estimate memorization by its definition, with many networks",
        "memest retrain --data digits --limit 300 --epochs 10 --networks 100",
        lambda opened: done(opened, after="; its values are in the file that --into names"),
    ),
    "tune": Command(
        f"{_CONFIG}:TuneConfig",
        "memest.stages.tune:tune",
        "search for settings: trials chosen by Optuna",
        "memest tune --space 'lr=log(0.01, 0.3), epochs=int(5, 30)' --trials 20",
    ),
    "audit": Command(
        "memest.runs.audit_config:AuditConfig",
        "memest.stages.audit:audit",
        "list the wrong labels of an image set, within a budget of time",
        "memest audit photos/ --budget 10m --into out",
    ),
    "review": Command(
        "memest.stages.review:ReviewConfig",
        "memest.stages.review:review",
        "how many labels are wrong, by a review of some; what to look at next, and when to stop",
        "memest review decisions.csv --audit out",
        resumes=False,
    ),
    "apply": Command(
        "memest.stages.apply:ApplyConfig",
        "memest.stages.apply:apply",
        "write a dataset again with its labels corrected by a file of decisions",
        "memest apply decisions.csv --data photos/ --into corrected",
    ),
    "cache": Command(
        "memest.stages.cache:CacheConfig",
        "memest.stages.cache:cache",
        "list the decoded images that are kept on this machine, or delete them",
        "memest cache --empty all",
    ),
    "deliver": Command(
        "memest.stages.deliver:DeliverConfig",
        "memest.stages.deliver:deliver",
        "send to the server what finished runs could not deliver",
        "memest deliver",
    ),
    "demo": Command(
        f"{_CONFIG}:DemoConfig",
        "memest.stages.demo:demo",
        "digits with 5 % wrong labels, two networks, three seeds, analysed",
        "memest demo",
    ),
    "ui": Command(
        "memest.stages.ui:UiConfig",
        "memest.stages.ui:ui",
        "show an experiment in MLflow's UI, ready to compare",
        "memest ui --experiment demo",
        resumes=False,
    ),
    "services up": Command(
        f"{_SERVICES}:UpConfig",
        f"{_SERVICES}:up",
        "start an S3 store and an MLflow server",
        "memest services up --store seaweedfs",
        resumes=False,
    ),
    "services down": Command(
        f"{_SERVICES}:DownConfig",
        f"{_SERVICES}:down",
        "stop them; their data stays",
        "memest services down",
        resumes=False,
    ),
    "services status": Command(
        f"{_SERVICES}:FolderConfig",
        f"{_SERVICES}:status",
        "how they are; exit code 1 if one has crashed",
        "memest services status",
        resumes=False,
    ),
    "services env": Command(
        f"{_SERVICES}:FolderConfig",
        f"{_SERVICES}:env",
        "what to export to use them; it holds secrets",
        'eval "$(memest services env)"',
        resumes=False,
    ),
    "doctor": Command(
        "memest.stages.doctor:DoctorConfig",
        "memest.stages.doctor:doctor",
        "check every link of the platform, and what to do about the first broken one",
        "memest doctor",
        resumes=False,
    ),
}
"""What there is to do, by the words that are typed."""
