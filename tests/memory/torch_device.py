"""A device "cuda" for PyTorch's fake tensors where the build has none.

FakeTensorMode can run nets, backward too, on a device that does not exist, but a build without CUDA raises errors at
three places that ask for a device. :func:`stand_in_for_cuda` makes them answer as on a machine with a device; nothing
is computed on it.
"""

from __future__ import annotations

import ctypes
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensorMode

CUDA = 1
"""The index of CUDA among the types of devices."""
METHODS = 60
"""Number of entries that are read from the table of methods."""
VERSION = 0x16001
"""The value that all methods return: 90113 as a version, true as a boolean."""

_kept: list[Any] = []


def _pointer(function: Any) -> int:
    _kept.append(function)
    return ctypes.cast(function, ctypes.c_void_p).value or 0


def _probe(step: str) -> str:
    """The error message of PyTorch for one use of the device; empty if it works."""
    try:
        if step == "device":
            return "" if getattr(torch._C._accelerator_getAccelerator(), "type", None) == "cuda" else "none"
        with FakeTensorMode():
            x: Any = torch.empty(2, 4, 3, 3, device="cuda", requires_grad=True)
            one: Any = torch.empty(4, device="cuda")
            if step == "backward":
                x.sum().backward()
            elif step == "norm":
                # on a real device this is the function of cuDNN
                result: Any = torch.nn.functional.batch_norm(x, one, one, one, one, training=True)
                return "" if "Cudnn" in type(result.grad_fn).__name__ else "another"
            else:
                result = torch.nn.functional.conv2d(x, torch.empty(5, 4, 1, 1, device="cuda"))
                result.sum().backward()
    except RuntimeError as error:
        return str(error)
    return ""


def stand_in_for_cuda() -> None:
    """Makes fake tensors on "cuda" possible in this process; raises RuntimeError if it fails."""
    if torch.cuda.is_available() or _kept:
        return
    libraries = torch.__path__[0] + "/lib/"
    core = ctypes.CDLL(libraries + "libc10.so")
    compute = ctypes.CDLL(libraries + "libtorch_cpu.so")
    guards = (ctypes.c_void_p * (CUDA + 1)).in_dll(core, "_ZN3c104impl26device_guard_impl_registryE")
    if not guards[CUDA]:
        # PyTorch replaces a guard without devices by one that does nothing
        none = _pointer(ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(lambda this: 0))
        methods = (ctypes.c_void_p * 64)(*[none] * 64)
        guard = (ctypes.c_void_p * 2)(ctypes.addressof(methods), None)
        _kept.extend([methods, guard])
        guards[CUDA] = ctypes.addressof(guard)
        torch._C._ensureCUDADeviceGuardSet()
    place = compute._ZN2at6detail12getCUDAHooksEv
    place.restype = ctypes.c_void_p
    table = ctypes.c_void_p.from_address(place())
    before = (ctypes.c_void_p * METHODS).from_address((table.value or 0) - 16)
    hooks = (ctypes.c_void_p * METHODS)(*before)
    _kept.append(hooks)
    table.value = ctypes.addressof(hooks) + 16
    number = _pointer(ctypes.CFUNCTYPE(ctypes.c_long, ctypes.c_void_p)(lambda this: VERSION))
    fraction = _pointer(ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_void_p)(lambda this: 0.0))
    for step in ("device", "backward", "norm", "conv"):
        said = _probe(step)
        while said:
            said = _answered(hooks, step, said, number, fraction)


def _answered(hooks: Any, step: str, said: str, number: int, fraction: int) -> str:
    """Replaces the method at which a step fails; returns the next error message of the step."""
    for answer in (number, fraction):
        for place in range(4, METHODS - 2):
            if hooks[place] in (number, fraction):
                continue
            old, hooks[place] = hooks[place], answer
            now = _probe(step)
            if now != said:
                return now
            hooks[place] = old
    raise RuntimeError(f"no stand-in for a device in this build of PyTorch: {said}")
