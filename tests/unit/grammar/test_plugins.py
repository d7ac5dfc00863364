"""What other packages bring: found by name, imported when used, and named when it is broken."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib.util import spec_from_file_location
from pathlib import Path
from typing import Any

import pytest
from distributions import install

from memest.errors import PluginError, UnknownNameError
from memest.grammar.plugins import plugins
from memest.grammar.registry import Registry

THINGS: Registry[Callable[..., int]] = Registry("thing", "memest.things")


@THINGS.register
def known() -> int:
    """Registered here."""
    return 1


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of packages that this process can import from."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    before = set(sys.modules), dict(THINGS._entries)
    plugins.cache_clear()
    yield folder
    plugins.cache_clear()
    for name in set(sys.modules) - before[0]:
        if name.startswith("theirs"):
            del sys.modules[name]
    THINGS._entries = before[1]


def test_what_a_package_brings_is_imported_when_it_is_used(site: Path) -> None:
    """It is listed and found without an import; the first use imports it, and it is like any other."""
    source = "from test_plugins import THINGS\n@THINGS.register\ndef two(*, n: int = 1): return 2 * n\n"
    install(site, "theirs", {"memest.things": "two = theirs"}, theirs=source)
    assert list(THINGS) == ["known", "two"]
    assert "two" in THINGS and THINGS.own == []
    assert "theirs" not in sys.modules
    assert THINGS.call("two(n=3)") == 6
    assert str(THINGS.parse("two")) == "two(n=1)"
    with pytest.raises(UnknownNameError, match=r"did you mean 'two'\? \(known: known, two\)"):
        THINGS["twoo"]


class _Editable:
    """How an installer makes an editable project found: last of all."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def find_spec(self, name: str, *_: Any) -> Any:
        """The module of that file."""
        return spec_from_file_location(name, self._file) if name == self._file.stem else None


def test_a_project_folder_of_the_same_name_does_not_hide_its_module(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`pip install -e theirs/` and then a command beside that folder: Python takes that for a package."""
    install(site, "theirs", {"memest.things": "two = theirs"})
    file = tmp_path / "theirs" / "theirs.py"
    file.parent.mkdir()
    file.write_text("from test_plugins import THINGS\n@THINGS.register\ndef two(): return 2\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, _Editable(file)])
    before = list(sys.path)
    assert THINGS.call("two") == 2
    assert sys.path == before


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import no_such_module_anywhere", r"cannot be imported \(ModuleNotFoundError: No module named"),
        ("1 / 0", r"cannot be imported \(ZeroDivisionError: division by zero\)"),
        ("def broken(:", r"cannot be imported \(SyntaxError"),
        ("", "which registers no thing of that name"),
    ],
)
def test_a_broken_package_is_named(site: Path, source: str, words: str) -> None:
    """One line with the package, what it brings and why that fails; nothing else is disturbed."""
    install(site, "theirs-broken", {"memest.things": "broken = theirs_broken"}, theirs_broken=source)
    assert THINGS["known"]() == 1
    with pytest.raises(PluginError, match=f"the package theirs-broken brings 'broken' .*{words}") as caught:
        THINGS["broken"]
    assert "\n" not in str(caught.value)


def test_two_packages_cannot_bring_the_same(site: Path) -> None:
    """Neither wins in silence."""
    for package in ("theirs-one", "theirs-two"):
        install(site, package, {"memest.things": "same = theirs"})
    with pytest.raises(PluginError, match="theirs-one and theirs-two both bring 'same'"):
        THINGS["known"]
