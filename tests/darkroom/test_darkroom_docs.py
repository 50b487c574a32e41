"""docs/darkroom.md follows the vocabulary; run this file to write its last part again."""

from __future__ import annotations

import sys
from pathlib import Path

from editchain.darkroom.grammar import compile as compiled_from
from editchain.darkroom.phrases import gaps
from editchain.darkroom.rules import Rule, nodes
from editchain.darkroom.vocabulary import GROUPS, WHOLE

PAGE = Path(__file__).parents[2] / "docs" / "darkroom.md"
MARK = "<!-- instructions: this part follows the vocabulary -->\n"


def amounts_of(rule: Rule) -> tuple[str, str]:
    """What words of degree stand for, where a phrase takes them, and the most that a number may say."""
    if rule.amounts is None or "amount" in rule.values:
        return "", ""
    most = f"{rule.amounts.most:.0%}"
    if not any("@how" in phrase for phrase in rule.phrases):
        return f"{100 * rule.amounts.usual:g}%", most
    return f"{rule.amounts.little:.0%} / {rule.amounts.usual:.0%} / {rule.amounts.lot:.0%}", most


SAID = {
    "colour": "a colour", "ratio": "a ratio", "dimensions": "a size", "pixels": "pixels", "degrees": "degrees",
    "stops": "stops", "levels": "a number of colours", "quoted": "text in quotes", "position": "a place",
    "lettering": "a size of letters", "box": "a box", "corners": "four corners", "reference": "a reference",
    "shadow": "a shadow", "side": "a side", "level": "top or bottom", "count": "a number of faces", "factor": "a factor",
    "matching": "matching colours", "hues": "a colour", "vivid": "a colour",
}  # fmt: skip


def taken_by(rule: Rule) -> str:
    """What the gaps of its phrases take, amounts aside."""
    found = {gap.slot for phrase in rule.phrases for gap in gaps(nodes(phrase))}
    takes = list(dict.fromkeys(said for slot, said in SAID.items() if slot in found))
    if found & {"region", "tones"} and rule.edit not in WHOLE and "region" not in rule.values:
        takes.append("a region")
    return ", ".join(takes)


def expected() -> str:
    parts = []
    for title, rules in GROUPS.items():
        rows = []
        for rule in rules:
            levels, most = amounts_of(rule)
            extra = " ¹" if rule.needs_extra else ""
            rows.append(f"| {rule.example} | `{rule.edit}`{extra} | {taken_by(rule)} | {levels} | {most} |")
        head = [
            "| say, for instance | edit | takes | a little / plain / a lot | at most |",
            "|---|---|---|---|---|",
        ]
        name = title.lower().replace(",", "").replace(" ", "-")
        limits: dict[str, dict[str, None]] = {}
        for rule in rules:
            if rule.limit:
                limits.setdefault(rule.limit, {})[f"`{rule.edit}`"] = None
        notes = "".join(f"- {', '.join(edits)}: {limit}\n" for limit, edits in limits.items())
        picture = f"![{title}](pictures/darkroom-{name}.jpg)\n\n"
        parts.append(
            f"### {title}\n\n{picture}" + "\n".join([*head, *rows]) + "\n" + (f"\n{notes}" if notes else "")
        )
    return "\n" + "\n".join(parts)


def test_the_page_lists_every_instruction() -> None:
    assert PAGE.read_text("utf-8").partition(MARK)[2] == expected()


def test_the_prompts_of_the_page_are_understood_or_refused_as_it_says() -> None:
    refused = (
        PAGE.read_text("utf-8").partition("## What it cannot do")[2].partition("## All")[0].partition(")")[0]
    )
    prompts = [part for index, part in enumerate(refused.split('"')) if index % 2]
    assert len(prompts) == 3
    assert all(compiled_from(prompt).problems for prompt in prompts)


def test_what_the_page_calls_unclear_is_refused() -> None:
    part = PAGE.read_text("utf-8").partition("is refused too")[2].partition("## Fields")[0]
    prompts = [line.split('"')[1] for line in part.splitlines() if '"' in line]
    assert len(prompts) == 6
    assert all(compiled_from(prompt).problems for prompt in prompts)


def test_the_regions_of_the_page_are_understood() -> None:
    part = PAGE.read_text("utf-8").partition("**A region**")[2].partition("| region")[0]
    prompts = [prompt.replace("**", "") for prompt in part.split('"')[1::2]]
    assert len(prompts) == 4
    assert all("region" in compiled_from(prompt).edits[0].values for prompt in prompts)


if __name__ == "__main__":
    PAGE.write_text(PAGE.read_text("utf-8").partition(MARK)[0] + MARK + expected(), "utf-8")
    sys.stdout.write(f"{PAGE} written\n")
