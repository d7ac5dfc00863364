"""Scores of one epoch: (network or logits, labels) → (N,)."""

from memest.scores import attacks as attacks
from memest.scores import inputs as inputs
from memest.scores import logits as logits
from memest.scores.base import HIGHER, KINDS, LOWER, SCORES, LocalLoss, describe, input_score, logit_score
from memest.scores.engine.gather import Rows
from memest.scores.engine.online import OnlineScores, Unseen
from memest.scores.engine.scorer import Scorer, measure
from memest.scores.engine.timing import Clock
from memest.scores.score_set import FORWARD, GRADIENT, ScoreSet, canonical, score_list

__all__ = [
    "FORWARD",
    "GRADIENT",
    "HIGHER",
    "KINDS",
    "LOWER",
    "SCORES",
    "Clock",
    "LocalLoss",
    "OnlineScores",
    "Rows",
    "ScoreSet",
    "Scorer",
    "Unseen",
    "canonical",
    "describe",
    "input_score",
    "logit_score",
    "measure",
    "score_list",
]
