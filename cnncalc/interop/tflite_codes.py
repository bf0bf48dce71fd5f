"""The operators, options and data types of .tflite files by their numbers.

Source: the schema of TensorFlow Lite, version 3.
"""

from __future__ import annotations

from cnncalc.records import NamedTuple

OPERATORS = tuple(
    # one text is easier to read than over 200 quoted words
    """
    ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE EMBEDDING_LOOKUP FLOOR
    FULLY_CONNECTED HASHTABLE_LOOKUP L2_NORMALIZATION L2_POOL_2D LOCAL_RESPONSE_NORMALIZATION LOGISTIC
    LSH_PROJECTION LSTM MAX_POOL_2D MUL RELU RELU_N1_TO_1 RELU6 RESHAPE RESIZE_BILINEAR RNN SOFTMAX
    SPACE_TO_DEPTH SVDF TANH CONCAT_EMBEDDINGS SKIP_GRAM CALL CUSTOM EMBEDDING_LOOKUP_SPARSE PAD
    UNIDIRECTIONAL_SEQUENCE_RNN GATHER BATCH_TO_SPACE_ND SPACE_TO_BATCH_ND TRANSPOSE MEAN SUB DIV SQUEEZE
    UNIDIRECTIONAL_SEQUENCE_LSTM STRIDED_SLICE BIDIRECTIONAL_SEQUENCE_RNN EXP TOPK_V2 SPLIT LOG_SOFTMAX DELEGATE
    BIDIRECTIONAL_SEQUENCE_LSTM CAST PRELU MAXIMUM ARG_MAX MINIMUM LESS NEG PADV2 GREATER GREATER_EQUAL
    LESS_EQUAL SELECT SLICE SIN TRANSPOSE_CONV SPARSE_TO_DENSE TILE EXPAND_DIMS EQUAL NOT_EQUAL LOG SUM SQRT
    RSQRT SHAPE POW ARG_MIN FAKE_QUANT REDUCE_PROD REDUCE_MAX PACK LOGICAL_OR ONE_HOT LOGICAL_AND LOGICAL_NOT
    UNPACK REDUCE_MIN FLOOR_DIV REDUCE_ANY SQUARE ZEROS_LIKE FILL FLOOR_MOD RANGE RESIZE_NEAREST_NEIGHBOR
    LEAKY_RELU SQUARED_DIFFERENCE MIRROR_PAD ABS SPLIT_V UNIQUE CEIL REVERSE_V2 ADD_N GATHER_ND COS WHERE RANK
    ELU REVERSE_SEQUENCE MATRIX_DIAG QUANTIZE MATRIX_SET_DIAG ROUND HARD_SWISH IF WHILE NON_MAX_SUPPRESSION_V4
    NON_MAX_SUPPRESSION_V5 SCATTER_ND SELECT_V2 DENSIFY SEGMENT_SUM BATCH_MATMUL
    PLACEHOLDER_FOR_GREATER_OP_CODES CUMSUM CALL_ONCE BROADCAST_TO RFFT2D CONV_3D IMAG REAL COMPLEX_ABS
    HASHTABLE HASHTABLE_FIND HASHTABLE_IMPORT HASHTABLE_SIZE REDUCE_ALL CONV_3D_TRANSPOSE VAR_HANDLE
    READ_VARIABLE ASSIGN_VARIABLE BROADCAST_ARGS RANDOM_STANDARD_NORMAL BUCKETIZE RANDOM_UNIFORM MULTINOMIAL
    GELU DYNAMIC_UPDATE_SLICE RELU_0_TO_1 UNSORTED_SEGMENT_PROD UNSORTED_SEGMENT_MAX UNSORTED_SEGMENT_SUM ATAN2
    UNSORTED_SEGMENT_MIN SIGN BITCAST BITWISE_XOR RIGHT_SHIFT STABLEHLO_LOGISTIC STABLEHLO_ADD STABLEHLO_DIVIDE
    STABLEHLO_MULTIPLY STABLEHLO_MAXIMUM STABLEHLO_RESHAPE STABLEHLO_CLAMP STABLEHLO_CONCATENATE
    STABLEHLO_BROADCAST_IN_DIM STABLEHLO_CONVOLUTION STABLEHLO_SLICE STABLEHLO_CUSTOM_CALL STABLEHLO_REDUCE
    STABLEHLO_ABS STABLEHLO_AND STABLEHLO_COSINE STABLEHLO_EXPONENTIAL STABLEHLO_FLOOR STABLEHLO_LOG
    STABLEHLO_MINIMUM STABLEHLO_NEGATE STABLEHLO_OR STABLEHLO_POWER STABLEHLO_REMAINDER STABLEHLO_RSQRT
    STABLEHLO_SELECT STABLEHLO_SUBTRACT STABLEHLO_TANH STABLEHLO_SCATTER STABLEHLO_COMPARE STABLEHLO_CONVERT
    STABLEHLO_DYNAMIC_SLICE STABLEHLO_DYNAMIC_UPDATE_SLICE STABLEHLO_PAD STABLEHLO_IOTA STABLEHLO_DOT_GENERAL
    STABLEHLO_REDUCE_WINDOW STABLEHLO_SORT STABLEHLO_WHILE STABLEHLO_GATHER STABLEHLO_TRANSPOSE DILATE
    STABLEHLO_RNG_BIT_GENERATOR REDUCE_WINDOW STABLEHLO_COMPOSITE STABLEHLO_SHIFT_LEFT STABLEHLO_CBRT
    STABLEHLO_CASE
    """.split()  # noqa: SIM905
)
"""The names of the operators, by their numbers."""
CUSTOM = "CUSTOM"
"""The operator whose name is in the file."""

