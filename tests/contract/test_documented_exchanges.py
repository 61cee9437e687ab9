"""Every exchange the documents show as an example is answered with the same keys and the same types.

The examples stand here as the documents print them (ids shortened); what is compared is their structure.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from pulumi_cph.simulator import Cloud, Options, Request, Response, SteppedClock, respond

PROJECT = "/v1/0605767e8c0a4a4f8f5a1d0c0ffee000/cloud-phone"

EXAMPLES: dict[str, dict[str, Any]] = {
    "stop": {
        "request_id": "6837531fd3f54550927b930180a706bf",
        "jobs": [{"phone_id": "1234", "job_id": "1564"}, {"phone_id": "1678", "job_id": "1564"}],
    },
    "restart": {
        "request_id": "6837",
        "jobs": [
            {"phone_id": "1234", "job_id": "1564"},
            {"phone_id": "1678", "error_code": "CPS.0004", "error_msg": "Parameter: phone_id is invalid."},
        ],
    },
    "list": {
        "request_id": "6a63",
        "count": 1,
        "phones": [
            {
                "phone_name": "mobile-0001",
                "server_id": "88b8",
                "phone_id": "1234",
                "phone_model_name": "AOSP-1U4G15G-001",
                "image_version": "AOSP 7.0",
                "image_id": "88b8",
                "vnc_enable": "true",
                "status": 2,
                "type": 0,
                "imei": "8692",
                "availability_zone": "cn-southwest-242b",
                "traffic_type": "direct",
                "volume_mode": 0,
                "metadata": {"order_id": "CS", "product_id": "00301-"},
                "create_time": "2017-10-10T00:00:00Z",
                "update_time": "2018-10-10T00:00:00Z",
            }
        ],
    },
    "jobs": {
        "request_id": "6a63",
        "jobs": [
            {
                "phone_id": "1234",
                "server_id": "1e22",
                "job_id": "1564",
                "begin_time": "2017-10-25T00:00:00Z",
                "end_time": "2017-10-25T00:00:30Z",
                "status": -1,
                "error_code": "CPS.0005",
                "error_msg": "Phone not found.",
            }
        ],
    },
    "job": {
        "request_id": "2676",
        "job_id": "6837",
        "phone_id": "9b28",
        "begin_time": "2019-04-26T07:00:00Z",
        "end_time": "2019-04-26T07:00:06Z",
        "status": 2,
        "error_code": None,
        "error_msg": None,
        "execute_msg": None,
    },
    "projects": {
        "projects": [
            {
                "id": "06f1",
                "name": "cn-north-4",
                "domain_id": "d78c",
                "parent_id": "d78c",
                "is_domain": False,
                "enabled": True,
                "description": "",
                "links": {"self": "", "next": None, "previous": None},
            }
        ],
        "links": {"self": "", "next": None, "previous": None},
    },
    "token": {
        "token": {
            "expires_at": "2020-01-04T09:05:22.701000Z",
            "issued_at": "2020-01-03T09:05:22.701000Z",
            "methods": ["password"],
            "catalog": [],
            "project": {"id": "aa2d", "name": "cn-north-4", "domain": {"id": "d78c", "name": "acct"}},
            "roles": [{"id": "0", "name": "te_admin"}],
            "user": {
                "id": "7116",
                "name": "u",
                "domain": {"id": "d78c", "name": "acct"},
                "password_expires_at": "",
            },
        }
    },
    "error of the service": {"request_id": "", "error_code": "CPS.0001", "error_msg": ""},
    "error of the gateway": {"error_msg": "", "error_code": "APIGW.0301", "request_id": ""},
    "error of the identity service": {"error": {"code": 401, "message": "", "title": "Unauthorized"}},
}
EXAMPLES["detail"] = {
    "request_id": "",
    **EXAMPLES["list"]["phones"][0],
    "access_infos": [
        {
            "type": "server1",
            "phone_ip": "10.237.0.61",
            "listen_port": 38080,
            "public_ip": "213.32.43.210",
            "server_ip": "172.31.0.123",
            "access_port": 14308,
        }
    ],
    "property": '{"sys.prop.x":"1"}',
}

NEWER = {"execute_msg"}
"""In the documents' tables of fields, but not in every example."""


