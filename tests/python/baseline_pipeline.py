#!/usr/bin/env python3
"""The plain Python loop that detector-svc's speed is compared with.

Reads each next frame of a Redis stream, decodes, resizes, runs the model, suppresses overlapping boxes and
adds the detections to another stream, all in one thread. With --bare it only runs the model on a ready
tensor: what ONNX Runtime takes by itself. Prints one line of JSON.
"""

import argparse
import base64
import json
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import redis

from reference_detector import MODEL, Detector

# Long enough for a publisher to start, short enough not to hang a benchmark.
PATIENCE_SECONDS = 20
WARM_UP_RUNS = 5


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", default="redis://127.0.0.1:6379")
    parser.add_argument("--stream", default="robot_camera")
    parser.add_argument("--start", default="0", help="entry to read after: 0 all, $ only new ones")
    parser.add_argument(
        "--latest", action="store_true", help="take the newest frame each time, skipping older ones"
    )
    parser.add_argument("--output", default="detected_objects")
    parser.add_argument("--count", type=int, default=200, help="frames, or runs with --bare")
    parser.add_argument("--threads", type=int, default=2, help="of ONNX Runtime within one run")
    parser.add_argument("--batch", type=int, default=1, help="images a run with --bare")
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--bare", action="store_true")
    args = parser.parse_args()
    detector = Detector(args.model, threads=args.threads)
    warm_up(detector)
    report = bare(detector, args) if args.bare else pipeline(detector, args)
    print(json.dumps(report))


def warm_up(detector):
    blank = np.zeros((detector.height, detector.width, 3), np.uint8)
    for _ in range(WARM_UP_RUNS):
        detector.detect(blank)


def bare(detector, args):
    shape = args.batch, 3, detector.height, detector.width
    feed = {detector.input_name: np.random.default_rng(0).normal(size=shape).astype(np.float32)}
    detector.session.run(None, feed)
    started = time.perf_counter()
    for _ in range(args.count):
        detector.session.run(None, feed)
    seconds = time.perf_counter() - started
    images = args.count * args.batch
    return {"images": images, "seconds": round(seconds, 3), "images_per_second": round(images / seconds, 2)}


def pipeline(detector, args):
    client = redis.Redis.from_url(args.url)
    next_frame = newest(client, args) if args.latest else every(client, args)
    ages, started = [], None
    for _ in range(args.count):
        entry_id, fields = next(next_frame)
        started = started or time.perf_counter()
        objects = detector.detect(decode(fields))
        publish(client, args.output, entry_id, fields, objects)
        ages.append(time.time() - float(fields[b"timestamp"]))
    seconds = time.perf_counter() - started
    return {
        "frames": args.count,
        "seconds": round(seconds, 3),
        "frames_per_second": round(args.count / seconds, 2),
        "age_ms_p50": round(float(np.percentile(ages, 50)) * 1000, 2),
        "age_ms_p99": round(float(np.percentile(ages, 99)) * 1000, 2),
    }


def every(client, args):
    """Every entry after the start, in order."""
    last = args.start
    while True:
        answer = client.xread({args.stream: last}, count=1, block=PATIENCE_SECONDS * 1000)
        if not answer:
            sys.exit(f"no frame on {args.stream} for {PATIENCE_SECONDS} s")
        ((_, ((last, fields),)),) = answer
        yield last, fields


def newest(client, args):
    """The newest entry each time, once."""
    last = None
    seen_at = time.monotonic()
    while True:
        entries = client.xrevrange(args.stream, count=1)
        if entries and entries[0][0] != last:
            seen_at = time.monotonic()
            last = entries[0][0]
            yield entries[0]
        elif time.monotonic() - seen_at > PATIENCE_SECONDS:
            sys.exit(f"no frame on {args.stream} for {PATIENCE_SECONDS} s")
        else:
            time.sleep(0.001)


def decode(fields):
    data = np.frombuffer(base64.b64decode(fields[b"image_data"]), np.uint8)
    if fields[b"format"] == b"jpeg":
        return cv2.imdecode(data, cv2.IMREAD_COLOR)
    image = data.reshape(int(fields[b"height"]), int(fields[b"width"]), int(fields[b"channels"]))
    conversion = {1: cv2.COLOR_GRAY2BGR, 4: cv2.COLOR_BGRA2BGR}.get(image.shape[2])
    return image if conversion is None else cv2.cvtColor(image, conversion)


def publish(client, stream, entry_id, fields, objects):
    now = time.time()
    names = "x_min", "y_min", "x_max", "y_max"
    listed = [
        {
            "id": f"{found['label']}_{number}",
            "class_name": found["label"],
            "label": found["label"],
            "confidence": found["confidence"],
            "bbox": dict(zip(names, map(round, found["box"]), strict=True)),
            "has_mask": False,
            "timestamp": now,
        }
        for number, found in enumerate(objects)
    ]
    pose = json.loads(fields.get(b"metadata", b"{}")).get("robot_pose", {})
    message = {
        "timestamp": str(now),
        "objects": json.dumps(listed),
        "camera_pose": json.dumps(pose),
        "frame_id": entry_id,
    }
    client.xadd(stream, message, maxlen=500, approximate=True)


if __name__ == "__main__":
    main()
