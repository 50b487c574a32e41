"""Every fault that the engine is built for has a guard, and every guard a test that fails when it is taken out.

Each line of `GUARDS` is a fault, the place of its guard, what stands there instead once it is taken out, and the test. The
slow test here does that with a copy of the engine. The guards that hold against kills and power cuts are taken out in
`tests/simulation`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = Path("engine") / "editchain"


@dataclass(frozen=True)
class Guard:
    """`there` stands once in the module and is replaced by `instead`; then `test` (of `tests/`) has to fail."""

    fault: str
    module: str
    there: str
    instead: str
    test: str


FAULTS = "runs/test_faults.py::test_"
CALLING = "runs/test_calling.py::test_"
STOPPING = "runs/test_stopping.py::test_"
JOURNAL = "journal/test_journal.py::test_"
STORE = "test_store.py::test_"
DELIVERIES = "runs/test_deliveries.py::test_"
MISBEHAVING = "providers/test_misbehaving.py::test_"

GUARDS = [
    # The disk
    Guard(
        "a full disk while a paid picture is stored",
        "runs/books.py",
        "made: Made = await self.with_room(put, StoreError if is_only_copy else DiskFull)",
        "made: Made = await put()",
        FAULTS + "paid_bytes_are_held_while_the_disk_is_full",
    ),
    Guard(
        "a broken disk while there is a picture that its vendor gives once",
        "runs/books.py",
        "self.with_room(put, StoreError if is_only_copy else DiskFull)",
        "self.with_room(put)",
        FAULTS + "a_picture_that_is_nowhere_else_is_held_whatever_is_wrong_with_the_disk",
    ),
    Guard(
        "a full disk while the journal is written",
        "runs/books.py",
        "await self.with_room(self.committer.durable, StoreError if is_charged else DiskFull)",
        "await self.committer.durable()",
        FAULTS + "a_full_journal_is_waited_for_too",
    ),
    Guard(
        "a locked journal while there is a job's id to be written",
        "runs/books.py",
        "self.committer.durable, StoreError if is_charged else DiskFull",
        "self.committer.durable",
        FAULTS + "that_something_was_charged_is_held_while_the_journal_cannot_be_written",
    ),
    Guard(
        "requests that go out while paid pictures wait for room",
        "runs/buying.py",
        "while self._books.is_full:",
        "while False:",
        FAULTS + "who_was_refused_meanwhile_is_not_sent_again_before_there_is_room",
    ),
    Guard(
        "a disk that is nearly full before anything is bought",
        "store.py",
        "if (free := self.free_bytes()) < least_bytes:",
        "if (free := self.free_bytes()) < 0:",
        FAULTS + "a_disk_with_no_room_for_pictures_is_refused_before_anything_is_bought",
    ),
    Guard(
        "a read-only store",
        "runs/running.py",
        "    workspace.store.refuse_unwritable(LEAST_ROOM_BYTES)\n",
        "",
        FAULTS + "a_store_that_cannot_be_written_is_refused_before_anything_is_bought",
    ),
    Guard(
        "a read-only folder of outputs",
        "runs/running.py",
        "    refuse_unwritable(options.out)\n",
        "",
        FAULTS + "outputs_that_cannot_be_written_are_refused_before_anything_is_bought",
    ),
    Guard(
        "a write that failed half-way",
        "journal/writing.py",
        "                self._give_back(group)\n",
        "                pass\n",
        JOURNAL + "what_could_not_be_written_waits_for_the_next_commit",
    ),
    # What lies on it
    Guard(
        "a damaged object",
        "store.py",
        "        if sha256(data).digest() != digest:\n",
        "        if False:\n",
        STORE + "a_damaged_object_is_set_aside_and_named",
    ),
    Guard(
        "a damaged object of the name and length of a paid one",
        "store.py",
        "if sha256(_read_all(descriptor)).digest() != sha256(data).digest():",
        "if False:",
        STORE + "paid_bytes_replace_damaged_ones_of_the_same_name_and_length",
    ),
    Guard(
        "results without a journal",
        "journal/opening.py",
        '    if _has_objects(folder) or os.path.exists(f"{folder}/records.jsonl"):\n',
        "    if False:\n",
        JOURNAL + "results_without_a_journal_are_not_a_fresh_start",
    ),
    Guard(
        "a damaged journal",
        "journal/opening.py",
        '    if answer != "ok":\n',
        "    if False:\n",
        JOURNAL + "a_damaged_journal_names_the_way_out",
    ),
    Guard(
        "a journal of a newer release",
        "journal/opening.py",
        "    if number > SHAPE:\n        raise shape_error(folder, number)\n    if number == 0:",
        "    if number == 0:",
        JOURNAL + "a_newer_journal_is_left_alone",
    ),
    Guard(
        "a network file system",
        "journal/opening.py",
        "    if kind in platform.NETWORK_FILE_SYSTEMS:\n",
        "    if False:\n",
        JOURNAL + "a_journal_on_a_network_is_refused",
    ),
    Guard(
        "a lock that nobody gives back",
        "journal/presence.py",
        "            if time.monotonic() > deadline:\n",
        "            if time.monotonic() > deadline + 5:\n                return\n            if False:\n",
        "journal/test_presence.py::test_a_mutex_that_nobody_gives_back_names_its_holder",
    ),
    Guard(
        "a line of the records that a dead process cut",
        "journal/recordfile.py",
        'elif os.pread(descriptor, 1, size - 1) != b"\\n":',
        "elif False:",
        JOURNAL + "a_line_that_was_cut_does_not_spoil_the_next",
    ),
    Guard(
        "a commit that the system had not flushed",
        "journal/opening.py",
        '    connection.execute("PRAGMA synchronous = FULL")\n',
        '    connection.execute("PRAGMA synchronous = NORMAL")\n',
        JOURNAL + "commits_survive_power_cuts_by_these_settings",
    ),
    Guard(
        "files that a dead process left half-written",
        "store.py",
        "                where.update((self._objects, *self._object_folders()))\n",
        "                pass\n",
        STORE + "what_a_dead_writer_left_is_swept",
    ),
    Guard(
        "leftovers, where a run has nothing else to do",
        "store.py",
        'return bool(presence.dead(f"{self._folder}/writers"))',
        "return False",
        STORE + "what_one_left_that_died_while_it_looked_whether_it_can_write_is_swept",
    ),
    Guard(
        "a published file that somebody changed",
        "runs/recording.py",
        "            elif one.guard:\n",
        "            elif False:\n",
        "runs/test_recording.py::test_what_somebody_changed_is_left_alone_and_named",
    ),
    # Clocks
    Guard(
        "a clock that is wrong when a request goes out",
        "runs/buying.py",
        "begun_at=asking.session.client.vendor_now,",
        "begun_at=None,",
        "runs/test_clocks.py::test_a_clock_that_was_ahead_hides_no_job_once_it_is_set_right",
    ),
    Guard(
        "a list of jobs that lags behind",
        "providers/scenario.py",
        "    if not is_settled:\n",
        "    if False:\n",
        "runs/test_clocks.py::test_a_clock_that_is_behind_does_not_make_a_list_believed_too_early",
    ),
    # The network, and what vendors answer
    Guard(
        "a connection that is cut after the request went out",
        "runs/buying.py",
        "        except ReplyLost as error:\n            return Unknown(str(error))\n",
        "        except ReplyLost as error:\n            return NotSent(str(error))\n",
        CALLING + "a_lost_reply_is_held_and_never_sent_again_by_itself",
    ),
    Guard(
        "an answer that breaks the reading of it",
        "runs/buying.py",
        'return Unknown(f"The answer could not be read ({type(error).__name__}: {error}).")',
        "return NotSent(str(error))",
        FAULTS + "an_answer_that_breaks_the_reading_of_it_is_unknown",
    ),
    Guard(
        "a refusal of a second request, taken for the answer to the first",
        "runs/buying.py",
        "            if isinstance(answer, (Accepted, Finished, Failed))\n            else Unknown(",
        "            if True\n            else Unknown(",
        FAULTS + "a_refusal_of_a_replay_says_nothing_of_the_first_request",
    ),
    Guard(
        "trouble with polls",
        "runs/collecting.py",
        "lambda: vendor.provider.poll(session, vendor_id), sys.maxsize",
        "lambda: vendor.provider.poll(session, vendor_id), 1",
        FAULTS + "trouble_with_polls_never_sends_again",
    ),
    Guard(
        "a job that never ends",
        "runs/collecting.py",
        "limit = seconds or vendor.provider.capabilities.job_seconds",
        "limit = 1e9",
        FAULTS + "a_job_that_says_nothing_new_for_ever_is_open_after_its_time",
    ),
    Guard(
        "a job that is not listed at once",
        "runs/collecting.py",
        "if len(absent) >= LOST_POLLS and absent[-1] - absent[0] >= LOST_SECONDS:",
        "if absent:",
        CALLING + "a_job_that_is_not_listed_at_once_is_waited_for",
    ),
    Guard(
        "a job that its vendor loses",
        "runs/collecting.py",
        "if len(absent) >= LOST_POLLS and absent[-1] - absent[0] >= LOST_SECONDS:",
        "if False:",
        CALLING + "a_job_that_its_vendor_does_not_know_for_a_minute_is_lost_and_not_bought_again",
    ),
    Guard(
        "a vendor that fails after it charged",
        "runs/collecting.py",
        '        if charged != "no":\n            self._books.refuse(',
        "        if False:\n            self._books.refuse(",
        CALLING + "a_vendor_that_charges_and_gives_nothing_at_once_is_not_asked_again",
    ),
    Guard(
        "moderation and wrong fields, asked for again",
        "runs/buying.py",
        '        self._books.refuse(call, detail.samples, answer.reason, answer.message, "no")\n',
        "",
        CALLING + "a_refusal_is_remembered_and_not_asked_for_again",
    ),
    Guard(
        "too many requests, each of which is refused by itself",
        "runs/buying.py",
        "if vendor.pace.slow(now, began, wait, answer.parallel):",
        "if False:",
        FAULTS + "a_slow_down_is_shared_by_all_calls_to_the_account",
    ),
    Guard(
        "a vendor that wants hours",
        "runs/buying.py",
        "if wait > LONGEST_WAIT_SECONDS:",
        "if False:",
        DELIVERIES + "a_vendor_that_wants_years_is_asked_once_in_a_run",
    ),
    Guard(
        "an outage, multiplied by retries",
        "runs/pacing.py",
        "        if self._credit < SUCCESSES_FOR_ONE:\n            return False\n",
        "",
        FAULTS + "an_outage_is_not_multiplied",
    ),
    Guard(
        "a refused credential",
        "runs/buying.py",
        "        if answer.stops_all:\n            asking.vendor.close(",
        "        if False:\n            asking.vendor.close(",
        CALLING + "a_refusal_of_the_credential_stops_all_calls_to_the_vendor",
    ),
    Guard(
        "a picture that is cut, or something else in its place",
        "runs/books.py",
        "        codec.decode(data)\n",
        "",
        CALLING + "a_download_that_is_no_picture_is_fetched_again",
    ),
    Guard(
        "an address that has expired",
        "runs/collecting.py",
        "                self._answer = fresh\n",
        "                pass\n",
        FAULTS + "an_expired_address_is_read_afresh_from_the_job",
    ),
    Guard(
        "a result that its vendor deleted",
        "runs/collecting.py",
        'raise NoPicture("rejected", f"it was charged, and its picture is lost: {error}") from error',
        'raise NoPicture("failed", f"it was charged, and its picture is lost: {error}") from error',
        FAULTS + "a_picture_that_the_vendor_no_longer_has_was_charged_and_is_lost",
    ),
    Guard(
        "one job for two calls",
        "runs/buying.py",
        "            if other is not None:\n",
        "            if False:\n",
        FAULTS + "one_job_for_two_calls_is_noticed",
    ),
    Guard(
        "one picture for two requests",
        "runs/books.py",
        "        self._compare(call, sample, made.digest)\n",
        "",
        FAULTS + "one_picture_for_two_requests_is_noticed",
    ),
    Guard(
        "a second vendor asked where the first may have charged",
        "runs/buying.py",
        "        if answer.stops_all or answer.reason in ELSEWHERE:\n",
        "        if True:\n",
        FAULTS + "the_next_provider_is_not_asked_otherwise",
    ),
    Guard(
        "credentials sent to another host",
        "http.py",
        "        if not self.trusts(path):\n",
        "        if False:\n",
        "providers/test_client.py::test_an_address_of_the_vendor_is_asked_as_it_is_and_no_other",
    ),
    # Several processes
    Guard(
        "two processes that want the same key",
        "journal/writing.py",
        "        return {key: alive[id_] for key, id_ in claims.items() if id_ in alive}\n",
        "        return {}\n",
        JOURNAL + "what_another_process_holds_is_not_ours",
    ),
    Guard(
        "two processes that come to the same request",
        "journal/writing.py",
        "        blocked = self._obstacle(start, keys)\n",
        "        blocked = None\n",
        FAULTS + "two_runs_that_come_to_one_request_by_different_keys_buy_it_once",
    ),
    Guard(
        "two processes that find the same open call",
        "runs/calling.py",
        'if journal.is_alive(call.owner or "") or journal.claim(keys) or journal.call(call.id) != call:',
        'if journal.is_alive(call.owner or ""):',
        FAULTS + "two_runs_that_find_the_same_open_call_take_it_up_one_after_the_other",
    ),
    Guard(
        "two tasks of one run that come to the same request",
        "runs/calling.py",
        "                await held.enter_async_context(self._locks.setdefault(key, anyio.Lock()))\n",
        "                pass\n",
        FAULTS + "two_tasks_of_one_run_that_come_to_one_request_buy_it_once",
    ),
    Guard(
        "a claim whose holder is dead",
        "journal/presence.py",
        "        return not platform.try_lock(descriptor, shared=True)\n",
        "        return True\n",
        JOURNAL + "the_dead_are_swept_when_the_next_one_opens",
    ),
    Guard(
        "a call that is taken over from the dead",
        "journal/writing.py",
        '            return Blocked("call", call=call, owner=owner)\n',
        "            pass\n",
        JOURNAL + "who_takes_over_from_the_dead_sees_that_a_request_may_be_out",
    ),
    # Stops, edits, money
    Guard(
        "a signal while replies that hold pictures are out",
        "runs/buying.py",
        "with self._repeater.until_stop(self._grace) as scope:",
        "with self._repeater.until_stop(0.0) as scope:",
        STOPPING + "replies_that_hold_pictures_are_waited_for_and_the_screen_says_so",
    ),
    Guard(
        "a signal while a poll hangs",
        "runs/collecting.py",
        "with self._repeater.until_stop() as stop, anyio.move_on_after(limit):",
        "with self._repeater.until_stop(9e9) as stop, anyio.move_on_after(limit):",
        STOPPING + "a_poll_that_hangs_does_not_hold_up_a_stop",
    ),
    Guard(
        "a signal while something gets ready to send",
        "runs/buying.py",
        '        if self._repeater.stop.is_asked:\n            raise NoPicture("stopped", "the run was stopped first")\n        request',
        "        request",
        STOPPING + "nothing_is_sent_after_a_stop_by_who_was_getting_ready",
    ),
    Guard(
        "a recipe that is edited between a stop and the next run",
        "runs/running.py",
        "    if not journal.open_calls():\n        return []\n",
        "    return []\n",
        "runs/test_recovering.py::test_it_is_fetched_although_nothing_asks_for_it",
    ),
    Guard(
        "a budget that many calls at once would pass",
        "journal/writing.py",
        "        message = start.budget(call, sums) if start.budget else None\n",
        "        message = None\n",
        CALLING + "a_budget_holds_at_any_concurrency",
    ),
    Guard(
        "a call of unknown price under a budget",
        "journal/ledger.py",
        '            if call.price_most is None:\n                return "under a budget a call without a known ceiling is not sent"\n',
        "            if call.price_most is None:\n                return None\n",
        CALLING + "under_a_budget_a_call_of_unknown_price_is_not_sent",
    ),
    Guard(
        "a price that has risen, where its vendor says so beforehand",
        "runs/buying.py",
        "if not isinstance(said, Quote):",
        "if True:",
        CALLING + "what_a_vendor_says_a_call_costs_is_reserved_before_it_is_sent",
    ),
    Guard(
        "a price that rises during a run",
        "journal/writing.py",
        "ledger.raised(start.call)",
        "start.call",
        CALLING + "a_budget_holds_while_the_vendor_takes_more_than_its_table_says",
    ),
    # What vendors say, and what they deliver
    Guard(
        "a vendor that says among an error's details when to come back",
        "providers/google.py",
        '    for detail in objects_in(error, "details"):\n        seconds = duration(',
        "    for detail in ():\n        seconds = duration(",
        "providers/test_google.py::test_refusals",
    ),
    Guard(
        "a header that says when to come back",
        "providers/answers.py",
        '_seconds(reply.headers.get("retry-after"), reply)',
        "None",
        "providers/test_scenario.py::test_when_a_busy_vendor_wants_to_be_asked_again",
    ),
    Guard(
        "an account that says how many jobs it takes at a time, unread",
        "providers/scenario.py",
        "parallel=min(limits, default=None),",
        "parallel=None,",
        "providers/test_scenario.py::test_one_job_too_many_at_a_time",
    ),
    Guard(
        "an account that says how many jobs it takes at a time, unheeded",
        "runs/pacing.py",
        "            self._most = parallel\n",
        "            pass\n",
        "runs/test_pacing.py::test_how_many_the_vendor_says_it_takes_is_the_most_from_then_on",
    ),
    Guard(
        "a job that failed and was charged, at scenario",
        "providers/scenario.py",
        'return bool(billing.get("disableRefund"))',
        "return False",
        "providers/test_scenario.py::test_the_bill_of_a_failed_job_is_true",
    ),
    Guard(
        "a job that failed and was charged, at runway",
        "providers/runway.py",
        "return otherwise if paid is None else paid > 0",
        "return False",
        "providers/test_runway.py::test_failures",
    ),
    Guard(
        "a job that failed and was charged, at bfl",
        "providers/bfl.py",
        "is_charged = None if cost is None else cost > 0",
        "is_charged = False",
        "providers/test_bfl.py::test_tasks_that_end_without_a_picture",
    ),
    Guard(
        "a job that failed and was charged, at fal",
        "providers/fal.py",
        "is_charged = None if units is None else units > 0",
        "is_charged = False",
        "providers/test_fal.py::test_requests_that_end_without_a_picture",
    ),
    Guard(
        "a job that failed and was charged, bought again",
        "runs/collecting.py",
        '        if charged != "no":\n            self._books.refuse(',
        "        if False:\n            self._books.refuse(",
        DELIVERIES + "a_failed_job_that_was_charged_is_remembered_and_one_that_was_not_is_tried_again",
    ),
    Guard(
        "a success that has no job in it, taken for a refusal",
        "providers/answers.py",
        'return Unknown(f"{vendor} answered with status {reply.status} and no {what}',
        'return Refused("refused", f"{vendor} answered with status {reply.status} and no {what}',
        MISBEHAVING + "an_answer_to_a_submit_that_cannot_be_read_leaves_it_open",
    ),
    Guard(
        "an answer that is followed by another one",
        "connections.py",
        "if not connection.is_available() or _has_more(connection):",
        "if not connection.is_available():",
        "providers/test_client.py::test_what_came_after_an_answer_is_not_taken_for_the_next_one",
    ),
    Guard(
        "a request that is sent elsewhere",
        "providers/answers.py",
        "if reply.status in MOVED and address:",
        "if False:",
        MISBEHAVING + "who_sends_a_request_elsewhere_is_not_followed_and_did_not_charge",
    ),
    Guard(
        "an answer that is a trap",
        "http.py",
        "unpacking.decompress(body, most)",
        "unpacking.decompress(body)",
        "providers/test_client.py::test_an_answer_that_is_far_too_large_is_not_read",
    ),
    Guard(
        "a vendor that does not want to be asked after a job for years",
        "runs/collecting.py",
        "await anyio.sleep(min(max(answer.poll_after_seconds, 0.05), LONGEST_POLL_SECONDS))",
        "await anyio.sleep(answer.poll_after_seconds)",
        DELIVERIES + "a_job_is_asked_after_every_minute_however_long_its_vendor_wants_to_be_left_alone",
    ),
    Guard(
        "a vendor that has no room, tried by every call",
        "runs/buying.py",
        "if vendor.pace.is_hopeless(now, PATIENCE_SECONDS):",
        "if False:",
        DELIVERIES + "a_vendor_without_room_for_ten_minutes_is_left_alone_by_all_calls",
    ),
    Guard(
        "paid bytes that are no picture here",
        "runs/collecting.py",
        "path = await self._books.set_aside(self._call, at, data)\n        return",
        'path = ""\n        return',
        DELIVERIES + "a_picture_in_the_answer_that_cannot_be_read_is_kept_for_a_person",
    ),
    Guard(
        "pictures beyond those asked for",
        "runs/collecting.py",
        "await source.keep_surplus(len(detail.samples))",
        "pass",
        DELIVERIES + "pictures_beyond_those_asked_for_are_kept_and_said",
    ),
]


def mended(guard: Guard) -> str:
    """The module without its guard."""
    text = (ROOT / PACKAGE / guard.module).read_text(encoding="utf-8")
    assert text.count(guard.there) == 1, (
        f"{guard.module} has it {text.count(guard.there)} times: {guard.there}"
    )
    return text.replace(guard.there, guard.instead)


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.fault)
def test_the_guard_is_where_it_is_said_to_be_and_so_is_its_test(guard: Guard) -> None:
    assert mended(guard)
    file, _, name = guard.test.partition("::")
    assert f"def {name}(" in (ROOT / "tests" / file).read_text(encoding="utf-8")


@pytest.mark.slow
def test_with_all_guards_all_of_those_tests_pass(tmp_path: Path) -> None:
    ran = ran_with(tmp_path, *dict.fromkeys(guard.test for guard in GUARDS))
    assert ran.returncode == 0, ran.stdout[-3000:]


@pytest.mark.slow
@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.fault)
def test_without_a_guard_its_test_fails(guard: Guard, tmp_path: Path) -> None:
    ran = ran_with(tmp_path, guard.test, without=guard)
    assert ran.returncode == 1, ran.stdout[-3000:] + ran.stderr[-3000:]
    assert "FAILED" in ran.stdout


def ran_with(folder: Path, *tests: str, without: Guard | None = None) -> subprocess.CompletedProcess[str]:
    """Tests against a copy of the engine, one guard taken out of it where one is named."""
    (folder / "schemas").symlink_to(ROOT / "schemas")
    shutil.copytree(ROOT / PACKAGE, folder / PACKAGE, ignore=shutil.ignore_patterns("__pycache__"))
    if without is not None:
        (folder / PACKAGE / without.module).write_text(mended(without), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(folder / "engine"), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-x", "-rf", "-p", "no:cacheprovider", *(f"tests/{test}" for test in tests)],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
