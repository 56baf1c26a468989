#!/usr/bin/env python3
"""The independent reference: which track a ByteTrack that others wrote puts each detection on.

Tracks two sequences with the ByteTrack of the package `supervision`, version 0.26.1 (Roboflow, MIT licence, a port of
the paper's reference implementation; later versions have none), and writes both as JSON, one frame a line:

- `synthetic`: boxes that cross, hide one another, leave and come back, with noise, low scores, missed detections,
  false ones and frames without any; from a fixed seed.
- `vtest`: what the shipped model finds in the frames of tests/frames/vtest, from a confidence of 0.2 on.

No test runs this, so the package is none of the tests' requirements. The tests' golden file is made by

    python3 -m venv tracking && tracking/bin/pip install supervision==0.26.1
    reference_detector.py tests/frames/vtest --confidence 0.2 > low.json
    tracking/bin/python reference_tracker.py low.json > tests/golden/bytetrack.json
"""

import argparse
import json
import math
from pathlib import Path

import numpy as np
from supervision import ByteTrack

WIDTH, HEIGHT = 960, 540
FRAMES = 240
OBJECTS = 30


def synthetic(random):
    """Frames of detections as rows of x_min, y_min, x_max, y_max, score."""
    walkers = [Walker(random) for _ in range(OBJECTS)]
    return [frame_of(walkers, frame, random) for frame in range(FRAMES)]


class Walker:
    """An object on its way, which is there for a part of the frames."""

    def __init__(self, random):
        self.first = 0 if random.random() < 0.5 else int(random.integers(1, FRAMES // 2))
        self.last = int(random.integers(self.first + 30, FRAMES + 60))
        self.centre = random.uniform([100, 120], [WIDTH - 100, HEIGHT - 120])
        self.velocity = random.normal(0, [3.5, 1])
        self.sway = random.uniform(0, 6), random.uniform(0.05, 0.2)
        self.size = random.uniform([25, 60], [50, 140])
        self.growth = random.normal(1, 0.001)
        # Nearer objects hide those behind them.
        self.depth = random.random()
        self.score = random.uniform(0.62, 0.95)
        self.faint = int(random.integers(0, FRAMES)), int(random.integers(5, 40))
        self.gone = int(random.integers(0, FRAMES)), int(random.integers(3, 50))

    def is_there(self, frame):
        start, length = self.gone
        return self.first <= frame <= self.last and not start <= frame < start + length

    def box(self, frame):
        """The true box, turned back at the image's edges."""
        age = frame - self.first
        amplitude, rate = self.sway
        centre = self.centre + age * self.velocity + np.array([0, amplitude * math.sin(rate * age)])
        span = np.array([WIDTH, HEIGHT]) - 200
        folded = np.abs((centre - 100) % (2 * span) - span) * -1 + span + 100
        half = self.size * self.growth**age / 2
        return np.concatenate([folded - half, folded + half])


def frame_of(walkers, frame, random):
    """What a detector would find of the walkers in one frame."""
    found = []
    boxes = {walker: walker.box(frame) for walker in walkers if walker.is_there(frame)}
    for walker, box in boxes.items():
        hidden = max((covered(box, other) for near, other in boxes.items() if near.depth > walker.depth), default=0)
        start, length = walker.faint
        score = walker.score * (1 - 0.7 * hidden) * (0.5 if start <= frame < start + length else 1)
        score += random.normal(0, 0.04)
        if hidden > 0.85 or score < 0.05 or random.random() < 0.03:
            continue
        noise = random.normal(0, 0.03, 4) * np.tile(box[2:] - box[:2], 2)
        found.append([*(box + noise), min(score, 0.99)])
    for _ in range(random.poisson(0.4)):
        corner, size = random.uniform([0, 0], [WIDTH - 80, HEIGHT - 80]), random.uniform(15, 80, 2)
        found.append([*corner, *(corner + size), random.uniform(0.1, 0.75)])
    # A camera that was covered for a moment.
    return [] if frame in range(120, 124) else found


def covered(box, other):
    """The part of a box that another hides."""
    sides = np.minimum(box[2:], other[2:]) - np.maximum(box[:2], other[:2])
    return np.prod(np.maximum(sides, 0)) / np.prod(box[2:] - box[:2])


def detected(path):
    """The frames of reference_detector.py's output."""
    frames = json.loads(path.read_text())
    return [[[*one["box"], one["confidence"]] for one in frames[name]] for name in sorted(frames)]


def tracked(frames, threshold, buffer):
    """The frames with the tracks in sight: identity and the filter's corrected box."""
    tracker = ByteTrack(
        track_activation_threshold=threshold,
        lost_track_buffer=buffer,
        minimum_matching_threshold=0.8,
        frame_rate=30,
    )
    result = []
    for frame in frames:
        # As they will be read from the file.
        rows = [[round(float(value), 2) for value in row[:4]] + [round(float(row[4]), 4)] for row in frame]
        tracks = tracker.update_with_tensors(np.array(rows).reshape(-1, 5))
        boxes = [[track.internal_track_id, *(round(float(edge), 3) for edge in track.tlbr)] for track in tracks]
        result.append({"detections": rows, "tracks": boxes})
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("detections", type=Path, help="output of reference_detector.py")
    args = parser.parse_args()
    sequences = {
        "synthetic": (synthetic(np.random.default_rng(15)), 0.5, 20),
        "vtest": (detected(args.detections), 0.4, 10),
    }
    parts = []
    for name, (frames, threshold, buffer) in sequences.items():
        lines = [json.dumps(frame, separators=(",", ":")) for frame in tracked(frames, threshold, buffer)]
        head = f'"{name}":{{"threshold":{threshold},"buffer":{buffer},"frames":['
        parts.append(head + "\n" + ",\n".join(lines) + "\n]}")
    print("{\n" + ",\n".join(parts) + "\n}")


if __name__ == "__main__":
    main()
