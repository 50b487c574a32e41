"""Identity: what may be rewritten without a picture being made again, and what may not."""

from __future__ import annotations

import base64
import json
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
import yaml
from tests.workbench import Remembered, free_way, keys_of, paint, plan_of, shipped, step_of, written

from editchain.errors import PipelineError
from editchain.plans.expansion import BadPlan
from editchain.plans.tasks import AFTER, RUN, Plan, Way

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from editchain.models import Model
    from editchain.pipeline import Step

BASE = """\
version: 1
inputs:
  photo: {type: image, default: a.png}
  other: {type: image, default: b.png}
  mood: {type: string, default: warmer}
defaults: {model: darkroom}
steps:
  tidy: {image: $photo, prompt: make it $mood}
  look:
    for_each: {tone: [sepia, black and white]}
    image: $tidy
    references: [$other]
    prompt: $tone
    strength: 0.5
  many: {image: $tidy, prompt: add film grain, num_samples: 2, seed: 4}
  small: {operation: resize, image: $look, width: 4}
  sheet: {operation: contact_sheet, images: [$photo, $small.*], columns: 3}
outputs:
  sheet: $sheet
  many: $many
"""


@dataclass
class Files:
    """A workspace before it is planned: rewriting one is changing these."""

    folder: Path
    text: str = BASE
    name: str = "p.yaml"
    options: list[tuple[str, str]] = field(default_factory=list)

    def swap(self, old: str, new: str) -> None:
        assert old in self.text
        self.text = self.text.replace(old, new)

    def put(self, name: str, text: str) -> None:
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_bytes(text.encode())

    def plan(self, known: Remembered | None = None) -> Plan:
        file = self.folder / self.name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(self.text.encode())
        return plan_of(file, known, options=self.options)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    (tmp_path / "editchain.toml").touch()
    paint(tmp_path / "a.png", (200, 120, 40))
    paint(tmp_path / "b.png", (20, 160, 220))
    return Files(tmp_path)


def stored(plan: Plan) -> Remembered:
    """A store that has every picture of a plan."""
    return Remembered({key: b"d" * 32 for key in keys_of(plan).values() if key is not None})


SAME: dict[str, Callable[[Files], None]] = {}
OTHER: dict[str, tuple[Callable[[Files], None], dict[str, int]]] = {}


def same(function: Callable[[Files], None]) -> Callable[[Files], None]:
    SAME[function.__name__] = function
    return function


def other(**wanted: int) -> Callable[[Callable[[Files], None]], Callable[[Files], None]]:
    def note(function: Callable[[Files], None]) -> Callable[[Files], None]:
        OTHER[function.__name__] = (function, wanted)
        return function

    return note


# ---------------------------------------------------------------------- what keeps the meaning


@same
def steps_are_renamed(files: Files) -> None:
    for name in ("tidy", "look", "many", "small", "sheet"):
        files.text = files.text.replace(f"  {name}:", f"  {name}_x:").replace(f"${name}", f"${name}_x")


@same
def inputs_are_renamed(files: Files) -> None:
    for name in ("photo", "other", "mood"):
        files.text = files.text.replace(f"  {name}:", f"  {name}_x:").replace(f"${name}", f"${name}_x")


@same
def the_loop_variable_is_renamed(files: Files) -> None:
    files.text = files.text.replace("tone", "shade")


@same
def steps_stand_in_another_order(files: Files) -> None:
    document = yaml.safe_load(files.text)
    document["steps"] = dict(reversed(document["steps"].items()))
    files.text = yaml.safe_dump(document, sort_keys=False)


@same
def keys_stand_in_another_order(files: Files) -> None:
    files.text = yaml.safe_dump(yaml.safe_load(files.text), sort_keys=True)


@same
def the_file_is_json(files: Files) -> None:
    files.text = json.dumps(yaml.safe_load(files.text), indent=1)


@same
def the_file_is_in_block_style(files: Files) -> None:
    files.text = yaml.safe_dump(
        yaml.safe_load(files.text), default_flow_style=False, indent=7, sort_keys=False
    )


