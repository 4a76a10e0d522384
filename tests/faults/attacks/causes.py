"""Hostile names of branches, agents, and pull requests. For each cause, the groups add up to the total.
CSV, JSON, and HTML stay valid, and no name is executed by a terminal, a spreadsheet, or a browser."""

import csv
import html.parser
import io
import json

import text
import world
from attacks.amounts import Session, raw_numbers, check_amounts
from launcher import BrokenPromise
from machine import check_no_crash
from suite import attack, product

# A cell may contain a name of a megabyte. By default, the csv module refuses cells of more than 128 KiB.
csv.field_size_limit(1 << 24)

CAUSES = {"branch": "gitBranch", "agent": "attributionAgent"}
NAMES = {
    "escape sequences": "\x1b[2J\x1b]52;c;QkFE\x07",
    "commas and quotes": "a,\"b\",,'c'",
    "line breaks": "a\r\nb\nc",
    "a formula": '=HYPERLINK("https://evil")',
    "a plus formula": "+1+cmd|' /C calc'!A0",
    "an at formula": "@SUM(1)",
    "a minus formula": "-1+1",
    "a tab formula": "\t=1+1",
    "HTML": "<evilmark onerror=alert(1)>",
    "the end of a script": "</script><evilmark>",
    "an attribute": '" onerror="alert(1)" x="',
    "a comment": "--><evilmark><!--",
    "CDATA": "]]><evilmark>",
    "the end of a title": "</title></style><evilmark>",
    "the name of a group": "(unknown)",
    "another group": "(compaction)",
    "nothing": "",
    "spaces": "   ",
    "a bidi override": "\u202etxt",
    "NUL": "a\0b",
    "a surrogate": "\ud800",
    "a megabyte": "x" * 1000000,
    "a number": 7,
    "a list": ["a"],
    "an object": {"a": 1},
    "null": None,
    "a wide name": "漢" * 500,
    "JSON": '{"key": 1}',
    "a format": "%s%n{}",
    "SQL": "'; DROP TABLE responses; --",
}


