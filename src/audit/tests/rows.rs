//! Every row status.

use super::support::{at, matrix, observation};
use crate::audit::judge;
use crate::ledger::{ClockStep, Lost, Observation, Outage};

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
    assert!(row.reason.contains("EPM answered, endpoint blocked: port 49700 of 10.0.0.11"), "{}", row.reason);
    // The mapper of another controller answered nothing about this one.
    let elsewhere = format!("{mapper}epm 10.0.0.5 10.0.0.12 49700 10\nflow 10.0.0.5 10.0.0.12:49700 tcp filtered");
    let judged = judge(&observation(&elsewhere, 100), &matrix());
    let row = judged.audit.rows.iter().find(|row| row.id == "A-07").unwrap();
    assert!(row.reason.starts_with("dcerpc tcp/49152-65535 with 10.0.0.12: "), "{}", row.reason);
}

#[test]
fn losses_forbid_missing() {
    let mut seen = observation("", 100);
    seen.inputs[0].reported_drops = 1;
    let judged = judge(&seen, &matrix());
    let missing = judged.audit.rows.iter().filter(|row| row.status.name() == "missing").count();
    assert_eq!((missing, judged.audit.quality.complete), (0, false));
}

/// What a capture of 5,000 seconds says of row A-05 (a window of a minute) when it was not seen, and this
/// happened meanwhile.
#[test]
fn only_a_time_without_a_break_makes_a_row_missing() {
    let check = |what: &str, change: &dyn Fn(&mut Observation), expected: &str, part: &str| {
        let mut seen = observation("", 5000);
        change(&mut seen);
        let judged = judge(&seen, &matrix());
        let row = judged.audit.rows.iter().find(|row| row.id == "A-05").unwrap();
        assert_eq!(row.status.name(), expected, "{what}: {}", row.reason);
        assert!(row.reason.contains(part), "{what}: {}", row.reason);
        let untouched = what == "nothing";
        assert_eq!(judged.audit.quality.gaps.iter().any(|gap| !gap.starts_with("Rows")), !untouched, "{what}");
    };
    let lose = |seen: &mut Observation, times: &[i64]| {
        for time in times {
            seen.inputs[0].losses.add(at(*time), at(time + 1), Lost { kernel: 1, ..Lost::default() });
            seen.inputs[0].reported_drops += 1;
        }
    };
    check("nothing", &|_| {}, "missing", "Never tried in 5000 s");
    check("one loss", &|seen| lose(seen, &[1000]), "missing", "Never tried in 3980 s");
    let often: Vec<i64> = (0..83).map(|minute| minute * 60).collect();
    check("losses", &|seen| lose(seen, &often), "not-yet", "the longest time without one is 20 s");
    let untimed = |seen: &mut Observation| {
        lose(seen, &[1000]);
        seen.inputs[0].reported_drops += 1;
    };
    check("a loss without a time", &untimed, "not-yet", "silence means nothing");
    let outage = |from, until: Option<i64>| Outage { from: at(from), until: until.map(at) };
    check(
        "down",
        &|seen| seen.inputs[0].outages.push(outage(10, None)),
        "not-yet",
        "silence means something after 60 s",
    );
    check("down for a while", &|seen| seen.inputs[0].outages.push(outage(100, Some(4000))), "missing", "in 1000 s");
    let step = |before, after| ClockStep { before: at(before), after: at(after) };
    check("set forward", &|seen| seen.clock_steps.push(step(40, 4960)), "not-yet", "after 60 s");
    check("set back", &|seen| seen.clock_steps.push(step(4960, 40)), "not-yet", "after 60 s");
    let unseen = |seen: &mut Observation| {
        *seen = observation("flow 10.0.0.5 10.9.9.9:9999 tcp established at=40 missed=9", 5000);
        seen.flows[0].last = at(4970);
        seen.counters.missed_bytes = 9;
    };
    check("bytes that nobody saw", &unseen, "not-yet", "after 60 s");
}

#[test]
fn three_numbers_say_what_was_lost_and_when() {
    let mut seen = observation("flow 10.0.0.5 10.9.9.9:389 tcp established at=70 missed=9", 100);
    seen.inputs[0].losses.add(at(10), at(11), Lost { kernel: 3, interface: 4, unseen: 0 });
    (seen.inputs[0].reported_drops, seen.inputs[0].interface_drops) = (7, 4);
    let quality = judge(&seen, &matrix()).audit.quality;
    assert_eq!((quality.drops, quality.kernel_drops, quality.interface_drops), (7, 3, 4));
    let found: Vec<_> = quality
        .losses
        .iter()
        .map(|window| {
            (window.from.get(11..19).unwrap(), window.kernel_drops, window.interface_drops, window.missed_bytes)
        })
        .collect();
    assert_eq!(found, [("00:00:00", 3, 4, 0), ("00:01:00", 0, 0, 9)]);
}