@same
def there_are_comments(files: Files) -> None:
    files.text = "# a\n" + "".join(f"{line}  # note\n\n" for line in files.text.splitlines())


@same
def scalars_are_quoted(files: Files) -> None:
    files.swap("prompt: add film grain", "prompt: 'add film grain'")
    files.swap("[sepia, black and white]", '["sepia", "black and white"]')


@same
def lines_end_as_on_windows(files: Files) -> None:
    files.text = files.text.replace("\n", "\r\n")


@same
def the_file_has_a_byte_order_mark(files: Files) -> None:
    files.text = "\ufeff" + files.text


@same
def a_prompt_is_folded(files: Files) -> None:
    files.swap("prompt: add film grain,", 'prompt: "add\n      film grain",')


@same
def a_prompt_has_space_around_it(files: Files) -> None:
    files.swap("prompt: add film grain", 'prompt: "  add film grain\\n"')


@same
def a_varying_prompt_has_space_around_it(files: Files) -> None:
    files.swap("[sepia, black and white]", '[" sepia ", "black and white\\n"]')


@same
def outputs_have_paths(files: Files) -> None:
    files.swap("sheet: $sheet", "sheet: {from: $sheet, path: pages/all.jpg, quality: 80}")
    files.swap("many: $many", "renamed: {from: $many, path: '{sample}.webp', lossless: true}")


@same
def more_is_published(files: Files) -> None:
    files.swap("  many: $many", "  many: $many\n  looks: {from: $look, format: webp}\n  small: $small")


@same
def defaults_are_said_in_steps(files: Files) -> None:
    files.swap("defaults: {model: darkroom}\n", "")
    for name in ("tidy: {", "many: {"):
        files.swap(name, name + "model: darkroom, ")
    files.swap("  look:\n", "  look:\n    model: darkroom\n")


@same
def fields_move_to_defaults(files: Files) -> None:
    files.swap(", columns: 3}", "}")
    files.swap("image: $look, width: 4", "image: $look")
    files.swap("{model: darkroom}", "{model: darkroom, columns: 3, width: 4}")


@same
def a_default_is_set_aside(files: Files) -> None:
    files.swap("{model: darkroom}", "{model: darkroom, aspect_ratio: '1:1'}")
    files.swap("prompt: make it $mood", "prompt: make it $mood, aspect_ratio: null")
    files.swap("    strength: 0.5", "    strength: 0.5\n    aspect_ratio: null")
    files.swap("seed: 4", "seed: 4, aspect_ratio: null")


@same
def a_literal_replaces_an_input(files: Files) -> None:
    files.swap("make it $mood", "make it warmer")
    files.swap("  mood: {type: string, default: warmer}\n", "")


@same
def an_input_replaces_literals(files: Files) -> None:
    files.swap(
        "  mood:",
        "  grain: {type: string, default: add film grain}\n  first: {type: integer, default: 4}\n  mood:",
    )
    files.swap("prompt: add film grain", "prompt: $grain")
    files.swap("seed: 4", "seed: $first")


@same
def defaults_of_documents_are_said_aloud(files: Files) -> None:
    files.swap("make it $mood", "make it $mood, strength: 1, aspect_ratio: auto")
    files.swap("width: 4", "width: 4, fit: inside, sampling: lanczos, enlarge: true, anchor: centre")
    files.swap("columns: 3", "columns: 3, gap: 12, background: white, fit: inside")


@same
def numbers_are_written_otherwise(files: Files) -> None:
    files.swap("make it $mood", "make it $mood, strength: 1.0")
    files.swap("strength: 0.5", "strength: 5.0e-1")


@same
def the_first_take_is_said_aloud(files: Files) -> None:
    files.swap("make it $mood", "make it $mood, take: 1")


@same
def a_prompt_stands_in_a_file(files: Files) -> None:
    files.put("words/grain.txt", "add film grain\n")
    files.swap("prompt: add film grain", "prompt_file: words/grain.txt")


