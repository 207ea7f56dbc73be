#!/usr/bin/env python3
"""contraction.py CLACT: what the kernels are made of: nothing is left for a device's compiler to contract, nothing is
double that should not be, no index is narrow.

What `clact kernels` prints, every row in every form, and the files of libclact-nn's kernels are compiled by clang as OpenCL C. In the LLVM IR no product may
reach an addition or a subtraction, directly or through a negation or a choice: at -O0, where an expression stands as
it was written, and at -O2 with everything inlined, which is what a compiler sees that ignores FP_CONTRACT. There is no
contractible intrinsic and no fast-math flag anywhere. There is no double in a program of f32, f16 or bf16: not in the
IR, nor in a text that is compiled for a device without fp64, where a literal without f is warned of. No place in
global memory comes from a number of 64 bits that had only 32 in between, but a work-item's number in its group.
Kernels of one work-item ask for no number of theirs, wait for nothing and have no memory of a group."""
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys

clact = sys.argv[1]
clang = next(filter(shutil.which, [os.environ.get("CLANG", ""), "clang-14", "clang"]), None)
if not clang:
    print("skipped: there is no clang")
    sys.exit(77)

IR_TARGET = ["-target", "spir64-unknown-unknown", "-emit-llvm", "-ffp-contract=off"]
WITHOUT_FP64 = ["-Xclang", "-cl-ext=-cl_khr_fp64"]
LEVELS = [["-O0"], ["-O2", "-mllvm", "-inline-threshold=1000000"]]
# What is printed, and how it is looked at. Views and sums with beta have the expressions of the others; so have f64,
# the lines of other devices and stored types, which are looked at inlined only.
ALL, PLAIN = "--calls=all", "--calls=dense,tensor,gradient,noise,mask"
MODULES = [([PLAIN], LEVELS[0]), ([ALL], LEVELS[1]), ([PLAIN, "--task"], LEVELS[0]), ([ALL, "--task"], LEVELS[1]),
           ([PLAIN, "--rounds-to-zero"], LEVELS[1]), ([PLAIN, "--correct-division"], LEVELS[1]),
           ([PLAIN, "--types=f64"], LEVELS[1]), (["--calls=dense", "--types=f16,bf16"], LEVELS[1])]


def printed(options):
    """A text of `clact kernels`."""
    return subprocess.run([clact, "kernels", "--table", *options], capture_output=True, text=True, check=True).stdout


def compile_text(text, options):
    """The output of clang for a program, and its first complaint. Drivers define __OPENCL_VERSION__."""
    command = [clang, "-x", "cl", "-cl-std=CL1.2", "-D__OPENCL_VERSION__=120", "-Werror", "-Wall",
               "-Wno-unused-function", "-I" + CL, *options, "-S", "-o", "-", "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    said = [line for line in done.stderr.splitlines() if "error:" in line] or done.stderr.splitlines()
    return done.stdout, said[0] if said else ""


# Files of kernels that are not printed, with what the composer defines for them.
CL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "cl")
FILES = [("matmul.cl", ""), ("matmul.cl", "#define ACCUMULATE\n"),
         ("dense.cl", "#define ROW_F(x) sigmoid_f(x)\n"), ("dense.cl", "#define ROW_F(x) x\n#define KEEP\n")]


