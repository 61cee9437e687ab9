"""Requests and answers without a network: paging, filters, validation, error bodies, jobs, the log."""

from __future__ import annotations

import json

import pytest

from tests.unit.simulator.builders import PROJECT, Stage, codes, outcome


def test_the_listing_is_newest_first_and_counts_everything() -> None:
    stage = Stage(5)
    page = stage.get("/phones?offset=1&limit=2").json()
    assert page["count"] == 5
    assert [each["phone_name"] for each in page["phones"]] == ["phone-0004", "phone-0003"]


def test_the_listing_follows_the_phones_in_time() -> None:
    stage = Stage(1)
    stage.stop(*stage.ids)
    assert stage.get("/phones?status=7").json()["count"] == 1
    stage.step(10)
    assert stage.get("/phones").json()["phones"][0]["status"] == 8


def test_pages_make_up_the_whole() -> None:
    stage = Stage(450)
    pages = [stage.get(f"/phones?offset={offset}&limit=200").json()["phones"] for offset in (0, 200, 400, 600)]
    assert [len(page) for page in pages] == [200, 200, 50, 0]
    assert [each["phone_id"] for page in pages for each in page] == stage.ids[::-1]


@pytest.mark.parametrize("limit", [100, 200])
def test_without_a_limit_the_page_is_as_long_as_the_option_says(limit: int) -> None:
    assert len(Stage(250, default_limit=limit).get("/phones").json()["phones"]) == limit


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "offset=-1", "offset=x", "limit=-5"])
def test_bad_paging_is_refused(query: str) -> None:
    assert outcome(Stage().get(f"/phones?{query}")) == (400, "CPS.0002")


def test_the_listing_is_filtered() -> None:
    stage = Stage(130, running=0.5)
    server = stage.world.phone(stage.ids[0]).server_id

    def count(query: str) -> int:
        number: int = stage.get(f"/phones?{query}").json()["count"]
        return number

    assert count("phone_name=one-001") == 10
    assert count(f"server_id={server}") == 60
    assert count("status=8") == 65
    assert count(f"status=2&server_id={server}&phone_name=phone-0007") == 1
    assert count("type=0") == 130
    assert count("type=1") == 0


@pytest.mark.parametrize(("query", "code"), [("status=5", "0010"), ("status=on", "0010"), ("type=x", "0116")])
def test_bad_filters_are_refused(query: str, code: str) -> None:
    assert outcome(Stage().get(f"/phones?{query}")) == (400, f"CPS.{code}")


def test_the_count_may_be_absent() -> None:
    assert "count" not in Stage(send_count=False).get("/phones").json()


def test_one_phone_has_its_fields_at_top_level() -> None:
    stage = Stage()
    shown = stage.get(f"/phones/{stage.ids[0]}").json()
    assert (shown["phone_name"], shown["status"], len(shown["access_infos"])) == ("phone-0001", 2, 1)


@pytest.mark.parametrize(("cps_http", "status"), [("modern", 404), ("legacy", 400)])
def test_not_found_is_404_or_400_by_the_age_of_the_table(cps_http: str, status: int) -> None:
    stage = Stage(cps_http=cps_http)
    assert outcome(stage.get(f"/phones/{'f' * 32}")) == (status, "CPS.0005")
    assert outcome(stage.get(f"/jobs/{'f' * 32}")) == (status, "CPS.0011")


@pytest.mark.parametrize(
    ("call", "body", "code"),
    [
        ("stop", {"phone_ids": []}, "0009"),
        ("stop", {}, "0009"),
        ("stop", {"phones": [{"phone_id": "x"}]}, "0009"),
        ("stop", {"phone_ids": "x"}, "0080"),
        ("stop", {"phone_ids": [1]}, "0080"),
        ("stop", b"{", "0080"),
        ("restart", {"phones": []}, "0081"),
        ("restart", {}, "0081"),
        ("restart", {"phone_ids": ["x"]}, "0081"),
        ("restart", {"phones": ["x"]}, "0077"),
        ("restart", {"phones": [{}]}, "0077"),
        ("restart", {"phones": {"phone_id": "x"}}, "0077"),
        ("restart", {"phones": [{"phone_id": "x", "property": {}}]}, "0078"),
        ("restart", b"nonsense", "0077"),
        ("stop", {"phone_ids": ["x"] * 101}, "0190"),
        ("restart", {"phones": [{"phone_id": "x"}] * 101}, "0190"),
    ],
)
def test_a_malformed_power_call_is_refused_and_does_nothing(call: str, body: object, code: str) -> None:
    stage = Stage()
    assert outcome(stage.send("POST", f"/phones/batch-{call}", body)) == (400, f"CPS.{code}")
    assert stage.world.history.requests == []


