"""The checks of an open page, and the count of their results."""

import json
import re

from npm_packages import accessibility_violations

THEMES = ("light", "dark")
WIDTHS = (360, 390, 520, 640, 800, 810, 900, 1000, 1440)
DESKTOP_WIDTH = 1280
# The size of A4 in CSS pixels, minus Chromium's margins.
PAPER_WIDTH = 718
PAPER_HEIGHT = 1000

# Returns the names of the columns of figures after the cost, which appear in the order of `page_figures` (figures.rs).
FIGURE_NAMES = """[...document.querySelectorAll('.by-session thead th.cost ~ th.figure')].map(th => th.textContent)"""

# Returns the cells that are wider than their column.
OVERFLOWING_CELLS = """[...document.querySelectorAll(':is(th, td)')]
    .filter(cell => cell.scrollWidth > cell.clientWidth)
    .map(cell => `${cell.closest('table').className}: ${cell.textContent} (${cell.scrollWidth} > ${cell.clientWidth})`)"""

RIGHTMOST_EDGE = """Math.max(...[...document.querySelectorAll('table, svg, p')]
    .map(element => element.getBoundingClientRect().right))"""
BACKGROUND = "getComputedStyle(document.body).backgroundColor"
WHITE = "rgb(255, 255, 255)"
SESSION_ROWS = "[...document.querySelectorAll('.by-session tbody tr')]"
# The number of sessions that are printed and that are shown at first.
INITIAL_ROWS = 20


class Results:
    passed = 0
    failed = 0


def check(statement, holds, problem=""):
    """Counts a result. If the statement does not hold, prints it with the problem."""
    if holds:
        Results.passed += 1
        return
    Results.failed += 1
    print(f"FAILED: {statement}{f': {problem}' if problem else ''}", flush=True)


def check_equal(statement, actual, expected):
    check(statement, actual == expected, f"{actual!r} instead of {expected!r}")


def check_none(statement, problems):
    check(statement, not problems, "; ".join(map(str, problems)))


def open_page(browser, page):
    """Opens a page, and checks that it has no errors and requests nothing. Returns the time in seconds."""
    seconds = browser.open(page)
    check_none("nothing is logged, and nothing fails", browser.problems)
    check_equal("the page requests nothing else", browser.requested_urls, [page.as_uri()])
    return seconds


def check_appearance(browser, page):
    """Checks both themes and several widths."""
    for theme in THEMES:
        browser.set_preferred_theme(theme)
        browser.resize(DESKTOP_WIDTH)
        open_page(browser, page)
        check_none(f"axe-core finds nothing, {theme}", accessibility_violations(browser))
        for width in WIDTHS:
            browser.resize(width)
            open_page(browser, page)
            browser.expand_details()
            page_width = browser.evaluate("document.documentElement.scrollWidth")
            check(f"no sideways scrolling at {width} px, {theme}", page_width <= width, f"{page_width} px wide")
            overflowing = browser.evaluate(OVERFLOWING_CELLS)
            check_none(f"every cell fits its column at {width} px, {theme}", overflowing[:5])


def check_hostile_names(browser):
    """Checks that the names in the open page are harmless. The page must contain the hostile sessions."""
    check_title(browser)
    embedded = browser.evaluate("document.querySelectorAll('img, iframe, object').length")
    check_equal("a hostile path creates no element", embedded, 0)
    text = browser.evaluate("document.body.textContent")
    check("characters that reverse text are escaped", "\\u{202e}gnp\\u{200b}" in text)


def check_title(browser):
    """Checks that no script in a name has changed the title."""
    title = browser.evaluate("document.title")
    check("a script in a name does not run", title.startswith("Claude Code spend"), title)


# --- the table of sessions ---------------------------------------------------------------------------


def session_heading(name):
    """Returns a script that finds the heading of a column in the table of sessions."""
    return f"[...document.querySelectorAll('.by-session thead th')].find(th => th.textContent === {json.dumps(name)})"


