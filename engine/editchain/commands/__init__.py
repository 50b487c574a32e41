"""The commands by name: each a module with `command`, imported when it is used."""

from __future__ import annotations

COMMANDS: dict[str, str] = {
    "init": "A new workspace, with a pipeline that runs at once.",
    "edit": "One edit at once, from a line; --save makes it a recipe.",
    "validate": "Find every problem in pipeline files, offline.",
    "plan": "Show what a run would do, why, and at what price.",
    "run": "Run a pipeline; what is stored is not made again.",
    "why": "What differs from the nearest stored result, down to its cause.",
    "diff": "Two revisions of a pipeline side by side, with their pictures.",
    "explain": "What the embedded model understands of a prompt.",
    "show": "Where a picture came from, back to the inputs.",
    "report": "A page of a run, to look at and to pass on.",
    "graph": "The graph of a pipeline: Mermaid, dot or SVG.",
    "status": "What is going on, or how a run went.",
    "runs": "What ran, the newest first.",
    "cancel": "Ask a run to stop tidily.",
    "resolve": "Calls of which nobody knows whether they were charged.",
    "costs": "The ledger: what calls were expected to cost, and what they did.",
    "store": "The results: ls, verify, gc, repair, push, pull.",
    "lock": "What the locks say: merge finishes what git could not.",
    "migrate": "From models that are shut down to their successors.",
    "models": "The models: rules, limits, routes, prices, life.",
    "providers": "The vendors: credentials, limits, models; --check asks them.",
    "operations": "The image functions that run here, with their fields.",
    "serve": "The viewer and the HTTP API on this workspace, and the keys to it.",
    "schema": "One JSON Schema of the language, for editors.",
    "doctor": "What is installed, what is missing, and how to get it.",
}
"""Command to the line that `editchain --help` shows; the module has the command's name."""
