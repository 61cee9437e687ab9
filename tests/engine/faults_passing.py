"""Chosen faults that the first `up` gets over."""

from __future__ import annotations

from pulumi_cph.simulator.rules import PhoneStatus as Status
from tests.engine.fault_rows import ALWAYS, Row, error, put, redirect, refuse, strike, understate

LOST = [
    Row("The connection is lost before a batch-stop is carried out", (strike("drop", "batch-stop"),), (3, 3)),
    Row("... and after it was", (strike("drop", "batch-stop", acted=True),), jobs_unknown=True),
    Row(
        "The connection is lost before a batch-restart is carried out",
        (strike("drop", "batch-restart"),),
        (3, 3),
        power="running",
    ),
    Row(
        "... and after it was, and its effect shows 3 s late",
        (strike("drop", "batch-restart", acted=True),),
        power="running",
        jobs_unknown=True,
        options={"status_delay": 3.0, "job_seconds": 4.0},
    ),
    Row("The answer to a batch-stop breaks off", (strike("cut", "batch-stop"),), jobs_unknown=True),
    Row("HTTP 500 before a batch-stop is carried out", (error("batch-stop", 500, "APIGW.0601"),), (3, 3)),
    Row("HTTP 502 after it was", (error("batch-stop", 502, "APIGW.0201", acted=True),), jobs_unknown=True),
    Row("HTTP 504 before a batch-stop is carried out", (error("batch-stop", 504, "APIGW.0201"),), (3, 3)),
    Row(
        "HTTP 504 after a batch-restart was carried out",
        (error("batch-restart", 504, "APIGW.0201", acted=True),),
        power="running",
        jobs_unknown=True,
    ),
    Row("CPS.0003 (internal error) as HTTP 500", (error("batch-stop", 500, "CPS.0003"),), (3, 3)),
    Row(
        "CPS.0003 as HTTP 400, and the phones were stopped all the same",
        (error("batch-stop", 400, "CPS.0003", acted=True),),
        jobs_unknown=True,
    ),
    Row("A proxy's HTML page instead of a request", (strike("html", "batch-stop", status=200),), (3, 3)),
    Row("... and after it", (strike("html", "batch-stop", status=502, acted=True),), jobs_unknown=True),
    Row("A batch-stop's answer is half of its JSON", (strike("truncated", "batch-stop"),), jobs_unknown=True),
    Row("... has wrong types", (strike("wrong-types", "batch-stop"),), jobs_unknown=True),
    Row("... has no `jobs`", (strike("no-jobs", "batch-stop"),), jobs_unknown=True),
    Row("... has 10 MB", (strike("huge", "batch-stop"),), jobs_unknown=True),
    Row("... has every phone twice", (strike("duplicate-entries", "batch-stop"),)),
    Row("... has a phone that was not asked for", (strike("foreign-entries", "batch-stop"),)),
    Row("... takes 2 s", (strike("delay", "batch-stop", seconds=2.0),)),
    Row("A batch-stop is redirected to another host, which hears nothing", (redirect("batch-stop"),), (3, 3)),
]
"""Requests whose answer does not tell what became of them."""

REFUSED = [
    Row("HTTP 503 with CPS.0042 (busy)", (error("batch-stop", 503, "CPS.0042"),), (3, 3)),
    Row("HTTP 503 with APIGW.0613, from before the service", (error("batch-stop", 503, "APIGW.0613"),), (3, 3)),
    Row("HTTP 429", (error("batch-stop", 429, "APIGW.0308"),), (3, 3), pause=0.5),
    Row(
        "HTTP 429 with Retry-After: 3",
        (error("batch-stop", 429, "APIGW.0308", headers={"retry-after": "3"}),),
        (3, 3),
        pause=3.0,
    ),
    Row("One phone is refused with CPS.0042 once", (refuse("CPS.0042", 1),), (3, 1)),
    Row("One phone is refused with CPS.0141 (not running) once", (refuse("CPS.0141", 1),), (3, 1)),
    Row("One phone is refused with CPS.0165 once", (refuse("CPS.0165", 2),), (3, 1), power="running"),
    Row(
        "CPS.0190: a request takes 3 phones at most",
        phones=12,
        sent=(12, 6, 6, 3, 3, 3, 3),
        options={"max_phones": 3, "job_order": "shuffled"},
    ),
    Row(
        "... learnt once for all waves of a fleet",
        phones=12,
        sent=None,
        each_at_most=4,
        options={"max_phones": 2, "job_order": "reversed"},
        fleet="max_in_flight=4",
    ),
    Row(
        "A frozen phone is only to be warned of",
        (put(1, Status.FROZEN),),
        (2,),
        {1: "frozen"},
        ("warning: phone {1}", "FROZEN billing or security"),
        warned=True,
        fleet="on_refused='warn'",
    ),
]
"""Requests and phones that are refused for a reason that passes or may be overlooked."""

