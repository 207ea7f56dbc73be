#!/usr/bin/env python3
"""performance.py ROOT [BENCH_PEERS]: tests of tools/performance.py, and of bench_peers where it was built."""
import json
import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as tree

root, *built = sys.argv[1:]
MACHINE = {"processor": "P & Q", "processors": 2, "system": "S"}
PAGE = "before\n<!-- results -->\nold\n<!-- end of results -->\nafter\n"


def peer(name, time, own, **more):
    return {"name": name, "ns_per_element": time, "spread": 0.1, "ratio": time / own, "difference": 0.0,
            "difference_anywhere": 0.0, "wrong_nans": 0, **more}


def result(**more):
    return {"activation": "relu", "direction": "forward", "elements": 262144, "threads": 1, "ns_per_element": 2.0,
            "spread": 0.1, **more}


PEERS = {
    "schema": 1, "machine": MACHINE, "rounds": 7, "libraries": [{"name": "oneDNN", "version": "1 & 2"}],
    "results": [
        result(peers=[peer("oneDNN", 1.0, 2.0), peer("XNNPACK", 8.0, 2.0, difference=None)],
               fastest="oneDNN", ratio=0.5),
        result(elements=100, peers=[peer("oneDNN", 3.0, 2.0)], fastest="oneDNN", ratio=1.5)]}
BENCH = {"schema": 1, "machine": MACHINE, "rounds": 7,
         "results": [result(type="bf16", in_place=True, share_of_copy=0.25, copy_spread=0.3)]}


def expect(holds, what):
    if not holds:
        sys.exit(f"FAIL: {what}")


def make(peers, bench):
    """The page and the picture."""
    with tempfile.TemporaryDirectory() as folder:
        names = [os.path.join(folder, name) for name in ("peers.json", "bench.json")]
        for name, document in zip(names, (peers, bench)):
            with open(name, "w") as file:
                json.dump(document, file)
        os.mkdir(os.path.join(folder, "docs"))
        page, picture = (os.path.join(folder, "docs", name) for name in ("performance.md", "performance.svg"))
        with open(page, "w") as file:
            file.write(PAGE)
        made = []
        for _ in range(2):
            subprocess.run([sys.executable, os.path.join(root, "tools", "performance.py"), folder, *names], check=True)
            made.append((open(page).read(), open(picture).read()))
        expect(made[0] == made[1], "the second time is not as the first one")
        return made[0]


page, picture = make(PEERS, BENCH)
expect(page.startswith("before\n") and page.endswith("after\n") and "old" not in page, "the page around the results")
expect("| activation | direction | 100 | 256Ki |" in page, "columns in the order of sizes")
expect("| relu | forward | 2 (1.50 N) | 2 (0.50 N) |" in page, "times and ratios")
expect("| relu | forward | XNNPACK | infinite | 0 | 0 |" in page, "differences")
expect("bf16, one thread, in place" in page and "| relu | forward | 2 (~25 %) |" in page, "shares")
shapes = tree.fromstring(picture).iter("{http://www.w3.org/2000/svg}polygon")
places = {s[0].text: float(s.get("transform").split("(")[1].split()[0]) for s in shapes}
expect(places["oneDNN 0.50"] == 130 + 560 * 2 / 7 and places["XNNPACK 4.00"] == 130 + 560 * 5 / 7, "places on the axis")

if built:
    run = [built[0], "relu", "sigmoid", "softmax", "--size=2Ki", "--threads=1", "--rounds=3", "--json"]
    peers = json.loads(subprocess.run(run, check=True, stdout=subprocess.PIPE).stdout)
    cases = [(r["activation"], r["direction"], r["elements"]) for r in peers["results"]]
    expect(len(set(cases)) == len(cases) and ("relu", "forward", 2048) in cases, "every case once")
    for r in peers["results"]:
        fastest = min(r["peers"], key=lambda p: p["ns_per_element"])
        expect(r["fastest"] == fastest["name"] and r["ratio"] == fastest["ratio"], "the fastest")
        for p in r["peers"]:
            expect(abs(p["ratio"] * r["ns_per_element"] / p["ns_per_element"] - 1) < 1e-9, "a ratio")
            # The largest error of any of the libraries, softmax's gradient apart: what cancels there is not bounded.
            bound = 0 if r["activation"] == "relu" else 1e-5
            expect((r["activation"], r["direction"]) == ("softmax", "gradient") or p["difference"] <= bound,
                   f"{p['name']}: {r['activation']} {r['direction']} differs by {p['difference']}")
    for wrong in (["glu"], ["--rounds=0"]):
        code = subprocess.run([built[0], *wrong], stderr=subprocess.DEVNULL).returncode
        expect(code == 64, f"{wrong} gives {code}")
    make(peers, BENCH)
