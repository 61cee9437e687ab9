"""`pulumi-cph simulate`, as a person or a script starts it."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pulumi_cph.cli.main import main
from pulumi_cph.version import __version__

START = [sys.executable, "-m", "pulumi_cph.cli.main", "simulate", "--port", "0"]


def test_it_serves_until_interrupted_and_ends_cleanly(tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    options = ["--phones", "3", "--region", "cn-east-3", "--ready-file", str(ready)]
    process = subprocess.Popen([*START, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    # The ready file is complete before the summary is printed, and the summary ends with the keys.
    lines = []
    while not lines or "HW_ACCESS_KEY" not in lines[-1]:
        lines.append(process.stdout.readline())
        assert lines[-1], "the simulator ended instead of serving"
    told = json.loads(ready.read_text())
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, "")
    assert sorted(told) == ["access_key", "endpoint", "phones", "project_id", "region", "secret_key"]
    assert (told["region"], len(told["phones"])) == ("cn-east-3", 3)
    text = "".join(lines)
    assert f"pulumi config set cph:endpoint {told['endpoint']}" in text
    assert told["phones"][0] in text
    assert text.count("pulumi config set") == 3


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "command"),
        (["simulate", "--phones", "many"], "invalid int value: 'many'"),
        (["simulate", "--phones", "-1"], "--phones must not be negative"),
        (["simulate", "--port", "70000"], "--port must lie between 0 and 65535"),
        (["simulate", "--running", "2"], "between 0 and 1"),
        (["simulate", "--set", "job_seconds"], "NAME=VALUE"),
        (["simulate", "--set", "nothing=1"], "no option 'nothing'"),
        (["simulate", "--set", "wrong_state=maybe"], "wrong_state must be"),
        (["simulate", "--options", "absent.json"], "cannot read absent.json"),
        (["simulate", "--ready-file", "absent/ready.json"], "no directory absent"),
        (["simulate", "--colour"], "--colour"),
    ],
)
def test_bad_arguments_are_told_in_one_sentence(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert complaint in captured.err
    assert (captured.err.count("\n"), captured.out) == (1, "")


def test_an_options_file_must_hold_an_object(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "options.json"
    file.write_text("[1]")
    assert main(["simulate", "--options", str(file)]) == 2
    assert "does not hold a JSON object" in capsys.readouterr().err


def test_a_taken_port_is_told_in_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["simulate", "--phones", "1", "--port", str(port)]) == 1
    assert f"Cannot listen on 127.0.0.1:{port}: Address already in use" in capsys.readouterr().err


def test_without_the_extra_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "pulumi_cph.simulator.server", raising=False)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert main(["simulate"]) == 1
    assert "pip install 'pulumi-cph[simulator]'" in capsys.readouterr().err


def test_all_but_the_server_loads_without_the_extra() -> None:
    program = "import pulumi_cph.simulator, pulumi_cph.cli.main, sys; print({'starlette', 'uvicorn'} & {*sys.modules})"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout == "set()\n"


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as done:
        main(["--version"])
    assert (done.value.code, capsys.readouterr().out) == (0, f"pulumi-cph {__version__}\n")


def test_the_simulator_leans_on_nothing_of_the_client() -> None:
    folder = Path(main.__code__.co_filename).parents[1] / "simulator"
    imports = {
        line.split()[1]
        for file in folder.glob("*.py")
        for line in file.read_text().splitlines()
        if line.startswith(("from pulumi", "import pulumi"))
    }
    assert {each for each in imports if not each.startswith("pulumi_cph.simulator")} == set()
