"""tools/vectors.py, which names the kernels that lost their vector loop: none has."""

import importlib.util
import pathlib
import platform
import shutil

import pytest

TOOL = pathlib.Path(__file__).parent.parent / "tools" / "vectors.py"
if not TOOL.exists():
    pytest.skip("the tools are not beside the tests", allow_module_level=True)
if platform.machine() not in ("x86_64", "AMD64") or not shutil.which("gcc"):
    pytest.skip("reads what gcc reports for x86-64", allow_module_level=True)


def test_every_kernel_of_float32_has_its_vector_loop():
    spec = importlib.util.spec_from_file_location("vectors", TOOL)
    vectors = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(vectors)
    assert vectors.lost("x86-64-v3", ("f32",)) == []
