"""Names of those parts of PyTorch that cygrad does not have, for programs that name them without using them.

Programs import torch.distributed to ask whether it is available, compare with `isinstance(m, torch.jit.ScriptModule)`,
or decorate with `torch._dynamo.disable`. That works: a stand-in can be imported, named, subclassed and compared with.
Whatever would need the real thing raises NotImplementedError, which names it and says why it is not there.

`TABLE` has a paragraph per module, [its name] why it is not there: its names, in the forms that `_standins.made` reads.
Where "*" ends the names, no more than a few of them are worth a line: any other name, and any module inside, is there
as a class that cannot be instantiated.
"""

import functools
import importlib
import importlib.machinery
import sys

from cygrad import _standins
from cygrad._standins import Member  # noqa: F401  pickles of earlier versions name it here

TABLE = """
[_C] PyTorch's C++ is not there: _get_tracing_state = None; _is_tracing = False;
    _current_graph_task_id = -1; _are_functorch_transforms_active = False;
    _get_privateuse1_backend_name = "privateuseone"; _jit_can_fuse_on_cpu = False; _jit_can_fuse_on_gpu = False;
    _jit_override_can_fuse_on_cpu = None; _jit_override_can_fuse_on_gpu = None; _jit_set_nvfuser_enabled = None;
    _jit_set_nvfuser_guard_mode = None; _jit_set_profiling_executor = None; _jit_set_profiling_mode = None;
    _jit_set_texpr_fuser_enabled = None; _set_math_sdp_allow_fp16_bf16_reduction = None;
    ._get_accelerator = torch._utils._accelerator_or_cpu; ._get_default_device = torch._utils._default_device;
    @_jit_set_autocast_mode; _has_mkldnn = False;
    _log_api_usage_once = None; _LinAlgError(RuntimeError); _DistStoreError(RuntimeError); ScriptObject(); Graph();
    Value(); Node();
    .Generator = torch.Generator; ._TensorBase = torch.Tensor; ._TensorMeta = torch.Tensor.__class__;
    .TensorBase = torch.Tensor; .Size = torch.Size;
    .dtype = torch.dtype; .device = torch.device; .layout = torch.layout; .memory_format = torch.memory_format;
    .DisableTorchFunction = torch._dispatch.DisableTorchFunction;
    .DisableTorchFunctionSubclass = torch._dispatch.DisableTorchFunctionSubclass;
    ._disabled_torch_function_impl = torch._dispatch._disabled_torch_function_impl;
    DispatchKey(); DispatchKeySet(); _ExcludeDispatchKeyGuard(); _get_cudnn_enabled = False
[_C._distributed_c10d] see torch.distributed: .ProcessGroup = torch.distributed.ProcessGroup;
    .Store = torch.distributed.Store; .Work = torch.distributed.Work; *
[_C._distributed_rpc] it is not on MPI: *
[_C._nn] : ._parse_to = torch.nn._convert.parse_to; .gelu = torch.nn.functional.gelu;
    .linear = torch.nn.functional.linear; .pad = torch.nn.functional.pad;
    .softplus = torch.nn.functional.softplus; .one_hot = torch.nn.functional.one_hot;
    .avg_pool2d = torch.nn.functional.avg_pool2d; .avg_pool3d = torch.nn.functional.avg_pool3d;
    .adaptive_avg_pool2d = torch.nn.functional.adaptive_avg_pool2d;
    .adaptive_avg_pool3d = torch.nn.functional.adaptive_avg_pool3d; .elu_ = torch.nn.functional.elu_;
    .hardtanh_ = torch.nn.functional.hardtanh_; .leaky_relu_ = torch.nn.functional.leaky_relu_;
    .log_sigmoid = torch.nn.functional.logsigmoid; .softshrink = torch.nn.functional.softshrink;
    .scaled_dot_product_attention = torch.nn.functional.scaled_dot_product_attention
[_C._functorch] see torch.func: is_legacy_batchedtensor = False; is_batchedtensor = False; is_functorch_wrapped_tensor
    = False; is_gradtrackingtensor = False; get_unwrapped; maybe_get_level = -1; peek_interpreter_stack = None; *
[_jit_internal] there is no TorchScript: @_overload; @_overload_method; @export; @unused; @ignore; is_scripting = False;
    .Final = torch.jit.Final; .Future = torch.futures.Future
[_custom_op] there are no operators but cygrad's own:
[_custom_op.impl] there are no operators but cygrad's own: custom_op
[_decomp] operators are not taken apart: get_decompositions; @register_decomposition
[_dynamo] programs are not compiled: reset = None; graph_break = None; explain; export; is_compiling = False;
    is_dynamo_supported = False; @allow_in_graph; @disallow_in_graph; @forbid_in_graph; @disable; @run; @optimize;
    @assume_constant_result; @dont_skip_tracing; @nonstrict_trace; mark_dynamic = None; mark_static = None;
    mark_static_address = None; maybe_mark_dynamic = None; mark_unbacked = None; list_backends = []; lookup_backend;
    register_backend; .OptimizedModule = torch.compiler.OptimizedModule; *
[_dynamo.eval_frame] programs are not compiled: is_dynamo_supported = False; .OptimizedModule =
    torch.compiler.OptimizedModule
[_dynamo._trace_wrapped_higher_order_op] programs are not compiled: TransformGetItemToIndex()
[_dynamo.config] : .suppress_errors = False; .compiled_autograd = False; .verbose = False; .cache_size_limit = 8;
    .recompile_limit = 8; .capture_scalar_outputs = False; .capture_dynamic_output_shape_ops = False;
    .optimize_ddp = True; .automatic_dynamic_shapes = True; .assume_static_by_default = True; .disable = True;
    .accumulated_cache_size_limit = 256; .guard_nn_modules = True; .inline_inbuilt_nn_modules = True;
    .allow_unspec_int_on_nn_module = False; .error_on_recompile = False
[_dynamo.decorators] programs are not compiled: @disable; @allow_in_graph; mark_static_address = None
[_dynamo.exc] : TensorifyScalarRestartAnalysis(RuntimeError); Unsupported(RuntimeError);
    TorchDynamoException(RuntimeError); InvalidBackend(RuntimeError); BackendCompilerFailed(RuntimeError)
[_dynamo.external_utils] : is_compiling = False
[_dynamo.utils] programs are not compiled: .counters = {}; same; is_compile_supported = False
[_functorch] see torch.func: *
[_functorch.config] :
[_guards] programs are not compiled: detect_fake_mode = None; active_fake_mode = None; *
[_higher_order_ops] programs are not compiled: map; foreach_map; scan; associative_scan;
    .cond = torch.cond; .while_loop = torch.while_loop; *
[_higher_order_ops.associative_scan] programs are not compiled: associative_scan
[_inductor] programs are not compiled: cudagraph_mark_step_begin = None; aoti_load_package; aoti_compile_and_package;
    compile; list_options; *
[_inductor.async_compile] programs are not compiled: AsyncCompile()
[_inductor.codecache] programs are not compiled: PyCodeCache(); CppCodeCache()
[_inductor.config] : .cpp_wrapper = False; .epilogue_fusion = True; .freezing = False; .pattern_matcher = True;
    .coordinate_descent_tuning = False; .coordinate_descent_check_all_directions = False; .max_autotune = False;
    .force_fuse_int_mm_with_mul = False; .post_grad_custom_post_pass = None; .fallback_random = False;
    .fx_graph_cache = True; .triton = Settings(cudagraphs=False, unique_kernel_names=True, cudagraph_trees=True);
    .cpp = Settings(enable_kernel_profile=False, threads=-1, simdlen=None);
    .trace = Settings(enabled=False, log_autotuning_results=False, graph_diagram=False)
[_inductor.pattern_matcher] programs are not compiled: PatternMatcherPass(); register_replacement; fwd_only
[_inductor.utils] programs are not compiled: fresh_inductor_cache; fresh_cache
[_library] there are no operators but cygrad's own: register_fake_class
[_logging] : set_logs = None; getArtifactLogger
[_subclasses] programs are not traced: FakeTensor(); FakeTensorMode(); *
[_subclasses.fake_tensor] programs are not traced: FakeTensor(); FakeTensorMode(); is_fake = False; *
[ao] quantization is not there:
[ao.nn] quantization is not there:
[ao.nn.intrinsic] quantization is not there: ConvReLU2d(); ConvBn2d(); ConvBnReLU2d(); LinearReLU(); BNReLU2d()
[ao.nn.intrinsic.qat] quantization is not there: ConvReLU2d(); ConvBn2d(); ConvBnReLU2d(); LinearReLU();
    freeze_bn_stats; update_bn_stats
[ao.nn.qat] quantization is not there: Linear(); Conv2d()
[ao.nn.quantizable] quantization is not there: LSTM(); MultiheadAttention()
[ao.nn.quantized] quantization is not there: Linear(); Conv1d(); Conv2d(); Conv3d(); Embedding(); FloatFunctional();
    QFunctional(); ReLU6(); BatchNorm2d(); Quantize(); DeQuantize()
[ao.nn.quantized.dynamic] quantization is not there: Linear(); LSTM(); GRU(); LSTMCell(); GRUCell(); RNNCell()
[ao.nn.quantized.reference] quantization is not there: Linear(); Conv2d()
[ao.pruning] see torch.nn.utils.prune: WeightNormSparsifier(); BaseSparsifier(); FakeSparsity()
[ao.quantization] quantization is not there: convert; prepare; prepare_qat; quantize; quantize_dynamic; quantize_qat;
    fuse_modules; fuse_modules_qat; get_default_qconfig; get_default_qat_qconfig; get_default_qconfig_mapping;
    get_default_qat_qconfig_mapping; QConfig(); QConfigMapping(); QuantStub(); DeQuantStub(); QuantWrapper();
    MinMaxObserver(); MovingAverageMinMaxObserver(); PerChannelMinMaxObserver(); HistogramObserver();
    PlaceholderObserver(); NoopObserver(); ObserverBase(); FakeQuantize(); FakeQuantizeBase(); enable_observer;
    disable_observer; enable_fake_quant; disable_fake_quant; propagate_qconfig_; add_quant_dequant;
    .default_qconfig = None; .default_qat_qconfig = None; .default_dynamic_qconfig = None;
    .per_channel_dynamic_qconfig = None;
    .float16_dynamic_qconfig = None; .default_weight_observer = None; .default_observer = None;
    .default_per_channel_weight_observer = None; .default_fake_quant = None; swap_module
[ao.quantization.backend_config] quantization is not there: BackendConfig(); BackendPatternConfig(); DTypeConfig();
    DTypeWithConstraints(); ObservationType(OUTPUT_USE_DIFFERENT_OBSERVER_AS_INPUT, OUTPUT_SHARE_OBSERVER_WITH_INPUT,
    INPUT_OUTPUT_NOT_OBSERVED); get_native_backend_config
[ao.quantization.qconfig] quantization is not there: QConfig(); get_default_qconfig; get_default_qat_qconfig
[ao.quantization.quantize_fx] quantization is not there: prepare_fx; convert_fx; prepare_qat_fx; fuse_fx
[classes] there is no C++ interface: load_library; .loaded_libraries = []
[compiler.config] :
[cuda.comm] see torch.nn.DataParallel: broadcast; broadcast_coalesced; reduce_add; scatter; gather
[cuda.gds] there is no GPU-direct storage: GdsFile(); gds_register_buffer; gds_deregister_buffer
[cuda.graphs] there are no CUDA graphs: CUDAGraph(); graph(); make_graphed_callables; graph_pool_handle
[cuda.jiterator] kernels are not compiled from C++:
[cuda.memory] the memory is not recorded: _snapshot; _dump_snapshot; _record_memory_history; memory_snapshot;
    .memory_allocated = torch.cuda.memory_allocated; .memory_reserved = torch.cuda.memory_reserved;
    .max_memory_allocated = torch.cuda.max_memory_allocated; .max_memory_reserved = torch.cuda.max_memory_reserved;
    .memory_stats = torch.cuda.memory_stats; .memory_summary = torch.cuda.memory_summary;
    .mem_get_info = torch.cuda.mem_get_info; .empty_cache = torch.cuda.empty_cache;
    .reset_peak_memory_stats = torch.cuda.reset_peak_memory_stats
[cuda.nccl] torch.distributed runs on MPI: version; is_available = False; all_reduce; unique_id; init_rank
[cuda.tunable] there is nothing to tune: is_enabled = False; enable
[distributed._composable] it is not on MPI: checkpoint; replicate; *
[distributed._composable.fsdp] it is not on MPI: fully_shard; FSDPModule(); MixedPrecisionPolicy()
[distributed._functional_collectives] see torch.distributed: *
[distributed._shard] it is not on MPI: *
[distributed._tensor] it is not on MPI: = distributed.tensor; *
[distributed._tensor.device_mesh] it is not on MPI: DeviceMesh(); init_device_mesh
[distributed.algorithms._checkpoint] see torch.utils.checkpoint:
[distributed.algorithms._checkpoint.checkpoint_wrapper] see torch.utils.checkpoint: offload_wrapper; checkpoint_wrapper;
    CheckpointImpl(REENTRANT, NO_REENTRANT); apply_activation_checkpointing; CheckpointWrapper()
[distributed.algorithms.model_averaging] it is not on MPI: *
[distributed.autograd] it is not on MPI: is_available = False; backward; context(); get_gradients; *
[distributed.checkpoint.default_planner] checkpoints are folders, of which each rank writes a share:
    .DefaultSavePlanner = torch.distributed.checkpoint.DefaultSavePlanner;
    .DefaultLoadPlanner = torch.distributed.checkpoint.DefaultLoadPlanner; *
[distributed.checkpoint.hf_storage] checkpoints are folders, of which each rank writes a share: *
[distributed.checkpoint.optimizer] checkpoints are folders, of which each rank writes a share: *
[distributed.checkpoint.planner] checkpoints are folders, of which each rank writes a share: *
[distributed.elastic] it is not on MPI: *
[distributed.elastic.multiprocessing] it is not on MPI:
[distributed.elastic.multiprocessing.errors] it is not on MPI: @record; ChildFailedError(RuntimeError)
[distributed.fsdp] it is not on MPI: FullyShardedDataParallel(); fully_shard; FSDPModule();
    MixedPrecision(); MixedPrecisionPolicy(); CPUOffload(); CPUOffloadPolicy(); OffloadPolicy(); FullStateDictConfig();
    LocalStateDictConfig(); ShardedStateDictConfig(); StateDictConfig(); FullOptimStateDictConfig();
    ShardedOptimStateDictConfig(); OptimStateDictConfig(); UnshardHandle(); register_fsdp_forward_method;
    ShardingStrategy(FULL_SHARD, SHARD_GRAD_OP, NO_SHARD, HYBRID_SHARD, _HYBRID_SHARD_ZERO2);
    BackwardPrefetch(BACKWARD_PRE, BACKWARD_POST);
    StateDictType(FULL_STATE_DICT, LOCAL_STATE_DICT, SHARDED_STATE_DICT); *
[distributed.fsdp.api] it is not on MPI: = distributed.fsdp
[distributed.fsdp.fully_sharded_data_parallel] it is not on MPI: = distributed.fsdp
[distributed.fsdp.sharded_grad_scaler] it is not on MPI: ShardedGradScaler()
[distributed.fsdp.wrap] it is not on MPI: wrap; enable_wrap(); size_based_auto_wrap_policy;
    transformer_auto_wrap_policy; always_wrap_policy; lambda_auto_wrap_policy; ModuleWrapPolicy(); CustomPolicy()
[distributed.launcher] see torch.distributed.run: *
[distributed.pipelining] it is not on MPI: pipeline; PipelineStage(); ScheduleGPipe(); Schedule1F1B();
    SplitPoint(BEGINNING, END); pipe_split; *
[distributed.rpc] it is not on MPI: is_available = False; init_rpc; shutdown; remote; rpc_sync; rpc_async;
    get_worker_info; RRef(); WorkerInfo(); TensorPipeRpcBackendOptions(); BackendType(TENSORPIPE); *
[distributed.rpc.api] it is not on MPI: @_require_initialized; = distributed.rpc; *
[distributed.rpc.functions] it is not on MPI: @async_execution
[distributed.tensor] it is not on MPI: .Shard = torch.distributed._placements.Shard;
    .Replicate = torch.distributed._placements.Replicate; .Partial = torch.distributed._placements.Partial;
    .Placement = torch.distributed._placements.Placement; DTensor(); distribute_tensor; distribute_module;
    .DeviceMesh = torch.distributed.DeviceMesh; .init_device_mesh = torch.distributed.init_device_mesh; *
[distributed.tensor.device_mesh] it is not on MPI: .DeviceMesh = torch.distributed.DeviceMesh;
    .init_device_mesh = torch.distributed.init_device_mesh
[distributed.tensor.experimental] it is not on MPI: context_parallel; local_map
[distributed.tensor.experimental._attention] it is not on MPI: context_parallel_unshard; set_rotate_method
[distributed.tensor.placement_types] it is not on MPI: .Shard = torch.distributed._placements.Shard;
    .Replicate = torch.distributed._placements.Replicate; .Partial = torch.distributed._placements.Partial;
    .Placement = torch.distributed._placements.Placement; *
[distributed.tensor.parallel] it is not on MPI: parallelize_module; ColwiseParallel(); RowwiseParallel();
    SequenceParallel(); PrepareModuleInput(); PrepareModuleOutput(); PrepareModuleInputOutput(); ParallelStyle();
    loss_parallel
[distributed.utils] it is not on MPI: *
[export] programs are not traced: export; Dim(AUTO, DYNAMIC, STATIC); ExportedProgram(); default_decompositions; dims;
    save; load; register_dataclass; unflatten; draft_export; ShapesCollection(); ExportGraphSignature(); *
[export.dynamic_shapes] programs are not traced: = export
[fx.experimental] programs are not traced:
[fx.experimental.optimization] programs are not traced: fuse
[fx.experimental.proxy_tensor] programs are not traced: make_fx; get_proxy_mode = None; ProxyTorchDispatchMode()
[fx.experimental.symbolic_shapes] programs are not traced: ShapeEnv(); guard_size_oblivious; is_symbolic = False
[monitor] there is no monitoring: Event(); Stat(); log_event
[mtia] there is no MTIA: is_available = False; device_count = 0; is_initialized = False; synchronize; current_device
[nested._internal] nested tensors are not there: *
[nested] nested tensors are not there: nested_tensor; as_nested_tensor; to_padded_tensor; nested_tensor_from_jagged;
    narrow
[nn.intrinsic] quantization is not there: = ao.nn.intrinsic
[nn.intrinsic.qat] quantization is not there: = ao.nn.intrinsic.qat
[nn.intrinsic.quantized] quantization is not there: ConvReLU2d(); LinearReLU()
[nn.parallel.scatter_gather] one device runs a model: = nn.parallel
[nn.qat] quantization is not there: = ao.nn.qat
[nn.quantizable] quantization is not there: = ao.nn.quantizable
[nn.quantized] quantization is not there: = ao.nn.quantized
[nn.quantized.dynamic] quantization is not there: = ao.nn.quantized.dynamic
[numa] processes are not bound to parts of the memory: *
[onnx._internal] see torch.onnx.export: *
[onnx.operators] programs are not traced: shape_as_tensor; reshape_from_tensor_shape
[onnx.symbolic_helper] programs are not traced: @parse_args; _get_tensor_sizes
[onnx.utils] programs are not traced: export
[package] packages of models are not there: PackageExporter(); PackageImporter()
[quantization] quantization is not there: = ao.quantization
[quantization.quantize_fx] quantization is not there: = ao.quantization.quantize_fx
[utils._foreach_utils] the optimizers take their steps in compiled loops: *
[utils._triton] : has_triton = False; has_triton_package = False
[utils.bottleneck] see torch.profiler:
[utils.backend_registration] there are no other backends: rename_privateuse1_backend;
    generate_methods_for_privateuse1_backend
[utils.bundled_inputs] programs are not traced: augment_model_with_bundled_inputs
[utils.cpp_extension] cygrad has no C++ interface: BuildExtension(); CppExtension; CUDAExtension; SyclExtension; load;
    load_inline; include_paths; library_paths; check_compiler_abi_compatibility; is_ninja_available = False;
    verify_ninja_availability; .CUDA_HOME = None; .ROCM_HOME = None; .IS_HIP_EXTENSION = False
[utils.mobile_optimizer] programs are not traced: optimize_for_mobile
[utils._python_dispatch] operators are not dispatched by modes, see torch.overrides: TorchDispatchMode();
    is_traceable_wrapper_subclass = False
"""


