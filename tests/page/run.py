#!/usr/bin/env python3
"""Opens the page of `whycap spend --html` in a real Chromium, with generated histories, and reads, clicks, and prints it.

usage: tests/page/run.py [--binary PATH] [--pictures DIRECTORY] [--keep DIRECTORY] [--seed N] [--sessions N] [--answers N]

The script needs Chromium (from Debian or Google) and npm, which installs axe-core (accessibility) and biome (lint) once.
Without a browser, it runs nothing and says so. The browser uses no network, and the home directory is temporary.
--pictures takes new pictures for docs/pictures instead. --keep keeps the pages, a print, and pictures in a directory.
--sessions and --answers set the size of the two-year history (438,000 responses: --sessions 6600 --answers 90).
The last line is 'N passed, N failed', and the exit code is 1 if anything failed.
"""
import argparse
import datetime
import decimal
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from browser import Browser, found  # noqa: E402
from history import UTC, History, runner  # noqa: E402
from team import PEOPLE, made_up  # noqa: E402

ROOT = HERE.parent.parent
TOOLS = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "whycap-ci" / "page"
PACKAGES = ["axe-core@4.14.1", "@biomejs/biome@2.6.8"]
END = datetime.datetime(2026, 11, 20, 15, 30, tzinfo=UTC)
ZONE = "Europe/Berlin"
HOSTILE = [("/home/dev/</script><img src=x onerror=alert(1)>", "</td><script>document.title = 'taken'</script>\u202egnp\u200b"),
           ("/home/dev/" + "very-long-" * 30, "Longword" * 40)]
OPENS_WITHIN = 1.0
RESULTS = {"passed": 0, "failed": 0}


def check(name, holds, told=""):
    RESULTS["passed" if holds else "failed"] += 1
    if not holds or told:
        print(f"{'ok' if holds else 'FAILED'}: {name}{f': {told}' if told else ''}", flush=True)


def tool(name):
    """Returns a file in an npm package, which is installed on first use."""
    path = TOOLS / "node_modules" / name
    if not path.exists():
        TOOLS.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(["npm", "install", "--no-fund", "--no-audit", "--no-save", "--prefix", str(TOOLS), *PACKAGES],
                              capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"npm could not bring {', '.join(PACKAGES)}: {done.stderr[-2000:]}")
    return path


def lived(home, program, days, sessions, answers, seed, **more):
    """Writes a history with limit errors below this home, and returns a function that runs whycap in it."""
    history = History(home, seed, **more)
    history.write(END, days, sessions, answers)
    run = runner(program, home, ZONE)
    history.meet(run, 40)
    for back in (3, 16, 30):
        history.false_alarm(run, END - datetime.timedelta(days=back, hours=2, minutes=13), 38)
    return history, run


def written(run, path, *more):
    run(["spend", "--html", str(path), *more], END)
    return path


def sums(page):
    """Returns the exact amounts in each table that has any, keyed by the table's class, and the total."""
    amounts = {"total": decimal.Decimal(re.search(r'<dd data-v="([^"]+)"', page)[1])}
    for kind, column in (("by-day", 1), ("by-project", 1), ("by-session", 5)):
        tables = re.findall(rf'<table class="{kind}">(.*?)</table>', page, re.S)
        rows = [row.split("<td")[column] for table in tables for row in table.split("<tr>") if "data-v" in row]
        amounts[kind] = sum(decimal.Decimal(re.search(r'data-v="([^"]+)"', row)[1]) for row in rows)
    return amounts


def axe(browser):
    """Returns the problems that axe-core finds when everything is expanded."""
    browser.run("document.querySelectorAll('details').forEach(one => { one.open = true })")
    browser.run(tool("axe-core/axe.min.js").read_text() + "; 0")
    found = json.loads(browser.run("axe.run().then(found => JSON.stringify(found.violations.map(one => "
                                   "({id: one.id, help: one.help, at: one.nodes.slice(0, 3).map(node => node.html.slice(0, 150))}))))"))
    return found


def column(browser, number):
    cells = f"[...document.querySelectorAll('.by-session tbody tr')].map(row => row.cells[{number}])"
    return browser.run(f"{cells}.map(cell => cell.dataset.v ?? cell.textContent)")


def sorted_by(browser, number):
    head = f"document.querySelectorAll('.by-session thead th')[{number}]"
    return browser.run(f"{head}.getAttribute('aria-sort')")


