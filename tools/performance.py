#!/usr/bin/env python3
"""performance.py ROOT PEERS.json BENCH.json: the results in docs/performance.md, and docs/performance.svg.

PEERS.json is what `bench_peers --json` has printed, BENCH.json what `clact bench --json` has. Replaces what stands in
the page between the comments "results" and "end of results". The same files make the same bytes."""
import json
import math
import os
import re
import sys
from xml.sax.saxutils import escape

LETTERS = {"oneDNN": "N", "oneDNN from y": "Y", "XNNPACK": "X", "PyTorch": "T", "OpenBLAS": "B"}
MARKS = {  # a colour, and the corners of a shape about the origin
    "oneDNN": ("#1f6fb4", "-4,-4 4,-4 4,4 -4,4"),
    "oneDNN from y": ("#7fb2dd", "0,-5.5 5.5,0 0,5.5 -5.5,0"),
    "XNNPACK": ("#d1662a", "0,-5 5,4 -5,4"),
    "PyTorch": ("#3c8d40", "0,5 5,-4 -5,-4"),
    "OpenBLAS": ("#8a5aa5", "-5,-2 5,-2 5,2 -5,2"),
}
PLOTTED = (262144, 1)  # elements, threads
UNSURE = 0.2  # of the spread: marked by ~


def size_text(elements):
    for shift, unit in ((30, "Gi"), (20, "Mi"), (10, "Ki")):
        if elements >> shift and not elements & ((1 << shift) - 1):
            return f"{elements >> shift}{unit}"
    return str(elements)


def in_order(values):
    return list(dict.fromkeys(values))


# ---- Tables


def table(heads, rows):
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def by_case(results, cell):
    """One row for each activation and direction, one column for each size."""
    sizes = sorted({r["elements"] for r in results})
    cells = {(r["activation"], r["direction"], r["elements"]): cell(r) for r in results}
    cases = in_order((r["activation"], r["direction"]) for r in results)
    rows = [[*case] + [cells.get((*case, size), "-") for size in sizes] for case in cases]
    return table(["activation", "direction"] + [size_text(size) for size in sizes], rows)


def unsure(*spreads):
    return "~" if max(spreads) > UNSURE else ""


def peer_cell(r):
    spread = next(p["spread"] for p in r["peers"] if p["name"] == r["fastest"])
    return f"{r['ns_per_element']:.3g} ({unsure(r['spread'], spread)}{r['ratio']:.2f} {LETTERS[r['fastest']]})"


def bench_cell(r):
    return f"{r['ns_per_element']:.3g} ({unsure(r['spread'], r['copy_spread'])}{100 * r['share_of_copy']:.0f} %)"


def peer_tables(peers):
    for threads in in_order(r["threads"] for r in peers["results"]):
        yield f"### Beside other libraries, on {threads} thread{'s' if threads > 1 else ''}"
        yield by_case([r for r in peers["results"] if r["threads"] == threads], peer_cell)


def differences(peers):
    rows = []
    for name, direction in in_order((r["activation"], r["direction"]) for r in peers["results"]):
        r = next(r for r in peers["results"] if (r["activation"], r["direction"]) == (name, direction))
        for p in r["peers"]:
            number = lambda x: "infinite" if x is None else f"{x:.1e}" if x else "0"
            if p["difference"] is None or p["difference"] > 1e-6 or p["wrong_nans"]:
                rows.append([name, direction, p["name"], number(p["difference"]), number(p["difference_anywhere"]),
                             str(p["wrong_nans"])])
    return table(["activation", "direction", "library", "in [-4, 4]", "anywhere", "wrong NaNs"], rows)


def bench_tables(bench):
    for kind in in_order((r["type"], r["threads"], r["in_place"]) for r in bench["results"]):
        chosen = [r for r in bench["results"] if (r["type"], r["threads"], r["in_place"]) == kind]
        threads = {0: "as many threads as pay", 1: "one thread"}.get(kind[1], f"{kind[1]} threads")
        yield f"### Of the limit: {kind[0]}, {threads}{', in place' if kind[2] else ''}"
        yield by_case(chosen, bench_cell)


