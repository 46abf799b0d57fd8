//! Findings: how they are grouped, weighed and named; the quality box and the answer.

use super::support::{matrix, observation, waiver};
use crate::audit::{Audit, check_identity, judge};
use crate::ledger::Counters;
use crate::matrix::{Need, Severity};

/// An audit in which silent rows are no findings.
fn audit(lines: &str) -> Audit {
    let mut matrix = matrix();
    for row in &mut matrix.rows {
        row.need = Need::Optional;
    }
    judge(&observation(lines, 100), &matrix).audit
}

fn check(lines: &str, expected: &[&str]) {
    let audit = audit(lines);
    let told: Vec<String> =
        audit.findings.iter().map(|f| format!("{} {} {} {}", f.severity, f.kind, f.rows.join("+"), f.flows)).collect();
    assert_eq!(told, expected, "\n{lines}\n{:#?}", audit.findings);
    for finding in &audit.findings {
        assert!(audit.next.iter().any(|next| next.finding == finding.id), "{finding:?}");
        assert!(!finding.evidence.is_empty() && finding.evidence.len() <= 8);
    }
}

fn lines(count: u32, line: impl Fn(u32) -> String) -> String {
    (1..=count).map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn groups() {
    let scan = lines(200, |n| format!("flow 10.0.50.66 10.0.0.5:{} tcp refused", 1000 + n));
    let sweep = lines(200, |n| format!("flow 10.0.0.5 10.9.9.{n}:445 tcp filtered"));
    let ssh = "\nflow 10.0.50.66 10.0.0.5:22 tcp established app=ssh";
    let crowd = lines(50, |n| format!("flow 10.9.9.{n} 10.0.0.5:443 tcp established app=tls"));
    check(&scan, &["medium unexpected  200"]);
    check(&(scan.clone() + ssh), &["high unexpected A-11 1", "medium unexpected  200"]);
    check(&sweep, &["medium unexpected  200"]);
    check(&crowd, &["high unexpected A-11 50"]);
    check(&(ssh.to_owned() + ssh), &["high unexpected A-11 2"]);
}

#[test]
fn rows_and_waivers() {
    check("flow 10.0.0.5 10.0.40.20:1433 tcp rejected icmp-from=10.0.0.1", &["high blocked A-09 1"]);
    let optional = "flow 10.0.30.31 10.0.0.5:443 tcp established app=tls
        flow 10.0.30.31 10.0.0.5:80 tcp filtered";
    check(optional, &["medium blocked A-12 1"]);
    let request = &audit("flow 10.0.0.5 10.0.40.20:1433 tcp rejected icmp-from=10.0.0.1").next[0].text;
    for part in ["10.0.0.5", "10.0.40.20", "tcp/1433", "A-09", "purpose of A-09", "https://docs.example/ports", "3/13"]
    {
        assert!(request.contains(part), "{request}");
    }
    let mut late = matrix();
    late.waivers.push(waiver("10.0.0.5 10.0.50.9 tcp/9997 20"));
    let seen = observation("flow 10.0.0.5 10.0.50.9:9997 tcp established raw", 100);
    let kinds: Vec<String> = judge(&seen, &late).audit.findings.into_iter().map(|finding| finding.kind).collect();
    assert!(kinds.contains(&"expired-waiver".to_owned()) && kinds.contains(&"unexpected".to_owned()), "{kinds:?}");
}

#[test]
fn ids_do_not_depend_on_the_capture() {
    let id = |lines: &str| audit(lines).findings[0].id.clone();
    let flow = "flow 10.0.50.66 10.0.0.5:22 tcp established app=ssh at=30";
    assert_eq!(id(flow), id(&flow.replace("at=30", "at=50")));
    assert_eq!(id(flow), id(&format!("flow 10.0.0.5 10.0.0.11:389 tcp established app=ldap\n{flow}\n{flow}")));
    assert_ne!(id(flow), id(&flow.replace(":22", ":23")));
    let name = id(flow);
    assert!(name.len() == 10 && name.starts_with("F-"), "{name}");
}

#[test]
fn exit_codes() {
    let clean = "flow 10.0.0.5 10.0.0.11:389 tcp established app=ldap";
    let grave = "flow 10.0.50.66 10.0.0.5:22 tcp established app=ssh";
    let doubt = "flow 10.0.0.5 99.0.0.1:443 tcp midstream app=tls";
    let medium = "flow 10.0.50.66 10.0.0.5:22 tcp refused";
    // The test matrix always has an unbound row, so its evidence is never complete.
    let cases =
        [(clean, Severity::Low, 3), (grave, Severity::High, 1), (doubt, Severity::Low, 3), (medium, Severity::High, 3)];
    for (lines, fail_on, code) in cases {
        assert_eq!(audit(lines).exit_code(fail_on), code, "{lines}");
    }
    let mut whole = audit(clean);
    assert_eq!(whole.quality.gaps.len(), 1, "{:?}", whole.quality.gaps);
    whole.quality.complete = true;
    assert_eq!(whole.exit_code(Severity::Low), 0);
}

#[test]
fn accounting() {
    let counters = |frames, decoded, duplicates, fragments, fragments_pending| Counters {
        frames,
        decoded,
        duplicates,
        fragments,
        fragments_pending,
        ..Counters::default()
    };
    let cases = [
        (counters(0, 0, 0, 0, 0), true),
        (counters(10, 7, 3, 0, 0), true),
        (counters(10, 7, 0, 3, 1), true),
        (counters(10, 9, 0, 3, 1), true),
        (counters(10, 10, 0, 3, 1), false),
        (counters(10, 7, 2, 0, 0), false),
        (counters(10, 7, 4, 0, 0), false),
        (counters(10, u64::MAX, 1, 0, 0), false),
    ];
    for (counters, holds) in cases {
        assert_eq!(check_identity(&counters).is_ok(), holds, "{counters:?}");
    }
}
