"""Nets as people write them in PyTorch, and the same nets as designs.

``NETS`` has, by name, the module, the sizes of its inputs, the design, and the blocks that may be checkpointed.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812  # its usual name
from torch.nn.utils import parametrizations
from torch.utils.checkpoint import checkpoint


class Plain(nn.Module):
    """A net of which some blocks may be checkpointed."""

    again = False

    def run(self, block: Any, x: Any) -> Any:
        """Calls a block, checkpointed in training if the net is."""
        if not (self.again and self.training):
            return block(x)
        return checkpoint(block, x, use_reentrant=False, preserve_rng_state=False)


class Residual(nn.Module):
    """The block of ResNet-18, with one ReLU module that is called twice."""

    def __init__(self, depth: int, filters: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(depth, filters, 3, stride, 1, bias=False), nn.BatchNorm2d(filters)
        self.conv2, self.bn2 = nn.Conv2d(filters, filters, 3, 1, 1, bias=False), nn.BatchNorm2d(filters)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if depth != filters:
            self.downsample = nn.Sequential(nn.Conv2d(depth, filters, 1, stride, bias=False), nn.BatchNorm2d(filters))

    def forward(self, x: Any) -> Any:
        identity = x
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        if self.downsample is not None:
            identity = self.downsample(x)
        out += identity
        return self.relu(out)


class ResNet(Plain):
    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1, self.relu = nn.Conv2d(3, 8, 7, 2, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(inplace=True)
        self.layer1, self.layer2 = nn.Sequential(Residual(8, 8)), nn.Sequential(Residual(8, 12, 2), Residual(12, 12))
        self.fc = nn.Linear(12, 10)

    def forward(self, x: Any) -> Any:
        x = self.relu(self.bn1(self.conv1(x)))
        x = F.max_pool2d(x, 3, 2, 1)
        x = self.run(self.layer1, x)
        x = self.run(self.layer2, x)
        x = torch.flatten(F.adaptive_avg_pool2d(x, 1), 1)
        return self.fc(x)


class Trunk(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.c1, self.c2, self.fc = nn.Conv2d(1, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1), nn.Linear(200, 16)

    def forward(self, x: Any) -> Any:
        x = F.max_pool2d(F.relu(self.c1(x)), 2)
        x = F.max_pool2d(F.relu(self.c2(x)), 2)
        return self.fc(torch.flatten(x, 1))


class Siamese(Plain):
    """One module for two images."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk, self.out = Trunk(), nn.Linear(16, 2)

    def forward(self, a: Any, b: Any) -> Any:
        x = self.trunk(a) - self.trunk(b)
        x = torch.abs(x)
        return self.out(x)


