"""Planning: what is left to do, what of it is needed, and what it costs at most."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest
from tests.workbench import Remembered, keys_of, paint, plan_of, shipped, step_of, written

from editchain.plans.planning import published_tasks
from editchain.plans.tasks import CACHED, RUN, STATES, Plan, Way

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from editchain.models import Model
    from editchain.pipeline import Step

CHAIN = """
steps:
  one: {operation: flip, image: a.png}
  two: {operation: resize, image: $one, width: 4}
  three: {for_each: {x: ["1", "2"]}, operation: text, image: $two, text: $x}
outputs: {three: $three}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "editchain.toml").touch()
    paint(tmp_path / "a.png")
    paint(tmp_path / "b.png", (1, 2, 3))
    return tmp_path


def states(plan: Plan) -> dict[str, str]:
    return {one.task_name(at): STATES[one.states[at]] for one in plan.steps for at in one.ordinals()}


def known(plan: Plan, *names: str) -> Remembered:
    """A store with some of a plan's pictures."""
    keys = keys_of(plan)
    return Remembered({keys[name] or b"": sha256(name.encode()).digest() for name in names})


def test_everything_is_to_run_at_first(folder: Path) -> None:
    plan = plan_of(written(folder, CHAIN))
    assert states(plan) == {"one": "run", "two": "run", "three[x=1]": "run", "three[x=2]": "run"}
    assert (plan.total, plan.counts["run"], plan.is_settled, plan.calls) == (4, 4, False, 0)


def test_what_nothing_needs_any_more_is_not_made(folder: Path) -> None:
    """Only what is left to do has needs: a picture in the middle may be gone when what follows is there."""
    file = written(folder, CHAIN)
    plan = plan_of(file, known(plan_of(file), "three[x=1]", "three[x=2]"))
    assert states(plan) == {
        "one": "unneeded",
        "two": "unneeded",
        "three[x=1]": "cached",
        "three[x=2]": "cached",
    }
    assert plan.is_settled
    plan = plan_of(file, known(plan_of(file), "one", "three[x=1]"))
    assert states(plan) == {"one": "cached", "two": "run", "three[x=1]": "cached", "three[x=2]": "run"}


def test_what_is_published_is_wanted_although_it_is_needed_by_none(folder: Path) -> None:
    file = written(folder, CHAIN.replace("{three: $three}", "{one: $one, three: $three}"))
    plan = plan_of(file, known(plan_of(file), "three[x=1]", "three[x=2]"))
    assert states(plan)["one"] == "run"
    assert states(plan)["two"] == "unneeded"


def test_a_pinned_output_wants_one_task(folder: Path) -> None:
    plan = plan_of(written(folder, CHAIN.replace("$three}", "'${three[x=2]}'}")))
    assert states(plan) == {"one": "run", "two": "run", "three[x=1]": "unneeded", "three[x=2]": "run"}
    ((one, at),) = published_tasks(plan.pipeline.outputs[0], plan.by_step())
    assert one.task_name(at) == "three[x=2]"


def test_targets_narrow_what_is_wanted(folder: Path) -> None:
    plan = plan_of(written(folder, CHAIN), targets=lambda step: step.name == "two")
    assert states(plan) == {"one": "run", "two": "run", "three[x=1]": "unneeded", "three[x=2]": "unneeded"}


def test_steps_that_others_come_after_are_wanted_while_there_is_work(folder: Path) -> None:
    file = written(
        folder,
        "steps:\n  first: {operation: flip, image: a.png}\n  second: {operation: flip, image: b.png, after: [first]}\noutputs: {s: $second}\n",
    )
    plan = plan_of(file)
    assert states(plan) == {"first": "run", "second": "run"}
    assert states(plan_of(file, known(plan, "second"))) == {"first": "unneeded", "second": "cached"}


def test_fresh_steps_are_made_anew_and_what_follows_by_key_stays(folder: Path) -> None:
    file = written(folder, CHAIN)
    everything = known(plan_of(file), "one", "two", "three[x=1]", "three[x=2]")
    plan = plan_of(file, everything, fresh=lambda one: one.name == "two")
    assert states(plan) == {"one": "cached", "two": "run", "three[x=1]": "cached", "three[x=2]": "cached"}
    assert not plan.is_settled
    # What a fresh step needs is needed.
    plan = plan_of(
        file, known(plan_of(file), "two", "three[x=1]", "three[x=2]"), fresh=lambda one: one.name == "two"
    )
    assert states(plan)["one"] == "run"


def test_a_refused_request_is_not_asked_again_until_it_is_fresh(folder: Path) -> None:
    file = written(
        folder,
        "steps:\n  one: {model: flux-kontext, image: a.png, prompt: x}\n  two: {operation: flip, image: $one}\n",
    )
    memory = Remembered()
    memory.refused[plan_of(file).steps[0].keys[0] or b""] = "no"
    plan = plan_of(file, memory)
    assert states(plan) == {"one": "rejected", "two": "after"}
    assert not plan.is_settled
    assert states(plan_of(file, memory, fresh=lambda one: one.name == "one"))["one"] == "run"


