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


Rewrite = "Callable[[Files], None]"
"""A change to a workspace before it is planned."""


def swap(old: str, new: str) -> Rewrite:
    """Other words in the recipe."""
    return lambda files: files.swap(old, new)


def put(name: str, text: str) -> Rewrite:
    """A file beside it."""
    return lambda files: files.put(name, text)


def given(name: str, value: str) -> Rewrite:
    """An input on the command line."""
    return lambda files: files.options.append((name, value))


def painted(name: str, colour: tuple[int, int, int]) -> Rewrite:
    """Another picture."""
    return lambda files: _painted(files, name, colour)


def _painted(files: Files, name: str, colour: tuple[int, int, int]) -> None:
    paint(files.folder / name, colour)


def steps_are_renamed(files: Files) -> None:
    for name in ("tidy", "look", "many", "small", "sheet"):
        files.text = files.text.replace(f"  {name}:", f"  {name}_x:").replace(f"${name}", f"${name}_x")


def inputs_are_renamed(files: Files) -> None:
    for name in ("photo", "other", "mood"):
        files.text = files.text.replace(f"  {name}:", f"  {name}_x:").replace(f"${name}", f"${name}_x")


def the_loop_variable_is_renamed(files: Files) -> None:
    files.text = files.text.replace("tone", "shade")


def steps_stand_in_another_order(files: Files) -> None:
    document = yaml.safe_load(files.text)
    document["steps"] = dict(reversed(document["steps"].items()))
    files.text = yaml.safe_dump(document, sort_keys=False)


def keys_stand_in_another_order(files: Files) -> None:
    files.text = yaml.safe_dump(yaml.safe_load(files.text), sort_keys=True)


def the_file_is_json(files: Files) -> None:
    files.text = json.dumps(yaml.safe_load(files.text), indent=1)


def the_file_is_in_block_style(files: Files) -> None:
    files.text = yaml.safe_dump(
        yaml.safe_load(files.text), default_flow_style=False, indent=7, sort_keys=False
    )


def there_are_comments(files: Files) -> None:
    files.text = "# a\n" + "".join(f"{line}  # note\n\n" for line in files.text.splitlines())


def lines_end_as_on_windows(files: Files) -> None:
    files.text = files.text.replace("\n", "\r\n")


def the_file_has_a_byte_order_mark(files: Files) -> None:
    files.text = "\ufeff" + files.text


def defaults_are_said_in_steps(files: Files) -> None:
    files.swap("defaults: {model: darkroom}\n", "")
    for name in ("tidy: {", "many: {"):
        files.swap(name, name + "model: darkroom, ")
    files.swap("  look:\n", "  look:\n    model: darkroom\n")


def pictures_move(files: Files) -> None:
    (files.folder / "deep" / "er").mkdir(parents=True)
    shutil.move(files.folder / "a.png", files.folder / "deep/er/Photo 1.PNG")
    files.swap("a.png", "deep/er/Photo 1.PNG")


def pictures_are_touched(files: Files) -> None:
    (files.folder / "a.png").touch()


def a_picture_is_a_link(files: Files) -> None:
    (files.folder / "link.png").symlink_to("a.png")
    files.swap("a.png", "link.png")


def a_picture_is_a_data_url(files: Files) -> None:
    data = base64.b64encode((files.folder / "b.png").read_bytes()).decode()
    files.swap("default: b.png", f"default: 'data:image/png;base64,{data}'")


def the_pipeline_moves(files: Files) -> None:
    files.name = "some/where/else.yaml"
    files.text = files.text.replace("default: a.png", "default: ../../a.png").replace(
        "default: b.png", "default: ../../b.png"
    )


def inputs_come_from_the_command_line(files: Files) -> None:
    files.swap("default: warmer", "default: cooler")
    files.options.append(("mood", "warmer"))
    files.options.append(("photo", str(files.folder / "a.png")))


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


def a_sub_pipeline_changes(files: Files) -> None:
    a_sub_pipeline_replaces_steps(files)
    sub = files.folder / "sub/look.yaml"
    sub.write_text(sub.read_text().replace("strength: 0.5", "strength: 0.4"))


# ---------------------------------------------------------------------- what keeps the meaning


