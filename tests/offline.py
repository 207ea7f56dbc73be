#!/usr/bin/env python3
"""offline.py [--all] CLACT SOURCE_ROOT: compilers that run ahead of the program take what `clact kernels` prints.

Every kernel has the arguments, in names and types, that the text's opening comment says. The texts, of NDRanges and of
one work-item, compile without a warning for AMD's and NVIDIA's devices, to valid SPIR-V, and with Intel's ocloc. In
what AMD's back end and ocloc make of element-wise kernels there are as many multiply-adds for each product and sum as
there were fma in the source: nothing was contracted or split. With --all every row in every form goes to every target,
else some rows do. Tools that are not there are passed over with a word. cl/probe.cl, which contracts on purpose, is
compiled too."""
import concurrent.futures
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

every = sys.argv[1] == "--all"
clact, root = sys.argv[1 + every:]
clang = next(filter(shutil.which, [os.environ.get("CLANG", ""), "clang-14", "clang"]), None)
if not clang:
    print("skipped: there is no clang")
    sys.exit(77)
llvm_spirv = next(filter(shutil.which, ["llvm-spirv-14", "llvm-spirv"]), None)
tools = {"llvm-spirv": llvm_spirv, "spirv-val": shutil.which("spirv-val"), "ocloc": shutil.which("ocloc")}

SOME = "relu sigmoid gelu softmax hardmax swiglu crelu maxout".split()
SPECIAL = "prelu rrelu softmax".split() # tensors, gradients, noise, masks
COUNTED = "sigmoid tanh gelu mish".split() # for the mix of instructions: ocloc makes but copies of their loops
SOURCE = ["-x", "cl", "-cl-std=CL1.2", "-D__OPENCL_VERSION__=120", "-Werror", "-Wall", "-Wno-unused-function"]
# fma is a function of a library that stands in for the device's: as a built-in it is the instruction.
DEVICE = ["-nogpulib", "-Dfma=__builtin_fma", "-O2", "-S"]
SPIR = ["-target", "spir64-unknown-unknown", "-emit-llvm"]
TARGETS = {"gfx803": ["-target", "amdgcn-amd-amdhsa", "-mcpu=gfx803", *DEVICE],
           "gfx906": ["-target", "amdgcn-amd-amdhsa", "-mcpu=gfx906", *DEVICE],
           "gfx1030": ["-target", "amdgcn-amd-amdhsa", "-mcpu=gfx1030", *DEVICE],
           "nvptx64": ["-target", "nvptx64-nvidia-cuda", *DEVICE]}
OCLOC = ["ocloc", "compile", "-options", "-cl-std=CL1.2"]
INTEL = ["skl", "gen11", "gen12lp", "dg2", "pvc"]


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    lines = (done.stderr + done.stdout).splitlines()
    said = [line for line in lines if "error" in line] or lines
    return done.returncode, said[0] if said else ""


def printed(folder, *options):
    """The path of a text of `clact kernels`."""
    path = os.path.join(folder, "_".join(re.sub(r"\W", "", o) for o in options)[:100] + ".cl")
    if not os.path.exists(path):
        subprocess.run([clact, "kernels", "-o", path, *options], check=True)
    return path


# ---- What the opening comment says ---------------------------------------------------------------

TYPES = [(r"x|y|dy|dx|u|v|du|dv|t|y1|y2|first|second|value", "{element}*"), (r"mask", "uchar*"), (r"parts", "{real}*"),
         (r"\w+_first|\w*_step", "long"), (r"\w+_strides|\w+_kept|\w+_along", "long8"),
         (r"dims|kept|reduced", "ulong8"), (r"first_half|second_half", "ulong16"),
         (r"n|length|chunks|chunk_blocks|pieces|noise_seed|noise_offset", "ulong"), (r"wanted|add", "uint"),
         (r"parameters", "{real}8"), (r"at", "long4"), (r"scale|beta|[uv]_beta", "{real}")]


def type_of(name, kernel):
    """The type of an argument, and that of reals."""
    kernel_type = re.search(r"_(f32|f16|bf16|f64|u8)(?=_|$)", kernel)[1]
    value_type = re.search(r"_(f32|f16|bf16|f64)_(f32|f16|bf16|f64)_p\d", kernel)
    stored = value_type[2] if name == "value" and value_type else kernel_type
    element = {"f32": "float", "f64": "double", "u8": "uchar"}.get(stored, "ushort")
    real = "double" if kernel_type == "f64" else "float"
    found = next((t for pattern, t in TYPES if re.fullmatch(pattern, name)), "nothing")
    return found.format(element=element, real=real), real


