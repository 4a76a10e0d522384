"""Text that must not reach a terminal, and figures in reports."""

import json
import re

# One response in the fixture: 1,000 output tokens of claude-opus-5-5 at $20 per million.
RESPONSE_USD = 0.02

# Characters that move the cursor, hide text, or reverse it: (name, characters).
FORBIDDEN = [
    ("an escape character", "\x1b"),
    ("a control character", "".join(map(chr, [*range(0, 9), 11, 12, *range(14, 27), *range(28, 32), 127]))),
    ("a carriage return", "\r"),
    ("a tab", "\t"),
    ("a C1 control", "".join(map(chr, range(0x80, 0xA0)))),
    ("a bidi override", "\u202a\u202b\u202c\u202d\u202e"),
    ("a bidi isolate", "\u2066\u2067\u2068\u2069"),
    ("a bidi mark", "\u200e\u200f\u061c"),
    ("a zero-width character", "\u200b\u200c\u200d\u2060\ufeff\u180e"),
    ("an invisible operator", "\u2061\u2062\u2063\u2064"),
    ("a soft hyphen", "\u00ad"),
    ("a line separator", "\u2028\u2029"),
    ("an annotation mark", "\ufff9\ufffa\ufffb"),
    ("a deprecated format character", "\u206a\u206b\u206c\u206d\u206e\u206f"),
    ("a tag character", "".join(map(chr, [0xE0001, *range(0xE0020, 0xE0080)]))),
]
NAME_OF = {character: name for name, characters in FORBIDDEN for character in characters}
ANY_FORBIDDEN = re.compile("[" + "".join(map(re.escape, NAME_OF)) + "]")
COLOR = re.compile(r"\x1b\[[0-9;]*m")
EXCERPT_RADIUS = 40


def forbidden_character(output, allow_colors=False):
    """Returns the name and the code of the first character in a string that must not be printed, or None. The program
    may use line breaks freely."""
    if allow_colors:
        output = COLOR.sub("", output)
    match = ANY_FORBIDDEN.search(output.replace("\n", ""))
    return match and f"{NAME_OF[match[0]]} (U+{ord(match[0]):04X})"


def excerpt(output, forbidden):
    """Returns the text around a character that `forbidden_character` returned."""
    code = forbidden.rsplit("U+", 1)[1].rstrip(")")
    position = output.find(chr(int(code, 16)))
    return output[max(0, position - EXCERPT_RADIUS) : position + EXCERPT_RADIUS]


def strings_of(value, key=""):
    """Yields (path, text) for every string in a JSON value."""
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from strings_of(inner, f"{key}.{name}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from strings_of(inner, f"{key}[{index}]")


# The fields that every `spend` report has. All other fields are about spend that could not be counted.
FIGURES = {"total", "groups", "by", "since", "until", "timezone"}


def is_figure(value):
    """Returns whether a value is a number, an object of numbers, or a number that is not known."""
    if isinstance(value, dict):
        return all(map(is_figure, value.values()))
    return value is None or (isinstance(value, (int, float)) and not isinstance(value, bool))


def remarks(report):
    """Returns everything that a report contains apart from its figures, such as notes and flags. The names of these
    fields are not fixed, so the result is only meant to be compared with that of another report."""
    about_report = {key: value for key, value in report.items() if key not in FIGURES}
    about_total = {key: value for key, value in report.get("total", {}).items() if not is_figure(value)}
    return json.dumps([about_report, about_total], sort_keys=True)


# Words that indicate that a total is incomplete.
GAP_WORDS = re.compile(
    r"could not (be )?read|cannot be read|unreadable|not readable|not counted|lower bound|at least|≥|left out|incomplete",
    re.I,
)


def mentions_gap(output):
    return bool(GAP_WORDS.search(output))