def opened(browser, page):
    seconds = browser.open(page)
    check("nothing is logged and nothing fails", not browser.problems, "; ".join(browser.problems))
    check("nothing but the page is asked for", browser.asked == [page.as_uri()], "" if len(browser.asked) == 1 else str(browser.asked))
    return seconds


def looks(browser, page):
    """Tests both themes and several widths."""
    for theme in ("light", "dark"):
        browser.prefer(theme)
        browser.size(1280)
        opened(browser, page)
        violations = axe(browser)
        check(f"axe-core finds nothing, {theme}", not violations, json.dumps(violations, indent=1) if violations else "0 violations")
        for width in (360, 390, 800, 1440):
            browser.size(width)
            opened(browser, page)
            browser.run("document.querySelectorAll('details').forEach(one => { one.open = true })")
            wide = browser.run("document.documentElement.scrollWidth")
            check(f"no scrolling to the side at {width}, {theme}", wide <= width, "" if wide <= width else f"{wide} wide")


def read(browser, page):
    """Tests themes, widths, and hostile names."""
    looks(browser, page)
    check("a hostile title runs nothing", browser.run("document.title").startswith("Claude Code spend"))
    check("a hostile path is no picture", browser.run("document.querySelectorAll('img, iframe, object').length") == 0)
    check("what turns text around is shown", "\\u{202e}gnp\\u{200b}" in browser.run("document.body.textContent"))
    ground = "getComputedStyle(document.body).backgroundColor"
    before = browser.run(ground)
    for _ in range(2):
        browser.click("document.querySelector('#theme')")
    check("the switch changes the theme", len({before, browser.run(ground)}) == 1)
    browser.click("document.querySelector('#theme')")
    browser.click("document.querySelector('#theme')")
    check("and changes it again", browser.run(ground) != before, "")


def used(browser, page):
    """Tests sorting and filtering with the mouse and with the keyboard."""
    browser.prefer("light")
    browser.size(1280)
    opened(browser, page)
    check("the latest session stands first", sorted_by(browser, 3) == "descending" and
          column(browser, 3) == sorted(column(browser, 3), reverse=True))
    head = "document.querySelectorAll('.by-session thead button')[{}]"
    browser.click(head.format(5))
    costs = [float(cost) for cost in column(browser, 5)]
    check("a click sorts by cost, the dearest first", costs == sorted(costs, reverse=True) and sorted_by(browser, 5) == "descending")
    check("only one column is said to be sorted", browser.run("document.querySelectorAll('[aria-sort]').length") == 1)
    browser.key("Enter", "Enter", 13)
    costs = [float(cost) for cost in column(browser, 5)]
    check("Enter turns it around", costs == sorted(costs) and sorted_by(browser, 5) == "ascending")
    browser.run(head.format(4) + ".focus()")
    browser.key("Tab", "Tab", 9)
    browser.key("Tab", "Tab", 9)
    browser.key("Enter", "Enter", 13)
    answers = [int(count) for count in column(browser, 6)]
    check("Tab and Enter sort by answers", answers == sorted(answers, reverse=True) and sorted_by(browser, 6) == "descending")
    browser.click(head.format(0))
    names = [name.lower() for name in column(browser, 0)]
    check("names sort from a", sorted_by(browser, 0) == "ascending" and names == browser.run(
        f"{json.dumps(names)}.toSorted()"))
    everything = len(names)
    browser.click("document.querySelector('#filter')")
    browser.type("billing dark")
    rows = browser.run("[...document.querySelectorAll('.by-session tbody tr')].map(row => row.textContent.toLowerCase())")
    check("the filter keeps what has every word", 0 < len(rows) < everything and all("billing" in row and "dark" in row for row in rows))
    said = browser.run("document.querySelector('.find output').textContent")
    check("and says how many", said.startswith(f"{len(rows)} of {everything} sessions"), said if "of" not in said else "")
    browser.run("document.querySelector('#filter').select()")
    browser.key("Backspace", "Backspace", 8)
    check("without words all are back", len(column(browser, 0)) == everything)


