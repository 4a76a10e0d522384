#!/usr/bin/env python3
"""Checks the site in Chromium: every link has a target, axe-core finds nothing in either theme, and no page is too wide for a phone.

usage: docs/site/check.py SITE_DIRECTORY [--pictures DIRECTORY]

Without a browser, only the links are checked, and the output says so. The last line is 'N passed, N failed'.
"""

import html.parser
import sys
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "tests" / "page"))

from browser import Browser, browser_executable  # noqa: E402
from npm_packages import accessibility_violations  # noqa: E402

RESULTS = {"passed": 0, "failed": 0}
PHONE = 360


def check(name, wrong):
    RESULTS["failed" if wrong else "passed"] += 1
    if wrong:
        print(f"FAILED: {name}: {wrong}", flush=True)


class Page(html.parser.HTMLParser):
    """Collects a page's links and the targets in it."""

    def __init__(self, path):
        super().__init__()
        self.links, self.names, self.path = [], set(), path
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.links += [attributes[name] for name in ("href", "src") if attributes.get(name)]
        self.names.add(attributes.get("id"))


def dead_links(site):
    pages = {path: Page(path) for path in site.rglob("*.html")}
    dead = []
    for path, page in pages.items():
        for link in page.links:
            place, _, name = link.partition("#")
            if ":" in place:
                continue
            target = (path.parent / place).resolve() if place else path
            if not target.exists() or name and name not in pages[target].names:
                dead.append(f"{path.relative_to(site)}: {link}")
    return dead


def in_chromium(site, pictures):
    with Browser() as browser:
        for path in sorted(site.rglob("*.html")):
            name = path.relative_to(site)
            browser.resize(PHONE)
            for theme in ("light", "dark"):
                browser.set_preferred_theme(theme)
                browser.open(path)
                # This happens before axe-core runs, because axe-core requests the style sheet in a
                # way that is not allowed for files.
                check(f"{name}: no error, {theme}", list(browser.problems))
                check(f"{name}: axe-core, {theme}", accessibility_violations(browser))
                if pictures and path.stem in ("index", "locks", "youve-hit-your-5-hour-limit-resets"):
                    browser.save_screenshot(pictures / f"{path.stem}-{theme}.png", 900)
            check(f"{name}: fits {PHONE} px", browser.evaluate(f"document.documentElement.scrollWidth > {PHONE}"))
        browser.open(site / "index.html")
        check_search(browser)


def check_search(browser):
    """Checks the search of the open page."""
    search = """(text => {
        const field = document.querySelector('#search');
        field.value = text;
        field.dispatchEvent(new Event('input'));
        return [...document.querySelectorAll('[data-words]:not([hidden])')].length;
    })"""
    all_messages = browser.evaluate(f"{search}('')")
    matching = browser.evaluate(f"{search}('You\\'ve hit your Opus limit')")
    not_matching = browser.evaluate(f"{search}('no such words at all')")
    is_right = 0 < matching < all_messages and not_matching == 0
    counts = [matching, all_messages, not_matching]
    check("the search shows only matching messages", "" if is_right else counts)


def main():
    arguments = sys.argv[1:]
    if len(arguments) not in (1, 3):
        raise SystemExit(__doc__)
    site = Path(arguments[0]).resolve()
    pictures = Path(arguments[2]) if len(arguments) == 3 else None
    check("every link leads somewhere", dead_links(site))
    if browser_executable():
        in_chromium(site, pictures)
    else:
        print("skipped: there is no Chromium here")
    print(f"{RESULTS['passed']} passed, {RESULTS['failed']} failed")
    return 1 if RESULTS["failed"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
