"""The calls: path, parameters, body, answer."""

from __future__ import annotations

import json

import pytest

from pulumi_cph.api import Client, Iam, InvalidResponse, Job, Phone, PhonePage, RequestRejected
from pulumi_cph.api.connection import endpoint_url
from tests.unit.api.wire import (
    ENDPOINT,
    PHONE,
    PROJECT,
    REQUEST_ID,
    Rig,
    phone_json,
    query_of,
    reply,
)

ROOT = f"/v1/{PROJECT}/cloud-phone"
JOB = {"job_id": "j1", "phone_id": PHONE, "status": 1, "error_code": None, "error_msg": None}


def test_a_listing_always_sends_its_limit():
    rig = Rig(reply(200, {"request_id": REQUEST_ID, "count": 7, "phones": [phone_json()]}))
    page = rig.client.list_phones()
    assert rig.transport.calls == [f"GET {ROOT}/phones?limit=200&offset=0"]
    assert page == PhonePage((Phone(PHONE, "mobile-0001", "88b8449b896f4a4587e767c9", 2),), 7, REQUEST_ID)


def test_a_listing_sends_the_filters_that_are_given():
    rig = Rig(reply(200, {"phones": []}))
    rig.client.list_phones(offset=400, limit=50, phone_name="a b/手机~", server_id="s", status=-9)
    assert query_of(rig.transport.sent[0]) == {
        "offset": "400",
        "limit": "50",
        "phone_name": "a b/手机~",
        "server_id": "s",
        "status": "-9",
    }
    assert "phone_name=a%20b%2F%E6%89%8B%E6%9C%BA~" in rig.transport.calls[0]


def test_a_phone_is_asked_for_by_its_encoded_id():
    rig = Rig(reply(200, phone_json("a/b c?%", status=8)))
    assert rig.client.show_phone("a/b c?%").status == 8
    assert rig.transport.calls == [f"GET {ROOT}/phones/a%2Fb%20c%3F%25"]


def test_a_detail_of_another_phone_is_refused():
    with pytest.raises(InvalidResponse, match="another phone"):
        Rig(reply(200, phone_json("other"))).client.show_phone(PHONE)


def test_a_stop_names_ids():
    rig = Rig(reply(200, {"request_id": REQUEST_ID, "jobs": [{"phone_id": PHONE, "job_id": "j1"}]}))
    answer = rig.client.stop_phones((PHONE, "手机"))
    assert rig.transport.calls == [f"POST {ROOT}/phones/batch-stop"]
    assert json.loads(rig.transport.sent[0].body) == {"phone_ids": [PHONE, "手机"]}
    assert (answer.request_id, answer.entries[0].job_id) == (REQUEST_ID, "j1")


def test_a_restart_names_phones_and_nothing_else():
    rig = Rig(reply(200, {"jobs": []}))
    rig.client.restart_phones([PHONE])
    assert rig.transport.calls == [f"POST {ROOT}/phones/batch-restart"]
    assert json.loads(rig.transport.sent[0].body) == {"phones": [{"phone_id": PHONE}]}


def test_jobs_of_one_request_and_of_several_go_by_different_parameters():
    rig = Rig(reply(200, {"jobs": [JOB]}))
    assert rig.client.list_jobs(["r1"]) == (Job("j1", PHONE, 1, None, None),)
    rig.client.list_jobs(["r1", "r2"], offset=100, limit=10)
    assert rig.transport.calls == [
        f"GET {ROOT}/jobs?limit=100&offset=0&request_id=r1",
        f"GET {ROOT}/jobs?limit=10&offset=100&request_ids=r1%2Cr2",
    ]


@pytest.mark.parametrize("number", [0, 21])
def test_jobs_of_too_many_requests_or_none_are_a_mistake_of_the_caller(number):
    rig = Rig(reply(200, {"jobs": []}))
    with pytest.raises(ValueError, match=f"{number} request ids"):
        rig.client.list_jobs(["r"] * number)
    assert rig.transport.sent == []


def test_a_job_is_read_by_its_id():
    rig = Rig(reply(200, {**JOB, "request_id": "of-this-answer", "execute_msg": None}))
    assert rig.client.show_job("j1").status == 1
    assert rig.transport.calls == [f"GET {ROOT}/jobs/j1"]
    with pytest.raises(InvalidResponse, match="another job"):
        rig.client.show_job("j2")


def project(name, project_id):
    return {"id": project_id, "name": name, "domain_id": "d", "enabled": True}


def test_the_project_is_the_one_named_as_the_region():
    projects = [project("cn-north-4_team", "sub"), project("cn-north-4", "06f1")]
    rig = Rig(reply(200, {"projects": projects, "links": {}}))
    assert rig.iam.project_id("cn-north-4") == "06f1"
    assert rig.transport.calls == ["GET /v3/projects?name=cn-north-4"]
    assert "x-project-id" not in rig.transport.sent[0].headers["Authorization"]


@pytest.mark.parametrize(
    ("projects", "said"),
    [
        ([], "no project named 'xx': is it a region of this account? Or set cph:projectId"),
        ([project("xx_sub", "1")], "no project named 'xx'"),
        ([project("xx", "1"), project("xx", "2")], "2 projects named 'xx'"),
    ],
)
def test_without_exactly_one_project_the_remedy_is_named(projects, said):
    with pytest.raises(RequestRejected) as caught:
        Rig(reply(200, {"projects": projects})).iam.project_id("xx")
    assert said in str(caught.value)


@pytest.mark.parametrize("bad", ["", "a b", "a\n", "ä"])
def test_a_project_id_that_no_header_can_hold_is_a_mistake_of_the_caller(bad):
    with pytest.raises(ValueError, match="project id"):
        Client(ENDPOINT, bad, Rig(reply()).connection)


def test_endpoints_are_checked_when_a_client_is_made():
    connection = Rig(reply()).connection
    for make in (lambda: Client("nowhere", PROJECT, connection), lambda: Iam("nowhere", connection)):
        with pytest.raises(ValueError, match="endpoint"):
            make()


@pytest.mark.parametrize(
    "endpoint",
    [
        *("", "cph.example", "ftp://cph.example", "https://", "https://u:geheim@cph.example"),
        *("https://a/?x=1", "https://a/#x", "https://a b", "https://ex\u00e4mple", "https://a\n"),
    ],
)
def test_an_endpoint_that_is_none_is_refused_without_being_quoted(endpoint):
    with pytest.raises(ValueError, match="endpoint") as caught:
        endpoint_url(endpoint)
    assert "geheim" not in str(caught.value)


def test_an_endpoint_may_end_in_a_slash_or_have_a_path():
    assert endpoint_url("https://cph.example/") == "https://cph.example"
    assert endpoint_url("http://127.0.0.1:8080/cph//") == "http://127.0.0.1:8080/cph"
