"""Text that must not reach a terminal, and figures in reports."""
import json
import re

# One response in the fixture: 1,000 output tokens of claude-opus-5-5 at $20 per million.
RESPONSE_USD = 0.02

# Characters that move the cursor, hide text, or reverse it: (name, characters).
FOUL = [
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
NAME_OF = {character: name for name, characters in FOUL for character in characters}
ANY = re.compile("[" + "".join(re.escape(character) for character in NAME_OF) + "]")
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def foul(shown, colours=False):
    """Returns the name of the first character in a string that must not be printed, or None. The program may use line
    breaks freely."""
    if colours:
        shown = COLOUR.sub("", shown)
    found = ANY.search(shown.replace("\n", ""))
    return found and f"{NAME_OF[found[0]]} (U+{ord(found[0]):04X})"


def around(shown, name):
    point = chr(int(name.rsplit("U+", 1)[1].rstrip(")"), 16))
    at = shown.find(point)
    return shown[max(0, at - 40):at + 40]


def is_json_object(out):
    try:
        return isinstance(json.loads(out.decode()), (dict, list))
    except (ValueError, UnicodeDecodeError, RecursionError):
        return False


def strings_of(value, key=""):
    """Returns (path, text) for every string in a JSON value."""
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from strings_of(inner, f"{key}.{name}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from strings_of(inner, f"{key}[{index}]")


# The text that every `spend` report contains. Any other text is about spend that could not be counted.
FIGURES = {"total", "groups", "by", "since", "until", "timezone"}
TALLY = {"cost_usd", "recorded_usd", "unrecorded_usd", "responses", "unpriced_responses", "tokens", "web_searches"}


def remarks(report):
    """Returns the text of a report apart from its figures, in a form that can be compared, because the fields have no
    fixed names."""
    beside = {key: value for key, value in report.items() if key not in FIGURES}
    in_total = {key: value for key, value in report.get("total", {}).items() if key not in TALLY}
    return json.dumps([beside, in_total], sort_keys=True)


# Words that indicate that a total is incomplete.
GAP_WORDS = re.compile(r"could not (be )?read|cannot be read|unreadable|not readable|not counted|lower bound|at least|≥|left out|incomplete",
    re.I)


def mentions_gap(shown):
    return bool(GAP_WORDS.search(shown))
