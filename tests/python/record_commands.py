"""Commands of grpc_client.py that record metric events and read their aggregates back."""

import functools
import time

from stubs import TIMEOUT_SECONDS, as_dict, expect, metrics_stubs, unique_name


def record(channel, _args):
    """One single message with metrics and events of every kind; then reads the aggregates back."""
    metrics = metrics_stubs()
    prefix = unique_name("python")
    # Names that promtool finds no fault with.
    kinds = {
        f"{prefix}_total": "COUNTER",
        f"{prefix}_level": "GAUGE",
        f"{prefix}_latency_seconds": "HISTOGRAM",
        f"{prefix}_lifetime_seconds": "SUMMARY",
    }
    request = metrics.RecordRequest(
        metrics=[
            metrics.MetricDescriptor(
                name=name,
                kind=f"METRIC_KIND_{kind}",
                help=f"A {kind.lower()} from Python.",
                label_names=["source"],
                buckets=[1, 2, 5] if kind == "HISTOGRAM" else [],
            )
            for name, kind in kinds.items()
        ],
        events=[
            metrics.MetricEvent(name=name, labels={"source": 'python é"\\\n'}, value=value)
            for name in kinds
            for value in (1, 2, 4)
        ],
    )
    (response,) = send(channel, [request])
    expect("rejections of a valid message", list(response.rejections), [])
    seen = aggregates(channel, prefix)
    expect("the counter", seen[f"{prefix}_total"].counter, 7)
    expect("the gauge", seen[f"{prefix}_level"].gauge, 4)
    for name in ("latency_seconds", "lifetime_seconds"):
        distribution = seen[f"{prefix}_{name}"].distribution
        expect(f"count and sum of {name}", (distribution.count, distribution.sum), (3, 7))
    return {"prefix": prefix, "response": as_dict(response)}


def record_invalid(channel, _args):
    """One message with every kind of bad input among good ones: each is rejected, the rest counts."""
    metrics = metrics_stubs()
    name = unique_name("invalid")
    reason = metrics.RejectionReason.Name
    metric_cases = bad_metrics(metrics, name)
    event_cases = bad_events(metrics, name)
    series_cases = {
        1: ([1, f"{name}_unheard_of", []], "UNKNOWN_METRIC"),
        2: ([2, f"{name}_total", []], "LABEL_MISMATCH"),
        3: ([3, f"{name}_total", ["x", "y"]], "LABEL_MISMATCH"),
    }
    good = [metrics.MetricEvent(name=f"{name}_total", labels={"a": "x"}, value=1)]
    request = metrics.RecordRequest(
        metrics=[descriptor for descriptor, _ in metric_cases],
        events=good + [event for event, _ in event_cases] + good,
        series=[
            metrics.SeriesDefinition(id=number, metric=metric, label_values=values)
            for (number, metric, values), _ in series_cases.values()
        ]
        + [metrics.SeriesDefinition(id=7, metric=f"{name}_total", label_values=["x"])],
        samples=metrics.Samples(series_id=[7, 99, 7], value=[1, 1, -1]),
    )
    (response,) = send(channel, [request])
    got = {}
    for rejection in response.rejections:
        subject = rejection.WhichOneof("subject")
        key = subject, getattr(rejection, subject)
        got.setdefault(key, []).append(reason(rejection.reason).removeprefix("REJECTION_REASON_"))
        expect(f"whether {key} is explained", bool(rejection.message), True)
    wanted = {("metric_index", i): [why] for i, (_, why) in enumerate(metric_cases) if why}
    wanted |= {("event_index", i): [why] for i, (_, why) in enumerate(event_cases, start=1)}
    wanted |= {("series_id", number): [why] for number, (_, why) in series_cases.items()}
    wanted |= {("series_id", 99): ["UNKNOWN_METRIC"], ("series_id", 7): ["INVALID_VALUE"]}
    described = {("metric_index", i): descriptor for i, (descriptor, _) in enumerate(metric_cases)}
    described |= {("event_index", i): event for i, (event, _) in enumerate(event_cases, start=1)}
    differing = [
        f"{key}: {got.get(key)}, expected {wanted.get(key)} for {str(described.get(key, '')).split()}"
        for key in sorted(got.keys() | wanted.keys())
        if got.get(key) != wanted.get(key)
    ]
    expect("rejections", differing, [])
    totals = [series.counter for series in all_series(channel, f"{name}_total")]
    expect("the good events' total", totals, [3])
    return {"rejections": [as_dict(rejection) for rejection in response.rejections]}


def bad_metrics(metrics, name):
    """Descriptors and why each is rejected; None: it is good."""
    make = functools.partial(metrics.MetricDescriptor, help="A metric.")
    counter = {"kind": "METRIC_KIND_COUNTER", "label_names": ["a"]}
    histogram = {"kind": "METRIC_KIND_HISTOGRAM"}
    summary = {"kind": "METRIC_KIND_SUMMARY"}
    return [
        (make(name=f"{name}_total", **counter), None),
        (make(name=f"{name}_total", **counter), None),
        (make(name=f"{name}_level", kind="METRIC_KIND_GAUGE"), None),
        (make(name=f"{name}_seconds", **histogram), None),
        (make(name=f"{name}_total", kind="METRIC_KIND_GAUGE", label_names=["a"]), "DESCRIPTOR_CONFLICT"),
        (make(name=f"{name}_total", kind="METRIC_KIND_COUNTER", label_names=["b"]), "DESCRIPTOR_CONFLICT"),
        (make(name=f"{name}_seconds", buckets=[1], **histogram), "DESCRIPTOR_CONFLICT"),
        (make(name=f"{name}_kindless"), "DESCRIPTOR_CONFLICT"),
        (make(name=f"{name}_falling", buckets=[2, 1], **histogram), "DESCRIPTOR_CONFLICT"),
        (make(name=f"{name}_nan", buckets=[float("nan")], **histogram), "DESCRIPTOR_CONFLICT"),
        (make(name=f"{name}_quantile", quantiles=[1.5], **summary), "DESCRIPTOR_CONFLICT"),
        (make(name=f"{name}_twice", kind="METRIC_KIND_GAUGE", label_names=["a", "a"]), "INVALID_NAME"),
        (make(name="", kind="METRIC_KIND_GAUGE"), "INVALID_NAME"),
        (make(name="9lives", kind="METRIC_KIND_GAUGE"), "INVALID_NAME"),
        (make(name=f"{name}-dash", kind="METRIC_KIND_GAUGE"), "INVALID_NAME"),
        (make(name=f"{name}_label", kind="METRIC_KIND_GAUGE", label_names=["a-b"]), "INVALID_NAME"),
        (make(name=f"{name}_reserved", label_names=["le"], **histogram), "INVALID_NAME"),
    ]


