"""editchain edit: one edit at once."""

from __future__ import annotations

import glob
import hashlib
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from editchain.classes import dataclass
from editchain.commands import completing, showing
from editchain.commands.saying import say, wants_colour, write_json
from editchain.commands.shared import nearest_workspace
from editchain.diagnostics import did_you_mean, one_of, render
from editchain.errors import ConfigurationError, PipelineError
from editchain.imaging.probe import EXTENSIONS
from editchain.language.recipes import (
    Recipe,
    as_template,
    extension_of,
    text_of,
    without_references,
    words_of,
)
from editchain.platform import disk_error
from editchain.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from editchain.commands.planned import Planned
    from editchain.diagnostics import Problem
    from editchain.models import Model
    from editchain.plans.tasks import Plan, StepPlan
    from editchain.runs.running import Options, Report

MOST_TOLD = 5
_GIVEN = "photo (given on the command line): "


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for on the command line; `pictures` are paths by the field that they are for."""

    photos: tuple[str, ...]
    prompt: str
    model: str
    fields: Mapping[str, Any]
    pictures: Mapping[str, tuple[str, ...]]


@click.command(
    "edit",
    epilog="Examples:\n\n\b\n"
    '  editchain edit mug.jpg "make it black and white"\n'
    '  editchain edit mug.jpg "add a white border" -o framed.png --save framed.yaml\n'
    "  editchain edit 'photos/*.jpg' \"auto levels, then crop to 16:9\"",
)
@click.argument("photos", nargs=-1, required=True, metavar="PHOTO...")
@click.argument("prompt")
@click.option(
    "-m",
    "--model",
    default="darkroom",
    show_default=True,
    shell_complete=completing.models,
    help="The model that edits.",
)
@click.option("-o", "--out", metavar="FILE|DIR", help="Where the result goes, instead of beside you.")
@click.option("--save", metavar="FILE", help="Also write the edit as a recipe to run, share and keep.")
@click.option("--seed", type=click.IntRange(min=0), help="What chance is drawn from.")
@click.option(
    "-r", "--reference", "references", multiple=True, metavar="FILE", help="A further picture to go by."
)
@click.option("--mask", metavar="FILE", help="Where to edit: black is edited, filled areas are kept.")
@click.option(
    "-s", "--set", "others", multiple=True, metavar="FIELD=VALUE", help="Any other field of the model."
)
@click.option(
    "--overwrite", is_flag=True, help="Replace files that are there already (never the photo itself)."
)
@click.option("--budget", metavar="AMOUNT", help="The most this may cost, such as 0.10 or '0.10 USD'.")
@click.option("--yes", is_flag=True, help="Do not ask before spending.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
def command(photos: tuple[str, ...], prompt: str, model: str, **chosen: Any) -> int:
    """Edit one photo, or several, at once; the result goes beside you, named after what was done.

    PHOTO is a file, a folder or a quoted glob. The photo itself is never written over. The result is stored:
    the same edit again costs nothing.
    """
    wish = Wish(_found(photos), prompt, model, _fields(chosen), _pictures(chosen))
    save = Path(chosen["save"]).absolute() if chosen["save"] else None
    _check_save(save, overwrite=chosen["overwrite"])
    root = Workspace.of(save).root if save else nearest_workspace(Path.cwd())
    with Workspace(root) as workspace:
        from editchain.commands.spending import agree
        from editchain.runs.allowing import ceilings_of
        from editchain.runs.running import Options, refuse_unreachable

        _check_prompt(_model(workspace, model), prompt)
        folder, recipe = _recipe(wish, chosen["out"])
        found = _planned(workspace, recipe, wish)
        refuse_unreachable(found.plan)
        _refuse_to_overwrite(workspace, found.plan, folder, overwrite=chosen["overwrite"])
        ceilings = ceilings_of(workspace, found.plan, chosen["budget"])
        agree(workspace, found.plan, ceilings, yes=chosen["yes"])
        settings = Options(str(folder), command="edit", overwrite=chosen["overwrite"], ceilings=ceilings)
        report, seconds = _go(workspace, found, settings)
        saved = save if save and report.exit_code == 0 and _save(save, recipe, wish) else None
        _tell(report, seconds, saved, as_json=chosen["as_json"])
    return report.exit_code


# ---------------------------------------------------------------------- what was asked


def _found(photos: tuple[str, ...]) -> tuple[str, ...]:
    """The photos as given; ConfigurationError for a file that is not there (globs are looked into later)."""
    for photo in photos:
        if any(sign in photo for sign in "*?[") or ":" in photo or photo.startswith(("asset_", "~")):
            continue
        place = Path(photo)
        if not place.exists():
            here = [one.name for one in place.parent.iterdir()] if place.parent.is_dir() else []
            near = did_you_mean(place.name, here)
            raise ConfigurationError(f"There is no photo {showing.path(photo)}.{f' {near}' if near else ''}")
    return photos


def _fields(chosen: Mapping[str, Any]) -> dict[str, Any]:
    from editchain.language.syntax import scalar

    fields: dict[str, Any] = {}
    for text in chosen["others"]:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise ConfigurationError(f'--set "{text}" is not FIELD=VALUE, such as --set strength=0.5.')
        if name.strip() in ("image", "prompt", "model"):
            raise ConfigurationError(f"--set {name.strip()}: the {name.strip()} is given by itself.")
        given = scalar(value)
        fields[name.strip()] = without_references(given) if isinstance(given, str) else given
    if chosen["seed"] is not None:
        fields["seed"] = chosen["seed"]
    return fields


def _pictures(chosen: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    pictures = {
        "references": tuple(chosen["references"]),
        "mask": (chosen["mask"],) if chosen["mask"] else (),
    }
    return {name: _found(paths) for name, paths in pictures.items() if paths}


def _model(workspace: Workspace, name: str) -> Model:
    models = workspace.catalogue.models
    if name not in models:
        raise ConfigurationError(
            f'There is no model "{name}". {did_you_mean(name, models) or f"There is {one_of(models)}."}'
        )
    return models[name]


def _check_prompt(model: Model, prompt: str) -> None:
    """Says what of the prompt is not understood, with the nearest that would be; then nothing is made."""
    from editchain import providers
    from editchain.commands.explain import as_problem
    from editchain.darkroom.refusals import PromptProblem

    if model.checked_by is None:
        return
    problems = list(providers.check_prompt(model.checked_by, prompt))
    if not problems:
        return
    for start, end, message, suggestion in problems:
        problem = PromptProblem(start, end, message, suggestion)
        say(render(as_problem(prompt, problem), colour=wants_colour(sys.stderr)))
    raise ConfigurationError(f"Nothing was made. `editchain explain` lists what {model.name} understands.")


def _check_save(save: Path | None, *, overwrite: bool) -> None:
    if save is None:
        return
    if save.suffix not in (".yaml", ".yml"):
        raise ConfigurationError(f"--save {save.name}: a recipe is called NAME.yaml.")
    if not save.parent.is_dir():
        raise ConfigurationError(f"--save: there is no folder {showing.path(save.parent)}.")
    if save.exists() and not overwrite:
        raise ConfigurationError(f"--save: {showing.path(save)} is there already; --overwrite replaces it.")


# ---------------------------------------------------------------------- the recipe


def _recipe(wish: Wish, out: str | None) -> tuple[Path, Recipe]:
    """The recipe, and the folder that its file names are relative to."""
    is_one = len(wish.photos) == 1 and not Path(wish.photos[0]).is_dir() and not _is_glob(wish.photos[0])
    words = words_of(wish.prompt)
    extensions = {extension_of(file) for photo in wish.photos for file in _files(photo)}
    extension = f".{extensions.pop()}" if len(extensions) == 1 else ""
    path = f"{{photo}}-{words}{extension}"
    folder = Path.cwd()
    if out is not None:
        place = Path(out).expanduser()
        if is_one and not place.is_dir() and not out.endswith(("/", os.sep)):
            folder, path = place.absolute().parent, as_template(place.name)
        else:
            if place.exists() and not place.is_dir():
                raise ConfigurationError(f"-o {out}: there are several photos, so this has to be a folder.")
            folder = place.absolute()
    pictures = {name: name for name in wish.pictures}
    stem = Path(wish.photos[0]).stem if is_one else "photos"
    name = "-".join(part for part in (_slug(stem), _slug(words)) if part) or "edit"
    return folder, Recipe(name, wish.model, wish.prompt, path, wish.fields, pictures)


def _files(photo: str) -> list[str]:
    """The files that an argument means, as far as their extensions matter."""
    place = Path(photo).expanduser()
    if place.is_dir():
        return [one.name for one in place.iterdir() if one.suffix[1:].lower() in EXTENSIONS]
    return glob.glob(str(place), recursive=True) if _is_glob(photo) else [photo]


def _is_glob(photo: str) -> bool:
    return any(sign in photo for sign in "*?[") and not Path(photo).exists()


def _slug(text: str) -> str:
    kept = "".join(one if one.isascii() and one.isalnum() else "-" for one in text.lower())
    return "-".join(part for part in kept.split("-") if part)[:60].strip("-")


def _planned(workspace: Workspace, recipe: Recipe, wish: Wish) -> Planned:
    """The plan of the recipe, which is kept beside the store under a name that its content decides."""
    from editchain.commands.planned import Given, planned
    from editchain.store import make_folder

    text = text_of(recipe)
    digest = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    make_folder(str(workspace.folder))
    place = workspace.folder / "edits" / f"{recipe.name}-{digest}.yaml"
    try:
        place.parent.mkdir(exist_ok=True)
        if not place.exists():
            _write(place, text)
    except OSError as error:
        raise disk_error(error, str(place)) from error
    options = [f"photo={photo}" for photo in wish.photos]
    options += [f"{name}={one}" for name, paths in wish.pictures.items() for one in paths]
    try:
        return planned(workspace, place, Given(options), supplies=True)
    except PipelineError as error:
        # The file is one of ours, so only what is said of it helps, not where in it.
        raise ConfigurationError("\n".join(_plainly(problem) for problem in error.problems)) from None


def _plainly(problem: Problem) -> str:
    sentence = problem.sentence
    for prefix in ("steps.edit.", "steps.edit: ", "inputs.", "outputs.edited.", "photo: ", _GIVEN):
        sentence = sentence.removeprefix(prefix)
    return sentence


def _write(place: Path, text: str) -> None:
    """Writes a small text so that it is there whole or not at all."""
    temporary = place.with_name(f".{place.name}.{os.getpid()}.tmp")
    temporary.write_text(text, encoding="utf-8", errors="surrogateescape")
    temporary.replace(place)


# ---------------------------------------------------------------------- before it is made


def _refuse_to_overwrite(workspace: Workspace, plan: Plan, folder: Path, *, overwrite: bool) -> None:
    """ConfigurationError where a photo, or a file that is not this very result, would be written over."""
    originals = {os.path.realpath(path) for path in plan.pipeline.evidence.images}
    look = workspace.look
    for one, at, relative in _targets(plan):
        target = folder / relative
        if not target.exists():
            continue
        if os.path.realpath(target) in originals:
            raise ConfigurationError(f"{showing.path(target)} is what this edit reads; name another with -o.")
        if overwrite:
            continue
        row = None if look is None else look.published([str(target)]).get(str(target))
        if row is None or row.result != one.digests.get(at):
            raise ConfigurationError(
                f"{showing.path(target)} is there already; --overwrite replaces it, -o names another."
            )


def _targets(plan: Plan) -> Iterator[tuple[StepPlan, int, str]]:
    """The files that the edit writes: the task of each, and its path below the output folder."""
    from editchain.artifacts import ImageSource
    from editchain.language.publishing import path_of, template
    from editchain.plans.dimensions import keys_at
    from editchain.plans.planning import published_tasks

    fixed = {
        one.name: one.value.key for one in plan.pipeline.inputs.values() if isinstance(one.value, ImageSource)
    }
    for output in plan.pipeline.outputs:
        written = template(output.path) if output.path else None
        for one, at in published_tasks(output, plan.by_step()):
            keys = {**fixed, **keys_at(one.dimensions, at)}
            yield one, at, path_of(output.name, written, output.picture.dimensions, keys, "png")


# ---------------------------------------------------------------------- doing it


def _go(workspace: Workspace, found: Planned, settings: Options) -> tuple[Report, float]:
    import anyio

    from editchain.runs import reporting, running

    try:
        Path(settings.out).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise disk_error(error, settings.out) from error
    progress = reporting.Progress(sys.stderr, None, found.plan, is_live=sys.stderr.isatty())
    began = time.monotonic()

    async def work() -> Report:
        return await running.run(workspace, found.plan, found.digests, settings, watch=progress.watch)

    try:
        report = anyio.run(work)
    finally:
        progress.end()
    return report, time.monotonic() - began


def _tell(report: Report, seconds: float, saved: Path | None, *, as_json: bool) -> None:
    publication = report.publication
    if as_json:
        numbers = {**report.run.counts, "cached": report.run.counts.get("cached", 0) + report.cached}
        write_json({
            "run": report.id, "exit_code": report.exit_code, "counts": numbers,
            "files": [str(path) for path in publication.paths], "recipe": str(saved) if saved else None,
            "left_alone": [{"file": path, "reason": reason} for path, reason in publication.left_alone],
        })  # fmt: skip
        return
    left_alone = {path for path, _ in publication.left_alone}
    for path in publication.paths:
        if path not in left_alone:
            click.echo(showing.path(path))
    for path, reason in publication.left_alone:
        say(f"left alone: {showing.path(path)}: {reason}")
    skipped = dict.fromkeys(one.message for one in report.run.troubles if one.outcome == "skipped")
    for message in list(skipped)[:MOST_TOLD]:
        say(f"skipped: {message}")
    counts: Mapping[Any, int] = report.run.counts
    outcomes = ("done", "failed", "rejected", "skipped", "open", "waiting", "stopped")
    parts = [f"{counts[name]:,} {name}" for name in outcomes if counts.get(name)]
    if cached := counts.get("cached", 0) + report.cached:
        parts.append("made before, so nothing was to do" if not parts else f"{cached:,} made before")
    say(" · ".join([*parts, f"{seconds:.1f} s"]))
    if saved:
        say(f"{showing.path(saved)} has the recipe: editchain run {showing.path(saved)}")


# ---------------------------------------------------------------------- keeping it


def _save(save: Path, recipe: Recipe, wish: Wish) -> bool:
    """Writes the recipe with paths relative to it; what is outside of its workspace is left out."""
    root = Workspace.of(save).root
    given = {"photo": wish.photos, **wish.pictures}
    defaults: dict[str, str | Sequence[str]] = {}
    outside = []
    for name, paths in given.items():
        relative = [_relative(path, save.parent, root) for path in paths]
        if None in relative:
            outside.append(name)
            continue
        written = [one for one in relative if one is not None]
        defaults[name] = written[0] if len(written) == 1 else written
    run = " ".join(["editchain run", save.name, *(f"-i {name}=FILE" for name in outside)])
    comments = [f"One edit, written by `editchain edit`. Run it again, which costs nothing: {run}"]
    if "photo" not in outside:
        comments.append("Over other photos: editchain run " + save.name + " -i photo='photos/*.jpg'")
    if outside:
        comments.append(f"{one_of(outside)} lies outside of this workspace, so it has to be given each time.")
    schema = root / ".editchain" / "pipeline.schema.json"
    link = os.path.relpath(schema, save.parent) if schema.is_file() else None
    try:
        _write(save, text_of(replace(recipe, defaults=defaults), comments=comments, schema=link))
    except OSError as error:
        raise disk_error(error, str(save)) from error
    return True


def _relative(path: str, folder: Path, root: Path) -> str | None:
    """A path as a recipe in `folder` writes it; None where recipes of this workspace may not read it."""
    if path.startswith(("https:", "data:", "asset_")):
        return path
    place = Path(path).expanduser().absolute()
    real = place.resolve()
    if not real.is_relative_to(root) or any(part.startswith(".") for part in real.relative_to(root).parts):
        return None
    return Path(os.path.relpath(os.path.normpath(place), folder)).as_posix()