def operations():
    """What is defined for the operations of arrays.def, one behind the other; the last one's file is left to come."""
    text = {name: open(os.path.join(CL, name)).read() for name in ("arrays.def", "arrays.cl", "walk.cl", "sums.cl", "group.cl")}
    rows = re.findall(r"^(MAP|SUM|TALLY)\((\w+), (.*?)\)", text.pop("arrays.def"), re.M)
    undefine = "".join(f"#undef {name}\n" for name in re.findall(r"^#define (\w+)", "".join(text.values()), re.M))
    each = []
    for form, name, rest in rows:
        numbers = [int(number) for number in re.findall(r"\d+", rest)]
        inputs, outputs = 1 if form == "TALLY" else numbers[0], numbers[1] if form == "MAP" else 1
        arguments = ["sum"] * (form == "SUM") + [f"x{k}" for k in range(inputs)] + [f"parameters.s{k}" for k in range(numbers[-1])]
        names = ["KERNEL", "MAP", "SUM", "TALLY", "INPUTS", "OUTPUTS", "APPLY", "LABELLED"]
        each.append("".join(f"#undef {word}\n" for word in names) + f"#define KERNEL(part) {name}_##part\n#define {form}\n"
                    f"#define INPUTS {inputs}\n#define OUTPUTS {outputs}\n" + "#define LABELLED\n" * ("LABELLED" in rest) +
                    f"#define APPLY {name}_{form[0].lower()}({', '.join(arguments)})\n")
    return f'#include "arrays.cl"\n{undefine}'.join(each)


FILES += [("arrays.cl", operations())]


def direct(file, lines, bits, task):
    """The text of such a file."""
    name = "f64" if bits == 64 else "f32"
    return (f"#define CLACT_REAL_BITS {bits}\n#define KERNEL(part) file_##part\n#define ELEMENT {'double' if bits == 64 else 'float'}\n"
            f"#define LOAD(v) load_{name}(v)\n#define STORE(v) store_{name}(v)\n#define LOCAL {1 if task else 256}\n"
            f"#define PER_ITEM {1 if task else 4}\n" + ("#define CLACT_TASK\n" if task else "") + lines +
            f'#include "{file}"\n')


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


def check(module):
    """What is wrong with one printed text, how many kernels it has, and how many sums were looked at."""
    options, level = module
    bits = 64 if "--types=f64" in options else 32
    text = printed(options) if options[0] not in dict(FILES) else direct(options[0], options[1], bits, "--task" in options)
    ir, said = compile_text(text, IR_TARGET + level + (WITHOUT_FP64 if bits == 32 else []))
    if said:
        return [said], 0, 0
    found, sums = faults(ir, bits)
    if level == LEVELS[1]: # else a product could hide on the other side of a call
        found += narrow_indices(ir)
        called = set(re.findall(r"call [^@\n]*@(\w+)", ir))
        found += [f"{own} is not inlined" for own in called & set(re.findall(r"^define [^@\n]*@(\w+)", ir, re.M))]
    kernels = re.findall(r"^define .*spir_kernel[^@]*@(\w+).*!reqd_work_group_size !(\d+)", ir, re.M)
    if "--task" in options: # alone, and without knowing it
        alone = re.findall(r"^!(\d+) = !\{i32 1, i32 1, i32 1\}", ir, re.M)
        found += [f"{kernel} is not of one work-item" for kernel, size in kernels if size not in alone]
        words = r"get_\w+_id|get_\w+_size|barrier|addrspace\(3\)"
        found += [f"a task has {word}" for word in set(re.findall(words, ir))]
    return found, len(kernels), sums


def main():
    bad, planted = self_test()
    modules = [(options + more, level) for options, level in MODULES for more in ([], ["--semantics=tensorflow"])]
    modules += [([file, lines] + more, level) for file, lines in FILES for level in LEVELS
                for more in ([], ["--task"], ["--types=f64"])]
    kernels = sums = 0
    with concurrent.futures.ProcessPoolExecutor(os.cpu_count()) as pool:
        for (options, level), (found, some, some_sums) in zip(modules, pool.map(check, modules)):
            for line in dict.fromkeys(found):
                print(f"{' '.join(options)[-200:]} {level[0]}: {line}".replace("\n", " "))
            bad += len(found) + (not some)
            kernels += some
            sums += some_sums
    print(f"{planted} planted programs; {len(modules)} modules with {kernels} kernels and {sums} sums; {bad} wrong")
    return bad > 0


if __name__ == "__main__":
    sys.exit(main())
