"""Golden models with the input and output layouts of YOLO and SSD exports: tiny convolutional networks built here, with random weights. No
detection library is used: only the layouts, names and metadata are those of such exports.

    python common.py && python yolo.py [FAMILY ...]

Expected detections: the ONNX model run by onnxruntime on the frame resized with OpenCV, its outputs decoded by NumPy as written below
(the functions `decode_*`), torchvision.ops.batched_nms, masks upsampled by torch.nn.functional.interpolate. Packages: see requirements.txt.

Class-wise non-maximum suppression works on boxes in input pixels, not clipped, one class (the likeliest) a box; boxes above the threshold only.
Boxes are then moved by the padding, scaled to the frame and clipped.

Masks: the logits (coefficients x prototypes, at a quarter of the input's size) lose the rows and columns that are padding, are upsampled to
the frame's size (bilinear, half-pixel centres, no antialiasing), are cut to the clipped box (a pixel whose column c has x_min <= c < x_max, and
alike for rows), and are a mask where they are above 0.
"""

import copy
import dataclasses
import sys
from typing import Callable

import cv2
import numpy as np
import onnx
import onnxruntime
import torch
import torchvision
from torch.nn import functional

import common

MADE_BY = (f"onnxruntime {onnxruntime.__version__}, opencv {cv2.__version__}, numpy {np.__version__}, torch {torch.__version__}, "
           f"torchvision {torchvision.__version__}")
HEIGHT, WIDTH = 160, 128
STRIDES = (8, 16, 32)
GREY = 114
NAMES = ("person", "it's", "traffic light", "cup, 2: large", "café")
PLAIN = tuple(f"class_{number}" for number in range(5))
MASKS = 32
ROWS = 50  # of outputs that are already selected
ANCHORS = (((10, 13), (16, 30), (33, 23)), ((30, 61), (62, 45), (59, 119)), ((116, 90), (156, 198), (373, 326)))


# Networks


class Net(torch.nn.Module):
    """Maps of `channels` values a cell at strides 8, 16 and 32, and `protos` at stride 4: partly of the picture, partly waves that depend on
    the place alone, so that outputs vary much yet grey levels do not move them far."""

    def __init__(self, channels, protos=0):
        super().__init__()
        widths = (3, 12, 16, 24, 32, 32)
        self.stem = torch.nn.ModuleList(torch.nn.Conv2d(*pair, 4, 2, 1, padding_mode="replicate") for pair in zip(widths, widths[1:]))
        sources = list(zip(widths[3:], (channels,) * 3)) + [(widths[2], protos)] * (protos > 0)
        self.heads = torch.nn.ModuleList(torch.nn.Conv2d(*pair, 1) for pair in sources)
        self.waves = torch.nn.ModuleList(torch.nn.Conv2d(8, pair[1], 1, bias=False) for pair in sources)
        self.register_buffer("across", torch.randn(8, 1) / 12)
        self.register_buffer("down", torch.randn(8, 1) / 12)
        self.register_buffer("phase", torch.rand(8, 1) * 6)
        common.randomise(self, smooth=0.15, bias=0.1)

    def features(self, x):
        found = []
        for conv in self.stem:
            x = torch.tanh(conv(x))
            found.append(x)
        return found[2:] + found[1:2] * (len(self.heads) > 3)

    def place(self, level, features):
        """The waves at a level's cells: [1, 8, h, w]."""
        x, y = centres(features, (*STRIDES, 4)[level])
        angle = self.across * x + self.down * y + self.phase
        return torch.sin(angle).view(1, 8, features.shape[2], features.shape[3])

    def forward(self, x):
        return [head(features) + wave(self.place(level, features))
                for level, (features, head, wave) in enumerate(zip(self.features(x), self.heads, self.waves))]

    def fit(self, x, mean, spread, fewer, image=0.02):
        """Set means and deviations of the maps for the picture `x`; the part `image` of a variance comes from the picture. `fewer` is taken
        off the means of the finest level, which has most cells."""
        with torch.no_grad():
            y = x
            for conv in self.stem:
                found = conv(y)
                conv.weight /= found.std((2, 3)).mean() * 1.3
                conv.bias.data = conv.bias - conv(y).mean((0, 2, 3))
                y = torch.tanh(conv(y))
            for level, features in enumerate(self.features(x)):
                proto = level == len(STRIDES)
                wanted, middle = (torch.ones(1), torch.zeros(1)) if proto else (torch.tensor(spread), torch.tensor(mean))
                middle = middle - torch.tensor(fewer) if level == 0 else middle
                for conv, source, part in ((self.heads[level], features, image), (self.waves[level], self.place(level, features), 1 - image)):
                    conv.weight *= (wanted * part**0.5 / conv(source).std((0, 2, 3)))[:, None, None, None]
                self.heads[level].bias += middle - self(x)[level].mean((0, 2, 3))
        return self