SAME: dict[str, list[Rewrite]] = {
    "steps are renamed": [steps_are_renamed],
    "inputs are renamed": [inputs_are_renamed],
    "the loop variable is renamed": [the_loop_variable_is_renamed],
    "steps stand in another order": [steps_stand_in_another_order],
    "keys stand in another order": [keys_stand_in_another_order],
    "the file is json": [the_file_is_json],
    "the file is in block style": [the_file_is_in_block_style],
    "there are comments": [there_are_comments],
    "scalars are quoted": [
        swap("prompt: add film grain", "prompt: 'add film grain'"),
        swap("[sepia, black and white]", '["sepia", "black and white"]'),
    ],
    "lines end as on windows": [lines_end_as_on_windows],
    "the file has a byte order mark": [the_file_has_a_byte_order_mark],
    "a prompt is folded": [swap("prompt: add film grain,", 'prompt: "add\n      film grain",')],
    "a prompt has space around it": [swap("prompt: add film grain", 'prompt: "  add film grain\\n"')],
    "a varying prompt has space around it": [
        swap("[sepia, black and white]", '[" sepia ", "black and white\\n"]')
    ],
    "outputs have paths": [
        swap("sheet: $sheet", "sheet: {from: $sheet, path: pages/all.jpg, quality: 80}"),
        swap("many: $many", "renamed: {from: $many, path: '{sample}.webp', lossless: true}"),
    ],
    "more is published": [
        swap("  many: $many", "  many: $many\n  looks: {from: $look, format: webp}\n  small: $small")
    ],
    "defaults are said in steps": [defaults_are_said_in_steps],
    "fields move to defaults": [
        swap(", columns: 3}", "}"),
        swap("image: $look, width: 4", "image: $look"),
        swap("{model: darkroom}", "{model: darkroom, columns: 3, width: 4}"),
    ],
    "a default is set aside": [
        swap("{model: darkroom}", "{model: darkroom, aspect_ratio: '1:1'}"),
        swap("prompt: make it $mood", "prompt: make it $mood, aspect_ratio: null"),
        swap("    strength: 0.5", "    strength: 0.5\n    aspect_ratio: null"),
        swap("seed: 4", "seed: 4, aspect_ratio: null"),
    ],
    "a literal replaces an input": [
        swap("make it $mood", "make it warmer"),
        swap("  mood: {type: string, default: warmer}\n", ""),
    ],
    "an input replaces literals": [
        swap(
            "  mood:",
            "  grain: {type: string, default: add film grain}\n  first: {type: integer, default: 4}\n  mood:",
        ),
        swap("prompt: add film grain", "prompt: $grain"),
        swap("seed: 4", "seed: $first"),
    ],
    "defaults of documents are said aloud": [
        swap("make it $mood", "make it $mood, strength: 1, aspect_ratio: auto"),
        swap("width: 4", "width: 4, fit: inside, sampling: lanczos, enlarge: true, anchor: centre"),
        swap("columns: 3", "columns: 3, gap: 12, background: white, fit: inside"),
    ],
    "numbers are written otherwise": [
        swap("make it $mood", "make it $mood, strength: 1.0"),
        swap("strength: 0.5", "strength: 5.0e-1"),
    ],
    "the first take is said aloud": [swap("make it $mood", "make it $mood, take: 1")],
    "a prompt stands in a file": [
        put("words/grain.txt", "add film grain\n"),
        swap("prompt: add film grain", "prompt_file: words/grain.txt"),
    ],
    "a prompt file comes from windows": [
        put("mood.md", "\ufeffmake it $mood\r\n\r\n"),
        swap("prompt: make it $mood", "prompt_file: mood.md"),
    ],
    "pictures move": [pictures_move],
    "pictures are touched": [pictures_are_touched],
    "a picture is a link": [a_picture_is_a_link],
    "a picture is a data url": [a_picture_is_a_data_url],
    "the pipeline moves": [the_pipeline_moves],
    "inputs come from the command line": [inputs_come_from_the_command_line],
    "a photo comes as a list of one": [swap("default: a.png", "default: [a.png]")],
    "a table replaces the loop": [
        put("tones.csv", "tone,note\nsepia,one\nblack and white,two\n"),
        swap("  mood:", "  rows: {type: table, default: tones.csv, key: tone}\n  mood:"),
        swap("    for_each: {tone: [sepia, black and white]}\n", ""),
        swap("prompt: $tone", "prompt: $rows.tone"),
    ],
    "mappings replace the loops values": [
        swap(
            "{tone: [sepia, black and white]}",
            "{tone: [{name: x, words: sepia, how: 0.5}, {name: y, words: black and white, how: 0.5}]}",
        ),
        swap("prompt: $tone", "prompt: $tone.words"),
        swap("strength: 0.5", "strength: $tone.how"),
    ],
    "a list replaces the loop": [
        swap("  mood:", "  tones: {type: list, of: string, default: [sepia, black and white]}\n  mood:"),
        swap("tone: [sepia, black and white]", "tone: $tones"),
    ],
    "the loop is written out": [the_loop_is_written_out],
    "the gather is written out": [swap("$small.*", "'${small[sepia]}', '${small[tone=black and white]}'")],
    "the gather names its dimension": [swap("$small.*", "'${small[tone=*]}'")],
    "references are gathered from an input": [
        swap("other: {type: image, default: b.png}", "other: {type: images, default: [b.png]}"),
        swap("references: [$other]", "references: $other.*"),
    ],
    "samples are written out": [
        swap(
            "  many: {image: $tidy, prompt: add film grain, num_samples: 2, seed: 4}",
            "  m1: {image: $tidy, prompt: add film grain, seed: 4}\n  m2: {image: $tidy, prompt: add film grain, seed: 5}",
        ),
        swap("  many: $many", "  m1: $m1\n  m2: $m2"),
    ],
    "seeds come from a loop": [swap("num_samples: 2, seed: 4", "for_each: {s: [4, 5]}, seed: $s")],
    "a sub pipeline replaces steps": [a_sub_pipeline_replaces_steps],
    "anchors share values": [swap("seed: 4", "seed: &four 4"), swap("width: 4", "width: *four")],
    "what a run needs is said": [
        swap(
            "make it $mood", "make it $mood, retry: {attempts: 5, delay: 2}, timeout: 30, provider: darkroom"
        ),
        swap("columns: 3", "columns: 3, missing: drop, after: [many]"),
    ],
    "the pipeline says more of itself": [
        swap(
            "version: 1\n",
            "version: 1\nname: other\ndescription: for people\nbudget: {max: 1.00, currency: USD}\n",
        )
    ],
}


