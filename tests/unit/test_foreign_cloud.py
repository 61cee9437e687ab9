"""The foreign cloud itself: it must be a fair judge before it judges anything."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
from collections.abc import Iterator
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest

from tests import foreign_cloud
from tests.foreign_cloud import ForeignCloud, verify

VECTOR_TIME = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
VECTOR_KEYS = ("AKEXAMPLE0000000TEST", "SKexample00000000000000000000000000TEST")
VECTOR_PROJECT = "0605767e8c0a4a4f8f5a1d0c0ffee000"


def signed(method: str, host: str, target: str, body: bytes, access: str, secret: str) -> dict[str, str]:
    path, _, query = target.partition("?")  # targets here are sorted and encoded already
    headers = {"host": host, "x-sdk-date": f"{datetime.now(timezone.utc):%Y%m%dT%H%M%SZ}"}
    if body:
        headers["content-type"] = "application/json"
    names = ";".join(sorted(headers))
    lines = [f"{name}:{headers[name]}" for name in sorted(headers)]
    digest = hashlib.sha256(body).hexdigest()
    canonical = "\n".join([method, path + "/", query, *lines, "", names, digest])
    text = "\n".join(["SDK-HMAC-SHA256", headers["x-sdk-date"], hashlib.sha256(canonical.encode()).hexdigest()])
    signature = hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    value = f"SDK-HMAC-SHA256 Access={access}, SignedHeaders={names}, Signature={signature}"
    return {**headers, "Authorization": value}


class Client:
    def __init__(self, cloud: ForeignCloud) -> None:
        self.cloud, self.host = cloud, cloud.endpoint.removeprefix("http://")
        self.connection = http.client.HTTPConnection(self.host, timeout=5)

    def raw(self, method: str, target: str, body: bytes = b"", secret: str = "") -> tuple[int, Any]:
        keys = (self.cloud.access_key, secret or self.cloud.secret_key)
        self.connection.request(method, target, body, signed(method, self.host, target, body, *keys))
        answer = self.connection.getresponse()
        return answer.status, json.loads(answer.read())

    def get(self, path: str) -> Any:
        return self.raw("GET", f"/v1/{self.cloud.project_id}/cloud-phone/{path}")[1]

    def post(self, call: str, body: object) -> tuple[int, Any]:
        return self.raw("POST", f"/v1/{self.cloud.project_id}/cloud-phone/phones/{call}", json.dumps(body).encode())

    def stop(self, *ids: str) -> Any:
        return self.post("batch-stop", {"phone_ids": ids})[1]

    def restart(self, *ids: str) -> Any:
        return self.post("batch-restart", {"phones": [{"phone_id": each} for each in ids]})[1]

    def shown(self, phone_id: str) -> int:
        status: int = self.get(f"phones/{phone_id}")["status"]
        return status


@pytest.fixture
def cloud() -> Iterator[ForeignCloud]:
    with ForeignCloud(5, job_seconds=60.0, status_lag=0.0) as cloud:
        yield cloud


@pytest.fixture
def client(cloud: ForeignCloud) -> Client:
    return Client(cloud)


def vector(names: str, signature: str, **extra: str) -> dict[str, str]:
    value = f"SDK-HMAC-SHA256 Access={VECTOR_KEYS[0]}, SignedHeaders={names}, Signature={signature}"
    return {
        "host": "cph.cn-north-4.myhuaweicloud.com", "content-type": "application/json",
        "x-project-id": VECTOR_PROJECT, "x-sdk-date": "20260102T030405Z", "authorization": value, **extra,
    }  # fmt: skip


def test_published_vectors_verify() -> None:
    base, names = f"/v1/{VECTOR_PROJECT}/cloud-phone/phones", "content-type;host;x-project-id;x-sdk-date"
    body = b'{"phone_ids": ["1234567b8bab40ffb711234cb80d0234"]}'
    stop = vector(names, "7c2ed02ed1929a98db6d656d34c9525170b3743a7da7fb3a27217b871b6e5836")
    assert verify("POST", f"{base}/batch-stop", stop, body, VECTOR_KEYS, VECTOR_TIME) == ""
    assert "canonical request: POST|" in verify(
        "POST", f"{base}/batch-stop", stop, body.replace(b": ", b":"), VECTOR_KEYS, VECTOR_TIME
    )
    assert "expired" in verify("POST", f"{base}/batch-stop", stop, body, VECTOR_KEYS)
    target = f"{base}?limit=100&offset=0&phone_name={quote('a b/手机~', safe='~')}"
    listing = vector(names, "ffaaf4ff7209a5ee7cff4e330261f064cd7b16a74459c211318cd3e17b34aecd")
    assert verify("GET", target, listing, b"", VECTOR_KEYS, VECTOR_TIME) == ""
    assert verify("GET", target.replace("%20", "+"), listing, b"", VECTOR_KEYS, VECTOR_TIME) != ""
    local = vector(
        "content-type;host;x-sdk-date",
        "f8d3305640fb02bbb71e578ab2a0264bf89e455f794e527d1ccee49119b23490",
        host="127.0.0.1:8080",
    )
    target = f"/v1/{VECTOR_PROJECT}/cloud-phone/jobs?request_id=6837531fd3f54550927b930180a706bf"
    assert verify("GET", target, local, b"", VECTOR_KEYS, VECTOR_TIME) == ""


def test_bad_signature_is_401_and_counted(cloud: ForeignCloud, client: Client) -> None:
    status, answer = client.raw("GET", f"/v1/{cloud.project_id}/cloud-phone/phones", secret="another")
    assert (status, answer["error_code"]) == (401, "APIGW.0301")
    assert (cloud.unauthorized, cloud.gets, len(cloud.violations)) == (1, 0, 1)


def test_project_of_the_region(cloud: ForeignCloud, client: Client) -> None:
    assert client.raw("GET", "/v3/projects?name=cn-north-4")[1]["projects"][0]["id"] == cloud.project_id
    assert client.raw("GET", "/v3/projects?name=elsewhere")[1]["projects"] == []
    assert client.raw("GET", "/v1/other/cloud-phone/phones")[1]["error_code"] == "CPS.0046"


def test_pages_newest_first(cloud: ForeignCloud, client: Client) -> None:
    first, second = client.get("phones?limit=3&offset=0"), client.get("phones?limit=3&offset=3")
    ids = [phone["phone_id"] for phone in first["phones"] + second["phones"]]
    assert (first["count"], ids) == (5, cloud.phone_ids[::-1])
    cloud.set_status(cloud.phone_ids[2], 8)
    assert [row["phone_id"] for row in client.get("phones?status=8")["phones"]] == [cloud.phone_ids[2]]
    for limit in ("0", "201", "x"):
        assert client.get(f"phones?limit={limit}")["error_code"] == "CPS.0002"
    assert client.get("phones/" + "0" * 32)["error_code"] == "CPS.0005"


def test_stop_and_restart_show_late(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1000.0]
    monkeypatch.setattr(foreign_cloud, "time", SimpleNamespace(monotonic=lambda: clock[0], sleep=lambda _: None))
    with ForeignCloud(1, job_seconds=5.0, status_lag=2.0) as cloud:
        client, phone = Client(cloud), cloud.phone_ids[0]

        def look(job_id: str) -> tuple[int, int, int]:
            return cloud.status(phone), client.shown(phone), client.get(f"jobs/{job_id}")["status"]

        for act, before, between, after in ((client.stop, 2, 7, 8), (client.restart, 8, 4, 2)):
            start, job_id = clock[0], act(phone)["jobs"][0]["job_id"]
            assert look(job_id) == (between, before, 1)
            clock[0] = start + 2.1
            assert look(job_id) == (between, between, 1)
            clock[0] = start + 7.6  # the job took 5 to 7.5 seconds
            assert look(job_id)[::2] == (after, 2)
            clock[0] = start + 9.6
            assert look(job_id) == (after, after, 2)
        assert [verb for verb, _ in cloud.accepted[phone]] == ["stop", "restart"]
        assert cloud.posts == [("batch-stop", [phone]), ("batch-restart", [phone])]
        assert 5.0 <= cloud.longest_job <= 7.5
        assert cloud.violations == []
        cloud.reset_counts()
        assert (cloud.posts, cloud.accepted, cloud.gets, cloud.longest_job) == ([], {}, 0, 0.0)


def test_refused_entries_inside_a_200(cloud: ForeignCloud, client: Client) -> None:
    one, two, three, four, _ = cloud.phone_ids
    cloud.refuse([one], "CPS.0042", "System busy.")
    cloud.set_status(two, 6)
    cloud.set_status(three, 8)
    status, answer = client.post("batch-stop", {"phone_ids": [one, two, three, four, four, "?"]})
    codes = [entry.get("error_code") for entry in answer["jobs"]]
    assert (status, codes) == (200, ["CPS.0042", "CPS.0053", "CPS.0141", None, "CPS.0141", "CPS.0004"])
    assert [each[:2] for each in cloud.busy] == [(four, "stop")]
    assert cloud.violations == ["stop of unknown phone '?'"]
    cloud.clear_faults()
    assert "job_id" in client.stop(one)["jobs"][0]


def test_failed_jobs_and_shuffled_lists() -> None:
    with ForeignCloud(30, job_seconds=0.0, status_lag=0.0) as cloud:
        client, ids = Client(cloud), cloud.phone_ids
        cloud.fail_jobs(ids[:1], "CPS.0054", "Handle job timeout.")
        request = client.stop(*ids)["request_id"]
        lists = [client.get(f"jobs?limit=100&offset=0&request_ids={request}")["jobs"] for _ in range(2)]
        orders = [[job["phone_id"] for job in jobs] for jobs in lists]
        assert orders[0] != orders[1]
        assert sorted(orders[0]) == sorted(orders[1]) == sorted(ids)
        failed = [(job["phone_id"], job["error_code"]) for job in lists[0] if job["status"] == -1]
        assert failed == [(ids[0], "CPS.0054")]
        assert (client.shown(ids[0]), client.shown(ids[1])) == (-9, 8)
        assert len(client.get(f"jobs?limit=20&offset=20&request_id={request}")["jobs"]) == 10
        many = ",".join(f"{number:032x}" for number in range(21))
        codes = {"": "CPS.0049", "?request_id=x": "CPS.0050", f"?request_ids={quote(many)}": "CPS.0161"}
        assert {query: client.get(f"jobs{query}")["error_code"] for query in codes} == codes


def test_violations(cloud: ForeignCloud, client: Client) -> None:
    one, two, *_ = cloud.phone_ids
    client.post("batch-restart", {"phones": [{"phone_id": one, "property": ""}], "image_id": "x"})
    cloud.accept_busy = True
    client.stop(two)
    client.stop(two)
    assert client.stop()["error_code"] == "CPS.0009"
    assert client.post("batch-stop", {"phones": [{"phone_id": one}]})[0] == 400
    assert client.post("batch-start", {"phone_ids": [one]})[0] == 404
    assert cloud.violations == [
        "restart sent with image_id",
        f"restart accepted of a running phone: {one}",
        f"stop accepted while a job ran: {two}",
        "stop of 0 phones: CPS.0009",
        "stop sent with phones",
        "stop of 0 phones: CPS.0009",
        f"no such call: POST /v1/{cloud.project_id}/cloud-phone/phones/batch-start",
    ]
