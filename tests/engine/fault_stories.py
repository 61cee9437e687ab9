"""The chosen faults that take more than two `up`s, or several resources, to tell; `test_fault_stories.py` shows them.

Here for the documentation: a story that has no test, or a test without a story, fails there.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Story:
    """A fault and what holds, in words; `test` is the name of the test that shows it."""

    test: str
    fault: str
    holds: str


_ONE_401 = "one request is answered with 401, whatever the number of resources, and it is the last; "

STORIES = [
    Story("wrong-key", "The secret key is wrong", _ONE_401 + "“the credentials were refused”"),
    Story("expired-token", "The token has expired (APIGW.0307)", _ONE_401 + "the reason is said"),
    Story("expired-temporary-key", "The temporary key has expired (IAM.1108)", _ONE_401 + "the reason is said"),
    Story(
        "clock-skew",
        "The local clock is an hour behind",
        _ONE_401 + "“the local clock is 60 minutes behind the server's”",
    ),
    Story(
        "refused-in-the-middle",
        "The key is withdrawn while jobs run",
        _ONE_401 + "the ids of all jobs are saved, and the next `up` sends nothing",
    ),
    Story(
        "ctrl_c",
        "Ctrl-C while jobs run",
        "the wait ends while they run, job ids are saved, the phones show as stopping; the next `up` joins them",
    ),
    Story(
        "kill_9_of_the_cli",
        "kill -9 of the CLI while the first wave of a fleet runs",
        "the provider process ends by itself and begins no further wave; the next `up` joins the first and does the "
        "others",
    ),
    Story(
        "kill_9_of_the_provider",
        "kill -9 of the provider process while jobs run",
        "the `up` fails, the request's id stands in its output; the next `up` joins the phones and sends nothing",
    ),
    Story(
        "the_stack_s_deadline",
        "A job is stuck: `cph:timeout` of 2 s",
        "as with the resource's own deadline: phones show as stopping, job ids are saved, the next `up` sends nothing",
    ),
    Story(
        "a_removal_that_is_refused",
        'A phone that leaves a fleet with `on_delete="stop"` is refused (CPS.0053), then the deletion is',
        "the phone stays in the saved fleet, the resource in the state, and the next `up` or `destroy` tries again",
    ),
    Story(
        "guard_rails",
        "More phones than `max_changes` (a number, a share) would get a request, or a `never_stop` phone would be "
        "stopped, by the program or by `on_delete`",
        "a check failure, nothing is sent; `CPH_MAX_CHANGES` lets one run through",
    ),
    Story(
        "only_warned_of",
        'Frozen phones of a fleet with `on_refused="warn"`, with and without `refresh: always`',
        "exit code 0, a warning for each, an empty next preview",
    ),
    Story(
        "refused_by_the_service_and_only_warned_of",
        'The service refuses a running phone of a fleet with `on_refused="warn"`',
        "exit code 0, a warning; the next preview names that phone alone, as it still runs",
    ),
    Story(
        "an_empty_look_up",
        "A look-up that finds nothing is handed to a fleet that had phones",
        "a warning says so; nothing is sent",
    ),
]
