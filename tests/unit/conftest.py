"""tests/unit starts no process, opens no port and trains nothing: a test that does so fails."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from memest.version import commit

HERE = Path(__file__).parent
REFUSED = {
    "subprocess.Popen": "starts a process",
    "os.fork": "starts a process",
    "os.posix_spawn": "starts a process",
    "os.system": "starts a process",
    "socket.bind": "opens a port",
}
"""Events that the interpreter reports (PEP 578), and what a test does that causes one."""
_guarded = False


def _refuse(does: str) -> NoReturn:
    pytest.fail(f"this test {does}: it belongs in tests/processes, tests/training or tests/servers")


def _heard(event: str, arguments: tuple[object, ...]) -> None:
    if _guarded and event in REFUSED and not _importing():
        _refuse(REFUSED[event])


def _importing() -> bool:
    """Whether a package is being imported: some look at the machine then, with a program or a port."""
    frame = sys._getframe()
    while frame := frame.f_back:  # type: ignore[assignment]
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
    return False


commit()  # asks git once and keeps the answer
sys.addaudithook(_heard)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Listen while a test of this folder runs, its fixtures included."""
    global _guarded
    _guarded = HERE in item.path.parents
    try:
        return (yield)
    finally:
        _guarded = False


@pytest.fixture(autouse=True)
def _no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever trains begins with an optimizer."""
    monkeypatch.setattr("torch.optim.Optimizer.__init__", lambda *_, **__: _refuse("trains a network"))
