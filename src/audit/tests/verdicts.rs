//! Every verdict, kind and basis.

use super::support::{matrix, observation, waiver};
use crate::audit::judge::Judge;
use crate::audit::{Finding, judge};
use crate::ledger::DeclaredName;
use crate::matrix::{Basis, Hosts, Matrix};

/// The verdict on the last flow as `verdict kind basis rows [nearest]`, dashes for nothing.
fn verdict(lines: &str, matrix: &Matrix) -> String {
    let seen = observation(lines, 100);
    let judged = judge(&seen, matrix);
    let last = judged.flows.last().unwrap();
    let mut rows: Vec<&str> = last.atoms.iter().map(|atom| matrix.row(atom.row).unwrap().id.as_str()).collect();
    rows.dedup();
    let nearest = last.nearest.map(|row| matrix.row(row).unwrap().id.as_str());
    let shown = if rows.is_empty() { nearest.unwrap_or("-").to_owned() } else { rows.join("+") };
    let kind = last.kind.map_or("-", crate::audit::Kind::name).replace(' ', "-");
    format!("{} {kind} {} {shown}", last.verdict.name(), last.basis.map_or("-", Basis::name))
}

fn check(lines: &str, expected: &str) {
    assert_eq!(verdict(lines, &matrix()), expected, "\n{lines}");
}

const DNS: &str = "dns 10.0.0.5 10.0.0.11 graph.example 99.0.0.1 10 400\n";

#[test]
fn by_address() {
    let cases = [
        ("10.0.0.11:389 tcp established app=ldap", "expected - payload A-05"),
        ("10.0.0.11:389 tcp established cut-short", "expected - address A-05"),
        ("10.0.0.11:389 tcp filtered", "expected - address A-05"),
        ("10.0.0.11:389 tcp established app=ssh", "mismatched wrong-protocol - A-05"),
        ("10.0.0.11:389 tcp established raw", "mismatched wrong-protocol - A-05"),
        ("10.0.0.11:389 tcp midstream raw", "unresolved - - A-05"),
        ("10.0.0.11:389 tcp established lost", "unresolved - - A-05"),
        ("10.0.0.11:389 tcp established cut-short missed=9", "unresolved - - A-05"),
        ("10.0.0.11:53 udp answered raw", "mismatched wrong-protocol - A-08"),
        ("10.0.0.11:389 tcp established app=ldap ambiguous", "unresolved - - A-05"),
        ("10.0.0.11:389 tcp midstream app=ldap", "expected - payload A-05"),
        ("10.0.0.11:389 tcp one-sided app=ldap first", "unresolved - - A-05"),
        ("10.0.0.11:389 udp answered app=cldap first", "expected - payload A-05"),
        ("10.0.0.11:88 tcp established app=kerberos", "baseline - payload B-01"),
        ("10.0.0.11:53 tcp established app=dns", "unexpected unlisted-service - A-08"),
        ("10.0.50.66:389 tcp established app=ldap", "unexpected unlisted-peer - A-05"),
        ("10.0.50.66:4444 tcp midstream raw", "unexpected unlisted - A-01"),
        ("10.0.40.20:22 tcp established app=ssh", "unexpected unlisted-service - A-14"),
        ("99.0.0.9:9443 tcp established app=tls", "unresolved - - A-15"),
        ("10.0.0.12:9443 tcp established app=tls", "unexpected unlisted-peer - A-15"),
    ];
    for (flow, expected) in cases {
        check(&format!("flow 10.0.0.5 {flow}"), expected);
    }
}