def centres(features, stride):
    """x and y of the centres of all cells, in input pixels."""
    height, width = features.shape[2], features.shape[3]
    x = (torch.arange(width).to(features.dtype) + 0.5) * stride
    y = (torch.arange(height).to(features.dtype) + 0.5) * stride
    return x.view(1, -1).expand(height, width).flatten(), y.view(-1, 1).expand(height, width).flatten()


class Base(torch.nn.Module):
    """A network and how its maps become outputs."""

    def __init__(self, classes=5, masks=0, **more):
        super().__init__()
        self.classes, self.masks = classes, masks
        self.net = Net(self.channels(), masks)

    def channels(self):
        return 4 + self.classes + self.masks

    def fit(self, x, score):
        """`score`: mean logit."""
        self.net.fit(x, [0.0] * 4 + [score] * self.classes + [0.0] * self.masks, [0.4] * 4 + [2.0] * self.classes + [1.0] * self.masks,
                     [0.0] * 4 + [2.0] * self.classes + [0.0] * self.masks)
        return self


class Cells(Base):
    """Corners from distances to the cell's centre; scores; coefficients of masks. A cell is a row."""

    def decoded(self, x):
        corners, scores, coefficients = [], [], []
        *maps, protos = self.net(x) if self.masks else (*self.net(x), None)
        for values, stride in zip(maps, STRIDES):
            cx, cy = centres(values, stride)
            left, top, right, bottom = (values.flatten(2)[:, :4].exp() * stride).unbind(1)
            corners.append(torch.stack((cx - left, cy - top, cx + right, cy + bottom), 2))
            rest = values.flatten(2)[:, 4:].transpose(1, 2)
            scores.append(rest[..., : self.classes].sigmoid())
            coefficients.append(rest[..., self.classes:])
        return torch.cat(corners, 1), torch.cat(scores, 1), torch.cat(coefficients, 1), protos

    def forward(self, x):
        corners, scores, coefficients, protos = self.decoded(x)
        low, high = corners.chunk(2, 2)
        rows = torch.cat(((low + high) / 2, high - low, scores, coefficients), 2).transpose(1, 2)
        return (rows, protos) if self.masks else rows


class AnchorBoxes(Base):
    """Three anchors a cell, an objectness and class scores each."""

    def channels(self):
        return 3 * (5 + self.classes)

    def fit(self, x, score):
        one = [0.0] * 4 + [score] + [-1.5] * self.classes, [0.6] * 4 + [2.0] + [2.0] * self.classes, [0.0] * 4 + [2.0] + [0.0] * self.classes
        self.net.fit(x, *(part * 3 for part in one))
        return self

    def forward(self, x):
        found = []
        for values, stride, anchors in zip(self.net(x), STRIDES, ANCHORS):
            cx, cy = centres(values, stride)
            centre = torch.stack((cx, cy), 1)
            for values, anchor in zip(values.flatten(2).sigmoid().transpose(1, 2).chunk(3, 2), anchors):
                xy = (values[..., :2] * 2 - 1) * stride + centre
                wh = (values[..., 2:4] * 2) ** 2 * torch.tensor(anchor, dtype=values.dtype) / 4
                found.append(torch.cat((xy, wh, values[..., 4:]), 2))
        return torch.cat(found, 1)


