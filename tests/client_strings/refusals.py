"""Finds the texts that a client can show for a refused request, with the class that the client assigns to them.

A client is one program that contains its JavaScript as plain text. One of its functions creates every error message. It is called
as `name({content: …, error: "class", apiError: "name"})`, and these calls show which function it is. The texts that `content` can
have are read from the expression: literals, templates, both branches of a condition, constants, and results of functions. `…`
stands for a value that cannot be determined.
"""

import mmap
import re
from collections import Counter

from literals import unescaped

_NAME = rb"[A-Za-z_$][\w$]*"
_CALL = re.compile(rb"(?<![\w$.])(" + _NAME + rb")\(\{content:")
_CLASS = re.compile(rb'error:"(?:rate_limit|authentication_failed|server_error|invalid_request)"')
_DEFINED = re.compile(
    rb"(?<![\w$.])(?:function ("
    + _NAME
    + rb")\(|("
    + _NAME
    + rb")=(?=[\"`'])|("
    + _NAME
    + rb")=(?:"
    + _NAME
    + rb"|\([^()]{0,80}\))=>(?!\{))"
)
# Calls that change only the spaces around a text.
_TRIMMED = re.compile(rb"(?:\.trim(?:Start|End)?\(\))+$")
_MAX_DISTANCE = 25_000_000  # how far from the calls their constants may be defined, in bytes
_MAX_DISTANCE_OF_SHORT_NAME = 1000  # how far from a call a function with a short name may be defined, in bytes
_MAX_TEXTS = 24  # the maximum number of texts for one expression
_MAX_DEPTH = 5