/// What the budget for first bytes left out is told as that, in the flow's reason and in the quality.
#[test]
fn first_bytes_that_were_not_kept() {
    let cases = [
        ("10.0.0.11:389 tcp established unheld", "A-05", "were not kept; a capture of a shorter time would settle it"),
        ("99.0.0.1:443 tcp established unheld", "A-01", "were not kept, and no DNS answer decides it; a capture of a"),
    ];
    for (flow, row, why) in cases {
        let mut seen = observation(&format!("flow 10.0.0.5 {flow}"), 100);
        seen.counters.payloads_not_held = 1;
        let (matrix, last) = (matrix(), seen.flows.len() - 1);
        let judged = judge(&seen, &matrix);
        let nearest =
            judged.flows.get(last).unwrap().nearest.and_then(|row| matrix.row(row)).map(|row| row.id.as_str());
        assert_eq!((judged.flows.get(last).unwrap().verdict.name(), nearest), ("unresolved", Some(row)), "{flow}");
        assert_eq!(judged.audit.quality.payloads_not_held, 1);
        assert!(judged.audit.quality.gaps.iter().any(|gap| gap.starts_with("The first bytes of 1 flow were not kept")));
        let judged = Judge::new(&seen, &matrix).all(&seen, Some(last));
        let reason = judged.get(last).unwrap().reason();
        assert!(reason.contains(why), "{flow}: {reason}");
    }
}

#[test]
fn other_originators() {
    let cases = [
        ("10.0.20.21 10.0.0.5:443 tcp established app=tls", "expected - payload A-11+A-12"),
        ("10.0.30.31 10.0.0.5:443 tcp established app=tls", "expected - payload A-12"),
        ("10.0.50.66 10.0.0.5:443 tcp established app=tls", "unexpected unlisted-peer - A-11"),
        ("10.0.50.66 10.0.0.5:22 tcp established app=ssh", "unexpected unlisted - A-11"),
        ("10.0.0.11 10.0.0.5:389 tcp established app=ldap", "unexpected reversed - A-05"),
        ("10.0.0.11 10.0.0.5:389 tcp one-sided app=ldap first", "unresolved - - A-05"),
        ("10.0.20.21 10.0.40.20:1433 tcp established app=tds", "unexpected unlisted-peer - A-09"),
    ];
    for (flow, expected) in cases {
        check(&format!("flow {flow}"), expected);
    }
}

#[test]
fn by_name() {
    let to = |rest: &str| format!("flow 10.0.0.5 99.0.0.1:443 tcp {rest}");
    let other = "dns 10.0.0.5 10.0.0.11 login.example 99.0.0.1 10 400\n";
    let elsewhere = "dns 10.0.0.5 10.0.0.11 graph.example 99.0.0.7 10 400\n";
    let cases = [
        (DNS.to_owned() + &to("established app=tls sni=graph.example"), "expected - agreed A-02"),
        (DNS.to_owned() + &to("established app=tls"), "expected - dns A-02"),
        (DNS.to_owned() + &to("established app=tls outer=graph.example"), "expected - dns A-02"),
        (DNS.to_owned() + &to("established app=tls outer=cloud.example"), "mismatched wrong-name - A-02"),
        (DNS.to_owned() + other + &to("established app=tls outer=login.example"), "expected - dns A-03"),
        (DNS.to_owned() + &to("established unsaid"), "unresolved - - A-02"),
        (DNS.to_owned() + &to("established"), "expected - dns A-02"),
        (DNS.to_owned() + &to("established app=http host=99.0.0.1"), "mismatched wrong-protocol - A-02"),
        (DNS.to_owned() + &to("filtered"), "expected - dns A-02"),
        (DNS.to_owned() + &to("established lost"), "unresolved - - A-02"),
        (DNS.to_owned() + &to("established app=ssh"), "mismatched wrong-protocol - A-02"),
        (DNS.to_owned() + &to("established app=tls sni=evil.example"), "mismatched wrong-name - A-02"),
        (DNS.to_owned() + other + &to("established app=tls"), "unresolved - - A-02"),
        (DNS.to_owned() + other + &to("established app=tls sni=login.example"), "expected - agreed A-03"),
        (to("established app=tls sni=graph.example"), "unresolved - - A-02"),
        (elsewhere.to_owned() + &to("established app=tls sni=graph.example"), "mismatched wrong-name - A-02"),
        (other.to_owned() + &to("established app=tls sni=graph.example"), "mismatched wrong-name - A-02"),
        (to("established app=tls sni=evil.example"), "unexpected unlisted-peer - A-01"),
        (to("established app=tls"), "unexpected unlisted-peer - A-01"),
        (to("established app=tls outer=cloud.example"), "unresolved - - A-01"),
        (to("midstream app=tls"), "unresolved - - A-01"),
        (to("midstream app=ssh"), "unexpected unlisted-peer - A-01"),
        (to("established cut-short"), "unresolved - - A-01"),
        (
            "dns 10.0.0.5 10.0.0.11 evil.example 99.0.0.1 10 400\n".to_owned() + &to("established app=tls"),
            "unexpected unlisted-peer - A-01",
        ),
        (
            "dns 10.0.0.5 10.0.0.11 a.pool.example 99.0.0.1 10 400\n".to_owned()
                + &to("established app=tls sni=a.pool.example"),
            "expected - agreed A-01",
        ),
    ];
    for (lines, expected) in cases {
        check(&lines, expected);
    }
}

