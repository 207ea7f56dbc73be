#!/usr/bin/env python3
"""contraction.py SOURCE_ROOT: what the kernels are made of: nothing is left for a device's compiler to contract,
nothing is double that should not be, no index is narrow.

Every row's programs are composed as src/opencl/compose.c does it and compiled by clang as OpenCL C. In
the LLVM IR no product may reach an addition or a subtraction, directly or through a negation or a
choice: at -O0, where an expression stands as it was written, and at -O2 with everything inlined, which
is what a compiler sees that ignores FP_CONTRACT. There is no contractible intrinsic and no fast-math flag
anywhere. There is no double in a program of f32, f16 or bf16: not in the IR, nor in a text that is compiled for
a device without fp64, where a literal without f is warned of. No place in global memory comes from a number of
64 bits that had only 32 in between, but a work-item's number in its group. All programs compile without a
warning for AMD's and NVIDIA's devices too. cl/probe.cl contracts on purpose: there it is not looked for."""
import concurrent.futures
import itertools
import os
import re
import shutil
import subprocess
import sys

root = sys.argv[1]
cl = os.path.join(root, "cl")
clang = next(filter(shutil.which, [os.environ.get("CLANG", ""), "clang-14", "clang"]), None)
if not clang:
    print("skipped: there is no clang")
    sys.exit(77)

IR_TARGET = ["-target", "spir64-unknown-unknown", "-emit-llvm", "-ffp-contract=off"]
DEVICES = [["-target", "amdgcn-amd-amdhsa", "-mcpu=gfx906", "-nogpulib"],
           ["-target", "amdgcn-amd-amdhsa", "-mcpu=gfx1030", "-nogpulib"],
           ["-target", "nvptx64-nvidia-cuda", "-nogpulib"]]
WITHOUT_FP64 = ["-Xclang", "-cl-ext=-cl_khr_fp64"]
LEVELS = [["-O0"], ["-O2", "-mllvm", "-inline-threshold=1000000"]]
DEVICE_LINES = {32: ["", "#define CLACT_ROUNDS_TO_ZERO\n#define CLACT_DIVIDE_BY_FMA\n"], 64: [""]}
MODULES = [("f32", "", LEVELS[0]), ("f32", "", LEVELS[1]), ("f32", DEVICE_LINES[32][1], LEVELS[1]), ("f64", "", LEVELS[1])]
STORED = {"f32": ("float", 32), "f16": ("ushort", 32), "bf16": ("ushort", 32), "f64": ("double", 64)}
BYTES = {"u8": ("uchar", 32)} # stored alone


