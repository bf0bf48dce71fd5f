"""Which inputs and attributes each operator of ONNX has in which version of the operator set.

Source: the operator schemas of ONNX, up to operator set 28, and those of ONNX Runtime for LayerNormalization and
SimplifiedLayerNormalization, which it has in the domain of ONNX in every operator set.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from cnncalc.records import NamedTuple
from cnncalc.units import plural

if TYPE_CHECKING:
    from collections.abc import Mapping

NEWEST = 28
"""The newest operator set that the table describes; operators of newer ones are not compared with it."""

INTERNAL = "__"
"""The first characters of attributes that a writer adds for its own use: every operator may have them."""

# Operators | operator sets | inputs | attributes. "11:1-3" among the inputs: 1 to 3 inputs from operator set 11 on.
# "axis:-6" among the attributes: axis exists up to operator set 6. "!" marks a required attribute. An indented line
# continues the line before it.
_TABLE = """
Abs Ceil Exp Floor Log Neg Reciprocal Relu Sigmoid Sqrt Tanh | 1 | 1 | consumed_inputs:-5
Add Div Mul Sub | 1 | 2 | axis:-6 broadcast:-6 consumed_inputs:-5
And Equal Greater Less Or Pow | 1 | 2 | axis:-6 broadcast:-6
Attention | 23 | 3-6 24:3-7 | is_causal kv_num_heads left_window_size:25- q_num_heads qk_matmul_output_mode
  right_window_size:25- scale softcap softmax_precision
AveragePool | 1 | 1 | auto_pad ceil_mode:10- count_include_pad:7- dilations:19- kernel_shape! pads strides
BatchNormalization | 1 | 5 | consumed_inputs!:-5 epsilon is_test:-6 momentum spatial:-8 training_mode:14-
Cast | 1 | 1 | round_mode:24- saturate:19- to!
CastLike | 15 | 2 | round_mode:24- saturate:19-
Celu | 12 | 1 | alpha
Clip | 1 | 1 11:1-3 | consumed_inputs:-5 max:-10 min:-10
Concat | 1 | 1- | axis:-3 axis!:4-
Constant | 1 | 0 | sparse_value:11- value!:-10 value:11- value_float:12- value_floats:12- value_int:12- value_ints:12-
  value_string:12- value_strings:12-
ConstantOfShape | 9 | 1 | value
Conv | 1 | 2-3 | auto_pad dilations group kernel_shape pads strides
ConvTranspose | 1 | 2-3 | auto_pad dilations group kernel_shape output_padding output_shape pads strides
Cos Sin | 7 | 1 |
CumSum | 11 | 2 | exclusive reverse
DepthToSpace | 1 | 1 | blocksize! mode:11-
DequantizeLinear | 10 | 2-3 | axis:13- block_size:21- output_dtype:23-
Dropout | 1 | 1 12:1-3 | consumed_inputs:-5 is_test:-6 ratio:-11 seed:12-
Einsum | 12 | 1- | equation!
Elu LeakyRelu | 1 | 1 | alpha consumed_inputs:-5
Erf IsNaN Sign | 9 | 1 |
Expand | 8 | 2 |
Flatten LogSoftmax Softmax | 1 | 1 | axis
Gather | 1 | 2 | axis
GatherND | 11 | 2 | batch_dims:12-
Gelu | 20 | 1 | approximate
Gemm | 1 | 3 11:2-3 | alpha beta broadcast:-6 transA transB
GlobalAveragePool GlobalMaxPool Identity Not Size Softplus Softsign | 1 | 1 |
GreaterOrEqual LessOrEqual | 12 | 2 |
GroupNormalization | 18 | 3 | epsilon num_groups! stash_type:21-
HardSigmoid | 1 | 1 | alpha beta consumed_inputs:-5
HardSwish | 14 | 1 |
InstanceNormalization | 1 | 3 | consumed_inputs:-5 epsilon
IsInf | 10 | 1 | detect_negative detect_positive
LRN | 1 | 1 | alpha beta bias size!
LayerNormalization | 1 | 2-3 | axis epsilon stash_type
LpNormalization | 1 | 1 | axis p
LpPool | 1 | 1 | auto_pad ceil_mode:18- dilations:18- kernel_shape:-1 kernel_shape!:2- p pads strides
MatMul | 1 | 2 |
Max Mean Min Sum | 1 | 1- | consumed_inputs:-5
MaxPool | 1 | 1 | auto_pad ceil_mode:10- dilations:10- kernel_shape! pads storage_order:8- strides
MaxUnpool | 9 | 2-3 | kernel_shape! pads strides
Mish | 18 | 1 |
Mod | 10 | 2 | fmod
PRelu | 1 | 2 | consumed_inputs:-5
Pad | 1 | 1 11:2-3 18:2-4 | mode paddings!:-1 pads!:2-10 value:-10
QuantizeLinear | 10 | 2-3 | axis:13- block_size:21- output_dtype:21- precision:23- saturate:19-
RMSNormalization | 23 | 2 | axis epsilon stash_type
Range | 11 | 3 | stash_type:27-
ReduceL2 ReduceMax ReduceMean ReduceMin ReduceProd ReduceSumSquare | 1 | 1 18:1-2 | axes:-17 keepdims
  noop_with_empty_axes:18-
