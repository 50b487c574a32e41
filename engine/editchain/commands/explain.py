"""editchain explain: what the embedded model understands of a prompt."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from editchain.commands import showing
from editchain.commands.saying import say, wants_colour, write_json
from editchain.darkroom import grammar
from editchain.diagnostics import Problem, render, visible

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from editchain.darkroom.grammar import Edit
    from editchain.darkroom.refusals import PromptProblem


@click.command(
    "explain",
    epilog='Examples:\n\n\b\n  editchain explain "make it warmer, then crop to 16:9"\n  editchain explain',
)
@click.argument("prompt", required=False)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
def command(prompt: str | None, as_json: bool) -> int:
    """Say what the embedded model, darkroom, understands of a prompt: each edit with its values and its words.

    Notes say what an edit cannot do. Exits with 2 where a part is not understood: then nothing of the prompt would be carried out. Without a
    PROMPT it lists every instruction with an example.
    """
    if prompt is None:
        return _list(as_json=as_json)
    compiled = grammar.compile(prompt)
    if as_json:
        write_json({
            "prompt": prompt,
            "edits": [
                {
                    "edit": one.name, "start": one.start, "end": one.end, "values": _plain(one.values),
                    "limit": one.limit,
                }
                for one in compiled.edits
            ],
            "problems": [
                {"start": one.start, "end": one.end, "message": one.message, "suggestion": one.suggestion}
                for one in compiled.problems
            ],
        })  # fmt: skip
        return 2 if compiled.problems else 0
    rows = [(str(at), *_row(prompt, one)) for at, one in enumerate(compiled.edits, 1)]
    if rows:
        click.echo("\n".join(showing.table(("", "edit", "values", "words"), rows)))
    for limit in dict.fromkeys(one.limit for one in compiled.edits if one.limit):
        click.echo(f"note: {limit}")
    for problem in compiled.problems:
        say(render(as_problem(prompt, problem), colour=wants_colour(sys.stderr)))
    return 2 if compiled.problems else 0


def as_problem(prompt: str, problem: PromptProblem) -> Problem:
    """What is not understood, with its place in the prompt."""
    line = prompt.rfind("\n", 0, problem.start) + 1
    help_ = problem.suggestion or EXAMPLES
    number = prompt.count("\n", 0, line) + 1
    return Problem(
        "prompt", number, problem.start - line + 1, "error", "not-understood", problem.message,
        help_, prompt[line:].split("\n", 1)[0], problem.end - problem.start,
    )  # fmt: skip


EXAMPLES = 'It understands "make it black and white", "brighten by 20%", "crop to 16:9", "add a white border", for instance.'


def _list(*, as_json: bool) -> int:
    known = grammar.instructions()
    if as_json:
        write_json({"instructions": [{"edit": name, "example": example} for name, example in known]})
        return 0
    click.echo("\n".join(showing.table(("edit", "for example"), known)))
    return 0


_SHARES = ("scale", "opacity", "shadow", "part", "tolerance")


def _row(prompt: str, one: Edit) -> tuple[str, str, str]:
    values = ", ".join(_said(name, value) for name, value in _plain(one.values).items())
    return one.name.replace("_", " "), values, f'"{" ".join(prompt[one.start : one.end].split())}"'


def _said(name: str, value: Any) -> str:
    if name == "amount" and isinstance(value, (int, float)):
        return f"amount {value:+.0%}"
    if isinstance(value, bool):
        return name.replace("_", " ") if value else f"not {name.replace('_', ' ')}"
    if isinstance(value, list):
        value = " × ".join(map(str, value)) if len(value) == 2 else "[" + ", ".join(map(str, value)) + "]"
    if name in _SHARES and isinstance(value, float):
        value = f"{value:.0%}"
    return f"{name.replace('_', ' ')} {visible(str(value))}"


def _plain(values: Mapping[str, object]) -> dict[str, Any]:
    """Values as JSON has them."""
    return dict(_items(values))


def _items(values: Mapping[str, object]) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, (tuple, list)):
            yield name, [one if isinstance(one, (int, float, bool)) else str(one) for one in value]
        elif value is None or isinstance(value, (str, int, float, bool)):
            yield name, value
        else:
            yield name, str(value)
