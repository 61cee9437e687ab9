"""A second, independent double of the cloud-phone API, written from its published description alone.

It judges the project's client and simulator and shares no code with them. Times are `time.monotonic()`.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import random
import re
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote, unquote

# verb -> (states it is permitted in, state on the way, state when done, state when failed, refusal)
VERBS = {"stop": ({2}, 7, 8, -9, "CPS.0141"), "restart": ({2, 8, -6, -7, -9}, 4, 2, -6, "CPS.0165")}
SHAPES = {"stop": ("phone_ids", "CPS.0080", "CPS.0009"), "restart": ("phones", "CPS.0077", "CPS.0077")}
ERRORS = {
    "CPS.0002": "Parameter: offset or limit is invalid.", "CPS.0004": "Parameter: phone_id is invalid.",
    "CPS.0003": "Service internal error.", "CPS.0050": "Jobs related to this requestId is not found.",
    "CPS.0005": "Phone is not found.", "CPS.0190": "The number of phones exceeds the limit.",
    "CPS.0009": "Parameter: phone_id list is empty.", "CPS.0049": "Parameter: request_id is empty.",
    "CPS.0010": "Parameter: status is invalid.", "CPS.0046": "Parameter: project_id is invalid.",
    "CPS.0011": "Job not found.", "CPS.0165": "The phone must be in stopped or running status.",
    "CPS.0077": "Parameter: phones list is invalid.", "CPS.0080": "Parameter: phone_ids is invalid.",
    "CPS.0141": "Phone is not in running status.", "APIGW.0301": "Incorrect IAM authentication information: ",
    "CPS.0053": "No permission to request resources. Phone is freezed.", "APIGW.0101": "No such API",
    "CPS.0161": "Parameter: the number of request IDs has exceeded the limit.",
}  # fmt: skip
HTTP = {"CPS.0003": 500, "CPS.0005": 404, "CPS.0011": 404, "APIGW.0101": 404, "APIGW.0301": 401}
LONG_AGO = float("-inf")
EPOCH = time.time() - time.monotonic()
Json = dict[str, Any]
Texts = Mapping[str, str]
Fault = tuple[str, str]  # code, message
Job = tuple[str, float, float, Fault | None]  # phone_id, begin, end, failure
enc = partial(quote, safe="-_.~")


def hex_id(*parts: object) -> str:
    return hashlib.sha256("/".join(map(str, parts)).encode()).hexdigest()[:32]


def split_target(target: str) -> tuple[str, list[tuple[str, str]]]:
    """The decoded path and query of a request line; a `+` stays a plus, as this API never means a space."""
    path, _, text = target.partition("?")
    pairs = (part.partition("=") for part in text.split("&") if part)
    return unquote(path), [(unquote(name), unquote(value)) for name, _, value in pairs]


def verify(
    method: str, target: str, headers: Texts, body: bytes, keys: tuple[str, str], now: datetime | None = None
) -> str:
    """What is wrong with a request's signature ("" when nothing is); header names in lower case."""
    form = r"SDK-HMAC-SHA256 Access=([^,\s]+), ?SignedHeaders=([^,\s]+), ?Signature=([0-9a-f]{64})"
    found = re.fullmatch(form, headers.get("authorization", "").strip())
    if not found:
        return "x-auth-token not found"
    access, names, signature = found.groups()
    if access != keys[0]:
        return f"Get secretKey failed,ak:{access},err:ak not exist"
    listed = names.split(";")
    if not {"x-sdk-date"} <= set(listed) <= set(headers) or listed != sorted(set(listed)):
        return "verify aksk signature fail, SignedHeaders: unsorted, without x-sdk-date or not all sent"
    date = headers["x-sdk-date"].strip()
    now = now or datetime.now(timezone.utc)
    first, last = (f"{now + timedelta(minutes=minutes):%Y%m%dT%H%M%SZ}" for minutes in (-15, 15))
    if len(date) != len(last) or not first <= date <= last:
        return f"verify aksk signature fail, signature expired, time:{date}"
    path, query = split_target(target)
    uri = "/".join(map(enc, path.removesuffix("/").split("/"))) + "/"
    asked = "&".join(f"{enc(name)}={enc(value)}" for name, value in sorted(query))
    lines = "".join(f"{name}:{headers[name].strip()}\n" for name in listed)
    digest = headers.get("x-sdk-content-sha256") or hashlib.sha256(body).hexdigest()
    canonical = f"{method.upper()}\n{uri}\n{asked}\n{lines}\n{names}\n{digest}"
    text = f"SDK-HMAC-SHA256\n{date}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    if hmac.compare_digest(hmac.new(keys[1].encode(), text.encode(), "sha256").hexdigest(), signature):
        return ""
    return "verify aksk signature fail, canonical request: " + canonical.replace("\n", "|")