@same
def a_prompt_file_comes_from_windows(files: Files) -> None:
    files.put("mood.md", "\ufeffmake it $mood\r\n\r\n")
    files.swap("prompt: make it $mood", "prompt_file: mood.md")


@same
def pictures_move(files: Files) -> None:
    (files.folder / "deep" / "er").mkdir(parents=True)
    shutil.move(files.folder / "a.png", files.folder / "deep/er/Photo 1.PNG")
    files.swap("a.png", "deep/er/Photo 1.PNG")


@same
def pictures_are_touched(files: Files) -> None:
    (files.folder / "a.png").touch()


@same
def a_picture_is_a_link(files: Files) -> None:
    (files.folder / "link.png").symlink_to("a.png")
    files.swap("a.png", "link.png")


@same
def a_picture_is_a_data_url(files: Files) -> None:
    data = base64.b64encode((files.folder / "b.png").read_bytes()).decode()
    files.swap("default: b.png", f"default: 'data:image/png;base64,{data}'")


@same
def the_pipeline_moves(files: Files) -> None:
    files.name = "some/where/else.yaml"
    files.text = files.text.replace("default: a.png", "default: ../../a.png").replace(
        "default: b.png", "default: ../../b.png"
    )


@same
def inputs_come_from_the_command_line(files: Files) -> None:
    files.swap("default: warmer", "default: cooler")
    files.options.append(("mood", "warmer"))
    files.options.append(("photo", str(files.folder / "a.png")))


@same
def a_photo_comes_as_a_list_of_one(files: Files) -> None:
    files.swap("default: a.png", "default: [a.png]")


@same
def a_table_replaces_the_loop(files: Files) -> None:
    files.put("tones.csv", "tone,note\nsepia,one\nblack and white,two\n")
    files.swap("  mood:", "  rows: {type: table, default: tones.csv, key: tone}\n  mood:")
    files.swap("    for_each: {tone: [sepia, black and white]}\n", "")
    files.swap("prompt: $tone", "prompt: $rows.tone")


@same
def mappings_replace_the_loops_values(files: Files) -> None:
    files.swap(
        "{tone: [sepia, black and white]}",
        "{tone: [{name: x, words: sepia, how: 0.5}, {name: y, words: black and white, how: 0.5}]}",
    )
    files.swap("prompt: $tone", "prompt: $tone.words")
    files.swap("strength: 0.5", "strength: $tone.how")


@same
def a_list_replaces_the_loop(files: Files) -> None:
    files.swap("  mood:", "  tones: {type: list, of: string, default: [sepia, black and white]}\n  mood:")
    files.swap("tone: [sepia, black and white]", "tone: $tones")


@same
def the_loop_is_written_out(files: Files) -> None:
    files.text = (
        files.text.replace(
            "  look:\n    for_each: {tone: [sepia, black and white]}\n    image: $tidy\n    references: [$other]\n    prompt: $tone\n    strength: 0.5\n",
            "  one: {image: $tidy, references: [$other], prompt: sepia, strength: 0.5}\n"
            "  two: {image: $tidy, references: [$other], prompt: black and white, strength: 0.5}\n",
        )
        .replace(
            "  small: {operation: resize, image: $look, width: 4}\n",
            "  s1: {operation: resize, image: $one, width: 4}\n  s2: {operation: resize, image: $two, width: 4}\n",
        )
        .replace("$small.*", "$s1, $s2")
    )


@same
def the_gather_is_written_out(files: Files) -> None:
    files.swap("$small.*", "'${small[sepia]}', '${small[tone=black and white]}'")


@same
def the_gather_names_its_dimension(files: Files) -> None:
    files.swap("$small.*", "'${small[tone=*]}'")


@same
def references_are_gathered_from_an_input(files: Files) -> None:
    files.swap("other: {type: image, default: b.png}", "other: {type: images, default: [b.png]}")
    files.swap("references: [$other]", "references: $other.*")


