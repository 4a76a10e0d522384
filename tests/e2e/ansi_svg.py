"""Converts a colored terminal screen to an SVG picture.

The functions map text to text and read or write no files. Every character is placed in its own cell, whatever font
the reader has, and blocks and borders are drawn as shapes so that they join without gaps.
"""

import re
import unicodedata
from dataclasses import dataclass, replace
from html import escape
from itertools import groupby

CELL_WIDTH, CELL_HEIGHT, FONT_SIZE, BASELINE = 8.4, 19, 14, 14.2
PADDING, TITLE_HEIGHT = 16, 34
FONTS = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'Liberation Mono', 'DejaVu Sans Mono', monospace"
BACKGROUND, FOREGROUND, FRAME, BAR, CAPTION = "#15171c", "#d7dae0", "#343842", "#20232a", "#8b909c"

# The sixteen terminal colors, adjusted to be equally readable on a dark background.
SIXTEEN = [
    "#3b4048",
    "#e06c75",
    "#98c379",
    "#e5c07b",
    "#61afef",
    "#c678dd",
    "#56b6c2",
    "#d7dae0",
    "#5c6370",
    "#f07f88",
    "#aad68b",
    "#f2cf8c",
    "#7cc0ff",
    "#d791ec",
    "#6ccbd6",
    "#ffffff",
]

# Block elements as quarters: upper left, upper right, lower left, lower right.
QUARTERS = {
    "█": "1111",
    "▀": "1100",
    "▄": "0011",
    "▌": "1010",
    "▐": "0101",
    "▘": "1000",
    "▝": "0100",
    "▖": "0010",
    "▗": "0001",
    "▛": "1110",
    "▜": "1101",
    "▙": "1011",
    "▟": "0111",
    "▚": "1001",
    "▞": "0110",
}
# Symbols that many fonts lack, as lines and filled shapes in a cell of 1 by 1.
STROKES = {
    "⎿": "M.35 0V.55H.9",
    "└": "M.5 0V.5H1",
    "│": "M.5 0V1",
    "├": "M.5 0V1M.5 .5H1",
    "┌": "M.5 1V.5H1",
    "┐": "M.5 1V.5H0",
    "┘": "M.5 0V.5H0",
    "╭": "M.5 1V.5H1",
    "╮": "M.5 1V.5H0",
    "╰": "M.5 0V.5H1",
    "╯": "M.5 0V.5H0",
}
FILLED = {
    "⏵": "M.1 .3L.85 .52L.1 .74z",
    "▶": "M.1 .3L.85 .52L.1 .74z",
    "⏸": "M.2 .3H.42V.74H.2zM.58 .3H.8V.74H.58z",
    "▰": "M.25 .3H1L.75 .74H0z",
}
LEFT_EIGHTHS = {character: (8 - number) / 8 for number, character in enumerate("█▉▊▋▌▍▎▏")}
LOWER_EIGHTHS = {character: (number + 1) / 8 for number, character in enumerate("▁▂▃▄▅▆▇█")}

SEQUENCE = re.compile(
    r"\x1b\[(?P<sgr>[0-9;:]*)m"  # colors
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # links and titles, whose text is kept
    r"|\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]|[\x0e\x0f]"
    r"|(?P<character>[^\x1b])",
    re.DOTALL,
)


@dataclass(frozen=True)
class Style:
    foreground: str | None = None
    background: str | None = None
    bold: bool = False
    dim: bool = False
    italic: bool = False
    underlined: bool = False
    struck: bool = False
    reversed: bool = False

    def colors(self):
        """Returns the foreground and background to paint. The background is None if there is none."""
        front, back = self.foreground or FOREGROUND, self.background
        return (back or BACKGROUND, front) if self.reversed else (front, back)


@dataclass(frozen=True)
class Cell:
    column: int
    width: int
    character: str
    style: Style


