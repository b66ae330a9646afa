"""Calls made of a function's signature: each argument is one that its name suggests, or one that it does not."""

import inspect

from .values import DTYPES, FORMS

PLACES = (
    "torch", "torch.Tensor", "torch.nn.functional", "torch.linalg", "torch.fft", "torch.special", "torch.sparse",
    "torch.nn",
    "torch.nn.utils.rnn", "torch.nn.init", "torch.signal.windows", "torch.nn.utils",
)  # fmt: skip
# They change the process for later calls, read or write files, start processes, wait, or run what they are given.
LEFT_OUT = set(
    """seed manual_seed initial_seed set_default_dtype set_default_device set_default_tensor_type set_num_threads
    set_num_interop_threads set_rng_state set_printoptions set_grad_enabled set_deterministic_debug_mode
    use_deterministic_algorithms set_float32_matmul_precision set_flush_denormal set_warn_always save load from_file
    compile
    install_as_torch typename from_dlpack share_memory_ pin_memory record_stream apply_ map_ map2_ module_load
    register_hook register_post_accumulate_grad_hook backward inference_mode no_grad enable_grad set_anomaly_enabled
    printoptions fork wait vmap get_rng_state cuda xpu cpu mps hpu ipu DataParallel SyncBatchNorm data_ptr
    as_sparse_gradcheck check_sparse_tensor_invariants thread_safe_generator get_num_threads get_num_interop_threads
    rename_module swap_tensors import_module classproperty Module""".split()
)
RANDOM = set("""rand randn randint randperm normal bernoulli multinomial""".split())

INTS = (0, 1, 2, 3, -1, -2, 4, 5, 7, 8, 16, 31, 33, 64, 65, 100, -3, -7, 127, 255, 1000)
HOSTILE_INTS = (
    2**31 - 1, 2**31, -(2**31), 2**32, 2**32 + 1, 2**40, 2**53 + 1, 2**61, 2**62, 2**63 - 1, -(2**63), 2**63,
    -(2**63) - 1,
    2**64, -(2**63) + 1, 2**20, 10**6, 2**16, 2**15,
)  # fmt: skip
NUMBERS = (
    "0.0",
    "1.0",
    "-1.0",
    "0.5",
    "nan",
    "inf",
    "-inf",
    "1e308",
    "-0.0",
    "1e-45",
    "2.5",
    "1e10",
    "1j",
    "True",
    "-1e30",
)
WORDS = (
    "mean",
    "sum",
    "none",
    "",
    "valid",
    "same",
    "reflect",
    "constant",
    "circular",
    "bilinear",
    "nearest",
    "ortho",
    "prod",
)


