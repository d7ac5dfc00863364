"""The kit for a borrowed accelerator, on the CPU with tiny settings: it must work the first time."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.accelerator import benches, cifar100, correctness
from benchmarks.accelerator.parts import cut, join
from memest.data import ImageSet, Split, load_images
from memest.errors import DataError

PROJECT = Path(__file__).parents[2]
FEW = """
import importlib.machinery, sys
FOREIGN = {"mlflow", "boto3", "matplotlib", "PIL", "tqdm", "sklearn", "scipy", "pandas", "joblib", "yaml"}

class Few:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in FOREIGN:
            return None
        return importlib.machinery.PathFinder.find_spec(name, path, target)

    @staticmethod
    def invalidate_caches():
        pass

sys.meta_path[:] = [Few if finder is importlib.machinery.PathFinder else finder for finder in sys.meta_path]
import runpy
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""
"""Runs a module as if only what the kit may need were installed."""


def images(count: int, channels: int = 3) -> ImageSet:
    """Generated images of two classes."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (count, 16, 16, channels), np.uint8)
    return ImageSet(pixels, rng.integers(0, 2, count), np.arange(count), ("a", "b"), order="kit")


def run(monkeypatch: pytest.MonkeyPatch, module: object, *flags: str) -> None:
    """A script of the kit, in this process."""
    monkeypatch.setenv("MEMEST_HOME", "found/home")  # which the script sets as well: put back at the end
    monkeypatch.setattr(sys, "argv", ["kit", "--device", "cpu", "--into", "found", *flags])
    module.main()  # type: ignore[attr-defined]


def test_parts_are_small_and_joined_they_are_the_whole() -> None:
    """No part is larger than asked for; joined, they are the dataset again, with its ids and test set."""
    whole = Split(images(100).take(np.random.default_rng(1).permutation(100)), images(10))
    sizes = cut(whole, Path("parts"), most=4_000_000 + 20_000)
    assert len(sizes) > 3
    assert max(sizes) < 4_000_000
    again = load_images(f"npz(path={str(join(Path('parts'), Path('there/whole.npz')))!r})")
    for one, other in ((whole.train, again.train), (whole.test, again.test)):
        assert one is not None
        assert other is not None
        np.testing.assert_array_equal(one.images, other.images)
        np.testing.assert_array_equal(one.labels, other.labels)
    np.testing.assert_array_equal(whole.train.ids, again.train.ids)
    assert again.train.classes == ("a", "b")
    Path("parts/part-001.npz").unlink()
    with pytest.raises(DataError, match="expected part-000"):
        join(Path("parts"), Path("other.npz"))


def test_parts_are_made_by_one_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command of the page, on a dataset that comes with memest."""
    monkeypatch.setattr(sys, "argv", ["parts", "digits", "--into", "parts", "--limit", "100"])
    monkeypatch.delitem(sys.modules, "benchmarks.accelerator.parts")
    runpy.run_module("benchmarks.accelerator.parts", run_name="__main__")
    assert len(load_images(f"npz(path={str(join(Path('parts'), Path('digits.npz')))!r})").train) == 100


def test_every_score_is_compared_with_float64(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the CPU they keep the bars."""
    run(monkeypatch, correctness, "--model=tiny(width=4)", "--images=128", "--compared=16", "--epochs=1")
    rows = json.loads(Path("found/correctness.json").read_text())["rows"]
    assert {row["kept"] for row in rows if row["bar"]} == {True}
    assert {"loss", "curvature(step=0.001, probes=10, power=1, method=difference)"} <= {
        row["what"].partition(":")[0] for row in rows
    }


def test_a_call_ends_in_time_and_the_next_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without time a run ends after an epoch and is not begun anew; in the end it is like any other."""
    cut(Split(images(200), images(10)), Path("parts"))
    monkeypatch.setattr(cifar100, "WANTED", cifar100.WANTED[2:4])
    monkeypatch.setenv("MEMEST_RESUME_EVERY_EPOCH", "1")
    flags = ["--parts=parts", "--model=tiny(width=4)", "--epochs=2"]
    for _ in range(2):
        run(monkeypatch, cifar100, *flags, "--seconds=0")
        assert json.loads(Path("found/cifar100.json").read_text())["rows"][0]["what"] == "runs done"
    run(monkeypatch, cifar100, *flags)
    rows = json.loads(Path("found/cifar100.json").read_text())["rows"]
    assert [row["what"] for row in rows if "accuracy" in row["what"]] == [
        "symmetric_noise(rate=0.1), seed 1: training accuracy",
        "none, seed 1: training accuracy",
    ]
    assert len(list(Path("found/home/runs").iterdir())) == 2


def test_benchmarks_that_are_there_are_not_made_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One call makes what it has time for, and leaves what is there alone."""
    Path("found").mkdir()
    for name in benches.NAMES:
        Path(f"found/{name}.json").write_text("{}")
    run(monkeypatch, benches)
    assert capsys.readouterr().out.count("is there") == 3
    Path("found/free_csl.json").unlink()
    run(monkeypatch, benches, "--seconds=0")
    assert "free_csl is left for the next call" in capsys.readouterr().out


@pytest.mark.slow
def test_it_needs_few_packages() -> None:
    """A run is made, sealed and judged where neither MLflow nor what paints pictures is installed."""
    cut(Split(images(200), images(10)), Path("parts"))
    flags = [
        "--device=cpu",
        "--into=found",
        "--parts=parts",
        "--model=tiny(width=4)",
        "--epochs=1",
        "--seconds=0",
    ]
    ended = subprocess.run(
        [sys.executable, "-c", FEW, "benchmarks.accelerator.cifar100", *flags],
        env={"PYTHONPATH": str(PROJECT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert "epoch 0" in ended.stdout
    assert json.loads(Path("found/cifar100.json").read_text())["rows"]
