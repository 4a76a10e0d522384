"""Damaged ledgers. The transcripts still exist, so every total can be recalculated. The damaged ledger is set aside
once instead of being deleted, and the user does not have to intervene."""

import json
import os
import pathlib
import random
import re
import sqlite3

import world
from attacks.stdin import bind_socket
from launcher import BrokenPromise, run_at_once
from suite import attack, product

ROOT = pathlib.Path(__file__).resolve().parents[3]
PAGE = 4096


def schema():
    """Returns the names of the ledger's columns by table, from the schema that the program is built with."""
    connection = sqlite3.connect(":memory:")
    connection.executescript((ROOT / "src/ledger/schema.sql").read_text())
    tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    return {table: [row[1] for row in connection.execute(f"PRAGMA table_info({table})")] for table in tables}


SCHEMA = schema()
COLUMNS = tuple(f"{table}.{column}" for table, columns in SCHEMA.items() for column in columns)
VERSION = int(re.search(r"^const SCHEMA: i64 = (\d+);", (ROOT / "src/ledger/database.rs").read_text(), re.M).group(1))


def create_merged_ledger(machine):
    """Creates a home whose ledger is a single file, because its log has been merged."""
    world.used(machine)
    ledger = machine.data / "ledger.sqlite3"
    connection = sqlite3.connect(ledger)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    for suffix in ("-wal", "-shm"):
        (machine.data / f"ledger.sqlite3{suffix}").unlink(missing_ok=True)
    return ledger


def check_survival(machine, may_be_newer=False):
    """Checks that the status line and the hooks keep their contract, that `spend` is exact immediately and afterward,
    and that `doctor` still works."""
    machine.statusline(world.status_payload(machine))
    machine.hook(world.hook_event(machine, "Stop"))
    run = machine.command("spend", "--json", exits=(0, 1))
    if run.exit_code == 1:
        if may_be_newer and "newer" in run.error_text:
            return
        raise BrokenPromise(f"spend fails: {run.error_text}")
    machine.check_report(run.json())
    world.add_responses(machine, "beta", (400,))
    machine.statusline(world.status_payload(machine, "beta"))
    machine.check_spend()
    machine.command("doctor", exits=(0, 1))
    machine.command("uninstall", "--dry-run")


def pages(machine):
    return os.path.getsize(create_merged_ledger(machine)) // PAGE


def set_aside(machine):
    return sorted(path.name for path in machine.data.glob("*damaged*") if path.name.endswith(".sqlite3"))


