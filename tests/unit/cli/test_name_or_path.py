"""Settings that take a name or a path: what is neither is answered with both."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from memest.cli import main


@pytest.mark.parametrize(
    "command",
    [
        "audit fotos",
        "train --data fotos",
        "retrain --data fotos",
        "tune --data fotos",
        "apply decisions.csv --into new --data fotos",
        "audit --sheet fotos --tracking offline",
        "audit --sheet fotos",
        "audit ./fotos",
        "train --data 'folder(fotos)'",
        "deliver --folder fotos",
    ],
)
def test_a_folder_that_is_not_there_is_said_to_be_so(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line with the folder that was looked in and the one that lies there; nothing is written."""
    Path("photos").mkdir()
    assert main(shlex.split(command)) == 2
    out, error = capsys.readouterr()
    assert "photos" in error and str(Path.cwd()) in error, error
    assert (error.count("\n"), out) == (1, "")
    assert [path.name for path in Path.cwd().iterdir()] == ["photos"]


@pytest.mark.parametrize("typed", ["mislabeld", "mislabeld.yaml"])
def test_an_experiment_is_a_name_or_a_file(typed: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Both were looked for."""
    assert main(["experiment", typed]) == 2
    error = capsys.readouterr().err
    assert "no file or folder of that name" in error and "did you mean 'mislabeled'" in error


@pytest.mark.parametrize(
    "command", ["sweep gird.yaml", "tune --space gird.yaml", "train --data npz(gird.yaml)"]
)
def test_a_file_that_is_not_there_is_answered_with_its_neighbour(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Grids, spaces and arrays alike."""
    Path("grid.yaml").touch()
    assert main(command.split()) == 2
    error = capsys.readouterr().err
    assert f"(looked in {Path.cwd()}; did you mean 'grid.yaml'?)" in error


def test_a_space_is_a_line_or_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    """A word that is neither says so."""
    assert main(["tune", "--space", "grid"]) == 2
    assert "or a file that ends in .yaml, not 'grid'" in capsys.readouterr().err
