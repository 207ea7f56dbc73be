#!/usr/bin/env python3
"""reference.py CLACT SOURCE_ROOT [OUT]: docs/activations.md, the reference page.

Made from `CLACT list --json`, from what CLACT computes, from tests/golden.def (what was measured), docs/names.ini
(the names elsewhere) and docs/activations.in.md (the rest). Without OUT: compares with the page that is there."""
import ast
import configparser
import json
import os
import re
import struct
import subprocess
import sys
import tempfile

command, root = sys.argv[1:3]
page = os.path.join(root, "docs", "activations.md")
FRAMEWORKS = {"keras": "Keras", "pytorch": "PyTorch", "onnx": "ONNX", "onednn": "oneDNN", "cudnn": "cuDNN"}
EVERYWHERE = [float("-inf"), -1.0, -0.0, 0.0, 1.0, float("inf"), float("nan")]
GOLDEN = re.compile(r"^GOLDEN\((\w+), DOCUMENTED, (\w+), \w+, (\w+), (\S+), (\S+), \w+\)", re.M)

names = configparser.ConfigParser(delimiters=("=",), interpolation=None)
with open(os.path.join(root, "docs", "names.ini")) as file:
    names.read_file(file)
with open(os.path.join(root, "tests", "golden.def")) as file:
    golden = {(row[0], row[1]): row[2:] for row in GOLDEN.findall(file.read())}
listed = json.loads(subprocess.run([command, "list", "--json"], check=True, stdout=subprocess.PIPE).stdout)["activations"]


# ---- Numbers and words


def single(x):
    """The float nearest to x."""
    try:
        return struct.unpack("<f", struct.pack("<f", x))[0]
    except OverflowError:
        return float("inf")


def number(x):
    """The shortest decimal that reads back as the float x."""
    if x != x:
        return "NaN"
    if x in (float("inf"), float("-inf")):
        return "infinity" if x > 0 else "-infinity"
    for digits in range(1, 10):
        text = f"{x:.{digits}g}"
        if single(float(text)) == x:
            return "-0.0" if text == "-0" else text
    return repr(x)


def limit(value, none):
    if value is None:
        return none
    power = value and f"{abs(value):.0f}" or "0"
    for exponent in range(20, 1024):
        if abs(value) == 2.0**exponent:
            power = f"2^{exponent}"
    return ("-" if value < 0 else "") + power if power.startswith("2^") else number(value)


def code(text):
    """Text for a cell of a table."""
    return text.replace("|", "\\|")


def condition(a):
    """The condition under which y serves, in words; None: never."""
    if a["from_y"] in ("0", "1"):
        return None if a["from_y"] == "0" else ""
    said = []
    for term in a["from_y"].split("&&"):
        term = term.strip()
        negated = re.fullmatch(r"!\((\S+) (<|>|<=|>=) (\S+)\)", term)
        opposite = {"<": ">=", ">": "<=", "<=": ">", ">=": "<"}
        if negated:  # "none", a NaN, passes
            term = f"{negated[1]} {opposite[negated[2]]} {negated[3]}"
        none = [a["parameters"][int(i)]["name"] for i in re.findall(r"\bp(\d)", term)
                if negated and a["parameters"][int(i)]["accepts_none"]]
        term = "y is f32 or f64" if term == "!narrow" else term
        term = re.sub(r"\bs(\d)", lambda m: f"stored({a['parameters'][int(m[1])]['name']})", term)
        term = re.sub(r"\bp(\d)", lambda m: a["parameters"][int(m[1])]["name"], term)
        said.append(term + "".join(f" or {name} none" for name in none[:1]))
    return "; ".join(said)


def reads(a):
    if a["backward"] in ("none", "y"):
        return {"none": "nothing", "y": "y"}[a["backward"]]
    where = condition(a)
    return "x" if where is None else "x or y" if where == "" else f"x, or y where {where}"


def measured(name, direction):
    """The largest error, "at" included, and whether it is of all floats."""
    row = golden.get((name, direction))
    if not row or row[1] == "NAN":
        return None
    at = ast.literal_eval(row[2]) if row[2] == "0" else float.fromhex(row[2])
    return row[1], at, int(row[0], 16) != 0


# ---- What the library computes


def write_npy(path, values):
    head = str({"descr": "<f4", "fortran_order": False, "shape": (len(values),)}).encode()
    head += b" " * (-(len(head) + 11) % 64) + b"\n"
    with open(path, "wb") as out:
        out.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head)
        out.write(struct.pack(f"<{len(values)}f", *values))


def read_npy(path):
    data = open(path, "rb").read()
    data = data[10 + struct.unpack("<H", data[8:10])[0]:]
    return struct.unpack(f"<{len(data) // 4}f", data)


