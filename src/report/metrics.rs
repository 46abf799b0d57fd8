//! An audit and what the watch counts in, metrics in the text format of Prometheus out (version
//! 0.0.4, which the textfile collector of `node_exporter` reads too). Labels hold words of the packs
//! and of this program only: no name and no address of a packet, so that their number stays small.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::audit::{Audit, RowStatus};

/// What a watch knows beside its audit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gauges {
    /// When it began, seconds since 1970.
    pub started: f64,
    /// Packets lost, by where: `kernel`, `interface`.
    pub drops: BTreeMap<&'static str, u64>,
    /// Alerts told, by their event: `finding`, `renewed`, `flood`.
    pub alerts: BTreeMap<&'static str, u64>,
    /// What became of alerts on their way, by way and result: (`hook`, `failed`).
    pub deliveries: BTreeMap<(&'static str, &'static str), u64>,
    /// Seconds that the latest judgement took.
    pub judging: f64,
    /// Time of the latest packet, seconds since 1970.
    pub latest: Option<f64>,
}

/// The page.
#[must_use]
pub fn page(audit: &Audit, gauges: &Gauges) -> String {
    let mut page = Page::default();
    page.family("build_info", "gauge", "Version of the program.");
    page.sample("build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
    page.family("start_time_seconds", "gauge", "When the watch began, in seconds since 1970.");
    page.sample("start_time_seconds", &[], gauges.started);
    of_packets(&mut page, audit, gauges);
    page.family("row_status", "gauge", "1 for the status of each documented row, 0 for the others.");
    for row in &audit.rows {
        for status in RowStatus::ALL {
            let labels = [("pack", row.pack.as_str()), ("row", row.id.as_str()), ("status", status.name())];
            page.sample("row_status", &labels, u8::from(row.status == *status));
        }
    }
    page.family("findings", "gauge", "Findings that stand, by severity.");
    for severity in ["high", "medium", "low"] {
        let number = audit.findings.iter().filter(|finding| finding.severity == severity).count();
        page.sample("findings", &[("severity", severity)], number);
    }
    page.family("flows", "gauge", "Flows seen so far, by what is thought of them now.");
    for (verdict, number) in &audit.totals.by_verdict {
        page.sample("flows", &[("verdict", verdict)], number);
    }
    page.family("evidence_complete", "gauge", "1 while nothing is missing from the evidence.");
    page.sample("evidence_complete", &[], u8::from(audit.quality.complete));
    page.family("judgement_duration_seconds", "gauge", "How long the latest judgement took.");
    page.sample("judgement_duration_seconds", &[], gauges.judging);
    page.family("alerts_total", "counter", "Alerts, by their kind.");
    for kind in ["finding", "renewed", "flood"] {
        page.sample("alerts_total", &[("kind", kind)], gauges.alerts.get(kind).unwrap_or(&0));
    }
    if !gauges.deliveries.is_empty() {
        page.family("deliveries_total", "counter", "What became of alerts on their way.");
        for ((way, result), number) in &gauges.deliveries {
            page.sample("deliveries_total", &[("way", way), ("result", result)], number);
        }
    }
    page.0
}

fn of_packets(page: &mut Page, audit: &Audit, gauges: &Gauges) {
    page.family("packets_total", "counter", "Packets read.");
    page.sample("packets_total", &[], audit.totals.packets);
    page.family("bytes_total", "counter", "Captured bytes of these packets.");
    page.sample("bytes_total", &[], audit.totals.bytes);
    page.family("drops_total", "counter", "Packets lost before they were read, by where.");
    for (place, number) in &gauges.drops {
        page.sample("drops_total", &[("where", place)], number);
    }
    page.family("missed_bytes", "gauge", "Bytes that were acknowledged and never seen.");
    page.sample("missed_bytes", &[], audit.quality.missed_bytes);
    page.family("undecoded_packets", "gauge", "Packets or their insides that could not be decoded.");
    page.sample("undecoded_packets", &[], audit.quality.undecoded.values().sum::<u64>());
    page.family("folded_flows", "gauge", "Flows that are told together because there were too many.");
    page.sample("folded_flows", &[], audit.quality.folded);
    if let Some(latest) = gauges.latest {
        page.family("last_packet_timestamp_seconds", "gauge", "Time of the latest packet, in seconds since 1970.");
        page.sample("last_packet_timestamp_seconds", &[], latest);
    }
}

#[derive(Default)]
struct Page(String);

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP flowaudit_{name} {help}\n# TYPE flowaudit_{name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", label(value))).collect();
        let braces = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.0, "flowaudit_{name}{braces} {value}");
    }
}

/// Row ids come from packs, which may be anybody's.
fn label(value: &str) -> String {
    super::escape::terminal(value).replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(change: impl FnOnce(&mut Audit), line: &str) {
        let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/findings.json");
        let mut audit: Audit = serde_json::from_slice(&std::fs::read(golden).unwrap()).unwrap();
        change(&mut audit);
        let drops = [("kernel", 3), ("interface", 0)].into();
        let deliveries = [(("hook", "failed"), 2)].into();
        let page = page(&audit, &Gauges { drops, deliveries, latest: Some(1.5), ..Gauges::default() });
        assert!(page.lines().any(|found| found == line), "{line}\n{page}");
        let samples = page.lines().filter(|line| !line.starts_with('#')).count();
        assert!(samples < 30 + audit.rows.len() * 12, "{samples} samples");
        for host in ["10.77.", "corp.example"] {
            assert!(!page.contains(host), "{host}\n{page}");
        }
    }

    #[test]
    fn samples() {
        check(|_| {}, concat!("flowaudit_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"));
        check(|audit| audit.totals.packets = 7, "flowaudit_packets_total 7");
        check(|_| {}, "flowaudit_drops_total{where=\"kernel\"} 3");
        check(|_| {}, "flowaudit_deliveries_total{way=\"hook\",result=\"failed\"} 2");
        check(|audit| audit.findings.clear(), "flowaudit_findings{severity=\"high\"} 0");
        check(
            |audit| (audit.rows[0].id, audit.rows[0].status) = ("A\"\n\\".to_owned(), RowStatus::Blocked),
            "flowaudit_row_status{pack=\"ams\",row=\"A\\\"\\\\x0a\\\\\",status=\"blocked\"} 1",
        );
    }
}