class Draw:
    """Draws texts of arguments; tensors of one call are mostly of the same dtype and of shapes that go together."""

    def __init__(self, rng):
        self.rng = rng
        self.shape = tuple(
            rng.choice((1, 2, 3, 4, 5)) for _ in range(rng.choice((0, 1, 1, 2, 2, 2, 3, 3, 4, 5)))
        )
        if rng.random() < 0.1:
            self.shape = tuple(rng.choice((0, 1, 2)) for _ in self.shape)
        self.dtype = rng.choice(("float32",) * 6 + DTYPES)

    def some(self, *texts):
        return str(self.rng.choice(texts))

    def int(self):
        return str(
            self.rng.choice(INTS) if self.rng.random() < 0.8 else self.rng.choice(HOSTILE_INTS)
        )

    def dim(self):
        n = len(self.shape)
        return str(self.rng.randrange(-n, n)) if n and self.rng.random() < 0.8 else self.int()

    def small(self):
        return str(self.rng.randrange(1, 5)) if self.rng.random() < 0.8 else self.int()

    def number(self):
        return self.some(*NUMBERS) if self.rng.random() < 0.6 else self.int()

    def bool(self):
        return self.some("True", "False")

    def maybe(self, draw):
        return "None" if self.rng.random() < 0.4 else draw()

    def tensor(self, dtype=None, shape=None, form=None):
        rng = self.rng
        dtype = dtype or (self.dtype if rng.random() < 0.9 else rng.choice(DTYPES))
        if shape is None:
            shape = list(self.shape)
            if rng.random() < 0.25 and shape:
                change = rng.randrange(4)
                if change == 0:
                    shape[rng.randrange(len(shape))] = rng.choice((0, 1, 2, 3, 17))
                elif change == 1:
                    del shape[0]
                elif change == 2:
                    shape.insert(0, rng.choice((1, 2, 0)))
                else:
                    shape = [rng.choice((0, 1, 2, 3)) for _ in range(rng.randrange(5))]
        form = form or (rng.choice(FORMS) if rng.random() < 0.4 else rng.choice(("plain", "grad")))
        parts = [repr(dtype), *map(str, shape)] + ([f"form={form!r}"] if form != "plain" else [])
        return f"T({', '.join(parts)})"

    def index(self):
        if self.rng.random() < 0.8:
            return self.tensor(dtype=self.rng.choice(("int64", "int64", "int64", "int32", "bool", "uint8")),
                               form=self.rng.choice(("index", "index", "plain", "expanded", "zeros")))  # fmt: skip
        return f"torch.tensor([{', '.join(self.int() for _ in range(self.rng.randrange(4)))}])"

    def operand(self):
        return self.tensor() if self.rng.random() < 0.7 else self.number()

    def ints(self):
        n = self.rng.choice((0, 1, 1, 2, 2, 3, len(self.shape)))
        return "(" + "".join(self.small() + ", " for _ in range(n)) + ")"

    def size(self):
        if self.rng.random() < 0.4:
            return str(self.shape)
        return self.ints()

    def extents(self):
        return self.small() if self.rng.random() < 0.6 else self.ints()

    def dims(self):
        if self.rng.random() < 0.5:
            return self.dim()
        return "(" + "".join(self.dim() + ", " for _ in range(self.rng.randrange(4))) + ")"

    def tensors(self):
        n = self.rng.choice((0, 1, 2, 2, 3))
        return "[" + ", ".join(self.tensor() for _ in range(n)) + "]"

    def indices(self):
        n = self.rng.choice((0, 1, 1, 2, 3))
        return (
            "("
            + "".join(
                (self.index() if self.rng.random() < 0.8 else "None") + ", " for _ in range(n)
            )
            + ")"
        )

    def dtype_name(self):
        return "torch." + self.rng.choice(DTYPES)

    def word(self):
        return repr(self.rng.choice(WORDS))

    def device(self):
        return self.some("'cpu'", "None", "'meta'", "'cpu'", "'nowhere'")

    def layout(self):
        return self.some("None", "torch.strided", "torch.sparse_coo", "torch.sparse_csr")

    def memory_format(self):
        return "torch." + self.some(
            "contiguous_format", "preserve_format", "channels_last", "channels_last_3d"
        )

    def function(self):
        return self.some("lambda x: x", "lambda *a: a[0]", "torch.sin", "None")

    def anything(self):
        draw = self.rng.choice((
            self.tensor, self.tensor, self.int, self.number, self.bool, self.word, self.ints, self.tensors, self.index,
            self.dtype_name, self.dim, self.operand, self.function, lambda: "None", lambda: "[]", lambda: "()",
            lambda: "{}",
            lambda: "slice(None)", lambda: "'x'", lambda: "b'x'", lambda: "object()", lambda: "[[1, 2], [3]]",
        ))  # fmt: skip
        return draw()

    def argument(self, name):
        """An argument for a parameter of the name; now and then one of another kind."""
        if self.rng.random() < 0.06:
            return self.anything()
        return getattr(self, KIND_OF.get(name, "anything"))()

    def flag(self):
        return self.bool() if self.rng.random() < 0.95 else self.anything()

    def maybe_tensor(self):
        return self.maybe(self.tensor)

    def maybe_number(self):
        return self.maybe(self.number)

    def reduce(self):
        return repr(self.rng.choice(("sum", "prod", "mean", "amax", "amin", "multiply", "add")))

    def word_or_number(self):
        return self.some(
            "'fro'", "'nuc'", "None", "2", "1", "inf", "-inf", "0", "-1", "0.5", "nan", "3", "'x'"
        )

    def padding(self):
        return self.some("'same'", "'valid'") if self.rng.random() < 0.1 else self.extents()

    def sections(self):
        return self.rng.choice((self.small, self.ints, self.index))()