READ = [
    Row(
        "The listing of phones: connection lost, HTTP 503, half of its JSON",
        (
            strike("drop", "list-phones"),
            error("list-phones", 503, "CPS.0042"),
            strike("truncated", "list-phones"),
        ),
    ),
    Row("... HTTP 429 with Retry-After: 2", (error("list-phones", 429, "APIGW.0308", headers={"retry-after": "2"}),)),
    Row("... every phone twice, always", (strike("duplicate-entries", "list-phones", times=ALWAYS),)),
    Row("... a phone of somebody else, always", (strike("foreign-entries", "list-phones", times=ALWAYS),)),
    Row(
        "... a `count` that is 7 too high, at the edge of a page",
        (strike("lying-count", "list-phones", times=ALWAYS),),
        others=195,
    ),
    Row("... a `count` of 1 for 203 phones", (understate,), others=200),
    Row(
        "A single phone of 403: connection lost, HTTP 500, half of its JSON",
        (
            strike("drop", "show-phone"),
            error("show-phone", 500, "CPS.0003"),
            strike("truncated", "show-phone"),
        ),
        (1,),
        phones=1,
        others=402,
    ),
    Row(
        "The listing of jobs: connection lost, HTTP 502, HTTP 429, half of its JSON",
        (
            strike("drop", "list-jobs"),
            error("list-jobs", 502, "APIGW.0201"),
            error("list-jobs", 429, "APIGW.0308"),
            strike("truncated", "list-jobs"),
        ),
    ),
    Row(
        "... wrong types, no `jobs`, 10 MB, an HTML page",
        (
            strike("wrong-types", "list-jobs"),
            strike("no-jobs", "list-jobs"),
            strike("huge", "list-jobs"),
            strike("html", "list-jobs", status=200),
        ),
    ),
    Row(
        "... every job twice, and one of somebody else, always",
        (
            strike("duplicate-entries", "list-jobs", times=ALWAYS),
            strike("foreign-entries", "list-jobs", times=ALWAYS),
        ),
    ),
    Row("... redirected to another host, which hears nothing", (redirect("list-jobs"),)),
    Row("... jobs appear 1 s late", options={"jobs_appear_after": 1.0}),
    Row("... jobs appear when they are long over", options={"jobs_appear_after": 60.0}),
    Row("... jobs are forgotten as soon as they end", options={"job_retention": 0.0}),
    Row(
        "Jobs must not be seen (HTTP 403)",
        (
            error("list-jobs", 403, "CPS.0001", times=ALWAYS),
            error("show-job", 403, "CPS.0001", times=ALWAYS),
        ),
    ),
    Row(
        "Jobs are not listed (CPS.0050), and shown one by one at the second attempt (HTTP 504)",
        (
            error("list-jobs", 404, "CPS.0050", times=ALWAYS),
            error("show-job", 504, "APIGW.0201", times=3),
        ),
    ),
    Row(
        "The project's id: HTTP 503, HTTP 429, then half of its JSON",
        (
            error("projects", 503, "APIGW.0613"),
            error("projects", 429, "APIGW.0308"),
            strike("truncated", "projects"),
        ),
        project=True,
    ),
]
"""Answers to requests that only read."""
