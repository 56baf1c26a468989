#!/usr/bin/env python3
"""A client in another language: calls the services with stubs made from proto/ by Google's own compiler.

Each command prints its answer as JSON and exits 1 with a message when the answer breaks the contract.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import grpc
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2

from record_commands import record, record_cardinality, record_invalid, record_replay
from stubs import TIMEOUT_SECONDS, as_dict, detector_stubs, expect, generate

REFLECTION_VERSIONS = "v1", "v1alpha"
SERVICES = {
    "vision.metrics.v1.MetricsService": ("Record", "GetMetrics"),
    "vision.detector.v1.DetectorService": ("Detect", "DetectStream", "Watch", "GetModel"),
}


def main():
    args = parse_args()
    with tempfile.TemporaryDirectory() as folder, grpc.insecure_channel(args.address) as channel:
        generate(folder)
        try:
            grpc.channel_ready_future(channel).result(timeout=TIMEOUT_SECONDS)
            print(json.dumps(args.command(channel, args)))
        except grpc.FutureTimeoutError:
            sys.exit(f"nothing answers at {args.address}")
        except grpc.RpcError as error:
            sys.exit(f"{error.code().name}: {error.details()}")
        except (AssertionError, OSError) as error:
            sys.exit(str(error))


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)

    def command(function):
        sub = commands.add_parser(function.__name__.replace("_", "-"), help=function.__doc__)
        sub.add_argument("address", help="host:port")
        sub.set_defaults(command=function)
        return sub

    command(record)
    command(record_invalid)
    command(record_cardinality).add_argument("limit", type=int, help="series that the server allows")
    command(record_replay)
    detecting = command(detect)
    detecting.add_argument("image", type=Path)
    detecting.add_argument("--confidence", type=float)
    detecting.add_argument("--max-detections", type=int)
    detecting.add_argument("--label", action="append", default=[])
    detecting.add_argument("--request-id", default="python")
    command(detect_stream).add_argument(
        "image", type=Path, nargs="+", help="a bad one is answered with its error"
    )
    command(model)
    command(health).add_argument("--service", default="", help="name of a service; empty: the whole server")
    command(reflection).add_argument("service", help="full name of a service that must be listed")
    return parser.parse_args()


def detect(channel, args):
    """Detects objects in an image file."""
    detector = detector_stubs()
    request = detector.DetectRequest(
        image=args.image.read_bytes(), request_id=args.request_id, labels=args.label
    )
    if args.confidence is not None:
        request.confidence_threshold = args.confidence
    if args.max_detections is not None:
        request.max_detections = args.max_detections
    response = detector.service(channel).Detect(request, timeout=TIMEOUT_SECONDS)
    check_detections(response, args.request_id)
    return as_dict(response)


def detect_stream(channel, args):
    """Detects objects in several image files over one stream."""
    detector = detector_stubs()
    requests = [
        detector.DetectStreamRequest(
            request=detector.DetectRequest(image=path.read_bytes(), request_id=f"{number} {path.name}")
        )
        for number, path in enumerate(args.image)
    ]
    responses = list(detector.service(channel).DetectStream(iter(requests), timeout=TIMEOUT_SECONDS))
    results = [getattr(response, response.WhichOneof("result")) for response in responses]
    wanted = [request.request.request_id for request in requests]
    expect("the request ids, in order", [result.request_id for result in results], wanted)
    return [as_dict(response) for response in responses]


def check_detections(response, request_id):
    expect("request_id", response.request_id, request_id)
    confidences = [detection.confidence for detection in response.detections]
    expect("whether the most confident comes first", confidences, sorted(confidences, reverse=True))
    for detection in response.detections:
        box = detection.box
        inside = 0 <= box.x_min <= box.x_max <= response.image_width
        inside &= 0 <= box.y_min <= box.y_max <= response.image_height
        expect(f"whether the box of {detection.label} lies in the image: {as_dict(box)}", inside, True)


def model(channel, _args):
    """Describes the model."""
    detector = detector_stubs()
    response = detector.service(channel).GetModel(detector.GetModelRequest(), timeout=TIMEOUT_SECONDS)
    for field in ("model_id", "family", "labels", "input_width", "input_height", "provider"):
        expect(f"whether {field} is given", bool(getattr(response, field)), True)
    return as_dict(response)


def health(channel, args):
    """Asks the standard health service."""
    request = health_pb2.HealthCheckRequest(service=args.service)
    response = health_pb2_grpc.HealthStub(channel).Check(request, timeout=TIMEOUT_SECONDS)
    status = health_pb2.HealthCheckResponse.ServingStatus.Name(response.status)
    expect("the status", status, "SERVING")
    return {"status": status}


def reflection(channel, args):
    """Lists the services and methods by server reflection, in both versions that clients speak."""
    listed = {version: reflect(channel, version, args.service) for version in REFLECTION_VERSIONS}
    for version, services in listed.items():
        expect(f"methods by reflection {version}", services.get(args.service), sorted(SERVICES[args.service]))
        elsewhere = [name for name in SERVICES if name in services and name != args.service]
        expect(f"services listed by reflection {version} but served elsewhere", elsewhere, [])
    return listed


def reflect(channel, version, service):
    """The services listed by one version of the protocol; the messages of both look the same on the wire."""
    call = channel.stream_stream(
        f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
        request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )
    requests = [
        reflection_pb2.ServerReflectionRequest(list_services=""),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol=service),
    ]
    try:
        names, files = call(iter(requests), timeout=TIMEOUT_SECONDS)
    except grpc.RpcError as error:
        return {"error": f"{error.code().name}: {error.details()}"}
    services = {answer.name: [] for answer in names.list_services_response.service}
    for data in files.file_descriptor_response.file_descriptor_proto:
        for name, methods in methods_of(data).items():
            services[name] = methods
    return services


def methods_of(data):
    file = FileDescriptorProto.FromString(data)
    return {f"{file.package}.{s.name}": sorted(method.name for method in s.method) for s in file.service}


if __name__ == "__main__":
    main()
