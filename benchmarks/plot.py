"""The ratios as a picture: SVG, a bar a workload on a logarithmic scale.

Written by hand: a plotting library would be the heaviest thing that this project needs.
"""

from __future__ import annotations

from html import escape
from math import ceil, floor, log2
from typing import Sequence

from .implementations import BASELINE
from .report import short
from .rounds import Result, quantile

COLORS = {"pytls": "#2f6fb2", "pyOpenSSL": "#c9a24b"}
ROW, BAR, LEFT, WIDTH, TOP, NUMBER = 24, 9, 300, 420, 64, 50  # pixels
STYLE = "font: 12px sans-serif"


def svg(results: Sequence[Result], names: Sequence[str], caption: str) -> str:
    """A picture of how many times as fast as the baseline each of the others is."""
    others = [name for name in names if name in COLORS]
    ratios = {
        (row, name): quantile(result.ratios(name, BASELINE, result.workload.figure), 0.5)
        for row, result in enumerate(results)
        for name in others
        if name in result.rounds[0]
    }
    low = floor(log2(min([0.5, *ratios.values()])))
    high = ceil(log2(max([2.0, *ratios.values()])))

    def x(ratio: float) -> float:
        return LEFT + WIDTH * (log2(ratio) - low) / (high - low)

    width, height = LEFT + WIDTH + NUMBER, TOP + ROW * len(results) + 12
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" style="{STYLE}">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<text x="12" y="20">{escape(caption)}</text>',
    ]
    for at, name in enumerate(others):
        edge = LEFT + 90 * at
        out.append(f'<rect x="{edge}" y="30" width="{BAR}" height="{BAR}" fill="{COLORS[name]}"/>')
        out.append(f'<text x="{edge + 14}" y="39">{name}</text>')
    for power in range(low, high + 1):
        here = f"{x(2.0**power):.1f}"
        color = "#222" if power == 0 else "#ddd"
        out.append(f'<path d="M{here} {TOP - 6}V{height - 8}" stroke="{color}"/>')
        out.append(f'<text x="{here}" y="{TOP - 10}" text-anchor="middle">{2.0**power:g}</text>')
    for row, result in enumerate(results):
        top = TOP + ROW * row
        title = escape(result.workload.title)
        out.append(f'<text x="{LEFT - 56}" y="{top + 14}" text-anchor="end">{title}</text>')
        for at, name in enumerate(others):
            if (row, name) not in ratios:
                continue
            ratio = ratios[row, name]
            left, right = sorted((x(1), x(ratio)))
            y = top + 2 + at * (BAR + 1)
            out.append(
                f'<rect x="{left:.1f}" y="{y}" width="{right - left:.1f}" height="{BAR}" '
                f'fill="{COLORS[name]}"><title>{name}: {short(ratio)}</title></rect>'
            )
            if name == others[0]:
                at_end = f'x="{x(ratio) + 4:.1f}"' if ratio >= 1 else f'x="{left - 4:.1f}"'
                anchor = "start" if ratio >= 1 else "end"
                out.append(
                    f'<text {at_end} y="{y + BAR}" text-anchor="{anchor}" font-size="10">'
                    f"{short(ratio)}</text>"
                )
    return "\n".join([*out, "</svg>", ""])