class Offsets(Base):
    """One box a cell as offset of the centre from the cell's corner and logarithm of the size, in strides; an objectness and class scores."""

    def __init__(self, decode=True, **more):
        self.decode = decode
        super().__init__(**more)

    def channels(self):
        return 5 + self.classes

    def fit(self, x, score):
        self.net.fit(x, [0.5] * 2 + [0.9] * 2 + [score] + [0.0] * self.classes, [0.7] * 2 + [0.4] * 2 + [2.0] * (1 + self.classes),
                     [0.0] * 4 + [2.0] + [0.0] * self.classes)
        return self

    def forward(self, x):
        found = []
        for values, stride in zip(self.net(x), STRIDES):
            cx, cy = centres(values, stride)
            rows = values.flatten(2).transpose(1, 2)
            xy, wh, scores = rows[..., :2], rows[..., 2:4], rows[..., 4:].sigmoid()
            if self.decode:
                xy, wh = xy * stride + torch.stack((cx, cy), 1) - stride / 2, wh.exp() * stride
            found.append(torch.cat((xy, wh, scores), 2))
        return torch.cat(found, 1)


def pick(values, index):
    """Rows of `values` [N, A, V] at `index` [N, K]."""
    return values.gather(1, index.unsqueeze(2).expand(-1, -1, values.shape[2]))


class Best(Cells):
    """The best pairs of cell and class, no suppression: boxes may overlap, a cell may come twice."""

    def forward(self, x):
        corners, scores, coefficients, protos = self.decoded(x)
        best, index = scores.flatten(1).topk(ROWS)
        cell, label = torch.div(index, self.classes, rounding_mode="floor"), (index % self.classes).to(best.dtype)
        rows = torch.cat((pick(corners, cell), best.unsqueeze(2), label.unsqueeze(2), pick(coefficients, cell)), 2)
        return (rows, protos) if self.masks else rows


class Suppressed(Cells):
    """The best boxes that no better one of the same class covers; zeros beyond them."""

    def __init__(self, least=0.2, overlap=0.7, **more):
        super().__init__(**more)
        self.least, self.overlap = least, overlap
        self.register_buffer("better", torch.ones(2 * ROWS, 2 * ROWS).triu(1))  # [i, j]: i is better than j

    def selected(self, x):
        """Corners, scores, classes of ROWS boxes, and which of them are real."""
        corners, scores, _, _ = self.decoded(x)
        best, label = scores.max(2)
        best, index = best.topk(2 * ROWS)
        corners, label = pick(corners, index), label.gather(1, index)
        one, two = corners.unsqueeze(2), corners.unsqueeze(1)
        shared = (torch.minimum(one[..., 2:], two[..., 2:]) - torch.maximum(one[..., :2], two[..., :2])).clamp(min=0).prod(3)
        area = (corners[..., 2:] - corners[..., :2]).prod(2)
        iou = shared / (area.unsqueeze(2) + area.unsqueeze(1) - shared)
        covered = (iou > self.overlap).to(best.dtype) * (label.unsqueeze(2) == label.unsqueeze(1)).to(best.dtype) * self.better
        best = best * (best > self.least).to(best.dtype) * (1 - covered.amax(1))
        best, index = best.topk(ROWS)
        real = (best > 0).to(best.dtype)
        return pick(corners, index) * real.unsqueeze(2), best, label.gather(1, index).to(best.dtype) * real, real

    def forward(self, x):
        corners, scores, labels, _ = self.selected(x)
        return torch.cat((corners, scores.unsqueeze(2), labels.unsqueeze(2)), 2)


class TensorFlow(Suppressed):
    """Bytes in, rows of pixels; corners as parts of the sides, y first; classes from 1; four outputs."""

    def selected(self, x):
        return super().selected(x.permute(0, 3, 1, 2).to(torch.float32) / 127.5 - 1)

    def forward(self, x):
        corners, scores, labels, real = self.selected(x)
        parts = (corners / torch.tensor([WIDTH, HEIGHT, WIDTH, HEIGHT], dtype=corners.dtype)).clamp(0, 1)
        return parts[..., [1, 0, 3, 2]], labels + 1, scores, real.sum(1)


class TensorRt(Suppressed):
    """The outputs of the plugin EfficientNMS_TRT; classes beyond the count are -1."""

    def forward(self, x):
        corners, scores, labels, real = self.selected(x)
        return real.sum(1, keepdim=True).to(torch.int32), corners, scores, (labels * real - (1 - real)).to(torch.int32)


# Before the model


@dataclasses.dataclass
class Fitted:
    """The frame within the input: bytes [H, W, 3] RGB, scale and padding (x, y)."""

    pixels: np.ndarray
    scale: tuple
    padding: tuple


