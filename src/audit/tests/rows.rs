//! Every row status.

use super::support::{matrix, observation};
use crate::audit::judge;

fn check(row: &str, seconds: i64, lines: &str, expected: &str) {
    let judged = judge(&observation(lines, seconds), &matrix());
    let found = judged.audit.rows.iter().find(|result| result.id == row).unwrap();
    let atoms: Vec<&str> = found.atoms.iter().map(|atom| atom.status.name()).collect();
    let told = format!("{}: {}", found.status.name(), atoms.join(" "));
    assert_eq!(told, expected, "{row} after {seconds} s: {}\n{lines}", found.reason);
    assert!(!found.reason.is_empty());
}

#[test]
fn statuses() {
    let ldap = "flow 10.0.0.5 10.0.0.11:389 tcp";
    let cldap = "\nflow 10.0.0.5 10.0.0.11:389 udp answered app=cldap";
    let other = "\nflow 10.0.0.5 10.0.0.12:389 tcp";
    let cases = [
        ("A-05", format!("{ldap} established app=ldap{cldap}"), "confirmed: confirmed confirmed"),
        ("A-05", format!("{ldap} established cut-short{cldap}"), "unverified: unverified confirmed"),
        ("A-05", format!("{ldap} filtered{cldap}"), "partial: blocked confirmed"),
        ("A-05", format!("{ldap} filtered{other} established app=ldap{cldap}"), "partial: partial confirmed"),
        ("A-05", format!("{ldap} filtered\n{ldap} established app=ldap{cldap}"), "confirmed: confirmed confirmed"),
        ("A-05", format!("{ldap} refused\nflow 10.0.0.5 10.0.0.11:389 udp refused"), "blocked: blocked blocked"),
        ("A-05", format!("{ldap} refused"), "blocked: blocked missing"),
        ("A-05", format!("{ldap} established app=ssh{cldap}"), "wrong-protocol: wrong-protocol confirmed"),
        ("A-05", format!("{ldap} pending{cldap}"), "not-yet: not-yet confirmed"),
        ("A-05", format!("{ldap} established app=ldap"), "missing: confirmed missing"),
        ("A-09", "flow 10.0.0.5 10.0.40.20:1433 tcp rejected icmp-from=10.0.0.1".to_owned(), "blocked: blocked"),
        ("A-09", "flow 10.0.0.5 10.0.40.20:1433 tcp pending".to_owned(), "not-yet: not-yet"),
        ("A-12", "flow 10.0.30.31 10.0.0.5:443 tcp established app=tls".to_owned(), "confirmed: idle confirmed"),
        ("A-11", "flow 10.0.20.21 10.0.0.5:443 tcp established app=tls".to_owned(), "confirmed: confirmed"),
        ("A-12", "flow 10.0.20.21 10.0.0.5:443 tcp established app=tls".to_owned(), "confirmed: idle confirmed"),
        ("A-16", "flow 10.0.0.5 10.0.40.20:5672 tcp established raw".to_owned(), "confirmed: missing confirmed"),
        ("A-16", "flow 10.0.0.5 10.0.40.20:5671 tcp filtered".to_owned(), "blocked: blocked missing"),
    ];
    for (row, lines, expected) in cases {
        check(row, 100, &lines, expected);
    }
}

#[test]
fn silence() {
    let cases = [
        ("A-01", 100, "", "idle: idle"),
        ("A-05", 100, "", "missing: missing missing"),
        ("A-05", 59, "", "not-yet: not-yet not-yet"),
        ("A-13", 100, "", "not-observable: not-observable"),
        ("A-14", 100, "", "not-applicable: not-applicable"),
        ("A-15", 100, "", "unbound: unbound"),
        ("A-02", 100, "ask 10.0.0.5 10.0.0.11 graph.example 3 10", "name-failed: name-failed"),
        ("A-02", 100, "ask 10.0.0.5 10.0.0.11 graph.example unanswered 10", "name-failed: name-failed"),
        ("A-02", 12, "ask 10.0.0.5 10.0.0.11 graph.example unanswered 10", "not-yet: not-yet"),
        ("A-02", 100, "ask 10.0.0.5 10.0.0.11 graph.example resolved 10", "name-failed: name-failed"),
        ("A-02", 39, "ask 10.0.0.5 10.0.0.11 graph.example resolved 10", "not-yet: not-yet"),
        ("A-02", 100, "ask 10.0.30.31 10.0.0.11 graph.example 3 10", "missing: missing"),
        ("A-02", 100, "flow 10.0.0.5 99.0.0.1:443 tcp established app=tls sni=graph.example", "not-yet: not-yet"),
        ("A-02", 100, "flow 10.0.0.5 99.0.0.1:443 tcp midstream app=tls", "missing: missing"),
    ];
    for (row, seconds, lines, expected) in cases {
        check(row, seconds, lines, expected);
    }
}

#[test]
fn dynamic_rpc() {
    let mapper = "flow 10.0.0.5 10.0.0.11:135 tcp established app=dcerpc bind=yes\n";
    let announced = "epm 10.0.0.5 10.0.0.11 49700 10\n";
    let cases = [
        ("established app=dcerpc bind=yes", true, "confirmed: confirmed confirmed"),
        ("filtered", true, "partial: confirmed blocked"),
        ("midstream app=dcerpc", false, "unverified: unverified confirmed"),
    ];
    for (rest, mapped, expected) in cases {
        let before = if mapped { format!("{mapper}{announced}") } else { String::new() };
        check("A-07", 100, &format!("{before}flow 10.0.0.5 10.0.0.11:49700 tcp {rest}"), expected);
    }
    check("A-07", 100, mapper, "missing: confirmed missing");
    let lines = format!("{mapper}{announced}flow 10.0.0.5 10.0.0.11:49700 tcp filtered");
    let judged = judge(&observation(&lines, 100), &matrix());
    let row = judged.audit.rows.iter().find(|row| row.id == "A-07").unwrap();
    assert!(row.reason.contains("EPM answered, endpoint blocked"), "{}", row.reason);
}

#[test]
fn losses_forbid_missing() {
    let mut seen = observation("", 100);
    seen.inputs[0].reported_drops = 1;
    let judged = judge(&seen, &matrix());
    let missing = judged.audit.rows.iter().filter(|row| row.status.name() == "missing").count();
    assert_eq!((missing, judged.audit.quality.complete), (0, false));
}
