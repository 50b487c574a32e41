"""The local executor: operations and local models by digest, and the pictures that it keeps decoded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import pytest
from PIL import Image, _imaging
from tests.workbench import Bench, step_of

from editchain.errors import StoreError
from editchain.executors.base import Failure, Made, Work
from editchain.executors.local import Decoded, LocalExecutor
from editchain.imaging import codec
from editchain.operations import load as load_operation
from editchain.operations.base import Picture
from editchain.providers import load as load_provider
from editchain.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable

    from editchain.plans.tasks import Plan


class Operation:
    """An operation that a test describes."""

    def __init__(self, apply: Callable[..., Picture]) -> None:
        self.apply = apply


def executor(bench: Bench, plan: Plan, operation: Callable[[str], Any] = load_operation) -> LocalExecutor:
    with bench.workspace() as workspace:
        assert workspace.journal is not None  # opened, as in a run: a store without one is refused
        digests = workspace.digest_inputs(plan.pipeline)
    return LocalExecutor(
        Store(bench.root / ".editchain"), digests.digest, operation, load_provider, workers=1
    )


def work(plan: Plan, name: str, ordinal: int = 0) -> Work:
    one = step_of(plan, name)
    key = one.keys[ordinal]
    assert key is not None
    return Work(one, ordinal, key)


def planned(bench: Bench, steps: str) -> Plan:
    return bench.plan(bench.write(f"steps:\n{steps}"))


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_batch_gives_an_outcome_for_each_task_in_order(bench: Bench, backend: str) -> None:
    plan = planned(bench, "  s: {for_each: {x: ['0', '1', '2']}, operation: text, image: a.png, text: $x}\n")

    def apply(*, text: str, image: Image.Image, **_fields: Any) -> Picture:
        if text == "1":
            raise ValueError("odd")
        return Picture(image.resize((10 + int(text), 5)))

    made = executor(bench, plan, lambda _name: Operation(apply))
    batch = [work(plan, "s", at) for at in (2, 1, 0)]
    two, one, zero = anyio.run(made.execute, batch, backend=backend)
    assert isinstance(two, Made)
    assert isinstance(zero, Made)
    assert (two.width, two.height, two.media_type, zero.width) == (12, 5, "image/png", 10)
    assert one == Failure("failed", "ValueError: odd")


def test_what_takes_longer_than_its_step_gives_it_has_failed_and_is_not_kept(bench: Bench) -> None:
    fields = "operation: resize, image: a.png, width: 4"
    plan = planned(bench, f"  short: {{{fields}, timeout: 0.000001}}\n  long: {{{fields}, timeout: 3600}}\n")
    short, long = executor(bench, plan).execute_here([work(plan, "short"), work(plan, "long")])
    assert isinstance(short, Failure)
    assert short.message.endswith("s, and the step gives a task 1e-06 s (timeout).")
    assert not short.is_final
    assert isinstance(long, Made)


def test_operations_get_their_fields_with_defaults_and_nothing_for_the_rest(bench: Bench) -> None:
    plan = planned(bench, "  s: {operation: resize, image: a.png, width: 4}\n")
    seen: dict[str, Any] = {}

    def apply(**fields: Any) -> Picture:
        seen.update(fields)
        return Picture(fields["image"])

    executor(bench, plan, lambda _name: Operation(apply)).execute_here([work(plan, "s")])
    assert seen.pop("image").size == (8, 6)
    assert seen == {
        "width": 4,
        "height": None,
        "scale": None,
        "fit": "inside",
        "anchor": "centre",
        "enlarge": True,
        "sampling": "lanczos",
    }


def test_what_is_made_is_in_the_store_under_the_digest_of_its_bytes(bench: Bench) -> None:
    plan = planned(bench, "  s: {operation: convert, image: a.png, format: jpeg, quality: 80}\n")
    (made,) = executor(bench, plan).execute_here([work(plan, "s")])
    assert isinstance(made, Made)
    data = Store(bench.root / ".editchain").read(made.digest)
    assert (made.media_type, made.size) == ("image/jpeg", len(data))
    assert codec.decode(data).size == (8, 6)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_a_picture_that_is_kept_is_what_its_bytes_decode_to(bench: Bench, mode: str) -> None:
    """Else what follows would come out otherwise in the run that made it and in the next one."""
    plan = planned(bench, "  s: {operation: flip, image: a.png}\n  t: {operation: flip, image: $s}\n")
    seen: list[Image.Image] = []

    def apply(*, image: Image.Image, **_fields: Any) -> Picture:
        seen.append(image)
        marked = image.convert(mode)
        marked.info["comment"] = "x"
        return Picture(marked)

    first = executor(bench, plan, lambda _name: Operation(apply))
    (made,) = first.execute_here([work(plan, "s")])
    assert isinstance(made, Made)
    step_of(plan, "s").digests[0] = made.digest
    first.execute_here([work(plan, "t")])
    executor(bench, plan, lambda _name: Operation(apply)).execute_here([work(plan, "t")])
    _, kept, decoded = seen
    assert (kept.mode, kept.size, kept.tobytes()) == (decoded.mode, decoded.size, decoded.tobytes())


def test_the_memory_of_a_large_picture_goes_to_the_next_one(bench: Bench) -> None:
    plan = planned(bench, "  s: {for_each: {x: ['0', '1']}, operation: text, image: a.png, text: $x}\n")
    reused = []

    def apply(**_fields: Any) -> Picture:
        before = _imaging.get_stats()["reused_blocks"]
        Image.new("RGB", (4000, 3000))
        reused.append(_imaging.get_stats()["reused_blocks"] - before)
        return Picture(Image.new("L", (1, 1)), "png")

    ours = executor(bench, plan, lambda _name: Operation(apply))
    ours.execute_here([work(plan, "s", 0), work(plan, "s", 1)])
    assert reused[1] > 1
    bench.run(bench.write("steps:\n  s: {operation: flip, image: a.png}\n"))
    assert _imaging.get_stats()["blocks_cached"] == 0  # a run that is over keeps none


def test_a_damaged_object_is_the_stores_trouble_and_no_failed_task(bench: Bench) -> None:
    plan = planned(bench, "  s: {operation: flip, image: a.png}\n  t: {operation: flip, image: $s}\n")
    step_of(plan, "s").digests[0] = b"0" * 32
    with pytest.raises(StoreError):
        executor(bench, plan).execute_here([work(plan, "t")])


def test_a_model_gets_the_said_seed_or_one_of_its_key(bench: Bench) -> None:
    plan = planned(
        bench,
        "  s: {model: darkroom, image: a.png, prompt: add film grain}\n  f: {model: darkroom, image: a.png, prompt: add film grain, seed: 0}\n",
    )
    one = executor(bench, plan)
    derived, fixed = one.execute_here([work(plan, "s"), work(plan, "f")])
    assert isinstance(derived, Made)
    assert isinstance(fixed, Made)
    assert derived.seed == int.from_bytes(work(plan, "s").key[:4], "big") & 0x7FFFFFFF
    assert fixed.seed == 0


def test_a_request_has_defaults_references_in_order_and_options_of_its_route(bench: Bench) -> None:
    plan = planned(
        bench,
        "  s: {model: darkroom, image: a.png, references: [b.png, a.png], prompt: sepia, strength: 0.5, provider_options: {darkroom: {x: 1}, fal: {y: 2}}}\n",
    )
    request = executor(bench, plan).request_of(work(plan, "s"))
    assert dict(request.fields) == {"prompt": "sepia", "strength": 0.5, "aspect_ratio": "auto"}
    a, b = request.images["image"][0].digest, request.images["references"][0].digest
    assert [blob.digest for blob in request.images["references"]] == [b, a]
    assert a != b
    assert request.options == {"x": 1}


def test_what_an_operation_makes_of_a_missing_reference_is_a_failure_with_a_name(bench: Bench) -> None:
    plan = planned(bench, "  s: {operation: flip, image: a.png}\n")
    one = executor(bench, plan)
    (bench.root / "a.png").unlink()
    (outcome,) = one.execute_here([work(plan, "s")])
    assert isinstance(outcome, Failure)
    assert "a.png cannot be read" in outcome.message


# ---------------------------------------------------------------------- decoded pictures


def encoded(colour: int) -> bytes:
    return codec.encode(Image.new("RGB", (10, 10), (colour, 0, 0)), "png")


def test_a_picture_is_decoded_once() -> None:
    decoded = Decoded()
    reads: list[int] = []

    def read() -> bytes:
        reads.append(1)
        return encoded(1)

    assert decoded.get(b"1", read) is decoded.get(b"1", read)
    assert len(reads) == 1


def test_the_oldest_go_when_there_is_no_room_and_large_ones_are_not_kept() -> None:
    decoded = Decoded(budget_bytes=1300)  # room for four of 300 bytes
    for number in range(5):
        decoded.get(bytes([number]), lambda number=number: encoded(number))  # type: ignore[misc]  # bound now
    reads: list[int] = []
    for number in (4, 3, 2, 1, 0):
        decoded.get(bytes([number]), lambda number=number: (reads.append(number), encoded(number))[1])  # type: ignore[misc,func-returns-value]  # notes and reads
    assert reads == [0]
    small = Decoded(budget_bytes=1000)
    first = small.get(b"x", lambda: encoded(1))
    assert small.get(b"x", lambda: encoded(1)) is not first


def test_a_random_seed_is_another_in_every_run_and_recorded(bench: Bench) -> None:
    plan = planned(bench, "  s: {model: darkroom, image: a.png, prompt: add film grain, seed: random}\n")
    with bench.workspace() as workspace:
        assert workspace.journal is not None
        digests = workspace.digest_inputs(plan.pipeline)
    seeds = iter((11, 12))
    one = LocalExecutor(
        Store(bench.root / ".editchain"),
        digests.digest,
        load_operation,
        load_provider,
        workers=1,
        chance=lambda: next(seeds),
    )
    first, second = one.execute_here([work(plan, "s"), work(plan, "s")])
    assert isinstance(first, Made)
    assert isinstance(second, Made)
    assert (first.seed, second.seed) == (11, 12)
    assert first.digest != second.digest
    # A vendor is left to choose by itself.
    assert one.request_of(work(plan, "s")).seed is None