#[test]
fn answers_that_do_not_bind() {
    let cases = [
        ("too late", "dns 10.0.0.5 10.0.0.11 graph.example 99.0.0.1 31 400"),
        ("expired", "dns 10.0.0.5 10.0.0.11 graph.example 99.0.0.1 10 30"),
        ("another client's", "dns 10.0.30.31 10.0.0.11 graph.example 99.0.0.1 10 400"),
        ("unlisted resolver", "dns 10.0.0.5 8.8.8.8 graph.example 99.0.0.1 10 400"),
    ];
    for (why, dns) in cases {
        let lines = format!("{dns}\nflow 10.0.0.5 99.0.0.1:443 tcp established app=tls sni=graph.example");
        assert_eq!(verdict(&lines, &matrix()), "unresolved - - A-02", "{why}");
    }
    let rebound = "dns 10.0.0.5 10.0.0.11 graph.example 10.0.0.12 10 400
        flow 10.0.0.5 10.0.0.12:443 tcp established app=tls";
    check(rebound, "unexpected unlisted-peer - A-01");
    let race = "ask 10.0.0.5 10.0.0.11 graph.example conflicting 10
        flow 10.0.0.5 99.0.0.1:443 tcp established app=tls sni=graph.example";
    check(race, "mismatched wrong-name - A-02");
}

#[test]
fn at_a_mirror_answers_to_others_support_claims() {
    let user = "flow 10.0.30.31 99.0.0.1:443 tcp established app=tls";
    let race = "ask 10.0.0.5 10.0.0.11 graph.example conflicting 10\n";
    let other = "dns 10.0.0.5 10.0.0.11 login.example 99.0.0.1 10 400\n";
    let cases = [
        (format!("{DNS}{user} sni=graph.example"), "expected - dns A-13"),
        (format!("{DNS}{other}{user} sni=graph.example"), "expected - dns A-13"),
        (format!("{DNS}{user}"), "out-of-scope - - -"),
        (format!("{DNS}{race}{user} sni=graph.example"), "mismatched wrong-name - A-13"),
        (format!("{other}{user} sni=graph.example"), "unresolved - - A-13"),
        (format!("{user} sni=graph.example"), "unresolved - - A-13"),
    ];
    for (lines, expected) in cases {
        let mut mirror = matrix();
        mirror.vantage = None;
        assert_eq!(verdict(&lines, &mirror), expected, "\n{lines}");
    }
    check(&format!("{DNS}{user} sni=graph.example"), "unresolved - - A-13");
}

/// The verdict where a hosts file says `hosts` and the site takes names from `minimum` on.
fn check_declared(hosts: &str, minimum: Basis, lines: &str, expected: &str) {
    let mut matrix = matrix();
    matrix.minimum.name = minimum;
    matrix.declared.hosts = Some(Hosts::parse("hosts", hosts).unwrap());
    assert_eq!(verdict(lines, &matrix), expected, "{hosts}: {lines}");
}

