"""Convolutions of PyTorch modules whose weights are computed in each pass, by weight norm, spectral norm and others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import cnncalc
from cnncalc.interop.exporters import ExportOptions
from cnncalc.interop.tensor_layers import layers_and_origins
from cnncalc.interop.tensor_values import Values
from cnncalc.language.settings import DEFAULT_SETTINGS
from cnncalc.layers.planes import planes
from cnncalc.run.forward import draw_images, run
from cnncalc.volume import Volume

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.slow

torch = pytest.importorskip("torch", reason="PyTorch is not installed, so no module can be read")
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402, N812  # its usual name
from torch.nn.utils import parametrizations, parametrize  # noqa: E402

from cnncalc.interop.torch_module import operators_of  # noqa: E402
from cnncalc.interop.torch_source import torch_source  # noqa: E402


class Standardized(nn.Conv2d):
    """The convolution of weight standardization, as timm writes it."""

    eps = 1e-6

    def forward(self, x: Any) -> Any:
        filters = self.weight.reshape(1, self.out_channels, -1)
        weight = F.batch_norm(filters, None, None, training=True, momentum=0.0, eps=self.eps)
        return F.conv2d(x, weight.reshape_as(self.weight), self.bias, self.stride, self.padding, 1, self.groups)


class Flat(nn.Module):
    """Standardization as a parametrization."""

    def forward(self, weight: Any) -> Any:
        return F.batch_norm(weight.flatten(1)[None], None, None, training=True, eps=1e-6).reshape(weight.shape)


def parametrized(conv: Any, function: Any) -> Any:
    """The convolution with a parametrization of its weights."""
    parametrize.register_parametrization(conv, "weight", function)
    return conv


NORMED: dict[str, Callable[[], Any]] = {
    "weight": lambda: parametrizations.weight_norm(nn.Conv2d(4, 6, (3, 2), 2)),
    "weight, hook": lambda: nn.utils.weight_norm(nn.Conv2d(4, 6, (3, 2), groups=2)),
    "weight, each map": lambda: parametrizations.weight_norm(nn.Conv2d(4, 8, 3, groups=4, bias=False)),
    "spectral": lambda: parametrizations.spectral_norm(nn.Conv2d(4, 6, (3, 2), padding=1)),
    "spectral, hook": lambda: nn.utils.spectral_norm(nn.Conv2d(4, 6, (3, 2), groups=2, bias=False)),
    "spectral, each map": lambda: parametrizations.spectral_norm(nn.Conv2d(4, 4, 3, groups=4)),
    "standardized": lambda: Standardized(4, 6, (3, 2), groups=2),
    "standardized, parametrization": lambda: parametrized(nn.Conv2d(4, 6, (3, 2)), Flat()),
}
"""Convolutions that are read with the first word as the value of ``normed``, or as the key."""


def values_of(graph: Any, origins: Any, net: Any, module: Any) -> tuple[Any, Any]:
    """A random image, batch x depth x sides, and the output of the graph with the weights of the module."""
    tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    names = {id(constant): name for name, constant in net.constants.items()}
    values = Values(lambda constant: tensors[names[id(constant)]].detach().numpy())
    report = cnncalc.analyze(graph, dtype="float64")
    weights = tuple(
        {name: values.of(array).astype("float64") for name, array in origins.parameters.get(row.name, {}).items()}
        for row in report.layers
    )
    images = draw_images(report)
    found = run(report, weights, images, keep=lambda name: True).outputs[report.layers[-1].name]
    return planes(next(iter(images.values()))), planes(found)


@pytest.mark.filterwarnings("ignore:.*weight_norm.* is deprecated:FutureWarning")
@pytest.mark.parametrize("case", NORMED)
def test_a_normed_convolution_is_read_with_its_key_and_computes_the_same(case: str) -> None:
    module = nn.Sequential(nn.Identity(), NORMED[case]())
    net = operators_of(module, {"x": Volume(9, 8, 4)}, "net")
    graph, origins = layers_and_origins(net, DEFAULT_SETTINGS, "PyTorch module", "net")
    assert (graph.nodes[-1].kind, graph.nodes[-1].name, graph.notes) == ("conv", "1", ())
    written = graph.nodes[-1].layer.written()  # type: ignore[union-attr]
    kind = case.partition(",")[0]
    assert {key: written[key] for key in ("normed", "standardized") if key in written} == (
        {"standardized": True} if kind == "standardized" else {"normed": kind}
    )
    totals = cnncalc.analyze(graph).totals
    assert totals.parameters == sum(each.numel() for each in module.parameters())
    assert totals.buffers == sum(each.numel() for each in module.buffers())

    image, found = values_of(graph, origins, net, module)
    with torch.no_grad():
        expected = module.double().eval()(torch.from_numpy(image.copy())).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)


def test_the_code_of_a_normed_net_is_read_as_the_net() -> None:
    design = (
        "INPUT[12x8x4] -> CONV3-8(normed=spectral) -> CONV3-12(normed=weight, groups=4) -> CONV3-6(standardized=yes)"
    )
    report = cnncalc.analyze("-", stdin=design)
    names: dict[str, Any] = {"__name__": "generated"}
    exec(torch_source(report.resolved, ExportOptions()), names)  # noqa: S102 (our own code)
    read = cnncalc.analyze(cnncalc.from_torch(names["Net"](), (12, 8, 4)))
    assert [(row.label, row.parameters) for row in read.layers] == [
        (row.label, row.parameters) for row in report.layers
    ]
    peaks = [cnncalc.account_memory(each.graph, profile="torch-cpu").training.peak_bytes for each in (read, report)]
    assert peaks[0] == peaks[1]


def test_a_normed_convolution_that_is_called_twice_is_shared_and_one_that_is_frozen_is_frozen() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = parametrizations.spectral_norm(nn.Conv2d(4, 4, 3, padding=1))
            self.b = parametrizations.weight_norm(nn.Conv2d(4, 4, 1)).requires_grad_(False)

        def forward(self, x: Any) -> Any:
            return self.b(self.a(self.a(x)))

    graph = cnncalc.from_torch(Twice(), (9, 8, 4))
    nodes = [(node.name, node.share, node.trainable) for node in graph.nodes[1:]]
    assert nodes == [("a", None, True), ("a_2", 1, True), ("b", None, False)]


@pytest.mark.filterwarnings("ignore:.*weight_norm.* is deprecated:FutureWarning")
def test_weights_that_hooks_keep_are_noted() -> None:
    spectral, weight = nn.utils.spectral_norm(nn.Conv2d(4, 6, 3)), nn.utils.weight_norm(nn.Conv2d(6, 2, 1))
    graph = cnncalc.from_torch(nn.Sequential(spectral, weight), (9, 8, 4))
    assert graph.notes == ("228 weights kept between passes by hooks of torch.nn.utils, not counted in memory",)


def test_another_epsilon_is_noted() -> None:
    module = Standardized(4, 6, 3)
    module.eps = 1e-8
    graph = cnncalc.from_torch(module, (9, 8, 4))
    assert graph.nodes[1].layer.written()["standardized"] is True  # type: ignore[union-attr]
    assert graph.notes == ("weights standardized with an epsilon of 1e-08, here 1e-06",)


class Centred(nn.Module):
    """Filters of mean 0, which are not normalized."""

    def forward(self, weight: Any) -> Any:
        return weight - weight.mean((1, 2, 3), keepdim=True)


@pytest.mark.parametrize(
    ("module", "kind", "computed"),
    [
        (lambda: parametrized(nn.Conv2d(4, 6, 3), Centred()), "conv", "222 numbers in 2 tensors"),
        (lambda: parametrizations.weight_norm(nn.Conv2d(4, 6, 3), dim=1), "conv", "216 numbers in 1 tensor"),
        (lambda: parametrizations.weight_norm(nn.ConvTranspose2d(4, 6, 3)), "deconv", "216 numbers in 1 tensor"),
        (lambda: parametrizations.spectral_norm(nn.ConvTranspose2d(4, 6, 3)), "deconv", "222 numbers in 2 tensors"),
        (lambda: parametrizations.weight_norm(nn.Conv2d(4, 6, 3), name="bias"), "conv", "6 numbers in 1 tensor"),
        (lambda: parametrizations.spectral_norm(nn.Linear(4, 6)), "linear", "30 numbers in 2 tensors"),
    ],
)
def test_weights_that_no_layer_kind_computes_are_noted(module: Any, kind: str, computed: str) -> None:
    class Around(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.part = module()

        def forward(self, x: Any) -> Any:
            return self.part(x.movedim(1, -1) if kind == "linear" else x)

    graph = cnncalc.from_torch(Around(), (9, 8, 4))
    assert [node.kind for node in graph.nodes if not node.is_input][-1] == kind
    note = f"{computed} that are computed from weights in each pass, such as part.parametrizations."
    assert [text.startswith(note) and text.endswith(": their memory is not counted") for text in graph.notes][-1:] == [
        True
    ]