def session_column(browser, name):
    """Returns the exact values in a column of the table of sessions, or the texts if there are no exact values."""
    cells = f"{SESSION_ROWS}.map(row => row.cells[{session_heading(name)}.cellIndex])"
    return browser.evaluate(f"{cells}.map(cell => cell.dataset.v ?? cell.textContent)")


def session_numbers(browser, name):
    """Returns the numbers in a column of the table of sessions, and None for each empty cell."""
    return [float(value) if value else None for value in session_column(browser, name)]


def sort_direction(browser, name):
    return browser.evaluate(f"{session_heading(name)}.getAttribute('aria-sort')")


def check_sorted(browser, statement, name, values, direction):
    """Checks the order of the values, and the direction that assistive technology reads. Empty cells must be last."""
    known_values = [value for value in values if value is not None]
    empty_cells = [None] * (len(values) - len(known_values))
    expected = sorted(known_values, reverse=direction == "descending") + empty_cells
    check(statement, values == expected, f"{values[:10]} … {values[-10:]}")
    check_equal(f"{statement} (aria-sort)", sort_direction(browser, name), direction)


def heading_button(name):
    return f"{session_heading(name)}.querySelector('button')"


def press_tab(browser):
    browser.press_key("Tab", 9)


def press_enter(browser):
    browser.press_key("Enter", 13)


def check_sorting(browser, page):
    """Checks sorting with the mouse and with the keyboard."""
    browser.set_preferred_theme("light")
    browser.resize(DESKTOP_WIDTH)
    open_page(browser, page)
    starts = session_column(browser, "started")
    check_equal("the latest session is first", starts, sorted(starts, reverse=True))

    browser.click(heading_button("cost"))
    costs = session_numbers(browser, "cost")
    check_sorted(browser, "a click sorts by cost, the highest first", "cost", costs, "descending")
    sorted_columns = browser.evaluate("document.querySelectorAll('.by-session [aria-sort]').length")
    check_equal("only one column is marked as sorted", sorted_columns, 1)

    press_enter(browser)
    costs = session_numbers(browser, "cost")
    check_sorted(browser, "Enter reverses the order", "cost", costs, "ascending")

    browser.evaluate(heading_button("started") + ".focus()")
    press_tab(browser)
    press_enter(browser)
    durations = session_numbers(browser, "duration")
    check_sorted(browser, "Tab and Enter sort by duration", "duration", durations, "descending")

    responses = f"{SESSION_ROWS}[0].cells[{session_heading('responses')}.cellIndex]"
    browser.evaluate(f"(cell => {{ cell.textContent = ''; delete cell.dataset.v; }})({responses})")
    for direction in ("descending", "ascending"):
        browser.click(heading_button("responses"))
        numbers = session_numbers(browser, "responses")
        check_sorted(browser, f"an empty cell is last, {direction}", "responses", numbers, direction)

    for name in browser.evaluate(FIGURE_NAMES):
        browser.click(heading_button(name))
        values = session_numbers(browser, name)
        check_sorted(browser, f"a click sorts by {name}", name, values, "descending")

    browser.click(heading_button("session"))
    titles = [title.lower() for title in session_column(browser, "session")]
    # JavaScript compares UTF-16 code units, and Python compares code points.
    check_equal("titles are sorted alphabetically", titles, browser.evaluate(f"{json.dumps(titles)}.toSorted()"))
    check_equal("titles are in ascending order", sort_direction(browser, "session"), "ascending")


# --- print -------------------------------------------------------------------------------------------


def check_print(browser, page, directory):
    """Checks that no table is cut off in print."""
    open_page(browser, page)
    pdf = directory / "page.pdf"
    browser.save_pdf(pdf)
    browser.emulate_print()
    browser.resize(PAPER_WIDTH, PAPER_HEIGHT)
    right_edge = browser.evaluate(RIGHTMOST_EDGE)
    check("everything fits on paper", right_edge <= PAPER_WIDTH, f"{right_edge} px")
    check_equal("paper is white", browser.evaluate(BACKGROUND), WHITE)
    page_count = len(re.findall(rb"/Type\s*/Page\b", pdf.read_bytes()))
    check("the page is printed", page_count > 1, f"{page_count} pages")