def letterbox(frame, centred=True, grey=GREY, interpolation=cv2.INTER_LINEAR, size=(HEIGHT, WIDTH)):
    """Keep the aspect ratio; grey beside the picture."""
    frame = np.asarray(frame)
    scale = min(size[1] / frame.shape[1], size[0] / frame.shape[0])
    width, height = round(frame.shape[1] * scale), round(frame.shape[0] * scale)
    left, top = ((size[1] - width) // 2, (size[0] - height) // 2) if centred else (0, 0)
    pixels = np.full((*size, 3), grey, np.uint8)
    pixels[top:top + height, left:left + width] = cv2.resize(frame, (width, height), interpolation=interpolation)
    return Fitted(pixels, (scale, scale), (left, top))


def top_left(frame, **more):
    return letterbox(frame, centred=False, **more)


def stretch(frame, interpolation=cv2.INTER_LINEAR, **more):
    """Fill the input."""
    frame = np.asarray(frame)
    pixels = cv2.resize(frame, (WIDTH, HEIGHT), interpolation=interpolation)
    return Fitted(pixels, (WIDTH / frame.shape[1], HEIGHT / frame.shape[0]), (0, 0))


def planes(pixels):
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))[None]


def unit(pixels):
    """RGB planes, 0..1."""
    return planes(pixels).astype(np.float32) / 255


def unit_half(pixels):
    return unit(pixels).astype(np.float16)


def levels_bgr(pixels):
    """BGR planes, 0..255."""
    return planes(pixels[..., ::-1]).astype(np.float32)


def raw(pixels):
    """Bytes as they are, pixels interleaved."""
    return pixels[None].copy()


# After the model


@dataclasses.dataclass
class Candidates:
    """Boxes (corners in input pixels), confidences, classes, how far the second class is behind, coefficients of masks, prototypes."""

    boxes: np.ndarray
    scores: np.ndarray
    classes: np.ndarray
    gaps: np.ndarray | None = None
    coefficients: np.ndarray | None = None
    protos: np.ndarray | None = None


def corners(centred_boxes):
    centre, size = centred_boxes[:, :2], centred_boxes[:, 2:4]
    return np.concatenate((centre - size / 2, centre + size / 2), 1)


def likeliest(boxes, scores, **more):
    ranked = np.sort(scores, 1)
    gaps = ranked[:, -1] - ranked[:, -2] if scores.shape[1] > 1 else None
    return Candidates(boxes, scores.max(1), scores.argmax(1), gaps, **more)


def decode_columns(outputs, classes):
    """[4 + classes + masks, A]: centre x, y, width, height, a score for each class, coefficients."""
    rows = outputs[0].astype(np.float32).T
    more = {"coefficients": rows[:, 4 + classes:], "protos": outputs[1]} if len(outputs) > 1 else {}
    return likeliest(corners(rows), rows[:, 4:4 + classes], **more)


def decode_objectness(outputs, classes):
    """[A, 5 + classes]: centre x, y, width, height, objectness, scores; confidence is objectness x score."""
    return likeliest(corners(outputs[0]), outputs[0][:, 4:5] * outputs[0][:, 5:])


