#!/usr/bin/env python3
"""What decoding and preprocessing a frame takes OpenCV and NumPy, in one thread.

Preprocessing is resizing with cv2.INTER_LINEAR, letterboxing, normalising and the planar float32 tensor, as the
reference detector does it. Prints the medians as one line of JSON.
"""

import argparse
import json
import time
from pathlib import Path

import cv2
import numpy as np

from reference_detector import MODEL, Detector

WARM_UP_RUNS = 20


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("frame", type=Path, help="image file")
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--runs", type=int, default=300)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    detector = Detector(args.model)
    data = np.fromfile(args.frame, np.uint8)
    image = cv2.imdecode(data, cv2.IMREAD_COLOR)
    report = {
        "decode_ms": median_ms(args.runs, lambda: cv2.imdecode(data, cv2.IMREAD_COLOR)),
        "preprocess_ms": median_ms(args.runs, lambda: detector.preprocess(image)),
    }
    print(json.dumps(report))


def median_ms(runs, step):
    for _ in range(WARM_UP_RUNS):
        step()
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        step()
        times.append(time.perf_counter() - started)
    return round(float(np.median(times)) * 1000, 4)


if __name__ == "__main__":
    main()