TYPES = (
    "float32", "float16", "int32", "uint8", "int64", "string", "bool", "int16", "complex64", "int8", "float64",
    "complex128", "uint64", "resource", "variant", "uint32", "uint16", "int4",
)  # fmt: skip
"""The names of the data types, by their numbers."""

CODES = {
    "float32": "f", "float16": "e", "int32": "i", "uint8": "B", "int64": "q", "bool": "?", "int16": "h", "int8": "b",
    "float64": "d", "uint64": "Q", "uint32": "I", "uint16": "H",
}  # fmt: skip
"""The format characters of :mod:`struct` for the data types whose elements are read."""


class Option(NamedTuple):
    """An option of an operator: its field in the table of options, its type and its default.

    The type is a format character of :mod:`struct`, or ``*`` for a vector of int32.
    """

    field: int
    type: str
    default: float = 0


PADDINGS = ("SAME", "VALID")
ACTIVATIONS = (None, "RELU", "RELU_N1_TO_1", "RELU6", "TANH", "SIGN_BIT")
"""The fused activation functions, by their numbers."""

_WINDOW = {"padding": Option(0, "b"), "stride_w": Option(1, "i"), "stride_h": Option(2, "i")}
_POOL = {**_WINDOW, "filter_w": Option(3, "i"), "filter_h": Option(4, "i"), "activation": Option(5, "b")}
_ACTIVATION = {"activation": Option(0, "b")}
_REDUCER = {"keep_dims": Option(0, "?")}
_CORNERS = {"align_corners": Option(0, "?"), "half_pixel_centers": Option(1, "?")}

OPTIONS: dict[str, dict[str, Option]] = {
    "CONV_2D": {
        **_WINDOW, "activation": Option(3, "b"), "dilation_w": Option(4, "i", 1), "dilation_h": Option(5, "i", 1),
    },
    "DEPTHWISE_CONV_2D": {
        **_WINDOW, "depth_multiplier": Option(3, "i"), "activation": Option(4, "b"), "dilation_w": Option(5, "i", 1),
        "dilation_h": Option(6, "i", 1),
    },
    "TRANSPOSE_CONV": {**_WINDOW, "activation": Option(3, "b")},
    **dict.fromkeys(("AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D"), _POOL),
    "FULLY_CONNECTED": {**_ACTIVATION, "weights_format": Option(1, "b"), "keep_num_dims": Option(2, "?")},
    **dict.fromkeys(("ADD", "SUB", "MUL", "DIV", "L2_NORMALIZATION"), _ACTIVATION),
    "CONCATENATION": {"axis": Option(0, "i"), "activation": Option(1, "b")},
    "SOFTMAX": {"beta": Option(0, "f")},
    **dict.fromkeys(("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN"), _REDUCER),
    "RESHAPE": {"shape": Option(0, "*")},
    "SQUEEZE": {"axes": Option(0, "*")},
    "LEAKY_RELU": {"alpha": Option(0, "f")},
    "GELU": {"approximate": Option(0, "?")},
    "RESIZE_BILINEAR": {"align_corners": Option(2, "?"), "half_pixel_centers": Option(3, "?")},
    "RESIZE_NEAREST_NEIGHBOR": _CORNERS,
    "SPACE_TO_DEPTH": {"block": Option(0, "i")},
    "DEPTH_TO_SPACE": {"block": Option(0, "i")},
    "LOCAL_RESPONSE_NORMALIZATION": {
        "radius": Option(0, "i"), "bias": Option(1, "f"), "alpha": Option(2, "f"), "beta": Option(3, "f"),
    },
    "STRIDED_SLICE": {
        "begin_mask": Option(0, "i"), "end_mask": Option(1, "i"), "ellipsis_mask": Option(2, "i"),
        "new_axis_mask": Option(3, "i"), "shrink_axis_mask": Option(4, "i"), "offset": Option(5, "?"),
    },
    "GATHER": {"axis": Option(0, "i"), "batch_dims": Option(1, "i")},
    "PACK": {"count": Option(0, "i"), "axis": Option(1, "i")},
    "MIRROR_PAD": {"mode": Option(0, "b")},
    "BATCH_MATMUL": {"adj_x": Option(0, "?"), "adj_y": Option(1, "?")},
    "SVDF": {"rank": Option(0, "i"), "activation": Option(1, "b")},
    "UNIDIRECTIONAL_SEQUENCE_LSTM": {"time_major": Option(3, "?")},
}  # fmt: skip
"""The options that are read, by operator."""
