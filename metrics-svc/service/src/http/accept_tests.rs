#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;

/// As scrapers send it: Prometheus 2.53, 2.53 with native histograms, 3.x, 3.x with native histograms.
const PROMETHEUS_2: &str = "application/openmetrics-text;version=1.0.0;q=0.5,\
    application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
const PROMETHEUS_2_PROTOBUF: &str = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;\
    encoding=delimited;q=0.5,application/openmetrics-text;version=1.0.0;q=0.4,\
    application/openmetrics-text;version=0.0.1;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1";
const PROMETHEUS_3: &str = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
    application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
    text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
const PROMETHEUS_3_PROTOBUF: &str = "application/vnd.google.protobuf;\
    proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,\
    application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
    application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,\
    text/plain;version=0.0.4;q=0.2,*/*;q=0.1";

fn accepted(accept: &[&str]) -> Accepted {
    let headers = accept.iter().map(|value| (header::ACCEPT, value.parse().unwrap()));
    Accepted::by(&headers.collect())
}

#[test]
fn scrapers_get_open_metrics_and_are_told_of_escaping_if_they_ask() {
    for (accept, content_type) in [
        (PROMETHEUS_2, "application/openmetrics-text; version=1.0.0; charset=utf-8"),
        (PROMETHEUS_2_PROTOBUF, "application/openmetrics-text; version=1.0.0; charset=utf-8"),
        (PROMETHEUS_3, OPEN_METRICS_ESCAPED),
        (PROMETHEUS_3_PROTOBUF, OPEN_METRICS_ESCAPED),
    ] {
        assert_eq!(accepted(&[accept]).content_type(), content_type, "{accept}");
    }
    assert_eq!(
        OPEN_METRICS_ESCAPED,
        format!("{}; escaping=underscores", TextFormat::OpenMetrics.content_type())
    );
}

#[test]
fn a_scraper_that_wants_plain_text_gets_the_version_that_there_is() {
    let plain_only =
        "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.4";
    assert_eq!(accepted(&[plain_only]).content_type(), TextFormat::Prometheus.content_type());
    let newer_first =
        "text/plain;version=1.0.0;q=0.6,application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.4";
    assert_eq!(accepted(&[newer_first]).format, TextFormat::OpenMetrics);
}

#[test]
fn open_metrics_is_for_those_who_prefer_it() {
    for accept in [
        "application/openmetrics-text",
        "application/openmetrics-text; version=1.0.0; charset=utf-8",
        "application/openmetrics-text;version=\"1.0.0\"",
        "application/openmetrics-text, */*",
    ] {
        assert_eq!(accepted(&[accept]).format, TextFormat::OpenMetrics, "{accept}");
    }
    let two_headers = accepted(&["text/plain;q=0.1", "application/openmetrics-text;q=0.2"]);
    assert_eq!(two_headers.format, TextFormat::OpenMetrics);
}

#[test]
fn everybody_else_gets_prometheus_text() {
    for accept in [
        "",
        "*/*",
        "text/plain",
        "text/html,*/*;q=0.8",
        "text/plain, application/openmetrics-text;q=0.9",
        "application/openmetrics-text;q=0",
        "application/openmetrics-text;version=0.0.1",
        "application/openmetrics-text;q=x",
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited",
    ] {
        assert_eq!(accepted(&[accept]), Accepted::DEFAULT, "{accept}");
    }
    assert_eq!(accepted(&[]), Accepted::DEFAULT);
}