def shape(value: Any) -> Any:
    """Keys and types of a JSON value."""
    if isinstance(value, dict):
        return {key: shape(each) for key, each in value.items() if key not in NEWER}
    if isinstance(value, list):
        return [shape(each) for each in value]
    return type(value).__name__


class Account:
    """A cloud of two phones, and calls in the words of the documents."""

    def __init__(self) -> None:
        self.clock = SteppedClock()
        options = Options(signature_required=False, iam_errors="keystone")
        self.cloud = Cloud(options, phones=2, clock=self.clock)
        self.first, self.second = self.cloud.world.phone_ids

    def get(self, path: str) -> Response:
        target, _, query = path.partition("?")
        return respond(self.cloud, Request("GET", target, query))

    def post(self, path: str, body: object) -> Response:
        return respond(self.cloud, Request("POST", path, "", {}, json.dumps(body).encode()))

    def token(self, password: str) -> Response:
        user = {"name": "u", "password": password, "domain": {"name": "acct"}}
        identity = {"methods": ["password"], "password": {"user": user}}
        scope = {"project": {"name": "cn-north-4"}}
        return self.post("/v3/auth/tokens", {"auth": {"identity": identity, "scope": scope}})

    def stop(self) -> Response:
        return self.post(f"{PROJECT}/phones/batch-stop", {"phone_ids": [self.first, self.second]})

    def restart(self) -> Response:
        phones = [{"phone_id": self.first}, {"phone_id": "16 78"}]
        return self.post(f"{PROJECT}/phones/batch-restart", {"phones": phones})

    def failed_jobs(self) -> Response:
        self.cloud.world.failures.add([self.first], "CPS.0005", "Phone not found.")
        body = {"phone_ids": [self.first]}
        request_id = self.post(f"{PROJECT}/phones/batch-stop", body).json()["request_id"]
        self.clock.step(30)
        return self.get(f"{PROJECT}/jobs?request_id={request_id}")

    def job(self) -> Response:
        job_id = self.stop().json()["jobs"][0]["job_id"]
        self.clock.step(6)
        return self.get(f"{PROJECT}/jobs/{job_id}")

    def one_phone(self) -> Response:
        self.cloud.world.remove_phone(self.second)
        return self.get(f"{PROJECT}/phones?offset=0&limit=10")

    def unsigned(self) -> Response:
        self.cloud.options = self.cloud.options.changed({"signature_required": True})
        return self.get(f"{PROJECT}/phones")

    def perform(self, example: str) -> Response:
        """What the documents' example asks."""
        match example:
            case "stop":
                return self.stop()
            case "restart":
                return self.restart()
            case "list":
                return self.one_phone()
            case "detail":
                return self.get(f"{PROJECT}/phones/{self.first}")
            case "jobs":
                return self.failed_jobs()
            case "job":
                return self.job()
            case "projects":
                return self.get("/v3/projects?name=cn-north-4")
            case "token":
                return self.token(self.cloud.key.secret_key)
            case "error of the service":
                return self.get(f"{PROJECT}/phones/none")
            case "error of the gateway":
                return self.unsigned()
            case "error of the identity service":
                return self.token("wrong")
        raise AssertionError(example)


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_answer_has_the_structure_of_the_documents_example(example: str) -> None:
    answer = Account().perform(example).json()
    if example == "job":
        # The example of ShowJob leaves the server out, which its table of fields has.
        answer.pop("server_id")
    assert shape(answer) == shape(EXAMPLES[example])


def test_the_power_calls_answer_200_and_the_token_call_201() -> None:
    assert [Account().perform(each).status for each in ("stop", "restart", "token")] == [200, 200, 201]


def test_the_second_phone_of_the_restart_example_is_refused_as_documented() -> None:
    refused = Account().restart().json()["jobs"][1]
    assert refused == {**EXAMPLES["restart"]["jobs"][1], "phone_id": "16 78"}


def test_a_good_job_has_empty_error_fields_in_the_list_and_none_alone() -> None:
    account = Account()
    answer = account.stop().json()
    account.clock.step(30)
    listed = account.get(f"{PROJECT}/jobs?request_id={answer['request_id']}").json()["jobs"][0]
    assert (listed["status"], listed["error_code"], listed["error_msg"]) == (2, "", "")
    assert Account().job().json()["error_code"] is None