def compile_text(text, options):
    """The output of clang for a program, and its first complaint. Drivers define __OPENCL_VERSION__."""
    command = [clang, "-x", "cl", "-cl-std=CL1.2", "-D__OPENCL_VERSION__=120", "-Werror", "-Wall",
               "-Wno-unused-function", "-I", cl, *options, "-S", "-o", "-", "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    said = [line for line in done.stderr.splitlines() if "error:" in line] or done.stderr.splitlines()
    return done.stdout, said[0] if said else ""


def rows():
    """{function name: (is a twin, number of arguments, index of the tensor parameter or None, has NAME_y,
    index of the noise or None, number of learnable parameters)}"""
    text = ("#define PARAMETER(index, name, alias, kind, ...) kind\n#define NOISE(outside) NOISE\n"
            "#define LEARNS_NOTHING 0\n#define LEARNS_P0 1\n#define LEARNS_P0_TO_P3 4\n"
            "#define DOCUMENTED(name, ...) -\n#define TENSORFLOW(name, ...) twin\n"
            "#define ACTIVATION(id, name, twin, learns, needs, from_y, uf, ud, a, f, d, k, s, ...) "
            "row name twin(name) learns needs [__VA_ARGS__]\n#include \"activations.def\"\n")
    listed = subprocess.run([clang, "-x", "c", "-E", "-P", "-I", cl, "-"], input=text, capture_output=True, text=True,
                            check=True).stdout
    found = {}
    for name, twin, learns, needs, parameters in re.findall(r"row (\w+) (-|twin) (\d) (\w+) \[([^]]*)\]", listed):
        kinds = parameters.split()
        tensor = kinds.index("TENSOR") if "TENSOR" in kinds else None
        noise = kinds.index("NOISE") if "NOISE" in kinds else None
        found[name] = (False, len(kinds), tensor, needs == "X_OR_OWN_Y", noise, int(learns))
        if twin == "twin":
            found[name + "_tf"] = (True, len(kinds), tensor, False, None, 0)
    return found


def program(name, row, stored, device_lines, form="", file="elementwise.cl"):
    """The text of a program: the lines that compose.c writes, then the file; row is None where it has none."""
    element, bits = {**STORED, **BYTES}[stored]
    common = (f"#define CLACT_REAL_BITS {bits}\n{device_lines}#define ELEMENT {element}\n"
              f"#define LOAD(v) load_{stored}(v)\n#define STORE(v) store_{stored}(v)\n"
              f"#define KERNEL(part) row_##part\n#define LOCAL 256\n#define PER_ITEM 4\n{form}")
    if not row:
        return f"{common}#include \"{file}\"\n"
    twin, count, _, own_y, _, _ = row
    p = "".join(f", p{i}" for i in range(count))
    gradient = f"{name}_g(x, dy{p})" if twin else f"gradient({name}_d(x{p}), dy)"
    from_y = f"#define ROW_Y(y, dy) gradient({name}_y(y{p}), dy)\n" if own_y else ""
    return (f"{common}#define ROW_F(x) {name}_f(x{p})\n#define ROW_G(x, dy) {gradient}\n{from_y}"
            f"#include \"{file}\"\n")


def gradient_program(name, row, stored, device_lines, form=""):
    """The same for gradient.cl; form begins with the parameter's number."""
    element, bits = STORED[stored]
    p = "".join(f", p{i}" for i in range(row[1]))
    return (f"#define CLACT_REAL_BITS {bits}\n{device_lines}#define ELEMENT {element}\n"
            f"#define LOAD(v) load_{stored}(v)\n#define STORE(v) store_{stored}(v)\n#define LOCAL 256\n"
            f"#define KERNEL(part) row_##part\n#define VALUE {element}\n#define LOAD_VALUE(v) load_{stored}(v)\n#define STORE_VALUE(v) store_{stored}(v)\n"
            f"#define ROW_P(x) {name}_p{form[0]}(x{p})\n{form[1:]}#include \"gradient.cl\"\n")


PASSES_ON = ("fneg", "select", "phi", "freeze", "bitcast")


INTEGERS = {"add", "sub", "mul", "udiv", "sdiv", "urem", "srem", "shl", "ashr", "lshr", "or", "and", "zext", "sext",
            "trunc", "phi", "select", "freeze"}
NARROWS = re.compile(r"trunc i64 (%[\w.]+) to i32|and i64 (%[\w.]+), 4294967295|shl (?:nsw |nuw )*i64 (%[\w.]+), 32\b")


def narrow_indices(ir):
    """Addresses in global memory that are made of the low half of a 64-bit number, one line each."""
    found = []
    for body in re.findall(r"^define [^\n]*\n(.*?)^}", ir, re.M | re.S):
        lines = re.findall(r"^\s+(%[\w.]+) = ((?:tail call |call )?(\w+) .*)", body, re.M)
        items = {result for result, text, _ in lines if "@_Z12get_local_idj(" in text}
        narrow = {result for result, text, _ in lines for match in [NARROWS.search(text)]
                  if match and not items & set(match.groups())}
        while True:
            before = len(narrow)
            narrow |= {result for result, text, operation in lines
                       if operation in INTEGERS and narrow & set(re.findall(r"%[\w.]+", text))}
            if len(narrow) == before:
                break
        found += ["a narrow index: " + text for _, text, operation in lines if operation == "getelementptr"
                  and "addrspace(1)" in text and narrow & set(re.findall(r"%[\w.]+", text))]
    return found


def faults(ir, bits):
    """What is wrong with a module, one line each, and how many sums were looked at."""
    found, sums = [], 0
    for body in re.findall(r"^define [^\n]*\n(.*?)^}", ir, re.M | re.S):
        products, lines = set(), []
        for line in body.splitlines():
            match = re.match(r"\s+(%[\w.]+) = (?:tail call |call )?(\w+) (.*)", line.split(", !")[0])
            if match:
                result, operation, rest = match.groups()
                lines.append((result, operation, set(re.findall(r"%[\w.]+", rest)), line.strip()))
        while True: # a loop's phi may stand before what it takes
            before = len(products)
            for result, operation, operands, _ in lines:
                if operation == "fmul" or (operation in PASSES_ON and operands & products):
                    products.add(result)
            if len(products) == before:
                break
        for _, operation, operands, line in lines:
            if operation in ("fadd", "fsub"):
                sums += 1
                if operands & products:
                    found.append("a product is added: " + line)
    for word in ("fmuladd", " fast ", " contract ", " reassoc "):
        if re.search(rf"^\s.*{word}", ir, re.M):
            found.append(f"the IR has '{word.strip()}'")
    code = "\n".join(line for line in ir.splitlines() if not re.match(r"[!;]|target |source_filename", line))
    if bits == 32 and re.search(r"\bdouble\b", code):
        found.append("an f32 program has a double")
    return found, sums


def self_test():
    """Planted contractions must be found, and the same arithmetic through fma must not."""
    kernel = "#pragma OPENCL FP_CONTRACT OFF\nkernel void k(global float *p, float a, float b, float c) {{ {} }}\n"
    wrong = ["p[0] = a * b + c;", "p[0] = c - a * b;", "float q = a * b; p[1] = q; p[0] = -q - c;",
             "float q = a > b ? a * b : c; p[0] = q + a;", "p[0] = (float)((double)a * 0.1);",
             "float q = a; for (int i = 0; i < (int)b; i++) q = p[i] * q; p[0] = q + c;"]
    right = ["p[0] = fma(a, b, c);", "p[0] = fma(-a, b, c) + b;", "p[0] = (a + b) * c;"]
    bad = 0
    for statement in wrong + right:
        text = kernel.format(statement)
        ir, said = compile_text("#pragma OPENCL EXTENSION cl_khr_fp64 : enable\n" + text, IR_TARGET + LEVELS[1])
        found = said or faults(ir, 32)[0]
        if bool(found) != (statement in wrong):
            print(f"the test is blind: {statement} gives {found}")
            bad += 1
    ir, _ = compile_text(kernel.format(wrong[0]), IR_TARGET + LEVELS[0])
    bad += not faults(ir, 32)[0]
    _, said = compile_text(kernel.format("p[0] = a * 0.5;"), IR_TARGET + LEVELS[0] + WITHOUT_FP64)
    bad += "double precision" not in said
    narrow = ["uint i = get_global_id(0); p[i] = a;", "int i = (int)(get_global_id(0) * 2); p[i] = a;",
              "ulong n = get_group_id(0); for (uint i = (uint)n; i < 9; i++) p[i] = a;"]
    wide = ["ulong i = get_global_id(0); p[i] = a;", "uint i = get_local_id(0); p[get_group_id(0) * 64 + i] = a;",
            "uint n = (uint)get_global_id(0); for (uint i = 0; i < n; i++) p[get_group_id(0)] += a;"]
    for statement in narrow + wide:
        ir, _ = compile_text(kernel.format(statement), IR_TARGET + LEVELS[1])
        if bool(narrow_indices(ir)) != (statement in narrow):
            print(f"the test is blind: {statement} gives {narrow_indices(ir)}")
            bad += 1
    return bad, len(wrong + right + narrow + wide) + 2


VIEW, ADDING, FLAT = "#define VIEW\n", "#define ACCUMULATE\n", "#define FLAT\n"
# Programs besides those of the element-wise calls: (file, lines, whether it has a row's functions).
UNITS = [("gated.cl", "", True), ("gated.cl", VIEW, True), ("crelu.cl", VIEW, False), ("maxout.cl", VIEW, False)]
UNITS += [("rowwise.cl", f"#define ROW(part) {name}_##part\n{mask}", False)
          for name in ("softmax", "log_softmax", "softmin", "sparsemax", "hardmax") for mask in ("", "#define MASK\n")]


def check_ir(text, bits, level):
    ir, said = compile_text(text, IR_TARGET + level + (WITHOUT_FP64 if bits == 32 else []))
    if said:
        return [said], 0
    found, sums = faults(ir, bits)
    if level == LEVELS[1]: # else a product could hide on the other side of a call
        called = set(re.findall(r"call [^@\n]*@(\w+)", ir))
        found += narrow_indices(ir)
        found += [f"{own} is not inlined" for own in called & set(re.findall(r"^define [^@\n]*@(\w+)", ir, re.M))]
    return found, sums


def check_build(text, target):
    said = compile_text(text, target + ["-O2"])[1]
    return [said] if said else [], 0


def forms(row):
    """{form: (what makes its text, its lines)} of a row's programs besides the dense one and the plain view. What adds
    does not depend on the row: only some have it."""
    _, _, tensor, _, noise, learns = row
    found = {}
    if tensor is not None:
        tensor_line = f"#define TENSOR p{tensor}\n"
        found["tensor"] = (program, VIEW + tensor_line)
        found["tensor adding"] = (program, VIEW + tensor_line + ADDING)
    if noise is not None:
        noise_line = f"#define NOISE p{noise}\n"
        found["noise adding"] = (program, noise_line + ADDING)
        found["noise view"] = (program, VIEW + noise_line)
    for k in range(learns):
        found[f"gradient of p{k}"] = (gradient_program, f"{k}{FLAT}")
        found[f"gradient of p{k} adding"] = (gradient_program, str(k) + ADDING + (tensor_line if tensor == k else ""))
    return found


def main():
    bad, planted = self_test()
    table = rows()
    work = [] # (what, function, arguments)
    sigmoid = table["sigmoid"]
    # f64 and the lines of a device that rounds to zero are the same expressions: looked at inlined only.
    for (name, row), (stored, lines, level) in itertools.product(table.items(), MODULES):
        for form, (compose, text) in {"dense": (program, ""), **forms(row)}.items():
            work.append((f"{name} {stored} {form} {level[0]}{' to zero' if lines else ''}", check_ir,
                         (compose(name, row, stored, lines, text), STORED[stored][1], level)))
    for file, form, has_row in UNITS:
        for name, row in table.items() if has_row and not form else (("sigmoid", sigmoid),):
            text = program(name, row if has_row else None, "f32", "", form, file)
            work.append((f"{file} {name if has_row else ''} f32", check_ir, (text, 32, LEVELS[1])))
    halves = [("elementwise.cl", "", True), ("elementwise.cl", VIEW, True), *UNITS]
    for stored, (file, form, has_row) in itertools.product(("f16", "bf16"), halves):
        text = program("sigmoid", sigmoid if has_row else None, stored, "", form, file)
        work.append((f"{file} {stored}", check_ir, (text, 32, LEVELS[1])))
    for stored in ("f16", "bf16"):
        text = gradient_program("prelu", table["prelu"], stored, "", "0")
        work.append((f"gradient.cl {stored}", check_ir, (text, 32, LEVELS[1])))
    for form in ("", VIEW):
        work.append((f"table.cl {form}", check_ir, (program(None, None, "u8", "", form, "table.cl"), 32, LEVELS[1])))
    checked = len(work)
    # Every row for one device, in turn; a row of each form for all.
    for i, (name, row) in enumerate(table.items()):
        all_forms = {"dense": (program, ""), "view": (program, VIEW), **forms(row)}
        for stored, (form, (compose, lines)) in itertools.product(("f32", "f64"), all_forms.items()):
            work.append((f"{name} {stored} {form} for {DEVICES[i % 3][1]}", check_build,
                         (compose(name, row, stored, "", lines), DEVICES[i % 3])))
    for (file, form, has_row), stored, target in itertools.product([("elementwise.cl", "", True), *UNITS], STORED, DEVICES):
        text = program("sigmoid", sigmoid if has_row else None, stored, "", form, file)
        work.append((f"{file} {stored} for {target[1]} {target[2]}", check_build, (text, target)))
    for form, target in itertools.product(("", VIEW), DEVICES):
        work.append((f"table.cl for {target[1]} {target[2]}", check_build, (program(None, None, "u8", "", form, "table.cl"), target)))
    for target, lines in itertools.product([*DEVICES, IR_TARGET + WITHOUT_FP64], DEVICE_LINES[32]):
        text = f"#define CLACT_REAL_BITS 32\n{lines}#include \"probe.cl\"\n"
        work.append((f"probe.cl for {target[1]}", check_build, (text, target)))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda w: w[1](*w[2]), work))
    for (what, _, _), (found, _) in zip(work, results):
        for line in dict.fromkeys(found):
            print(f"{what}: {line}")
        bad += len(found)
    print(f"{planted} planted programs, {len(table)} rows: {checked} modules with {sum(s for _, s in results)} sums, "
          f"{len(work) - checked} builds for devices; {bad} wrong")
    return bad > 0 or not table


if __name__ == "__main__":
    sys.exit(main())
