"""A picture of curves: panels above each other that share their x axis, both axes in
powers of ten, as SVG that follows the reader's light or dark theme."""
import html
import math

from figures import number

WIDTH, PANEL, LEFT, RIGHT, TOP, BOTTOM, GAP = 640, 170, 72, 36, 30, 44, 40
SLACK = 0.02  # of a decade: a million and a little more ends at the million's mark
STYLE = """\
text { font: 12px system-ui, sans-serif; fill: #444 }
.title { font-weight: 600; fill: #222 }
.end { text-anchor: end } .middle { text-anchor: middle }
.grid { stroke: #ddd } .range { stroke: #7aa7d9; stroke-width: 2 }
.line { stroke: #1f5fa8; stroke-width: 2; fill: none } .point { fill: #1f5fa8 }
@media (prefers-color-scheme: dark) {
text { fill: #bbb } .title { fill: #eee } .grid { stroke: #444 }
.range { stroke: #4f7fb5 } .line { stroke: #8ec1ff } .point { fill: #8ec1ff } }"""


def decades(values):
    """The powers of ten that hold all values between them, or nearly so; at least one
    apart."""
    low = math.floor(math.log10(min(values)) + SLACK)
    high = math.ceil(math.log10(max(values)) - SLACK)
    return list(range(low, max(high, low + 1) + 1))


def scaled(marks, begin, end):
    """Where a value lies between two pixels."""
    def place(value):
        share = (math.log10(value) - marks[0]) / (marks[-1] - marks[0])
        return round(begin + share * (end - begin), 1)
    return place


def text(x, y, what, style=""):
    return f'<text x="{x}" y="{y}" class="{style}">{html.escape(what)}</text>'


def line(x1, y1, x2, y2, style):
    return f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" class="{style}"/>'


def panel(title, points, x, x_marks, top):
    """Points are (x, median, least, most), more than none."""
    y_marks = decades([v for point in points for v in point[2:]])
    y = scaled(y_marks, top + PANEL, top)
    drawn = [text(LEFT, top - 10, title, "title")]
    for mark in y_marks:
        at = y(10 ** mark)
        drawn += [line(LEFT, at, WIDTH - RIGHT, at, "grid"),
                  text(LEFT - 8, at + 4, plain(mark), "end")]
    for mark in x_marks:
        drawn.append(line(x(10 ** mark), top, x(10 ** mark), top + PANEL, "grid"))
    way = " ".join(f"{x(at)},{y(median)}" for at, median, _, _ in points)
    drawn.append(f'<polyline points="{way}" class="line"/>')
    for at, median, least, most in points:
        drawn += [line(x(at), y(least), x(at), y(most), "range"),
                  f'<circle cx="{x(at)}" cy="{y(median)}" r="3.5" class="point">'
                  f"<title>{at:,}: {number(median)} "
                  f"[{number(least)}–{number(most)}]</title></circle>"]
    for (at, median, _, _), style in ((points[0], ""), (points[-1], "end")):
        drawn.append(text(x(at), y(median) - 9, number(median), style))
    return drawn


def plain(power):
    return f"{10 ** power:,}" if power >= 0 else f"{10 ** power:g}"


def picture(x_title, panels):
    """SVG text of (title, points) panels; each has points."""
    x_marks = decades([point[0] for _, points in panels for point in points])
    x = scaled(x_marks, LEFT, WIDTH - RIGHT)
    height = TOP + len(panels) * (PANEL + GAP) - GAP + BOTTOM
    drawn = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
             f'width="{WIDTH}" role="img">', f"<style>{STYLE}</style>"]
    for row, (title, points) in enumerate(panels):
        drawn += panel(title, points, x, x_marks, TOP + row * (PANEL + GAP))
    for mark in x_marks:
        drawn.append(text(x(10 ** mark), height - BOTTOM + 18, plain(mark), "middle"))
    drawn += [text((LEFT + WIDTH - RIGHT) // 2, height - 8, x_title, "middle"), "</svg>"]
    return "\n".join(drawn) + "\n"