def printed(browser, page, keep):
    """Tests that no table is cut off in print. The last line of every session must be printed, or of the first sessions
    if there are many."""
    opened(browser, page)
    pdf = keep / "page.pdf"
    browser.pdf(pdf)
    browser.call("Emulation.setEmulatedMedia", media="print", features=[])
    # The size of A4 in CSS pixels, minus Chromium's margins.
    browser.size(718, 1000)
    wide = browser.run("Math.max(...[...document.querySelectorAll('table, svg, p')].map(one => one.getBoundingClientRect().right))")
    check("everything fits on paper", wide <= 718, "" if wide <= 718 else f"{wide} wide")
    light = browser.run("getComputedStyle(document.body).backgroundColor")
    check("paper is white", light == "rgb(255, 255, 255)", "" if light.startswith("rgb(255") else light)
    pages = len(re.findall(rb"/Type\s*/Page\b", pdf.read_bytes()))
    check("it prints", pages > 1, f"{pages} pages")
    if shutil.which("pdftotext"):
        text = subprocess.run(["pdftotext", "-layout", str(pdf), "-"], capture_output=True, text=True, check=True).stdout
        rows = browser.run("document.querySelectorAll('.by-session tbody tr').length")
        told = len(re.findall(r"\d{4}-\d\d-\d\d \d\d:\d\d .*\$\d", text))
        check("every session is printed, or it is said how many are", told >= rows or told >= 20 and "the first 20 shown" in text, f"{told} of {rows}")


def pages(program, keep, chosen):
    with tempfile.TemporaryDirectory(prefix="whycap-page-") as place:
        home = Path(place)
        began = time.monotonic()
        history, run = lived(home, program, 60, 300, 40, chosen.seed, own_names=HOSTILE)
        named, anonymous = written(run, keep / "page.html"), written(run, keep / "anonymous.html", "--anonymous")
        print(f"60 days, {history.sessions} sessions, {history.answers} answers: {named.stat().st_size // 1000} KB"
              f" (at {time.monotonic() - began:.0f} s)")
        told = json.loads(run(["spend", "--json"], END).stdout)["total"]["cost_usd"]
        for page in (named, anonymous):
            amounts = sums(page.read_text())
            check(f"{page.name} adds up", len(set(amounts.values())) == 1, str(amounts) if len(set(amounts.values())) > 1 else "")
            check(f"{page.name} tells what --json tells", abs(float(amounts["total"]) - told) < 1e-9)
        blocked = json.loads(run(["incidents", "--json"], END).stdout)["sums"]
        print(f"incidents: {blocked['errors']} errors, {blocked['blocked_s'] // 3600} h, {blocked['false_likely']} false")
        check("the false alarms are known to be false", blocked["false_likely"] == 3, str(blocked["false_likely"]))
        text = anonymous.read_text()
        leaks = [name for name in ("billing", "web-shop", "Fix the", "dark mode", "0000-4000", "/home", str(home), "Berlin") if name in text]
        check("an anonymous page has no names", not leaks, ", ".join(leaks))
        with Browser() as browser:
            read(browser, named)
            used(browser, named)
            printed(browser, named, keep)
        with Browser() as browser:
            opened(browser, anonymous)


def team(program, keep, chosen):
    """Tests the page about several people, which shows who they are and how limits affected them."""
    with tempfile.TemporaryDirectory(prefix="whycap-page-") as place:
        hostile = [(HOSTILE[0][1], 80, 20), (HOSTILE[1][1], 20, 12)]
        exports = made_up(place, program, END, chosen.seed, PEOPLE + hostile)
        run = runner(program, Path(place), ZONE)
        more = ("--from", str(exports))
        named, anonymous = written(run, keep / "team.html", *more), written(run, keep / "team-anonymous.html", *more, "--anonymous")
        told = json.loads(run(["spend", "--json", *more], END).stdout)["total"]["cost_usd"]
        for page in (named, anonymous):
            amounts = sums(page.read_text())
            # The tables by person and by project are of the same kind.
            check(f"{page.name} adds up", amounts.pop("by-project") == 2 * amounts["total"] and len(set(amounts.values())) == 1, "")
            check(f"{page.name} tells what --json tells", abs(float(amounts["total"]) - told) < 1e-9)
        text = anonymous.read_text()
        leaks = [name for name in ("billing", "0000-4000", "Berlin", *(person for person, *_ in PEOPLE)) if name in text]
        check("an anonymous page of a team has no names", not leaks, ", ".join(leaks))
        with Browser() as browser:
            looks(browser, named)
            check("a hostile person runs nothing", browser.run("document.title").startswith("Claude Code spend"))
            heads = browser.run("[...document.querySelectorAll('h2')].map(head => head.textContent)")
            check("people and limits have their parts", {"By person", "Limits"} <= set(heads), "")
            cells = "[...document.querySelectorAll('{} tbody tr')].map(row => Number(row.cells[{}].dataset.v ?? row.cells[{}].textContent))"
            blocked, hours = (browser.run(cells.format(".whose", column, column)) for column in (3, 4))
            check("who was stopped longest stands first", len(blocked) == 9 and blocked == sorted(blocked, reverse=True) and max(hours) > 0)
            errors = [sum(browser.run(cells.format(table, column, column))) for table, column in ((".whose", 1), (".totals:not(.whose)", 1))]
            check("errors are the same by person, by limit and by week", errors[1] == 2 * errors[0] > 0, str(errors))
            for theme in ("light", "dark") if chosen.keep else ():
                browser.prefer(theme)
                for width in (1280, 390):
                    browser.size(width)
                    browser.open(named)
                    top = browser.run("document.querySelector('#sessions').getBoundingClientRect().top")
                    browser.picture(keep / f"team-{width}-{theme}.png", top)
            printed(browser, named, keep)
        with Browser() as browser:
            opened(browser, anonymous)