class Page(html.parser.HTMLParser):
    """Collects anything that a browser would execute but that the page's author did not write."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attributes):
        if tag == "evilmark" or any(name == "onerror" for name, _ in attributes):
            self.found.append(f"<{tag}>")
        for name, value in attributes:
            if name in ("href", "src") and value and not value.startswith(("https://", "http://", "#", "data:image/")):
                self.found.append(f"{name}={value[:60]!r}")


def valid_csv(shown):
    rows = list(csv.reader(io.StringIO(shown, newline=""), strict=True))
    if len({len(row) for row in rows}) != 1:
        raise BrokenPromise(f"rows of different lengths: {[row for row in rows if len(row) != len(rows[0])][:2]}")
    for cell in (cell for row in rows for cell in row if cell):
        try:
            float(cell)
        except ValueError:
            if cell[0] in "=+-@\t\r":
                raise BrokenPromise(f"a spreadsheet takes the cell {cell[:60]!r} for a formula") from None
    return rows


def all_formats(machine, by):
    """Checks every format of the report, and that its groups add up to the total."""
    report = check_amounts(machine.command("spend", "--by", by, "--json", exits=(0,)).json())
    total = machine.command("spend", "--json", exits=(0,)).json()["total"]
    for key in ("cost_usd", "recorded_usd", "unrecorded_usd"):
        machine.check(
            abs(report["total"][key] - total[key]) < 1e-9,
            f"{key} is {report['total'][key]} by {by}, otherwise {total[key]}",
        )
    keys = [group["key"] for group in report["groups"]]
    machine.check(len(set(keys)) == len(keys), f"a key occurs twice: {sorted(keys)[:6]}")
    machine.command("spend", "--by", by, exits=(0,))
    machine.command("spend", "--by", by, exits=(0,), environment={"COLUMNS": "20"})
    # CSV lines end with a carriage return and a line feed, so the contract for text output does not apply.
    run = machine.run("spend", "--by", by, "--csv")
    check_no_crash(run, timeout=0)
    machine.check(run.exit_code == 0, f"--csv ended with {run.exit_code}: {run.error_text}")
    shown = run.stdout.decode().replace("\r\n", "\n")
    forbidden = text.forbidden_character(shown)
    machine.check(not forbidden, f"--csv printed {forbidden}")
    valid_csv(shown)
    return report


def valid_page(machine):
    path = machine.home / "page.html"
    machine.command("spend", "--html", str(path), exits=(0,))
    shown = path.read_bytes().decode()
    page = Page()
    page.feed(shown)
    page.close()
    machine.check(not page.found, f"the page contains {page.found[:3]}")
    forbidden = text.forbidden_character(shown)
    machine.check(
        not forbidden, f"the page contains {forbidden}: {text.excerpt(shown, forbidden)!r}" if forbidden else ""
    )


@attack(
    "causes",
    "a {cause} whose name is {name} is one group in all formats, and nothing executes it",
    over=product(CAUSES, NAMES),
    quick=12,
)
def odd_names(machine, cause, name):
    world.fresh(machine)
    session = Session(machine, pid=4242)
    session.begin()
    session.respond(2, **{CAUSES[cause]: NAMES[name]})
    session.respond()
    session.spend(0.03)
    session.sample()
    session.finish()
    all_formats(machine, cause)
    valid_page(machine)


@attack("causes", "ten thousand names of a {cause} are reported in time and add up", over=list(CAUSES))
def many_names(machine, cause):
    world.fresh(machine)
    lines = [world.response("beta", 1000 + number, **{CAUSES[cause]: f"name-{number}"}) for number in range(10000)]
    world.append_lines(machine, "beta", *lines)
    machine.statusline(world.status_payload(machine, "beta"))
    all_formats(machine, cause)
    valid_page(machine)
    machine.statusline(world.status_payload(machine, "beta"))


def pr_link(session, number=7, url="https://github.com/acme/api/pull/7", at="2026-11-20T06:20:00.000Z", **changes):
    return {
        "type": "pr-link",
        "sessionId": session,
        "prNumber": number,
        "prUrl": url,
        "prRepository": "acme/api",
        "timestamp": at,
        **changes,
    }


URLS = {
    "a script": "javascript:alert(1)",
    "a data URL": "data:text/html,<evilmark>",
    "escape sequences": "https://github.com/a/b/pull/1\x1b]8;;https://evil\x07",
    "HTML": 'https://github.com/a/b/pull/1"><evilmark>',
    "a line break": "https://github.com/a/b/pull/1\nFAKE",
    "credentials": "https://user:secret@github.com/a/b/pull/1",
    "a formula": '=HYPERLINK("x")',
    "a megabyte": "https://github.com/" + "x" * 1000000,
    "nothing": "",
    "a number": 7,
    "null": None,
    "a list": [],
    "a bidi override": "https://github.com/\u202emoc/pull/1",
    "a file": "file:///etc/passwd",
    "the name of a group": "(no pull request)",
    "a surrogate": "https://github.com/\ud800",
    "a wide name": "https://github.com/漢/漢/pull/1",
    "a query": "https://github.com/a/b/pull/1?x=1#y",
    "commas": 'https://github.com/a,b/"c"/pull/1',
    "no number": "https://github.com/a/b/pull/",
}


@attack(
    "causes",
    "a link to a pull request whose URL is {url} is one group in all formats, and nothing executes it",
    over=list(URLS),
)
def odd_urls(machine, url):
    world.fresh(machine)
    session = Session(machine, pid=4242)
    session.begin()
    session.respond(2)
    world.append_lines(machine, "solo", pr_link("solo", url=URLS[url], at=session.time()))
    session.respond()
    session.spend(0.03)
    session.sample()
    session.finish()
    all_formats(machine, "pr")
    valid_page(machine)
    machine.statusline(world.status_payload(machine, "solo"))


NUMBERS = {
    "-1": -1,
    "0": 0,
    "2^63": 2**63,
    "2^64": 2**64,
    "1e308": 1e308,
    "1e400": "RAW 1e400",
    "NaN": "RAW NaN",
    "0.5": 0.5,
    "text": "7",
    "an escape sequence": "\x1b[2J",
    "null": None,
    "a list": [7],
    "a thousand digits": "RAW " + "9" * 1000,
    "true": True,
}


@attack(
    "causes",
    "a pull request with the number {number} {with_url} is counted in some group",
    over=product(NUMBERS, ("and a URL", "and no URL")),
    quick=8,
)
def odd_numbers(machine, number, with_url):
    world.fresh(machine)
    link = pr_link("beta", number=NUMBERS[number])
    if "no" in with_url:
        del link["prUrl"]
    world.append_lines(machine, "beta", raw_numbers(link).decode() + "\n", world.response("beta", 50))
    all_formats(machine, "pr")


@attack(
    "causes",
    "{count} links to pull requests in one session add up and delay nothing ({which})",
    over=product((5000, 30000), ("all different", "all the same")),
)
def many_links(machine, count, which):
    world.fresh(machine)
    machine.statusline(world.status_payload(machine, "beta"))
    links = [
        pr_link(
            "beta",
            number=number if "different" in which else 7,
            url=f"https://github.com/acme/api/pull/{number if 'different' in which else 7}",
        )
        for number in range(count)
    ]
    world.append_lines(machine, "beta", *links)
    world.append_lines(machine, "beta", world.response("beta", 50))
    for _ in range(2):
        machine.statusline(world.status_payload(machine, "beta"))
        machine.hook(world.hook_event(machine, "Stop", "beta"))
    all_formats(machine, "pr")


@attack(
    "causes",
    "a link to a pull request at {at} does not count any spend twice",
    over=(
        "1970-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "10000-01-01T00:00:00Z",
        "",
        None,
        7,
        "RAW 1e308",
        "2026-02-30T00:00:00Z",
    ),
)
def odd_link_times(machine, at):
    world.fresh(machine)
    for number, time in ((7, at), (8, "2026-11-20T06:05:00.000Z"), (9, at)):
        link = pr_link("beta", number=number, url=f"https://github.com/acme/api/pull/{number}", at=time)
        world.append_lines(machine, "beta", raw_numbers(link).decode() + "\n")
    world.add_responses(machine, "beta", (50,))
    all_formats(machine, "pr")
    machine.check_spend()


@attack(
    "causes",
    "a link to a pull request that is {how} does not count any spend twice",
    over=(
        "in two sessions",
        "in a copy of the transcript",
        "in a subagent",
        "copied by a fork",
        "in another session's name",
        "in a session without responses",
    ),
)
def misplaced_links(machine, how):
    world.fresh(machine)
    link = pr_link("beta")
    if how == "in two sessions":
        world.append_lines(machine, "beta", link)
        world.append_lines(machine, "alpha", pr_link("alpha"))
    elif how == "in a copy of the transcript":
        world.append_lines(machine, "beta", link)
        content = machine.path(world.transcript("beta")).read_text()
        machine.write(".claude/projects/-home-work-web/beta.jsonl", content)
    elif how == "in a subagent":
        world.append_lines(machine, "alpha/subagents/agent-1", pr_link("alpha"))
    elif how == "copied by a fork":
        world.append_lines(machine, "beta", link)
        lines = [json.loads(line) for line in machine.path(world.transcript("beta")).read_text().splitlines()]
        world.append_lines(
            machine, "fork", *({**line, "sessionId": "fork", "requestSessionId": "beta"} for line in lines)
        )
        world.add_responses(machine, "fork", (40,))
    elif how == "in another session's name":
        world.append_lines(machine, "beta", pr_link("alpha"), pr_link("../../x"), pr_link("\x1b[2J"))
    else:
        world.append_lines(machine, "empty", pr_link("empty"))
    report = all_formats(machine, "pr")
    machine.check_spend()
    if how == "in two sessions":
        groups = [group for group in report["groups"] if "/pull/7" in group["key"] or "#7" in group["key"]]
        machine.check(
            len(groups) == 1 and groups[0]["responses"] == 28, f"one pull request of two sessions is {groups}"
        )