ReduceSum | 1 | 1 13:1-2 | axes:-12 keepdims noop_with_empty_axes:13-
Reshape | 1 | 1 5:2 | allowzero:14- consumed_inputs:-4 shape:-4
Resize | 10 | 2 11:3-4 13:1-4 | antialias:18- axes:18- coordinate_transformation_mode:11- cubic_coeff_a:11-
  exclude_outside:11- extrapolation_value:11- keep_aspect_ratio_policy:18- mode nearest_mode:11-
Round | 11 | 1 |
ScatterElements | 11 | 3 | axis reduction:16-
ScatterND | 11 | 3 | reduction:16-
Selu | 1 | 1 | alpha consumed_inputs:-5 gamma
Shape | 1 | 1 | end:15- start:15-
Slice | 1 | 1 10:3-5 | axes:-9 ends!:-9 starts!:-9
SimplifiedLayerNormalization | 1 | 2 | axis epsilon stash_type
SpaceToDepth | 1 | 1 | blocksize! mode:28-
Split | 1 | 1-2 2:1 13:1-2 | axis num_outputs:18- split:-12
Squeeze | 1 | 1 13:1-2 | axes:-12
Swish | 24 | 1 | alpha
Tile | 1 | 3 6:2 |
Transpose | 1 | 1 | perm
Trilu | 14 | 1-2 | upper
Unsqueeze | 1 | 1 13:2 | axes!:-12
Upsample | 1-9 | 1 9:2 | height_scale!:-6 mode scales!:7-8 width_scale!:-6
Where | 9 | 3 |
"""


class Span(NamedTuple):
    """The operator sets from ``first`` to ``last``."""

    first: int
    last: int

    def __contains__(self, version: object) -> bool:
        return isinstance(version, int) and self.first <= version <= self.last

    def __str__(self) -> str:
        if self.last == NEWEST:
            return f"since {self.first}"
        return f"until {self.last}" if self.first == 1 else f"from {self.first} to {self.last}"


class Attribute(NamedTuple):
    """An attribute: the operator sets that have it, and whether it is required."""

    name: str
    span: Span
    is_required: bool


class Form(NamedTuple):
    """An operator: the operator sets that have it; its numbers of inputs, oldest first; its attributes.

    An item of ``inputs`` is an operator set, and the fewest and the most inputs from it on (None: any number).
    """

    span: Span
    inputs: tuple[tuple[int, int, int | None], ...]
    attributes: tuple[Attribute, ...]


def _span(text: str, default: Span) -> Span:
    """A range such as ``7-``, ``-10`` or ``2-10``; an omitted end is that of ``default``."""
    first, dash, last = text.partition("-")
    return Span(int(first or default.first), int(last or default.last) if dash else default.last)


def _inputs(text: str, since: int) -> tuple[tuple[int, int, int | None], ...]:
    found = []
    for part in text.split():
        version, _, count = part.rpartition(":")
        fewest, dash, most = count.partition("-")
        found.append((int(version or since), int(fewest), int(most or 0) or None if dash else int(fewest)))
    return tuple(found)


@cache
def table() -> Mapping[str, str]:
    """The line of the table for each operator, by name."""
    lines = _TABLE.strip().replace("\n  ", " ").splitlines()
    return {name: line for line in lines for name in line.partition("|")[0].split()}


@cache
def form_of(type: str) -> Form:
    """An operator of the table."""
    _, versions, inputs, attributes = [part.strip() for part in table()[type].split("|")]
    span = _span(versions, Span(1, NEWEST))
    each = []
    for part in attributes.split():
        name, _, where = part.partition(":")
        each.append(Attribute(name.rstrip("!"), _span(where, span), name.endswith("!")))
    return Form(span, _inputs(inputs, span.first), tuple(each))


# The type of each attribute, except "p" and "to", whose types have changed.
_TYPES = {
    "an integer": """allowzero antialias axis batch_dims block_size blocksize broadcast ceil_mode count_include_pad
        detect_negative detect_positive end exclude_outside exclusive fmod group is_causal is_test keepdims kv_num_heads
        left_window_size noop_with_empty_axes num_groups num_outputs output_dtype precision q_num_heads
        qk_matmul_output_mode reverse right_window_size saturate seed size softmax_precision spatial start stash_type
        storage_order training_mode transA transB upper value_int""",
    "a float": """alpha beta bias cubic_coeff_a epsilon extrapolation_value gamma height_scale max min momentum ratio
        scale softcap value_float width_scale""",
    "a text": """approximate auto_pad coordinate_transformation_mode equation keep_aspect_ratio_policy mode nearest_mode
        reduction round_mode value_string""",
    "a list of integers": """axes consumed_inputs dilations ends kernel_shape output_padding output_shape paddings pads
        perm shape split starts strides value_ints""",
    "a list of floats": "scales value_floats",
}


@cache
def _types() -> Mapping[str, str]:
    """The type of each attribute, as messages say it."""
    return {name: words for words, names in _TYPES.items() for name in names.split()}


SINGLE = {int: "an integer", float: "a float", str: "a text"}
LISTS = {int: "a list of integers", float: "a list of floats"}


def _type_of(value: Any) -> str:
    """The type of the value of an attribute; empty for an empty list, and for types that the table does not have."""
    if isinstance(value, tuple):
        return LISTS.get(type(value[0]), "") if value else ""
    return SINGLE.get(type(value), "")


def contradiction(type: str, version: int, inputs: int, attributes: Mapping[str, Any]) -> str:
    """Why an operator of ONNX cannot have this number of inputs and these attributes; empty if it can.

    >>> contradiction("Clip", 9, 3, {})
    'it has 3 inputs, but 1 in operator set 9'
    >>> contradiction("MaxPool", 8, 1, {"kernel_shape": (2, 2), "ceil_mode": 1})
    'it has no attribute ceil_mode in operator set 8 (since 10)'
    >>> contradiction("Softmax", 13, 1, {"axis": 1.0})
    'its attribute axis is a float, but must be an integer'
    """
    if type not in table() or version > NEWEST:
        return ""
    rules = _rules(type, version)
    if rules is None:
        return f"operator set {version} has no such operator ({form_of(type).span})"
    fewest, most = rules.fewest, rules.most
    if inputs < fewest or (most is not None and inputs > most):
        count = f"{fewest}" if fewest == most else f"{fewest} or more" if most is None else f"{fewest} to {most}"
        return f"it has {plural(inputs, 'input')}, but {count} in operator set {version}"
    faults = (_attribute_fault(type, version, rules, name, value) for name, value in attributes.items())
    fault = next(filter(None, faults), "")
    if fault:
        return fault
    missing = [name for name in rules.required if name not in attributes]
    return f"its attribute {missing[0]} is missing" if missing else ""


def _attribute_fault(type: str, version: int, rules: Rules, name: str, value: Any) -> str:
    """Why an operator cannot have this attribute; empty if it can."""
    wanted = rules.types.get(name)
    if wanted is None:
        if name.startswith(INTERNAL):
            return ""
        spans = [str(each.span) for each in form_of(type).attributes if each.name == name]
        when = f" in operator set {version} ({', '.join(spans)})" if spans else ""
        return f"it has no attribute {name}{when}"
    found = _type_of(value)
    return f"its attribute {name} is {found}, but must be {wanted}" if found and wanted and found != wanted else ""


class Rules(NamedTuple):
    """An operator in one operator set: its fewest and most inputs, the types of its attributes, the required ones."""

    fewest: int
    most: int | None
    types: Mapping[str, str]
    required: tuple[str, ...]


@cache
def _rules(type: str, version: int) -> Rules | None:
    """The rules for an operator of the table in an operator set; None if the set has no such operator."""
    form = form_of(type)
    if version not in form.span:
        return None
    _, fewest, most = max(entry for entry in form.inputs if entry[0] <= version)
    own = [each for each in form.attributes if version in each.span]
    types = {each.name: _types().get(each.name, "") for each in own}
    return Rules(fewest, most, types, tuple([each.name for each in own if each.is_required]))