@same
def samples_are_written_out(files: Files) -> None:
    files.swap(
        "  many: {image: $tidy, prompt: add film grain, num_samples: 2, seed: 4}",
        "  m1: {image: $tidy, prompt: add film grain, seed: 4}\n  m2: {image: $tidy, prompt: add film grain, seed: 5}",
    )
    files.swap("  many: $many", "  m1: $m1\n  m2: $m2")


@same
def seeds_come_from_a_loop(files: Files) -> None:
    files.swap("num_samples: 2, seed: 4", "for_each: {s: [4, 5]}, seed: $s")


@same
def a_sub_pipeline_replaces_steps(files: Files) -> None:
    files.put(
        "sub/look.yaml",
        "version: 1\ninputs:\n  picture: {type: image}\n  board: {type: image}\ndefaults: {model: darkroom, references: [$board]}\nsteps:\n"
        "  look: {for_each: {tone: [sepia, black and white]}, image: $picture, prompt: $tone, strength: 0.5}\n"
        "  small: {operation: resize, image: $look, width: 4}\noutputs: {small: $small}\n",
    )
    before, rest = files.text.split("  look:\n")
    rest = rest[rest.index("  many:") :]
    files.text = before + "  pack: {pipeline: sub/look.yaml, with: {picture: $tidy, board: $other}}\n" + rest
    files.swap("  small: {operation: resize, image: $look, width: 4}\n", "")
    files.swap("$small.*", "$pack.small.*")


@same
def anchors_share_values(files: Files) -> None:
    files.swap("seed: 4", "seed: &four 4")
    files.swap("width: 4", "width: *four")


@same
def what_a_run_needs_is_said(files: Files) -> None:
    files.swap(
        "make it $mood", "make it $mood, retry: {attempts: 5, delay: 2}, timeout: 30, provider: darkroom"
    )
    files.swap("columns: 3", "columns: 3, missing: drop, after: [many]")


@same
def the_pipeline_says_more_of_itself(files: Files) -> None:
    files.swap(
        "version: 1\n",
        "version: 1\nname: other\ndescription: for people\nbudget: {max: 1.00, currency: USD}\n",
    )


@pytest.mark.parametrize("rewrite", SAME)
def test_nothing_is_made_again_when(files: Files, rewrite: str) -> None:
    before = files.plan()
    SAME[rewrite](files)
    after = files.plan(stored(before))
    assert set(keys_of(after).values()) == set(keys_of(before).values())
    assert after.total == before.total
    assert after.counts["run"] == after.counts["after"] == 0
    assert after.is_settled


# ---------------------------------------------------------------------- what changes it


@other(tidy=1, look=2, many=2, small=2, sheet=1)
def a_prompt_changes(files: Files) -> None:
    files.swap("make it $mood", "make it much $mood")


@other(tidy=1, look=2, many=2, small=2, sheet=1)
def an_input_changes(files: Files) -> None:
    files.options.append(("mood", "cooler"))


@other(tidy=1, look=2, many=2, small=2, sheet=1)
def a_photo_changes(files: Files) -> None:
    paint(files.folder / "a.png", (1, 2, 3))


@other(look=2, small=2, sheet=1)
def a_reference_picture_changes(files: Files) -> None:
    paint(files.folder / "b.png", (1, 2, 3))


@other(look=1, small=1, sheet=1)
def a_value_is_added_to_a_loop(files: Files) -> None:
    files.swap("[sepia, black and white]", "[vivid, sepia, black and white]")


@other(look=1, small=1, sheet=1)
def a_value_of_a_loop_changes(files: Files) -> None:
    files.swap("[sepia, black and white]", "[sepia, cooler]")


@other(sheet=1)
def a_value_leaves_a_loop(files: Files) -> None:
    files.swap("[sepia, black and white]", "[sepia]")


@other(sheet=1)
def a_combination_is_excluded(files: Files) -> None:
    files.swap("    image: $tidy\n", "    exclude: [{tone: sepia}]\n    image: $tidy\n")


@other(sheet=1)
def the_order_of_a_gather_changes(files: Files) -> None:
    files.swap("[sepia, black and white]", "[black and white, sepia]")


