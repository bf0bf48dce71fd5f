"""Reads PyTorch modules as nets of operators with ``torch.export``, after ``torch.fx`` traces them if that fails.

Modules are run on meta tensors, so weights are not needed. A module is code of the user and is executed. PyTorch is
imported only here, and only for such a target.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from cnncalc.errors import DesignError, Problem
from cnncalc.interop.operators import Constant, Operator, OperatorNet
from cnncalc.interop.torch_operators import TRANSLATIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from cnncalc.volume import Volume

SKIPPED = ("_assert_tensor_metadata", "_assert_scalar", "sym_constrain_range", "sym_constrain_range_for_size")
"""Checks in an exported graph, which compute nothing."""


def operators_of(module: Any, inputs: dict[str, Volume], name: str) -> OperatorNet:
    """The operators that a module runs in inference on one image.

    ``inputs`` are volumes by the names of the parameters of ``forward``. The module gets tensors batch x depth x sides;
    if that fails, batch x depth for a volume of one position, then batch x length x depth for a sequence. Raises
    DesignError with the exception of the module if all fail, or if PyTorch is missing.
    """
    torch = imported_torch()
    was_training = module.training
    module.eval()
    try:
        problems = []
        for shapes in _shapes_to_try(inputs):
            try:
                return _exported(torch, module, dict(zip(inputs, shapes, strict=True)), name)
            except DesignError:
                raise
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # noqa: BLE001 (the module is code of the user, which may call sys.exit)
                problems.append(f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error) else ''}")
        sizes = ", ".join(f"{each}={volume.size}" for each, volume in inputs.items())
        message = f"{name} cannot be run on {sizes}: {problems[0]}"
        hint = "state the size of its input with --input; a module whose control flow depends on data cannot be read"
        raise DesignError([Problem("wrong-module", message, None, hint)])
    finally:
        module.train(was_training)


def imported_torch() -> Any:
    """The module ``torch``. Raises DesignError that names the extra if it is not installed."""
    try:
        import torch
    except ImportError:
        hint = "python -m pip install 'cnncalc[torch]'"
        raise DesignError([Problem("missing-extra", "reading a PyTorch module requires PyTorch", None, hint)]) from None
    return torch


def _shapes_to_try(inputs: dict[str, Volume]) -> Iterator[list[tuple[int, ...]]]:
    """The shapes of the input tensors that are tried, in order."""
    volumes = list(inputs.values())
    yield [(1, volume.depth, *volume.sides) for volume in volumes]
    if any(volume.is_point for volume in volumes):
        yield [(1, volume.depth) if volume.is_point else (1, volume.depth, *volume.sides) for volume in volumes]
    if any(len(volume.sides) == 1 for volume in volumes):
        yield [(1, *volume) if len(volume.sides) == 1 else (1, volume.depth, *volume.sides) for volume in volumes]


def _exported(torch: Any, module: Any, shapes: dict[str, tuple[int, ...]], name: str) -> OperatorNet:
    """The operators of a module for input tensors of these shapes.

    What PyTorch logs and prints of an error, tracebacks and graphs, is left out, since the error is raised.
    """
    import logging
    import warnings
    from contextlib import redirect_stderr
    from io import StringIO

    device = next((tensor.device for tensor in (*module.parameters(), *module.buffers())), "meta")
    examples = tuple(torch.empty(shape, device=device) for shape in shapes.values())
    with warnings.catch_warnings(), redirect_stderr(StringIO()):
        warnings.simplefilter("ignore")
        before = logging.root.manager.disable
        logging.disable()
        try:
            program = torch.export.export(module, examples, strict=False)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 (the module is code of the user, which may call sys.exit)
            try:
                module = torch.fx.symbolic_trace(module)
                program = torch.export.export(module, examples, strict=False)
            except KeyboardInterrupt:
                raise
            except BaseException:  # noqa: BLE001 (the first error is more specific)
                raise error from None
        finally:
            logging.disable(before)
    return Translator(torch, module, program, shapes, name).net()


class Translator:
    """Translates an exported graph, node by node."""

    MAX_VALUES: ClassVar[int] = 4096
    """The most elements of a constant whose values are kept."""

    def __init__(self, torch: Any, module: Any, program: Any, inputs: dict[str, tuple[int, ...]], name: str) -> None:
        self.torch = torch
        self.module = module
        self.program = program
        self.inputs = dict(inputs)
        self.name = name
        self.operators: list[Operator] = []
        self.constants: dict[str, Constant] = {}
        self.sizes: dict[str, tuple[int, ...]] = {}
        """The shape of each value."""
        self._values: dict[Any, str] = {}
        """The name of the value of each node of the graph."""
        self._several: dict[Any, list[str]] = {}
        self._number = 0
        self._call_numbers: dict[tuple[str, str], dict[str, int]] = {}
        """The calls of a module within one call of the module around it, numbered from 1."""

    def net(self) -> OperatorNet:
        """The whole net."""
        nodes = list(self.program.graph.nodes)
        self._read_placeholders([node for node in nodes if node.op == "placeholder"])
        whole = WholeModules(self, nodes)
        for node in nodes:
            if node.op == "call_function" and not whole.take(node):
                self._translate(node)
        outputs = []
        for node in nodes:
            if node.op == "output":
                outputs = [self._values[value] for value in _flat(node.args) if value in self._values]
        shapes: dict[str, tuple[int | None, ...]] = dict(self.sizes)
        return OperatorNet(self.name, dict(self.inputs), tuple(outputs), tuple(self.operators), self.constants, shapes)

    def _read_placeholders(self, nodes: Sequence[Any]) -> None:
        """Stores the names of inputs, and the parameters, buffers and constants."""
        signature = self.program.graph_signature
        parameters = signature.inputs_to_parameters
        held = {**signature.inputs_to_buffers, **signature.inputs_to_lifted_tensor_constants}
        names = iter(self.inputs)
        for node in nodes:
            if node.name in parameters:
                name = parameters[node.name]
                learned = self.module.get_parameter(name)
                self._hold(
                    node, name, Constant(tuple(learned.shape), is_learned=True, is_frozen=not learned.requires_grad)
                )
            elif node.name in held:
                self._hold(node, held[node.name], self._buffer(held[node.name], node))
            else:
                name = next(names)
                self._values[node] = name
                self.sizes[name] = tuple(node.meta["val"].shape)

    def _hold(self, node: Any, name: str, constant: Constant) -> None:
        self._values[node] = name
        self.constants[name] = constant
        self.sizes[name] = constant.shape

    def _buffer(self, name: str, node: Any) -> Constant:
        """A buffer or a constant; with its values if it is small and not on the meta device."""
        value = node.meta["val"]
        tensor = {**dict(self.module.named_buffers()), **self.program.constants}.get(name)
        is_integer = not value.is_floating_point()
        values = None
        if tensor is not None and tensor.device.type != "meta" and value.numel() <= self.MAX_VALUES:
            values = tuple(tensor.detach().cpu().reshape(-1).tolist())
        return Constant(tuple(value.shape), values, is_integer, is_learned=False)

    def _translate(self, node: Any) -> None:
        """Adds the operators of one node."""
        if getattr(node.target, "__name__", "") == "getitem":
            source, place = node.args
            if source in self._several:
                self._values[node] = self._several[source][place]
            elif source in self._values and place == 0:  # the first output of a pool with indices
                self._values[node] = self._values[source]
            return
        word = operator_name(node.target)
        if word in SKIPPED:
            return
        translate = TRANSLATIONS.get(word) or TRANSLATIONS.get(word.removesuffix("_"))
        if translate is None:
            self.unknown(node)
            return
        try:
            translate(self, node, *node.args, **node.kwargs)
        except (TypeError, IndexError, ValueError, KeyError):  # arguments that its function does not support
            self.unknown(node)

    # for the functions of torch_operators

    def is_value(self, argument: Any) -> bool:
        """Whether an argument is a value of the graph, not a number."""
        return isinstance(argument, self.torch.fx.Node)

    def is_in_place(self, node: Any) -> bool:
        """Whether a node is the in-place form of its operator."""
        return operator_name(node.target).endswith("_") or node.kwargs.get("inplace") is True

    def shape(self, node: Any) -> tuple[int, ...]:
        """The shape of the value of a node, or of its first value."""
        value = node.meta["val"]
        return tuple(int(size) for size in (value[0] if isinstance(value, (list, tuple)) else value).shape)

    def shapes(self, node: Any) -> list[tuple[int, ...]]:
        """The shapes of the values of a node with several."""
        return [tuple(int(size) for size in value.shape) for value in node.meta["val"]]

    def add(self, type: str, node: Any, inputs: Sequence[Any], **attributes: Any) -> None:
        """Adds an operator whose output is the value of the node."""
        name = node.name
        self._values[node] = name
        self.sizes[name] = self.shape(node)
        self.emit(type, node, inputs, (name,), **attributes)

    def add_several(
        self, type: str, node: Any, inputs: Sequence[Any], shapes: Sequence[tuple[int, ...]], **attributes: Any
    ) -> None:
        """Adds an operator with several outputs."""
        self.emit(type, node, inputs, self.results(node, len(shapes)), **attributes)

    def results(self, node: Any, count: int) -> tuple[str, ...]:
        """The names of the values of a node with several."""
        names = [f"{node.name}:{place}" for place in range(count)]
        self._several[node] = names
        self.sizes.update(zip(names, self.shapes(node), strict=True))
        return tuple(names)

    def step(self, type: str, node: Any, inputs: Sequence[Any], shape: tuple[int, ...], **attributes: Any) -> str:
        """Adds an operator with an intermediate value of the node, and returns the name of the value."""
        self._number += 1
        name = f"{node.name}/{self._number}"
        self.sizes[name] = shape
        self.emit(type, node, inputs, (name,), **attributes)
        return name

    def emit(self, type: str, node: Any, inputs: Sequence[Any], outputs: tuple[str, ...], **attributes: Any) -> None:
        """Adds an operator; an input is a node, the name of a value, or None."""
        names = [self._name_of(value) for value in inputs]
        while names and not names[-1]:
            names.pop()
        given = {key: tuple(value) if isinstance(value, list) else value for key, value in attributes.items()}
        self.operators.append(Operator(self._label(node), type, tuple(names), outputs, given, module_path(node)))

    def _name_of(self, value: Any) -> str:
        if value is None:
            return ""
        return value if isinstance(value, str) else self._values[value]

    def _label(self, node: Any) -> str:
        """The name of an operator: the path of its module, with the operator appended if the module has submodules."""
        path = self.path_of_call(node)
        if path and not self._has_submodules(module_path(node)[-1]):
            return path
        word = operator_name(node.target).rstrip("_").lstrip("_")
        return f"{path}.{word}" if path else word

    def path_of_call(self, node: Any, last: str | None = None) -> str:
        """The path of the module ``last`` that contains a node; by default the innermost one.

        A module with submodules that is called again in one call of the module around it has the number of its call
        appended: ``trunk_2``.
        """
        found, before, around = "", "", ""
        for call, (path, _) in (node.meta.get("nn_module_stack") or {}).items():
            if not path:
                continue
            found += ("." if found else "") + path[len(before) + 1 if before else 0 :]
            if self._has_submodules(path):
                calls = self._call_numbers.setdefault((around, path), {})
                number = calls.setdefault(call, 1 + len(calls))
                found += f"_{number}" * (number > 1)
            before, around = path, call
            if path == last:
                break
        return found

    def _has_submodules(self, path: str) -> bool:
        """Whether a module has submodules, not counting those that compute its weights."""
        children = self.module.get_submodule(path).named_children()
        return any(name != "parametrizations" for name, _ in children)

    def same(self, node: Any, source: Any) -> None:
        """Makes the value of a node that of another one."""
        self._values[node] = self._values[source]

    def integers(self, values: Sequence[int]) -> str:
        """A constant vector of integers."""
        numbers = tuple(int(value) for value in values)
        return self._new_constant(Constant((len(numbers),), numbers, is_integer=True, is_learned=False))

    def integer(self, value: int) -> str:
        """A constant scalar integer."""
        return self._new_constant(Constant((), (int(value),), is_integer=True, is_learned=False))

    def number(self, value: float) -> str:
        """A constant scalar number."""
        return self._new_constant(Constant((), (value,), isinstance(value, int), is_learned=False))

    def _new_constant(self, constant: Constant) -> str:
        name = f"constant:{constant.values}"
        name = f"{name}{constant.shape}"
        self.constants[name] = constant
        self.sizes[name] = constant.shape
        return name

    def constant(self, node: Any, shape: tuple[int, ...], values: tuple[float, ...] | None) -> None:
        """Makes the value of a node a constant."""
        is_integer = not node.meta["val"].is_floating_point()
        self._hold(node, node.name, Constant(shape, values, is_integer, is_learned=False))

    def add_whole(self, path: str, inputs: Sequence[Any], output: Any, attributes: dict[str, Any]) -> None:
        """Adds the operator of a whole module, with its parameters after its inputs."""
        activations = [value for value in inputs if self._values.get(value) not in self.constants]
        held = [name for name in self.constants if name.startswith(f"{path}.")]
        self._values[output] = output.name
        self.sizes[output.name] = self.shape(output)
        names = (*(self._values[value] for value in activations), *held)
        kind = type(self.module.get_submodule(path)).__name__
        name = self.path_of_call(output, path)
        self.operators.append(Operator(name, kind, names, (output.name,), attributes, module_path(output)))

    def unknown(self, node: Any) -> None:
        """Adds an operator without a translation under its PyTorch name."""
        inputs = [value for value in _flat((node.args, tuple(node.kwargs.values()))) if value in self._values]
        word = operator_name(node.target)
        if isinstance(node.meta.get("val"), (list, tuple)):
            self.add_several(f"aten.{word}", node, inputs, self.shapes(node))
        else:
            self.add(f"aten.{word}", node, inputs)


def operator_name(target: Any) -> str:
    """The name of an operator without namespace and overload: ``conv2d`` for ``aten.conv2d.default``."""
    text = str(target)
    parts = text.split(".")
    return parts[1] if len(parts) > 1 else getattr(target, "__name__", text)


def module_path(node: Any) -> tuple[str, ...]:
    """The paths of the modules that contain a node, outermost first."""
    stack = node.meta.get("nn_module_stack") or {}
    return tuple(path for path, _ in stack.values() if path)


def _flat(values: Any) -> Iterator[Any]:
    """The nodes of a graph inside nested lists, tuples and dicts."""
    stack = [values]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            stack.extend(reversed(list(value.values())))
        elif isinstance(value, (list, tuple)):
            stack.extend(reversed(value))
        elif hasattr(value, "op"):
            yield value


class WholeModules:
    """Modules that become one operator, although PyTorch runs several operators for them."""

    def __init__(self, translator: Translator, nodes: Sequence[Any]) -> None:
        self.translator = translator
        self.last: dict[Any, tuple[str, list[Any]]] = {}
        """The path and all nodes of each such module, by its last node."""
        self.inside: set[Any] = set()
        calls: dict[tuple[str, str], list[Any]] = {}
        for node in nodes:
            stack = (node.meta.get("nn_module_stack") or {}).items()
            found = next(((path, call) for call, (path, _) in stack if path and self._is_whole(path)), None)
            if found is not None:
                calls.setdefault(found, []).append(node)
        for (path, _), members in calls.items():
            if self._outputs(members, set(members)):
                self.inside.update(members)
                self.last[members[-1]] = (path, members)

    def _is_whole(self, path: str) -> bool:
        return type(self.translator.module.get_submodule(path)).__name__ in WHOLE

    def _outputs(self, members: Sequence[Any], inside: set[Any]) -> list[Any]:
        """The nodes whose value is used outside the module."""
        return [node for node in members if any(user not in inside for user in node.users)]

    def take(self, node: Any) -> bool:
        """Whether a node belongs to such a module; for its last node, adds the operator of the module."""
        if node not in self.inside:
            return False
        if node in self.last:
            path, members = self.last[node]
            inside = set(members)
            entering = [value for each in members for value in _flat(each.args) if value not in inside]
            module = self.translator.module.get_submodule(path)
            attributes = WHOLE[type(module).__name__](module)
            output = self._outputs(members, inside)[0]
            self.translator.add_whole(path, list(dict.fromkeys(entering)), output, attributes)
        return True


def _attention(module: Any) -> dict[str, Any]:
    """The attributes of torch.nn.MultiheadAttention."""
    return {
        "heads": module.num_heads,
        "bias": module.in_proj_bias is not None,
        "batch_first": module.batch_first,
        "memory_depth": module.kdim,
    }


def _response(module: Any) -> dict[str, Any]:
    """The attributes of torch.nn.LocalResponseNorm."""
    return {"size": module.size, "alpha": module.alpha, "beta": module.beta, "bias": module.k}


def _shifted_windows(module: Any) -> dict[str, Any]:
    """The attributes of ShiftedWindowAttention of torchvision."""
    return {
        "heads": module.num_heads,
        "bias": module.qkv.bias is not None,
        "window": tuple(module.window_size),
        "shift": tuple(module.shift_size),
    }


WHOLE: dict[str, Callable[[Any], dict[str, Any]]] = {
    "MultiheadAttention": _attention,
    "LocalResponseNorm": _response,
    "ShiftedWindowAttention": _shifted_windows,
}
"""The modules that become one operator of the same name, and the function of its attributes."""
