#!/usr/bin/env python3
"""Reports source files that are not part of any module, and type names that are used twice.

Two types that other modules can use must not have the same name. Types that only their own module can use are ignored,
because nobody could confuse them.
"""
import collections
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def modules(file, directory):
    """Yields a file and all files that it declares as modules, located the way the compiler does."""
    yield file
    text = file.read_text()
    pattern = r'((?:^\s*#\[[^\n]*\]\n)*)^\s*(?:pub(?:\([a-z: ]+\))? )?mod (\w+);'
    for attributes, name in re.findall(pattern, text, re.M):
        named = re.findall(r'path = "([^"]+)"', attributes)
        places = [file.parent / path for path in named] or [directory / f"{name}.rs", directory / name / "mod.rs"]
        # A module may have one file per operating system.
        for place in [*places, *([directory / f"{name}.rs"] if named else [])]:
            if place.is_file():
                below = place.parent if place.name == "mod.rs" else place.with_suffix("")
                yield from modules(place, below)


def type_names(file):
    """Returns the names of the types that a file exports to the crate, except those in its tests."""
    text = re.split(r"#\[cfg\((?:all\()?test", file.read_text())[0]
    return set(re.findall(r"^pub(?:\(crate\))? (?:struct|enum|trait|type) (\w+)", text, re.M))


def main():
    compiled = {path.resolve() for start in ("lib.rs", "main.rs") for path in modules(ROOT / "src" / start, ROOT / "src")}
    wrong = [f"{path.relative_to(ROOT)} is in no module and is not compiled"
             for path in sorted((ROOT / "src").rglob("*.rs")) if path.resolve() not in compiled]
    where = collections.defaultdict(list)
    for path in sorted((ROOT / "src").rglob("*.rs")):
        for name in type_names(path):
            where[name].append(str(path.relative_to(ROOT)))
    twice = {name for name, files in where.items() if len(files) > 1}
    wrong += [f"{name} is the name of two types: {', '.join(where[name])}" for name in sorted(twice)]
    print("\n".join(wrong) or "every file is compiled, and no two types share a name")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