def bad_events(metrics, name):
    """Events and why each is rejected."""
    nan, infinite = float("nan"), float("inf")
    make, ok = metrics.MetricEvent, {"a": "x"}
    return [
        (make(name=f"{name}_unheard_of", value=1), "UNKNOWN_METRIC"),
        (make(name="", value=1), "UNKNOWN_METRIC"),
        (make(name=f"{name}_total", value=1), "LABEL_MISMATCH"),
        (make(name=f"{name}_total", labels={"b": "x"}, value=1), "LABEL_MISMATCH"),
        (make(name=f"{name}_total", labels={"a": "x", "b": "y"}, value=1), "LABEL_MISMATCH"),
        (make(name=f"{name}_total", labels={"a": "x" * 257}, value=1), "LABEL_MISMATCH"),
        (make(name=f"{name}_total", labels=ok, value=-1), "INVALID_VALUE"),
        (make(name=f"{name}_total", labels=ok, value=nan), "INVALID_VALUE"),
        (make(name=f"{name}_total", labels=ok, value=infinite), "INVALID_VALUE"),
        (make(name=f"{name}_total", labels=ok, value=1, operation="OPERATION_SET"), "INVALID_VALUE"),
        (make(name=f"{name}_total", labels=ok, value=1, operation=9), "INVALID_VALUE"),
        (make(name=f"{name}_seconds", value=nan), "INVALID_VALUE"),
        (make(name=f"{name}_seconds", value=1, operation="OPERATION_ADD"), "INVALID_VALUE"),
    ]


def record_cardinality(channel, args):
    """More series than the server allows: what exceeds is rejected and counted under __overflow__."""
    metrics = metrics_stubs()
    name = unique_name("cardinality") + "_total"
    extra = 3
    request = metrics.RecordRequest(
        metrics=[
            metrics.MetricDescriptor(name=name, kind="METRIC_KIND_COUNTER", help="C.", label_names=["n"])
        ],
        events=[
            metrics.MetricEvent(name=name, labels={"n": str(number)}, value=1)
            for number in range(args.limit + extra)
        ],
    )
    (response,) = send(channel, [request])
    reasons = {metrics.RejectionReason.Name(rejection.reason) for rejection in response.rejections}
    expect("the reasons", reasons, {"REJECTION_REASON_CARDINALITY_LIMIT"})
    rejected = len(response.rejections) + response.unlisted_rejections
    expect("whether at least the exceeding events are rejected", rejected >= extra, True)
    overflow = [s for s in all_series(channel, name) if s.labels["n"] == "__overflow__"]
    expect("the overflow series' total", [series.counter for series in overflow], [rejected])
    return {"rejected": rejected}


def record_replay(channel, _args):
    """A named producer that sends a batch twice and reconnects: each batch counts once."""
    metrics = metrics_stubs()
    name = unique_name("replay") + "_total"
    producer = metrics.Producer(id=unique_name("producer"), epoch=time.time_ns())
    declaration = metrics.MetricDescriptor(name=name, kind="METRIC_KIND_COUNTER", help="C.")

    def batch(sequence):
        event = metrics.MetricEvent(name=name, value=sequence)
        return metrics.RecordRequest(sequence=sequence, events=[event])

    hello = metrics.RecordRequest(producer=producer, metrics=[declaration])
    first = send(channel, [hello, batch(1), batch(1), batch(2)])
    expect("the acknowledgements", [r.acked_sequence for r in first], [0, 1, 1, 2])
    second = send(channel, [hello, batch(2), batch(3)])
    expect("the acknowledgements after reconnecting", [r.acked_sequence for r in second], [2, 2, 3])
    total = aggregates(channel, name)[name].counter
    expect("the total", total, 6)
    return {"total": total}


def send(channel, requests):
    """Answers to the messages of one Record stream."""
    return list(metrics_stubs().service(channel).Record(iter(requests), timeout=TIMEOUT_SECONDS))


def aggregates(channel, prefix):
    """The only series of each metric with the prefix, by the name without the namespace."""
    found = {}
    for metric in read(channel, prefix):
        name = metric.descriptor.name
        expect(f"the number of series of {name}", len(metric.series), 1)
        found[name[name.index(prefix) :]] = metric.series[0]
    return found


def all_series(channel, prefix):
    return [series for metric in read(channel, prefix) for series in metric.series]


def read(channel, prefix):
    metrics = metrics_stubs()
    token = ""
    while True:
        request = metrics.GetMetricsRequest(name_prefix=prefix, page_token=token)
        page = metrics.service(channel).GetMetrics(request, timeout=TIMEOUT_SECONDS)
        yield from page.metrics
        token = page.next_page_token
        if not token:
            return
