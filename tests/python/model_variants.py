#!/usr/bin/env python3
"""Variants of the shipped model with smaller numbers: 16-bit floating point and 8-bit integers.

Writes `nanodet-g-416-fp16.onnx` and `nanodet-g-416-int8.onnx` into a folder, compares what each finds in the sample
frames with what the shipped model finds, and times them in rounds in each of which every one runs in turn:

    model_variants.py tests/frames/vtest /tmp/variants

Needs the packages of requirements.txt, and onnx, sympy and onnxconverter-common beside them.
"""

import argparse
import statistics
import time
from pathlib import Path

import cv2
import onnx
import onnxruntime
from onnxconverter_common import float16
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from reference_detector import MODEL, Detector

ROUNDS = 15
CALIBRATION_FRAMES = 16


class Frames(CalibrationDataReader):
    """Input tensors of frames, for the ranges of the 8-bit integers."""

    def __init__(self, name, tensors):
        self.left = iter([{name: tensor} for tensor in tensors])

    def get_next(self):
        return next(self.left, None)


def unpack(target):
    """The shipped model with its weights in 32 bits: it stores them in 16, which the runtime unpacks when it loads."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(target)
    onnxruntime.InferenceSession(str(MODEL), options, providers=["CPUExecutionProvider"])


def half(source, target):
    """Weights and arithmetic in 16 bits, inputs and outputs in 32."""
    onnx.save(float16.convert_float_to_float16(onnx.load(source), keep_io_types=True), target)


def integers(source, target, name, tensors):
    """Convolutions in 8-bit integers, calibrated on frames; the decoding of boxes stays as it is."""
    prepared = target.with_suffix(".prepared.onnx")
    quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
    quantize_static(
        str(prepared),
        str(target),
        Frames(name, tensors),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=["Conv"],
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )
    prepared.unlink()


def overlap(a, b):
    """Intersection over union of two boxes."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    both = max(width, 0) * max(height, 0)
    area = lambda box: (box[2] - box[0]) * (box[3] - box[1])
    return both / (area(a) + area(b) - both)


def agreement(expected, found):
    """How many of the expected objects are among those found, each once: same label, boxes that overlap by half."""
    rest, same = list(found), 0
    for one in expected:
        match = [other for other in rest if other["label"] == one["label"] and overlap(other["box"], one["box"]) >= 0.5]
        if match:
            rest.remove(match[0])
            same += 1
    return same


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("frames", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    args.target.mkdir(parents=True, exist_ok=True)
    images = [cv2.imread(str(path)) for path in sorted(args.frames.glob("*.jpg"))]
    shipped = Detector(MODEL, args.threads)
    tensors = [shipped.preprocess(image)[0] for image in images]
    files = {kind: args.target / f"nanodet-g-416-{kind}.onnx" for kind in ("fp16", "int8")}
    source = args.target / "nanodet-g-416-fp32.onnx"
    unpack(source)
    half(source, files["fp16"])
    integers(source, files["int8"], shipped.input_name, tensors[:: len(tensors) // CALIBRATION_FRAMES])
    detectors = {"fp32": shipped} | {kind: Detector(path, args.threads) for kind, path in files.items()}
    expected = [shipped.detect(image) for image in images]
    times = {kind: [] for kind in detectors}
    for _ in range(ROUNDS):
        for kind, detector in detectors.items():
            started = time.perf_counter()
            for tensor in tensors[:10]:
                detector.session.run(["boxes", "scores"], {detector.input_name: tensor})
            times[kind].append((time.perf_counter() - started) / 10)
    print(f"ONNX Runtime {onnxruntime.__version__}, {args.threads} thread(s), {len(images)} frames")
    for kind, detector in detectors.items():
        found = [detector.detect(image) for image in images]
        same = sum(map(agreement, expected, found))
        ratios = [own / reference for own, reference in zip(times[kind], times["fp32"])]
        size = (MODEL if kind == "fp32" else files[kind]).stat().st_size
        print(
            f"{kind}: {statistics.median(times[kind]) * 1e3:6.2f} ms an image, {statistics.median(ratios):.2f} of fp32;"
            f" {same} of {sum(map(len, expected))} objects found, {sum(map(len, found)) - same} others;"
            f" {size / 1e6:.2f} MB"
        )


if __name__ == "__main__":
    main()
