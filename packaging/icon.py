#!/usr/bin/env python3
"""Draws the icon of the plugin: icon.py OUT.png

The icon is a cap above a question mark. The script uses only the standard library of Python. It calculates each point's
distance from the shapes, so that the edges are smooth at any size.
"""

import math
import struct
import sys
import zlib

SIZE = 512
SAMPLES = 3  # per pixel and axis

GROUND_TOP, GROUND_BOTTOM = (38, 42, 64), (22, 24, 40)
CAP, CAP_SHADE = (242, 139, 92), (214, 104, 66)
MARK = (247, 244, 236)


def rounded_box(x, y, cx, cy, half_w, half_h, radius):
    dx, dy = abs(x - cx) - half_w + radius, abs(y - cy) - half_h + radius
    return math.hypot(max(dx, 0), max(dy, 0)) + min(max(dx, dy), 0) - radius


def arc(x, y, cx, cy, radius, thickness, start, end):
    """Returns the distance to an arc with round ends. Angles are in degrees, clockwise from east (y increases
    downward)."""
    angle = math.degrees(math.atan2(y - cy, x - cx)) % 360
    if start <= angle <= end or start <= angle + 360 <= end:
        return abs(math.hypot(x - cx, y - cy) - radius) - thickness
    ends = ((cx + radius * math.cos(math.radians(a)), cy + radius * math.sin(math.radians(a))) for a in (start, end))
    return min(math.hypot(x - ex, y - ey) for ex, ey in ends) - thickness


def segment(x, y, ax, ay, bx, by, thickness):
    t = max(0.0, min(1.0, ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / ((bx - ax) ** 2 + (by - ay) ** 2)))
    return math.hypot(x - ax - t * (bx - ax), y - ay - t * (by - ay)) - thickness


def colour(x, y):
    """Returns the color and opacity at a point in the unit square."""
    if rounded_box(x, y, 0.5, 0.5, 0.48, 0.48, 0.21) > 0:
        return (0, 0, 0), 0
    ground = tuple(a + (b - a) * y for a, b in zip(GROUND_TOP, GROUND_BOTTOM))
    # The cap: a dome, and a brim that points to the right.
    if y < 0.375 and math.hypot((x - 0.47) / 1.12, y - 0.375) < 0.235:
        return (CAP_SHADE if x > 0.47 and math.hypot((x - 0.40) / 0.62, y - 0.375) > 0.235 else CAP), 1
    if math.hypot(x - 0.47, y - 0.135) < 0.028:
        return CAP_SHADE, 1
    if segment(x, y, 0.235, 0.395, 0.79, 0.395, 0.033) < 0:
        return CAP_SHADE, 1
    # The question mark.
    hook = arc(x, y, 0.5, 0.585, 0.088, 0.036, 180, 420)
    stem = segment(x, y, 0.5 + 0.088 * math.cos(math.radians(60)), 0.585 + 0.088 * math.sin(math.radians(60)), 0.5, 0.735, 0.036)
    if min(hook, stem) < 0 or math.hypot(x - 0.5, y - 0.845) < 0.045:
        return MARK, 1
    return ground, 1


def main(out):
    rows = bytearray()
    steps = [(i + 0.5) / SAMPLES for i in range(SAMPLES)]
    for row in range(SIZE):
        rows.append(0)
        for column in range(SIZE):
            red = green = blue = cover = 0
            for sy in steps:
                for sx in steps:
                    (r, g, b), a = colour((column + sx) / SIZE, (row + sy) / SIZE)
                    red, green, blue, cover = red + r * a, green + g * a, blue + b * a, cover + a
            scale = cover or 1
            rows += bytes((round(red / scale), round(green / scale), round(blue / scale), round(255 * cover / SAMPLES**2)))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", SIZE, SIZE, 8, 6, 0, 0, 0)
    with open(out, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(rows), 9)) + chunk(b"IEND", b""))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