def test_a_power_call_answers_job_or_error_per_phone_in_a_200() -> None:
    stage = Stage()
    stage.world.set_status(stage.ids[1], 6)
    response = stage.stop(stage.ids[0], stage.ids[1], "f" * 32)
    assert (response.status, codes(response)) == (200, ["job", "CPS.0053", "CPS.0005"])
    accepted, refused, _ = response.json()["jobs"]
    assert set(accepted) == {"phone_id", "job_id"}
    assert set(refused) == {"phone_id", "error_code", "error_msg"}


@pytest.mark.parametrize("status", [200, 201, 202])
def test_a_power_call_may_answer_any_of_three_statuses(status: int) -> None:
    stage = Stage(post_status=status)
    assert stage.stop(stage.ids[0]).status == status


@pytest.mark.parametrize(
    ("options", "status", "entries"),
    [
        ({}, 200, ["job", "CPS.0141"]),
        ({"wrong_state": "request"}, 400, None),
        ({"wrong_state": "accept"}, 200, ["job", "job"]),
    ],
)
def test_a_stopped_phone_asked_to_stop_is_treated_as_the_option_says(
    options: dict[str, str], status: int, entries: list[str] | None
) -> None:
    stage = Stage(2, running=0.5, **options)
    response = stage.stop(*stage.ids)
    assert response.status == status
    if entries is None:
        assert outcome(response) == (400, "CPS.0141")
    else:
        assert codes(response) == entries


def test_jobs_are_listed_by_one_request_id_or_by_many() -> None:
    stage = Stage()
    first, second = (stage.stop(each).json()["request_id"] for each in stage.ids[:2])
    one = stage.get(f"/jobs?request_id={first}").json()["jobs"]
    assert [each["phone_id"] for each in one] == stage.ids[:1]
    assert [each["phone_id"] for each in stage.jobs(first, second)] == stage.ids[:2]
    both = stage.get(f"/jobs?request_id={first}&request_ids={second}").json()["jobs"]
    assert [each["phone_id"] for each in both] == stage.ids[1:2], "request_ids wins"
    assert len(stage.jobs(first, "f" * 32)) == 1


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", (400, "CPS.0049")),
        ("?request_id=", (400, "CPS.0049")),
        ("?request_ids=" + ",".join("x" * 21), (400, "CPS.0161")),
        ("?request_id=x&limit=101", (400, "CPS.0002")),
        ("?request_id=x&limit=0", (400, "CPS.0002")),
        ("?request_id=x", (400, "CPS.0050")),
        ("/", (400, "CPS.0048")),
    ],
)
def test_bad_job_queries_are_refused(query: str, expected: tuple[int, str]) -> None:
    assert outcome(Stage().get(f"/jobs{query}")) == expected


def test_twenty_request_ids_are_not_too_many() -> None:
    stage = Stage()
    request_id = stage.stop(stage.ids[0]).json()["request_id"]
    assert len(stage.jobs(request_id, *"abcdefghijklmnopqrs")) == 1


def test_jobs_are_paged() -> None:
    stage = Stage(150, max_phones=None)
    request_id = stage.stop(*stage.ids).json()["request_id"]
    pages = [stage.get(f"/jobs?request_id={request_id}&offset={n}").json()["jobs"] for n in (0, 100, 200)]
    assert [len(page) for page in pages] == [100, 50, 0]


def test_the_order_of_jobs_is_an_option() -> None:
    def order(name: str) -> list[list[str]]:
        stage = Stage(20, job_order=name)
        request_id = stage.stop(*stage.ids).json()["request_id"]
        ids = {phone_id: str(number) for number, phone_id in enumerate(stage.ids)}
        return [[ids[each["phone_id"]] for each in stage.jobs(request_id)] for _ in range(2)]

    straight = [str(number) for number in range(20)]
    assert order("begin") == [straight] * 2
    assert order("reversed") == [straight[::-1]] * 2
    shuffled, again = order("shuffled")
    assert shuffled != straight
    assert shuffled != again
    assert sorted(shuffled) == sorted(straight)


