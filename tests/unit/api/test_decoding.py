"""Bodies become models, or an error; nothing in between."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_cph.api import BatchEntry, InvalidResponse, Job, Phone
from pulumi_cph.api import decoding as d
from pulumi_cph.api.redaction import one_line
from tests.unit.api.wire import PHONE, REQUEST_ID, phone_json, without

MISSING = object()


def test_a_phone_of_the_documents_is_read():
    assert d.phone("c", phone_json()) == Phone(PHONE, "mobile-0001", "88b8449b896f4a4587e767c9", 2)


@pytest.mark.parametrize("status", [0, 5, -9, 99, 10**30])
def test_an_unknown_status_is_kept_for_the_caller_to_judge(status):
    assert d.phone("c", phone_json(status=status)).status == status


@pytest.mark.parametrize("status", [MISSING, None, True, False, "2", "", 2.0, [2], {}])
def test_a_status_that_is_no_integer_is_refused(status):
    source = without(phone_json(), ["status"]) if status is MISSING else phone_json(status=status)
    with pytest.raises(InvalidResponse, match="'status' is"):
        d.phone("c", source)


@pytest.mark.parametrize("phone_id", [MISSING, None, "", 7, True])
def test_a_phone_without_an_id_is_refused(phone_id):
    source = {"status": 2} if phone_id is MISSING else {"status": 2, "phone_id": phone_id}
    with pytest.raises(InvalidResponse, match="'phone_id' is"):
        d.phone("c", source)


def test_absent_names_are_empty():
    assert d.phone("c", {"phone_id": "p", "status": 8, "server_id": None}) == Phone("p", "", "", 8)


@pytest.mark.parametrize(("fields", "count"), [({}, None), ({"count": None}, None), ({"count": 0}, 0)])
def test_the_count_of_a_page_may_be_absent(fields, count):
    assert d.phone_page("c", {"phones": [], **fields}).count == count


@pytest.mark.parametrize("count", [True, "1", 1.5, -1, []])
def test_a_count_that_is_no_number_of_phones_is_refused(count):
    with pytest.raises(InvalidResponse, match="'count'"):
        d.phone_page("c", {"phones": [], "count": count})


@pytest.mark.parametrize("phones", [MISSING, None, {}, "x", [None], [1], [[]]])
def test_a_page_must_have_an_array_of_objects(phones):
    with pytest.raises(InvalidResponse, match="'phones'"):
        d.phone_page("c", {} if phones is MISSING else {"phones": phones})


def test_a_batch_answer_keeps_jobs_refusals_doubles_and_strangers():
    answer = d.batch_answer(
        "c",
        {
            "request_id": REQUEST_ID,
            "jobs": [
                {"phone_id": "a", "job_id": "j1"},
                {"phone_id": "b", "error_code": "CPS.0004", "error_msg": "Parameter:\nphone_id is invalid."},
                {"phone_id": "a", "job_id": "j1", "error_code": "", "error_msg": None},
                {"phone_id": "stranger", "job_id": ""},
            ],
        },
        one_line,
    )
    assert answer.request_id == REQUEST_ID
    assert answer.entries == (
        BatchEntry("a", "j1", None, None),
        BatchEntry("b", None, "CPS.0004", "Parameter: phone_id is invalid."),
        BatchEntry("a", "j1", None, None),
        BatchEntry("stranger", None, None, None),
    )


@pytest.mark.parametrize("odd", [{"phone_id": None, "job_id": "j"}, {"job_id": "j"}, {"phone_id": "b", "job_id": 7}])
def test_an_entry_that_cannot_be_read_does_not_hide_the_jobs_of_the_others(odd):
    source = {"request_id": "r", "jobs": [odd, {"phone_id": "a", "job_id": "j1"}]}
    answer = d.batch_answer("c", source, one_line)

    assert answer.request_id == "r"
    assert [(entry.phone_id, entry.job_id) for entry in answer.entries] == [("a", "j1")]
    with pytest.raises(InvalidResponse):
        d.batch_answer("c", {"request_id": "r", "jobs": [odd]}, one_line)


@pytest.mark.parametrize(
    "source",
    [
        {},
        {"jobs": None},
        {"jobs": {}},
        {"jobs": [1]},
        {"jobs": [{"job_id": "j"}]},
        {"jobs": [{"phone_id": 1}]},
    ],
)
def test_a_batch_answer_without_its_entries_is_refused(source):
    with pytest.raises(InvalidResponse):
        d.batch_answer("c", source, one_line)


@pytest.mark.parametrize("nothing", [{}, {"error_code": None, "error_msg": None}, {"error_code": "", "error_msg": ""}])
def test_a_job_without_an_error_says_so_in_three_ways(nothing):
    assert d.job("c", {"job_id": "j", "phone_id": "p", "status": 2, **nothing}, one_line) == Job(
        "j", "p", 2, None, None
    )


def test_a_failed_job_has_its_code_with_a_dot():
    source = {"job_id": "j", "status": -1, "error_code": "CPS0005", "error_msg": "Phone not found."}
    assert d.job("c", source, one_line) == Job("j", None, -1, "CPS.0005", "Phone not found.")


@pytest.mark.parametrize("status", [None, True, "2", 2.0])
def test_a_job_without_a_status_is_refused(status):
    with pytest.raises(InvalidResponse, match="'status'"):
        d.job("c", {"job_id": "j", "status": status}, one_line)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ("CPS.0005", "CPS.0005"),
        ("cps0005", "CPS.0005"),
        ("APIG.0308", "APIGW.0308"),
        (" IAM.0011 ", "IAM.0011"),
        (401, "401"),
        ("401", "401"),
        (0, "0"),
        (True, None),
        ("", None),
        (None, None),
        ("CPS.0005\nx", None),
        ("not a code", None),
        (10**9, None),
        (["CPS.0005"], None),
        ("CPS.٠٠٠٥", None),
    ],
)
def test_codes_have_one_spelling(raw, code):
    assert d.error_code(raw) == code


@pytest.mark.parametrize(
    ("body", "looks", "truncated"),
    [
        (b'{"jobs":[', "cut off", True),
        (b'{"phones":[{"phone_id":"12', "cut off", True),
        (b'{"jobs":]}', "damaged", False),
        (b"<html>", "HTML", False),
        (b"", "empty", False),
        (b"OK", "no JSON", False),
        (b"[]", "array", False),
        (b"null", "null", False),
        (b'"x"', "string", False),
        (b"\xff\xfe", "no JSON", False),
        (b'{"a":' + b"[" * 100_000, "cut off", True),
        (b'{"status":' + b"9" * 10_000 + b"}", "damaged", False),
    ],
)
def test_a_body_that_is_no_object_is_named_for_what_it_looks_like(body, looks, truncated):
    with pytest.raises(InvalidResponse, match=looks) as caught:
        d.document("c", body)
    assert caught.value.truncated is truncated


def test_an_object_is_read_with_and_without_a_byte_order_mark():
    assert d.document("c", b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


def test_half_a_surrogate_pair_is_replaced():
    assert d.phone("c", phone_json(phone_name="a\ud800b")).name == "a?b"


def test_only_the_project_of_exactly_that_name_counts():
    source = {"projects": [{"id": "1", "name": "r"}, {"id": "2", "name": "r_sub"}, {"id": "3", "name": None}]}
    assert d.project_ids("c", source, "r") == ("1",)


LISTS = ["phones", "jobs", "projects"]
FIELDS = ["phone_id", "job_id", "id", "name", "phone_name", "server_id", "status", "count", "request_id"]
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*LISTS, *FIELDS, "error_code", "error_msg"]),
            inner,
            max_size=6,
        )
    ),
    max_leaves=20,
)
READERS = [
    d.phone,
    d.phone_page,
    lambda call, source: d.batch_answer(call, source, one_line),
    lambda call, source: d.job(call, source, one_line),
    lambda call, source: d.jobs(call, source, one_line),
    lambda call, source: d.project_ids(call, source, "r"),
]


@given(st.binary(max_size=80) | values.map(lambda value: json.dumps(value).encode()), st.sampled_from(READERS))
def test_any_body_is_read_or_refused(body, read):
    with suppress(InvalidResponse):
        read("c", d.document("c", body))