KINDS = {
    "tensor": """input self tensor x y A B a b mat mat2 vec vec2 vec1 mat1 tensor1 tensor2 input1 input2 x1 x2 query
    key anchor
        positive negative source src boundaries sorted_sequence values target weight LU LD theta grid log_probs logits
        real imag
        abs angle elements test_elements data obj end q var mean std hx gradient sequence batch_sizes sequences""",
    "operand": "other value exponent min max start condition fill_value mask prepend append start_tensor",
    "index": "index pivots sorter target_lengths input_lengths targets offsets lengths indices_tensor shifts_tensor",
    "indices": "indices",
    "maybe_tensor": """bias running_mean running_var weights fweights aweights pos_weight per_sample_weights attn_mask
    bias_k
        bias_v in_proj_bias out_proj_bias key_padding_mask out _random_samples in_proj_weight out_proj_weight
        q_proj_weight
        k_proj_weight v_proj_weight linear_bias linear_weight head_bias initial""",
    "dim": "dim dim0 dim1 dim2 axis axis0 axis1 dimension start_dim end_dim offset diagonal destination k n",
    "dims": "dims axes s_dims",
    "size": "size shape sizes output_size normalized_shape physical_layout s unflattened_size shapes",
    "extents": """kernel_size stride padding_ dilation output_padding repeats times shifts scale_factor upscale_factor
        downscale_factor reps output_ratio""",
    "padding": "padding pad",
    "sections": "indices_or_sections split_size_or_sections split_sizes split_size chunks",
    "small": """groups num_groups in_channels out_channels num_features in_features out_features num_embeddings
    embedding_dim
        hidden_size input_size num_layers num_heads embed_dim nhead d_model dim_feedforward num_classes steps m N row
        col
        num_samples bins minlength length window_length storage_offset low high step r num_channels num_parameters
        proj_size
        embed_dim_to_check n_classes in1_features in2_features kdim vdim decimals blank ignore_index padding_idx
        num_chunks
        num_encoder_layers num_decoder_layers total_length correction count""",
    "number": """alpha beta p eps lambd negative_slope momentum rtol atol margin delta tau threshold dropout
    label_smoothing
        scale base norm_type max_norm lower upper dropout_p nan prob neginf posinf min_val max_val maxnorm dx rcond
        tol median
        sigma lo hi layer_norm_eps div_value min_value max_value init gain sparsity norm sampling_freq""",
    "maybe_number": "divisor_override",
    "flag": """keepdim keepdims bias_ ceil_mode inplace requires_grad pin_memory training affine track_running_stats
    swap
        count_include_pad return_indices align_corners descending stable largest sorted return_inverse return_counts
        accumulate include_self unbiased full log_input hermitian left upper_ batch_first elementwise_affine sparse
        scale_grad_by_freq zero_infinity include_last_offset equal_nan as_tuple replacement periodic sparse_grad right
        out_int32 invert assume_unique increasing check_errors pivot adjoint unitriangular full_matrices
        with_replacement
        enforce_sorted need_weights add_zero_attn is_causal bidirectional norm_first antialias recompute_scale_factor
        use_input_stats hard log_target train enable_gqa size_average copy non_blocking wrap persistent add_bias_kv
        sym""",
    "dtype_name": "dtype",
    "device": "device",
    "layout": "layout",
    "memory_format": "memory_format",
    "word": """reduction mode padding_mode interpolation indexing side approximate rounding_mode UPLO driver
        nonlinearity""",
    "reduce": "reduce",
    "word_or_number": "ord",
    "tensors": "tensors matrices operands parameters",
    "function": "callable distance_function activation named",
}
KIND_OF = {name: kind for kind, names in KINDS.items() for name in names.split()}