#[test]
fn declared_names() {
    use Basis::{Declared, Dns, Sni};
    const GRAPH: &str = "99.0.0.1 graph.example graph";
    let to = |rest: &str| format!("flow 10.0.0.5 99.0.0.1:443 tcp {rest}");
    let (claim, silent) = (to("established app=tls sni=graph.example"), to("established app=tls"));
    // A lower grade than DNS, and a higher one than a claim alone.
    check_declared(GRAPH, Dns, &claim, "unresolved - - A-02");
    check_declared(GRAPH, Dns, &silent, "unresolved - - A-02");
    check_declared("", Declared, &claim, "unresolved - - A-02");
    for line in [&claim, &silent, &to("filtered"), &to("established app=tls outer=graph.example")] {
        check_declared(GRAPH, Declared, line, "expected - declared A-02");
    }
    check_declared(GRAPH, Declared, &to("established lost"), "unresolved - - A-02");
    // What contradicts it is open where the claim alone would have done, and nobody is accused by it.
    let other = to("established app=tls sni=login.example");
    check_declared("", Sni, &other, "expected - sni A-03");
    check_declared(GRAPH, Sni, &other, "unresolved - - A-03");
    check_declared("99.0.0.7 login.example", Sni, &other, "unresolved - - A-03");
    check_declared("fd00::7 login.example", Sni, &other, "expected - sni A-03");
    check_declared(GRAPH, Declared, &to("established app=tls sni=evil.example"), "unexpected unlisted-peer - A-02");
    // DNS comes first, whatever it says.
    check_declared(GRAPH, Declared, &(DNS.to_owned() + &claim), "expected - agreed A-02");
    let login = "dns 10.0.0.5 10.0.0.11 login.example 99.0.0.1 10 400\n".to_owned();
    check_declared(GRAPH, Declared, &(login.clone() + &silent), "expected - dns A-03");
    check_declared(GRAPH, Declared, &(login + &claim), "mismatched wrong-name - A-02");
    // Of several names nobody knows which is meant, and a host that the site lists has its role alone.
    check_declared("99.0.0.1 graph.example other.example", Declared, &silent, "unresolved - - A-02");
    check_declared(
        "10.0.0.11 graph.example",
        Declared,
        "flow 10.0.0.5 10.0.0.11:443 tcp filtered",
        "unexpected unlisted-peer - A-01",
    );
}

/// What the author of a capture wrote into it is a comment until somebody trusts it.
#[test]
fn names_of_the_capture_itself() {
    let mut seen = observation("flow 10.0.0.5 99.0.0.1:443 tcp established app=tls sni=graph.example", 100);
    seen.inputs[0].declared = vec![DeclaredName::new([99, 0, 0, 1].into(), b"Graph.Example.").unwrap()];
    let mut matrix = matrix();
    matrix.minimum.name = Basis::Declared;
    for (trusts, expected) in [(false, None), (true, Some(Basis::Declared))] {
        matrix.declared.trusts_captures = trusts;
        let judged = judge(&seen, &matrix);
        assert_eq!(judged.flows.get(0).unwrap().basis, expected);
        let known = &judged.audit.names[0];
        let words =
            if trusts { ("declared", "SNI, and the capture's own list of names") } else { ("sni", "SNI alone") };
        assert_eq!((known.strength.as_str(), known.how.as_str()), words);
        assert_eq!(judged.audit.site.trusts_names, trusts);
    }
}

