#!/usr/bin/env python3
"""figures.py CLACT SOURCE_ROOT [--write]: docs/figures and docs/gallery.md, the figures of the activations.

Drawn by `CLACT plot` on the CPU backend. Without --write: compares with what is there."""
import json
import os
import subprocess
import sys
import tempfile

command, root = sys.argv[1:3]
LARGEST = 12 * 1024
COLUMNS = 3
FAMILY = ["relu", "leaky_relu", "--negative-slope=0.1", "elu", "gelu", "silu", "softplus", "sigmoid", "tanh"]
HEAD = """# Gallery

Made by `ninja -C build-test figures`, which has `clact plot NAME --derivative --range=-5:5` draw each: change that, not
this. The curves are what the library computes, at the default parameters; derivatives are dashed. rrelu and dropout are
as at inference. Gated units are `u * f(v)` of an `f` that is here; softmax and its kin are no functions of one number.

![relu, leaky_relu, elu, gelu, silu, softplus, sigmoid and tanh](figures/family.svg)
"""


def plot(folder, name, *arguments):
    path = os.path.join(folder, "docs", "figures", name + ".svg")
    subprocess.run([command, "plot", *arguments, "--device=cpu", "-o", path], check=True)
    if os.path.getsize(path) >= LARGEST:
        sys.exit(f"{name}.svg has {os.path.getsize(path)} bytes: a figure is below {LARGEST}")


def gallery(names):
    """The page, as lines."""
    yield HEAD
    yield "| " * COLUMNS + "|"
    yield "|---" * COLUMNS + "|"
    for row in (names[i:i + COLUMNS] for i in range(0, len(names), COLUMNS)):
        cells = [f"![{name} and its derivative](figures/{name}.svg) [{name}](activations.md#{name})" for name in row]
        yield "| " + " | ".join(cells + [""] * (COLUMNS - len(row))) + " |"


def make(folder):
    """The paths of what was made in the folder, relative to it."""
    os.makedirs(os.path.join(folder, "docs", "figures"), exist_ok=True)
    listed = json.loads(subprocess.run([command, "list", "--json"], check=True, stdout=subprocess.PIPE).stdout)
    names = [a["name"] for a in listed["activations"] if a["kind"] == "elementwise"]
    for name in names:
        plot(folder, name, name, "--derivative", "--range=-5:5")
    plot(folder, "family", *FAMILY, "--range=-4:4")
    with open(os.path.join(folder, "docs", "gallery.md"), "w") as out:
        out.write("\n".join(gallery(names)) + "\n")
    figures = {os.path.join("docs", "figures", name + ".svg") for name in [*names, "family"]}
    return figures | {os.path.join("docs", "gallery.md")}


def contents(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


if sys.argv[3:] == ["--write"]:
    made = make(root)
    for name in os.listdir(os.path.join(root, "docs", "figures")):
        if os.path.join("docs", "figures", name) not in made:
            os.remove(os.path.join(root, "docs", "figures", name))
    sys.exit()
with tempfile.TemporaryDirectory() as scratch:
    made = make(scratch)
    there = {os.path.join("docs", "figures", name) for name in os.listdir(os.path.join(root, "docs", "figures"))}
    changed = sorted(there - made) + sorted(
        path for path in made if contents(os.path.join(scratch, path)) != contents(os.path.join(root, path)))
if changed:
    sys.exit("not what the library draws; run `ninja figures' in the build directory: " + " ".join(changed))
print(len(made), "files")
