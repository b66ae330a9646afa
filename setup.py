"""Builds the compiled modules: generates the kernels from the operator table, then compiles them.

CYGRAD_CHECKED=1    bounds checks, assertions, address and undefined-behaviour sanitizers
CYGRAD_JOBS=n       compilers at a time (default: all cores)
CYGRAD_ONLY=a,b     only these modules, by the last part of their names (while working on one)
"""

import os
import platform
import subprocess
import sys
import sysconfig
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import scipy_openblas32
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

PACKAGE = Path("cygrad")
CHECKED = os.environ.get("CYGRAD_CHECKED") == "1"
BUILD = Path("build/checked" if CHECKED else "build")
GENERATED = BUILD / "generated"  # the C of the table
FLAGS = BUILD / "flags.txt"  # objects made with other flags are stale
ONLY = os.environ.get("CYGRAD_ONLY", "").split(",") if os.environ.get("CYGRAD_ONLY") else None
JOBS = int(os.environ.get("CYGRAD_JOBS") or os.cpu_count() or 1)
ON_LINUX = sys.platform.startswith("linux")
ON_X86_GLIBC = platform.machine() in ("x86_64", "AMD64") and platform.libc_ver()[0] == "glibc"

# No -ffast-math, which flushes denormals in the whole process and breaks NaN; no -march, since the
# sources have CPU levels of their own.
COMPILE = [
    "-fopenmp", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off", "-fwrapv", "-g0",
    "-MMD", "-Wno-unused-function", "-Werror=implicit-function-declaration",
]  # fmt: skip
if ON_LINUX:  # complex products without C's search for infinities in NaN
    COMPILE += ["-fcx-fortran-rules"]
LINK = ["-fopenmp"]
if CHECKED:
    SANITIZE = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
    COMPILE += ["-O1", "-g", "-UNDEBUG", "-DCG_NO_CLONES", "-fno-omit-frame-pointer", *SANITIZE]
    LINK += SANITIZE
else:
    COMPILE += ["-O3"]

DIRECTIVES = {
    "language_level": 3,
    "embedsignature": True,
    "binding": True,
    "boundscheck": CHECKED,
    "wraparound": False,
    "initializedcheck": CHECKED,
    "cdivision": True,
}
USE_BLAS = ("cygrad._operators.lapack", "cygrad._kernels.matmul")