class ApiError(Exception):
    def __init__(self, code: str, detail: str = "") -> None:
        self.http = HTTP.get(code, 400)
        self.body = {"error_code": code, "error_msg": ERRORS[code] + detail}


@dataclass
class Phone:
    number: int
    phone_id: str
    events: list[tuple[float, int]]  # when the phone's true status becomes what; a job's end lies ahead
    jobs: int = 0
    busy_until: float = LONG_AGO

    def event(self, at: float) -> tuple[float, int]:
        return next(event for event in reversed(self.events) if event[0] <= at)


class ForeignCloud:
    def __init__(
        self, phones: int, *, job_seconds: float = 5.0, job_spread: float = 0.5, status_lag: float = 2.0,
        shuffle_jobs: bool = True, latency: float = 0.0, access_key: str = "FOREIGNACCESSKEY0001",
        secret_key: str = "foreign-secret-key-000000000000000000001", region: str = "cn-north-4",
        project_id: str = "0f0e1617c10d4d0c9fa7f6e1d2c3b4a5", initial: str = "running",
        accept_busy: bool = False, batch_limit: int = 100,
    ) -> None:  # fmt: skip
        self.job_seconds, self.job_spread, self.status_lag = job_seconds, job_spread, status_lag
        self.shuffle_jobs, self.latency = shuffle_jobs, latency
        self.access_key, self.secret_key, self.region = access_key, secret_key, region
        self.project_id, self.accept_busy, self.batch_limit = project_id, accept_busy, batch_limit
        first = [(LONG_AGO, {"running": 2, "stopped": 8}[initial])]
        self.phone_ids = [hex_id("phone", number) for number in range(phones)]  # oldest first
        self.phones = {each: Phone(number, each, first) for number, each in enumerate(self.phone_ids)}
        self.requests: dict[str, list[str]] = {}
        self.jobs: dict[str, Job] = {}
        self.refusals: dict[str, Fault] = {}
        self.failures: dict[str, Fault] = {}
        self.violations: list[str] = []
        self.random, self.lock, self.closed = random.Random(20261122), threading.RLock(), False
        self.reset_counts()
        self.server = _Server(("127.0.0.1", 0), _Handler)
        self.server.cloud = self
        self.endpoint = f"http://127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self) -> ForeignCloud:
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closed = True  # connections that are still open get no more answers
        self.server.shutdown()
        self.server.server_close()

    def status(self, phone_id: str) -> int:
        """The phone's true status now; the API tells the one of `status_lag` ago."""
        return self.phones[phone_id].event(time.monotonic())[1]

    def set_status(self, phone_id: str, status: int) -> None:
        """Changes a phone behind the client's back, shown at once. A job under way still ends as it will."""
        with self.lock:
            phone, now = self.phones[phone_id], time.monotonic()
            phone.events = [(LONG_AGO, status), *(event for event in phone.events if event[0] > now)]

    def fail_jobs(self, ids: Iterable[str], code: str, message: str) -> None:
        """The jobs accepted for these phones from now on fail, until `clear_faults`."""
        self.failures.update(dict.fromkeys(ids, (code, message)))

    def refuse(self, ids: Iterable[str], code: str, message: str) -> None:
        """These phones' entries are refused (inside a 200) from now on, until `clear_faults`."""
        self.refusals.update(dict.fromkeys(ids, (code, message)))

    def clear_faults(self) -> None:
        self.failures, self.refusals = {}, {}

    def reset_counts(self) -> None:
        """Forgets what was counted (not the violations)."""
        with self.lock:
            self.posts: list[tuple[str, list[str]]] = []
            self.log: list[tuple[float, str, str, int]] = []  # (time, method, target, HTTP status)
            self.busy: list[tuple[str, str, float]] = []  # (phone, verb, time): a job ran
            self.accepted: dict[str, list[tuple[str, float]]] = {}
            self.gets, self.unauthorized, self.longest_job = 0, 0, 0.0

    def answer(self, method: str, target: str, headers: Texts, body: bytes) -> tuple[int, Json]:
        time.sleep(self.latency)
        if self.closed:
            raise ConnectionAbortedError
        with self.lock:
            request_id = f"{self.random.getrandbits(128):032x}"
            try:
                http, answer = 200, self.route(method, target, headers, body, request_id)
            except ApiError as error:
                http, answer = error.http, error.body
            except Exception as error:
                self.violations.append(f"server error at {method} {target}: {error!r}")
                http, answer = 500, ApiError("CPS.0003").body
            self.log.append((time.monotonic(), method, target, http))
            return http, {"request_id": request_id, **answer}

    def route(self, method: str, target: str, headers: Texts, body: bytes, request_id: str) -> Json:
        if wrong := verify(method, target, headers, body, (self.access_key, self.secret_key)):
            self.unauthorized += 1
            raise self.wrong("APIGW.0301", f"401 at {method} {target}: {wrong}", wrong)
        self.gets += method == "GET"
        path, pairs = split_target(target)
        query, now = dict(pairs), time.monotonic()
        if (method, path) == ("GET", "/v3/projects"):
            return self.projects(query)
        found = re.fullmatch(r"/v1/([^/]+)/cloud-phone/(phones|jobs)(?:/([^/]+))?", path)
        project, kind, name = found.groups("") if found else ("", "", "")
        batch = kind == "phones" and name in ("batch-stop", "batch-restart")
        if not found or method != ("POST" if batch else "GET"):
            raise self.wrong("APIGW.0101", f"no such call: {method} {path}")
        if {project, headers.get("x-project-id", project)} != {self.project_id}:
            raise ApiError("CPS.0046")
        if batch:
            return self.power(name.removeprefix("batch-"), body, request_id, now)
        if not name:
            return self.list_phones(query, now) if kind == "phones" else self.list_jobs(query, now)
        if name not in (self.phones if kind == "phones" else self.jobs):
            raise ApiError("CPS.0005" if kind == "phones" else "CPS.0011")
        if kind == "jobs":
            return self.job_row(name, now, None)
        access = {"type": "ADB", "phone_ip": "10.237.0.61", "listen_port": 5555, "public_ip": ""}
        return {**self.row(self.phones[name], now), "access_infos": [access], "property": "{}"}

    def wrong(self, code: str, violation: str, detail: str = "") -> ApiError:
        self.violations.append(violation)
        return ApiError(code, detail)

    def projects(self, query: Texts) -> Json:
        links = {"self": f"{self.endpoint}/v3/projects", "next": None, "previous": None}
        row = {"id": self.project_id, "name": self.region, "domain_id": "d" * 32, "enabled": True}
        return {"projects": [row] if query.get("name", self.region) == self.region else [], "links": links}

    def power(self, verb: str, body: bytes, request_id: str, now: float) -> Json:
        key, invalid, empty = SHAPES[verb]
        try:
            sent = json.loads(body)
            names, entries = set(sent) - {key}, sent.get(key) or []
            if verb == "restart":
                names |= {name for each in entries for name in each if each[name] != ""} - {"phone_id"}
                entries = [each["phone_id"] for each in entries]
            ids = [str(each) for each in entries]
            code = "" if ids == entries else invalid
        except (ValueError, TypeError, KeyError, AttributeError):
            names, ids, code = set(), [], invalid
        code = code or (empty if not ids else "CPS.0190" if len(ids) > self.batch_limit else "")
        self.posts.append((f"batch-{verb}", ids))
        self.violations += [f"{verb} sent with {name}" for name in sorted(names)]
        if code:
            raise self.wrong(code, f"{verb} of {len(ids)} phones: {code}")
        self.requests[request_id] = []
        return {"jobs": [{"phone_id": each, **self.submit(verb, each, request_id, now)} for each in ids]}

    def submit(self, verb: str, phone_id: str, request_id: str, now: float) -> Json:
        if phone_id not in self.phones:
            code = "CPS.0005" if re.fullmatch(r"[0-9A-Za-z-]{1,36}", phone_id) else "CPS.0004"
            return self.wrong(code, f"{verb} of unknown phone {phone_id!r}").body
        if phone_id in self.refusals:
            return dict(zip(("error_code", "error_msg"), self.refusals[phone_id], strict=True))
        phone = self.phones[phone_id]
        permitted, on_the_way, done, failed, refusal = VERBS[verb]
        status, running = phone.event(now)[1], now < phone.busy_until
        if running:
            self.busy.append((phone_id, verb, now))
        if not self.accept_busy if running else status not in permitted:
            return ApiError("CPS.0053" if status == 6 else refusal).body
        if running or (verb == "restart" and status == 2):
            why = "while a job ran" if running else "of a running phone"
            self.violations.append(f"{verb} accepted {why}: {phone_id}")
        draw = int(hex_id("job", phone.jobs, phone_id)[:8], 16) / 0xFFFFFFFF
        seconds, failure = self.job_seconds * (1 + self.job_spread * draw), self.failures.get(phone_id)
        job_id, end = hex_id("job id", len(self.jobs)), now + seconds
        self.jobs[job_id] = (phone_id, now, end, failure)
        self.requests[request_id].append(job_id)
        past = [event for event in phone.events if event[0] <= now]
        phone.events = [*past, (now, on_the_way), (end, failed if failure else done)]
        phone.jobs, phone.busy_until = phone.jobs + 1, end
        self.accepted.setdefault(phone_id, []).append((verb, now))
        self.longest_job = max(self.longest_job, seconds)
        return {"job_id": job_id}

    def row(self, phone: Phone, now: float) -> Json:
        (since, status), born = phone.event(now - self.status_lag), phone.number - 1e7
        return {
            "phone_name": f"foreign-{phone.number:05d}", "server_id": hex_id("server", phone.number // 60),
            "phone_id": phone.phone_id, "phone_model_name": "rx1.cp.c60.d10", "image_version": "AOSP 11.0",
            "image_id": "1" * 32, "traffic_type": "direct", "status": status, "type": 0, "volume_mode": 0,
            "create_time": stamp(born), "update_time": stamp(max(since, born)),
        }  # fmt: skip

    def list_phones(self, query: Texts, now: float) -> Json:
        part, phones = page(query, 200), [self.phones[each] for each in reversed(self.phone_ids)]
        if not re.fullmatch(r"[0-8]|-[5-9]", query.get("status", "0")):
            raise ApiError("CPS.0010")
        for key in {"phone_name", "server_id", "status", "type"} & set(query):
            fits = str.__contains__ if key == "phone_name" else str.__eq__
            phones = [phone for phone in phones if fits(str(self.row(phone, now)[key]), query[key])]
        return {"count": len(phones), "phones": [self.row(phone, now) for phone in phones[part]]}

    def job_row(self, job_id: str, now: float, nothing: str | None) -> Json:
        phone_id, begin, end, failure = self.jobs[job_id]
        row = {"job_id": job_id, "phone_id": phone_id, "begin_time": stamp(begin)}
        if now < end:
            return {**row, "status": 1}
        code, message = failure or (nothing, nothing)
        ended = {"end_time": stamp(end), "error_code": code, "error_msg": message}
        return {**row, **ended, "status": -1 if failure else 2}

    def list_jobs(self, query: Texts, now: float) -> Json:
        asked = set(query.get("request_ids", "").split(",")) - {""} or {query.get("request_id", "")} - {""}
        if not asked or len(asked) > 20:
            raise self.wrong("CPS.0161" if asked else "CPS.0049", f"ListJobs of {len(asked)} requests")
        part = page(query, 100)
        jobs = [job_id for one in sorted(asked) for job_id in self.requests.get(one, ())]
        if not jobs:
            raise ApiError("CPS.0050")
        jobs = self.random.sample(jobs, len(jobs)) if self.shuffle_jobs else jobs
        return {"jobs": [self.job_row(job_id, now, "") for job_id in jobs[part]]}


def page(query: Texts, most: int) -> slice:
    offset, limit = query.get("offset", "0"), query.get("limit", "100")
    if not re.fullmatch(r"[0-9]{1,9} [0-9]{1,9}", f"{offset} {limit}") or not 1 <= int(limit) <= most:
        raise ApiError("CPS.0002")
    return slice(int(offset), int(offset) + int(limit))


def stamp(at: float) -> str:
    return datetime.fromtimestamp(EPOCH + at, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


class _Server(ThreadingHTTPServer):
    request_queue_size = 512
    cloud: ForeignCloud

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients may be killed in the middle of anything; what matters is in `violations`."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # one packet per answer
    server: _Server

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        sent = {name.lower(): value for name, value in self.headers.items()}
        http, answer = self.server.cloud.answer(self.command, self.path, sent, body)
        data = json.dumps(answer).encode()
        self.send_response_only(http)
        self.send_header("Content-Type", "application/json")
        self.send_header("X-Request-Id", answer["request_id"])
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any
