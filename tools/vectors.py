"""Names the kernels of the table that lost their vector loop: python tools/vectors.py [--level x86-64-v3].

A formula with a jump in it costs a factor of ten and changes no result, so nothing else would tell.  Every strip is
compiled for one CPU level, gcc's report is read, and what stayed scalar is compared with `SCALAR`, which has a reason
for each.
"""

import argparse
import concurrent.futures
import importlib
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).parents[1]
FLAGS = (
    "-O3 -fno-math-errno -fno-trapping-math -ffp-contract=off -fwrapv -fcx-fortran-rules -DCG_NO_CLONES "
    # A strip that is the same as another one, or a copy of memory, has no loop of its own to look at.
    "-fno-ipa-icf -fno-tree-loop-distribute-patterns"
).split()

_SERIES = "a series or recurrence, whose length depends on the element"
_LIBM = "a function of libm that has no vector form, and no polynomial of ours in double"
_REMAINDER = "the remainder of a large quotient is libm's"
# Kernel, as in the generated names: why it may be scalar.
SCALAR = {
    **dict.fromkeys((
        "airy_ai bessel_j0 bessel_j1 bessel_y0 bessel_y1 digamma digamma_da erfcx i0 i0_da i0e i0e_da i1 i1_da i1e "
        "i1e_da igamma igamma_db igammac igammac_db lgamma_da log_ndtr log_ndtr_da modified_bessel_i0 "
        "modified_bessel_i1 modified_bessel_k0 modified_bessel_k1 ndtri polygamma polygamma_da "
        "scaled_modified_bessel_k0 scaled_modified_bessel_k1 zeta zeta_db chebyshev_polynomial_t "
        "chebyshev_polynomial_u chebyshev_polynomial_v chebyshev_polynomial_w shifted_chebyshev_polynomial_t "
        "shifted_chebyshev_polynomial_u shifted_chebyshev_polynomial_v shifted_chebyshev_polynomial_w "
        "hermite_polynomial_h hermite_polynomial_he laguerre_polynomial_l legendre_polynomial_p"
    ).split(), _SERIES),
    **dict.fromkeys("lgamma_f64 erfinv_f64 erfinv_da_f64 nextafter".split(), _LIBM),
    **dict.fromkeys("fmod remainder remainder_db _div_floor floor_divide".split(), _REMAINDER),
}  # fmt: skip


def strips(level, dtypes):
    """{kernel: whether its loop is vectorised} of the kernels of these dtypes ("f32", ...), for a CPU level."""
    sys.path.append(str(ROOT / "cygrad"))  # the table is made without the package, as in a build
    try:
        generate = importlib.import_module("_table.generate")
    finally:
        sys.path.pop()
    strip = re.compile(r"^(?:CG_\w+ )*static void cgk_(\w+)_strip\(ptrdiff_t n_.*?^}\n", re.MULTILINE | re.DOTALL)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        paths = [p for p in generate.generate(folder) if p.name != "kernels.c"]
        wanted = []
        for path in paths:
            text = path.read_text()
            found = [m for m in strip.finditer(text) if m[1].rsplit("_", 1)[1] in dtypes]
            head = text[: strip.search(text).start()]
            path.write_text(head + "".join(m[0].replace("static void", "void") for m in found))
            wanted += [m[1] for m in found]
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            reports = list(pool.map(lambda p: _report(p, level), paths))
    return {k: k in set().union(*reports) for k in wanted}


def _report(path, level):
    """The kernels in a C file with a vector loop over their elements."""
    command = ["gcc", *FLAGS, f"-march={level}", f"-I{ROOT}/cygrad", f"-I{path.parent}", "-fopt-info-vec-optimized"]
    command += ["-c", str(path), "-o", os.devnull]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = {int(n) for n in re.findall(rf"{path.name}:(\d+):\d+: optimized: loop vectorized", done.stderr)}
    found, kernel = set(), None
    for n, line in enumerate(path.read_text().splitlines(), 1):
        if m := re.match(r"(?:CG_\w+ )*void cgk_(\w+)_strip\(", line):
            kernel = m[1]
        elif line.startswith("    for (ptrdiff_t i_") and n in lines:
            found.add(kernel)
    return found


def lost(level, dtypes):
    """Sentences about kernels that are scalar and should not be, or the other way round."""
    out = []
    for kernel, vector in strips(level, dtypes).items():
        reason = SCALAR.get(kernel) or SCALAR.get(kernel.rsplit("_", 1)[0])
        if not vector and not reason:
            out.append(f"{kernel} has lost its vector loop at {level}")
        if vector and reason:
            out.append(f"{kernel} is vectorised at {level}, and SCALAR says: {reason}")
    return out


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--level", default="x86-64-v3")
    parser.add_argument("--dtypes", default="f32,f64")
    args = parser.parse_args()
    found = lost(args.level, args.dtypes.split(","))
    print("\n".join(found) or "every kernel that can has its vector loop")
    sys.exit(bool(found))
