"""The older spectral normalisation, by a forward hook (Miyato et al., 2018)."""

import cygrad

from .. import functional as F
from ..modules.conv import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from ._weight_hook import WeightHook


def check_iterations(n_power_iterations):
    if n_power_iterations <= 0:
        raise ValueError(
            f"Expected n_power_iterations to be positive, but got {n_power_iterations=}"
        )


def as_matrix(weight, dim):
    """The weight as (dim, rest)."""
    rows = weight.movedim(dim, 0)
    return rows.reshape(rows.size(0), -1)


def output_dim(module):
    """The dimension of a module's weight that its outputs go by."""
    return int(isinstance(module, (ConvTranspose1d, ConvTranspose2d, ConvTranspose3d)))


class SpectralNorm(WeightHook):
    """The hook that divides a weight by its largest singular value, by power iteration."""

    _version = 1
    _title = "spectral_norm"
    _parts = ("_u", "_v", "_orig")

    def __init__(self, name="weight", n_power_iterations=1, dim=0, eps=1e-12):
        check_iterations(n_power_iterations)
        self.name = name
        self.n_power_iterations = n_power_iterations
        self.dim = dim
        self.eps = eps

    def reshape_weight_to_matrix(self, weight):
        """The weight as (dim, rest)."""
        return as_matrix(weight, self.dim)

    def compute_weight(self, module, do_power_iteration):
        """The normalised weight; the vectors move on in place if asked."""
        weight = getattr(module, self.name + "_orig")
        u, v = getattr(module, self.name + "_u"), getattr(module, self.name + "_v")
        matrix = self.reshape_weight_to_matrix(weight)
        if do_power_iteration:
            with cygrad.no_grad():
                for _ in range(self.n_power_iterations):
                    v.copy_(F.normalize(matrix.t().mv(u), dim=0, eps=self.eps))
                    u.copy_(F.normalize(matrix.mv(v), dim=0, eps=self.eps))
                # Copies for the graph: the next forward changes the vectors in place.
                u, v = u.clone(), v.clone()
        return weight / u.dot(matrix.mv(v))

    def remove(self, module):
        """Put an ordinary parameter back."""
        with cygrad.no_grad():
            weight = self.compute_weight(module, do_power_iteration=False)
        self._restore(module, weight)

    def __call__(self, module, inputs):
        setattr(module, self.name, self.compute_weight(module, module.training))

    @staticmethod
    def apply(module, name, n_power_iterations, dim, eps):
        """Replace the parameter ``name`` by its original and two vectors."""
        hook = SpectralNorm(name, n_power_iterations, dim, eps)
        hook._check_alone(module)
        weight = module._parameters[name]
        if weight is None:
            raise ValueError(f"`SpectralNorm` cannot be applied as parameter `{name}` is None")
        with cygrad.no_grad():
            h, w = hook.reshape_weight_to_matrix(weight).size()
            u = F.normalize(weight.new_empty(h).normal_(0, 1), dim=0, eps=eps)
            v = F.normalize(weight.new_empty(w).normal_(0, 1), dim=0, eps=eps)
        delattr(module, name)
        module.register_parameter(name + "_orig", weight)
        # A plain attribute, so that the module looks as it did; not a parameter any more.
        setattr(module, name, weight.data)
        module.register_buffer(name + "_u", u)
        module.register_buffer(name + "_v", v)
        module.register_forward_pre_hook(hook)
        return hook


class SpectralNormStateDictHook:
    """Writes the version of a spectral normalisation into the metadata of a state dict."""

    def __init__(self, fn):
        self.fn = fn

    def __call__(self, module, state_dict, prefix, local_metadata):
        versions = local_metadata.setdefault("spectral_norm", {})
        key = self.fn.name + ".version"
        if key in versions:
            raise RuntimeError(f"Unexpected key in metadata['spectral_norm']: {key}")
        versions[key] = self.fn._version


class SpectralNormLoadStateDictPreHook:
    """Makes a state dict of before version 1, which lacks the second vector, fit: by solving for it."""

    def __init__(self, fn):
        self.fn = fn

    def __call__(self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs):
        fn = self.fn
        version = local_metadata.get("spectral_norm", {}).get(fn.name + ".version")
        if version is not None and version >= 1:
            return
        key = prefix + fn.name
        if version is None and all(key + s in state_dict for s in ("_orig", "_u", "_v")) and key not in state_dict:
            return  # of version 1, saved without metadata
        parts = [key + suffix for suffix in ("_orig", "", "_u")]
        lacking = [k for k in parts if k not in state_dict]
        if lacking:
            if strict:
                missing_keys += lacking
            return
        with cygrad.no_grad():
            original, weight, u = (state_dict[k] for k in parts)
            state_dict.pop(key)
            sigma = (original / weight).mean()
            matrix = fn.reshape_weight_to_matrix(original)
            # u = matrix v / sigma, with v in the span of the matrix's rows
            v = cygrad.linalg.pinv(matrix.t().mm(matrix)).mv(matrix.t().mv(u)) * sigma
            state_dict[key + "_v"] = v


def spectral_norm(module, name="weight", n_power_iterations=1, eps=1e-12, dim=None):
    """Divide a parameter by its spectral norm in every forward."""
    dim = output_dim(module) if dim is None else dim
    SpectralNorm.apply(module, name, n_power_iterations, dim, eps)
    return module


def remove_spectral_norm(module, name="weight"):
    """Undo `spectral_norm`."""
    return SpectralNorm._remove_from(module, name)