def documented(text):
    """{kernel: arguments} as the opening comment says."""
    comment = re.sub(r"\n \*", "\n", text[:text.index("*/")])
    found = {}
    for name, arguments, rows in re.findall(r"^   ROW_(\w+)\(([^)]*)\)\n((?:       [\w ]+\n)+)", comment, re.M):
        names = [n.strip() for n in arguments.split(",")]
        found.update({f"{row}_{name}": names for row in rows.split()})
    return found


def check_signatures(folder, options):
    path = printed(folder, *options)
    command = [clang, *SOURCE, *SPIR, "-O0", "-cl-kernel-arg-info", "-S", "-o", "-", path]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        return [done.stderr.splitlines()[0]], 0
    nodes = re.findall(r"^!(\d+) = !\{(.*)\}$", done.stdout, re.M)
    nodes = {number: re.findall(r'!"([^"]*)"', rest) for number, rest in nodes}
    said, wrong = documented(open(path).read()), []
    kernels = re.findall(r"^define [^\n]*spir_kernel[^@\n]*@(\w+)\([^\n]*!kernel_arg_type !(\d+)"
                         r"[^\n]*!kernel_arg_name !(\d+)", done.stdout, re.M)
    for kernel, types, names in kernels:
        if said.get(kernel) != nodes[names]:
            wrong.append(f"{kernel} takes {nodes[names]}, and not {said.get(kernel)}")
        for name, is_type in zip(nodes[names], nodes[types]):
            expected, real = type_of(name, kernel)
            if is_type.replace("real", real) != expected:
                wrong.append(f"{kernel}: {name} is {is_type}")
    wrong += [f"{kernel} is not there" for kernel in said.keys() - {k for k, _, _ in kernels}]
    return wrong, len(kernels)


# ---- Builds --------------------------------------------------------------------------------------

def check_build(folder, options, target):
    path = printed(folder, *options)
    flags = ["-Dfma=__builtin_fmaf"] if "--types=f64" not in options else []
    code, said = run(clang, *SOURCE, *TARGETS[target], *flags, "-Wno-macro-redefined", "-o", os.devnull, path)
    return [said] if code else [], 0


def check_spirv(folder, options):
    path = printed(folder, *options)
    # At -O0: above that llvm-spirv 14 leaves blocks in an order which SPIR-V does not allow (its issue 1141).
    for command in ([clang, *SOURCE, *SPIR, "-O0", "-c", "-o", path + ".bc", path],
                    [llvm_spirv, path + ".bc", "-o", path + ".spv"], ["spirv-val", path + ".spv"]):
        code, said = run(*command)
        if code:
            return [f"{command[0]}: {said}"], 0
    return [], 0


def check_ocloc(folder, options, device):
    with tempfile.TemporaryDirectory(dir=folder) as out:
        code, said = run(*OCLOC, "-file", printed(folder, *options), "-device", device, "-out_dir", out)
    return [said] if code else [], 0


