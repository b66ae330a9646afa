"""The printer of formulas and the sanity of the operator table; needs nothing compiled."""

import math

import pytest

from cygrad._table import formula as _formula, rows as _table

FLOATS = ("float32", "float64")
INTS = ("bool", "uint8", "int8", "int16", "int32", "int64")


@pytest.mark.parametrize(
    "text",
    [
        "a//b", "a%b", "a**b", "a**3", "a and b", "a or b", "not a", "a<b<1", "a if b else c", "a.b", "a[0]",
        "lambda: a", "f(x=1)", "a; b", "a=b", "", "'a'", "True", "1j", "where(a,b)", "a is b", "~(a<b)", "a<<b",
        "[a]", "(a,b)", "a @ b",
    ],
)  # fmt: skip
def test_refused(text):
    for dialect in _formula.CTYPE:
        with pytest.raises(_formula.FormulaError):
            _formula.to_c(text, dialect, "float32")


@pytest.mark.parametrize("text", ["a/b", "a+0.5", "where(a<inf,a,b)", "nan"])
def test_refused_for_integers(text):
    assert _formula.to_c(text, "c", "float64")
    with pytest.raises(_formula.FormulaError):
        _formula.to_c(text, "c", "int32")


@pytest.mark.parametrize(
    ("text", "dialect", "dtype", "c"),
    [
        ("a*0.5", "c", "float32", "(a * 0.5f)"),
        ("a*0.5", "cl", "float64", "(a * 0.5)"),
        ("1-a", "c", "int8", "((int8_t)(((int8_t)1) - a))"),
        ("sqrt(a)", "c", "float32", "sqrtf(a)"),
        ("sqrt(a)", "c", "float64", "sqrt(a)"),
        ("sqrt(a)", "cl", "float32", "sqrt(a)"),
        ("exp(-a)", "c", "float32", "cg_exp_f32((-a))"),
        ("exp(-a)", "cl", "float32", "cg_exp((-a))"),
        ("_div_floor(a,b)", "c", "int64", "cg_div_floor_i64(a, b)"),
        ("where(a<0,0,a)", "c", "float64", "((a < 0.0) ? 0.0 : a)"),
        ("isnan(a)", "cl", "float32", "(a != a)"),
        ("lowest", "c", "float32", "((float)-INFINITY)"),
        ("lowest", "c", "int8", "((int8_t)(-127 - 1))"),
        ("highest", "cl", "uint8", "((uchar)255)"),
    ],
)
def test_to_c(text, dialect, dtype, c):
    assert _formula.to_c(text, dialect, dtype) == c


def test_names():
    assert _formula.names("g*y*(1-y)") == "gy"
    assert _formula.names("y*c+g*a*exp(b)") == "gabcy"
    assert _formula.names("alpha*exp(1)") == ""
    assert _formula.identifiers("g*exp(alpha)") == {"g", "exp", "alpha"}
    assert _formula.functions("g*exp(alpha)") == {"exp"}


def test_compile_tensor():
    f = _formula.compile_tensor("where(a<b, g*exp(a)*pi, inf)")
    namespace = {"exp": math.exp, "where": lambda c, x, y: x if c else y, "b": 1.0, "g": 2.0}
    assert f(namespace | {"a": 0.5}) == 2.0 * math.exp(0.5) * math.pi
    assert f(namespace | {"a": 1.5}) == math.inf
    with pytest.raises(NameError):
        f({"a": 1.0, "b": 2.0})
    with pytest.raises(_formula.FormulaError):
        _formula.compile_tensor("a//b")


def test_names_are_unique():
    names = [row.name for row in _table.rows()]
    assert len(names) == len(set(names))
    public = [n for row in _table.rows() for n in row.aliases.split()]
    public = [n.partition("/")[0] for n in public]
    assert len(public) == len(set(public))
    assert not set(public) & set(names)
    assert set(_table.by_name) == set(names)
    for name, (row, forms) in _table.aliases().items():
        assert row in _table.by_name
        assert set(forms) <= set("fmiIosFPQ"), name


@pytest.mark.parametrize("row", _table.rows(), ids=lambda row: row.name)
def test_row(row):
    assert row.kind in ("float", "number", "test", "bits")
    assert bool(row.forms) != row.name.startswith("_")
    if row.forms and row.signature is not None:
        names = [argument.partition("=")[0] for argument in row.arguments if argument != "*"]
        assert names[row.arity :] == [name for name, _ in row.params]
    texts = [(t, d) for d in FLOATS for t in row.gradients.values()] if row.text else []
    texts += [(row.formula(d), d) for d in (*FLOATS, *INTS)] if not row.step else []
    if row.complexes:
        texts += [(t, "complex64") for t in (*row.gradients.values(), row.formula("complex64")) if t]
    texts += [(t, "float64") for t in (row.start, row.step, row.join) if t]
    assert any(text for text, _ in texts)
    params = {name for name, _ in row.params}
    reads = set("pqa") if row.step else set(row.operands) | set("gy")
    for text, dtype in texts:
        if text is None:
            continue
        for dialect in _formula.CTYPE:
            if dtype in _formula.CTYPE[dialect]:
                assert _formula.to_c(text, dialect, dtype)
        free = _formula.identifiers(text) - _formula.functions(text)
        assert free <= reads | params | set(_formula.CONSTANTS)


@pytest.mark.parametrize("row", _table.rows(), ids=lambda row: row.name)
def test_gradient_of_row(row):
    has_gradient = any(d is not None for d in (row.da, row.db, row.dc))
    assert bool(row.grad_name) == has_gradient
    assert (_table.MISSING in (row.da, row.db, row.dc)) == bool(row.missing)
    for operand, text in row.gradients.items():
        assert operand in row.operands
        assert "g" in _formula.names(text)
        # evaluated on tensors, every function must be one that differentiates again
        assert _formula.functions(text) <= set(_table.by_name) | {"where", "conj", "real", "times_i"}
        _formula.compile_tensor(text)


def test_reductions():
    for row in _table.rows():
        if row.step:
            assert row.acc in ("wide", "same", "bool", "count")
            assert _formula.identifiers(row.join) - _formula.functions(row.join) <= {"p", "q"}


def test_generate(tmp_path):
    from cygrad._table import generate as _generate

    files = _generate.generate(tmp_path)
    assert all(path.exists() for path in files)
    table = (tmp_path / "kernels.c").read_text()
    kernels = "".join(path.read_text() for path in files)
    for row in _table.rows():
        assert f'{{"{row.name}"' in table
        for operand in row.gradients:
            assert f'{{"{row.name}.d{operand}"' in table
    assert "cgk_add_f32_strip" in kernels
    before = {path: path.stat().st_mtime_ns for path in files}
    _generate.generate(tmp_path)
    assert before == {path: path.stat().st_mtime_ns for path in files}  # unchanged: no recompile