@functools.cache
def _entries():
    """{module: (why it is not there, its names in the table)}."""
    entries = {}
    for block in TABLE.strip().split("\n["):
        head, _, rest = block.removeprefix("[").partition("]")
        why, _, names = rest.partition(":")
        entries[head] = why.strip(), names
    return entries


def _entry(name):
    """(why it is not there, its names) of torch.NAME, None if that is neither in the table nor inside a "*"."""
    if name in _entries():
        return _entries()[name]
    package = name.rpartition(".")[0]
    above = _entry(package) if package else None
    return (above[0], "*") if above and "*" in above[1] else None


class Loader:
    """Makes a module of the table."""

    @staticmethod
    def create_module(spec):
        return None

    @staticmethod
    def exec_module(module):
        name = module.__name__.removeprefix("cygrad.")
        why, names = _entry(name)
        whole = "*" in names
        vars(module).update(_standins.made(name, why, names.replace("*", "")))
        module.__doc__ = f"Stand-in for torch.{name}: {why or 'its settings change nothing'}."
        module.__getattr__ = functools.partial(Loader.any_name if whole else _standins.submodule, name)

    @staticmethod
    def any_name(module, name):
        """The stand-in of a name that the table does not list."""
        if name.startswith("__"):
            raise AttributeError(f"module 'torch.{module}' has no attribute '{name}'")
        full = f"{module}.{name}"
        if full in _entries():
            return importlib.import_module(f"cygrad.{full}")
        return _standins.stand_in(full + "()", _entry(module)[0])


class Finder:
    """The last to be asked for a module of cygrad: a part that exists goes before its stand-in."""

    @staticmethod
    def find_spec(fullname, path=None, target=None):
        if _entry(fullname.removeprefix("cygrad.")) is None:
            return None
        return importlib.machinery.ModuleSpec(fullname, Loader, is_package=True)


sys.meta_path.append(Finder)
