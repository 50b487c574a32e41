"""How an instruction is written down: what it means, the phrases for it, and the parts that phrases share."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from functools import cache

from editchain.classes import dataclass
from editchain.darkroom.phrases import Sequence_, parse
from editchain.darkroom.slots import words as slot_words


@dataclass(frozen=True, slots=True)
class Amounts:
    """What "a little", no word of degree and "much" stand for, and the most that a number may say."""

    little: float = 0.15
    usual: float = 0.35
    lot: float = 0.7
    most: float = 1.0


EFFECT = Amounts()
STRETCHABLE = Amounts(most=2.0)
LOOK = Amounts(0.5, 1.0, 1.0)


@dataclass(frozen=True, eq=False, slots=True)
class Rule:
    """One meaning and the phrases for it, in British spelling without articles.

    `values` are what the edit gets unless a gap of the phrase says otherwise. `amounts` is None for an edit
    without an amount; `sign` turns it round. `needs_extra`: without numpy and OpenCV it is refused. `limit` is
    what a person should know before they rely on it.
    """

    edit: str
    example: str
    phrases: tuple[str, ...]
    amounts: Amounts | None = EFFECT
    sign: int = 1
    values: Mapping[str, object] = field(default_factory=dict)
    needs_extra: bool = False
    limit: str | None = None


MACROS = {
    "it": "(it|this|everything|[this|whole|entire|overall|full] (image|picture|photo|photograph|shot|frame"
    "|thing|canvas|colours|scene)|<region:region>)",
    "how": "(<little> [of]|<lot> [of]|[by|at|with] [about|around|roughly|approximately|approx|some] <percent>|by <little>"
    "|by <lot>|by <share:percent>)",
    "mk": "((make|turn|convert|change|render|transform|switch|process|get|bring) [@it]"
    " [look|appear|be|to be|to look|feel] [like|into|to|in|as]"
    "|@it (to|should|must|has to|needs to|ought to) (be|look|look like|become))",
    "put": "(give|apply|add|use|put|create|do|try|include|want) [@it]",
    "on": "(to|on|over|for|around|across|of|in|onto|within|inside|throughout) @it",
    "fx": "(effect|look|style|filter|tone|tones|toned|toning|feel|mood|finish|treatment|vibe|version|conversion"
    "|image|picture|photo|photograph|shot|colours|grade|grading|colour grade|colour grading|lighting|aesthetic)",
    "up": "(increase|raise|boost|up|turn up|bring up|push|push up|enhance|strengthen|intensify|bump|bump up"
    "|crank up|pump up|heighten|improve|dial up|lift)",
    "more": "(more|extra|higher|stronger|greater|increased|high|strong|bit more|little more)",
    "down": "(decrease|reduce|lower|turn down|bring down|cut|cut back|weaken|tone down|dial down|dial back|take down"
    "|lessen|pull back|knock back|drop)",
    "less": "(less|lower|weaker|reduced|decreased|low|little less|bit less)",
    "hold": "(from|at|around|towards|keeping|on) <position:anchor>",
    "where": "[at|in|on|to|near|along|across|into] <position:anchor> [corner|edge|side|part] [of @it]",
    "ink": "(in [<lettering:height>] <colour:colour> [letters|lettering|text|type|colour]|<colour:colour>)",
    "big": "[in] (<lettering:height> [letters|lettering|text|type|font|print]|<pixels:height> [high|tall|letters|text])",
    "words": "(text|texts|word|words|caption|title|label|heading|headline|message|lettering)",
    "around": "((around|round|to|on|about|for) (@it|edges|edge|outside))",
    "region": "((in|on|of|within|inside|to) <region:region> [of @it])",
    "parts": "(areas|parts|things|objects|bits|tones|ones|areas of colour)",
    "write": "(add|write|put|place|draw|insert|print|overlay|set|type)",
    "standing": "((around|behind|outside|outside of|of) [subject (in|inside|at)] <box:box>|with subject (in|inside|at) <box:box>)",
    "shaded": "(with|and|plus) <shadow:shadow>",
}
"""Parts that phrases share, by name."""


@cache
def macro(name: str) -> Sequence_:
    """The nodes of a part that phrases share."""
    return parse(MACROS[name], macro)


_WORD = re.compile(r"(?<![<@:\w])[a-z']+(?![\w:]*>)")
_MACRO = re.compile(r"@([a-z]+)")


@cache
def own_words(phrase: str) -> frozenset[str]:
    """The words that stand in a phrase itself, those of shared parts and of slots aside."""
    return frozenset(_WORD.findall(phrase))


@cache
def macro_words() -> frozenset[str]:
    """Every word that stands in a shared part."""
    return frozenset().union(*map(own_words, MACROS.values()))


@cache
def readable(phrase: str) -> frozenset[str]:
    """Every word that a phrase could read, those of its slots taken together."""
    parts = (readable(MACROS[name]) for name in set(_MACRO.findall(phrase)))
    return own_words(phrase).union(slot_words() if "<" in phrase else (), *parts)


@cache
def nodes(phrase: str) -> Sequence_:
    """A phrase as it is matched; read when it is first tried, for most never are."""
    return parse(phrase, macro)


def quality(nouns: str) -> tuple[str, ...]:
    """More of something that a picture has a certain measure of."""
    return (
        f"[@mk|@put] @up [@it] [@how] ({nouns}) [level|levels] [@on] [@how]",
        f"[in|with|@mk|@put] [@how] @more ({nouns}) [@on] [@how]",
        f"@put [@how] ({nouns}) [@on] [@how]",
        f"(<little>|<lot>) ({nouns}) [@on]",
        f"[make|turn|push|bring|get] ({nouns}) [@how] (up|higher|stronger|more|greater) [@how]",
        f"({nouns}) [by] <signed:amount> [@on]",
        f"<signed:amount> ({nouns}) [@on]",
    )


def lack(nouns: str) -> tuple[str, ...]:
    """Less of it."""
    return (
        f"@down [@it] [@how] ({nouns}) [level|levels] [@on] [@how]",
        f"[in|with|@mk|@put] [@how] @less ({nouns}) [@on] [@how]",
        f"[make|turn|bring|get] ({nouns}) [@how] (down|lower|weaker|less) [@how]",
    )


def being(adjectives: str) -> tuple[str, ...]:
    """What it is made: brighter, 30% brighter, brighter by 30%."""
    return (
        f"[@mk|@put] [@how] ({adjectives}) [@fx] [@how]",
        f"[@put] [@how] ({adjectives}) [@fx] [@on] [@how]",
        f"[@put] [@how] ({adjectives}) <region:region> [@how]",
    )


def doing(verbs: str) -> tuple[str, ...]:
    """What is done to it: brighten the photo slightly."""
    return (f"[@how] ({verbs}) [up] [@it] [up] [@on] [@how]",)


def look(names: str) -> tuple[str, ...]:
    """An effect with a name, which may also be that of a thing: sepia, turn it into a poster, a poster effect."""
    return (
        f"[@mk|in|into|to|as] [@how] ({names}) [@fx] [@on] [@how] [strength|intensity|opacity]",
        f"(@put|with) [@how] ({names}) @fx [@on] [@how] [strength|intensity|opacity]",
    )


def layer(names: str) -> tuple[str, ...]:
    """An effect that can only be added as an effect: a vignette, fog, sepia."""
    return (
        f"[@mk|@put|in|into|to|with|as] [@how] ({names}) [@fx] [@on] [@how] [strength|intensity|opacity]",
    )


def style(names: str) -> tuple[str, ...]:
    """A word that is an effect only together with "look", "effect" and the like: a film look."""
    return (f"[@mk|@put|in|into|to|with|as] [@how] ({names}) @fx [@on] [@how]",)
