#!/usr/bin/env python3
"""golden.py CLACT GOLDEN [SWEEP...]: writes tests/golden.def from what CLACT measures on the CPU backend.

CLACT is the command; each SWEEP a file of `clact check --exhaustive --resume=SWEEP`, whose results are taken
where they are of the present text of cl/. Those that GOLDEN has are kept as long as that text is the same."""
import json
import os
import re
import subprocess
import sys

command, golden, sweeps = sys.argv[1], sys.argv[2], sys.argv[3:]
HEAD = """\
/* golden.def: what the library's results are. Written by tools/golden.py; `ninja -C BUILD golden' does it.
 *
 *   GOLDEN_NUMERICS(number)   the CLACT_NUMERICS of all that follows
 *   GOLDEN(name, semantics, direction, sample, all, ulp, at, text)
 *     sample, all   the hash that `clact check' prints for the stratified sample of 2^20 inputs, and for
 *                   all 2^32 of them; 0 where they have not been measured
 *     ulp, at       the largest error, and where it is: of all inputs if they have been measured, else of
 *                   the sample; NAN where there is no oracle
 *     text          the hash, by tools/texts.py, of what was measured
 *
 * On the CPU backend and on devices that are exact the hashes are the same. */
// clang-format off

"""
ROW = re.compile(r"^GOLDEN\((\w+), (\w+), (\w+), (\w+), (\w+), (\S+), (\S+), 0x(\w+)\)", re.M)


def report(*options):
    done = subprocess.run([command, "check", "--json", "--device=cpu", *options], stdout=subprocess.PIPE, text=True)
    if done.returncode not in (0, 1):
        sys.exit(done.returncode)
    return json.loads(done.stdout)


def key(row):
    return row["activation"], row["semantics"].upper(), row["direction"].upper(), row["text"]


def error(row):
    if row["max_ulp_x"] is None:
        return "NAN", "0"
    return f"{row['max_ulp']:.4f}", row["max_ulp_x"] if row["max_ulp"] > 0 else "0"


documented, tensorflow = report(), report("--semantics=tensorflow")
numerics = documented["numerics"]
rows = [row for row in documented["rows"] + tensorflow["rows"] if row["ok"]]

swept = {}  # key: (hash, ulp, at)
old = open(golden).read() if os.path.exists(golden) else ""
if f"\nGOLDEN_NUMERICS({numerics})\n" in old:
    for name, semantics, direction, _, whole, ulp, at, text in ROW.findall(old):
        if int(whole, 16):
            swept[name, semantics, direction, text] = whole, ulp, at
for path in filter(os.path.exists, sweeps):
    for line in open(path):
        row = json.loads(line)["row"]
        if row.get("dtype", "f32") != "f32":
            continue
        if row["inputs"] == 1 << 32 and not row["parameters"] and row["ok"] and row["numerics"] == numerics:
            swept[key(row)] = ("0x" + row["hash"], *error(row))

with open(golden, "w") as out:
    out.write(HEAD + f"GOLDEN_NUMERICS({numerics})\n\n")
    for row in rows:
        whole, ulp, at = swept.get(key(row), ("0", *error(row)))
        name, semantics, direction, text = key(row)
        out.write(f"GOLDEN({name}, {semantics}, {direction}, 0x{row['hash']}, {whole}, {ulp}, {at}, 0x{text})\n")

failed = [f"{row['activation']} {row['direction']}" for row in documented["rows"] + tensorflow["rows"] if not row["ok"]]
if failed:
    sys.exit("golden.py: `clact check' fails for these, which are left out: " + ", ".join(failed))
