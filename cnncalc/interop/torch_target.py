"""Reads targets that name a PyTorch module: ``package.module:attribute`` or ``path/file.py:attribute``.

The code of the user is imported and run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cnncalc.errors import DesignError, Problem, did_you_mean
from cnncalc.interop.builder import valid_name
from cnncalc.interop.other_files import TO_KERAS
from cnncalc.interop.python_code import failure_of, object_named, running_code
from cnncalc.interop.torch_module import imported_torch, operators_of
from cnncalc.language.settings import DEFAULT_SETTINGS
from cnncalc.units import plural
from cnncalc.volume import Volume

if TYPE_CHECKING:
    from cnncalc.graph import Graph
    from cnncalc.language.settings import Settings

DEFAULT_INPUT = Volume(224, 224, 3)


def read_module(target: str, settings: Settings = DEFAULT_SETTINGS, folder: str = "") -> Graph:
    """The graph of the module that a target names.

    ``folder`` is put on the import path. Raises DesignError if the target or the module is wrong, or if PyTorch is
    missing.
    """
    torch = imported_torch()
    with running_code(folder):
        module = _made(torch, object_named(target, folder), target)
        return graph_of(module, target.rpartition(":")[2].rpartition(".")[2], settings)


def graph_of(module: Any, name: str, settings: Settings) -> Graph:
    """The graph of a PyTorch module. The sizes of its inputs are those of the settings, by default 224x224x3.

    Raises DesignError if the module cannot be run on them, or has unsupported operators.
    """
    from cnncalc.interop.tensor_layers import layers_of

    inputs = _inputs(module, settings)
    net = operators_of(module, inputs, name)
    graph = layers_of(net, settings._replace(input=None, inputs={}), "PyTorch module", name)
    no_forward = imported_torch().nn.Module.forward  # that of ModuleList, ModuleDict and modules that only hold others
    paths = [valid_name(path) for path, each in module.named_modules() if path and type(each).forward is no_forward]
    graph = graph._replace(containers=frozenset(paths), notes=(*graph.notes, *_kept_by_hooks(module)))
    if settings.input is None and not settings.inputs:
        graph = graph._replace(assumed={**graph.assumed, "input": list(DEFAULT_INPUT)})
    return graph


def _kept_by_hooks(module: Any) -> list[str]:
    """A note on weights that the older hooks of weight and spectral norm keep after each pass; empty without such."""
    from torch.nn.utils.spectral_norm import SpectralNorm
    from torch.nn.utils.weight_norm import WeightNorm

    kept = sum(
        getattr(each, hook.name).numel()
        for each in module.modules()
        for hook in each._forward_pre_hooks.values()  # noqa: SLF001 (the only way to find them)
        if isinstance(hook, (SpectralNorm, WeightNorm))
    )
    what = f"{plural(kept, 'weight')} kept between passes by hooks of torch.nn.utils, not counted in memory"
    return [what] if kept else []


def _inputs(module: Any, settings: Settings) -> dict[str, Volume]:
    """The volumes of the inputs by the names of the parameters of ``forward``. Raises DesignError for a wrong name."""
    names = _input_names(module)
    volumes = {name: settings.inputs[name] for name in names if name in settings.inputs}
    if settings.input is not None or (len(names) == 1 and not volumes):
        volumes.setdefault(names[0], settings.input or DEFAULT_INPUT)
    missing = [name for name in names if name not in volumes]
    unknown = [name for name in settings.inputs if name not in names]
    if unknown:
        message = f"the module has no input '{unknown[0]}'{did_you_mean(unknown[0], names)}"
        raise DesignError([Problem("unknown-input", message, None, f"its inputs are {', '.join(names)}")])
    if missing:
        message = f"the module has {plural(len(names), 'input')}, but the size of {', '.join(missing)} is not stated"
        raise DesignError([Problem("open-size", message, None, f"--input {missing[0]}=224x224x3")])
    return {name: volumes[name] for name in names}


def _input_names(module: Any) -> list[str]:
    """The parameters of ``forward`` that must be given; without such the first one, or ``input``."""
    from inspect import Parameter, signature

    kinds = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    found = [each for each in signature(module.forward).parameters.values() if each.kind in kinds]
    required = [each.name for each in found if each.default is Parameter.empty]
    return required or [each.name for each in found][:1] or ["input"]


def _made(torch: Any, found: Any, target: str) -> Any:
    """The module of a target: the object itself, or the result of calling it without arguments.

    It is created on the meta device, where weights need no memory; if that fails, on the CPU. Raises DesignError if
    the object is not a module and does not create one.
    """
    if isinstance(found, torch.nn.Module):
        return found
    if not callable(found):
        message = f"{target} must be a torch.nn.Module or a function that returns one, but is {type(found).__name__}"
        raise DesignError([Problem("wrong-target", message, None, _way_of(found))])
    errors: list[BaseException] = []
    for device in ("meta", "cpu"):
        try:
            with torch.device(device):
                made = found()
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 (code of the user, which may call sys.exit)
            errors.append(error)
            continue
        if isinstance(made, torch.nn.Module):
            return made
        message = f"{target}() must return a torch.nn.Module, but returns {type(made).__name__}"
        raise DesignError([Problem("wrong-target", message, None, _way_of(made))])
    failure = failure_of(f"call {target}()", errors[-1])
    if isinstance(errors[-1], TypeError):
        failure = failure._replace(hint=failure.hint or "name a function without arguments that returns the module")
    raise DesignError([failure])


def _way_of(found: Any) -> str | None:
    """How a model of Keras is read; None for other objects."""
    return TO_KERAS if type(found).__module__.startswith(("keras", "tensorflow", "tf_keras")) else None
