#!/usr/bin/env python3
"""Publishes JPEG frames of a folder to a Redis stream, in the format of the package redis_robot_comm."""

import argparse
import base64
import itertools
import json
import sys
import time
from pathlib import Path

import cv2
import redis

# What becomes of a frame before it is sent, beside `file`, which sends the file's own bytes.
CONVERSIONS = {
    "jpeg": None,
    "grey-jpeg": cv2.COLOR_BGR2GRAY,
    "bgr": None,
    "bgra": cv2.COLOR_BGR2BGRA,
    "grey": cv2.COLOR_BGR2GRAY,
}


def main():
    args = parse_args()
    paths = sorted(args.folder.glob("*.jpg"))
    if not paths:
        sys.exit(f"no *.jpg in {args.folder}")
    entries = [entry(path, args.format, args.quality, args.binary) for path in paths]
    client = redis.Redis.from_url(args.url)
    started = time.monotonic()
    for number in itertools.count():
        if number == args.count:
            break
        if args.fps:
            time.sleep(max(0, started + number / args.fps - time.monotonic()))
        fields = dict(entries[number % len(entries)], timestamp=str(time.time()))
        if not args.no_metadata:
            fields["metadata"] = json.dumps(metadata(number))
        client.xadd(args.stream, fields, maxlen=args.maxlen or None, approximate=True)
    print(json.dumps({"published": args.count, "seconds": round(time.monotonic() - started, 3)}))


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="redis://127.0.0.1:6379")
    parser.add_argument("--stream", default="robot_camera")
    parser.add_argument("--folder", type=Path, default=Path(__file__).parents[1] / "frames/vtest")
    parser.add_argument(
        "--count", type=int, default=50, help="frames to send; the folder starts over at its end"
    )
    parser.add_argument(
        "--fps", type=float, default=0, help="frames a second; 0: as fast as Redis takes them"
    )
    parser.add_argument("--maxlen", type=int, default=5, help="trims the stream to about this many; 0: never")
    parser.add_argument("--format", choices=["file", *CONVERSIONS], default="jpeg")
    parser.add_argument("--quality", type=int, default=80, help="of jpeg")
    parser.add_argument("--binary", action="store_true", help="raw bytes instead of base64")
    parser.add_argument("--no-metadata", action="store_true")
    return parser.parse_args()


def entry(path, kind, quality, binary):
    """The fields of a frame that do not depend on when it is sent."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if CONVERSIONS.get(kind) is not None:
        image = cv2.cvtColor(image, CONVERSIONS[kind])
    if kind == "file":
        data = path.read_bytes()
    elif kind.endswith("jpeg"):
        data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
    else:
        data = image.tobytes()
    fields = {
        "image_data": data if binary else base64.b64encode(data).decode(),
        "format": "raw" if kind in ("bgr", "bgra", "grey") else "jpeg",
        "width": str(image.shape[1]),
        "height": str(image.shape[0]),
        "channels": str(image.shape[2] if image.ndim == 3 else 1),
        "dtype": str(image.dtype),
        "compressed_size": str(len(data)),
        "original_size": str(image.nbytes),
    }
    return fields | {"encoding": "binary"} if binary else fields


def metadata(number):
    pose = {"x": 0.1 * number, "y": 0.0, "z": 0.4, "roll": 0.0, "pitch": 1.57, "yaw": 0.0}
    return {
        "robot": "niryo",
        "workspace": "street",
        "workspace_id": "street",
        "robot_pose": pose,
        "frame_id": number,
        "timestamp": time.time(),
        "is_moving": False,
    }


if __name__ == "__main__":
    main()
