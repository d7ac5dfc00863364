"""What is said when something is wrong: one line, a way out, and never a password."""

from __future__ import annotations

import contextlib
import importlib
import io
import sys
import tomllib
from pathlib import Path

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

import memest
from memest import cli
from memest.errors import _EXTRAS, MemestError, MissingPackageError, NoRunsError, masked, optional_packages
from memest.services import Check, Folder, Reach, Secrets, Settings, examine
from memest.services.settings import changed
from memest.store.tables import write_table
from memest.tracking.send import Trouble

PASSWORDS = st.text(
    st.characters(min_codepoint=32, max_codepoint=0x24F, exclude_categories=["Cc"]), min_size=12, max_size=30
)
"""Every character that a shell can be made to pass, twelve or more, so that none is in the text around."""
SHOWN = "OSError: ééé cannot reach postgresql://…@db.example/runs at all"
"""What may be seen; a password that begins like a part of it proves nothing."""


def refused(*arguments: str) -> str:
    """The one line with which a command fails."""
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        assert cli.main(list(arguments)) in (1, 2)
    assert said.getvalue().count("\n") == 1, said.getvalue()
    return said.getvalue()


@given(password=PASSWORDS, before=st.integers(0, 400))
@example(password="pa/ss#w?ord:", before=0)
@example(password="p#ass[word@@", before=290)
@example(password="://ada:a@b/c", before=299)
@example(password="correct horse battery staple", before=0)
@example(password="5000 is my @ password", before=0)
@example(password="pa ss://w@rd ://x", before=0)
@example(password=" / @ / : http://a b", before=0)
def test_no_password_is_seen(password: str, before: int) -> None:
    """Whatever it is made of and wherever the text is cut, neither it nor a half of it is shown."""
    assume(password[:6] not in SHOWN)
    url = f"postgresql://ada:{password}@db.example/runs"
    text = f"{'é' * before} cannot reach {url} at all"
    secret, reach = Secrets(backend=url), Reach("here", {"MLFLOW_TRACKING_URI": url})
    said = [masked(text), str(MemestError(text)), Trouble.of(OSError(text)).text]
    said += [
        secret.hide(text),
        reach.hide(text),
        secret.hide(f"not {password}"),
        reach.hide(f"not {password}"),
    ]
    said += [one.details for one in examine([Check("link", lambda: _raise(OSError(text)))])]
    assert not [one for one in said if password in one or password[:6] in one]


def _raise(error: Exception) -> str:
    raise error


@given(st.from_regex(r"[^@]{0,60}", fullmatch=True))
def test_a_text_without_credentials_stays(text: str) -> None:
    """Without an @ nothing is taken away, nor from the path of a file."""
    assert masked(text) == text
    assert masked("s3://bucket/a b/c and mail to ada@work") == "s3://bucket/a b/c and mail to ada@work"
    assert masked("sqlite:////home/ada@work/mlflow.db") == "sqlite:////home/ada@work/mlflow.db"
    assert (
        masked("https://tracking.example/api mail ada@work") == "https://tracking.example/api mail ada@work"
    )


def test_what_stands_beside_a_url_stays() -> None:
    """Hosts, paths and the words between two URLs are shown."""
    assert masked("cannot copy http://a:b c@one/x to s3://k:s t@two/y") == (
        "cannot copy http://…@one/x to s3://…@two/y"
    )
    assert masked("http://127.0.0.1:5000 refuses: postgresql://b:c d@host)") == (
        "http://127.0.0.1:5000 refuses: postgresql://…@host)"
    )


@pytest.mark.parametrize("name", ["password", "sslpassword", "PWD", "aws_secret_access_key"])
def test_a_password_as_a_setting_is_masked(name: str) -> None:
    """Databases take it at the end of a URL too, and in the words of a connection."""
    said = masked(f"cannot reach postgresql://db/runs?user=ada&{name}=hunter2&sslmode=off, {name}=hunter2")
    assert said == f"cannot reach postgresql://db/runs?user=ada&{name}=…&sslmode=off, {name}=…"


