"""`tests.foreign_cloud` as a process: orders come as lines of JSON on stdin, each answered by one on stdout."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from typing import Any

from tests.foreign_cloud import ForeignCloud


def _call(method: str, target: str) -> str:
    """The call of a request line, as the simulator's log names it."""
    path, _, query = target.partition("?")
    kind, _, rest = path.partition("/cloud-phone/")[2].partition("/")
    if not kind:
        return "projects"
    if method == "POST":
        return rest
    return f"show-{kind[:-1]}" if rest else f"list-{kind}" + ("-alone" if "request_id=" in query else "")


def _tally(cloud: ForeignCloud) -> dict[str, Any]:
    with cloud.lock:
        begun = {each[0][1] for each in cloud.accepted.values() if each}
        ends = [end for _, begin, end, _ in cloud.jobs.values() if begin in begun]
        to_epoch = time.time() - time.monotonic()
        return {
            "requests": Counter(_call(method, target) for _, method, target, _ in cloud.log),
            "longest_job": cloud.longest_job + cloud.status_lag if ends else 0.0,
            "last_end": max(ends) + cloud.status_lag + to_epoch if ends else None,
            "violations": cloud.violations,
        }


def _obey(cloud: ForeignCloud, order: dict[str, Any]) -> Any:
    match order["order"]:
        case "begin":
            cloud.job_seconds, cloud.latency = order["job_seconds"], order["latency"]
            cloud.reset_counts()
        case "set":
            for phone_id in order["phones"]:
                cloud.set_status(phone_id, order["status"])
        case "tally":
            return _tally(cloud)
    return None


def main() -> None:
    """Serve until stdin ends."""
    with ForeignCloud(int(sys.argv[1])) as cloud:
        ready = {
            "endpoint": cloud.endpoint,
            "phones": cloud.phone_ids,
            "access_key": cloud.access_key,
            "secret_key": cloud.secret_key,
        }
        print(json.dumps(ready), flush=True)
        for line in sys.stdin:
            print(json.dumps(_obey(cloud, json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
