"""Tensors where other libraries take arrays, with the real packages; what is not installed skips."""

import numpy as np
import pytest

import cygrad as torch


def test_scipy_sparse():
    sparse = pytest.importorskip("scipy.sparse")
    a = sparse.random(5, 4, density=0.4, format="coo", random_state=np.random.default_rng(0))
    t = torch.sparse_coo_tensor(np.stack(a.coords), a.data, a.shape)
    np.testing.assert_array_equal(t.to_dense().numpy(), a.toarray())
    back = t.coalesce()
    again = sparse.coo_matrix((back.values().numpy(), back.indices().numpy()), back.shape)
    np.testing.assert_array_equal(again.toarray(), a.toarray())
    csr = a.tocsr()
    t = torch.sparse_csr_tensor(csr.indptr.astype(np.int64), csr.indices.astype(np.int64), csr.data, csr.shape)
    x = torch.rand(4, dtype=torch.float64)
    np.testing.assert_allclose((t.to_dense() @ x).numpy(), csr @ x.numpy())


def test_scipy_functions_take_tensors():
    special = pytest.importorskip("scipy.special")
    optimize = pytest.importorskip("scipy.optimize")
    x = torch.linspace(0.1, 2, 5, dtype=torch.float64)
    np.testing.assert_allclose(special.gammaln(x), torch.lgamma(x).numpy())

    def value_and_gradient(point):
        t = torch.tensor(point, requires_grad=True)
        loss = ((t - torch.tensor([1.0, 2.0], dtype=torch.float64)) ** 2).sum()
        loss.backward()
        return loss.item(), t.grad.numpy()

    found = optimize.minimize(value_and_gradient, np.zeros(2), jac=True)
    np.testing.assert_allclose(found.x, [1, 2], atol=1e-6)


def test_pandas():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(torch.arange(6.0).view(2, 3), columns=list("abc"))
    assert frame["b"].tolist() == [1, 4]
    series = pandas.Series(torch.tensor([1.0, 2.0]))
    assert series.mean() == 1.5
    assert torch.equal(torch.tensor(frame.to_numpy().copy()), torch.arange(6.0).view(2, 3))
    assert torch.equal(torch.from_numpy(frame["a"].to_numpy().copy()), torch.tensor([0.0, 3.0]))
    assert torch.tensor(frame["a"]).tolist() == [0, 3]


def test_scikit_learn():
    linear_model = pytest.importorskip("sklearn.linear_model")
    x = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    y = x @ torch.tensor([1.0, -2.0, 0.5]) + 3
    model = linear_model.LinearRegression().fit(x, y)
    np.testing.assert_allclose(model.coef_, [1, -2, 0.5], atol=1e-5)
    assert torch.allclose(torch.from_numpy(model.predict(x)), y, atol=1e-4)
    metrics = pytest.importorskip("sklearn.metrics")
    assert metrics.accuracy_score(torch.tensor([0, 1, 1]), torch.tensor([0, 1, 0])) == pytest.approx(2 / 3)


def test_matplotlib(tmp_path):
    figure = pytest.importorskip("matplotlib.figure").Figure()
    axes = figure.subplots(1, 2)
    x = torch.linspace(0, 1, 10)
    (line,) = axes[0].plot(x, x**2)
    np.testing.assert_array_equal(line.get_ydata(), (x**2).numpy())
    axes[1].imshow(torch.rand(4, 4))
    axes[1].hist(torch.randn(20))
    axes[0].scatter(x, x, c=x)
    figure.savefig(tmp_path / "figure.png")


def test_pillow():
    image = pytest.importorskip("PIL.Image")
    pixels = torch.arange(12, dtype=torch.uint8).view(2, 2, 3)
    made = image.fromarray(pixels.numpy())
    assert torch.equal(torch.from_numpy(np.array(made)), pixels)


def test_numpy_functions():
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    np.testing.assert_array_equal(np.concatenate([x, x]), torch.cat([x, x]).numpy())
    np.testing.assert_array_equal(np.asarray(x, dtype=np.float64), x.double().numpy())
    assert np.mean(x.numpy()) == 2.5 and np.array(x).shape == (2, 2)
    assert np.shares_memory(np.asarray(x), x.numpy())


@pytest.mark.parametrize("library", ["numpy", "jax.numpy", "tinygrad", "torch"])
def test_dlpack(library):
    other = pytest.importorskip(library)
    x = torch.arange(6.0).view(2, 3)
    if library == "tinygrad":
        theirs = other.Tensor(x.numpy())
        np.testing.assert_array_equal(theirs.numpy(), x.numpy())
        return
    theirs = other.from_dlpack(x)
    np.testing.assert_array_equal(np.asarray(theirs), x.numpy())
    assert torch.equal(torch.from_dlpack(theirs), x)


def test_safetensors(tmp_path):
    safetensors = pytest.importorskip("safetensors.numpy")
    net = torch.nn.Linear(2, 3)
    path = tmp_path / "net.safetensors"
    safetensors.save_file({name: value.numpy() for name, value in net.state_dict().items()}, path)
    loaded = {name: torch.from_numpy(value) for name, value in safetensors.load_file(path).items()}
    assert torch.equal(loaded["weight"], net.weight)


def test_array_namespace():
    x = torch.ones(2)
    if not hasattr(x, "__array_namespace__"):
        pytest.skip("tensors have no __array_namespace__, as PyTorch's have none")
    assert x.__array_namespace__().ones(2).sum() == 2


@pytest.mark.parametrize("seconds", [0.3])
def test_interrupt_leaves_a_usable_session(seconds):
    """Ctrl-C while operators run: an exception, and the library works on."""
    import signal
    import threading

    if threading.current_thread() is not threading.main_thread():
        pytest.skip("signals reach the main thread alone")
    x = torch.rand(200, 200)
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    handler = signal.signal(signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        with pytest.raises(KeyboardInterrupt):
            while True:
                x = (x @ x).softmax(1)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        signal.signal(signal.SIGINT, previous)
    assert (torch.ones(3) + 1).sum() == 6