@pytest.mark.parametrize(
    ("blank", "listed", "shown"),
    [
        ("documented", ("", ""), (None, None)),
        ("null", (None, None), (None, None)),
        ("empty", ("", ""), ("", "")),
        ("absent", ("absent", "absent"), ("absent", "absent")),
    ],
)
def test_the_error_fields_of_a_good_job_are_blank_in_the_chosen_way(
    blank: str, listed: tuple[object, object], shown: tuple[object, object]
) -> None:
    stage = Stage(job_blank=blank)
    answer = stage.stop(stage.ids[0]).json()
    stage.step(10)
    for job, expected in (
        (stage.jobs(answer["request_id"])[0], listed),
        (stage.get(f"/jobs/{answer['jobs'][0]['job_id']}").json(), shown),
    ):
        assert (job.get("error_code", "absent"), job.get("error_msg", "absent")) == expected


def test_a_failed_job_tells_its_code() -> None:
    stage = Stage()
    stage.world.failures.add([stage.ids[0]], "CPS.0005", "Phone not found.")
    request_id = stage.stop(stage.ids[0]).json()["request_id"]
    stage.step(10)
    job = stage.jobs(request_id)[0]
    assert (job["status"], job["error_code"], job["error_msg"]) == (-1, "CPS.0005", "Phone not found.")


def test_the_request_id_is_in_the_header_too() -> None:
    stage = Stage()
    for response in (stage.get("/phones"), stage.get("/phones/x"), stage.stop(stage.ids[0])):
        assert response.headers["x-request-id"] == response.json()["request_id"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/x/y"),
        ("GET", "/v3/users"),
        ("POST", f"{PROJECT}/phones/batch-start"),
        ("GET", f"{PROJECT}/phones/a/b"),
        ("DELETE", f"{PROJECT}/phones"),
        ("PUT", f"{PROJECT}/phones/batch-stop"),
    ],
)
def test_an_unknown_path_or_method_is_the_gateways_404(method: str, path: str) -> None:
    response = Stage().send(method, path, {})
    assert outcome(response) == (404, "APIGW.0101")
    assert list(response.json()) == ["error_msg", "error_code", "request_id"]


def test_a_foreign_project_is_unavailable() -> None:
    assert outcome(Stage().get("/v1/0000/cloud-phone/phones")) == (403, "APIGW.0310")


def test_projects_are_found_by_region_name() -> None:
    stage = Stage()
    found = stage.get("/v3/projects?name=cn-east-3").json()["projects"]
    assert [each["id"] for each in found] == ["0605767e8c0a4a4f8f5a1d0c0ffee001"]
    assert stage.get("/v3/projects?name=nowhere").json()["projects"] == []
    assert len(stage.get("/v3/projects").json()["projects"]) == 3


def test_more_requests_than_the_rate_limit_are_throttled_for_the_rest_of_the_window() -> None:
    stage = Stage(rate_limit=2, retry_after=7)
    statuses = [stage.get("/phones").status for _ in range(3)]
    assert statuses == [200, 200, 429]
    throttled = stage.get("/phones")
    assert outcome(throttled) == (429, "APIGW.0308")
    assert throttled.headers["retry-after"] == "7"
    assert stage.get(f"/phones/{stage.ids[0]}").status == 200, "the limit is per call"
    stage.step(1)
    assert stage.get("/phones").status == 200


def test_latency_delays_every_answer() -> None:
    assert [Stage(latency=0.3).get(path).delay for path in ("/phones", "/phones/x")] == [0.3, 0.3]


def test_the_log_tells_who_asked_what() -> None:
    stage = Stage()
    request_id = stage.stop(stage.ids[0]).json()["request_id"]
    stage.get("/phones/x?a=b")
    stop, show = stage.cloud.log
    assert (stop.call, stop.phones, stop.status, stop.request_id) == (
        "batch-stop",
        (stage.ids[0],),
        200,
        request_id,
    )
    assert stop.body == {"phone_ids": [stage.ids[0]]}
    assert (show.call, show.phones, show.query, show.status, show.code) == (
        "show-phone",
        ("x",),
        "a=b",
        404,
        "CPS.0005",
    )
    assert stage.cloud.log.stats() == {"batch-stop": 1, "show-phone": 1}
    assert stage.cloud.log.of("show-phone") == [show]


def test_the_log_holds_no_credential() -> None:
    stage = Stage()
    secret = stage.cloud.key.secret_key
    user = {"name": "u", "password": secret, "domain": {"name": "d"}}
    body = {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}}}
    response = stage.send("POST", "/v3/auth/tokens", body)
    token = response.headers["x-subject-token"]
    stage.send("GET", "/phones", **{"x-auth-token": token, "authorization": "Access=whoever"})
    text = json.dumps([entry.as_dict() for entry in stage.cloud.log])
    assert [each for each in (secret, token, "whoever") if each in text] == []