@other(sheet=1)
def the_order_of_a_list_changes(files: Files) -> None:
    files.swap("[$photo, $small.*]", "[$small.*, $photo]")


@other(sheet=1)
def a_picture_leaves_a_list(files: Files) -> None:
    files.swap("[$photo, $small.*]", "[$small.*]")


@other(sheet=1)
def a_picture_stands_twice_in_a_list(files: Files) -> None:
    files.swap("[$photo, $small.*]", "[$photo, $photo, $small.*]")


@other(look=2, small=2, sheet=1)
def the_strength_changes(files: Files) -> None:
    files.swap("strength: 0.5", "strength: 0.6")


@other(look=2, small=2, sheet=1)
def a_step_takes_another_picture(files: Files) -> None:
    files.swap("    image: $tidy\n", "    image: $photo\n")


@other(look=2, small=2, sheet=1)
def a_reference_is_added(files: Files) -> None:
    files.swap("references: [$other]", "references: [$other, $photo]")


@other(look=2, small=2, sheet=1)
def a_reference_goes(files: Files) -> None:
    files.swap("    references: [$other]\n", "")
    files.swap("  other: {type: image, default: b.png}\n", "")


@other(look=2, small=2, sheet=1)
def a_mask_is_added(files: Files) -> None:
    files.swap("    references: [$other]\n", "    references: [$other]\n    mask: $other\n")


@other(look=2, small=2, sheet=1)
def a_reference_becomes_a_mask(files: Files) -> None:
    files.swap("    references: [$other]\n", "    mask: $other\n")


@other(look=2, small=2, sheet=1)
def a_field_is_set(files: Files) -> None:
    files.swap("    strength: 0.5\n", "    strength: 0.5\n    aspect_ratio: '1:1'\n")


@other(look=2, small=2, sheet=1)
def a_seed_is_fixed(files: Files) -> None:
    files.swap("    strength: 0.5\n", "    strength: 0.5\n    seed: 0\n")


@other(look=2, small=2, sheet=1)
def the_second_take_is_wanted(files: Files) -> None:
    files.swap("    strength: 0.5\n", "    strength: 0.5\n    take: 2\n")


@other(look=2, small=2, sheet=1)
def vendor_options_are_given(files: Files) -> None:
    files.swap("    strength: 0.5\n", "    strength: 0.5\n    provider_options: {darkroom: {x: 1}}\n")


@other(many=1)
def one_more_sample_is_wanted(files: Files) -> None:
    files.swap("num_samples: 2", "num_samples: 3")


@other(many=1)
def the_seed_of_samples_moves_by_one(files: Files) -> None:
    files.swap("seed: 4", "seed: 5")


@other(many=2)
def samples_have_no_seed(files: Files) -> None:
    files.swap(", seed: 4", "")


@other(many=2)
def the_case_of_a_prompt_changes(files: Files) -> None:
    files.swap("add film grain", "Add film grain")


@other(many=2)
def white_space_inside_a_prompt_changes(files: Files) -> None:
    files.swap("prompt: add film grain", 'prompt: "add film  grain"')


@other(many=2)
def a_prompt_file_changes(files: Files) -> None:
    files.put("grain.txt", "add film grain, then sepia")
    files.swap("prompt: add film grain", "prompt_file: grain.txt")


@other(small=2, sheet=1)
def a_size_changes(files: Files) -> None:
    files.swap("width: 4", "width: 5")


@other(small=2, sheet=1)
def width_becomes_height(files: Files) -> None:
    files.swap("width: 4", "height: 4")


@other(small=2, sheet=1)
def an_operation_changes(files: Files) -> None:
    files.swap("operation: resize, image: $look, width: 4", "operation: flip, image: $look")


@other(sheet=1)
def a_default_of_an_operation_is_left(files: Files) -> None:
    files.swap("columns: 3", "columns: 3, gap: 11")


@other(sheet=1)
def a_text_is_written_otherwise(files: Files) -> None:
    files.swap("columns: 3", "columns: 3, labels: ['1', '1.0', a]")