def columns(machine):
    with sqlite3.connect(create_merged_ledger(machine)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        return [(table, column[1]) for table in tables for column in connection.execute(f"PRAGMA table_info({table})")]


@attack(
    "ledgers",
    "a ledger of the right version whose {table} has a different name for {column} is set aside, or does no harm",
    over=columns,
)
def shape(machine, table, column):
    ledger = create_merged_ledger(machine)
    connection = sqlite3.connect(ledger)
    connection.execute(f'ALTER TABLE "{table}" RENAME COLUMN "{column}" TO "other"')
    connection.commit()
    connection.close()
    check_survival(machine)


@attack(
    "ledgers",
    "a ledger whose page {page} is {what} does no harm",
    over=lambda machine: product(
        range(pages(machine)), ("zeros", "ones", "random", "page 1 again", "half random", "one bit off")
    ),
    quick=60,
)
def page(machine, page, what):
    ledger = create_merged_ledger(machine)
    random_source = random.Random(f"{machine.seed} {page} {what}")
    content = bytearray(ledger.read_bytes())
    at = page * PAGE
    new = {
        "zeros": bytes(PAGE),
        "ones": b"\xff" * PAGE,
        "random": random_source.randbytes(PAGE),
        "page 1 again": bytes(content[:PAGE]),
        "half random": bytes(content[at : at + PAGE // 2]) + random_source.randbytes(PAGE // 2),
    }.get(what)
    if new is None:
        # A page's header, which contains the page's type and the positions of its cells.
        place = at + (100 if page == 0 else 0) + random_source.randrange(12)
        content[place] ^= 1 << random_source.randrange(8)
    else:
        content[at : at + PAGE] = new
    ledger.write_bytes(content)
    check_survival(machine)


@attack(
    "ledgers",
    "a ledger whose header byte {byte} is {what} does no harm",
    over=product(range(100), ("flipped", "zero", "255")),
    quick=100,
)
def header(machine, byte, what):
    ledger = create_merged_ledger(machine)
    content = bytearray(ledger.read_bytes())
    new = {"flipped": content[byte] ^ 0xFF, "zero": 0, "255": 255}[what]
    content[byte] = new
    ledger.write_bytes(content)
    # Bytes 60 to 63 contain the version of the tables. A high version means that a newer whycap wrote the file, and the
    # output says so.
    check_survival(machine, may_be_newer=60 <= byte < 64)


@attack(
    "ledgers",
    "a ledger cut off after {size} bytes does no harm",
    over=lambda machine: [
        0,
        1,
        15,
        16,
        99,
        100,
        511,
        512,
        1000,
        *(
            size
            for number in range(1, pages(machine))
            for size in (number * PAGE - 1, number * PAGE, number * PAGE + 1)
        ),
    ],
    quick=40,
)
def cut(machine, size):
    ledger = create_merged_ledger(machine)
    os.truncate(ledger, min(size, ledger.stat().st_size))
    check_survival(machine)


def make_content(machine, what):
    random_source = random.Random(f"{machine.seed} {what}")
    other = machine.outside / "other.sqlite3"
    statements = {
        "another program's database": ["CREATE TABLE notes(text)", "INSERT INTO notes VALUES('precious')"],
        "a database without tables": [f"PRAGMA user_version = {VERSION}"],
        "another program's with our version": ["CREATE TABLE notes(text)", f"PRAGMA user_version = {VERSION}"],
        "a version below zero": ["PRAGMA user_version = -5"],
        "a huge version": ["PRAGMA user_version = 2147483647"],
        "tables of the right names and wrong columns": [
            *(f"CREATE TABLE {name}(wrong)" for name in SCHEMA),
            f"PRAGMA user_version = {VERSION}",
        ],
        "views in the place of tables": [
            *(f"CREATE VIEW {name} AS SELECT 1" for name in SCHEMA),
            f"PRAGMA user_version = {VERSION}",
        ],
    }
    if what in statements:
        connection = sqlite3.connect(other, isolation_level=None)
        for statement in statements[what]:
            connection.execute(statement)
        connection.close()
        return other.read_bytes()
    return {
        "nothing": b"",
        "random": random_source.randbytes(40960),
        "text": b"this is text\n" * 900,
        "zeros": bytes(40960),
        "zip": b"PK\x03\x04" + random_source.randbytes(5000),
        "the header alone": b"SQLite format 3\0",
        "a megabyte of ones": b"\xff" * (1 << 20),
        "encrypted": random_source.randbytes(8 * PAGE),
        "a newline": b"\n",
    }[what]


CONTENTS = (
    "nothing",
    "random",
    "text",
    "zeros",
    "zip",
    "the header alone",
    "a megabyte of ones",
    "encrypted",
    "a newline",
    "another program's database",
    "a database without tables",
    "another program's with our version",
    "a version below zero",
    "a huge version",
    "tables of the right names and wrong columns",
    "views in the place of tables",
)


@attack(
    "ledgers",
    "{what} in place of {file} does no harm, and nothing is deleted",
    over=product(
        CONTENTS,
        ("ledger.sqlite3", "ledger.sqlite3-wal", "ledger.sqlite3-shm", "ledger.sqlite3-journal", "ledger.lock"),
    ),
)
def content(machine, what, file):
    create_merged_ledger(machine) if file == "ledger.sqlite3" else world.used(machine)
    new = make_content(machine, what)
    (machine.data / file).write_bytes(new)
    check_survival(machine, may_be_newer=what == "a huge version" and file == "ledger.sqlite3")
    if file == "ledger.sqlite3" and what in ("random", "text", "zip", "another program's database"):
        mark = b"precious" if "database" in what else new[:4096]
        preserved = [path for path in machine.data.rglob("*") if path.is_file() and mark in path.read_bytes()]
        machine.check(preserved, "the previous content was deleted or overwritten")


# Values that whycap never writes, by table and column.
VALUES = {
    "text": "'text'",
    "empty text": "''",
    "null": "NULL",
    "real": "1.5e300",
    "infinity": "9e999",
    "blob": "x'00ff'",
    "minus": "-1",
    "largest": "9223372036854775807",
    "smallest": "-9223372036854775808",
}


@attack(
    "ledgers",
    "a value of {column} that is {value} does not stop a command, and a wrong total is reported",
    over=product(COLUMNS, VALUES),
    quick=120,
)
def value(machine, column, value):
    ledger = create_merged_ledger(machine)
    table, name = column.split(".")
    connection = sqlite3.connect(ledger, isolation_level=None)
    try:
        connection.execute(f"UPDATE OR IGNORE {table} SET {name} = {VALUES[value]}")
    except sqlite3.IntegrityError:
        return  # SQLite itself refuses this value
    finally:
        connection.close()
    machine.statusline(world.status_payload(machine))
    machine.hook(world.hook_event(machine, "Stop"))
    for arguments in (
        ("spend",),
        ("spend", "--by", "session", "--json"),
        ("spend", "--why", "alpha"),
        ("doctor",),
        ("explain",),
    ):
        run = machine.command(*arguments)
        machine.check(
            run.exit_code == 0 or arguments == ("doctor",), f"{' '.join(arguments)} fails for good: {run.error_text}"
        )
        machine.check(
            "$-" not in run.text and "-$" not in run.text,
            f"{' '.join(arguments)} shows a negative amount: {run.text[:200]!r}",
        )


@attack(
    "ledgers",
    "a ledger's {file} whose bytes from {start} on are {what} does no harm",
    over=product(
        ("ledger.sqlite3-wal", "ledger.sqlite3-shm"),
        (0, 24, 32, 48, 56, 100, 4096, 4152, 8304),
        ("zeros", "ones", "random"),
    ),
    quick=30,
)
def log(machine, file, start, what):
    world.used(machine)
    machine.statusline(world.status_payload(machine))
    path = machine.data / file
    machine.check(path.exists() and path.stat().st_size > start, f"{file} is not that long")
    content = bytearray(path.read_bytes())
    length = min(64, len(content) - start)
    content[start : start + length] = {
        "zeros": bytes(length),
        "ones": b"\xff" * length,
        "random": random.Random(start).randbytes(length),
    }[what]
    path.write_bytes(content)
    check_survival(machine)


@attack(
    "ledgers",
    "a {kind} in place of {file} does no harm",
    over=product(
        ("FIFO", "socket", "directory", "full directory", "null", "zero", "link to nothing", "link to itself"),
        ("ledger.sqlite3", "ledger.sqlite3-wal", "ledger.sqlite3-shm", "ledger.sqlite3-journal", "ledger.lock"),
    ),
)
def kinds(machine, kind, file):
    world.used(machine)
    path = machine.data / file
    path.unlink(missing_ok=True)
    if kind == "FIFO":
        os.mkfifo(path)
    elif kind == "socket":
        bind_socket(path)
    elif "directory" in kind:
        path.mkdir()
        if "full" in kind:
            (path / "inside").touch()
    elif "link" in kind:
        path.symlink_to(path if "itself" in kind else machine.outside / "nothing")
    else:
        machine.device(path, kind)
    # A file that does not belong to whycap is rejected with a one-line error, because somebody put it there on purpose.
    machine.statusline(world.status_payload(machine))
    machine.hook(world.hook_event(machine, "Stop"))
    machine.check_spend_or_error("spend", "--json")
    machine.command("doctor")


@attack(
    "ledgers",
    "{count} simultaneous processes with a ledger that is {what} all exit normally, and only the damaged ledger is set aside ({number})",
    over=[(24, what, number) for what in ("random", "text", "cut", "header", "half zeros") for number in range(6)],
    quick=8,
)
def crowd_on_damage(machine, count, what, number):
    ledger = create_merged_ledger(machine)
    content = ledger.read_bytes()
    ledger.write_bytes(
        {
            "random": random.Random(number).randbytes(len(content)),
            "text": b"no database\n" * 3000,
            "cut": content[: PAGE * 2 + 100],
            "header": b"\0" * 100 + content[100:],
            "half zeros": content[: len(content) // 2] + bytes(len(content) // 2),
        }[what]
    )

    def query(index):
        if index % 3 == 0:
            return lambda: machine.run(
                "statusline", stdin=json.dumps(world.status_payload(machine)).encode(), timeout=30
            )
        if index % 3 == 1:
            return lambda: machine.run("hook", stdin=json.dumps(world.hook_event(machine, "Stop")).encode(), timeout=30)
        return lambda: machine.run("spend", "--json", timeout=40)

    messages = 0
    for run in run_at_once([query(index) for index in range(count)]):
        is_word = (
            run.command == "spend" and "the ledger was damaged" in run.error_text and run.error_text.count("\n") == 1
        )
        messages += is_word
        machine.check(
            run.exit_code == 0 and not run.signal and (is_word or not run.stderr),
            f"{run.command} ended with {run.exit_code}, signal {run.signal}: {run.error_text}",
        )
        if run.command == "spend":
            machine.check_report(run.json())
    machine.check_spend()
    aside = set_aside(machine)
    machine.check(len(aside) <= 1, f"set aside {len(aside)} times: {aside}")
    machine.check(messages <= 1, f"the message that it was set aside was printed {messages} times")


@attack(
    "ledgers",
    "after each of {count} consecutive damages, there is a ledger that works, and all damaged ones are preserved",
    over=(5,),
)
def again_and_again(machine, count):
    world.used(machine)
    for number in range(count):
        for suffix in ("-wal", "-shm"):
            (machine.data / f"ledger.sqlite3{suffix}").unlink(missing_ok=True)
        (machine.data / "ledger.sqlite3").write_bytes(b"damage %d\n" % number * 500)
        machine.check_spend()
    machine.check(len(set_aside(machine)) == count, f"the preserved ledgers are {set_aside(machine)}")


@attack("ledgers", "`doctor` reports a ledger that is {what}", over=("random", "unusable"))
def doctor_knows(machine, what):
    ledger = create_merged_ledger(machine)
    if what == "random":
        ledger.write_bytes(random.Random(0).randbytes(40960))
    else:
        connection = sqlite3.connect(ledger, isolation_level=None)
        connection.execute("UPDATE sums SET recorded = 1.5e300")
        connection.close()
    before = machine.command("spend")
    if before.exit_code != 0:
        run = machine.command("doctor", "--json", exits=(0, 1))
        checks = [check for check in run.json()["checks"] if check["verdict"] != "ok"]
        machine.check(
            any("ledger" in json.dumps(check) or "spend" in json.dumps(check) for check in checks),
            "spend fails, and doctor finds nothing wrong with the ledger",
        )
