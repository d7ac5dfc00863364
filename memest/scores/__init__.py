"""Scores of one epoch: (network or logits, labels) → (N,)."""

from memest.scores import attacks as attacks
from memest.scores import inputs as inputs
from memest.scores import logits as logits
from memest.scores.base import KINDS, SCORES, LocalLoss, describe, input_score, logit_score
from memest.scores.engine.gather import Rows
from memest.scores.engine.measure import FORWARD, GRADIENT, ScoreSet, canonical, measure, score_list
from memest.scores.engine.micro_batches import SCORING_BATCH
from memest.scores.engine.online import OnlineScores, Unseen
from memest.scores.engine.probabilities import probabilities
from memest.scores.engine.timing import Clock

__all__ = [
    "FORWARD",
    "GRADIENT",
    "KINDS",
    "SCORES",
    "SCORING_BATCH",
    "Clock",
    "LocalLoss",
    "OnlineScores",
    "Rows",
    "ScoreSet",
    "Unseen",
    "canonical",
    "describe",
    "input_score",
    "logit_score",
    "measure",
    "probabilities",
    "score_list",
]
