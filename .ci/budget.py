#!/usr/bin/env python3
"""Checks the size and the structure of the source against .ci/budget.toml.

usage: .ci/budget.py [--write]     (--write lowers the figures in .ci/budget.toml to the present ones, and raises none)

The check fails if
- a directory of `src` has more tokens than its budget (comments, formatting, unit tests, and directories in it that have
  budgets of their own do not count),
- a line of code has too many tokens on average,
- a directory imports one above it in the table of ARCHITECTURE.md, or one that imports it, more often than an exception
  in .ci/budget.toml allows,
- there are too many statements of the form `let x = x…`, or too many closures bound with `let`.
"""
import bisect
import collections
import pathlib
import re
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUDGET = ROOT / ".ci" / "budget.toml"
TOKEN = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?\*/)|(?P<text>b?r(?P<hash>\#*)".*?"(?P=hash)|b?"(?:\\.|[^"\\])*")"""
    r"""|b?'(?:\\.[^']*|[^\\'])'|'\w+|\d[\w.]*|[A-Za-z_]\w*|->|=>|::|\.\.=|\.\.|&&|\|\||[-+*/%^!&|=<>]=|<<|>>|[^\s\w]""",
    re.S,
)
# The maximum numbers per 1,000 functions.
RATES = {
    "re-bound names": (r"\blet (\w+) = \1\b", 25),
    "closures bound with `let`": (r"\blet \w+ = (?:move )?\|", 20),
}


def without_tests(text):
    """Returns the text without comments and without the unit tests at its end."""
    return re.sub(r"//[^\n]*", "", re.split(r"\n#\[cfg\(test\)\]\nmod \w+ \{", text)[0])


def code_tokens(text):
    """Returns the tokens outside comments and unit tests, with their positions."""
    tokens = [(found.group(), found.start()) for found in TOKEN.finditer(text) if found.lastgroup != "comment"]
    kept, position = [], 0
    while position < len(tokens):
        if tokens[position][0] == "#" and "".join(token for token, _ in tokens[position : position + 7]) == "#[cfg(test)]":
            depth = 0
            for position in range(position + 7, len(tokens)):
                token = tokens[position][0]
                depth += (token == "{") - (token == "}")
                if depth == 0 and token in "};":
                    break
        else:
            kept.append(tokens[position])
        position += 1
    return kept


def imported_modules(text, module):
    """Yields the path of each item that a file names with `crate::…` or `super::…`, as a list of names."""
    for found in re.finditer(r"(?<!pub\()\b((?:crate|super)(?:::\w+)*)(?:::\{([^;]*?)\};)?", text):
        start = found[1].split("::")
        supers = start.count("super")
        base = [*module[: len(module) - supers], *start[supers:]] if supers else start[1:]
        group = re.sub(r"\{[^{}]*\}", "", found[2] or "")
        for name in re.findall(r"(?:^|,)\s*(\w+(?:::\w+)*)", group) or [""]:
            yield [*base, *filter(None, name.split("::"))]


def measure():
    """Returns the tokens of each directory, the tokens per line, and the number of imports that must not exist.

    These are imports of a directory above and, for two directories at any depth that import each other, those in the
    rarer direction.
    """
    source = ROOT / "src"
    budgets = tomllib.loads(BUDGET.read_text())["tokens"]
    table = re.findall(r"^\| (`.*?`) \|", (ROOT / "ARCHITECTURE.md").read_text(), re.M)
    level = {name: row for row, names in enumerate(table) for name in re.findall(r"`(\w+)`", names)}
    tokens, edges, lines = collections.Counter(), collections.Counter(), 0
    for path in sorted(source.rglob("*.rs")):
        relative = path.relative_to(source)
        if re.search(r"(^|/)tests?(/|\.rs$)", str(relative)):
            continue
        text = path.read_text(encoding="utf-8")
        code = code_tokens(text)
        room = "/".join(relative.parts[:2])
        tokens[room if room in budgets else relative.parts[0].removesuffix(".rs")] += len(code)
        line_ends = [found.start() for found in re.finditer("\n", text)]
        lines += len({bisect.bisect(line_ends, start) for _, start in code})
        module = relative.with_suffix("").parts
        directory = "/".join(relative.parent.parts) or relative.stem
        for names in imported_modules(without_tests(text), module[:-1] if module[-1] == "mod" else module):
            for end in range(len(names), 0, -1):
                imported = "/".join(names[:end])
                if (source / imported).is_dir() or (source / f"{imported}.rs").is_file() and end == 1:
                    edges[directory, imported] += imported != directory
                    break
    forbidden = {}
    for (directory, imported), count in edges.items():
        above, below = (level.get(name.split("/")[0], -1) for name in (imported, directory))
        back = edges[imported, directory] if (imported, directory) in edges else 0
        if above < below or 0 < count < back or count == back > 0 and directory < imported:
            forbidden[f"{directory} -> {imported}"] = count
    problems = [f"{name} is not in ARCHITECTURE's table" for name in sorted({name.split("/")[0] for name in tokens} - set(level) - {"lib", "main"})]
    return tokens, sum(tokens.values()) / lines, forbidden, problems


def style_problems():
    """Returns the problems with re-bound names and closures outside tests."""
    counts, functions = collections.Counter(), 0
    for path in sorted((ROOT / "src").rglob("*.rs")):
        if re.search(r"(^|/)tests?(/|\.rs$)", str(path.relative_to(ROOT / "src"))):
            continue
        text = without_tests(path.read_text(encoding="utf-8"))
        functions += len(re.findall(r"\bfn \w+", text))
        counts.update({name: len(re.findall(pattern, text)) for name, (pattern, _) in RATES.items()})
    rates = {name: 1000 * counts[name] / functions for name in RATES}
    return [
        f"there are {rates[name]:.0f} {name} per 1,000 functions; at most {most} are allowed"
        for name, (_, most) in RATES.items()
        if rates[name] > most
    ]


def write(sections, budget):
    """Lowers the figures in the file. A directory that has no budget gets its present size."""
    lines = []
    for line in BUDGET.read_text().splitlines():
        if not line.startswith('"'):
            lines.append(line)
        if line.startswith("["):
            allowed, present = budget[line[1:-1]], sections[line[1:-1]]
            lines += [f'"{name}" = {min(count, allowed.get(name, count))}' for name, count in sorted(present.items())]
    BUDGET.write_text("\n".join(lines) + "\n")


def main():
    budget = tomllib.loads(BUDGET.read_text())
    tokens, per_line, forbidden, problems = measure()
    sections = {"tokens": tokens, "forbidden_imports": forbidden}
    if "--write" in sys.argv:
        write(sections, budget)
        return 0
    for section, present in sections.items():
        for name, count in sorted(present.items()):
            allowed = budget[section].get(name, 0)
            if count > allowed:
                problems.append(f"{name}: {count} {section.replace('_', ' ')}; at most {allowed} are allowed")
    if per_line > budget["tokens_per_line"]:
        problems.append(f"{per_line:.2f} tokens per line; at most {budget['tokens_per_line']} are allowed")
    problems += style_problems()
    print(f"{sum(tokens.values())} tokens, {per_line:.2f} per line, {len(forbidden)} forbidden imports")
    for problem in problems:
        print(problem, file=sys.stderr)
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