def test_results_are_asked_for_in_few_questions(folder: Path) -> None:
    """One for all deterministic steps; one more wherever a key hangs on a generative picture."""

    class Counting(Remembered):
        asked = 0

        def results(self, keys: object) -> object:  # type: ignore[override]  # counts and passes on
            self.asked += 1
            return super().results(keys)  # type: ignore[arg-type]  # as above

    memory = Counting()
    plan_of(written(folder, CHAIN), memory)
    assert memory.asked == 1
    file = written(
        folder,
        "steps:\n  g: {model: flux-kontext, image: a.png, prompt: x}\n  h: {model: flux-kontext, image: b.png, prompt: x}\n  i: {operation: flip, image: $g}\n  j: {operation: flip, image: $h}\n",
    )
    memory = Counting(known(plan_of(file), "g", "h").stored)
    assert states(plan_of(file, memory))["j"] == "run"
    assert memory.asked == 2


# ---------------------------------------------------------------------- money


def priced(least: str, most: str, currency: str = "USD") -> Callable[[Step, Model], Way]:
    prices = [price for model in shipped().models.values() for price in model.prices]
    price = replace(prices[0], least=Decimal(least), most=Decimal(most), currency=currency)

    def choose(step: Step, model: Model) -> Way:
        return Way(model, model.routes[0], model.deterministic, None if step.name == "odd" else price)

    return choose


def test_a_price_goes_by_the_fields_of_each_task(folder: Path) -> None:
    def choose(step: Step, model: Model) -> Way:
        return Way(model, model.routes[0], False, model.price("openai"))

    recipe = """
steps:
  night:
    for_each: {quality: [low, high]}
    model: gpt-image-2
    image: a.png
    prompt: Night
    quality: $quality
    aspect_ratio: "1:1"
"""
    plan = plan_of(written(folder, recipe), choose=choose)
    prices = [plan.steps[0].way(ordinal).price for ordinal in range(2)]
    assert [(str(one.least), str(one.most)) for one in prices if one] == [
        ("0.004", "0.006"),
        ("0.164", "0.211"),
    ]
    assert plan.money.least == {"USD": Decimal("0.168")}
    assert plan.money.most == {"USD": Decimal("0.217")}
    assert plan.steps[0].way(0) is plan.steps[0].way(0)


def test_calls_and_money_are_summed_and_equal_keys_are_bought_once(folder: Path) -> None:
    file = written(
        folder,
        """
steps:
  s: {for_each: {x: ["1", "2", "3"]}, model: flux-kontext, image: a.png, prompt: $x}
  twin: {model: flux-kontext, image: a.png, prompt: "1"}
  odd: {model: gpt-image-2, image: a.png, prompt: y}
  here: {model: darkroom, image: a.png, prompt: sepia}
""",
    )
    plan = plan_of(file, choose=priced("0.04", "0.08"))
    assert plan.calls == 4
    assert (plan.money.least, plan.money.most, plan.money.unknown) == (
        {"USD": Decimal("0.12")},
        {"USD": Decimal("0.24")},
        1,
    )
    plan = plan_of(file, known(plan, "s[x=1]", "twin", "s[x=2]"), choose=priced("0.04", "0.08"))
    assert plan.calls == 2
    assert plan.money.most == {"USD": Decimal("0.08")}


def test_open_keys_count_as_calls_of_their_own(folder: Path) -> None:
    file = written(
        folder,
        "steps:\n  g: {for_each: {x: ['1', '2']}, model: flux-kontext, image: a.png, prompt: $x}\n  h: {model: flux-kontext, image: $g, prompt: y}\n",
    )
    assert plan_of(file, choose=priced("1", "2")).calls == 4


def test_problems_are_said_only_of_what_is_left_to_run(folder: Path) -> None:
    def choose(step: Step, model: Model) -> Way:
        return Way(model, None, False, None, f"no way to {model.name}")

    file = written(
        folder,
        "steps:\n  g: {model: flux-kontext, image: a.png, prompt: x}\n  h: {model: gpt-image-2, image: a.png, prompt: x}\n",
    )
    plan = plan_of(file, choose=choose)
    assert plan.problems == ("no way to flux-kontext", "no way to gpt-image-2")
    assert plan_of(file, known(plan, "g"), choose=choose).problems == ("no way to gpt-image-2",)


# ---------------------------------------------------------------------- notices and names


def test_inputs_of_one_size_that_multiply_are_pointed_out_once(folder: Path) -> None:
    text = """
inputs:
  left: {type: images, default: [a.png, b.png]}
  right: {type: images, default: [b.png, a.png]}
steps:
  s: {operation: composite, image: $left, overlay: $right}
  t: {operation: flip, image: $s}
"""
    assert plan_of(written(folder, text)).notices == (
        "left and right multiply in s (2 × 2 = 4 tasks); to pair them one to one, put both in a table.",
    )
    assert plan_of(written(folder, text.replace("[b.png, a.png]", "[b.png]"))).notices == ()


