"""Stubs made from proto/ by Google's own compiler, and what the commands of grpc_client.py share."""

import functools
import importlib
import sys
import time
from pathlib import Path

from google.protobuf.json_format import MessageToDict
from grpc_tools import protoc

PROTO = Path(__file__).parents[2] / "proto"
TIMEOUT_SECONDS = 20


def generate(folder):
    """Makes Python modules of every file in proto/ and puts them on the import path."""
    files = [str(path.relative_to(PROTO)) for path in sorted(PROTO.rglob("*.proto"))]
    well_known = Path(protoc.__file__).parent / "_proto"
    options = [f"-I{PROTO}", f"-I{well_known}", f"--python_out={folder}", f"--grpc_python_out={folder}"]
    if protoc.main(["protoc", *options, *files]) != 0:
        sys.exit("the files in proto/ do not compile")
    sys.path.insert(0, folder)


class Stubs:
    """The messages of a proto file, and its service."""

    def __init__(self, module, service):
        self.messages = importlib.import_module(f"{module}_pb2")
        self.service = getattr(importlib.import_module(f"{module}_pb2_grpc"), f"{service}Stub")

    def __getattr__(self, name):
        return getattr(self.messages, name)


@functools.cache
def metrics_stubs():
    return Stubs("vision.metrics.v1.metrics", "MetricsService")


@functools.cache
def detector_stubs():
    return Stubs("vision.detector.v1.detector", "DetectorService")


def unique_name(word):
    """A name that no earlier run has left on the server."""
    return f"{word}_{time.time_ns():x}"


def expect(what, got, wanted):
    if got != wanted:
        raise AssertionError(f"{what}: got {got!r}, expected {wanted!r}")


def as_dict(message):
    return MessageToDict(message, preserving_proto_field_name=True)
