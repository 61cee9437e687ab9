"""Which jobs are asked about, and how often."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from random import Random

import pytest

from pulumi_cph.api.models import JOB_FAILED, JOB_RUNNING, JOB_SUCCEEDED, Job
from pulumi_cph.dispatch.polling import Answer, JobPolling


def job(job_id: str, status: int = JOB_SUCCEEDED) -> Job:
    return Job(job_id, None, status, None, None)


def requests(count: int) -> list[str]:
    return [f"r{n:03}" for n in range(count)]


def jobs_of(request_id: str, count: int = 100) -> list[str]:
    return [f"{request_id}/{n:03}" for n in range(count)]


class Wait:
    """Waits for jobs as the core does, tick by tick; answers come at once. Counts the listings."""

    def __init__(
        self,
        ends: Callable[[str], float],
        *,
        order: Callable[[list[str]], Sequence[str]] = list,
        spoilt: Iterable[str] = (),
    ) -> None:
        self.polling = JobPolling()
        self.jobs: dict[str, list[str]] = {}
        self.now = 0.0
        self.listings: list[tuple[float, tuple[str, ...]]] = []
        self.ended: dict[str, float] = {}
        self.ticks = 0
        self._ends = ends
        self._order = order
        self._spoilt = set(spoilt)

    def post(self, *request_ids: str, jobs: int = 100) -> Wait:
        for request_id in request_ids:
            self.jobs[request_id] = jobs_of(request_id, jobs)
            self.polling.add(request_id, self.jobs[request_id], self.now)
        return self

    def run(self, until: float = 10_000.0) -> Wait:
        while self.polling and self.now < until:
            self.now += self.polling.interval(self.now)
            self.ticks += 1
            self._ask(self.polling.tick(self.now))
        return self

    def _ask(self, groups: list[tuple[str, ...]]) -> None:
        waiting = list(groups)
        while waiting:
            asked = waiting.pop(0)
            self.listings.append((self.now, asked))
            if self._spoilt & set(asked):
                waiting += self.polling.failed(asked, self.now, doubtful=True)
                continue
            shown = self._order([j for r in asked for j in self.jobs[r]])[:100]
            answer = self.polling.listed(asked, [job(j, self._status(j)) for j in shown], self.now)
            for ended in answer.ended:
                assert ended.job_id not in self.ended, "told twice"
                self.ended[ended.job_id] = self.now
            waiting += answer.next

    def _status(self, job_id: str) -> int:
        return JOB_SUCCEEDED if self._ends(job_id) <= self.now else JOB_RUNNING

    def late(self) -> float:
        """The longest delay between a job's end and its being told, as a part of the job's length."""
        return max((told - self._ends(j)) / self._ends(j) for j, told in self.ended.items())


def test_one_request_of_equal_jobs_costs_one_listing_a_tick() -> None:
    wait = Wait(lambda _: 30.0).post("r").run()

    assert len(wait.ended) == 100
    assert len(wait.listings) == wait.ticks <= 30


@pytest.mark.parametrize("count", [2, 20, 21, 100])
def test_equal_jobs_cost_a_listing_for_each_tick_and_group_and_one_for_each_request(count: int) -> None:
    wait = Wait(lambda _: 30.0).post(*requests(count)).run()

    groups = -(-count // 20)
    assert len(wait.ended) == 100 * count
    assert len(wait.listings) <= wait.ticks * groups + count


def test_groups_behind_the_first_are_visited_more_rarely() -> None:
    wait = Wait(lambda _: 60.0).post(*requests(100)).run(until=59.0)

    first = [asked for _, asked in wait.listings if "r000" in asked]
    last = [asked for _, asked in wait.listings if "r099" in asked]
    assert len(first) == wait.ticks
    assert len(last) < 0.75 * len(first)


def test_the_delay_after_an_end_is_a_small_fraction_of_the_wait() -> None:
    for seconds in (1.0, 5.0, 30.0, 120.0, 1_000.0):
        wait = Wait(lambda _, s=seconds: s).post(*requests(10)).run()  # type: ignore[misc]

        assert wait.late() <= (0.5 if seconds < 5 else 0.11)


@pytest.mark.parametrize("seed", range(5))
def test_listings_may_come_in_another_order_every_time(seed: int) -> None:
    random = Random(seed)

    def shuffled(job_ids: list[str]) -> list[str]:
        return random.sample(job_ids, len(job_ids))

    wait = Wait(lambda _: 30.0, order=shuffled).post(*requests(40)).run()

    assert len(wait.ended) == 4_000
    assert len(wait.listings) <= 2 * wait.ticks + 40


@pytest.mark.parametrize("newest_first", [False, True])
def test_one_slow_job_that_fills_the_sample_hides_nobody_elses_end(newest_first: bool) -> None:
    slow = "r019/000" if newest_first else "r000/000"
    order = (lambda ids: ids[::-1]) if newest_first else list
    wait = Wait(lambda j: 600.0 if j == slow else 10.0 if j.startswith(slow[:4]) else 12.0, order=order).post(
        *requests(20)
    )
    wait.run()

    others = {told for j, told in wait.ended.items() if j != slow}
    assert max(others) < 20.0
    assert wait.ended[slow] < 660.0


@pytest.mark.parametrize("seed", range(3))
def test_jobs_of_differing_length_are_told_of_within_half_of_their_length(seed: int) -> None:
    random = Random(seed)
    length = {j: random.uniform(10, 100) for r in requests(20) for j in jobs_of(r)}

    wait = Wait(length.__getitem__).post(*requests(20)).run()

    assert len(wait.ended) == 2_000
    assert wait.late() < 0.5
    assert len(wait.listings) < 20 * 20


@pytest.mark.parametrize("count", [20, 100])
def test_a_sample_that_shows_that_requests_are_not_over_spares_asking_about_each_of_them(count: int) -> None:
    """Jobs of 5 to 7.5 s, listed in another order on every call, in one group and in five."""
    random = Random(0)
    length = {j: random.uniform(5, 7.5) for r in requests(count) for j in jobs_of(r)}

    wait = Wait(length.__getitem__, order=lambda ids: random.sample(ids, len(ids))).post(*requests(count)).run()

    alone = [at for at, asked in wait.listings if len(asked) == 1]
    soon = [at for at in alone if at < min(wait.ended.values()) + 1.0]
    assert len(soon) <= count / 20, "hardly any, as nearly every request is in a sample"
    assert len(alone) <= 2.1 * count


def test_a_request_seen_at_work_speaks_for_those_that_were_posted_after_it() -> None:
    """A hundred requests are posted in the course of some seconds; every job takes ten seconds."""
    posted: dict[str, float] = {}
    wait = Wait(lambda j: posted[j[:4]] + 10.0)
    for number, request_id in enumerate(requests(100)):
        posted[request_id] = wait.now
        wait.post(request_id).run(until=number / 40)

    wait.run()

    alone = [asked for at, asked in wait.listings if len(asked) == 1 and at > 2.5]
    assert len(wait.ended) == 10_000
    assert len(alone) <= 1.4 * 100


def test_what_ended_of_a_request_is_told_though_samples_go_on_to_show_the_rest_of_it() -> None:
    """Half of all jobs take ten times as long as the others, and every sample shows some of those."""
    random = Random(0)
    length = {j: 5.0 if int(j[-1]) % 2 else 50.0 for r in requests(20) for j in jobs_of(r)}

    wait = Wait(length.__getitem__, order=lambda ids: random.sample(ids, len(ids))).post(*requests(20)).run()

    assert max(told for j, told in wait.ended.items() if length[j] == 5.0) <= 8.0


def test_a_request_that_spoils_its_groups_listing_delays_the_others_little() -> None:
    wait = Wait(lambda _: 30.0, spoilt=["r003"]).post(*requests(20)).run(until=60.0)

    assert len(wait.ended) == 1_900
    assert wait.late() < 0.4


def test_a_listing_that_fails_for_no_reason_of_its_own_is_tried_again_by_the_next_tick() -> None:
    polling = JobPolling()
    for request_id in requests(5):
        polling.add(request_id, jobs_of(request_id), 0.0)
    group = polling.tick(100.0)[0]

    assert polling.failed(group, 100.0, doubtful=False) == []
    assert polling.tick(110.0) == [group]


def test_there_is_no_tick_while_listings_of_the_last_are_under_way() -> None:
    polling = JobPolling()
    polling.add("r", ["j"], 0.0)

    assert polling.tick(1.0) == [("r",)]
    assert polling.tick(2.0) == []


def single(count: int = 3, posted: float = 0.0) -> JobPolling:
    polling = JobPolling()
    polling.add("r", [f"j{n}" for n in range(count)], posted)
    return polling


def ask(polling: JobPolling, now: float, *jobs: Job) -> Answer:
    assert polling.tick(now) == [("r",)]
    return polling.listed(("r",), jobs, now)


def test_ends_are_told_once_good_and_bad_ones() -> None:
    polling = single()

    first = ask(polling, 1.0, job("j0"), job("j1", JOB_FAILED), job("j2", JOB_RUNNING))
    second = ask(polling, 2.0, job("j0"), job("j1", JOB_FAILED), job("j2", JOB_RUNNING))

    assert [ended.job_id for ended in first.ended] == ["j0", "j1"]
    assert second.ended == []


def test_a_status_that_is_not_published_is_no_end() -> None:
    assert ask(single(1), 1.0, job("j0", 3)).ended == []


def test_jobs_that_nobody_waits_for_are_passed_over() -> None:
    assert ask(single(1), 1.0, job("other"), job("j0", JOB_RUNNING)).ended == []


def test_a_job_that_is_not_listed_has_some_seconds_to_appear_before_it_is_asked_for_itself() -> None:
    polling = single()

    assert ask(polling, 2.9, job("j0", JOB_RUNNING)).absent == []
    assert ask(polling, 3.0, job("j0", JOB_RUNNING)).absent == ["j1", "j2"]


def test_a_job_is_not_asked_for_itself_again_while_the_answer_is_awaited() -> None:
    polling = single()
    ask(polling, 3.0, job("j0", JOB_RUNNING))
    polling.shown("j1")

    assert ask(polling, 4.0, job("j0", JOB_RUNNING)).absent == ["j1"]


def test_absence_from_the_listing_of_several_requests_says_nothing() -> None:
    polling = JobPolling()
    polling.add("a", ["a0"], 0.0)
    polling.add("b", ["b0"], 0.0)
    asked = polling.tick(10.0)[0]

    assert polling.listed(asked, [job("a0", JOB_RUNNING)], 10.0).absent == []


def test_nothing_is_left_when_every_job_has_ended_or_was_dropped() -> None:
    polling = single()
    polling.drop("j0")
    polling.drop("j0")
    ask(polling, 1.0, job("j1"), job("j2"))

    assert not polling
    assert polling.tick(2.0) == []


def test_an_answer_about_a_request_that_was_dropped_meanwhile_is_harmless() -> None:
    polling = single(1)
    asked = polling.tick(1.0)[0]
    polling.drop("j0")

    answer = polling.listed(asked, [job("j0")], 5.0)

    assert (answer.ended, answer.absent, answer.next) == ([], [], [])


def test_ticks_follow_the_youngest_request() -> None:
    polling = JobPolling()
    polling.add("old", ["a"], 0.0)
    assert polling.interval(60.0) == 6.0

    polling.add("young", ["b"], 60.0)
    assert polling.interval(60.0) == 0.5
