"""Checks the program's error messages, once for each distinct wording.

Every attack makes the program fail in some way. A hundred attacks that produce the same bad sentence are one failure,
not a hundred, so the sentences are collected and checked at the end.
"""

import re

# The verbs in an instruction to the user.
REMEDIES = re.compile(
    r"\b(check|make|move|set|unset|try|remove|delete|free|run|update|close|wait|use|give|choose|write|mend|see|restore"
    r"|start|turn|point|install|rename|correct|repair|leave|names look like|look at|look in|put|take|copy|clear|open"
    r"|change|name|say|pick|swap|call|save|replace|did you mean)\b",
    re.I,
)
FILE = re.compile(r"(^|[\s'\"(`])(~|/)[^\s]*|\.(json|jsonl|toml|sqlite3|lock|md)\b|\bstandard (input|output)\b", re.I)
DEBUG_OUTPUT = re.compile(
    r"\b(Os \{|Error \{|Some\(|None\b|Custom \{|panicked|RUST_BACKTRACE|stack backtrace|memory allocation)"
)
QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")

MAX_LENGTH = 600
# If a message contains a long argument, only its beginning and end are checked.
LENGTH_OF_BEGINNING = 1500
LENGTH_OF_END = 500
# A message repeats itself if it contains a sequence of this many words twice, or a clause of at least this many
# characters twice.
REPEATED_WORDS = 4
MIN_CLAUSE_LENGTH = 7


def shortened(message):
    if len(message) <= LENGTH_OF_BEGINNING + LENGTH_OF_END:
        return message
    return f"{message[:LENGTH_OF_BEGINNING]}…{message[-LENGTH_OF_END:]}"


def wording(message):
    """Returns a message without the parts that differ from case to case."""
    text = re.sub(r"'[^']*'|\"[^\"]*\"|`[^`]*`", "'VALUE'", shortened(message))
    text = re.sub(r"/[^\s:;,]*", "/PATH", text)
    text = re.sub(r"0x[0-9a-f]+|\d+", "0", text)
    return re.sub(r"\s+", " ", text).strip()[:200]


def problems_of(exit_code, message):
    """Returns all problems with a message on standard error for this exit code."""
    text = shortened(message)
    if not text.strip():
        return ["there is no message"]
    lines = text.strip("\n").split("\n")
    first_line = lines[0]
    problems = []
    if len(message) > MAX_LENGTH:
        problems.append(f"{len(message)} characters")
    if len(lines) > 1:
        problems.append(f"{len(lines)} lines")
    if DEBUG_OUTPUT.search(text):
        problems.append("it contains output for programmers")
    # The message must name the path of the file.
    if exit_code == 1 and not FILE.search(first_line):
        problems.append("it names no file")
    sentence = first_line.removeprefix("whycap: ")
    without_paths = re.sub(r"\S*/\S*", "", sentence)
    if not REMEDIES.search(without_paths):
        problems.append("it does not say what to do")
    if repetition := repetition_in(sentence):
        problems.append(f"it contains {repetition!r} twice")
    return problems


def repetition_in(sentence):
    """Returns a clause, or a sequence of four words, that occurs twice."""
    if sentence.count("(os error") > 1:
        return "os error"
    clauses = [clause.strip(" .()").lower() for clause in re.split(r"[:;]\s|\s\(|\)\s?", sentence)]
    for clause in clauses:
        if len(clause) >= MIN_CLAUSE_LENGTH and clauses.count(clause) > 1:
            return clause
    words = re.findall(r"[^\s:;,()]*[a-z][^\s:;,()]*", QUOTED.sub("", sentence.lower()))
    previous = set()
    for start in range(len(words) - REPEATED_WORDS + 1):
        sequence = tuple(words[start : start + REPEATED_WORDS])
        if sequence in previous:
            return " ".join(sequence)
        previous.add(sequence)
    return None


class DistinctMessages:
    """All messages with distinct wordings, each with the first case that produced it."""

    def __init__(self):
        self.first_by_wording = {}

    def add(self, outcome):
        for exit_code, message in outcome.error_messages:
            self.first_by_wording.setdefault((exit_code, wording(message)), (message, outcome.name))

    def check(self):
        """Returns the number of good messages, and (problem, case) for each bad one."""
        failures = []
        for (exit_code, _), (message, case) in sorted(self.first_by_wording.items()):
            if problems := problems_of(exit_code, message):
                failures.append((f"{'; '.join(problems)}: {message.strip()!r} (exit {exit_code})", case))
        return len(self.first_by_wording) - len(failures), failures
