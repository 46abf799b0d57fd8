//! What real captures of the shared set say of applications, names and directions, through the whole
//! ledger: one line for each way in which a protocol shows itself. What tshark lists of the same captures is
//! compared in `dissect_facts.rs` and `peers`; here stands what must not be lost in between.
#![forbid(unsafe_code)]

#[path = "support/frames.rs"]
mod frames;
#[path = "support/shared.rs"]
mod shared;

#[cfg(test)]
mod captures {
    use std::collections::BTreeSet;
    use std::path::Path;

    use flowaudit::audit::{Judged, Verdict, judge};
    use flowaudit::dissect::{ClaimSource, Payload};
    use flowaudit::flow::Conversation;
    use flowaudit::ledger::{Ledger, Observation, Options, ResolutionResult};
    use flowaudit::matrix::{Matrix, Site};
    use flowaudit::wire::Frame;

    /// What a capture says, and what it says no more when all frames are cut to 128 bytes, as pktmon does
    /// unless it is told otherwise.
    struct Case(&'static str, &'static [&'static str], &'static [&'static str]);

    const CASES: &[Case] = &[
        // TLS: a hello over segments, an encrypted one, one in 300-byte packets, certificates of TLS 1.2.
        Case(
            "names/arkime-tls-split-client-hello.pcap",
            &["https syn", "outer clients2.google.com", "alpn h2"],
            &["outer clients2.google.com"],
        ),
        Case("names/zeek-tls13-ech.pcap", &["https syn", "outer cloudflare-ech.com"], &["outer cloudflare-ech.com"]),
        Case("names/ndpi-tls-ech.pcapng", &["outer performance.radar.cloudflare.com"], &[]),
        Case("names/suricata-dump-mtu300.pcap", &["certificate www.google.com"], &["certificate www.google.com"]),
        Case("names/ndpi-tls-with-huge-ch.pcapng", &["https syn"], &[]),
        Case("matrix/ndpi-teams.pcap", &["sni teams.microsoft.com", "certificate teams.microsoft.com"], &[]),
        Case("matrix/pcapplusplus-tls2.pcap", &["certificate *.nimbus.bitdefender.net"], &[]),
        // QUIC: versions 1 and 2, and hellos in pieces.
        Case(
            "names/zeek-curl-8-1-2-dev-http3-www-google-de.pcap",
            &["quic protocol", "sni www.google.de"],
            &["sni www.google.de"],
        ),
        Case("names/ndpi-quic-v2.pcapng", &["quic protocol", "sni test"], &[]),
        Case(
            "names/zeek-quic-multiple-initial-fragmented-crypto.pcap",
            &["quic protocol", "outer googleads.g.doubleclick.net"],
            &["outer googleads.g.doubleclick.net"],
        ),
        // HTTP: a host, and a proxy's target.
        Case("names/zeek-proxy.pcap", &["http syn", "host bro.org"], &[]),
        // DNS over TCP and UDP, its types, and multicast DNS.
        Case(
            "names/arkime-dns-tcp.pcap",
            &["dns syn", "resolved 1 aol.com", "bound aol.com 64.12.89.186"],
            &["bound aol.com 64.12.89.186"],
        ),
        Case("names/zeek-dns-https.pcap", &["dns protocol", "resolved 65 cloudflare.com"], &[]),
        Case("matrix/samr-nmap.pcapng", &["netbios protocol", "resolved 12 11.10.168.192.in-addr.arpa"], &[]),
        Case("names/zeek-mdns.pcap", &["mdns first"], &[]),
        Case("names/ndpi-netbios.pcap", &["netbios protocol"], &[]),
        // A domain: LDAP and its root, CLDAP, Kerberos, SMB, DCE/RPC with the interfaces that are granted.
        Case("matrix/samr-sharphound-domain-z.pcapng", &["ldap syn", "smb protocol", "root zdc1.domain-z.local"], &[]),
        Case(
            "matrix/otrf-scranton.cap",
            &[
                "epm syn",
                "dcerpc syn",
                "granted lsarpc",
                "announced drsuapi",
                "cldap protocol",
                "kerberos syn",
                "winrm syn",
                "ntp protocol",
                "resolved 33 _ldap._tcp.pdc._msdcs.dmevals.local",
            ],
            &[],
        ),
        Case(
            "matrix/otrf-covenant-sharpwmi-create-dcerpc-wmi.cap",
            &["granted iremotescmactivator", "activated dcom"],
            &["activated dcom"],
        ),
        Case("matrix/malcolm-eternalchampion.pcap", &["dhcp protocol", "announced drsuapi", "granted drsuapi"], &[]),
        Case("matrix/suricata-cldap.pcap", &["cldap protocol"], &[]),
        Case("matrix/zerologon-cve-2020-1472-test-win2019.pcap", &["granted netlogon", "announced netlogon"], &[]),
        Case("matrix/packetbeat-mssql-login-and-insert.pcap", &["tds syn"], &[]),
        Case("matrix/ndpi-rdp.pcap", &["rdp syn"], &[]),
        Case("names/zeek-smtp-starttls.pcap", &["smtp syn"], &[]),
    ];

    #[test]
    fn what_captures_say_reaches_the_ledger() {
        let Some(folder) = crate::shared::folder("captures") else { return };
        let complaints: Vec<String> = CASES.iter().flat_map(|case| complaints(&folder, case)).collect();
        assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    }

    fn complaints(folder: &Path, Case(file, expected, lost): &Case) -> Vec<String> {
        let whole = said(&observe(&folder.join(file), usize::MAX));
        let mut wrong = Vec::new();
        if expected.iter().any(|line| !whole.contains(*line)) {
            wrong.push(format!("{file}: not all of {expected:?} in {whole:?}"));
        }
        if !lost.is_empty() {
            let cut = said(&observe(&folder.join(file), 128));
            if lost.iter().any(|line| cut.contains(*line)) {
                wrong.push(format!("{file} of 128 bytes: some of {lost:?} in {cut:?}"));
            }
        }
        wrong
    }

    fn observe(path: &Path, longest: usize) -> Observation {
        let mut ledger = Ledger::new(Options::default());
        for owned in crate::frames::read(path).unwrap() {
            let frame = owned.frame();
            let bytes = frame.bytes.get(..longest).unwrap_or(frame.bytes);
            ledger.observe(&Frame { bytes, ..frame });
        }
        ledger.settle()
    }

    /// One line for each thing that is said.
    fn said(seen: &Observation) -> BTreeSet<String> {
        let mut said: BTreeSet<String> = seen.flows.iter().flat_map(of_flow).collect();
        for look_up in seen.resolutions.iter().filter(|look_up| look_up.result == ResolutionResult::Resolved) {
            said.insert(format!("resolved {} {}", look_up.kind, look_up.name));
        }
        said.extend(seen.bindings.iter().map(|binding| format!("bound {} {}", binding.name, binding.address)));
        for given in &seen.announcements {
            let interface = flowaudit::dissect::rpc::interface_name(&given.interface);
            let interface = interface.map_or_else(|| given.interface.clone(), ToString::to_string);
            let how = if given.interface == "dcom" { "activated" } else { "announced" };
            said.insert(format!("{how} {interface}"));
        }
        said
    }

    fn of_flow(flow: &Conversation) -> Vec<String> {
        let known = match &*flow.payload {
            Payload::Recognised(known) => known,
            Payload::None => return vec!["silent".to_owned()],
            Payload::NotCaptured => return vec!["not captured".to_owned()],
            Payload::NotRecognised => return vec!["not recognised".to_owned()],
        };
        let mut lines = Vec::new();
        lines.extend(known.application.map(|it| format!("{} {}", it.name(), flow.direction_basis.name())));
        lines.extend(known.alpn.iter().map(|alpn| format!("alpn {alpn}")));
        for claim in &known.claims {
            let source = match claim.source {
                ClaimSource::Sni => "sni",
                ClaimSource::OuterSni | ClaimSource::RivalSni => "outer",
                ClaimSource::Host => "host",
                ClaimSource::Connect(_) => "connect",
                ClaimSource::Certificate => "certificate",
                ClaimSource::RootDse | ClaimSource::CatalogRootDse => "root",
            };
            lines.push(format!("{source} {}", claim.name));
        }
        let granted = known.interfaces.iter().filter(|(_, accepted)| *accepted);
        let names = granted.filter_map(|(uuid, _)| flowaudit::dissect::rpc::interface_name(uuid));
        lines.extend(names.map(|name| format!("granted {name}")));
        lines
    }

    /// A capture of the lab, with what `keep` leaves of it, by the lab's site.
    fn audited(keep: impl Fn(&[u8]) -> Option<usize>) -> (Observation, Judged) {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
        let mut ledger = Ledger::new(Options::default());
        for owned in crate::frames::read(&root.join("a-clean.pcap")).unwrap() {
            let frame = owned.frame();
            if let Some(bytes) = keep(frame.bytes).map(|longest| frame.bytes.get(..longest).unwrap_or(frame.bytes)) {
                ledger.observe(&Frame { bytes, ..frame });
            }
        }
        let matrix = Matrix::load(&Site::load(&root.join("site.toml").to_string_lossy()).unwrap()).unwrap();
        let seen = ledger.settle();
        let judged = judge(&seen, &matrix);
        (seen, judged)
    }

    fn row<'a>(judged: &'a Judged, id: &str) -> (&'a str, &'a str) {
        let row = judged.audit.rows.iter().find(|row| row.id == id).unwrap();
        (row.status.name(), &row.reason)
    }

    /// What pktmon captures unless told otherwise: nothing is called wrong that whole packets call right, and
    /// who reads it learns how to capture better.
    #[test]
    fn packets_of_128_bytes_accuse_nobody() {
        let (whole, cut) = (audited(|_| Some(usize::MAX)).1, audited(|_| Some(128)).1);
        assert!(whole.audit.findings.is_empty());
        assert!(cut.audit.findings.is_empty(), "{:?}", cut.audit.findings);
        for (whole, cut) in whole.flows.iter().zip(&cut.flows) {
            assert!(cut.verdict == whole.verdict || cut.verdict == Verdict::Unresolved, "{whole:?} {cut:?}");
        }
        for id in ["AMS-01", "AMS-02", "AMS-03"] {
            let (status, reason) = row(&cut, id);
            assert!(status == "not-yet" && reason.contains("pktmon: --pkt-size 0"), "{id} {status}: {reason}");
        }
        // A bind and its answer fit: they grade the port without the mapper's answer.
        for id in ["AMS-05", "AMS-07", "AMS-09", "AMS-10"] {
            assert_eq!(row(&cut, id).0, "confirmed", "{id}");
        }
    }

    /// Names that were looked up before the capture began: the claims of the hellos are believed by nobody,
    /// and their rows say that these flows may be theirs.
    #[test]
    fn cold_caches_leave_claims() {
        let is_dns =
            |frame: &[u8]| frame.get(23) == Some(&17) && frame.get(34..38).is_some_and(|ports| ports.contains(&53));
        let (seen, judged) = audited(|frame| (!is_dns(frame)).then_some(usize::MAX));
        assert!(seen.bindings.is_empty());
        for id in ["AMS-01", "AMS-02", "AMS-03", "AMS-04"] {
            let (status, reason) = row(&judged, id);
            assert!(
                status == "not-yet" && reason.starts_with("2 unresolved flows may be it"),
                "{id} {status}: {reason}"
            );
        }
        let unresolved = judged.flows.iter().filter(|flow| flow.verdict == Verdict::Unresolved).count();
        assert_eq!(unresolved, 8);
        let said = "8 flows could not be resolved by what was captured.";
        assert!(judged.audit.quality.gaps.iter().any(|gap| gap == said), "{:?}", judged.audit.quality.gaps);
    }

    /// Every capture of the lab, cut to what pktmon keeps: a flow that whole packets explain is explained or left
    /// open, and one that they do not explain is not explained now.
    #[test]
    fn packets_of_128_bytes_turn_no_flow_around() {
        let Some(lab) = crate::shared::folder("lab") else { return };
        let mut compared = 0;
        for entry in std::fs::read_dir(lab.join("captures")).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if !name.ends_with(".pcap") && !name.ends_with(".pcapng") {
                continue;
            }
            let mut site = Site::load(&lab.join("site.toml").to_string_lossy()).unwrap();
            if name.contains("-span") {
                site.set_vantage("mirror");
            }
            let matrix = Matrix::load(&site).unwrap();
            let verdicts = |longest| {
                let seen = observe(&path, longest);
                let judged = judge(&seen, &matrix).flows;
                let frames = seen.flows.iter().map(|flow| (flow.first_frame, flow.responder()));
                frames.zip(judged.into_iter().map(|flow| flow.verdict)).collect::<Vec<_>>()
            };
            let good = |verdict: Verdict| matches!(verdict, Verdict::Expected | Verdict::Baseline);
            let bad = |verdict: Verdict| matches!(verdict, Verdict::Unexpected | Verdict::Mismatched);
            let whole = verdicts(usize::MAX);
            for ((flow, after), (same, before)) in verdicts(128).into_iter().zip(&whole) {
                assert_eq!(flow, *same, "{name}");
                let turned = good(*before) && bad(after) || bad(*before) && good(after);
                assert!(!turned, "{name} {flow:?}: {} became {}", before.name(), after.name());
            }
            compared += whole.len();
        }
        assert!(compared > 1000, "{compared} flows");
    }
}
