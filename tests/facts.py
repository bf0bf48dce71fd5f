"""Published figures of the named nets, as data.

A ``Fact`` is the value of one quantity of one net, with its source. If a paper prints a figure that contradicts its own
layers, the fact has the correct one and a comment states the printed one. Figures that no publication states were
computed from the named reference implementation, layer by layer, by an independent program.

``variants/`` has nets that are needed only for their figures; ``EDITS`` derives others from a named net by replacing
words in its file, which shows where the two forms differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Fact:
    """One figure: ``quantity`` of ``net`` is ``value``, says ``source``.

    ``where`` is empty for the whole net; else a layer (``conv1``), a block (``layer1.0``), an inclusive range of
    either (``conv1..conv2``), or all layers of some kinds (``kind:conv,fc``). Quantities are the columns of a report;
    those of several layers are summed, except ``output`` and ``receptive_field``, which are those of the last layer.
    """

    net: str
    where: str
    quantity: str
    value: int | tuple[int, ...]
    source: str

    def __str__(self) -> str:
        return "-".join(part for part in (self.net, self.where, self.quantity) if part)


EDITS: dict[str, tuple[str, tuple[tuple[str, str], ...]]] = {
    "alexnet-ceil": ("alexnet", (("POOL3/2", "POOL3/2(round=ceil)"),)),
    "alexnet-one-group": ("alexnet", (("(groups=2)", ""),)),
    "caffenet": ("alexnet", (("LRN -> POOL3/2", "POOL3/2 -> LRN"),)),
    "cbam-resnet50-paper": ("cbam-resnet50", (("CONV1-w -> BN", "CONV1-w/s -> BN"), ("CONV3-w/s", "CONV3-w"))),
    "googlenet-floor": ("googlenet", (("round: ceil", "round: floor"), ("AVGPOOL7/1", "GAP"))),
    "inception-resnet-v2-keras": ("inception-resnet-v2", (("-> BN ->", "-> BN(scale=no) ->"),)),
    "inception-v3-aux": (
        "inception-v3",
        (
            ("  D: |", "  aux: AVGPOOL5/3 -> C1-128 -> V5-768 -> GAP -> FC-classes\n  D: |"),
            ("B(192)@6e", "B(192)@6e -> aux(training_only=yes)@aux -> FROM(@6e)"),
        ),
    ),
    "inception-v3-keras": ("inception-v3", (("-> BN ->", "-> BN(scale=no) ->"),)),
    "inception-v4-350x400": ("inception-v4", (("299x299x3", "350x400x3"),)),
    "m5-speech-commands": (
        "m5",
        (
            ("{conv: {pad: same}, pool: {pad: same}}", "{conv: {pad: 0}}"),
            ("INPUT 32000x1", "INPUT 8000x1"),
            ("unit(80, 128, 4)", "unit(80, 32, 16)"),
            ("[128, 256, 512]", "[32, 64, 64]"),
            ("classes: 10", "classes: 35"),
        ),
    ),
    "resnet50-caffe": ("resnet50", (("CONV7-64/2 ", "CONV7-64/2(bias=yes) "),)),
    "unet3d-affine": ("unet3d", (("affine: no ", "affine: yes "),)),
    "zfnet-floor": ("zfnet", (("round: ceil", "round: floor"), ("CONV7-96/2(pad=1)", "CONV7-96/2(pad=0)"))),
}
"""Net -> the named net that it comes from, and the words replaced in its file."""


def _of(net: str, source: str, where: str = "", **figures: int | tuple[int, ...]) -> Iterator[Fact]:
    for quantity, value in figures.items():
        yield Fact(net, where, quantity, value, source)


def _layers(net: str, source: str, layers: dict[str, dict[str, int | tuple[int, ...]]]) -> Iterator[Fact]:
    for where, figures in layers.items():
        yield from _of(net, source, where, **figures)


def _lenet() -> Iterator[Fact]:
    paper = "LeCun et al. 1998, section II.B"
    yield from _of("lenet5", paper, trainable=60_000, buffers=840)  # the paper's total; 840 fixed weights of the RBFs
    yield from _of("lenet5", "hand arithmetic, with the 60 kernels of Table I", macs=325_680)
    yield from _layers(
        "lenet5",
        paper,
        {
            "c1": {"output": (28, 28, 6), "trainable": 156},
            "s2": {"output": (14, 14, 6), "trainable": 12},
            "c3": {"output": (10, 10, 16), "trainable": 1_516, "weights": 1_500},
            "s4": {"output": (5, 5, 16), "trainable": 32},
            "c5": {"output": (1, 1, 120), "trainable": 48_120},
            "f6": {"output": (1, 1, 84), "trainable": 10_164},
            "output": {"output": (1, 1, 10), "trainable": 0, "buffers": 840},
        },
    )
    yield from _of("lenet5-modern", "hand arithmetic", parameters=61_706, macs=416_520)
    yield from _of("lenet5-modern", "hand arithmetic: every map sees every map", "conv2", parameters=2_416)
    yield from _of("caffe-lenet", "BVLC/caffe examples/mnist/lenet.prototxt", parameters=431_080, macs=2_293_000)


def _cifar() -> Iterator[Fact]:
    notes = "CS231n, architecture overview"
    yield from _of("cifar-tiny", notes, "conv1", output=(32, 32, 12))
    yield from _of("cifar-tiny", notes, "pool1", output=(16, 16, 12))
    yield from _of("cifar-tiny", notes, "fc1", output=(1, 1, 10))
    yield from _of("cifar-tiny", "hand arithmetic", parameters=31_066, macs=362_496)

    yield from _of("nin", "osmr/imgclsmob, NIN for CIFAR-10", parameters=966_986)
    yield from _of("nin", "hand arithmetic", macs=222_486_528)  # imgclsmob's 222.97M counts RELU and pools too
    yield from _of("nin", "Caffe model zoo, cifar10_nin", "gap1", output=(1, 1, 10))
    yield from _of("nin-imagenet", "Caffe model zoo, nin_imagenet: a file of 29 MB", parameters=7_595_176)


def _alexnet() -> Iterator[Fact]:
    caffe = "BVLC/caffe models/bvlc_alexnet/deploy.prototxt"
    yield from _of("alexnet", caffe, parameters=60_965_224, macs=724_406_816)  # the paper: 60 million parameters
    yield from _of("alexnet", caffe, "kind:conv,fc", activations=659_272)  # the paper: 650,000 neurons
    yield from _layers(
        "alexnet",
        caffe,
        {
            "conv1": {"output": (55, 55, 96), "parameters": 34_944, "macs": 105_415_200},
            "pool1": {"output": (27, 27, 96)},
            "conv2": {"output": (27, 27, 256), "parameters": 307_456, "macs": 223_948_800},
            "pool2": {"output": (13, 13, 256)},
            "conv3": {"output": (13, 13, 384), "parameters": 885_120, "macs": 149_520_384},
            "conv4": {"output": (13, 13, 384), "parameters": 663_936, "macs": 112_140_288},
            "conv5": {"output": (13, 13, 256), "parameters": 442_624, "macs": 74_760_192},
            "pool3": {"output": (6, 6, 256)},
            "fc6": {"output": (1, 1, 4096), "parameters": 37_752_832, "macs": 37_748_736},
            "fc7": {"output": (1, 1, 4096), "parameters": 16_781_312, "macs": 16_777_216},
            "fc8": {"output": (1, 1, 1000), "parameters": 4_097_000, "macs": 4_096_000},
        },
    )
    paper = "Krizhevsky, Sutskever, Hinton 2012, section 3.5 and Figure 2"
    yield from _layers(
        "alexnet",
        paper,
        {
            "conv1": {"activations": 290_400},  # printed 253,440, which is 55*48*96
            "conv2": {"activations": 186_624},
            "conv3": {"activations": 64_896},
            "conv4": {"activations": 64_896},
            "conv5": {"activations": 43_264},
        },
    )
    field = "Araujo, Norris, Sim 2019, Computing Receptive Fields of Convolutional Neural Networks"
    yield from _of("alexnet", field, "pool3", receptive_field=(195, 195))
    yield from _of("alexnet-ceil", "at 227 floor and ceil agree", parameters=60_965_224, macs=724_406_816)
    yield from _of("caffenet", "BVLC/caffe models/bvlc_reference_caffenet", parameters=60_965_224, macs=724_406_816)
    yield from _of("alexnet-one-group", "CS231n's drawing of AlexNet", parameters=62_378_344, macs=1_135_256_096)
    yield from _of("alexnet-torchvision", "torchvision alexnet", parameters=61_100_840, macs=714_188_480)


def _zfnet() -> Iterator[Fact]:
    paper = "Zeiler and Fergus 2013, Figure 3"
    yield from _of("zfnet", paper, parameters=62_357_608, macs=1_168_032_896)
    yield from _layers(
        "zfnet",
        paper,
        {
            "conv1": {"output": (110, 110, 96), "parameters": 14_208},
            "pool1": {"output": (55, 55, 96)},
            "conv2": {"output": (26, 26, 256), "parameters": 614_656},
            "pool2": {"output": (13, 13, 256)},
            "conv3": {"output": (13, 13, 384), "parameters": 885_120},
            "conv4": {"output": (13, 13, 384), "parameters": 1_327_488},
            "conv5": {"output": (13, 13, 256), "parameters": 884_992},
            "pool3": {"output": (6, 6, 256)},
            "fc6": {"parameters": 37_752_832},
            "fc7": {"parameters": 16_781_312},
            "fc8": {"parameters": 4_097_000},
        },
    )
    yield from _of("zfnet-512", "CS231n 2017, lecture 9", parameters=107_627_624, macs=2_476_704_896)
    floor = "Zeiler and Fergus 2013 with plain floor and no padding"
    yield from _of("zfnet-floor", floor, parameters=50_823_272)
    for layer, size in {"conv1": 109, "pool1": 54, "conv2": 25, "pool2": 12, "pool3": 5}.items():
        yield from _of("zfnet-floor", floor, layer, output=(size, size, 96 if layer.endswith("1") else 256))
    onnx = "onnx/models, zfnet512"
    yield from _of("zfnet512-onnx", onnx, parameters=87_250_536, macs=1_481_727_008)
    for layer, size in {"conv1": 109, "pool1": 54, "conv2": 25, "pool2": 12}.items():
        yield from _of("zfnet512-onnx", onnx, layer, output=(size, size, 96 if layer.endswith("1") else 256))
    yield from _of("zfnet512-onnx", onnx, "pool3", output=(6, 6, 512))


def _googlenet() -> Iterator[Fact]:
    caffe = "BVLC/caffe models/bvlc_googlenet"
    yield from _of("googlenet", caffe, parameters=6_998_552, weights=6_990_272, macs=1_582_671_872)
    # Szegedy et al. 2014, Table 1 prints 2.7K parameters and 34M operations for the first convolution, 54M for 5a, and
    # parameters that its own depths do not give for 4a, 4c, 4d, 4e, 5a and 5b. Its K is 1024, its operations are MACs.
    modules: list[tuple[str, tuple[int, int, int], int, int]] = [
        ("conv1", (112, 112, 64), 9_408, 118_013_952),
        ("conv2", (56, 56, 192), 114_688, 359_661_568),
        ("3a", (28, 28, 256), 163_328, 128_049_152),
        ("3b", (28, 28, 480), 388_096, 304_267_264),
        ("4a", (14, 14, 512), 375_552, 73_608_192),
        ("4b", (14, 14, 512), 448_512, 87_908_352),
        ("4c", (14, 14, 512), 509_440, 99_850_240),
        ("4d", (14, 14, 528), 604_672, 118_515_712),
        ("4e", (14, 14, 832), 867_328, 169_996_288),
        ("5a", (7, 7, 832), 1_042_432, 51_079_168),
        ("5b", (7, 7, 1024), 1_442_816, 70_697_984),
        ("fc", (1, 1, 1000), 1_024_000, 1_024_000),
    ]
    for module, output, weights, macs in modules:
        yield from _of("googlenet", caffe, module, output=output, weights=weights, macs=macs)
    yield from _of("googlenet-aux", caffe, parameters=13_378_280, macs=1_591_044_096)
    yield from _of("googlenet-aux", caffe, "aux1", parameters=3_188_840)
    yield from _of("googlenet-aux", caffe, "aux2", parameters=3_190_888)
    yield from _of("googlenet-bn", "torchvision googlenet, TF-slim", parameters=6_624_904, macs=1_498_376_192)
    floor = "ONNX port of bvlc_googlenet: 55, 27, 13, 6"
    yield from _of("googlenet-floor", floor, parameters=6_998_552, macs=1_431_556_352)


def _vgg() -> Iterator[Fact]:
    torchvision = "torchvision, Keras and Netscope, which agree"
    yield from _of("vgg11", torchvision, parameters=132_863_336, macs=7_609_090_048)
    yield from _of("vgg13", torchvision, parameters=133_047_848, macs=11_308_466_176)
    yield from _of("vgg16", torchvision, parameters=138_357_544, weights=138_344_128, biases=13_416)
    yield from _of("vgg16", torchvision, macs=15_470_264_320)
    yield from _of("vgg19", torchvision, parameters=143_667_240, macs=19_632_062_464)
    yield from _of("vgg16-bn", torchvision, parameters=138_365_992, macs=15_470_264_320)
    yield from _of("vgg16", torchvision, "kind:conv", activations=13_547_520)
    yield from _of("vgg16", torchvision, "conv1..conv2", parameters=38_720, macs=1_936_392_192)
    yield from _of("vgg16", torchvision, "conv3..conv4", parameters=221_440, macs=2_774_532_096)
    yield from _of("vgg16", torchvision, "conv5..conv7", parameters=1_475_328, macs=4_624_220_160)
    yield from _of("vgg16", torchvision, "conv8..conv10", parameters=5_899_776, macs=4_624_220_160)
    yield from _of("vgg16", torchvision, "conv11..conv13", parameters=7_079_424, macs=1_387_266_048)
    yield from _of("vgg16", torchvision, "fc1", parameters=102_764_544)
    yield from _of("vgg16", torchvision, "fc2", parameters=16_781_312)
    yield from _of("vgg16", torchvision, "fc3", parameters=4_097_000)

    notes = "CS231n, the VGGNet table"
    # The notes' table ends in a total of 24M. Its own rows sum to this (cs231n/cs231n.github.io#88).
    yield from _of("vgg16", notes, activations=15_237_608)
    rows: list[tuple[str, tuple[int, int, int], int]] = [
        ("input", (224, 224, 3), 0),
        ("conv1", (224, 224, 64), 1_728),
        ("conv2", (224, 224, 64), 36_864),
        ("pool1", (112, 112, 64), 0),
        ("conv3", (112, 112, 128), 73_728),
        ("conv4", (112, 112, 128), 147_456),
        ("pool2", (56, 56, 128), 0),
        ("conv5", (56, 56, 256), 294_912),
        ("conv6", (56, 56, 256), 589_824),
        ("conv7", (56, 56, 256), 589_824),
        ("pool3", (28, 28, 256), 0),
        ("conv8", (28, 28, 512), 1_179_648),
        ("conv9", (28, 28, 512), 2_359_296),
        ("conv10", (28, 28, 512), 2_359_296),
        ("pool4", (14, 14, 512), 0),
        ("conv11", (14, 14, 512), 2_359_296),
        ("conv12", (14, 14, 512), 2_359_296),
        ("conv13", (14, 14, 512), 2_359_296),
        ("pool5", (7, 7, 512), 0),
        ("fc1", (1, 1, 4096), 102_760_448),
        ("fc2", (1, 1, 4096), 16_777_216),
        ("fc3", (1, 1, 1000), 4_096_000),
    ]
    for layer, output, weights in rows:
        height, width, depth = output
        yield from _of("vgg16", notes, layer, output=output, activations=height * width * depth, weights=weights)
    field = "Araujo, Norris, Sim 2019, Computing Receptive Fields of Convolutional Neural Networks"
    yield from _of("vgg16", field, "pool5", receptive_field=(212, 212))


def _resnet() -> Iterator[Fact]:
    torchvision = "torchvision models/resnet.py"
    yield from _of("resnet18", torchvision, parameters=11_689_512, macs=1_814_073_344)
    yield from _of("resnet34", torchvision, parameters=21_797_672, macs=3_663_761_408)
    yield from _of("resnet50-v1.5", torchvision, parameters=25_557_032, macs=4_089_184_256)
    yield from _of("resnet101-v1.5", torchvision, parameters=44_549_160, macs=7_801_405_440)
    yield from _of("resnet152-v1.5", torchvision, parameters=60_192_808, macs=11_513_626_624)
    yield from _of("resnet50-v1.5", torchvision, "kind:conv", activations=11_113_984)
    yield from _of("resnet50-v1.5", torchvision, "kind:bn", parameters=53_120, buffers=53_120)

    authors = "KaimingHe/deep-residual-networks"  # the paper's 3.8 billion FLOPs of ResNet-50 are these MACs
    yield from _of("resnet50", authors, parameters=25_557_032, macs=3_857_973_248)
    yield from _of("resnet101", authors, parameters=44_549_160, macs=7_570_194_432)
    yield from _of("resnet152", authors, parameters=60_192_808, macs=11_282_415_616)
    yield from _of("resnet50", authors, "kind:conv", activations=10_587_136)
    yield from _of("resnet50", authors, "kind:bn", parameters=53_120, buffers=53_120)
    stages = {"layer1": (56, 56, 256), "layer2": (28, 28, 512), "layer3": (14, 14, 1024), "layer4": (7, 7, 2048)}
    for net in ("resnet50", "resnet50-v1.5", "resnet101", "resnet152"):
        for stage, volume in stages.items():
            yield from _of(net, "He et al. 2015, Table 1", stage, output=volume)
    prototxt = f"{authors} prototxt/ResNet-50-deploy.prototxt, which has a bias at the first convolution"
    yield from _of("resnet50-caffe", prototxt, parameters=25_557_096, macs=3_857_973_248)
    yield from _of("resnet50-caffe", prototxt, "kind:conv", activations=10_587_136)

    authors = "Jongchan/attention-module MODELS/model_resnet.py, built in PyTorch; 28.09M in Woo et al. 2018, Table 4"
    yield from _of("cbam-resnet50", authors, parameters=28_089_624, macs=4_095_573_110)
    gates = (("layer1.0", 8_464), ("layer2.3", 33_312), ("layer3.5", 132_160), ("layer4.2", 526_464))
    for unit, weights in gates:
        yield from _of("cbam-resnet50", authors, f"{unit}.channels", parameters=weights)
        yield from _of("cbam-resnet50", authors, f"{unit}.places", parameters=7 * 7 * 2 + 2)
    # Table 4 has 3.864 GFLOPs, each of them a MAC, of the form with the stride in the first 1x1.
    yield from _of("cbam-resnet50-paper", "Woo et al. 2018, Table 4", parameters=28_089_624, macs=3_864_362_102)

    preact = "fb.resnet.torch models/preresnet.lua, soeaver/caffe-model, timm resnetv2"
    yield from _of("resnet50-v2", preact, parameters=25_549_352, macs=4_089_184_256)
    yield from _of("resnet101-v2", preact, parameters=44_541_480, macs=7_801_405_440)
    yield from _of("resnet152-v2", preact, parameters=60_185_128, macs=11_513_626_624)
    keras = "keras-team/keras-applications, ResNet50V2"
    yield from _of("resnet50-v2-keras", keras, trainable=25_568_360, buffers=45_440, macs=3_482_255_360)

    cifar = "He et al. 2015, section 4.2"
    yield from _of("resnet110", f"{cifar}, built in PyTorch", parameters=1_727_962, macs=252_887_680)
    for stage, volume in {"layer1": (32, 32, 16), "layer2": (16, 16, 32), "layer3": (8, 8, 64)}.items():
        yield from _of("resnet110", f"{cifar}, the table of output map sizes", stage, output=volume)
    yield from _of("resnet110", f"{cifar}: shortcuts of kind A learn nothing", "kind:avgpool,pad", parameters=0)


def _inception() -> Iterator[Fact]:
    torchvision = "torchvision models/inception.py"
    yield from _of("inception-v3", torchvision, parameters=23_834_568, macs=5_713_216_096)
    modules: list[tuple[str, tuple[int, int, int]]] = [
        ("1a", (149, 149, 32)),
        ("2a", (147, 147, 32)),
        ("2b", (147, 147, 64)),
        ("3b", (73, 73, 80)),
        ("4a", (71, 71, 192)),
        ("5b", (35, 35, 256)),
        ("5c", (35, 35, 288)),
        ("5d", (35, 35, 288)),
        ("6a", (17, 17, 768)),
        ("6e", (17, 17, 768)),
        ("7a", (8, 8, 1280)),
        ("7b", (8, 8, 2048)),
        ("7c", (8, 8, 2048)),
    ]
    for module, volume in modules:
        yield from _of("inception-v3", torchvision, module, output=volume)
    yield from _of("inception-v3-aux", torchvision, parameters=27_161_264)
    keras = "Keras InceptionV3: 23,851,784 in all, its BN without scale"
    yield from _of("inception-v3-keras", keras, trainable=23_817_352, buffers=34_432)

    slim = "timm inception_v4 and soeaver/caffe-model inception-v4, both from TF-slim"
    yield from _of("inception-v4", slim, parameters=42_679_816, macs=12_253_974_624)
    yield from _of("inception-v4", slim, "kind:conv", activations=15_089_184)
    blocks: list[tuple[str, tuple[int, int, int], int]] = [
        ("inception-a.0", (35, 35, 384), 317_632),
        ("inception-a.3", (35, 35, 384), 317_632),
        ("reduction-a", (17, 17, 1024), 2_306_112),
        ("inception-b.0", (17, 17, 1024), 2_936_256),
        ("inception-b.6", (17, 17, 1024), 2_936_256),
        ("reduction-b", (8, 8, 1536), 2_747_392),
        ("inception-c.0", (8, 8, 1536), 4_553_088),
        ("inception-c.2", (8, 8, 1536), 4_553_088),
    ]
    for block, volume, parameters in blocks:
        yield from _of("inception-v4", slim, block, output=volume, parameters=parameters)
    yield from _of("inception-v4", slim, "stem", output=(35, 35, 384))
    yield from _of("inception-v4", slim, "stem.concat1", output=(73, 73, 160))
    yield from _of("inception-v4", slim, "stem.concat2", output=(71, 71, 192))
    test = "TF-slim nets/inception_v4_test.py, whose input is not square"
    yield from _of("inception-v4-350x400", test, "inception-c.2", output=(9, 11, 1536))

    timm = "timm inception_resnet_v2"  # its page: 55.84M parameters, 25.06M outputs of convolutions
    yield from _of("inception-resnet-v2", timm, parameters=55_843_464, macs=13_155_794_016)
    yield from _of("inception-resnet-v2", timm, "kind:conv", activations=25_058_976)
    yield from _of("inception-resnet-v2", timm, "stem", output=(35, 35, 320))
    yield from _of("inception-resnet-v2", timm, "reduction-a", output=(17, 17, 1088))
    yield from _of("inception-resnet-v2", timm, "reduction-b", output=(8, 8, 2080))
    keras = "Keras InceptionResNetV2: 55,873,736 in all, its BN without scale"
    yield from _of("inception-resnet-v2-keras", keras, trainable=55_813_192, buffers=60_544)


def _small() -> Iterator[Fact]:
    torchvision = "torchvision models/squeezenet.py"
    yield from _of("squeezenet", torchvision, parameters=1_248_424, macs=818_924_576)
    yield from _of("squeezenet-1.1", torchvision, parameters=1_235_496, macs=349_151_936)
    yield from _of("densenet121", "torchvision densenet121", parameters=7_978_856, macs=2_834_161_664)
    yield from _of("densenet121", "Keras DenseNet121: 8,062,504 in all", trainable=7_978_856, buffers=83_648)
    for block, volume in {
        "block1": (56, 56, 256),
        "block2": (28, 28, 512),
        "block3": (14, 14, 1024),
        "block4": (7, 7, 1024),
    }.items():
        yield from _of("densenet121", "Huang et al. 2017, Table 1", block, output=volume)
    keras = "Keras MobileNet: 4,253,864 in all"
    yield from _of("mobilenet-v1", keras, parameters=4_231_976, trainable=4_231_976, buffers=21_888)
    yield from _of("mobilenet-v1", "Howard et al. 2017, Table 1 (569 million in Table 8)", macs=568_740_352)
    yield from _of("mobilenet-v2", "torchvision mobilenet_v2", parameters=3_504_872, macs=300_774_272)
    yield from _of("mobilenet-v2", "Keras MobileNetV2: 3,538,984 in all", trainable=3_504_872, buffers=34_112)
    torchvision = "torchvision shufflenet_v2_x1_0, layer by layer"  # the paper prints 146M
    yield from _of("shufflenet-v2", torchvision, parameters=2_278_604, buffers=16_180, macs=144_907_992)
    for stage, volume in {
        "pool1": (56, 56, 24),
        "stage2": (28, 28, 116),
        "stage3": (14, 14, 232),
        "stage4": (7, 7, 464),
        "relu2": (7, 7, 1024),
    }.items():
        yield from _of("shufflenet-v2", "Ma et al. 2018, Table 5", stage, output=volume)


def _pictures() -> Iterator[Fact]:
    paper = "Ronneberger et al. 2015, Figure 1"
    padded = f"{paper}: the parameters do not depend on the padding"
    yield from _of("unet-padded", padded, parameters=31_030_658)
    # by level i: 2 + 2 convolutions of 3x3 and the up-convolution, on (512/2**i)**2 places
    yield from _of("unet-padded", "the sum over the levels of the figure, at 512x512", macs=192_384_335_872)
    yield from _of("unet-padded", "512x512 in, 512x512 out", "conv1", output=(512, 512, 2))
    # The authors' Caffe net differs in one place: its last up-convolution keeps 128 channels.
    yield from _of("unet", f"{paper}; tf_unet with 5 levels and 64 maps counts the same", parameters=31_030_658)
    yield from _of("unet", f"{paper}, built in PyTorch", macs=150_428_424_448)
    yield from _layers(
        "unet",
        paper,
        {
            "down0": {"output": (568, 568, 64)},
            "down1": {"output": (280, 280, 128)},
            "down2": {"output": (136, 136, 256)},
            "down3": {"output": (64, 64, 512)},
            "bottom": {"output": (28, 28, 1024)},
            "up3": {"output": (52, 52, 512)},
            "up2": {"output": (100, 100, 256)},
            "up1": {"output": (196, 196, 128)},
            "up0": {"output": (388, 388, 64)},
            "conv1": {"output": (388, 388, 2)},
        },
    )

    code = "Newmu/dcgan_code faces/train_uncond_dcgan.py, the shapes of its parameters"
    yield from _of("dcgan-generator", code, parameters=18_885_760)
    yield from _of("dcgan-generator", "Radford et al. 2016, Figure 1, built in PyTorch", macs=640_614_400)
    yield from _layers(
        "dcgan-generator",
        "Radford et al. 2016, Figure 1",
        {
            "reshape1": {"output": (4, 4, 1024)},
            "deconv1": {"output": (8, 8, 512)},
            "deconv2": {"output": (16, 16, 256)},
            "deconv3": {"output": (32, 32, 128)},
            "deconv4": {"output": (64, 64, 3)},
        },
    )


def _modern() -> Iterator[Fact]:
    torchvision = "torchvision 0.28, every module's output, parameters and buffers compared"
    yield from _of("mobilenet-v3-large", torchvision, parameters=5_483_032, buffers=24_400, macs=216_589_760)
    yield from _of("efficientnet-b0", torchvision, parameters=5_288_548, buffers=42_016, macs=385_814_752)
    yield from _of("convnext-tiny", torchvision, parameters=28_589_128, buffers=0, macs=4_455_531_264)
    yield from _of(
        "convnext-tiny",
        "Liu et al. 2022: the layer scales",
        "kind:scale",
        parameters=3 * 96 + 3 * 192 + 9 * 384 + 3 * 768,
    )
    yield from _of("mobilenet-v3-large", "Howard et al. 2019, Table 1", "residual9", output=(7, 7, 160))
    yield from _of("efficientnet-b0", "Tan and Le 2019, Table 1", "mbconv7", output=(7, 7, 320))
    authors = "szagoruyko/wide-residual-networks pytorch/resnet.py, built in PyTorch"
    yield from _of("wrn-28-10", authors, parameters=36_479_194, buffers=17_952, macs=5_243_328_768)
    authors = "hujie-frank/SENet SE-ResNet-50, built in PyTorch"
    yield from _of("se-resnet50", authors, parameters=28_088_024, buffers=53_120, macs=3_860_488_192)
    stages = {"layer1": (56, 56, 256), "layer2": (28, 28, 512), "layer3": (14, 14, 1024), "layer4": (7, 7, 2048)}
    for stage, volume in stages.items():
        yield from _of("se-resnet50", "Hu, Shen and Sun 2018, Table 1", stage, output=volume)
    code = "Newmu/dcgan_code faces/train_uncond_dcgan.py, the shapes of its parameters"
    yield from _of("dcgan-discriminator", code, parameters=17_232_768)
    yield from _of("dcgan-discriminator", "Radford et al. 2016, built in PyTorch", buffers=3_584, macs=638_992_384)
    keras = "keras.io, Variational AutoEncoder: the printed summaries of encoder and decoder"
    yield from _of("vae-encoder", keras, parameters=69_076)
    yield from _of("vae-decoder", keras, parameters=65_089)
    arithmetic = "hand arithmetic: kernel x depths x positions of the output (encoder) or of the input (decoder)"
    yield from _of(
        "vae-encoder", arithmetic, macs=3 * 3 * 32 * 14 * 14 + 3 * 3 * 32 * 64 * 7 * 7 + 3_136 * 16 + 2 * 16 * 2
    )
    deconvolutions = 3 * 3 * 64 * 64 * 7 * 7 + 3 * 3 * 64 * 32 * 14 * 14 + 3 * 3 * 32 * 28 * 28
    yield from _of("vae-decoder", arithmetic, macs=2 * 3_136 + deconvolutions)


def _sequences_and_spaces() -> Iterator[Fact]:
    paper = "Cicek et al. 2016, Figure 2"
    # the paper counts no scale and shift of BN, and no bias of the up-convolutions
    yield from _of("unet3d", f"{paper}: 19069955 parameters in total", parameters=19_069_955)
    yield from _of("unet3d", f"{paper}, built in PyTorch", macs=266_731_018_496, buffers=4_672)
    yield from _layers(
        "unet3d",
        paper,
        {
            "down0": {"output": (128, 128, 112, 64)},
            "down1": {"output": (60, 60, 52, 128)},
            "down2": {"output": (26, 26, 22, 256)},
            "bottom": {"output": (9, 9, 7, 512)},
            "up2": {"output": (14, 14, 10, 256)},
            "up1": {"output": (24, 24, 16, 128)},
            "up0": {"output": (44, 44, 28, 64)},
            "conv1": {"output": (44, 44, 28, 3)},
        },
    )
    yield from _of("unet3d-affine", f"{paper}, built in PyTorch", parameters=19_074_627)

    torchvision = "torchvision models/video/resnet.py, r3d_18"
    yield from _of("r3d18", f"{torchvision}: 33,371,472 parameters, 40.697 GFLOPS", parameters=33_371_472)
    yield from _of("r3d18", torchvision, macs=40_696_553_472, buffers=9_600)
    stages = {
        "layer1": (16, 56, 56, 64),
        "layer2": (8, 28, 28, 128),
        "layer3": (4, 14, 14, 256),
        "layer4": (2, 7, 7, 512),
    }
    for stage, volume in stages.items():
        yield from _of("r3d18", "Tran et al. 2018, Table 1", stage, output=volume)

    table = "Dai et al. 2016, Table 1"
    yield from _of("m5", f"{table} (0.5M), built in PyTorch", parameters=559_114, macs=278_533_120)
    for unit, length in enumerate([(2000, 128), (500, 128), (125, 256), (32, 512)], start=1):
        yield from _of("m5", table, f"unit{unit}", output=length)
    tutorial = "pytorch/tutorials, Speech Command Classification with torchaudio: 26915 parameters"
    yield from _of("m5-speech-commands", tutorial, parameters=26_915, macs=1_880_256)


def _places() -> Iterator[Fact]:
    """Nets whose output has a value at many places: boxes, or a class for each pixel."""
    darknet = "pjreddie/darknet cfg/yolov3.cfg at 416x416; it prints 'Total BFLOPS 65.864', two for a MAC"
    yield from _of("yolov3", darknet, parameters=61_949_149, macs=32_932_037_632)
    keras = "the summary that Keras prints of it: 62,001,757 in all"
    yield from _of("yolov3", keras, trainable=61_949_149, buffers=52_608)
    yield from _layers(
        "yolov3",
        "pjreddie/darknet cfg/yolov3.cfg; Darknet-53 as in Redmon, Farhadi 2018, Table 1, at 416x416",
        {
            "conv1": {"output": (416, 416, 32), "parameters": 928},
            "stage1": {"output": (208, 208, 64), "parameters": 39_232},
            "stage2": {"output": (104, 104, 128)},
            "stage3": {"output": (52, 52, 256)},
            "stage4": {"output": (26, 26, 512)},
            "stage5": {"output": (13, 13, 1024)},
            "conv1..stage5": {"parameters": 40_584_928},
            "boxes1": {"output": (13, 13, 255)},
            "boxes2": {"output": (26, 26, 255)},
            "boxes3": {"output": (52, 52, 255)},
            "concat1": {"output": (26, 26, 768)},
            "concat2": {"output": (52, 52, 384)},
        },
    )
    torchvision = "torchvision deeplabv3_resnet50: 42,004,074 parameters, 178.722 GFLOPs, each of them a MAC"
    yield from _of("deeplabv3-resnet50", torchvision, parameters=42_004_074, macs=178_721_945_088)
    yield from _layers(
        "deeplabv3-resnet50",
        torchvision,
        {
            "layer2": {"output": (65, 65, 512)},
            "layer3": {"output": (65, 65, 1024)},
            "layer4": {"output": (65, 65, 2048)},
            "conv1..layer4": {"parameters": 23_508_032},
            "aux": {"output": (520, 520, 21), "parameters": 2_365_205},
            "aspp..out": {"output": (65, 65, 21), "parameters": 16_130_837},
        },
    )
    ssd = "amdegroot/ssd.pytorch ssd.py with the 21 classes of VOC, built in PyTorch"
    yield from _of("ssd300", ssd, parameters=26_285_486, macs=31_373_537_792)
    sources = {"map4": (38, 38, 512), "map7": (19, 19, 1024), "map8": (10, 10, 512)}
    sources |= {"map9": (5, 5, 256), "map10": (3, 3, 256), "map11": (1, 1, 256)}
    paper = "Liu et al. 2016, Figure 2: 8,732 boxes on six maps"
    yield from _layers("ssd300", paper, {name: {"output": volume} for name, volume in sources.items()})
    for name, boxes in (("4", 4 * 38 * 38), ("7", 6 * 19 * 19), ("8", 600), ("9", 150), ("10", 36), ("11", 4)):
        yield from _of("ssd300", paper, f"place{name}", activations=4 * boxes)
        yield from _of("ssd300", paper, f"class{name}", activations=21 * boxes)
    yield from _of("ssd300", ssd, "map4", parameters=512)
    psp = "hszhao/semseg model/pspnet.py, 150 classes as of ADE20K; every module's output, parameters, MACs compared"
    yield from _of("pspnet-resnet50", psp, parameters=49_180_908, buffers=59_136, macs=170_506_544_320)
    yield from _layers(
        "pspnet-resnet50",
        psp,
        {
            "stem": {"output": (237, 237, 128), "parameters": 112_832},
            "layer1": {"output": (119, 119, 256), "parameters": 236_288},
            "layer2": {"output": (60, 60, 512), "parameters": 1_219_584},
            "layer3": {"output": (60, 60, 1024), "parameters": 7_098_368},
            "layer4": {"output": (60, 60, 2048), "parameters": 14_964_736},
            "pyramid": {"output": (60, 60, 4096), "parameters": 4_198_400},
            "aux": {"output": (473, 473, 150), "parameters": 2_398_358},
            "head": {"output": (473, 473, 150), "parameters": 18_952_342},
        },
    )
    prototxt = "SegNet-Tutorial Models/segnet_train.prototxt"
    yield from _of("segnet", f"{prototxt}, the blobs of its layers", parameters=29_449_355)
    yield from _of("segnet", f"{prototxt}, built in PyTorch", macs=106_712_432_640)
    sides = {"pool4": (23, 30, 512), "pool5": (12, 15, 512), "unpool1": (23, 30, 512), "unpool2": (45, 60, 512)}
    yield from _layers("segnet", prototxt, {name: {"output": volume} for name, volume in sides.items()})
    yield from _of("segnet", prototxt, "out", output=(360, 480, 11), parameters=6_347)


def _attention() -> Iterator[Fact]:
    """Nets with attention. MACs are those of the projections and of both products, by the formula of each layer."""
    vit = "torchvision 0.28 vit_b_16, every module's output and parameters compared"
    yield from _of("vit-b-16", vit, parameters=86_567_656)
    yield from _of("vit-b-16", vit, "kind:attention", parameters=12 * 2_362_368)
    yield from _of("vit-b-16", "Dosovitskiy et al. 2021, Table 1 (86M)", "class..position1", weights=768 + 197 * 768)
    patches, blocks = 196 * 16 * 16 * 3 * 768, 12 * (197 * 12 * 768 * 768 + 2 * 197 * 197 * 768)
    yield from _of("vit-b-16", "arithmetic", macs=patches + blocks + 768 * 1000)
    swin = "torchvision 0.28 swin_t, every module's output and parameters compared"
    yield from _of("swin-t", swin, parameters=28_288_354)
    tables = 13 * 13 * (2 * 3 + 2 * 6 + 6 * 12 + 2 * 24)
    projections = sum(blocks * 4 * depth for blocks, depth in ((2, 96), (2, 192), (6, 384), (2, 768)))
    yield from _of("swin-t", swin, "kind:attention", biases=tables + projections)
    swin_macs = 4 * 4 * 3 * 96 * 56 * 56 + sum(
        side**2 * 8 * depth**2 for depth, side in ((96, 28), (192, 14), (384, 7))
    )
    for count, depth, side in ((2, 96, 56), (2, 192, 28), (6, 384, 14), (2, 768, 7)):
        swin_macs += count * side**2 * (12 * depth**2 + 2 * 49 * depth)
    yield from _of("swin-t", "arithmetic", macs=swin_macs + 768 * 1000)
    for block, volume in {"stage1": (56, 56, 96), "stage2": (28, 28, 192), "stage3": (14, 14, 384)}.items():
        yield from _of("swin-t", "Liu et al. 2021, Figure 3", block, output=volume)
    yield from _of("swin-t", "Liu et al. 2021, Figure 3", "stage4", output=(7, 7, 768))
    timm = "timm 1.0 mobilevit_s, every module's output and parameters compared; 5.6M in Mehta and Rastegari 2022"
    yield from _of("mobilevit-s", timm, parameters=5_578_632, buffers=12_256)
    # each block has 4*d*d weights in its attention and 4*d*d behind it; a pixel of a patch sees one of each patch
    mobile_macs = 1_092_354_048 + 640 * 1000
    for count, depth, side in ((2, 144, 32), (4, 192, 16), (3, 240, 8)):
        mobile_macs += count * side**2 * (8 * depth**2 + 2 * (side // 2) ** 2 * depth)
    yield from _of("mobilevit-s", "those of the convolutions in timm, and arithmetic", macs=mobile_macs)
    stages = {"inverted4": (64, 64, 64), "mobilevit1": (32, 32, 96), "mobilevit2": (16, 16, 128)}
    stages |= {"mobilevit3": (8, 8, 160), "conv2": (8, 8, 640)}
    for stage, volume in stages.items():
        yield from _of("mobilevit-s", "Mehta and Rastegari 2022, Table 4", stage, output=volume)


FACTS: tuple[Fact, ...] = (
    *_lenet(),
    *_cifar(),
    *_alexnet(),
    *_zfnet(),
    *_googlenet(),
    *_vgg(),
    *_resnet(),
    *_inception(),
    *_small(),
    *_pictures(),
    *_modern(),
    *_sequences_and_spaces(),
    *_places(),
    *_attention(),
)
