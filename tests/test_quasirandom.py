"""Sobol's sequences against PyTorch's."""

import numpy as np
import pytest

import cygrad

pytest.importorskip("scipy")
torch = pytest.importorskip("torch")


@pytest.mark.parametrize("scramble", [False, True])
@pytest.mark.parametrize("dimension", [1, 5, 40])
def test_points_as_pytorch(dimension, scramble):
    ours, theirs = (m.quasirandom.SobolEngine(dimension, scramble=scramble, seed=3) for m in (cygrad, torch))
    assert repr(ours) == repr(theirs)
    for n in (1, 7, 30):
        np.testing.assert_array_equal(ours.draw(n).numpy(), theirs.draw(n).numpy())
    for engine in (ours, theirs):
        engine.fast_forward(13)
    np.testing.assert_array_equal(ours.draw(3).numpy(), theirs.draw(3).numpy())
    assert ours.num_generated == theirs.num_generated
    first = [engine.reset().draw(dtype=m.float64).numpy() for engine, m in ((ours, cygrad), (theirs, torch))]
    np.testing.assert_array_equal(*first)


def test_powers_of_two():
    engine = cygrad.quasirandom.SobolEngine(2)
    assert engine.draw_base2(2).shape == (4, 2)
    with pytest.raises(ValueError, match="power of 2"):
        engine.draw_base2(3)
    with pytest.raises(ValueError, match="dimensionality"):
        cygrad.quasirandom.SobolEngine(21202)
