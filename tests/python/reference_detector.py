#!/usr/bin/env python3
"""The independent reference: what a detector should find, worked out with OpenCV, NumPy and ONNX Runtime.

Writes the detections of every JPEG in a folder as JSON, one frame a line. The tests' golden file is made by

    reference_detector.py tests/frames/vtest > tests/golden/vtest-nanodet-g-416.json
"""

import argparse
import json
import sys
from pathlib import Path

import cv2
import numpy as np
import onnxruntime

MODEL = Path(__file__).parents[2] / "detector-svc/models/nanodet-g-416.onnx"
PADDING = 114


class Detector:
    """A model with `boxes` and `scores` outputs, set up by its own metadata."""

    def __init__(self, path, threads=1, confidence=0.35, iou=0.6):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.input_name = self.session.get_inputs()[0].name
        metadata = self.session.get_modelmeta().custom_metadata_map
        names = json.loads(metadata["names"])
        self.names = [names[str(index)] for index in range(len(names))]
        self.height, self.width = json.loads(metadata["imgsz"])
        self.rgb = metadata["color"] == "rgb"
        self.mean = np.array(json.loads(metadata["mean"]), np.float32)
        self.std = np.array(json.loads(metadata["std"]), np.float32)
        self.confidence = confidence
        self.iou = iou

    def detect(self, image):
        """Detections in a BGR image, most confident first; boxes are in the image's pixels."""
        tensor, scale = self.preprocess(image)
        boxes, scores = self.session.run(["boxes", "scores"], {self.input_name: tensor})
        return self.postprocess(boxes[0], scores[0], scale, image.shape[1::-1])

    def preprocess(self, image):
        """The input tensor, and how many image pixels an input pixel is, (horizontally, vertically)."""
        height, width = image.shape[:2]
        ratio = min(self.width / width, self.height / height)
        fitted = max(1, round(width * ratio)), max(1, round(height * ratio))
        canvas = np.full((self.height, self.width, 3), PADDING, np.uint8)
        canvas[: fitted[1], : fitted[0]] = cv2.resize(image, fitted, interpolation=cv2.INTER_LINEAR)
        if self.rgb:
            canvas = cv2.cvtColor(canvas, cv2.COLOR_BGR2RGB)
        normalised = (canvas.astype(np.float32) - self.mean) / self.std
        tensor = np.ascontiguousarray(normalised.transpose(2, 0, 1)[np.newaxis])
        return tensor, (width / fitted[0], height / fitted[1])

    def postprocess(self, boxes, scores, scale, size):
        rows, classes = np.nonzero(scores > self.confidence)
        confidences = scores[rows, classes]
        kept = suppress(boxes[rows], confidences, classes, self.iou)
        to_source = np.array([*scale, *scale], np.float32)
        corners = np.clip(boxes[rows[kept]] * to_source, 0, np.array([*size, *size], np.float32))
        return [
            {
                "label": self.names[classes[index]],
                "confidence": round(float(confidences[index]), 4),
                "box": [round(float(value), 2) for value in box],
            }
            for index, box in zip(kept, corners, strict=True)
        ]


def suppress(boxes, confidences, classes, limit):
    """Indices of the boxes that no more confident box of their class overlaps by more than `limit`."""
    kept = []
    waiting = np.argsort(-confidences, kind="stable")
    while waiting.size:
        best, rest = waiting[0], waiting[1:]
        kept.append(best)
        overlapping = (overlaps(boxes[best], boxes[rest]) > limit) & (classes[rest] == classes[best])
        waiting = rest[~overlapping]
    return np.array(kept, int)


def overlaps(box, others):
    """Intersection over union of one box with each of the others."""
    top_left = np.maximum(box[:2], others[:, :2])
    bottom_right = np.minimum(box[2:], others[:, 2:])
    intersection = np.prod(np.maximum(bottom_right - top_left, 0), axis=1)
    areas = np.prod(others[:, 2:] - others[:, :2], axis=1)
    return intersection / (np.prod(box[2:] - box[:2]) + areas - intersection)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="folder of JPEG frames")
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--confidence", type=float, default=0.35)
    parser.add_argument("--iou", type=float, default=0.6)
    args = parser.parse_args()
    frames = sorted(args.folder.glob("*.jpg"))
    if not frames:
        sys.exit(f"no *.jpg in {args.folder}")
    detector = Detector(args.model, confidence=args.confidence, iou=args.iou)
    lines = []
    for path in frames:
        found = detector.detect(cv2.imread(str(path), cv2.IMREAD_COLOR))
        lines.append(f"{json.dumps(path.name)}:{json.dumps(found, separators=(',', ':'))}")
    print("{\n" + ",\n".join(lines) + "\n}")


if __name__ == "__main__":
    main()
