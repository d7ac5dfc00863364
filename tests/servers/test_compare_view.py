"""The page on which runs are compared: `memest ui` serves it, a browser shows its charts and pictures."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import browser, needs_browser

from memest.grammar.config import build
from memest.runs.config import TrainConfig
from memest.stages.train import train
from memest.tracking import children_of, connect, experiment_id

pytestmark = [needs_browser, pytest.mark.mlflow]
SHOWN = ("Wrong labels found", "auroc/csl", "test/accuracy", "The most suspicious labels")


@pytest.fixture
def address(store_uri: str) -> Iterator[str]:
    """What `memest ui` says of an experiment with one run, below a sweep; Ctrl-C ends it well."""
    client = connect(store_uri)
    parent = client.create_run(experiment_id(client, "compared"), run_name="a sweep").info.run_id
    settings = {"limit": 100, "epochs": 2, "corruption": "symmetric_noise(rate=0.1)", "scores": "loss"}
    with children_of(parent):
        train(build(TrainConfig, settings | {"tracking": store_uri, "experiment": "compared"}))
    command = [sys.executable, "-m", "memest", "ui", "--experiment", "compared", "--port", "0"]
    process = subprocess.Popen(
        [*command, "--tracking", store_uri],
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert process.stdout
    yield process.stdout.readline().strip()
    os.kill(process.pid, signal.SIGINT)
    assert process.wait(30) == 0


def test_the_link_opens_charts_to_compare(address: str, tmp_path: Path) -> None:
    """The chosen charts are drawn, AUROC over epochs among them, and the run's picture is loaded."""
    with browser() as chromium:
        page = chromium.new_page(viewport={"width": 1600, "height": 3000})
        page.goto(address)
        for text in SHOWN:
            page.get_by_text(text, exact=True).first.wait_for(timeout=60_000)
        page.get_by_text("digits tiny seed 0").first.wait_for()
        page.locator(".plot-container svg").nth(2).wait_for(timeout=60_000)
        picture = page.locator("img[src*='get-artifact']").first
        picture.wait_for(timeout=60_000)
        page.wait_for_function("image => image.complete", arg=picture.element_handle())
        assert picture.evaluate("image => image.naturalWidth") > 0
        assert all(page.get_by_text(text, exact=True).first.is_visible() for text in SHOWN)
        page.screenshot(path=tmp_path / "view.png")