def large(program, keep, chosen):
    with tempfile.TemporaryDirectory(prefix="whycap-page-") as place:
        history, run = lived(Path(place), program, 730, chosen.sessions, chosen.answers, chosen.seed)
        run(["spend", "--json"], END)
        began = time.monotonic()
        page = written(run, keep / "two-years.html")
        wrote = time.monotonic() - began
        told = f"{history.sessions} sessions, {history.answers} answers, {page.stat().st_size // 1000} KB, written in {wrote:.1f} s"
        with Browser() as browser:
            browser.size(1280)
            opened(browser, page)
            # Even on a busy machine, at least one of ten attempts is not delayed.
            times = []
            while len(times) < 10 and min(times, default=OPENS_WITHIN) >= OPENS_WITHIN:
                times.append(opened(browser, page))
            check("two years open within a second", min(times) < OPENS_WITHIN, f"{told}, opened in {min(times):.2f} s (of {len(times)})")
            check("only the first are laid out", browser.run("document.querySelector('.by-session tbody').rows[20].offsetHeight") == 0)
            browser.click("document.querySelector('.all')")
            check("and all if asked for", browser.run("document.querySelector('.by-session tbody').rows[20].offsetHeight") > 0)


def pictures(program, out, seed):
    with tempfile.TemporaryDirectory(prefix="whycap-page-") as place:
        _, run = lived(Path(place), program, 40, 220, 30, seed, projects=6)
        page = written(run, Path(place) / "page.html")
        with Browser() as browser:
            browser.size(860)
            for theme in ("light", "dark"):
                browser.prefer(theme)
                browser.open(page)
                top = browser.run("document.querySelector('#limits').getBoundingClientRect().top")
                browser.picture(out / f"page-{theme}.png", top)
                print(out / f"page-{theme}.png", (out / f"page-{theme}.png").stat().st_size)
            exports = made_up(place, program, END, seed)
            browser.prefer("light")
            browser.open(written(run, page, "--from", str(exports)))
            top = browser.run("document.querySelectorAll('#limits table')[1].getBoundingClientRect().top")
            browser.picture(out / "team-light.png", top)
            print(out / "team-light.png", (out / "team-light.png").stat().st_size)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path, default=ROOT / "target/release/whycap")
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sessions", type=int, default=6600)
    parser.add_argument("--answers", type=int, default=6)
    chosen = parser.parse_args()
    if not found():
        print("skipped: there is no Chromium here (apt-get install chromium)")
        return 0
    if chosen.pictures:
        pictures(chosen.binary, chosen.pictures, chosen.seed)
        return 0
    with tempfile.TemporaryDirectory(prefix="whycap-page-") as place:
        keep = chosen.keep or Path(place)
        keep.mkdir(parents=True, exist_ok=True)
        linted = subprocess.run([str(tool("@biomejs/biome").parent.parent / ".bin/biome"), "lint", "--error-on-warnings",
                                 "src/html/page.js", "src/html/page.css"], cwd=ROOT, capture_output=True, text=True, check=False)
        check("style and script pass their linter", linted.returncode == 0, linted.stderr + linted.stdout if linted.returncode else "")
        pages(chosen.binary.resolve(), keep.resolve(), chosen)
        team(chosen.binary.resolve(), keep.resolve(), chosen)
        large(chosen.binary.resolve(), keep.resolve(), chosen)
    print(f"{RESULTS['passed']} passed, {RESULTS['failed']} failed")
    return 1 if RESULTS["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
