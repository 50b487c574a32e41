"""docs/darkroom.md follows the vocabulary; run this file to write its last part again."""

from __future__ import annotations

import sys
from pathlib import Path

from editchain.darkroom.grammar import compile as compiled_from
from editchain.darkroom.vocabulary import GROUPS, Rule

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


def expected() -> str:
    parts = []
    for title, rules in GROUPS.items():
        rows = []
        for rule in rules:
            levels, most = amounts_of(rule)
            extra = " ¹" if rule.needs_extra else ""
            rows.append(f"| {rule.example} | `{rule.edit}`{extra} | {levels} | {most} |")
        head = ["| say, for instance | edit | a little / plain / a lot | at most |", "|---|---|---|---|"]
        parts.append(f"### {title}\n\n" + "\n".join([*head, *rows]) + "\n")
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


if __name__ == "__main__":
    PAGE.write_text(PAGE.read_text("utf-8").partition(MARK)[0] + MARK + expected(), "utf-8")
    sys.stdout.write(f"{PAGE} written\n")
