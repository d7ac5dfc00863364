"""Many at once: runs that work side by side, and servers that hold hundreds of them."""

from __future__ import annotations

import signal
import time

from faults.base import fault
from faults.moments import opened, wait_for
from faults.site import Site, train_command
from memest.analysis.queries import query_runs
from memest.tracking import SEALED

GROUP = "many at once"
MANY = 200


@fault(GROUP, "8 runs at once against one server, from nothing", "eight sealed runs")
def eight_at_once(site: Site) -> str:
    """Eight seeds; the first of them makes the experiment."""
    began = time.monotonic()
    processes = [site.start(train_command(site.experiment, seed=str(seed))) for seed in range(8)]
    ended = [(process.communicate(timeout=400)[0], process.returncode) for process in processes]
    assert all(code == 0 for _, code in ended), [said for said, code in ended if code]
    states = [run.data.tags.get("memest.state") for run in site.runs()]
    assert states == [SEALED] * 8, states
    return f"eight sealed runs in {time.monotonic() - began:.0f} s"


@fault(GROUP, "the same configuration started twice at once", "one works, the other says so; both exit 0")
def twice_at_once(site: Site) -> str:
    """Whoever comes second finds the lock."""
    first = site.start()
    wait_for(opened, first, site.home)
    first.send_signal(signal.SIGSTOP)  # halted, so that it cannot be done before the other looks
    try:
        second = site.run()
    finally:
        first.send_signal(signal.SIGCONT)
    said, _ = first.communicate(timeout=120)
    assert (first.returncode, second.code) == (0, 0), f"{said}\n{second.said}"
    assert "another process" in second.said, second.said
    return f"{second.said.strip().splitlines()[-1]}; {site.assert_as_undisturbed()}"


@fault(GROUP, f"{MANY} sealed runs listed, filtered and joined", "all of them, in seconds")
def many_runs(site: Site) -> str:
    """One real run, and the tags and metrics of it given to as many as it takes."""
    ended = site.run()
    assert ended.code == 0, ended.said
    client, (real,) = site.client, site.runs()
    tags = {name: value for name, value in real.data.tags.items() if name.startswith("memest.")}
    for seed in range(1, MANY):
        other = client.create_run(real.info.experiment_id, tags=tags | {"memest.seed": str(seed)})
        client.log_metric(other.info.run_id, "auroc/csl", 0.9, step=10)
        client.set_terminated(other.info.run_id)
    began = time.monotonic()
    found = list(query_runs(client, site.experiment, {"model": "tiny"}, site.root / "cache"))
    took = time.monotonic() - began
    assert len(found) == MANY, f"{len(found)} runs"
    assert {run.tags["seed"] for run in found} >= {str(seed) for seed in range(MANY)}
    assert took < 10, f"it took {took:.1f} s"
    return f"{len(found)} runs in {took:.1f} s"