def decode_offsets(outputs, classes):
    """As before, but centre and size are still to be decoded, cells row by row, the finest stride first."""
    rows = outputs[0].copy()
    cells = [(x, y, stride) for stride in STRIDES for y in range(HEIGHT // stride) for x in range(WIDTH // stride)]
    assert len(cells) == len(rows)
    x, y, stride = np.array(cells, np.float32).T
    rows[:, 0], rows[:, 1] = (rows[:, 0] + x) * stride, (rows[:, 1] + y) * stride
    rows[:, 2:4] = np.exp(rows[:, 2:4]) * stride[:, None]
    return decode_objectness([rows], classes)


def decode_rows(outputs, classes):
    """[K, 6 + masks]: corners, score, class, coefficients."""
    rows = outputs[0]
    more = {"coefficients": rows[:, 6:], "protos": outputs[1]} if len(outputs) > 1 else {}
    return Candidates(rows[:, :4], rows[:, 4], rows[:, 5].astype(int), **more)


def decode_tensorflow(outputs, classes):
    """Boxes [K, 4] (y_min, x_min, y_max, x_max as parts of the sides), classes from 1, scores, count."""
    boxes, labels, scores, count = outputs
    count = int(count)
    boxes = boxes[:count, [1, 0, 3, 2]] * np.array([WIDTH, HEIGHT, WIDTH, HEIGHT], np.float32)
    return Candidates(boxes, scores[:count], labels[:count].astype(int) - 1)


def decode_tensorrt(outputs, classes):
    """Count, boxes [K, 4] (corners in input pixels), scores, classes."""
    count = int(outputs[0][0])
    return Candidates(outputs[1][:count], outputs[2][:count], outputs[3][:count])


def finish(found, fitted, family, threshold, iou=None, class_wise=True, masks=True):
    """Detections in the frame."""
    iou = family.iou if iou is None else iou
    above = np.flatnonzero(found.scores > threshold)
    boxes, scores, classes = found.boxes[above], found.scores[above], found.classes[above]
    order = np.argsort(-scores, kind="stable")
    if iou < 1:
        order = torchvision.ops.batched_nms(*map(torch.from_numpy, (boxes, scores, classes if class_wise else classes * 0)), iou).numpy()
    results = []
    for index in order:
        box = (boxes[index] - np.array(fitted.padding * 2)) / np.array(fitted.scale * 2)
        one = common.detection(classes[index], scores[index], box, family.names[classes[index]])
        if one and masks and found.protos is not None:
            one["mask"] = mask_of(found.coefficients[above[index]], found.protos, fitted, one["box"])
        results.append(one)
    return [one for one in results if one]


def mask_of(coefficients, protos, fitted, box):
    """See the top of this file."""
    logits = np.tensordot(coefficients, protos, 1).astype(np.float32)
    left, top = (round(pad / 4) for pad in fitted.padding)
    logits = logits[top:logits.shape[0] - top, left:logits.shape[1] - left]
    logits = functional.interpolate(torch.from_numpy(logits)[None, None].contiguous(), (576, 768), mode="bilinear", align_corners=False)[0, 0].numpy()
    rows, columns = np.arange(576)[:, None], np.arange(768)[None]
    inside = (columns >= box[0]) & (columns < box[2]) & (rows >= box[1]) & (rows < box[3])
    return (logits > 0) & inside


# Families


def python_names(names):
    return repr(dict(enumerate(names)))


def export_metadata(names=NAMES, task="detect", **changed):
    args = {"batch": 1, "half": False, "dynamic": True, "simplify": True, "opset": None, "nms": False, **changed}
    return {"stride": "32", "task": task, "batch": "1", "imgsz": f"[{HEIGHT}, {WIDTH}]", "names": python_names(names), "args": repr(args)}


SIDES = {2: "height", 3: "width"}


@dataclasses.dataclass
class Family:
    """A model to make. Without `axes` (beside the batch's) all sides are fixed; without `batch` the batch is too."""

    build: Callable
    decode: Callable
    outputs: tuple = ("output0",)
    input: str = "images"
    fit: Callable = letterbox
    tensor: Callable = unit
    names: tuple = NAMES
    metadata: dict = dataclasses.field(default_factory=dict)
    axes: dict = dataclasses.field(default_factory=dict)
    batch: bool = True
    score: float = -4.0
    threshold: float = 0.25
    iou: float = 0.45
    half: bool = False


# As exported with all axes dynamic.
DYNAMIC = {"images": SIDES, "output0": {2: "anchors"}}
DYNAMIC_MASKS = {**DYNAMIC, "output1": {2: "mask_height", 3: "mask_width"}}
MASK_OUTPUTS = ("output0", "output1")
TENSORFLOW_OUTPUTS = ("detection_boxes", "detection_classes", "detection_scores", "num_detections")
TENSORRT_OUTPUTS = ("num_dets", "det_boxes", "det_scores", "det_classes")

FAMILIES = {
    "yolo": Family(Cells, decode_columns, metadata=export_metadata(), axes=DYNAMIC),
    "yolo_seg": Family(lambda: Cells(masks=MASKS), decode_columns, MASK_OUTPUTS, metadata=export_metadata(task="segment"), axes=DYNAMIC_MASKS,
                       iou=0.45, score=-3.9),
    "yolov5": Family(AnchorBoxes, decode_objectness, metadata={"stride": "32", "names": python_names(NAMES)}, score=-3.8, iou=0.4),
    "yolox_decoded": Family(Offsets, decode_objectness, ("output",), fit=top_left, tensor=levels_bgr, names=PLAIN, score=-2.4),
    "yolox_raw": Family(lambda: Offsets(decode=False), decode_offsets, ("output",), fit=top_left, tensor=levels_bgr, names=PLAIN, score=-2.4),
    "yolo_end2end": Family(Suppressed, decode_rows, metadata=export_metadata(nms=True), iou=1.0, score=-4.4),
    "yolo_end2end_seg": Family(lambda: Best(masks=MASKS), decode_rows, MASK_OUTPUTS,
                               metadata={**export_metadata(task="segment", end2end=True), "end2end": "True"}, iou=1.0, score=-4.2),
    "yolo_f16": Family(Cells, decode_columns, tensor=unit_half, metadata=export_metadata(half=True), axes=DYNAMIC, half=True, score=-4.4),
    "yolo_fixed": Family(Cells, decode_columns, metadata=export_metadata(dynamic=False), batch=False),
    "ssd_tf": Family(TensorFlow, decode_tensorflow, TENSORFLOW_OUTPUTS, "input_tensor", stretch, raw, PLAIN, iou=1.0, score=-4.4),
    "efficient_nms": Family(TensorRt, decode_tensorrt, TENSORRT_OUTPUTS, names=PLAIN, iou=1.0, score=-4.4),
    "fastsam": Family(lambda: Cells(classes=1, masks=MASKS), decode_columns, MASK_OUTPUTS, names=("object",),
                      metadata=export_metadata(("object",), "segment"), axes=DYNAMIC_MASKS, iou=0.5, score=-2.0, threshold=0.4),
}


def by_torch(model, family):
    """Runs the PyTorch model for one tensor: its outputs for that image, as NumPy arrays."""

    def run(tensor):
        with torch.no_grad():
            found = model(torch.from_numpy(tensor))
        return [output[0].numpy() for output in (found if isinstance(found, tuple) else (found,))]

    return run


def by_onnx(path, family):
    """The same with the ONNX model."""
    session = common.session(path)
    return lambda tensor: [output[0] for output in session.run(list(family.outputs), {family.input: tensor})]


def detect(run, family, fitted, threshold=None):
    found = family.decode(run(family.tensor(fitted.pixels)), len(family.names))
    return finish(found, fitted, family, family.threshold if threshold is None else threshold)


def noisy(fitted, seed):
    """-1, 0 or +1 grey level at each place."""
    noise = np.random.default_rng(seed).integers(-1, 2, fitted.pixels.shape)
    return dataclasses.replace(fitted, pixels=(fitted.pixels.astype(int) + noise).clip(0, 255).astype(np.uint8))


def mistaken(family, frame):
    """The frame prepared wrongly, in several ways that must show."""
    right = family.fit(frame)
    rgb = np.asarray(frame)
    others = {letterbox: {"top left": top_left(rgb), "stretched": stretch(rgb)}, top_left: {"centred": letterbox(rgb)},
              stretch: {"padded": letterbox(rgb)}}
    wrong = {"channels": dataclasses.replace(right, pixels=right.pixels[..., ::-1].copy()), **others[family.fit],
             "darker": dataclasses.replace(right, pixels=(right.pixels * 0.97).astype(np.uint8)),
             "antialiased": family.fit(frame, interpolation=cv2.INTER_AREA), "nearest": family.fit(frame, interpolation=cv2.INTER_NEAREST)}
    if family.fit is not stretch:
        wrong["black padding"] = family.fit(frame, grey=0)
    return wrong


def misfinished(found, fitted, family):
    """Detections chosen wrongly, which must be others."""
    def other(**how):
        return finish(found, fitted, family, family.threshold, masks=False, **how)

    if family.iou == 1:
        return {"suppression of what is selected": other(iou=0.5)}
    wrong = {"no suppression": other(iou=1.0)}
    return {**wrong, "suppression across classes": other(class_wise=False)} if len(family.names) > 1 else wrong


def doubts(run, family, fitted, limits=(3e-4, 0.3)):
    """What is wrong with the expectation of a model, as a list."""
    found = family.decode(run(family.tensor(fitted.pixels)), len(family.names))
    results = finish(found, fitted, family, family.threshold)
    margin, wrong = (6e-3 if family.half else 3e-3), []
    if not 10 <= len(results) <= (40 if family.iou < 1 else 45):
        return [f"{len(results)} detections"]
    if issubclass(family.build if isinstance(family.build, type) else object, Suppressed) and (found.scores > 0).sum() > ROWS - 3:
        wrong.append("no rows to spare")
    if len({one["class_id"] for one in results}) < min(4, len(family.names)):
        wrong.append("too few classes")
    if (np.abs(found.scores - family.threshold) < margin).any():
        wrong.append("a score near the threshold")
    above = found.scores > family.threshold
    if found.gaps is not None and (found.gaps[above] < margin).any():
        wrong.append("two classes alike")
    boxes, classes = torch.from_numpy(found.boxes[above]), found.classes[above]
    ious = torchvision.ops.box_iou(boxes, boxes).numpy()[classes[:, None] == classes[None]]
    if family.iou < 1 and (np.abs(ious - family.iou) < 0.02).any():
        # Only pairs with a box that is kept can matter.
        kept = torchvision.ops.batched_nms(boxes, torch.from_numpy(found.scores[above]), torch.from_numpy(classes), family.iou).numpy()
        near = (np.abs(torchvision.ops.box_iou(boxes[kept], boxes).numpy() - family.iou) < 0.02) & (classes[kept][:, None] == classes[None])
        wrong += ["an IoU near the threshold"] if near.any() else []
    scores = np.array([one["confidence"] for one in results])
    if scores.max() - scores.min() < 0.3:
        wrong.append("scores alike")
    sizes = np.array([np.subtract(one["box"][2:], one["box"][:2]) for one in results])
    if sizes.min() < 8 or sizes.std(0).min() < 25:
        wrong.append("sizes alike or tiny")
    if results[0]["mask"] is not None and min(one["mask"].sum() / size.prod() for one, size in zip(results, sizes)) < 0.05:
        wrong.append("an empty mask")
    for what, other in misfinished(found, fitted, family).items():
        if len(other) == len(results):
            wrong.append(f"blind to {what}")
    if wrong:
        return wrong
    for seed in range(6):
        change = common.moved(results, detect(run, family, noisy(fitted, seed)))
        if change is None or change[0] > limits[0] or change[1] > limits[1] or change[2] < 0.97:
            return [f"noise: {change}"]
    for what, other in mistaken(family, common.load_frame()).items():
        change = common.moved(results, detect(run, family, other))
        if change and change[0] < 3e-3 and change[1] < 1.5:
            wrong.append(f"blind to {what}: {change}")
    return wrong


def doubts_of(model, family, fitted):
    """Of a PyTorch model. One of half precision must find the same in single precision."""
    if not family.half:
        return doubts(by_torch(model, family), family, fitted)
    whole = dataclasses.replace(family, tensor=unit, half=False)
    wrong = doubts(by_torch(model, family), whole, fitted)
    if wrong:
        return wrong
    half = by_torch(halved(model), family)
    wrong = doubts(half, family, fitted, (6e-3, 3.0))
    change = common.moved(detect(by_torch(model, family), whole, fitted), detect(half, family, fitted))
    return wrong + ([f"half precision: {change}"] if change is None or change[0] > 5e-3 or change[1] > 2 else [])


def halved(model):
    return copy.deepcopy(model).half()


def prompts(results):
    """Boxes that point at something, and the mask that each chooses: the one of highest IoU with the box, both taken as sets of pixels of the
    frame; the box (integers) holds the pixels x_min <= column < x_max, y_min <= row < y_max."""
    random, chosen, tried = np.random.default_rng(7), [], 0
    while len(chosen) < 3:
        tried += 1
        one = results[random.integers(len(results))]
        rows, columns = np.nonzero(one["mask"])
        extent = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]) + random.integers(-12, 13, 4)
        x_min, y_min, x_max, y_max = (int(side) for side in extent.clip(0, (768, 576, 768, 576)))
        inside = [int(each["mask"][y_min:y_max, x_min:x_max].sum()) for each in results]
        area = (x_max - x_min) * (y_max - y_min)
        ious = [part / (area + int(each["mask"].sum()) - part) for part, each in zip(inside, results)]
        first, second = np.argsort(ious)[::-1][:2]
        best = results[first]
        if ious[first] - ious[second] > 0.03 and ious[first] > 0.3 and all(best is not other for other, _ in chosen):
            chosen.append((best, {"box": [x_min, y_min, x_max, y_max], "detection": int(first), "iou": round(ious[first], 4),
                                  "mask": common.rle(best["mask"])}))
        assert tried < 1000
    return [prompt for _, prompt in chosen]


