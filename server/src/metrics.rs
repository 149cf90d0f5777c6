//! What the server counts about itself, in the text form that Prometheus reads.
//!
//! ```text
//!   handle() --> requests by (area, status class), seconds by area     connections, bridge, transactions: gauges
//! ```
//!
//! Labels come from fixed sets, never from what a request names, so a stranger cannot make the counters grow.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

/// The upper bounds of the latency buckets, in seconds.
const BUCKETS_SECONDS: [f64; 8] = [0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0];

/// The areas that requests are counted by: the first word of the path after the version.
const AREAS: [&str; 10] =
    ["sql", "tables", "collections", "buckets", "caches", "search", "queues", "batch", "transactions", "backup"];

/// The counters of one server.
#[derive(Default)]
pub(crate) struct Metrics {
    connections: Arc<AtomicUsize>,
    postgres_connections: Arc<AtomicUsize>,
    requests: Mutex<BTreeMap<(&'static str, u16), u64>>,
    latency: Mutex<BTreeMap<&'static str, Latency>>,
}

#[derive(Default)]
struct Latency {
    buckets: [u64; BUCKETS_SECONDS.len()],
    count: u64,
    sum_seconds: f64,
}

/// Counts one connection as open until it is dropped.
pub(crate) struct OpenConnection(Arc<AtomicUsize>);

impl OpenConnection {
    fn of(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        OpenConnection(count.clone())
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The area that `path` belongs to.
pub(crate) fn area(path: &str) -> &'static str {
    let first = path.strip_prefix("/v1/").and_then(|rest| rest.split('/').next()).unwrap_or_default();
    AREAS.iter().copied().find(|area| *area == first).unwrap_or("other")
}

impl Metrics {
    pub(crate) fn connection_opened(&self) -> OpenConnection {
        OpenConnection::of(&self.connections)
    }

    pub(crate) fn postgres_connection_opened(&self) -> OpenConnection {
        OpenConnection::of(&self.postgres_connections)
    }

    pub(crate) fn answered(&self, area: &'static str, status: u16, took: Duration) {
        *self.requests.lock().entry((area, status)).or_default() += 1;
        let mut latency = self.latency.lock();
        let latency = latency.entry(area).or_default();
        let seconds = took.as_secs_f64();
        if let Some(bucket) = BUCKETS_SECONDS.iter().position(|bound| seconds <= *bound) {
            latency.buckets[bucket] += 1;
        }
        latency.count += 1;
        latency.sum_seconds += seconds;
    }

    /// Every counter as Prometheus text, with `gauges` (name, help, value) of the rest of the server.
    pub(crate) fn render(&self, gauges: &[(&str, &str, f64)]) -> String {
        let mut text = String::with_capacity(4096);
        heading(&mut text, "marquetry_http_requests_total", "counter", "Answered requests by area and status.");
        for ((area, status), count) in self.requests.lock().iter() {
            line(
                &mut text,
                &format!("marquetry_http_requests_total{{area=\"{area}\",status=\"{status}\"}}"),
                *count as f64,
            );
        }
        heading(&mut text, "marquetry_http_request_seconds", "histogram", "Time from request head to answer head.");
        for (area, latency) in self.latency.lock().iter() {
            latency.render(area, &mut text);
        }
        for (name, help, count) in [
            ("marquetry_http_connections", "HTTP connections that are open.", &self.connections),
            ("marquetry_postgres_connections", "PostgreSQL connections that are open.", &self.postgres_connections),
        ] {
            heading(&mut text, name, "gauge", help);
            line(&mut text, name, count.load(Ordering::Relaxed) as f64);
        }
        for (name, help, value) in gauges {
            heading(&mut text, name, if name.ends_with("_total") { "counter" } else { "gauge" }, help);
            line(&mut text, name, *value);
        }
        text
    }
}

impl Latency {
    fn render(&self, area: &str, text: &mut String) {
        let mut below = 0;
        for (bound, count) in BUCKETS_SECONDS.iter().zip(self.buckets) {
            below += count;
            let name = format!("marquetry_http_request_seconds_bucket{{area=\"{area}\",le=\"{bound}\"}}");
            line(text, &name, below as f64);
        }
        let name = format!("marquetry_http_request_seconds_bucket{{area=\"{area}\",le=\"+Inf\"}}");
        line(text, &name, self.count as f64);
        line(text, &format!("marquetry_http_request_seconds_sum{{area=\"{area}\"}}"), self.sum_seconds);
        line(text, &format!("marquetry_http_request_seconds_count{{area=\"{area}\"}}"), self.count as f64);
    }
}

fn heading(text: &mut String, name: &str, kind: &str, help: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn line(text: &mut String, name: &str, value: f64) {
    let _ = writeln!(text, "{name} {value}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_told_by_area_and_buckets_add_up() {
        let metrics = Metrics::default();
        metrics.answered(area("/v1/tables/orders"), 200, Duration::from_millis(3));
        metrics.answered(area("/v1/tables"), 200, Duration::from_secs(100));
        metrics.answered(area("/v1/../etc/passwd"), 404, Duration::ZERO);
        let text = metrics.render(&[("marquetry_version", "Newest.", 7.0)]);
        assert!(text.contains("marquetry_http_requests_total{area=\"tables\",status=\"200\"} 2\n"), "{text}");
        assert!(text.contains("area=\"other\",status=\"404\"} 1\n"), "{text}");
        assert!(text.contains("_bucket{area=\"tables\",le=\"0.005\"} 1\n"), "{text}");
        assert!(text.contains("_bucket{area=\"tables\",le=\"+Inf\"} 2\n"), "{text}");
        assert!(text.contains("marquetry_version 7\n"), "{text}");
    }
}
