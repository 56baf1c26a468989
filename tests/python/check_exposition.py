#!/usr/bin/env python3
"""Checks a metrics page from stdin with the parsers of the official Python client.

Prints every sample as JSON, `[{"family", "type", "name", "labels", "value"}]`, values that JSON has no number
for as "NaN", "+Inf" or "-Inf". Exits 1 and names each fault when the page has any.
"""

import argparse
import json
import math
import sys
from collections import defaultdict

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--openmetrics", action="store_true", help="the page is OpenMetrics 1.0, not text 0.0.4"
    )
    args = parser.parse_args()
    page = sys.stdin.buffer.read().decode()
    try:
        families = list((parse_openmetrics if args.openmetrics else parse_text)(page))
    except Exception as error:  # The parsers raise many kinds, each of which means the same here.
        sys.exit(f"the page does not parse: {error!r}")
    faults = [
        fault for check in (unique, described, values, histograms, summaries) for fault in check(families)
    ]
    if faults:
        sys.exit("\n".join(faults))
    json.dump([as_json(family, sample) for family in families for sample in family.samples], sys.stdout)


def unique(families):
    """Each family and each series stands on the page once."""
    seen = set()
    for family in families:
        for key in [family.name, *((sample.name, labels_key(sample)) for sample in family.samples)]:
            if key in seen:
                yield f"{key} stands on the page twice"
            seen.add(key)


def described(families):
    for family in families:
        if family.type in ("unknown", "untyped"):
            yield f"{family.name} has no TYPE"
        if not family.documentation:
            yield f"{family.name} has no HELP"


def values(families):
    """Counts never fall below zero and are never NaN."""
    for family in families:
        for sample in family.samples:
            counts = family.type == "counter" or sample.name.endswith(("_count", "_bucket"))
            if counts and not sample.value >= 0:
                yield f"{sample.name}{sample.labels} is {sample.value}"


def histograms(families):
    for family in families:
        if family.type == "histogram":
            for labels, parts in series(family, "le").items():
                yield from histogram_faults(f"{family.name}{dict(labels)}", parts)


def histogram_faults(name, parts):
    buckets = [(float(bound), sample.value) for bound, sample in parts["bucket"]]
    bounds, counts = [bound for bound, _ in buckets], [count for _, count in buckets]
    if bounds != sorted(set(bounds)) or any(math.isnan(bound) for bound in bounds):
        yield f"{name}: bounds do not rise: {bounds}"
    if counts != sorted(counts):
        yield f"{name}: buckets are not cumulative: {counts}"
    if not bounds or bounds[-1] != math.inf:
        yield f"{name}: no +Inf bucket"
    elif [sample.value for _, sample in parts["count"]] != counts[-1:]:
        yield f"{name}: _count is not the +Inf bucket, {counts[-1]}"
    if len(parts["sum"]) != 1:
        yield f"{name}: {len(parts['sum'])} _sum samples"


def summaries(families):
    for family in families:
        if family.type == "summary":
            for labels, parts in series(family, "quantile").items():
                name = f"{family.name}{dict(labels)}"
                quantiles = [(float(quantile), sample.value) for quantile, sample in parts[""]]
                if any(not 0 <= quantile <= 1 for quantile, _ in quantiles):
                    yield f"{name}: a quantile is outside 0..1"
                known = [value for _, value in sorted(quantiles) if not math.isnan(value)]
                if known != sorted(known):
                    yield f"{name}: quantiles fall: {known}"
                if len(parts["sum"]) != 1 or len(parts["count"]) != 1:
                    yield f"{name}: needs one _sum and one _count"


def series(family, bound_label):
    """The samples of each series by their suffix, each with the value of `bound_label`."""
    grouped = defaultdict(lambda: defaultdict(list))
    for sample in family.samples:
        suffix = sample.name[len(family.name) :].lstrip("_")
        key = tuple(sorted((name, value) for name, value in sample.labels.items() if name != bound_label))
        grouped[key][suffix].append((sample.labels.get(bound_label), sample))
    return grouped


def labels_key(sample):
    return tuple(sorted(sample.labels.items()))


def as_json(family, sample):
    value = float(sample.value)
    if not math.isfinite(value):
        value = "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    return {
        "family": family.name,
        "type": family.type,
        "name": sample.name,
        "labels": sample.labels,
        "value": value,
    }


if __name__ == "__main__":
    main()
