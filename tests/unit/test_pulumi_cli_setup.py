"""How a Pulumi CLI is found: by fakes on PATH and in a cache folder of the test's own. Nothing is built."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tools import pulumi_cli
from tools.pulumi_cli import Unavailable


@pytest.fixture(autouse=True)
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH of one empty folder, an empty cache, and no way out to make a CLI."""
    monkeypatch.setenv("PATH", str(tmp_path / "on-path"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(pulumi_cli, "installed", unavailable("no installer"))
    monkeypatch.setattr(pulumi_cli, "built", unavailable("no Go"))
    return tmp_path / "on-path"


def unavailable(reason: str) -> Callable[[], Path]:
    def source() -> Path:
        raise Unavailable(reason)

    return source


def program(file: Path, *, prints: str = "", code: int = 0) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\necho '{prints}'\nexit {code}\n")
    file.chmod(0o755)


def cli(folder: Path, *, version: str = f"v{pulumi_cli.VERSION}", without: str = "", code: int = 0) -> Path:
    for name in pulumi_cli.FILES:
        if name != without:
            program(folder / name, prints=version, code=code)
    return folder


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("v3.259.0", (3, 259, 0)),
        ("3.200.1-alpha.1+dirty\n", (3, 200, 1)),
        ("go version go1.26.8 linux/amd64", (1, 26, 8)),
        ("go version go1.27rc1 darwin/arm64", (1, 27, 0)),
        ("a surprise", (0, 0, 0)),
    ],
)
def test_a_version_is_read_from_what_programs_print(text: str, version: tuple[int, int, int]) -> None:
    assert pulumi_cli.version_in(text) == version


def test_the_versions_come_from_the_committed_go_modules() -> None:
    assert pulumi_cli.version_in(pulumi_cli.VERSION) >= pulumi_cli.version_in(pulumi_cli.OLDEST)
    assert pulumi_cli.version_in(pulumi_cli.OLDEST_GO) >= (1, 25, 0)
    assert pulumi_cli.VERSION in pulumi_cli.home().name


def test_the_first_source_that_has_a_cli_wins_and_later_ones_are_not_asked() -> None:
    def not_asked() -> Path:
        raise AssertionError("asked for nothing")

    assert pulumi_cli.first_of(unavailable("none"), lambda: Path("here"), not_asked) == Path("here")


def test_when_no_source_has_a_cli_every_reason_is_told_in_order() -> None:
    with pytest.raises(Unavailable, match=r"^none here; none there$"):
        pulumi_cli.first_of(unavailable("none here"), unavailable("none there"))


def test_the_cli_on_path_is_preferred_to_the_cache(path: Path) -> None:
    cli(path)
    cli(pulumi_cli.home())
    assert pulumi_cli.ensure() == pulumi_cli.locate() == path


def test_the_cache_is_used_when_path_has_none() -> None:
    cli(pulumi_cli.home())
    assert pulumi_cli.ensure() == pulumi_cli.locate() == pulumi_cli.home()


@pytest.mark.parametrize("version", ["v3.199.9", "v2.300.0", "a surprise"])
def test_a_cli_on_path_that_is_too_old_is_passed_over(path: Path, version: str) -> None:
    cli(path, version=version)
    cli(pulumi_cli.home())
    assert pulumi_cli.locate() == pulumi_cli.home()


def test_a_cli_on_path_without_a_python_language_host_is_passed_over(path: Path) -> None:
    program(path / "pulumi", prints="v3.300.0")
    assert pulumi_cli.locate() is None


def test_the_language_host_may_stand_elsewhere_on_path(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(path / "pulumi", prints="v3.300.0")
    program(tmp_path / "elsewhere" / "pulumi-language-python")
    monkeypatch.setenv("PATH", f"{path}:{tmp_path / 'elsewhere'}")
    assert pulumi_cli.locate() == path


def test_the_folder_behind_a_link_is_told_so_that_a_link_to_it_never_points_to_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = cli(tmp_path / "real")
    (tmp_path / "link").symlink_to(real)
    monkeypatch.setenv("PATH", str(tmp_path / "link"))
    assert pulumi_cli.locate() == real


@pytest.mark.parametrize("name", pulumi_cli.FILES)
def test_a_cache_that_lacks_a_file_is_not_used(name: str) -> None:
    cli(pulumi_cli.home(), without=name)
    assert pulumi_cli.locate() is None


def test_a_cache_whose_file_cannot_be_executed_is_not_used() -> None:
    (cli(pulumi_cli.home()) / "pulumi-language-python-exec").chmod(0o644)
    assert pulumi_cli.locate() is None


@pytest.mark.parametrize("breakage", ["exits with an error", "is no program of this machine"])
def test_a_cli_in_the_cache_that_does_not_run_is_not_used(breakage: str) -> None:
    folder = cli(pulumi_cli.home(), code=int(breakage.startswith("exits")))
    if breakage.startswith("is no program"):
        (folder / "pulumi").write_bytes(b"\x7fELF of another world")
    assert pulumi_cli.locate() is None


def test_making_a_cli_takes_the_next_way_when_one_fails_and_leaves_nothing_half(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def half() -> Path:
        with pulumi_cli.workshop() as folder:
            cli(folder / "bin", without="pulumi-language-python")
        return pulumi_cli.home()

    monkeypatch.setattr(pulumi_cli, "installed", half)
    with pytest.raises(Unavailable, match=r"no pulumi-language-python; no Go$"):
        pulumi_cli.made()
    assert list(pulumi_cli.home().parent.iterdir()) == [pulumi_cli.home().parent / "lock"]


def test_what_was_made_replaces_what_was_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    def whole() -> Path:
        with pulumi_cli.workshop() as folder:
            cli(folder / "bin")
        return pulumi_cli.home()

    cli(pulumi_cli.home(), without="pulumi")
    monkeypatch.setattr(pulumi_cli, "installed", whole)
    assert pulumi_cli.made() == pulumi_cli.locate() == pulumi_cli.home()


def test_a_cli_that_another_process_made_meanwhile_is_taken() -> None:
    cli(pulumi_cli.home())
    assert pulumi_cli.made() == pulumi_cli.home()


def test_the_error_is_one_line_that_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert pulumi_cli.main() == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("pulumi: install Pulumi 3.200 or newer and try again")
    assert err.count("\n") == 1