def results(name, x):
    """f and f' at each x."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [os.path.join(folder, n) for n in ("x.npy", "dy.npy", "f.npy", "d.npy")]
        write_npy(paths[0], x)
        write_npy(paths[1], [1.0] * len(x))
        apply = [command, "apply", name, "--device=cpu", paths[0]]
        subprocess.run([*apply, "-o", paths[2]], check=True)
        subprocess.run([*apply, "--gradient=" + paths[1], "-o", paths[3]], check=True)
        return zip(x, read_npy(paths[2]), read_npy(paths[3]))


def points(a):
    """The inputs to show: everywhere's, the row's own, and parameters that are limits."""
    own = names.get(a["name"], "points", fallback="").split()
    own += [p["default"] for p in a["parameters"] if p["name"] in ("theta", "min", "max", "threshold")]
    finite = {single(float(x)) for x in own if x != "none"} - {0.0} | {x for x in EVERYWHERE if x * 0 == 0 and x}
    return [EVERYWHERE[0], *sorted(x for x in finite if x < 0), -0.0, 0.0, *sorted(x for x in finite if x > 0),
            *EVERYWHERE[-2:]]


# ---- The page


def parameter_range(p):
    low, high = limit(p["min"], ""), limit(p["max"], "")
    text = f"{low} to {high}" if low and high else f"at least {low}" if low else f"at most {high}" if high else "any"
    if p["not_zero"]:
        text = "not 0" if text == "any" else text + ", not 0"
    extra = [text, "any with `unchecked`" if p["lifted"] else "", "or none" if p["accepts_none"] else "",
             "a number or a tensor" if p["kind"] == "tensor" else "an integer" if p["kind"] == "integer" else ""]
    return ", ".join(filter(None, extra))


def default(p):
    return p["default"] if p["default"] == "none" else number(single(p["default"]))


def bounds(a):
    return f"{a['ulp_forward']:g}, {a['ulp_derivative']:g}"


def table():
    yield "| id | name | f(x) | f'(x) | parameters | bound f, f' | measured f, f' | backward reads |"
    yield "|---|---|---|---|---|---|---|---|"
    for a in listed:
        errors = [measured(a["name"], d) for d in ("FORWARD", "DERIVATIVE")]
        errors = ", ".join(f"{float(e[0]):.2g}" for e in errors if e)
        parameters = ", ".join(f"{p['name']} = {default(p)}" for p in a["parameters"])
        needed = reads(a).split(" where")[0].replace(", or y", " or y*")
        yield (f"| {a['id']} | [{a['name']}](#{a['name']}) | {code(a['formula'])} | {code(a['derivative'])} "
               f"| {parameters} | {bounds(a)} | {errors} | {needed} |")


def measured_lines(a):
    for symbol, direction, bound in (("f", "FORWARD", "ulp_forward"), ("f'", "DERIVATIVE", "ulp_derivative")):
        error = measured(a["name"], direction)
        if not error:
            yield f"* {symbol}: bound {a[bound]:g} ulp"
            continue
        where = f" at x = {number(error[1])}" if float(error[0]) > 0 else ""
        of = "of all floats" if error[2] else "of the sample"
        yield f"* {symbol}: bound {a[bound]:g} ulp; measured {float(error[0]):g}{where}, {of}"


def elsewhere(a):
    section = names[a["name"]] if a["name"] in names else {}
    for key, framework in FRAMEWORKS.items():
        if key in section:
            name, _, difference = section[key].partition(": ")
            yield f"| {framework} | {code(name)} | {code(difference)} |"


def section(a):
    yield f"### {a['name']}"
    yield ""
    kind = "" if a["kind"] == "elementwise" else f" ({a['kind']})"
    aliases = f" Also called {', '.join(a['aliases'])}." if a["aliases"] else ""
    twin = " It has TensorFlow semantics too." if "tensorflow" in a["semantics"] else ""
    yield f"Id {a['id']}{kind}; {a['source']}.{aliases}{twin}"
    yield ""
    if a["kind"] == "elementwise":
        yield from [f"![{a['name']} and its derivative](figures/{a['name']}.svg)", ""]
    yield f"* f(x) = `{a['formula']}`"
    yield f"* f'(x) = `{a['derivative']}`" + (f"; at kinks: {a['kinks']}" if a["kinks"] else "")
    yield f"* backward reads {reads(a)}"
    if a["learnable"]:
        yield "* gradients of " + ", ".join(p["name"] for p in a["parameters"][:a["learnable"]])
    yield from measured_lines(a)
    if a["parameters"]:
        yield from ["", "| parameter | default | range | alias |", "|---|---|---|---|"]
        for p in a["parameters"]:
            yield f"| {p['name']} | {default(p)} | {parameter_range(p)} | {p['alias'] or ''} |"
    if a["kind"] == "elementwise":
        rows = list(results(a["name"], points(a)))
        for head, column in (("x", 0), ("f", 1), ("f'", 2)):
            if column == 0:
                yield ""
            yield f"| {head} | " + " | ".join(number(row[column]) for row in rows) + " |"
            if column == 0:
                yield "|---" * (len(rows) + 1) + "|"
    others = list(elsewhere(a))
    if others:
        yield from ["", "| elsewhere | name | differs |", "|---|---|---|", *others]
    yield ""


with open(os.path.join(root, "docs", "activations.in.md")) as file:
    text = file.read()
sections = "\n".join(line for a in listed for line in section(a)).rstrip()
text = text.replace("@table@", "\n".join(table())).replace("@sections@", sections)
if len(sys.argv) > 3:
    with open(sys.argv[3], "w") as out:
        out.write(text)
elif open(page).read() != text:
    sys.exit("docs/activations.md is not what the library is: run `ninja reference' in the build directory")
unnamed = [a["name"] for a in listed if a["name"] not in names]
if unnamed:
    sys.exit("docs/names.ini has no section for " + ", ".join(unnamed))