def add_metadata(path, family):
    """Metadata as exports have it, and the sides of the outputs where they are fixed."""
    model = onnx.load(str(path))
    onnx.helper.set_model_props(model, family.metadata)
    shapes = [output.shape for output in common.session(path).run(None, {family.input: family.tensor(family.fit(common.load_frame()).pixels)})]
    for output, shape in zip(model.graph.output, shapes):
        named = {**({0: "batch"} if family.batch else {}), **family.axes.get(output.name, {})}
        for axis, (dimension, side) in enumerate(zip(output.type.tensor_type.shape.dim, shape)):
            if axis in named:
                dimension.dim_param = named[axis]
            else:
                dimension.dim_value = side
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, str(path))
    common.check_size(path)


def check(path, model, family):
    """The ONNX model gives PyTorch's outputs for one image and for two, and for another size where it takes one."""
    frames = [family.tensor(family.fit(frame).pixels) for frame in (common.load_frame(), common.other_frame())]
    inputs = frames + ([np.concatenate(frames)] if family.batch else [])
    if family.input in family.axes:
        inputs.append(family.tensor(letterbox(common.load_frame(), size=(128, 192)).pixels))
    for tensor in inputs:
        with torch.no_grad():
            wanted = model(torch.from_numpy(tensor))
        wanted = wanted if isinstance(wanted, tuple) else (wanted,)
        for name, value, got in zip(family.outputs, wanted, common.session(path).run(list(family.outputs), {family.input: tensor})):
            assert (got.shape, got.dtype) == (tuple(value.shape), value.numpy().dtype), (name, got.shape, value.shape, got.dtype)
            error = np.abs(got.astype(np.float64) - value.numpy().astype(np.float64)) / np.maximum(1, np.abs(got.astype(np.float64)))
            assert error.max() < (3e-2 if family.half else 1e-4), (name, error.max())


