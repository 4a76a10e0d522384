"""Checks the program's error messages, once for each distinct wording.

Every attack makes the program fail in some way. A hundred attacks that produce the same bad sentence are one failure,
not a hundred, so the sentences are collected and checked at the end.
"""
import re

REMEDIES = re.compile(
    r"\b(check|make|move|set|unset|try|remove|delete|free|run|update|close|wait|use|give|choose|write|mend|see|restore|start|turn"
    r"|point|install|rename|correct|repair|leave|names look like|look at|look in|put|take|copy|clear|open|change|name|say|pick|swap|call|save|replace)\b",
    re.I)
FILE = re.compile(r"(^|[\s'\"(`])(~|/)[^\s]*|\.(json|jsonl|toml|sqlite3|lock|md)\b|\bstandard (input|output)\b", re.I)
SESSION = re.compile(r"whose ID is or begins with \"")
DEBUGGING = re.compile(r"\b(Os \{|Error \{|Some\(|None\b|Custom \{|panicked|RUST_BACKTRACE|stack backtrace|memory allocation)")


# If a sentence contains a long argument, only its beginning and end are checked.
BEGINNING, END = 1500, 500
LONGEST = 600


def shortened(text):
    return text if len(text) <= BEGINNING + END else f"{text[:BEGINNING]}…{text[-END:]}"


def shape(text):
    """Returns the wording without the parts that differ from case to case."""
    text = re.sub(r"'[^']*'|\"[^\"]*\"|`[^`]*`", "'VALUE'", shortened(text))
    text = re.sub(r"/[^\s:;,]*", "/PATH", text)
    text = re.sub(r"0x[0-9a-f]+|\d+", "0", text)
    return re.sub(r"\s+", " ", text).strip()[:200]


def complaints(code, text):
    """Returns all problems with a message on standard error for this exit code."""
    length, text = len(text), shortened(text)
    lines = text.strip("\n").split("\n")
    if not text.strip():
        return ["it failed without a word"]
    wrong = []
    if length > LONGEST:
        wrong.append(f"{length} characters")
    if len(lines) > 1:
        wrong.append(f"{len(lines)} lines")
    line = lines[0]
    if DEBUGGING.search(text):
        wrong.append("it speaks to programmers")
    # The message must name the unknown session, or the path of the file.
    if code == 1 and not FILE.search(line) and not SESSION.search(line):
        wrong.append("it names no file")
    said = line.removeprefix("whycap: ")
    if not REMEDIES.search(re.sub(r"\S*/\S*", "", said)):
        wrong.append("it does not say what to do")
    if twice := said_twice(said):
        wrong.append(f"it says {twice!r} twice")
    return wrong


def said_twice(line):
    """Returns a clause, or a sequence of four words, that occurs twice."""
    if line.count("(os error") > 1:
        return "os error"
    clauses = [clause.strip(" .()").lower() for clause in re.split(r"[:;]\s|\s\(|\)\s?", line)]
    clauses = [clause for clause in clauses if len(clause) > 6]
    for clause in clauses:
        if clauses.count(clause) > 1:
            return clause
    bare = re.sub(r"'[^']*'|\"[^\"]*\"", "", line.lower())
    words = re.findall(r"[^\s:;,()]*[a-z][^\s:;,()]*", bare)
    seen = set()
    for start in range(len(words) - 3):
        four = tuple(words[start:start + 4])
        if four in seen:
            return " ".join(four)
        seen.add(four)
    return None


class Spoken:
    """All distinct wordings, each with the first case that produced it."""

    def __init__(self):
        self.first = {}

    def add(self, outcome):
        for code, text in outcome.said:
            self.first.setdefault((code, shape(text)), (text, outcome.name))

    def judged(self):
        passed, found = 0, []
        for (code, _), (text, name) in sorted(self.first.items()):
            wrong = complaints(code, text)
            if wrong:
                found.append((f"{'; '.join(wrong)}: {text.strip()!r} (exit {code})", name))
            else:
                passed += 1
        return passed, found
