#!/usr/bin/env python3
"""Source files that no module compiles, and type names that mean two things.

A type's name has one meaning in the whole crate.
"""
import collections
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def modules(file, directory):
    """Every file that is compiled with this one, as the compiler finds them."""
    yield file
    text = file.read_text()
    pattern = r'((?:^\s*#\[[^\n]*\]\n)*)^\s*(?:pub(?:\([a-z: ]+\))? )?mod (\w+);'
    for attributes, name in re.findall(pattern, text, re.M):
        named = re.findall(r'path = "([^"]+)"', attributes)
        places = [file.parent / path for path in named] or [directory / f"{name}.rs", directory / name / "mod.rs"]
        # A module may have one file a system.
        for place in [*places, *([directory / f"{name}.rs"] if named else [])]:
            if place.is_file():
                below = place.parent if place.name == "mod.rs" else place.with_suffix("")
                yield from modules(place, below)


def type_names(file):
    """Names of types, once a file, without those of its tests."""
    text = re.split(r"#\[cfg\((?:all\()?test", file.read_text())[0]
    return set(re.findall(r"^(?:pub(?:\([a-z: ]+\))? )?(?:struct|enum|trait|type) (\w+)", text, re.M))


def main():
    compiled = {path.resolve() for start in ("lib.rs", "main.rs") for path in modules(ROOT / "src" / start, ROOT / "src")}
    wrong = [f"{path.relative_to(ROOT)} is in no module: nobody compiles it"
             for path in sorted((ROOT / "src").rglob("*.rs")) if path.resolve() not in compiled]
    where = collections.defaultdict(list)
    for path in sorted((ROOT / "src").rglob("*.rs")):
        for name in type_names(path):
            where[name].append(str(path.relative_to(ROOT)))
    twice = {name for name, files in where.items() if len(files) > 1}
    wrong += [f"{name} means two things: {', '.join(where[name])}" for name in sorted(twice)]
    print("\n".join(wrong) or "every file is compiled, and no type name means two things")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