@other(look=2, small=2, sheet=1)
def a_sub_pipeline_changes(files: Files) -> None:
    a_sub_pipeline_replaces_steps(files)
    sub = files.folder / "sub/look.yaml"
    sub.write_text(sub.read_text().replace("strength: 0.5", "strength: 0.4"))


@pytest.mark.parametrize("rewrite", OTHER)
def test_just_what_changed_is_made_again_when(files: Files, rewrite: str) -> None:
    before = files.plan()
    change, wanted = OTHER[rewrite]
    change(files)
    after = files.plan(stored(before))
    found = {
        one.name.rpartition("/")[2]: one.states.count(RUN) + one.states.count(AFTER) for one in after.steps
    }
    assert {name: count for name, count in found.items() if count} == wanted
    assert not after.is_settled


# ---------------------------------------------------------------------- equal keys, unequal keys


def test_equal_tasks_of_two_steps_have_one_key(files: Files) -> None:
    files.text = """\
version: 1
steps:
  one: {model: darkroom, image: a.png, prompt: sepia}
  two: {model: darkroom, prompt: sepia, image: ./a.png, strength: 1}
  both: {operation: contact_sheet, images: [$one, $two]}
"""
    plan = files.plan()
    assert step_of(plan, "one").keys == step_of(plan, "two").keys


def test_equal_tasks_of_two_pipelines_have_one_key(files: Files) -> None:
    before = files.plan()
    files.name, files.text = (
        "q.yaml",
        "version: 1\nsteps: {x: {model: darkroom, image: a.png, prompt: make it warmer}}\n",
    )
    assert files.plan(stored(before)).is_settled


def test_the_same_field_of_two_models_keeps_the_default_of_each(files: Files) -> None:
    """gpt-image-1 makes high quality unless told otherwise, gpt-image-2 decides by itself."""
    files.text = """\
version: 1
steps:
  said: {for_each: {maker: [gpt-image-1, gpt-image-2]}, model: $maker, image: a.png, prompt: sepia, quality: high}
  left: {for_each: {maker: [gpt-image-1, gpt-image-2]}, model: $maker, image: a.png, prompt: sepia}
"""
    plan = files.plan()
    said, left = step_of(plan, "said").keys, step_of(plan, "left").keys
    assert said[0] == left[0]
    assert said[1] != left[1]


def test_a_loop_over_models_gives_the_keys_of_steps_written_out(files: Files) -> None:
    files.text = """\
version: 1
steps:
  made: {for_each: {maker: [darkroom, gpt-image-2, flux-kontext]}, model: $maker, image: a.png, prompt: sepia}
  small: {operation: flip, image: $made}
"""
    looped = files.plan()
    files.text = """\
version: 1
steps:
  first: {model: darkroom, image: a.png, prompt: sepia}
  second: {model: gpt-image-2, image: a.png, prompt: sepia}
  third: {model: flux-kontext, image: a.png, prompt: sepia}
  small: {operation: flip, image: $first}
"""
    apart = files.plan()
    assert step_of(looped, "made").keys == [
        step_of(apart, name).keys[0] for name in ("first", "second", "third")
    ]
    assert step_of(looped, "small").keys[0] == step_of(apart, "small").keys[0]


def test_a_generative_picture_counts_by_its_bytes(files: Files) -> None:
    files.text = "version: 1\nsteps:\n  made: {model: flux-kontext, image: a.png, prompt: sepia}\n  small: {operation: flip, image: $made}\n  after: {operation: flip, image: $small}\n"
    first = files.plan()
    assert [one.keys[0] is None for one in first.steps] == [False, True, True]
    key = step_of(first, "made").keys[0]
    assert key is not None
    one = keys_of(files.plan(Remembered({key: b"1" * 32})))
    two = keys_of(files.plan(Remembered({key: b"2" * 32})))
    assert one["made"] == two["made"]
    assert len({one["small"], two["small"], one["after"], two["after"]}) == 4