def refusals(program):
    """Returns each distinct (class, apiError, text), in order."""
    with open(program, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        calls = Counter(
            match.group(1) for match in _CALL.finditer(data) if _CLASS.search(data, match.end(), match.end() + 600)
        )
        if not calls:
            return []
        name = calls.most_common(1)[0][0]
        at = data.rfind(b"Request rejected (429)")
        return sorted(_Bundle(data[max(0, at - _MAX_DISTANCE) : at + _MAX_DISTANCE]).refusals_from(name))


class _Bundle:
    def __init__(self, script):
        self.script = script
        self.known = {}
        self.defined = {}
        for match in _DEFINED.finditer(script):
            name = match.group(1) or match.group(2) or match.group(3)
            self.defined.setdefault(name, []).append((match.start(), match.end(), bool(match.group(1))))

    def refusals_from(self, function):
        found = set()
        for match in re.finditer(rb"(?<![\w$.])" + re.escape(function) + rb"\(\{", self.script):
            fields = _fields(self.script[match.end() : _after(self.script, match.end() - 1) - 1])
            if b"content" not in fields:
                continue
            names = [fields.get(key, b"").decode().strip('"') for key in (b"error", b"apiError")]
            for text in self.texts(fields[b"content"], match.start(), 0):
                text = re.sub(r"…(?:\s*…)+", "…", " ".join(text.split()))
                if len(re.findall("[A-Za-z]{2,}", text)) >= 2:
                    found.add((*[name if re.fullmatch(r"\w*", name) else "" for name in names], text))
        return found

    def texts(self, code, near, depth):
        """Returns all texts that an expression can evaluate to, or none if they cannot be determined."""
        code = code.strip()
        while code[:1] == b"(" and _after(code, 0) == len(code):
            code = code[1:-1].strip()
        if depth > _MAX_DEPTH:
            return []
        condition = _parted(code, b"?")
        ways = condition and _parted(condition[1], b":")
        either = ways or _parted(code, b"??") or _parted(code, b"||")
        if either:
            return (self.texts(either[0], near, depth) + self.texts(either[1], near, depth))[:_MAX_TEXTS]
        if both := _parted(code, b"&&"):
            return self.texts(both[1], near, depth)
        if parts := _parted(code, b"+"):
            return self.joined([self.texts(part, near, depth) for part in parts])
        if code[:1] in (b'"', b"'") and _after_text(code, 0) == len(code):
            return [_plain(code[1:-1])]
        if code[:1] == b"`" and _after_text(code, 0) == len(code):
            return self.template(code[1:-1], near, depth)
        code = _TRIMMED.sub(b"", code)
        if re.fullmatch(_NAME, code):
            return self.values_of(code, near, depth)
        call = re.match(_NAME + rb"(?=\()", code)
        if call and _after(code, call.end()) == len(code):
            return self.results_of(call.group(), code[call.end() + 1 : -1], near, depth)
        return []

    def template(self, code, near, depth):
        parts, start = [], 0
        while (at := code.find(b"${", start)) >= 0:
            end = _after(code, at + 1)
            parts += [[_plain(code[start:at])], self.texts(code[at + 2 : end - 1], near, depth + 1)]
            start = end
        return self.joined([*parts, [_plain(code[start:])]])

    @staticmethod
    def joined(parts):
        texts = [""]
        for part in parts:
            texts = [text + end for text in texts for end in dict.fromkeys(part or ["…"])][:_MAX_TEXTS]
        return texts

    def results_of(self, name, arguments, near, depth):
        """Returns the values that a function returns. A function without values of its own, such as one that shortens a
        text, returns its first argument. A short name is that of a function only if its definition is close."""
        places = self.defined.get(name, []) if len(name) < 3 else []
        close = [place for place in places if place[2] and abs(place[0] - near) < _MAX_DISTANCE_OF_SHORT_NAME]
        if close:
            start, end, _ = min(close, key=lambda place: abs(place[0] - near))
            values = self.returned(start, end, depth) if depth < _MAX_DEPTH else []
        else:
            values = self.values_of(name, near, depth)
        if any(re.search("[A-Za-z]{2,}", text) for text in values):
            return values
        first = next((at for at in _tops(arguments) if arguments[at : at + 1] == b","), len(arguments))
        return self.texts(arguments[:first], near, depth) or values

    def values_of(self, name, near, depth):
        """Returns the value of a constant, or the values that a function returns. A short name is a local variable, so
        its value is the last one that was assigned before the position `near`."""
        if len(name) < 3:
            before = self.script[max(0, near - 2500) : near]
            values = list(re.finditer(rb"(?<![\w$.])" + re.escape(name) + rb"=(?!=)", before))
            return self.texts(_expression(before, values[-1].end()), near, depth + 3) if values and depth < 3 else []
        if name not in self.known:
            self.known[name] = []
            places = self.defined.get(name)
            if places:
                start, end, is_function = min(places, key=lambda place: abs(place[0] - near))
                # The result is kept, so it must not depend on the depth of the first use.
                self.known[name] = (
                    self.returned(start, end, 0)
                    if is_function
                    else self.texts(_expression(self.script, end), start, 1)
                )
        return self.known[name]

    def returned(self, start, end, depth):
        body = _after(self.script, end - 1)
        body = self.script[body : _after(self.script, body)]
        returns = [_expression(body, match.end()) for match in re.finditer(rb"return\b", body)]
        return [text for code in returns for text in self.texts(code, start, depth + 1)]


def _plain(raw):
    return unescaped(raw.decode("utf-8", "replace"))


def _after_text(code, at):
    quote, at = code[at : at + 1], at + 1
    while at < len(code):
        if code[at : at + 1] == b"\\":
            at += 2
        elif code[at : at + 1] == quote:
            return at + 1
        elif quote == b"`" and code[at : at + 2] == b"${":
            at = _after(code, at + 1)
        else:
            at += 1
    return at


def _after(code, at):
    """Returns the position after the bracket that matches the bracket at this position."""
    depth, most = 0, at + 20_000
    while at < min(len(code), most):
        here = code[at : at + 1]
        if here in b"\"'`":
            at = _after_text(code, at)
            continue
        depth += (here in b"([{") - (here in b")]}")
        at += 1
        if depth == 0:
            return at
    return at


def _tops(code, at=0):
    """Yields the positions in code that are outside strings and brackets."""
    while at < len(code):
        here = code[at : at + 1]
        if here in b"\"'`":
            at = _after_text(code, at)
        elif here in b"([{":
            at = _after(code, at)
        else:
            yield at
            at += 1


def _expression(code, start):
    code = code[start : start + 6000]
    return code[: next((at for at in _tops(code) if code[at : at + 1] in b";,)]}"), len(code))]


def _parted(code, operator):
    nested, skipped = 0, -1
    for at in _tops(code):
        pair = code[at : at + 2]
        if at <= skipped:
            continue
        if pair in (b"??", b"?.", b"||", b"&&") and pair != operator:
            skipped = at + 1
        elif operator == b":" and code[at : at + 1] == b"?":
            nested += 1
        elif operator == b":" and code[at : at + 1] == b":" and nested:
            nested -= 1
        elif code.startswith(operator, at):
            return code[:at], code[at + len(operator) :]
    return None


def _fields(code):
    fields, start = {}, 0
    for end in [*(at for at in _tops(code) if code[at : at + 1] == b","), len(code)]:
        key, _, value = code[start:end].partition(b":")
        fields[key.strip()] = value
        start = end + 1
    return fields