def test_companions_of_a_step_have_names_of_their_own(folder: Path) -> None:
    plan = plan_of(
        written(
            folder,
            "steps:\n  s: {model: flux-kontext, image: a.png, prompt: x, protect: b.png, expect: {min_width: 2}}\n  t: {operation: flip, image: $s}\n",
        )
    )
    assert [one.name for one in plan.steps] == ["s.call", "s.made", "s", "t"]
    assert [(producer.name, at) for producer, at in step_of(plan, "t").needs(0)] == [("s", 0)]
    assert [one.is_check for one in plan.steps] == [False, False, True, False]


def test_a_task_is_addressed_by_its_keys(folder: Path) -> None:
    (folder / "sub.yaml").write_text(
        "version: 1\ninputs: {p: {type: image}}\nsteps: {soft: {for_each: {n: ['x y']}, operation: text, image: $p, text: $n}}\n"
    )
    plan = plan_of(
        written(
            folder,
            "inputs: {photo: {type: image, default: [a.png, b.png]}}\nsteps:\n  pack: {pipeline: sub.yaml, with: {p: $photo}}\n",
        )
    )
    assert list(states(plan)) == ["pack/soft[photo=a, n=x y]", "pack/soft[photo=b, n=x y]"]


def test_a_large_plan_holds_what_is_shared_once(folder: Path) -> None:
    many = ", ".join(f'"{n}"' for n in range(120))
    plan = plan_of(
        written(
            folder,
            f"steps:\n  s: {{for_each: {{x: [{many}], y: [{many}]}}, operation: text, image: a.png, text: $x $y}}\n  t: {{operation: flip, image: $s}}\n",
        )
    )
    assert plan.total == 28_800
    flipped = step_of(plan, "t")
    assert flipped.edges[0].base == range(14_400)
    assert len(set(flipped.keys)) == 14_400
    assert flipped.states.count(RUN) == 14_400
    assert CACHED not in flipped.states


# ---------------------------------------------------------------------- calls and prices at the most


def at(*names: str) -> Callable[[Step, Model], Way]:
    """Ways to a model by its routes at vendors, the first with the others to fall back on."""

    def choose(step: Step, model: Model) -> Way:
        named = step.providers or names
        routes = [next(route for route in model.routes if route.provider == name) for name in named]
        first, *others = [Way(model, route, False, model.price(route.provider)) for route in routes]
        return replace(first, others=tuple(others))

    return choose


def test_calls_are_as_many_as_the_vendor_that_brings_fewest_at_a_time_would_need(folder: Path) -> None:
    file = written(
        folder,
        "steps:\n  s: {model: gpt-image-2, image: a.png, prompt: x, num_samples: 7, size: [1024, 1024]}\n",
    )
    assert plan_of(file, choose=at("scenario")).calls == 1
    fewer = at("openai", "scenario")
    model = shipped().models["gpt-image-2"]
    assert next(route.samples for route in model.routes if route.provider == "scenario") > 7

    def three_at_a_time(step: Step, model: Model) -> Way:
        way = fewer(step, model)
        return replace(way, others=tuple(_bringing(other, 3) for other in way.others))

    assert plan_of(file, choose=three_at_a_time).calls == 3


def _bringing(way: Way, samples: int) -> Way:
    assert way.route is not None
    return replace(way, route=replace(way.route, samples=samples))


def test_a_sample_that_another_step_asks_for_too_counts_for_both_as_either_may_buy_it(folder: Path) -> None:
    shared = "{model: gpt-image-2, image: a.png, prompt: x, num_samples: 3}"
    one = "{model: gpt-image-2, image: a.png, prompt: x}"
    for steps, calls in (
        (f"  s: {shared}\n  one: {one}\n", 2),
        (f"  s: {shared}\n  twin: {shared}\n", 1),
        (f"  one: {one}\n  twin: {one}\n", 1),
        (f"  s: {shared}\n  t: {shared.replace('num_samples: 3', 'num_samples: 3, take: 3')}\n", 2),
    ):
        assert plan_of(written(folder, f"steps:\n{steps}"), choose=at("openai")).calls == calls


def test_what_a_fallback_costs_in_another_currency_counts_towards_the_most(folder: Path) -> None:
    file = written(folder, "steps:\n  s: {model: flux-kontext, image: a.png, prompt: x}\n")
    plan = plan_of(file, choose=at("bfl", "scenario"))
    assert plan.money.least == {"USD": Decimal("0.04"), "CU": Decimal(0)}
    assert plan.money.most == {"USD": Decimal("0.04"), "CU": Decimal(16)}


def test_equal_pictures_of_two_steps_cost_what_either_step_may_pay(folder: Path) -> None:
    step = "{model: flux-kontext, image: a.png, prompt: x, provider: PROVIDER}"
    recipe = f"steps:\n  a: {step.replace('PROVIDER', 'bfl')}\n  b: {step.replace('PROVIDER', 'scenario')}\n"
    plan = plan_of(written(folder, recipe), choose=at("bfl"))
    assert plan.calls == 1
    assert plan.money.least == {"USD": Decimal(0), "CU": Decimal(0)}
    assert plan.money.most == {"USD": Decimal("0.04"), "CU": Decimal(16)}