def make(name):
    family = FAMILIES[name]
    folder = common.FAMILIES / name
    fitted = family.fit(common.load_frame())

    def build(seed):
        model = family.build().eval()
        shown = unit(fitted.pixels) * 2 - 1 if family.tensor is raw else family.tensor(fitted.pixels).astype(np.float32)
        return model.fit(torch.from_numpy(shown), family.score)

    _, model = common.search(name, build, lambda model: doubts_of(model, family, fitted), 10_000 * list(FAMILIES).index(name), 5000)
    model = halved(model) if family.half else model
    axes = {port: {**({0: "batch"} if family.batch else {}), **family.axes.get(port, {})} for port in (family.input, *family.outputs)}
    path = common.export(model, (torch.from_numpy(family.tensor(fitted.pixels)),), folder, [family.input], list(family.outputs), axes)
    add_metadata(path, family)
    check(path, model, family)
    run = by_onnx(path, family)
    wrong = doubts(run, family, fitted, (6e-3, 3.0) if family.half else (3e-4, 0.3))
    assert not wrong, wrong
    results = sorted(detect(run, family, fitted), key=lambda one: -one["confidence"])
    report(name, run, family, fitted, results)
    more = {"prompts": prompts(results)} if name == "fastsam" else {}
    common.write_expected(folder, MADE_BY, "yolo.py", family.threshold, results, family.iou, **more)


def report(name, run, family, fitted, results):
    """How far noise moves the detections, and mistakes."""
    size = (common.FAMILIES / name / "model.onnx").stat().st_size
    print(f"{name}: {size} bytes, {len(results)} detections, classes {sorted({one['class_id'] for one in results})}")
    changes = [("noise", common.moved(results, detect(run, family, noisy(fitted, seed)))) for seed in range(10, 13)]
    changes += [(what, common.moved(results, detect(run, family, other))) for what, other in mistaken(family, common.load_frame()).items()]
    for what, change in changes:
        print(f"    {what}: " + ("other detections" if change is None else "scores %.1e, corners %.2f px, masks' IoU %.3f" % change))


if __name__ == "__main__":
    for chosen in sys.argv[1:] or FAMILIES:
        make(chosen)
