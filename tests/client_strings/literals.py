"""Finds the sentences of a client that name a limit.

A client is one program that contains its JavaScript as plain text. For each word about limits, this module finds the
string literal around it. It keeps the literal if it reads like a sentence and mentions a limit on a person's usage:
usage, credits, a quota, a budget, a rate, or overload. It ignores the `limit` parameters of tools and the usage text of
commands.
"""

import mmap
import re

_WORDS = re.compile(
    rb"(?i)(?<![a-z])(?:limits?|limited|limiting|usage|credits?|quotas?|overload(?:ed)?|spend(?:ing)?|budgets?|throttl(?:ed|ing))(?![a-z])"
)
_SIGNS = re.compile(r"""(?ix)
  \b(?:usage|session|weekly|monthly|5-hour|hourly|daily|fast|opus|sonnet|haiku|fable|mythos|spend(?:ing)?|credits?|plan
      |account|rate|your|org(?:anization)?(?:'s|’s)?)[ -](?:usage[ ])?(?:limit|cap|quota|budget)(?:s|ed|ing)?\b
| \blimits?[ ](?:reached|exceeded|resets?|has[ ]reset|hit|available)\b
| \b(?:hit|reached|reach|exceeds?|exceeded|over|past|out[ ]of)[ ](?:your|the|a|its|this)[ ].{0,40}?\b(?:limit|budget|quota|cap)\b
| \b(?:usage[ ]credits?|extra[ ]usage|credit[ ]balance|out[ ]of[ ](?:usage|credits?)|usage[ ](?:is|allocation)|enough[ ]credits?
      |included[ ]usage|included[ ]\w+[ ]usage|purchase[ ]credits)\b
| \b(?:overloaded|server[ ]overload|quotas?|throttl(?:ed|ing))\b
| \bbudget\b.{0,30}\b(?:exceeded|reached|used[ ]up|exhausted)\b
| \b(?:exceeded|reached)\b.{0,30}\bbudget\b
""")
_MAX_DISTANCE = 400  # how far before and after a word a literal may begin and end, in bytes
_MIN_LENGTH = 10
_MAX_LENGTH = 300  # longer literals are instructions for the model, documentation, or web pages

_BEFORE = re.compile(rb"(?:[(\[{,:=?&|+!>;\s]|return|case)$")
_AFTER = re.compile(rb"[)\]},:;?+&|=.\s]")
_ESCAPES = {"n": "\n", "t": " ", "r": " ", "`": "`", "'": "'", '"': '"', "\\": "\\", "$": "$"}
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|u\{([0-9a-fA-F]+)\}|(.))", re.DOTALL)
# Text that occurs in code but not in sentences.
_CODE = re.compile(
    r"=>|===|!==|&&|\|\||\?\?|\?\.|\(\)|\){|\);|;\w|\w\(\w*[,)]|function\b.*\(|\b(?:const|let|var) \w+=|return\b.*[;{]|\w=\w|[{}]{2}|\w\[\w|\w:\w+\(|\w,\w"
)


def literals(program):
    """Returns all distinct sentences in the program at this path, in alphabetical order."""
    with open(program, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        found = {literal for match in _WORDS.finditer(data) for literal in _around(data, match.start(), match.end())}
    return sorted(found)


def _around(data, start, end):
    before, after = data[max(0, start - _MAX_DISTANCE) : start], data[end : end + _MAX_DISTANCE]
    best = None
    for quote in (b'"', b"'", b"`"):
        opened, closed = _last(before, quote), _first(after, quote)
        if opened is None or closed is None:
            continue
        if not _BEFORE.search(before[:opened]) or not (closed + 1 >= len(after) or _AFTER.match(after, closed + 1)):
            continue
        raw = before[opened + 1 :] + data[start:end] + after[:closed]
        if best is None or len(raw) < len(best):
            best = raw
    if best is not None:
        text = decoded(best)
        if is_sentence(text):
            yield text


def _last(text, quote):
    at = len(text)
    while (at := text.rfind(quote, 0, at)) >= 0:
        if not _is_escaped(text, at):
            return at
    return None


def _first(text, quote):
    at = -1
    while (at := text.find(quote, at + 1)) >= 0:
        if not _is_escaped(text, at):
            return at
    return None


def _is_escaped(text, at):
    return (at - len(text[:at].rstrip(b"\\"))) % 2 == 1


def decoded(raw):
    """Returns a literal as the user sees it, with `…` in place of each inserted value."""
    return " ".join(unescaped(without_values(raw.decode("utf-8", "replace"))).split())


def unescaped(text):
    return _ESCAPE.sub(_character, text)


def _character(match):
    code = match.group(1) or match.group(2) or match.group(3)
    if code:
        number = int(code, 16)
        return chr(number) if number <= 0x10FFFF else "\ufffd"
    return _ESCAPES.get(match.group(4), match.group(4))


def without_values(text):
    """Replaces each `${…}` in a template with `…`. If a placeholder is cut off, the text ends there."""
    parts, at = [], 0
    while (start := text.find("${", at)) >= 0:
        parts.append(text[at:start])
        depth, at = 1, start + 2
        while at < len(text) and depth:
            depth += {"{": 1, "}": -1}.get(text[at], 0)
            at += 1
        parts.append("…")
    parts.append(text[at:])
    return "".join(parts)


def is_sentence(text):
    """Returns true if the text is readable and more than just a name."""
    return (
        _MIN_LENGTH <= len(text) <= _MAX_LENGTH
        and " " in text
        and not _CODE.search(text)
        and _SIGNS.search(text) is not None
        and len(re.findall(r"[A-Za-z]{2,}", text)) >= 2
    )
