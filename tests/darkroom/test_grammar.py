"""What the darkroom understands of a prompt, and what it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
import unicodedata
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image

from editchain.darkroom.edits import apply
from editchain.darkroom.grammar import MAX_LENGTH, Compiled, compile, instructions  # noqa: A004
from editchain.darkroom.offers import OFFERS
from editchain.darkroom.vocabulary import RULES, Rule

HERE = Path(__file__).parent
ACCEPTED: list[tuple[str, list[tuple[str, dict[str, object]]]]] = json.loads(
    (HERE / "accepted.json").read_text("utf-8")
)
REFUSED = [line.replace("\\n", "\n") for line in (HERE / "refused.txt").read_text("utf-8").splitlines()]


def plain(values: Mapping[str, object]) -> dict[str, object]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def compiled_from(prompt: str) -> Compiled:
    """What a prompt comes to where everything is installed."""
    return compile(prompt, has_extra=True)


@pytest.mark.parametrize(("prompt", "edits"), ACCEPTED, ids=[prompt for prompt, _ in ACCEPTED])
def test_accepted_prompts_compile_to_these_edits(
    prompt: str, edits: list[tuple[str, dict[str, object]]]
) -> None:
    compiled = compiled_from(prompt)
    assert compiled.problems == ()
    assert [[edit.name, plain(edit.values)] for edit in compiled.edits] == [list(edit) for edit in edits]


@pytest.mark.parametrize("prompt", REFUSED)
def test_refused_prompts_are_refused(prompt: str) -> None:
    assert compiled_from(prompt).problems


@pytest.mark.parametrize(("name", "example"), instructions(), ids=[example for _, example in instructions()])
def test_every_example_of_the_vocabulary_is_its_own_edit(name: str, example: str) -> None:
    compiled = compiled_from(example)
    assert compiled.problems == ()
    assert [edit.name for edit in compiled.edits] == [name]


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule.needs_extra], ids=lambda rule: rule.example)
def test_without_the_extra_what_needs_it_is_a_problem_that_names_it(rule: Rule) -> None:
    compiled = compile(f"sepia, {rule.example}", has_extra=False)
    assert [edit.name for edit in compiled.edits] == ["sepia"]
    (problem,) = compiled.problems
    assert problem.needs == "darkroom"
    assert problem.start == len("sepia, ")
    assert problem.suggestion == "pip install 'editchain[darkroom]' adds them."


def test_one_bad_clause_is_reported_at_its_place_and_the_others_are_still_read() -> None:
    prompt = "sepia, then remove the car, then blur"
    compiled = compiled_from(prompt)
    assert [edit.name for edit in compiled.edits] == ["sepia", "blur"]
    (problem,) = compiled.problems
    assert prompt[problem.start : problem.end] == "remove the car"
    assert '"car"' in problem.message


def test_a_clause_joined_by_and_is_one_problem() -> None:
    prompt = "replace the roof with a terrace and a pool, brighten by 20%"
    compiled = compiled_from(prompt)
    assert [prompt[p.start : p.end] for p in compiled.problems] == [
        "replace the roof with a terrace and a pool"
    ]


@pytest.mark.parametrize(
    ("prompt", "suggestion"),
    [
        ("brigten by 20%", "brighten by 20%"),
        ("incrase the contrast", "increase the contrast"),
        ("sharpne it", "sharpen it"),
        ("vignete", "vignette"),
    ],
)
def test_a_misspelt_word_is_put_right(prompt: str, suggestion: str) -> None:
    (problem,) = compiled_from(prompt).problems
    assert problem.suggestion == f'Did you mean "{suggestion}"?'
    assert compiled_from(suggestion).problems == ()


@pytest.mark.parametrize(
    ("prompt", "suggestion"),
    [
        ("darken the top", "darken the top half"),
        ("make the lower darker", "make the lower half darker"),
        ("contrast +20", "contrast +20%"),
    ],
)
def test_a_word_that_is_left_out_is_put_in(prompt: str, suggestion: str) -> None:
    (problem,) = compiled_from(prompt).problems
    assert problem.suggestion == f'Did you mean "{suggestion}"?'
    assert compiled_from(suggestion).problems == ()


@pytest.mark.parametrize(
    ("prompt", "offered"),
    [
        ("boost the purples", "saturate the purples"),
        ("remove the red", "remove the red cast"),
        ("zoom in on the subject", "crop to 1:1 around the subject"),
        ("brighten the foreground", "brighten the subject"),
        ("resize to 800px", "resize to 800 px wide"),
        ("scale by 20%", "shrink by 20%"),
        ("portrait crop", "crop to 4:5"),
    ],
)
def test_what_cannot_be_done_is_met_with_what_comes_near(prompt: str, offered: str) -> None:
    (problem,) = compiled_from(prompt).problems
    assert f'"{offered}"' in (problem.suggestion or "")


@pytest.mark.parametrize("prompt", ["resize to 8x10", "fit into 4 by 6", "pad to 4x5 with white"])
def test_a_shape_is_not_taken_for_a_size_of_a_few_pixels(prompt: str) -> None:
    (problem,) = compiled_from(prompt).problems
    assert "may be a shape or a size" in problem.message


def test_texts_that_would_lie_over_each_other_are_a_problem_of_the_second() -> None:
    prompt = 'add the text "A", then the text "B"'
    (problem,) = compiled_from(prompt).problems
    assert prompt[problem.start : problem.end] == 'the text "B"'.removeprefix("the ")
    assert problem.message == '"B" and "A" would lie over each other at the bottom.'


def test_how_much_at_the_end_of_a_line_is_not_taken_for_that_of_the_next() -> None:
    prompt = "HDR effect, subtle\nblack and white"
    (problem,) = compiled_from(prompt).problems
    assert prompt[problem.start : problem.end] == "subtle"


def test_what_cannot_stand_by_itself_after_but_is_an_exception() -> None:
    prompt = "darken everything but the sky"
    (problem,) = compiled_from(prompt).problems
    assert prompt[problem.start : problem.end] == "but the sky"
    assert "exceptions" in problem.message


def test_similar_instructions_are_offered_only_where_they_share_a_word_that_matters() -> None:
    (rotate,) = compiled_from("rotate").problems
    (hat,) = compiled_from("add a hat").problems
    assert rotate.suggestion == 'The nearest is "rotate 90 degrees".'
    assert hat.suggestion is None


def test_the_opposite_is_never_offered() -> None:
    (problem,) = compiled_from("do not sharpen").problems
    assert problem.suggestion is None


@pytest.mark.parametrize("prompt", ["", "   ", "please", "…"])
def test_nothing_is_not_understood_as_nothing_to_do(prompt: str) -> None:
    (problem,) = compiled_from(prompt).problems
    assert problem.message == "The prompt asks for nothing."


def test_places_are_those_of_the_prompt_as_written() -> None:
    prompt = "  Please make it WARMER ;\n\nrotate 90°"
    first, second = compiled_from(prompt).edits
    assert prompt[first.start : first.end] == "make it WARMER"
    assert prompt[second.start : second.end] == "rotate 90°"


def test_amounts_beyond_the_most_are_refused_with_that_most() -> None:
    (problem,) = compiled_from("brighten by 300%").problems
    assert "300%" in problem.message
    assert "200%" in problem.message


def test_a_text_that_the_font_cannot_write_is_refused_before_any_picture() -> None:
    (problem,) = compiled_from('add the text "写真"').problems
    assert '"写"' in problem.message


@pytest.mark.parametrize("text", ["Größe 5 €", "Ελλάδα", "Привет, мир", "Cafe\u0301", "£9.99 – now!"])
def test_texts_in_the_font_s_scripts_are_understood(text: str) -> None:
    (edit,) = compiled_from(f'add the text "{text}"').edits
    assert edit.values["text"] == unicodedata.normalize("NFC", text)


def test_quoted_words_are_no_instruction() -> None:
    assert compiled_from('"make it warmer"').problems


def test_too_long_a_prompt_is_one_problem() -> None:
    (problem,) = compiled_from("sepia, " * MAX_LENGTH).problems
    assert str(MAX_LENGTH) in problem.message


def test_too_many_edits_are_a_problem_at_the_first_too_many() -> None:
    prompt = ", ".join(["sepia"] * 33)
    (problem,) = compiled_from(prompt).problems
    assert problem.start == 32 * len("sepia, ")


def test_values_cannot_be_changed_by_whoever_reads_them() -> None:
    (edit,) = compiled_from("brighten by 20%").edits
    with pytest.raises(TypeError):
        edit.values["amount"] = 1.0  # type: ignore[index]


def test_checking_a_prompt_does_not_import_pillow() -> None:
    code = (
        "import sys; from editchain.darkroom.grammar import compile;"
        "compile('add the text \"a\", sepia'); sys.exit('PIL' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@given(st.text(max_size=200))
def test_any_text_compiles_and_places_lie_inside_it(prompt: str) -> None:
    compiled = compiled_from(prompt)
    assert compiled.edits or compiled.problems
    for found in (*compiled.edits, *compiled.problems):
        assert 0 <= found.start <= found.end <= len(prompt)


WORDS = st.sampled_from(
    [
        *(
            "make",
            "it",
            "the",
            "a",
            "photo",
            "and",
            "and",
            "and",
            "with",
            "with",
            "then",
            ",",
            ";",
            "by",
            "of",
            "in",
        ),
        *(
            "brighter",
            "darker",
            "20",
            "%",
            "black",
            "white",
            "sepia",
            "border",
            "text",
            '"Hi"',
            "'x'",
            "16:9",
            ":",
        ),
        *(
            "rotate",
            "90",
            "degrees",
            "crop",
            "to",
            "left",
            "half",
            "add",
            "remove",
            "cat",
            "not",
            "more",
            "contrast",
        ),
        *("#ff0000", "#zz", "px", "wide", "teal", "orange", "sky", "little", "much", "zoom", "slightly"),
    ]
)


@given(st.lists(WORDS, max_size=14).map(" ".join))
def test_any_mixture_of_its_own_words_compiles_and_clauses_do_not_overlap(prompt: str) -> None:
    compiled = compiled_from(prompt)
    spans = sorted((found.start, found.end) for found in (*compiled.edits, *compiled.problems))
    assert all(0 <= start <= end <= len(prompt) for start, end in spans)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))


SENTENCES = [prompt for prompt, _ in ACCEPTED if "\n" not in prompt]
COMPLETE = [one for one in SENTENCES if not compiled_from(one.rpartition(",")[2]).problems]
"""Those that do not end in an addition such as ", subtle", which might also be of what follows on the next line."""
FOREIGN = ("dog", "not", "except", "Paris", "wooden", "her", "several")


def _place_of_text(prompt: str) -> object:
    """Where a prompt writes, for two texts would lie over each other there; else the prompt."""
    anchors = [edit.values["anchor"] for edit in compiled_from(prompt).edits if edit.name == "text"]
    return anchors[0] if anchors else prompt


@given(
    st.lists(st.sampled_from(COMPLETE), min_size=1, max_size=5, unique_by=_place_of_text),
    st.sampled_from(["; ", "\n", ". "]),
)
def test_instructions_mean_the_same_alone_and_in_a_row(prompts: list[str], separator: str) -> None:
    alone = [(edit.name, edit.values) for prompt in prompts for edit in compiled_from(prompt).edits]
    together = compiled_from(separator.join(prompts))
    assert together.problems == ()
    assert [(edit.name, edit.values) for edit in together.edits] == alone


@given(
    st.sampled_from(SENTENCES),
    st.sampled_from(SENTENCES),
    st.sampled_from([" and ", ", ", " with ", ", then "]),
)
def test_of_two_instructions_joined_none_is_lost(first: str, second: str, joint: str) -> None:
    together = compiled_from(first.rstrip(".!?") + joint + second)
    names = [edit.name for prompt in (first, second) for edit in compiled_from(prompt).edits]
    if not together.problems:
        merged = [name for at, name in enumerate(names) if not at or names[at - 1] != name]
        found = [edit.name for edit in together.edits]
        assert found in (names, merged)


@given(
    st.sampled_from(SENTENCES),
    st.sampled_from([one for one in REFUSED if compiled_from(f"sepia; {one}").problems]),
    st.sampled_from([" and ", ", ", "; ", "\n", ", then ", " plus "]),
    st.booleans(),
)
def test_what_is_refused_alone_spoils_what_it_is_joined_to(
    understood: str, refused: str, joint: str, is_first: bool
) -> None:
    assume(refused not in understood)  # said twice, it is still said
    pair = (refused, understood) if is_first else (understood, refused)
    compiled = compiled_from(joint.join(pair))
    reads_on = joint in ("\n", ", ") and any(  # an instruction that goes on after a line or a comma
        compiled_from(between.join(pair)).edits for between in (" ", " with ")
    )
    assert compiled.problems or reads_on


@given(
    st.sampled_from([one for one in SENTENCES if '"' not in one and " '" not in one]),
    st.sampled_from(FOREIGN),
    st.data(),
)
def test_a_foreign_word_anywhere_is_never_read_over(prompt: str, word: str, data: st.DataObject) -> None:
    words = prompt.split(" ")
    at = data.draw(st.integers(0, len(words)))
    assert compiled_from(" ".join([*words[:at], word, *words[at:]])).problems


def test_what_is_offered_is_understood() -> None:
    for asked, offers in OFFERS:
        for offer in offers:
            assert compiled_from(offer).problems == (), (asked, offer)


@pytest.mark.parametrize(
    ("prompt", "offered"),
    [
        ("resize to 1080", '"resize to 1080 px wide" or "resize to 1080 px high"'),
        ("resize to 1080p", '"resize to 1080 px high"'),
        ("fix the white balance", '"make it warmer" or "make it cooler" or "remove the green cast"'),
        ("remove the color cast", '"make it warmer" or "make it cooler" or "remove the green cast"'),
        ("it's too dark", '"brighten" or "lift the shadows"'),
        ("make it smaller", '"resize to half size" or "resize to 640 px wide"'),
        ("make it look professional", '"auto enhance" or "make it pop"'),
        ("blur the license plate", '"blur in the box [0.4, 0.5, 0.1, 0.1]" or "pixelate in the box [0.4, 0.5, 0.1, 0.1]"'),
        ("erase the car", '"remove the object in the box [0.4, 0.5, 0.1, 0.1]" or "remove the marked object"'),
        ("change aspect ratio to 16:9", '"crop to 16:9" or "extend to 16:9 with a blurred background"'),
        ("make it pink", '"tint it pink"'),
        ("kodak portra look", '"cinematic" or "vintage" or "add film grain"'),
    ],
)  # fmt: skip
def test_what_people_ask_for_in_other_words_is_met_with_what_comes_near(prompt: str, offered: str) -> None:
    (problem,) = compiled_from(prompt).problems
    assert problem.suggestion == f"The nearest is {offered}."


@pytest.mark.parametrize(
    ("prompt", "says"),
    [
        ("convert to png", "it changes pictures, not files. A step with `operation: convert` could do this."),
        ("blur the background more", "it knows the words, and no instruction that they make."),
        ("make it hd", "it adds no detail that is not there. An upscaling or restoring model could do this."),
        (
            "add a cat",
            "it cannot make new things. A generative model that edits by instruction could do this.",
        ),
        ("it's too dark", 'it does not know "too".'),
    ],
)
def test_a_refusal_says_why_and_who_could_where_that_is_known(prompt: str, says: str) -> None:
    (problem,) = compiled_from(prompt).problems
    assert problem.message.endswith(says)


def test_nothing_is_offered_for_people_and_things_that_only_a_generative_model_knows() -> None:
    for prompt in ("make her smile", "add a cat next to the dog", "enhance her eyes", "improve the roads"):
        (problem,) = compiled_from(prompt).problems
        assert "auto enhance" not in (problem.suggestion or "")


def test_a_part_is_cut_off_one_side_and_a_picture_zoomed_by_a_factor() -> None:
    image = Image.linear_gradient("L").convert("RGB")
    for prompt, box in (
        ("crop 25% off the top", (0, 64, 256, 256)),
        ("cut off the bottom 25%", (0, 0, 256, 192)),
        ("trim 25% from the left", (64, 0, 256, 256)),
        ("crop the right side by 25%", (0, 0, 192, 256)),
    ):
        assert apply(compiled_from(prompt).edits, image).tobytes() == image.crop(box).tobytes()
    zoomed = apply(compiled_from("zoom in 2x").edits, image)
    assert zoomed.tobytes() == apply(compiled_from("zoom in by 100%").edits, image).tobytes()