#[test]
fn dynamic_rpc() {
    let epm = "epm 10.0.0.5 10.0.0.11 49700 10\n";
    let to = |rest: &str| format!("flow 10.0.0.5 10.0.0.11:49700 tcp {rest}");
    let cases = [
        (to("established app=dcerpc bind=yes"), "expected - bind A-07"),
        (to("established app=dcerpc bind=no"), "unresolved - - A-07"),
        (to("midstream app=dcerpc"), "expected - bind A-07"),
        (to("midstream app=dcerpc one-way"), "unresolved - - A-07"),
        (to("established app=dcerpc"), "unresolved - - A-07"),
        (epm.to_owned() + &to("established cut-short"), "expected - announced A-07"),
        (epm.to_owned() + &to("filtered"), "expected - announced A-07"),
        (epm.to_owned() + &to("established lost"), "unresolved - - A-07"),
        (to("filtered"), "unresolved - - A-07"),
        (to("established raw"), "mismatched not-announced - A-07"),
        (epm.to_owned() + &to("established raw"), "mismatched wrong-protocol - A-07"),
        (to("established app=ssh"), "mismatched wrong-protocol - A-07"),
        ("epm 10.0.0.5 10.0.0.11 49700 31\n".to_owned() + &to("filtered"), "unresolved - - A-07"),
        ("epm 10.0.0.5 10.0.0.12 49700 10\n".to_owned() + &to("filtered"), "unresolved - - A-07"),
        ("epm 10.0.30.31 10.0.0.11 49700 10\n".to_owned() + &to("filtered"), "unresolved - - A-07"),
    ];
    for (lines, expected) in cases {
        check(&lines, expected);
    }
}

/// A binding that names its server by a name holds where that is the server's own, for the client that was told.
#[test]
fn activations_by_host_name() {
    let to = "flow 10.0.0.5 10.0.0.11:49700 tcp filtered";
    let dns = |name: &str, address: &str| format!("dns 10.0.0.5 10.0.0.11 {name} {address} 5 400\n");
    let told = |host: &str| format!("epm 10.0.0.5 10.0.0.11 49700 10 host={host}\n");
    let theirs = dns("ws6.corp.example", "10.0.0.11");
    let cases = [
        (theirs.clone() + &told("ws6.corp.example"), "expected - announced A-07", 0),
        (theirs.clone() + &told("ws6"), "expected - announced A-07", 0),
        (theirs.clone() + &told("ws7"), "unresolved - - A-07", 0),
        (told("ws6"), "unresolved - - A-07", 0),
        (dns("ws6.corp.example", "10.0.0.12") + &told("ws6"), "unresolved - - A-07", 1),
        (theirs.clone() + &dns("ws6.corp.example", "10.0.0.12") + &told("ws6"), "expected - announced A-07", 0),
        (theirs.replace("dns 10.0.0.5", "dns 10.0.0.12") + &told("ws6"), "unresolved - - A-07", 0),
        (theirs.replace("10.0.0.5 10.0.0.11", "10.0.0.5 10.0.50.66") + &told("ws6"), "unresolved - - A-07", 0),
        (theirs.replace(" 5 400", " 11 400") + &told("ws6"), "unresolved - - A-07", 0),
    ];
    for (lines, expected, findings) in cases {
        let lines = lines + to;
        check(&lines, expected);
        let audit = judge(&observation(&lines, 100), &matrix()).audit;
        let astray = audit.findings.iter().filter(|finding| finding.kind == "announced-elsewhere").count();
        assert_eq!(astray, findings, "{lines}");
        let [port] = audit.ports.as_slice() else { panic!("{lines}") };
        assert_eq!(port.by.is_some(), expected.starts_with("expected"), "{port:?}");
    }
    let mut matrix = matrix();
    matrix.declared.hosts = Some(Hosts::parse("hosts", "10.0.0.11 ws6").unwrap());
    assert_eq!(verdict(&(told("ws6") + to), &matrix), "expected - announced A-07");
}

#[test]
fn minimum_basis() {
    let claim = "flow 10.0.0.5 99.0.0.1:443 tcp established app=tls sni=graph.example";
    let answer = DNS.to_owned() + "flow 10.0.0.5 99.0.0.1:443 tcp established app=tls";
    let port = "flow 10.0.0.5 10.0.0.11:49700 tcp filtered";
    let address = "flow 10.0.0.5 10.0.0.11:389 tcp established cut-short";
    let cases = [
        (claim, Basis::Sni, "expected - sni A-02"),
        (&answer, Basis::Agreed, "unresolved - - A-02"),
        (port, Basis::Range, "expected - range A-07"),
        (address, Basis::Payload, "unresolved - - A-05"),
    ];
    for (lines, basis, expected) in cases {
        let mut matrix = matrix();
        match basis {
            Basis::Agreed | Basis::Dns | Basis::Declared | Basis::Sni => matrix.minimum.name = basis,
            Basis::Bind | Basis::Announced | Basis::Range => matrix.minimum.rpc = basis,
            Basis::Payload | Basis::Address => matrix.minimum.address = basis,
        }
        assert_eq!(verdict(lines, &matrix), expected, "{lines}");
    }
}