def write_if_changed(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def generate_kernels():
    """Writes the C of the table's rows, before the package can be imported."""
    sys.path.append(str(PACKAGE))  # `_table.rows` by itself, without the package around it
    try:
        from _table import generate
    finally:
        sys.path.pop()
    return [str(path) for path in generate.generate(GENERATED)]


def openblas(module):
    """How a module is linked to OpenBLAS, which it finds at run time where the two packages are installed in one
    place; `cygrad/_kernels/blas.py` covers the rest."""
    if module not in USE_BLAS:
        return {}
    above = "/..".join([""] * (module.count(".") + 1))
    rpath = [f"-Wl,-rpath,$ORIGIN{above}/scipy_openblas32/lib"] if ON_LINUX else []
    return {
        "include_dirs": [scipy_openblas32.get_include_dir()],
        "library_dirs": [scipy_openblas32.get_lib_dir()],
        "libraries": ["scipy_openblas"],
        "extra_link_args": rpath,
    }


def extensions():
    kernels = generate_kernels()
    write_if_changed(FLAGS, " ".join(COMPILE))
    headers = [*map(str, sorted(PACKAGE.rglob("*.h"))), str(GENERATED / "kernels.h"), str(FLAGS)]
    for source in sorted(PACKAGE.rglob("*.pyx")):
        if ONLY and source.stem not in ONLY:
            continue
        module = ".".join(source.with_suffix("").parts)
        blas = openblas(module)
        yield Extension(
            module,
            [str(source)] + (kernels if module == "cygrad._ops" else []),
            include_dirs=[str(PACKAGE), str(GENERATED), *blas.get("include_dirs", [])],
            library_dirs=blas.get("library_dirs", []),
            libraries=blas.get("libraries", []) + (["mvec", "m"] if ON_X86_GLIBC else ["m"]),
            define_macros=[("CYTHON_USE_TYPE_SPECS", "1")],
            extra_compile_args=COMPILE,
            extra_link_args=LINK + blas.get("extra_link_args", []),
            depends=headers,
        )


def read_by(obj, default):
    """The project's files that an object was made from, as the compiler noted beside it."""
    made_of = Path(obj).with_suffix(".d")
    if not made_of.exists():
        return default
    return [
        name
        for name in made_of.read_text().replace("\\\n", " ").split()[1:]
        if os.path.exists(name)
    ]


class Progress:
    """Says what is being built: one line that is rewritten on a terminal, else a line every ten seconds.

    It goes to stderr, or to the descriptor CYGRAD_PROGRESS, where compilers' warnings do not come between.
    """

    def __init__(self, total):
        descriptor = os.environ.get("CYGRAD_PROGRESS")
        self.out = os.fdopen(int(descriptor), "w", closefd=False) if descriptor else sys.stderr
        self.total, self.done = total, 0
        self.started = self.shown = time.monotonic()
        self.lock = threading.Lock()

    def finished(self, name):
        with self.lock:
            self.done += 1
            now, last = time.monotonic(), self.done == self.total
            line = f"compiled {self.done} of {self.total} modules, {now - self.started:.0f} s ({name})"
            if self.out.isatty():
                print(f"\r{line[:79]:79}", end="\n" if last else "", file=self.out, flush=True)
            elif last or now - self.shown >= 10:
                print(line, file=self.out, flush=True)
                self.shown = now


class ParallelBuild(build_ext):
    """Compiles the sources of all extensions side by side, then links."""

    def finalize_options(self):
        super().finalize_options()
        # An editable install would take a temporary folder, and so compile everything every time.
        tag = f"{sysconfig.get_platform()}-{sys.implementation.cache_tag}"
        self.build_temp = str(BUILD / f"temp.{tag}")

    def run(self):
        super().run()
        self.write_stubs()

    def build_extensions(self):
        compile_one = self.compiler.compile
        with ThreadPoolExecutor(JOBS) as pool, ThreadPoolExecutor(JOBS) as builders:

            def compile_if_older(source, **kw):
                (obj,) = self.compiler.object_filenames(
                    [source], output_dir=kw.get("output_dir") or ""
                )
                inputs = [source, FLAGS, *read_by(obj, kw.get("depends", ()))]
                if not self.force and os.path.exists(obj):
                    if all(os.path.getmtime(obj) > os.path.getmtime(i) for i in inputs):
                        return [obj]
                return compile_one([source], **kw)

            def compile_all(sources, **kw):
                return [
                    o
                    for part in pool.map(lambda s: compile_if_older(s, **kw), sources)
                    for o in part
                ]

            def build_one(extension):
                self.build_extension(extension)
                progress.finished(extension.name)

            self.compiler.compile = compile_all
            progress = Progress(len(self.extensions))
            for done in [builders.submit(build_one, e) for e in self.extensions]:
                done.result()

    def write_stubs(self):
        """Writes the type stubs, by importing what was built: without them type checkers know less, and no more."""
        if CHECKED:  # runs with the sanitizer's library alone
            return
        folder = os.path.abspath("." if self.inplace else self.build_lib)
        made = subprocess.run(
            [sys.executable, "tools/stubs.py", folder], stderr=subprocess.PIPE, text=True
        )
        if made.returncode:
            why = made.stderr.strip().rpartition("\n")[2]
            print(f"cygrad: type stubs were not written ({why})", file=sys.stderr)


if __name__ == "__main__":  # Cython's processes may import this file
    setup(
        ext_modules=cythonize(
            list(extensions()),
            nthreads=JOBS,
            compiler_directives=DIRECTIVES,
            include_path=[str(PACKAGE)],
            # the two builds share neither C nor objects
            build_dir=str(BUILD / "c") if CHECKED else None,
        ),
        options={"build": {"build_base": str(BUILD)}},
        cmdclass={"build_ext": ParallelBuild},
    )