class Resolutions(Plain):
    """Two resolutions that exchange maps, with one ReLU module for all, and two outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.fine, self.coarse = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 12, 3, 2, 1)
        self.up = nn.Sequential(nn.Conv2d(12, 8, 1), nn.BatchNorm2d(8), nn.Upsample(scale_factor=2))
        self.down = nn.Sequential(nn.Conv2d(8, 12, 3, 2, 1), nn.BatchNorm2d(12))
        self.classes, self.scores, self.relu = nn.Conv2d(8, 4, 1), nn.Linear(12, 6), nn.ReLU()

    def forward(self, x: Any) -> Any:
        x = self.relu(self.fine(x))
        y = self.relu(self.coarse(x))
        classes = self.classes(self.relu(x + self.up(y)))
        return classes, self.scores(F.adaptive_avg_pool2d(self.relu(self.down(x) + y), 1).flatten(1))


class Shuffled(nn.Module):
    """A unit of ShuffleNet V2."""

    def __init__(self, depth: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(nn.Conv2d(depth, depth, 1), nn.BatchNorm2d(depth), nn.ReLU(inplace=True))

    def forward(self, x: Any) -> Any:
        left, right = x.chunk(2, dim=1)
        x = torch.cat((left, self.branch(right)), dim=1)
        n, depth, height, width = x.shape
        x = x.view(n, 2, depth // 2, height, width).transpose(1, 2).contiguous()
        return x.view(n, depth, height, width)


class ShuffleNet(Plain):
    def __init__(self) -> None:
        super().__init__()
        self.stem, self.a, self.b, self.fc = nn.Conv2d(3, 16, 3, 2, 1), Shuffled(8), Shuffled(8), nn.Linear(16, 5)

    def forward(self, x: Any) -> Any:
        x = self.stem(x)
        x = self.run(self.a, x)
        x = self.run(self.b, x)
        return self.fc(x.mean([2, 3]))


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.proj = nn.Linear(16, 48), nn.Linear(16, 16)

    def forward(self, x: Any) -> Any:
        n, count, depth = x.shape
        q, k, v = self.qkv(x).reshape(n, count, 3, 2, depth // 2).permute(2, 0, 3, 1, 4).unbind(0)
        x = F.scaled_dot_product_attention(q, k, v)
        x = x.transpose(1, 2).reshape(n, count, depth)
        return self.proj(x)


class Windows(nn.Module):
    """Attention within windows of 4x4, and a shift, as in Swin."""

    def __init__(self, shift: int) -> None:
        super().__init__()
        self.norm, self.attn, self.shift = nn.LayerNorm(16), Attention(), shift

    def forward(self, x: Any) -> Any:
        n, height, width, depth = x.shape
        y = self.norm(x)
        if self.shift:
            y = torch.roll(y, (-self.shift, -self.shift), (1, 2))
        y = y.view(n, height // 4, 4, width // 4, 4, depth).permute(0, 1, 3, 2, 4, 5).reshape(-1, 16, depth)
        y = self.attn(y)
        y = y.view(n, height // 4, width // 4, 4, 4, depth).permute(0, 1, 3, 2, 4, 5).reshape(n, height, width, depth)
        if self.shift:
            y = torch.roll(y, (self.shift, self.shift), (1, 2))
        return x + y


class Swin(Plain):
    def __init__(self) -> None:
        super().__init__()
        self.patch, self.norm, self.head = nn.Conv2d(3, 16, 4, 4), nn.LayerNorm(16), nn.Linear(16, 10)
        self.a, self.b = Windows(0), Windows(2)

    def forward(self, x: Any) -> Any:
        x = self.patch(x).permute(0, 2, 3, 1)
        x = self.run(self.a, x)
        x = self.run(self.b, x)
        x = self.norm(x).permute(0, 3, 1, 2)
        return self.head(F.adaptive_avg_pool2d(x, 1).flatten(1))


class ConvNeXtBlock(nn.Module):
    def __init__(self, depth: int) -> None:
        super().__init__()
        self.dwconv, self.norm = nn.Conv2d(depth, depth, 7, padding=3, groups=depth), nn.LayerNorm(depth)
        self.fc1, self.fc2 = nn.Linear(depth, 4 * depth), nn.Linear(4 * depth, depth)
        self.gamma = nn.Parameter(torch.ones(depth))

    def forward(self, x: Any) -> Any:
        y = self.dwconv(x).permute(0, 2, 3, 1)
        y = self.norm(y)
        y = self.fc1(y)
        y = F.gelu(y)
        y = self.fc2(y)
        y = y * self.gamma
        return x + y.permute(0, 3, 1, 2)


class ConvNeXt(Plain):
    def __init__(self) -> None:
        super().__init__()
        self.stem, self.a, self.b = nn.Conv2d(3, 8, 4, 4), ConvNeXtBlock(8), ConvNeXtBlock(8)
        self.norm, self.head = nn.LayerNorm(8), nn.Linear(8, 10)

    def forward(self, x: Any) -> Any:
        x = self.stem(x)
        x = self.run(self.a, x)
        x = self.run(self.b, x)
        return self.head(self.norm(x.mean([-2, -1])))


class Frozen(ConvNeXt):
    """All but the second block, the norm and the classes frozen."""

    def __init__(self) -> None:
        super().__init__()
        for name, parameter in self.named_parameters():
            parameter.requires_grad_(name.partition(".")[0] in ("b", "norm", "head"))


class Padded(Plain):
    """Padding by a function: for two convolutions, by equal numbers on all sides, and to an even size."""

    def __init__(self) -> None:
        super().__init__()
        self.f, self.g, self.out = nn.Conv1d(3, 8, 3), nn.Conv1d(3, 8, 3), nn.Conv1d(8, 6, 5)
        self.down = nn.Conv1d(6, 6, 2, 2)

    def forward(self, x: Any) -> Any:
        padded = F.pad(x, (2, 0))
        x = torch.tanh(self.f(padded)) * torch.sigmoid(self.g(padded))
        x = F.pad(x, (2, 2))
        x = self.out(x)
        return self.down(F.pad(x, (0, 1)))


class SegNet(Plain):
    """Max pools that are undone, and activation functions of one name, in place or not."""

    def __init__(self) -> None:
        super().__init__()
        self.c1, self.c2 = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 12, 3, padding=1)
        self.d2, self.d1 = nn.Conv2d(12, 8, 3, padding=1), nn.Conv2d(8, 5, 3, padding=1)
        self.pool, self.unpool = nn.MaxPool2d(2, 2, return_indices=True), nn.MaxUnpool2d(2, 2)

    def forward(self, x: Any) -> Any:
        undone: list[Any] = []
        x = F.leaky_relu(self.c1(x), 0.2)
        undone.append(x.size())
        x, places = self.pool(x)
        undone.append(places)
        x = F.leaky_relu(self.c2(x), 0.2, inplace=True)
        undone.append(x.size())
        x, places = self.pool(x)
        x = self.unpool(x, places, output_size=undone.pop())
        del places
        x = F.leaky_relu(self.d2(x), 0.2)
        x = self.unpool(x, undone.pop(), output_size=undone.pop())
        return self.d1(x)


class Standardized(nn.Conv2d):
    """A convolution whose filters go through batch normalization, as in timm."""

    def forward(self, x: Any) -> Any:
        filters = self.weight.reshape(1, self.out_channels, -1)
        weight = F.batch_norm(filters, None, None, training=True, momentum=0.0, eps=1e-6).reshape_as(self.weight)
        return F.conv2d(x, weight, self.bias, self.stride, self.padding, self.dilation, self.groups)


class Normed(Plain):
    """Convolutions whose weights are computed in each pass, and a maximum over all positions."""

    def __init__(self) -> None:
        super().__init__()
        self.c1 = parametrizations.spectral_norm(nn.Conv2d(3, 12, 3, padding=1))
        self.c2 = parametrizations.weight_norm(nn.Conv2d(12, 8, 3, padding=1, groups=4))
        self.c3 = parametrizations.weight_norm(nn.Conv2d(8, 8, 3, padding=1, groups=8))
        self.c4, self.fc = Standardized(8, 8, 3, padding=1), nn.Linear(8, 10)

    def forward(self, x: Any) -> Any:
        for conv in (self.c1, self.c2, self.c3, self.c4):
            x = conv(x)
            x = torch.relu(x)
        return self.fc(x.amax((2, 3)))


class Case(NamedTuple):
    """A net: its module, the volumes of its inputs by name, its design, and the blocks that may be checkpointed."""

    module: type[Plain]
    inputs: dict[str, tuple[int, ...]]
    design: str
    blocks: str = ""


NETS = {
    "resnet": Case(
        ResNet,
        {"x": (40, 36, 3)},
        """
        defaults: {conv: {bias: no}, add: {in_place: yes}}
        blocks:
          same(d): "[CONV3-{d} -> BN -> RELU -> CONV3-{d} -> BN | ] -> ADD -> RELU"
          half(d): "[CONV3-{d}/2 -> BN -> RELU -> CONV3-{d} -> BN | [CONV1-{d}/2 -> BN]@downsample] -> ADD -> RELU"
        layers: |
          INPUT 40x36x3 -> CONV7-8/2 -> BN -> RELU -> POOL3/2(pad=1) -> [same(8)@0]@layer1
          -> [half(12)@0 -> same(12)@1]@layer2 -> GAP -> FC-10
        """,
        "layer1,layer2",
    ),
    "siamese": Case(
        Siamese,
        {"a": (20, 20, 1), "b": (20, 20, 1)},
        """
        defaults: {relu: {in_place: no}, abs: {in_place: no}}
        blocks:
          trunk: CONV3-8 -> RELU -> POOL2 -> CONV3-8 -> RELU -> POOL2 -> FC-16
        layers: |
          INPUT 20x20x1@a -> trunk@first -> [INPUT 20x20x1@b] -> trunk(share=first)@second -> SUB(@first, @second)
          -> ABS -> FC-2
        """,
    ),
    "resolutions": Case(
        Resolutions,
        {"x": (16, 14, 3)},
        """
        defaults: {relu: {in_place: no}}
        layers: |
          INPUT 16x14x3 -> CONV3-8 -> RELU@x -> CONV3-12/2 -> RELU@y -> [CONV1-8 -> BN -> UPSAMPLE2]@up
          -> ADD(@x, @up) -> RELU -> CONV1-4@classes
          -> FROM(@x) -> [CONV3-12/2 -> BN]@down -> ADD(@down, @y) -> RELU -> GAP -> FC-6@scores
        """,
    ),
    "shufflenet": Case(
        ShuffleNet,
        {"x": (24, 20, 3)},
        """
        blocks:
          unit: "[SLICE(0, 8) | SLICE(8, 16) -> [CONV1-8 -> BN -> RELU]@branch] -> CONCAT -> SHUFFLE2"
        layers: INPUT 24x20x3 -> CONV3-16/2 -> unit@a -> unit@b -> GAP -> FC-5
        """,
        "a,b",
    ),
    "swin": Case(
        Swin,
        {"x": (32, 48, 3)},
        """
        defaults: {ln: {axes: depth}}
        layers: |
          INPUT 32x48x3 -> CONV4-16/4(pad=0) -> [[ | LN -> WINDOW4 -> ATTENTION-2 -> UNWINDOW8x12] -> ADD]@a
          -> [[ | LN -> ROLL(-2) -> WINDOW4 -> ATTENTION-2 -> UNWINDOW8x12 -> ROLL(2)] -> ADD]@b -> LN -> GAP -> FC-10
        """,
        "a,b",
    ),
    "convnext": Case(
        ConvNeXt,
        {"x": (32, 40, 3)},
        """
        defaults: {ln: {axes: depth}}
        blocks:
          block: "[ | DWCONV7 -> LN -> LINEAR-32 -> GELU -> LINEAR-8 -> SCALE(shift=no)] -> ADD"
        layers: INPUT 32x40x3 -> CONV4-8/4(pad=0) -> block@a -> block@b -> GAP -> LN -> FC-10
        """,
        "a,b",
    ),
    "frozen": Case(
        Frozen,
        {"x": (32, 40, 3)},
        """
        defaults: {ln: {axes: depth}}
        blocks:
          frozen: |
            [ | DWCONV7(trainable=no) -> LN(trainable=no) -> LINEAR-32(trainable=no) -> GELU -> LINEAR-8(trainable=no)
            -> SCALE(shift=no, trainable=no)] -> ADD
          block: "[ | DWCONV7 -> LN -> LINEAR-32 -> GELU -> LINEAR-8 -> SCALE(shift=no)] -> ADD"
        layers: INPUT 32x40x3 -> CONV4-8/4(pad=0, trainable=no) -> frozen@a -> block@b -> GAP -> LN -> FC-10
        """,
        "a,b",
    ),
    "padded": Case(
        Padded,
        {"x": (29, 3)},
        """
        layers: |
          INPUT 29x3 -> PAD([2, 0]) -> [CONV3-8(pad=0) -> TANH(in_place=no) | CONV3-8(pad=0) -> SIGMOID(in_place=no)]
          -> MUL -> PAD(2) -> CONV5-6(pad=0) -> CONV2-6/2(pad=[0, 1])
        """,
    ),
    "segnet": Case(
        SegNet,
        {"x": (17, 13, 3)},
        """
        defaults: {lrelu: {slope: 0.2, in_place: no}}
        layers: |
          INPUT 17x13x3 -> CONV3-8 -> LRELU -> POOL2@p -> CONV3-12 -> LRELU(in_place=yes) -> POOL2@q -> UNPOOL(@q)
          -> CONV3-8 -> LRELU -> UNPOOL(@p) -> CONV3-5
        """,
    ),
    "normed": Case(
        Normed,
        {"x": (17, 13, 3)},
        """
        defaults: {relu: {in_place: no}}
        layers: |
          INPUT 17x13x3 -> CONV3-12(normed=spectral) -> RELU -> CONV3-8(groups=4, normed=weight) -> RELU
          -> CONV3-8(groups=8, normed=weight) -> RELU -> CONV3-8(standardized=yes) -> RELU
          -> REDUCE(max, axes=[height, width]) -> FC-10
        """,
    ),
}