def test_the_rest_of_a_password_taken_for_a_host_is_hidden() -> None:
    """Libraries end a password at @ or # and say that there is no such host as what follows."""
    secret = Secrets(backend="postgresql://ada:hunter2#tail-of-it@db/runs")
    assert "tail-of-it" not in secret.hide("no host is called 'tail-of-it@db'")


def test_a_place_that_cannot_be_written_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """A home or folder that is a file, or where nothing can be made: one line that names the place."""
    Path("afile").touch()
    said = refused("services", "up", "--store", "seaweedfs", "--folder", "afile")
    assert "afile is a file; name a folder" in said
    monkeypatch.setenv("MEMEST_HOME", "/proc/x")
    said = refused("train", "--tracking", "off", "--limit", "100", "--epochs", "1")
    assert "/proc/x" in said


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:abc",
        "http://127.0.0.1:99999",
        "http://[",
        "http://",
        "127.0.0.1:9000",
        "http://ada:hunter2@127.0.0.1:9000",
        "http://127.0.0.1:9000/folder",
        "http://a b",
    ],
)
def test_an_endpoint_that_is_none_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an endpoint looks like, where its credentials go, and not even a folder is made."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "name")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    said = refused("services", "up", "--endpoint", url)
    assert "looks like http://127.0.0.1:9000" in said
    assert "hunter2" not in said
    assert list(Path.cwd().iterdir()) == []


@pytest.mark.parametrize("content", ["", "[1]", "{", '{"store": 1}', '{"store": {"pid": 1}}', "\x00", '"x"'])
def test_damaged_files_are_named(content: str) -> None:
    """What is not as it was written is named with the way out, and stays as it is."""
    for name, command in (
        ("processes.json", "down"),
        ("settings.json", "status"),
        ("credentials.json", "env"),
    ):
        folder = Folder(Path(f"{name}-folder"))
        folder.root.mkdir()
        folder.path(name).write_text(content)
        said = refused("services", command, "--folder", str(folder.root))
        assert f"{folder.path(name)} is not as memest wrote it" in said
        assert folder.path(name).read_text() == content


def test_a_setting_is_taken_back_with_none() -> None:
    """Nothing said: as before. The word `none` clears host names and database, and nothing else."""
    known = Settings(allowed_hosts="mlflow.example", bucket="kept")
    assert changed(known, {"allowed_hosts": "", "bucket": None}) == known
    assert changed(known, {"allowed_hosts": "none"}) == Settings(bucket="kept")
    assert changed(known, {"bucket": "none"}).bucket == "none"
    secret = Secrets(backend="postgresql://db/runs")
    assert changed(secret, {"backend": "none"}).backend == ""


def test_a_package_that_is_not_installed_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each extra is one that pyproject.toml has; another missing module is left alone."""
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert set(_EXTRAS.values()) <= project["optional-dependencies"].keys()
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'memest\[store\]'"):
        write_recording()
    with pytest.raises(ModuleNotFoundError, match="no_such_module"), optional_packages():
        importlib.import_module("no_such_module")


@optional_packages()
def write_recording() -> None:
    """Tables are parquet."""
    write_table({})


def test_a_command_without_its_packages_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in an environment of the recorder alone."""
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///mlflow.db")
    assert "pip install 'memest[tracking]'" in refused("audit", "--sheet", "recording")


def test_a_query_that_no_run_answers_counts_in_words() -> None:
    """One run is no "1 runs"."""
    assert str(NoRunsError.without("csl", 1)) == "the only run that was found does not have csl"
    assert str(NoRunsError.without("csl", 3)) == "none of the 3 runs has csl"
    root = Path(memest.__file__).parent
    assert not [file for file in root.rglob("*.py") if "of the {len(runs)} runs has" in file.read_text()]
