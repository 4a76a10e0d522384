#!/usr/bin/env python3
"""Checks that the source and the tests follow the rules in CONTRIBUTING.md, section "Terms".

usage: .ci/style.py [DIRECTORY|FILE ...]     (default: the paths in REWRITTEN)

Without arguments, the check covers `src` and `tests`. It fails on
- a forbidden term that is used as the name of a function, variable, type, field, or file,
- too many statements of the form `let x = x…`,
- too many closures bound with `let`,
- a documentation comment that does not begin by stating what the item is or does.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

# The paths that must pass.
REWRITTEN = ["src", "tests"]

# The maximum numbers per 1,000 functions.
MAX_REBOUND_NAMES = 40
MAX_LET_CLOSURES = 30

# Names that do not describe their value, and terms that the table in CONTRIBUTING.md replaces.
FORBIDDEN_NAMES = set(
    "it one found own here whose beside lately brought given kept said leaving takes doing caught woken told meant beyond "
    "teller untold wanted sighting handed heard verb says ours theirs unwritten toll tolls needless winner presence unseen "
    "carry splits troubles health foreign anew Toll Tolls Meter OtherMeters Presence Unseen Carry Wired OwnMark LineFeed "
    "KnownTrouble Talk Lie Telling Places asked answering DaysAsked".split()
)

FORBIDDEN_FILES = set(
    "machine foreign places ours leaving drafts talk clues passages standing case anew meant toll watchman scene".split()
)

# Fields of the JSON output. They are kept because scripts read them.
FIXED_NAMES = {
    ("src/locks/mod.rs", "says"),
    ("src/doctor/mod.rs", "says"),
}

# A documentation comment must not begin with one of these words.
FORBIDDEN_STARTS = set(
    "what who whose where whether that it its he his she her they their we our i you your this these those one whoever nobody "
    "somebody anybody everybody someone anyone everyone nothing something".split()
)

TOKEN = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?\*/)|(?P<string>b?r(?P<hash>\#*)".*?"(?P=hash)|b?"(?:\\.|[^"\\])*")"""
    r"""|(?P<char>b?'(?:\\.[^']*|[^\\'])')|(?P<lifetime>'\w+)|(?P<number>\d[\w.]*)|(?P<name>[A-Za-z_]\w*)"""
    r"""|(?P<operator>->|=>|::|\.\.=|\.\.|&&|\|\||[-+*/%^!&|=<>]=|<<|>>|[^\s\w])""",
    re.S,
)
DEFINING_KEYWORDS = {"fn", "struct", "enum", "trait", "type", "mod", "const", "static", "let"}


class Token:
    def __init__(self, match):
        kind = match.lastgroup
        self.kind = "string" if kind == "hash" else kind
        self.text = match.group(0)
        self.start = match.start()


def defined_names(tokens):
    """Returns the tokens that introduce a name."""
    for index, token in enumerate(tokens):
        if token.kind != "name":
            continue
        before = tokens[index - 1].text if index else ""
        after = tokens[index + 1].text if index + 1 < len(tokens) else ""
        is_after_keyword = before in DEFINING_KEYWORDS or (
            before == "mut" and tokens[index - 2].text == "let"
        )
        is_parameter_or_field = after == ":" and before in ("(", ",", "{", ")", "mut")
        is_closure_parameter = before == "|" and after in ("|", ",", ":")
        if is_after_keyword or is_parameter_or_field or is_closure_parameter:
            yield token


def count_functions(tokens):
    """Returns the numbers of functions, re-bound names, and closures bound with `let`."""
    functions = rebound = closures = 0
    for index, token in enumerate(tokens):
        following = [other.text for other in tokens[index + 1 : index + 4]]
        if token.text == "fn" and following and tokens[index + 1].kind == "name":
            functions += 1
        if token.text == "let" and len(following) == 3 and following[1] == "=":
            rebound += following[0] == following[2]
            closures += following[2] in ("|", "||", "move")
    return functions, rebound, closures


def documentation_starts(text):
    """Returns the line number and the first word of each documentation comment."""
    previous_was_comment = False
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.strip()
        is_comment = stripped.startswith(("///", "//!"))
        if is_comment and not previous_was_comment:
            words = re.findall(r"[A-Za-z']+", stripped[3:])
            if words and not stripped[3:].lstrip().startswith("`"):
                yield number, words[0]
        previous_was_comment = is_comment


def check_file(path, problems):
    text = path.read_text(encoding="utf-8")
    shown = path.relative_to(ROOT)
    tokens = [Token(match) for match in TOKEN.finditer(text)]
    code = [token for token in tokens if token.kind != "comment"]

    if path.stem in FORBIDDEN_FILES:
        problems.append(f"{shown}: the name of the file does not describe its contents")
    for token in defined_names(code):
        if token.text in FORBIDDEN_NAMES and (str(shown), token.text) not in FIXED_NAMES:
            line = text.count("\n", 0, token.start) + 1
            problems.append(f"{shown}:{line}: `{token.text}` is not a name; see the terms in CONTRIBUTING.md")
    for line, word in documentation_starts(text):
        if word.lower() in FORBIDDEN_STARTS:
            problems.append(f"{shown}:{line}: a documentation comment begins with \"{word}\"; state what the item is or does")
    return count_functions(code)


def main(arguments):
    problems = []
    functions = rebound = closures = 0
    for argument in arguments or REWRITTEN:
        path = ROOT / argument
        files = sorted(path.rglob("*.rs")) if path.is_dir() else [path]
        if not files or not path.exists():
            problems.append(f"{argument}: there is no such path")
            continue
        for file in files:
            counts = check_file(file, problems)
            functions, rebound, closures = functions + counts[0], rebound + counts[1], closures + counts[2]

    for name, count, limit in [
        ("re-bound names (`let x = x…`)", rebound, MAX_REBOUND_NAMES),
        ("closures bound with `let`", closures, MAX_LET_CLOSURES),
    ]:
        rate = 1000 * count / max(functions, 1)
        print(f"{rate:.0f} {name} per 1,000 functions; at most {limit} are allowed")
        if rate > limit:
            problems.append(f"there are {rate:.0f} {name} per 1,000 functions, more than {limit}")
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