@pytest.mark.parametrize("rewrite", SAME)
def test_nothing_is_made_again_when(files: Files, rewrite: str) -> None:
    before = files.plan()
    for change in SAME[rewrite]:
        change(files)
    after = files.plan(stored(before))
    assert set(keys_of(after).values()) == set(keys_of(before).values())
    assert after.total == before.total
    assert after.counts["run"] == after.counts["after"] == 0
    assert after.is_settled


# ---------------------------------------------------------------------- what changes it


ALL = {"tidy": 1, "look": 2, "many": 2, "small": 2, "sheet": 1}
LOOKS = {"look": 2, "small": 2, "sheet": 1}
ONE_LOOK = {"look": 1, "small": 1, "sheet": 1}
SMALL = {"small": 2, "sheet": 1}
SHEET = {"sheet": 1}
MANY = {"many": 2}
ONE_OF_MANY = {"many": 1}

OTHER: dict[str, tuple[dict[str, int], list[Rewrite]]] = {
    "a prompt changes": (
        ALL,
        [swap("make it $mood", "make it much $mood")],
    ),
    "an input changes": (ALL, [given("mood", "cooler")]),
    "a photo changes": (ALL, [painted("a.png", (1, 2, 3))]),
    "a reference picture changes": (LOOKS, [painted("b.png", (1, 2, 3))]),
    "a value is added to a loop": (
        ONE_LOOK,
        [swap("[sepia, black and white]", "[vivid, sepia, black and white]")],
    ),
    "a value of a loop changes": (
        ONE_LOOK,
        [swap("[sepia, black and white]", "[sepia, cooler]")],
    ),
    "a value leaves a loop": (SHEET, [swap("[sepia, black and white]", "[sepia]")]),
    "a combination is excluded": (
        SHEET,
        [swap("    image: $tidy\n", "    exclude: [{tone: sepia}]\n    image: $tidy\n")],
    ),
    "the order of a gather changes": (
        SHEET,
        [swap("[sepia, black and white]", "[black and white, sepia]")],
    ),
    "the order of a list changes": (SHEET, [swap("[$photo, $small.*]", "[$small.*, $photo]")]),
    "a picture leaves a list": (SHEET, [swap("[$photo, $small.*]", "[$small.*]")]),
    "a picture stands twice in a list": (
        SHEET,
        [swap("[$photo, $small.*]", "[$photo, $photo, $small.*]")],
    ),
    "the strength changes": (LOOKS, [swap("strength: 0.5", "strength: 0.6")]),
    "a step takes another picture": (
        LOOKS,
        [swap("    image: $tidy\n", "    image: $photo\n")],
    ),
    "a reference is added": (
        LOOKS,
        [swap("references: [$other]", "references: [$other, $photo]")],
    ),
    "a reference goes": (
        LOOKS,
        [swap("    references: [$other]\n", ""), swap("  other: {type: image, default: b.png}\n", "")],
    ),
    "a mask is added": (
        LOOKS,
        [swap("    references: [$other]\n", "    references: [$other]\n    mask: $other\n")],
    ),
    "a reference becomes a mask": (
        LOOKS,
        [swap("    references: [$other]\n", "    mask: $other\n")],
    ),
    "a field is set": (
        LOOKS,
        [swap("    strength: 0.5\n", "    strength: 0.5\n    aspect_ratio: '1:1'\n")],
    ),
    "a seed is fixed": (
        LOOKS,
        [swap("    strength: 0.5\n", "    strength: 0.5\n    seed: 0\n")],
    ),
    "the second take is wanted": (
        LOOKS,
        [swap("    strength: 0.5\n", "    strength: 0.5\n    take: 2\n")],
    ),
    "vendor options are given": (
        LOOKS,
        [swap("    strength: 0.5\n", "    strength: 0.5\n    provider_options: {darkroom: {x: 1}}\n")],
    ),
    "one more sample is wanted": (ONE_OF_MANY, [swap("num_samples: 2", "num_samples: 3")]),
    "the seed of samples moves by one": (ONE_OF_MANY, [swap("seed: 4", "seed: 5")]),
    "samples have no seed": (MANY, [swap(", seed: 4", "")]),
    "the case of a prompt changes": (MANY, [swap("add film grain", "Add film grain")]),
    "white space inside a prompt changes": (
        MANY,
        [swap("prompt: add film grain", 'prompt: "add film  grain"')],
    ),
    "a prompt file changes": (
        MANY,
        [
            put("grain.txt", "add film grain, then sepia"),
            swap("prompt: add film grain", "prompt_file: grain.txt"),
        ],
    ),
    "a size changes": (SMALL, [swap("width: 4", "width: 5")]),
    "width becomes height": (SMALL, [swap("width: 4", "height: 4")]),
    "an operation changes": (
        SMALL,
        [swap("operation: resize, image: $look, width: 4", "operation: flip, image: $look")],
    ),
    "a default of an operation is left": (SHEET, [swap("columns: 3", "columns: 3, gap: 11")]),
    "a text is written otherwise": (
        SHEET,
        [swap("columns: 3", "columns: 3, labels: ['1', '1.0', a]")],
    ),
    "a sub pipeline changes": (LOOKS, [a_sub_pipeline_changes]),
}


