"""PyTorch's names of the tensors that nodes save: `grad_fn._saved_mat2`, which tools that draw graphs show.

A list; what the nodes compute it must not know.
"""

# The names in the order in which the nodes keep the tensors (-: one that has no name), and the nodes, each without
# "Backward".  Of operators of the table those stand here whose operands are not called self and other.
_NODES = {
    "L": "LinalgCholeskyEx0",
    "condition": "Where0",
    "index": """
        Gather0 IndexAdd0 IndexCopy0 IndexFill0 IndexFill1 IndexSelect0 Put0 Scatter0 Scatter1 ScatterAdd0 Take0
    """,
    "indices": "Cummax0 Cummin0 Kthvalue0 Max0 Median1 Min0 Mode0 Nanmedian1 Sort0 Sort1 Topk0",
    "inverse": "LinalgInvEx0",
    "mask": "MaskedFill0 MaskedFill1 MaskedScatter0 MaskedSelect0",
    "result": "Cholesky0 LogSoftmax0 Softmax0",
    "result1": "AdaptiveMaxPool2D0 AdaptiveMaxPool3D0 MaxPool2DWithIndices0 MaxPool3DWithIndices0",
    "self": """
        AdaptiveAvgPool2D0 AdaptiveAvgPool3D0 AvgPool2D0 AvgPool3D0 Cumprod0 FftR2C0 LinalgMatrixExp0 Nansum0 Renorm0
        Var0 VarMean0
    """,
    "A result": "LinalgDet0",
    "A sign": "LinalgSlogdet0",
    "A solution": "TriangularSolve0",
    "LU pivots": "LinalgLuFactorEx0",
    "Q R": "LinalgQr0",
    "batch1 batch2": "Addbmm0 Baddbmm0",
    "eigenvalues eigenvectors": "LinalgEig0 LinalgEigh0",
    "input tau": "LinalgHouseholderProduct0",
    "input weight": "Convolution0",
    "input2 result": "CholeskySolve0",
    "mat vec": "Addmv0",
    "mat1 mat2": "Addmm0",
    "real imag": "Complex0",
    "self mat2": "Bmm0 Mm0",
    "self max": "ClampMax1",
    "self min": "ClampMin1",
    "self other": "LinalgCross0 Vdot0",
    "self result": """
        Amax0 Amin0 CholeskyInverse0 LinalgPinv0 LinalgSolveTriangular0 LinalgVectorNorm0 Logcumsumexp0 Logsumexp0
        Max1 Median0 Min1 Nanmedian0 Prod0 Prod1 Std0
    """,
    "self result0": "StdMean0",
    "self target": "MseLoss0",
    "self tensor": "Dot0",
    "self vec": "Mv0",
    "self weight": "PreluKernel0",
    "- tensor1 tensor2": "Addcdiv0 Addcmul0",
    "P L U": "LinalgLu0",
    "U S Vh": "LinalgSvd0",
    "self b solution": "LinalgLstsq0",
    "self end weight": "Lerp1",
    "self input2 input3": "Ormqr0",
    "self min max": "Aminmax0 Clamp0",
    "self other result": "Dist0",
    "x1 x2 result": "Cdist0",
    "A LU pivots result": "LinalgSolveEx0",
    "input weight result1 result2": "NativeBatchNorm0 NativeGroupNorm0 NativeLayerNorm0",
    "self exponent - result": "Pow0 Pow1",
    "self source index result": "IndexReduce0",
    "self src index result": "ScatterReduce0",
}
SAVED = {
    f"{node[:-1]}Backward{node[-1]}": tuple(None if name == "-" else name for name in names.split())
    for names, nodes in _NODES.items()
    for node in nodes.split()
}
