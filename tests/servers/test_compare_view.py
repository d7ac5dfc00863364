"""The page on which runs are compared: `memest ui` serves it, a browser shows its charts and pictures."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from browser import browser, needs_browser
from commands import wait_until
from forked import Forked

from memest.grammar.config import build
from memest.runs.config import TrainConfig
from memest.stages.train import train
from memest.tracking import children_of, connect, experiment_id

pytestmark = [needs_browser, pytest.mark.mlflow, pytest.mark.pictures]
SHOWN = ("Wrong labels found", "auroc/csl", "test/accuracy", "The most suspicious labels")
SMALL = {"viewport": {"width": 1600, "height": 3000}, "device_scale_factor": 0.25, "reduced_motion": "reduce"}
"""All charts are in sight; drawn from a sixteenth of the pixels, and nothing shimmers while it is awaited."""


@pytest.fixture
def address(store_uri: str) -> Iterator[str]:
    """What `memest ui` says of an experiment with one run, below a sweep; Ctrl-C ends it well."""
    client = connect(store_uri)
    parent = client.create_run(experiment_id(client, "compared"), run_name="a sweep").info.run_id
    settings = {"limit": 100, "epochs": 2, "corruption": "symmetric_noise(rate=0.1)", "scores": "loss"}
    with children_of(parent):
        train(build(TrainConfig, settings | {"tracking": store_uri, "experiment": "compared"}))
    flags = ["--experiment", "compared", "--port", "0", "--tracking", store_uri]
    process = Forked(["memest", "ui", *flags])
    wait_until(lambda: "Ctrl-C" in process.said, 60)
    (found,) = [line for line in process.said.splitlines() if line.startswith("http")]
    yield found
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0


def test_the_link_opens_charts_to_compare(address: str) -> None:
    """The chosen charts are drawn, AUROC over epochs among them, and the run's picture is loaded."""
    with browser() as chromium:
        page = chromium.new_page(**SMALL)
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
