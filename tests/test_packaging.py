"""The package as it is installed: what it holds, what it needs, what importing it costs."""

import importlib.metadata
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import cygrad

PACKAGE = Path(cygrad.__file__).parent
INSTALLED = Path(sysconfig.get_path("platlib")) in PACKAGE.parents


def python(*args, cwd=None, **env):
    return subprocess.run(
        [sys.executable, *args],
        capture_output=True, text=True, cwd=cwd, env={**os.environ, **env}, timeout=120,
    )  # fmt: skip


def test_is_the_installed_one():
    if "CYGRAD_TEST_INSTALLED" not in os.environ:
        pytest.skip("not a test of a wheel")
    assert INSTALLED


@pytest.mark.skipif(not INSTALLED, reason="the package is used from its source tree")
def test_wheel_holds_no_sources():
    kept = {path.suffix for path in PACKAGE.rglob("*") if path.is_file()}
    assert not kept & {".c", ".pyx", ".pxd"}
    headers = {path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.h")}
    assert headers == {"_table/scalar.h", "_kernels/optim_steps.h"}  # parts of OpenCL programs


def test_runtime_files():
    from importlib import resources

    assert resources.files("cygrad").joinpath("_table/scalar.h").is_file()
    assert next(PACKAGE.glob("_core.*.so"))


def test_requirements():
    try:
        needed = [r for r in importlib.metadata.requires("cygrad") if "extra ==" not in r]
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("the package is used without being installed")
    assert sorted(r.partition(">")[0] for r in needed) == ["numpy", "scipy-openblas32"]


def test_import_needs_no_optional_package():
    hidden = "torch pyopencl sklearn matplotlib scipy pytest Cython setuptools".split()
    code = f"""
import sys
sys.modules.update(dict.fromkeys({hidden}))
import cygrad as torch
x = torch.ones(2, 3, requires_grad=True)
(x @ x.t()).sum().backward()
print(x.grad.tolist())
"""
    done = python("-c", code)
    assert done.stdout == "[[4.0, 4.0, 4.0], [4.0, 4.0, 4.0]]\n", done.stderr


def test_import_from_elsewhere(tmp_path):
    """The package and OpenBLAS are found from any folder, without LD_LIBRARY_PATH."""
    code = "import cygrad; print(cygrad.ones(2, 2).mm(cygrad.ones(2, 2)).tolist())"
    path = "" if INSTALLED else str(PACKAGE.parent)
    done = python("-c", code, cwd=tmp_path, LD_LIBRARY_PATH="", PYTHONPATH=path)
    assert done.stdout == "[[2.0, 2.0], [2.0, 2.0]]\n", done.stderr


def test_missing_blas_is_said(tmp_path):
    """Without scipy-openblas32 the error names what to install."""
    import importlib.util

    copy = tmp_path / "cygrad/_kernels/blas.py"
    copy.parent.mkdir(parents=True)
    copy.write_text((PACKAGE / "_kernels/blas.py").read_text())
    spec = importlib.util.spec_from_file_location("blas", copy)
    blas = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(blas)
    path, sys.path = sys.path, []
    try:
        with pytest.raises(ImportError, match="pip install scipy-openblas32"):
            blas.load()
    finally:
        sys.path = path


def test_import_is_light():
    """NumPy, and the subpackages, are imported when they are first used."""
    code = "import sys, cygrad; print([m for m in ('numpy', 'cygrad.nn', 'cygrad.linalg') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr
