"""Computed bytes of live tensors, compared with max_memory_allocated and max_memory_reserved on a CUDA device.

    python -m benchmarks.cuda_memory [NET ...] [--batch N ...]

Prints one line for each net, batch and optimizer: cnncalc's peak of live tensors (profile torch-cuda), the figures of
its simulated allocator, those of PyTorch's allocator, and the differences in percent. Without PyTorch and a CUDA device
it prints a message and exits with 0. Run it from the checkout.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

import cnncalc
from cnncalc.memory.report import Options, account_memory

NETS = ("lenet5-modern", "vgg16", "resnet50-v1.5", "googlenet-bn", "mobilenet-v2", "densenet121")


def measure(name: str, batch: int, optimizer: str) -> tuple[int, int]:
    """Peak bytes that PyTorch's allocator had allocated and reserved in the third training step."""
    import torch

    from tests.memory.torch_oracle import Net, data_of, loss_of

    torch.cuda.empty_cache()
    net: Any = Net(cnncalc.analyze(name)).to("cuda").train()
    images, targets = data_of(net, batch, torch.float32, "cuda")
    if optimizer == "adam":
        steps: Any = torch.optim.Adam(net.parameters())
    else:
        steps = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9 if optimizer == "momentum" else 0.0)

    def step() -> None:
        steps.zero_grad(set_to_none=True)
        loss = loss_of(net, net(*images), targets)
        loss.backward()
        steps.step()

    for number in range(3):
        if number == 2:
            torch.cuda.reset_peak_memory_stats()
        step()
    torch.cuda.synchronize()
    return torch.cuda.max_memory_allocated(), torch.cuda.max_memory_reserved()


def main() -> int:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("nets", nargs="*", default=NETS)
    parser.add_argument("--batch", type=int, nargs="+", default=[8, 32])
    parser.add_argument("--optimizer", nargs="+", default=["momentum", "adam"])
    arguments = parser.parse_args()
    try:
        import torch
    except ImportError:
        print("PyTorch is not installed; nothing is measured")
        return 0
    if not torch.cuda.is_available():
        print("no CUDA device; nothing is measured")
        return 0
    print(f"{torch.cuda.get_device_name()}, PyTorch {torch.__version__}")
    print("net batch optimizer live simulated-allocated simulated-reserved allocated (gap) reserved (gap)")
    for name in arguments.nets:
        for batch in arguments.batch:
            for optimizer in arguments.optimizer:
                memory = account_memory(cnncalc.analyze(name), Options(batch=batch, optimizer=optimizer))
                live = memory.training.peak_bytes
                assert memory.allocator is not None
                given, kept = memory.allocator[0]
                allocated, reserved = measure(name, batch, optimizer)
                print(
                    f"{name} {batch} {optimizer} {live} {given} {kept} "
                    f"{allocated} ({allocated / live - 1:+.2%}) {reserved} ({reserved / live - 1:+.2%})",
                    flush=True,
                )
    return 0


if __name__ == "__main__":
    sys.exit(main())