@pytest.mark.parametrize("rewrite", OTHER)
def test_just_what_changed_is_made_again_when(files: Files, rewrite: str) -> None:
    before = files.plan()
    wanted, changes = OTHER[rewrite]
    for change in changes:
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
    keys = list(samples.keys)
    assert [samples.value("take", at) for at in range(3)] == [1, 2, 3]
    files.text = head + "take: 3}\n"
    assert step_of(files.plan(), "s").keys == keys[2:]
    files.text = head + "take: 2, num_samples: 2}\n"
    assert step_of(files.plan(), "s").keys == keys[1:]
    files.text = head + "seed: 7, num_samples: 3}\n"
    seeded = step_of(files.plan(), "s")
    assert [seeded.value("seed", at) for at in range(3)] == [7, 8, 9]
    files.text = head + "seed: 9}\n"
    assert step_of(files.plan(), "s").keys == list(seeded.keys)[2:]


def test_a_step_of_one_is_the_first_of_its_samples(files: Files) -> None:
    head = "version: 1\nsteps:\n  s: {model: flux-kontext, image: a.png, prompt: sepia"
    files.text = head + "}\n"
    one = step_of(files.plan(), "s").keys
    files.text = head + ", num_samples: 4}\n"
    assert list(step_of(files.plan(), "s").keys)[:1] == one


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