def indexed(number):
    """Returns one of the 256 colors."""
    if number < 16:
        return SIXTEEN[number]
    if number < 232:
        steps = [0, 95, 135, 175, 215, 255]
        number -= 16
        return "#{:02x}{:02x}{:02x}".format(steps[number // 36], steps[number // 6 % 6], steps[number % 6])
    return "#{0:02x}{0:02x}{0:02x}".format(8 + 10 * (number - 232))


FLAGS = {
    1: {"bold": True},
    2: {"dim": True},
    3: {"italic": True},
    4: {"underlined": True},
    7: {"reversed": True},
    9: {"struck": True},
    22: {"bold": False, "dim": False},
    23: {"italic": False},
    24: {"underlined": False},
    27: {"reversed": False},
    29: {"struck": False},
    39: {"foreground": None},
    49: {"background": None},
}


def styled(style, parameters):
    """Returns the style after a color sequence."""
    numbers = [int(part or 0) for part in re.split("[;:]", parameters)] if parameters else [0]
    while numbers:
        number = numbers.pop(0)
        if number == 0:
            style = Style()
        elif number in FLAGS:
            style = replace(style, **FLAGS[number])
        elif number in (38, 48):
            side = "foreground" if number == 38 else "background"
            if numbers[:1] == [5] and len(numbers) > 1:
                style = replace(style, **{side: indexed(min(numbers[1], 255))})
                numbers = numbers[2:]
            elif numbers[:1] == [2] and len(numbers) > 3:
                style = replace(style, **{side: "#{:02x}{:02x}{:02x}".format(*numbers[1:4])})
                numbers = numbers[4:]
        else:
            for first, side, bright in (
                (30, "foreground", 0),
                (40, "background", 0),
                (90, "foreground", 8),
                (100, "background", 8),
            ):
                if first <= number < first + 8:
                    style = replace(style, **{side: SIXTEEN[number - first + bright]})
    return style


def columns_of(character):
    if unicodedata.combining(character) or character in "\u200d\ufe0e\ufe0f":
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def cells(text):
    """Splits a screen with escape sequences into rows of cells. Colors continue across line ends, as in the output
    of tmux."""
    style, rows = Style(), []
    for line in text.split("\n"):
        row, column = [], 0
        for found in SEQUENCE.finditer(line):
            if found["sgr"] is not None:
                style = styled(style, found["sgr"])
            elif found["character"] and found["character"] >= " ":
                width = columns_of(found["character"])
                if width == 0 and row:
                    row[-1] = replace(row[-1], character=row[-1].character + found["character"])
                elif width:
                    row.append(Cell(column, width, found["character"], style))
                    column += width
        rows.append(row)
    return rows


def plain(row):
    return "".join(cell.character for cell in row).rstrip()


def number(value):
    return f"{value:.2f}".rstrip("0").rstrip(".")


def rectangle(x, y, width, height, color, more=""):
    return f'<rect x="{number(x)}" y="{number(y)}" width="{number(width)}" height="{number(height)}" fill="{color}"{more}/>'


def drawn(cell, x, y):
    """Returns the shapes for a block or border character, or None for a character that a font draws."""
    color = cell.style.colors()[0]
    more = ' opacity="0.6"' if cell.style.dim else ""
    half_width, half_height = CELL_WIDTH / 2, CELL_HEIGHT / 2
    if cell.character in "─━":
        return rectangle(x, y + half_height - 0.5, CELL_WIDTH + 0.3, 1, color, more)
    if cell.character in STROKES or cell.character in FILLED:
        place = f'transform="translate({number(x)} {number(y)}) scale({CELL_WIDTH} {CELL_HEIGHT})"'
        if cell.character in FILLED:
            return f'<path d="{FILLED[cell.character]}" {place} fill="{color}"{more}/>'
        return f'<path d="{placed(STROKES[cell.character], x, y)}" fill="none" stroke="{color}"{more}/>'
    if cell.character in LEFT_EIGHTHS and cell.character not in QUARTERS:
        return rectangle(x, y, CELL_WIDTH * LEFT_EIGHTHS[cell.character], CELL_HEIGHT, color, more)
    if cell.character in LOWER_EIGHTHS and cell.character not in QUARTERS:
        height = CELL_HEIGHT * LOWER_EIGHTHS[cell.character]
        return rectangle(x, y + CELL_HEIGHT - height, CELL_WIDTH + 0.3, height, color, more)
    if cell.character in QUARTERS:
        return "".join(
            rectangle(
                x + half_width * (place % 2),
                y + half_height * (place // 2),
                half_width + 0.3,
                half_height + 0.3,
                color,
                more,
            )
            for place, filled in enumerate(QUARTERS[cell.character])
            if filled == "1"
        )
    return None


def placed(path, x, y):
    """Moves a path from a cell of 1 by 1 to its place on the screen. Scaling the path would scale its stroke as
    well, and not every renderer can prevent that."""

    def point(found):
        letter, first, second = found.group(1), found.group(2), found.group(3)
        if letter == "V":
            return f"V{number(y + float(first) * CELL_HEIGHT)}"
        across = f"{letter}{number(x + float(first) * CELL_WIDTH)}"
        return across if letter == "H" else f"{across} {number(y + float(second) * CELL_HEIGHT)}"

    return re.sub(r"([MLHV])([\d.]+)(?: ([\d.]+))?", point, path)


def row_shapes(row, x0, y):
    """Returns the shapes of a row: the backgrounds first, then the characters."""
    shapes = []
    for back, run in groupby(row, key=lambda cell: cell.style.colors()[1]):
        run = list(run)
        if back:
            width = sum(cell.width for cell in run) * CELL_WIDTH
            shapes.append(rectangle(x0 + run[0].column * CELL_WIDTH, y, width, CELL_HEIGHT, back))

    def kind(cell):
        # Characters outside Latin are placed one by one because the reader's font may give them another width.
        odd = cell.width > 1 or ord(cell.character[0]) > 0x17F
        return (cell.style, cell.column if odd else -1)

    for (style, _), run in groupby(row, key=kind):
        run = list(run)
        x = x0 + run[0].column * CELL_WIDTH
        shape = drawn(run[0], x, y) if len(run) == 1 else None
        if shape:
            shapes.append(shape)
            continue
        text = "".join(cell.character for cell in run)
        stripped = text.strip(" ")
        if not stripped:
            continue
        x += (len(text) - len(text.lstrip(" "))) * CELL_WIDTH
        attributes = f'x="{number(x)}" y="{number(y + BASELINE)}" fill="{style.colors()[0]}"'
        if len(stripped) > 1:
            attributes += f' textLength="{number(len(stripped) * CELL_WIDTH)}"'
        if style.bold:
            attributes += ' font-weight="bold"'
        if style.italic:
            attributes += ' font-style="italic"'
        if style.dim:
            attributes += ' opacity="0.6"'
        if style.underlined or style.struck:
            attributes += f' text-decoration="{"underline" if style.underlined else "line-through"}"'
        # Some browsers show several spaces as one, despite xml:space.
        with_fixed_spaces = escape(stripped).replace("  ", "\u00a0\u00a0")
        shapes.append(f"<text {attributes}>{with_fixed_spaces}</text>")
    return shapes


def window(rows, columns, title, description, drawn_rows, style=""):
    """Returns a window of `columns` by `rows` that contains `drawn_rows`."""
    width = columns * CELL_WIDTH + 2 * PADDING
    height = TITLE_HEIGHT + rows * CELL_HEIGHT + 2 * PADDING - 6
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {number(width)} {number(height)}" '
        f'width="{number(width)}" height="{number(height)}" role="img">',
        f"<title>{escape(title)}</title>",
    ]
    if description:
        parts.append(f"<desc>{escape(description)}</desc>")
    if style:
        parts.append(f"<style>{style}</style>")
    parts.append(
        f'<rect x="0.5" y="0.5" width="{number(width - 1)}" height="{number(height - 1)}" rx="10" fill="{BACKGROUND}" stroke="{FRAME}"/>'
    )
    parts.append(
        f'<path d="M1 {TITLE_HEIGHT}V10a9 9 0 0 1 9-9H{number(width - 10)}a9 9 0 0 1 9 9V{TITLE_HEIGHT}z" fill="{BAR}"/>'
    )
    parts += [
        f'<circle cx="{20 + 20 * place}" cy="17.5" r="6" fill="{color}"/>'
        for place, color in enumerate(("#ff5f57", "#febc2e", "#28c840"))
    ]
    parts.append(f'<g font-family="{FONTS}" font-size="{FONT_SIZE}" xml:space="preserve">')
    parts.append(
        f'<text x="{number(width / 2)}" y="22" fill="{CAPTION}" font-size="13" text-anchor="middle">{escape(title)}</text>'
    )
    return "\n".join([*parts, *drawn_rows, "</g>", "</svg>", ""])


def screen_shapes(rows):
    return [
        shape
        for place, row in enumerate(rows)
        for shape in row_shapes(row, PADDING, TITLE_HEIGHT + PADDING - 6 + place * CELL_HEIGHT)
    ]


def svg(rows, columns, title, description=""):
    """Draws rows of cells in a window of `columns`. The title appears in the frame, and the description is for
    screen readers."""
    return window(len(rows), columns, title, description, screen_shapes(rows))


def moving(frames, columns, title, description=""):
    """Draws frames of (seconds, rows) in a loop. The picture begins with the last frame, so that it is complete for
    readers who have turned off motion, and so that nobody has to wait in front of a nearly empty box."""
    frames = [frames[-1], *frames[:-1]]
    whole = sum(seconds for seconds, _ in frames)
    style, drawn_frames, begin = [], [], 0.0
    for place, (seconds, rows) in enumerate(frames):
        start, end = 100 * begin / whole, 100 * (begin + seconds) / whole
        keys = ["0%{visibility:hidden}"] if begin else []
        keys += [f"{number(start)}%{{visibility:visible}}"] + (
            [f"{number(end)}%{{visibility:hidden}}"] if end < 100 else []
        )
        style.append(
            f"@keyframes f{place}{{{''.join(keys)}}}.f{place}{{animation:f{place} {number(whole)}s step-end infinite}}"
        )
        drawn_frames += [
            f'<g class="f{place}" visibility="{"hidden" if place else "visible"}">',
            *screen_shapes(rows),
            "</g>",
        ]
        begin += seconds
    style.append("@media(prefers-reduced-motion:reduce){g[class]{animation:none}}")
    return window(max(len(rows) for _, rows in frames), columns, title, description, drawn_frames, "".join(style))