def test_what_follows_a_deterministic_step_does_not_hang_on_its_bytes(files: Files) -> None:
    files.text = "version: 1\nsteps:\n  made: {model: darkroom, image: a.png, prompt: sepia}\n  small: {operation: flip, image: $made}\n"
    key = step_of(files.plan(), "made").keys[0]
    assert key is not None
    assert keys_of(files.plan(Remembered({key: b"1" * 32}))) == keys_of(
        files.plan(Remembered({key: b"2" * 32}))
    )


def test_protect_and_expect_leave_the_key_of_the_call(files: Files) -> None:
    files.text = "version: 1\nsteps:\n  made: {model: flux-kontext, image: a.png, prompt: sepia}\n"
    plain = step_of(files.plan(), "made").keys[0]
    files.text = "version: 1\nsteps:\n  made: {model: flux-kontext, image: a.png, prompt: sepia, protect: b.png, expect: {min_width: 4}}\n"
    assert plain in keys_of(files.plan()).values()


def test_vendor_options_may_vary_and_count_for_each_task(files: Files) -> None:
    files.text = "version: 1\nsteps:\n  made: {for_each: {x: [1, 2]}, model: flux-kontext, image: a.png, prompt: sepia, provider_options: {fal: {steps: $x}}}\n"
    looped = step_of(files.plan(), "made").keys
    files.text = "version: 1\nsteps:\n  made: {model: flux-kontext, image: a.png, prompt: sepia, provider_options: {fal: {steps: 2}}}\n"
    assert len(set(looped)) == 2
    assert looped[1] == step_of(files.plan(), "made").keys[0]


def test_vendor_options_of_order_only_are_equal(files: Files) -> None:
    files.text = "version: 1\nsteps:\n  made: {model: flux-kontext, image: a.png, prompt: sepia, provider_options: {fal: {b: 2.0, a: [1]}}}\n"
    first = files.plan()
    files.swap("{b: 2.0, a: [1]}", "{a: [1.0], b: 2}")
    assert keys_of(files.plan()) == keys_of(first)


@pytest.mark.parametrize(("handed", "order"), [("$one, $two, b.png", "xyz"), ("b.png, $two, $one", "zyx")])
def test_pictures_handed_to_a_sub_pipeline_come_from_their_own_steps(
    files: Files, handed: str, order: str
) -> None:
    files.put(
        "sub.yaml",
        "version: 1\ninputs: {pictures: {type: images}}\nsteps:\n  turned: {operation: flip, image: $pictures}\n",
    )
    files.text = """\
version: 1
steps:
  one: {model: darkroom, image: a.png, prompt: sepia}
  two: {model: darkroom, image: b.png, prompt: cooler}
  pack: {pipeline: sub.yaml, with: {pictures: [HANDED]}}
outputs: {all: $pack.turned}
"""
    files.swap("HANDED", handed)
    packed = files.plan()
    files.text = """\
version: 1
steps:
  one: {model: darkroom, image: a.png, prompt: sepia}
  two: {model: darkroom, image: b.png, prompt: cooler}
  x: {operation: flip, image: $one}
  y: {operation: flip, image: $two}
  z: {operation: flip, image: b.png}
"""
    apart = files.plan()
    turned = step_of(packed, "pack/turned")
    assert turned.keys == [step_of(apart, name).keys[0] for name in order]
    needs = {"x": ["one"], "y": ["two"], "z": []}
    assert [[producer.name for producer, _ in turned.needs(at)] for at in range(3)] == [
        needs[name] for name in order
    ]
    assert files.plan(stored(packed)).is_settled


def test_a_task_whose_protecting_mask_was_excluded_does_not_exist(files: Files) -> None:
    files.text = """\
version: 1
steps:
  shape: {for_each: {tone: [sepia, cooler]}, exclude: [{tone: sepia}], model: darkroom, image: a.png, prompt: $tone}
  made: {for_each: {tone: [sepia, cooler]}, model: darkroom, image: b.png, prompt: $tone, protect: $shape}
"""
    assert [one.task_name(at) for one in files.plan().steps if one.is_protect for at in one.ordinals()] == [
        "made[tone=cooler]"
    ]