def machine_text(document):
    m = document["machine"]
    return f"{m['processor']}, {m['processors']} processors, {m['system']}; medians of {document['rounds']} rounds"


def results_text(peers, bench):
    versions = "; ".join(f"{LETTERS.get(x['name'], '')} {x['name']} {x['version']}".strip() for x in peers["libraries"])
    yield f"Machine: {machine_text(peers)}."
    yield (f"Libraries, and the letters that stand for them: {versions}. A cell is clact's time in ns an element, and "
           "how many times as long the fastest of the others takes. ~: a spread is above a fifth.")
    yield from peer_tables(peers)
    yield "### Differences from clact's results"
    yield ("Where one is above 1e-6, or a NaN is on one side alone, of 2^19 results: relative to clact's, for inputs "
           "in [-4, 4] as they are timed, and for any float.")
    yield differences(peers)
    yield from bench_tables(bench)


# ---- The plot

ROW, LEFT, WIDTH, TOP = 15, 130, 560, 64
LOW, HIGH = -3, 4  # of the axis: powers of two


def place(ratio):
    """Of a ratio on the axis, at whose ends stands what is beyond."""
    return LEFT + WIDTH * (min(max(math.log2(ratio), LOW), HIGH) - LOW) / (HIGH - LOW)


def text(x, y, words, anchor="start", extra=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{extra}>{escape(words)}</text>'


def mark(x, y, name, words=""):
    color, corners = MARKS[name]
    return (f'<polygon transform="translate({x:.1f} {y:.1f})" points="{corners}" fill="{color}" fill-opacity="0.85">'
            f"<title>{escape(name + words)}</title></polygon>")


def panel(results, direction, top):
    chosen = [r for r in results if r["direction"] == direction and (r["elements"], r["threads"]) == PLOTTED]
    bottom = top + ROW * len(chosen)
    yield text(LEFT, top - 6, direction, extra=' font-weight="bold"')
    for power in range(LOW, HIGH + 1):
        x = place(2.0**power)
        yield f'<line x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{bottom}" stroke="{"#444" if power == 0 else "#ddd"}"/>'
        yield text(x, bottom + 14, f"{2**power}x" if power >= 0 else f"1/{2**-power}x", "middle")
    for i, r in enumerate(chosen):
        y = top + ROW * (i + 0.5)
        yield text(LEFT - 8, y + 4, r["activation"], "end")
        for p in r["peers"]:
            yield mark(place(p["ratio"]), y, p["name"], f" {p['ratio']:.2f}")
    yield bottom + 48


def plot(peers):
    body, bottom = [], TOP
    for direction in ("forward", "gradient"):
        *shapes, bottom = panel(peers["results"], direction, bottom)
        body += shapes
    legend, x = [], LEFT
    for name in in_order(p["name"] for r in peers["results"] for p in r["peers"]):
        legend += [mark(x, 32, name), text(x + 8, 36, name)]
        x += 26 + 7 * len(name)
    head = (f"Time of other libraries / clact's: {size_text(PLOTTED[0])} floats, {PLOTTED[1]} thread; "
            "right of 1x clact is faster")
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 30}" height="{bottom - 20}" '
        'font-family="sans-serif" font-size="11">',
        '<rect width="100%" height="100%" fill="white"/>', text(LEFT, 16, head, extra=' font-size="13"'),
        *legend, *body, "</svg>", ""])


def main():
    root, *files = sys.argv[1:]
    peers, bench = (json.load(open(name)) for name in files)
    page = os.path.join(root, "docs", "performance.md")
    before = open(page).read()
    filled = "\n\n".join(["<!-- results -->", *results_text(peers, bench), "<!-- end of results -->"])
    after, count = re.subn(r"<!-- results -->.*<!-- end of results -->", lambda _: filled, before, flags=re.S)
    if count != 1:
        sys.exit(f"{page} has no place for results")
    with open(page, "w") as file:
        file.write(after)
    with open(os.path.join(root, "docs", "performance.svg"), "w") as file:
        file.write(plot(peers))


main()