#[test]
fn waivers_and_scope() {
    let flow = "flow 10.0.0.5 10.0.50.9:9997 tcp established raw";
    let between = |a: &str, b: &str| format!("flow {a} {b} tcp established app=tds");
    let cases = [
        ("10.0.0.5 10.0.50.9 tcp/9997 -", true, flow.to_owned(), "waived - - A-01"),
        ("10.0.0.5 10.0.50.9 tcp/9997 31", true, flow.to_owned(), "waived - - A-01"),
        ("10.0.0.5 10.0.50.9 tcp/9997 30", true, flow.to_owned(), "unexpected unlisted - A-01"),
        ("10.0.0.5 10.0.50.9 udp/9997 -", true, flow.to_owned(), "unexpected unlisted - A-01"),
        ("10.0.0.5 10.0.50.9 tcp/9997 -", false, flow.to_owned(), "waived - - A-01"),
        (
            "10.0.0.5 10.0.50.9 tcp/9997 -",
            false,
            between("10.0.20.21", "10.0.40.20:1433"),
            "unexpected unlisted-peer - A-09",
        ),
        ("10.0.0.5 10.0.50.9 tcp/9997 -", false, between("10.0.20.21", "10.0.50.66:1433"), "out-of-scope - - -"),
    ];
    for (text, at_subject, lines, expected) in cases {
        let mut matrix = matrix();
        matrix.waivers.push(waiver(text));
        matrix.vantage = matrix.vantage.filter(|_| at_subject);
        assert_eq!(verdict(&lines, &matrix), expected, "{text}: {lines}");
    }
}

#[test]
fn an_address_that_the_site_forgot() {
    let flow = "flow fd00::5 fd00:40::20:1433 tcp established app=tds";
    let to_controller = "flow fd00::5 10.0.0.11:389 tcp established app=ldap";
    let cases = [
        ("", flow, "out-of-scope - - -"),
        ("card 10.0.0.5 fd00::5", flow, "unexpected unlisted - A-09"),
        ("card 10.0.0.5 fd00::6", flow, "out-of-scope - - -"),
        ("card 10.0.0.11 fd00::5", flow, "out-of-scope - - -"),
        // It plays no role, so what its owner may do it may not.
        ("card 10.0.0.5 fd00::5", to_controller, "unexpected unlisted-peer - A-05"),
    ];
    for (card, flow, expected) in cases {
        let mut matrix = matrix();
        matrix.vantage = None;
        let lines = format!("{card}\n{flow}");
        assert_eq!(verdict(&lines, &matrix), expected, "{lines}");
        let judged = judge(&observation(&lines, 100), &matrix);
        let unlisted = |finding: &Finding| finding.detail.contains(". The site does not list fd00::5");
        let told = judged.audit.findings.iter().any(unlisted);
        let gap = judged.audit.quality.gaps.iter().any(|gap| gap.starts_with("The site does not list fd00::5"));
        assert_eq!((told, gap), (expected.starts_with("unexpected"), expected.starts_with("unexpected")), "{lines}");
    }
}

#[test]
fn icmp_errors() {
    let blocked = "flow 10.0.0.5 10.0.40.20:1433 tcp rejected icmp-from=10.0.0.1\n";
    check(&format!("{blocked}flow 10.0.0.1 10.0.0.5:0 icmp unanswered one-way"), "baseline - - -");
    check("flow 10.0.0.1 10.0.0.5:0 icmp unanswered one-way", "unexpected unlisted - A-11");
}