# ---------------------------------------------------------------------- samples and takes


def test_samples_are_takes_and_a_fixed_seed_counts_up(files: Files) -> None:
    head = "version: 1\nsteps:\n  s: {model: darkroom, image: a.png, prompt: sepia, "
    files.text = head + "num_samples: 3}\n"
    samples = step_of(files.plan(), "s")
    assert [samples.value("take", at) for at in range(3)] == [1, 2, 3]
    files.text = head + "take: 3}\n"
    assert step_of(files.plan(), "s").keys == samples.keys[2:]
    files.text = head + "take: 2, num_samples: 2}\n"
    assert step_of(files.plan(), "s").keys == samples.keys[1:]
    files.text = head + "seed: 7, num_samples: 3}\n"
    seeded = step_of(files.plan(), "s")
    assert [seeded.value("seed", at) for at in range(3)] == [7, 8, 9]
    files.text = head + "seed: 9}\n"
    assert step_of(files.plan(), "s").keys == seeded.keys[2:]


def test_a_step_of_one_is_the_first_of_its_samples(files: Files) -> None:
    head = "version: 1\nsteps:\n  s: {model: flux-kontext, image: a.png, prompt: sepia"
    files.text = head + "}\n"
    one = step_of(files.plan(), "s").keys
    files.text = head + ", num_samples: 4}\n"
    assert step_of(files.plan(), "s").keys[:1] == one


def test_a_seed_that_varies_may_be_random_for_some(files: Files) -> None:
    files.text = "version: 1\nsteps:\n  s: {for_each: {which: [5, random]}, model: darkroom, image: a.png, prompt: sepia, seed: $which, num_samples: 2}\n"
    plan = step_of(files.plan(), "s")
    assert [plan.value("seed", at) for at in range(4)] == [5, 6, "random", "random"]
    assert len(set(plan.keys)) == 4


def test_a_key_hangs_on_the_version_of_a_document(files: Files) -> None:
    files.text = "version: 1\nsteps: {s: {operation: flip, image: a.png}, m: {model: darkroom, image: a.png, prompt: sepia}}\n"
    plan = files.plan()
    assert step_of(plan, "s").identity(0) is not None
    behaviour, version = shipped().operations["flip"].behaviour, shipped().models["darkroom"].version
    assert str(step_of(plan, "s").identity(0)).splitlines()[1] == f"operation=flip {behaviour}"
    assert str(step_of(plan, "m").identity(0)).splitlines()[1] == f"model=darkroom {version}"
    # Neither names of files or steps, nor the machine.
    assert str(files.folder) not in str(step_of(plan, "m").identity(0))


def test_an_asset_is_known_by_its_id(files: Files) -> None:
    files.text = "version: 1\nsteps: {m: {model: flux-kontext, image: asset_abc, prompt: sepia}}\n"
    one = files.plan()
    files.swap("asset_abc", "asset_abd")
    assert keys_of(files.plan()) != keys_of(one)


def test_everything_excluded_is_an_error(files: Files) -> None:
    """Where it takes several steps to exclude everything, only the plan can tell."""
    files.text = """\
version: 1
steps:
  m: {for_each: {x: [sepia, cooler]}, exclude: [{x: sepia}], model: darkroom, image: a.png, prompt: $x}
  n: {for_each: {x: [sepia, cooler]}, exclude: [{x: cooler}], operation: composite, image: $m, overlay: b.png}
"""
    with pytest.raises((BadPlan, PipelineError), match="exclude"):
        files.plan()


def test_ways_by_another_provider_keep_the_key(files: Files) -> None:
    files.text = "version: 1\nsteps: {m: {model: flux-kontext, image: a.png, prompt: sepia}}\n"
    file = written(files.folder, files.text, "w.yaml")

    def second(step: Step, model: Model) -> Way:
        return Way(model, model.routes[1], False, None)

    assert keys_of(plan_of(file, choose=second)) == keys_of(plan_of(file, choose=free_way))
