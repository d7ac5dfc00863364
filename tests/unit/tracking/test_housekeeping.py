"""Housekeeping tags: out of sight in MLflow's UI, and read under the names of earlier versions too."""

from __future__ import annotations

from memest.tracking.run import About, facts, hidden

ABOUT = About("train", "abc", "a run", {}, {"model": "tiny", "source": "5"}, "", ("digits", "f" * 64))


def test_what_people_filter_by_is_seen_and_the_rest_is_not() -> None:
    """MLflow's UI leaves out tags that begin with `mlflow.`; axes and stage stay."""
    seen = {name for name in ABOUT.all_tags() if not name.startswith("mlflow.")}
    assert seen == {"memest.model", "memest.stage"}


def test_a_run_of_an_earlier_version_says_the_same() -> None:
    """Facts, key and machine are read whatever their tags were called."""
    now = ABOUT.all_tags() | {"mlflow.memest.host": "here", "mlflow.user": "ada"}
    earlier = {f"memest.{name}": value for name, value in facts(ABOUT.all_tags()).items()}
    earlier |= {"memest.work.host": "here"}
    assert facts(ABOUT.all_tags())["fingerprint"] == "f" * 64
    for tags in (now, earlier):
        assert (hidden(tags, "key"), hidden(tags, "host"), hidden(tags, "heartbeat")) == ("abc", "here", None)
        assert facts(tags)["source"] == "5"
        assert "user" not in facts(tags)