def public_callables(library):
    """(dotted name, signature or None) of what can be called, in a fixed order."""
    found = []
    for place in PLACES:
        owner = library
        for part in place.split(".")[1:]:
            owner = getattr(owner, part)
        for name in sorted(dir(owner)):
            private = name.startswith("_") and not (place == "torch.Tensor" and name in OPERATORS)
            if private or name in LEFT_OUT:
                continue
            f = getattr(owner, name)
            if (
                not callable(f)
                or isinstance(f, type)
                and place != "torch.nn"
                or getattr(f, "__module__", "") == "typing"
            ):
                continue
            try:
                signature = inspect.signature(f)
            except (TypeError, ValueError):
                signature = None
            found.append((f"{place}.{name}", signature))
    return found


OPERATORS = set(
    """__add__ __and__ __bool__ __complex__ __contains__ __eq__ __float__ __floordiv__ __format__ __ge__ __getitem__
    __gt__
    __iadd__ __iand__ __ifloordiv__ __ilshift__ __imod__ __imul__ __index__ __int__ __invert__ __ipow__ __irshift__
    __isub__
    __iter__ __itruediv__ __le__ __len__ __lshift__ __lt__ __matmul__ __mod__ __mul__ __ne__ __neg__ __or__ __pow__
    __radd__
    __rdiv__ __repr__ __rfloordiv__ __rlshift__ __rmatmul__ __rmod__ __rmul__ __ror__ __rpow__ __rrshift__ __rshift__
    __rsub__
    __rtruediv__ __rxor__ __setitem__ __sub__ __truediv__ __xor__""".split()
)


def call_of(name, signature, rng):
    """The text of a call of the function."""
    draw = Draw(rng)
    arguments = []
    for p in signature.parameters.values() if signature else ():
        if p.name == "self":
            continue
        if p.kind == p.VAR_POSITIONAL:
            kind = (
                "dim" if p.name in ("dims", "axes") else "tensor" if p.name == "tensors" else None
            )
            for _ in range(rng.choice((0, 1, 1, 2, 2, 3))):
                arguments.append(
                    getattr(draw, kind)()
                    if kind
                    else draw.some(draw.small(), draw.dim(), draw.anything())
                )
            continue
        if p.kind == p.VAR_KEYWORD or p.name == "generator":
            continue
        if p.default is not p.empty and rng.random() < 0.6:
            continue
        text = draw.argument(p.name)
        by_name = p.kind == p.KEYWORD_ONLY or p.default is not p.empty
        arguments.append(f"{p.name}={text}" if by_name else text)
    arguments.sort(key=lambda text: "=" in text.split("(")[0])  # names last
    if name.startswith("torch.Tensor."):
        method = name.rpartition(".")[2]
        if method in ("__getitem__", "__setitem__") or rng.random() < 0.02 and signature:
            return item_call(draw)
        return f"{draw.tensor()}.{method}({', '.join(arguments)})"
    text = f"{name}({', '.join(arguments)})"
    if name.startswith("torch.nn.") and name.split(".")[2][0].isupper():
        text += f"({', '.join(draw.tensor() for _ in range(rng.choice((1, 1, 1, 2, 2, 3))))})"
    return text


def item_call(draw):
    """Reading or writing by an index."""
    rng = draw.rng

    def part():
        kind = rng.randrange(8)
        if kind == 0:
            return f"slice({draw.dim()}, {draw.maybe(draw.int)}, {draw.maybe(draw.small)})"
        return (
            draw.dim,
            draw.index,
            lambda: "None",
            lambda: "...",
            draw.bool,
            draw.ints,
            lambda: "slice(None)",
        )[kind - 1]()

    parts = [part() for _ in range(rng.choice((0, 1, 1, 2, 2, 3, 4)))]
    index = parts[0] if len(parts) == 1 else "(" + "".join(x + ", " for x in parts) + ")"
    if rng.random() < 0.5:
        return f"{draw.tensor()}.__getitem__({index})"
    return f"{draw.tensor()}.__setitem__({index}, {draw.operand()})"
