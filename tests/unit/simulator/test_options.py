"""Options: checked on entry, JSON-able, changeable at any time."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pulumi_cph.simulator import Options
from tests.unit.simulator.builders import Stage


def test_options_survive_json() -> None:
    options = Options(job_seconds=1.5, max_phones=None, wrong_state="request", wholly_refused=400)
    assert Options().changed(json.loads(json.dumps(options.as_dict()))) == options


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"job_second": 1}, "no option 'job_second'"),
        ({"job_seconds": "5"}, "job_seconds must be a number, not '5'"),
        ({"job_seconds": True}, "job_seconds must be a number"),
        ({"job_seconds": -1}, "must not be negative"),
        ({"job_seconds": float("nan")}, "must be a number"),
        ({"max_phones": 1.5}, "max_phones must be a whole number or null"),
        ({"wrong_state": "maybe"}, "must be 'entry' or 'request' or 'accept'"),
        ({"wholly_refused": 404}, "must be 200 or 400"),
        ({"send_count": 1}, "must be true or false"),
        ({"failing_fraction": 1.1}, "between 0 and 1"),
        ({"rate_window": 0}, "rate_window"),
        ({"failure_code": None}, "must be a text"),
    ],
)
def test_an_option_that_makes_no_sense_is_refused_in_one_sentence(values: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        Options().changed(values)


def test_every_option_is_documented() -> None:
    import ast
    import inspect

    from pulumi_cph.simulator import options

    (cls,) = (each for each in ast.parse(inspect.getsource(options)).body if isinstance(each, ast.ClassDef))
    body = cls.body
    bare = [
        node.target.id
        for node, after in zip(body, [*body[1:], None], strict=True)
        if isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and not (isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant))
    ]
    assert bare == []


def test_options_change_for_every_world_at_once() -> None:
    stage = Stage()
    stage.cloud.options = stage.cloud.options.changed({"post_status": 202, "job_seconds": 1})
    assert stage.stop(stage.ids[0]).status == 202
    stage.step(1)
    assert stage.shown(stage.ids[0]) == 8
