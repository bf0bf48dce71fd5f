"""Records how PyTorch computes the weights of standardized and normed convolutions, in each forward pass."""

from __future__ import annotations

from cnncalc.layers.memory import STATISTIC, Extra, Size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cnncalc.layers.torch_builder import TorchBuilder


def lower_standardized(builder: TorchBuilder, weights: int, filters: int) -> int:
    """Batch normalization of the weights, with one channel for each filter, as in timm's StdConv2d."""
    parameter = builder.own_parameters[0]
    extras = (Extra("mean", Size(filters), STATISTIC, "always"), Extra("inverse", Size(filters), STATISTIC, "always"))
    return builder.operation(
        (), Size(weights), item=builder.parameter_item, extras=extras, gradients=(), parameters=(parameter,)
    )


def lower_weight_norm(builder: TorchBuilder, weights: int, filters: int) -> int:
    """torch._weight_norm of the weights and the learned lengths, which keeps the norm of each filter."""
    return builder.operation(
        (),
        Size(weights),
        item=builder.parameter_item,
        extras=(Extra("norms", Size(filters), max(4, builder.parameter_item), "always"),),
        gradients=(),
        parameters=builder.own_parameters[:2],
    )


def lower_spectral_norm(builder: TorchBuilder, weights: int, filters: int) -> int:
    """torch.nn.utils.parametrizations.spectral_norm: in training one step of power iteration, then u*W*v."""
    if builder.training:
        for size in (filters, weights // filters):
            made = _product(builder, weights, size, is_step=True)
            builder.operation([made], Size(1), gradients=("none",))  # its length
    left, right = (
        builder.operation((), Size(size), item=builder.parameter_item, gradients=())
        for size in (filters, weights // filters)
    )
    made = builder.converted(_product(builder, weights, filters, right), builder.parameter_item)
    gain = builder.operation([made, left], Size(1), keeps=(1,), gradients=("new", "none"))
    item = builder.parameter_item
    whole = Size(weights * item)
    result = builder.operation(
        [gain],
        Size(weights),
        item=item,
        keeps=(0,),
        parameters=builder.own_parameters[:1],
        backward_scratch=(whole, whole, whole, Size(-item)),
    )
    for held in (left, right, gain):
        builder.hold(held)
    return result


def _product(
    builder: TorchBuilder, weights: int, size: int, vector: int | None = None, *, is_step: bool = False
) -> int:
    """The product of the matrix of weights and a vector, under autocast that of half-precision copies."""
    parameter = builder.own_parameters[0]
    learned = () if is_step else (parameter,)
    if builder.autocast and not builder.is_cpu:
        length = weights // size
        half = (
            builder.operation((), Size(length), gradients=(), item=builder.item)
            if vector is None
            else builder.converted(vector, builder.item)
        )
        matrix = builder.operation((), Size(weights), item=builder.item, gradients=(), parameters=learned)
        result = builder.operation([matrix, half], Size(size), keeps=(1,), gradients=("new", "none"))
        for held in (half, matrix):
            builder.hold(held)
        return result
    inputs = [] if vector is None else [vector]
    return builder.operation(
        inputs,
        Size(size),
        item=builder.parameter_item,
        keeps=tuple(range(len(inputs))),
        gradients=("none",) * len(inputs),
        parameters=learned,
        saves_parameter=not is_step,
    )