def check_probe(_, target):
    text = '#define CLACT_REAL_BITS 32\n#include "probe.cl"\n'
    command = [clang, *SOURCE, *TARGETS[target], "-I", os.path.join(root, "cl"), "-o", os.devnull, "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    return done.stderr.splitlines()[:1], 0


# ---- The mix of instructions ---------------------------------------------------------------------

def mix_of_ir(ir):
    return [len(re.findall(pattern, ir)) for pattern in (r"call float @llvm\.fma\.f32", r"= fmul ", r"= f(?:add|sub) ")]


def check_amd_mix(folder, target):
    """Each fma, product and sum of the IR is one instruction, and there is nothing else of the kind."""
    command = [clang, *SOURCE, *TARGETS[target], "-Dfma=__builtin_fmaf", "-Wno-macro-redefined", "-o", "-",
               printed(folder, *COUNTED)]
    ir, code = (subprocess.run(command + more, capture_output=True, text=True).stdout for more in (["-emit-llvm"], []))
    made = [len(re.findall(rf"^\s+v_(?:{names})_f32", code, re.M))
            for names in ("fma|fmac|fmamk|fmaak", "mul", "add|sub|subrev")]
    others = sorted(set(re.findall(r"^\s+(v_(?:\w+_f64|mad_f32|mac_f32|mad_legacy_f32|pk_\w+))", code, re.M)))
    wrong = [f"{target} has {others}"] if others else []
    if made != mix_of_ir(ir) or not all(made):
        wrong.append(f"{target} has {made} multiply-adds, products and sums, the IR {mix_of_ir(ir)}")
    return wrong, 0


def functions_of(ir):
    return {name: body for name, body in re.findall(r"^define [^@\n]*@(\w+)\([^\n]*\n(.*?)^}", ir, re.M | re.S)}


def check_intel_mix(folder, device):
    """For each kernel the shares of mad, mul and add are those of fma, products and sums in the IR: as many of each are
    in a copy of the loop's body, of which compilers make several. Nothing is in double."""
    path = printed(folder, *COUNTED)
    library = glob.glob("/usr/lib/*/libiga64.so.1")
    if not library:
        return [], 0
    with tempfile.TemporaryDirectory(dir=folder) as out:
        os.symlink(library[0], os.path.join(out, "libiga64.so")) # ocloc opens it by the name without a version
        environment = dict(os.environ, LD_LIBRARY_PATH=out)
        run(*OCLOC, "-file", path, "-device", device, "-out_dir", out)
        binary = glob.glob(out + "/*.bin")
        subprocess.run(["ocloc", "disasm", "-file", *binary, "-device", device, "-dump", out + "/code"], capture_output=True, env=environment)
        files = glob.glob(out + "/code/*_KernelHeap.asm")
        codes = {os.path.basename(f).split("_KernelHeap")[0]: open(f).read() for f in files}
    command = [clang, *SOURCE, *SPIR, "-Dfma=__builtin_fmaf", "-O2", "-S", "-o", "-", path]
    functions = functions_of(subprocess.run(command, capture_output=True, text=True).stdout)
    wrong = [] if codes.keys() == functions.keys() and codes else [f"{sorted(codes)} were disassembled"]
    for name, code in codes.items():
        made = [len(re.findall(rf"^(?:\(.*?\))?\s+(?:\(.*?\)\s+)?{word} \([^\n]*:f\b", code, re.M))
                for word in ("mad", "mul", "add")]
        asked = mix_of_ir(functions.get(name, ""))
        if any(made[k] * asked[0] != made[0] * asked[k] for k in range(3)) or not made[0]:
            wrong.append(f"{device}, {name}: {made} mad, mul and add, the IR {asked}")
        if ":df" in code:
            wrong.append(f"{device}, {name}: something is in double")
    return wrong, 0


# ---- All of it -----------------------------------------------------------------------------------

def jobs():
    yield "signatures", check_signatures, (["--calls=all", "--table"],)
    yield "signatures", check_signatures, (["--calls=all", "--semantics=tensorflow"],)
    yield "signatures", check_signatures, (["--calls=all", "--task", "--types=f16,bf16", *SPECIAL, *SOME],)
    yield "signatures", check_signatures, (["--calls=all", "--types=f64", *SPECIAL, *SOME],)
    forms = ([], ["--task"])
    if every:
        texts = [[*form, "--calls=all", "--table", types] for form in forms
                 for types in ("--types=f32", "--types=f16,bf16", "--types=f64")]
        intel = [[*form, types] for form in forms for types in ("--types=f32", "--types=f16,bf16")]
    else:
        texts = intel = [[*form, "--table", *SOME] for form in forms]
        texts = texts + [["--calls=tensor,gradient,noise,mask", *SPECIAL], ["--types=f16,bf16", *SOME[:4]],
                         ["--types=f64", *SOME[:4]]]
    for options in texts:
        for target in TARGETS:
            yield target, check_build, (options, target)
        if tools["llvm-spirv"] and tools["spirv-val"]:
            yield "SPIR-V", check_spirv, (options,)
    for target in TARGETS:
        yield "probe", check_probe, (target,)
    for target in ("gfx906", "gfx1030"):
        yield "mix", check_amd_mix, (target,)
    if not tools["ocloc"]:
        return
    yield "mix", check_intel_mix, ("skl",)
    for options in intel:
        for device in INTEL if every else INTEL[:1]:
            yield "ocloc", check_ocloc, (options, device)


def main():
    bad = kernels = 0
    for tool in (name for name, path in tools.items() if not path):
        print(f"passed over: there is no {tool}")
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        work = list(jobs())
        for _, _, arguments in work: # before the threads share them
            if isinstance(arguments[0], list):
                printed(folder, *arguments[0])
        printed(folder, *COUNTED)
        results = list(pool.map(lambda job: job[1](folder, *job[2]), work))
    for (what, _, arguments), (wrong, some) in zip(work, results):
        for line in wrong[:8]:
            print(f"{what} {arguments}: {line}")
        bad += len(wrong)
        kernels += some
    print(f"{kernels} kernels as the comment says; {len(work)} checks; {bad} wrong")
    return bad > 0 or not kernels


if __name__ == "__main__":
    sys.exit(main())
