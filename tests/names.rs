//! What bears a name beside DNS and the hello, as bytes through ledger and judge: certificates, which add a frame
//! and decide nothing, and declarations, which count where the site takes them.
#![forbid(unsafe_code)]

#[path = "support/forge.rs"]
mod forge;
#[path = "support/frames.rs"]
mod frames;
#[path = "support/shared.rs"]
mod shared;

#[cfg(test)]
mod said {
    use std::fs;
    use std::path::Path;
    use std::process::{Command, Output};

    use flowaudit::audit::{Audit, Documents, Explanation, explain, judge};
    use flowaudit::ledger::{Ledger, Observation, Options};
    use flowaudit::matrix::{self, Matrix, Pack, Site};

    use super::forge::{End, Forged};

    const SITE: &str = "[site]\npacks=['ams']\nbaseline=['ams-extras']\nvantage='ams-server'\n\
        [features]\nentra=true\n[roles]\nams-server='10.0.0.5'\ndomain-controllers='10.0.0.11'\n";
    const CLIENT: [u8; 4] = [10, 0, 0, 5];
    const RESOLVER: [u8; 4] = [10, 0, 0, 11];
    const CLOUD: [u8; 4] = [20, 190, 128, 1];
    const NAME: &str = "graph.microsoft.com";

    fn sized(bytes: &[u8]) -> Vec<u8> {
        [&u16::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
    }

    fn labels(name: &str) -> Vec<u8> {
        let label = |label: &str| [&[u8::try_from(label.len()).unwrap()], label.as_bytes()].concat();
        name.split('.').flat_map(label).chain([0]).collect()
    }

    /// The question for a name, and the answer that gives it one address.
    fn look_up(wire: &mut Forged, name: &str, address: [u8; 4]) {
        let (client, resolver): (End, End) = ((CLIENT, 4000), (RESOLVER, 53));
        let question = [labels(name), vec![0, 1, 0, 1]].concat();
        let record = [&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4][..], &address].concat();
        wire.udp(client, resolver, &[&[0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0], &question[..]].concat());
        wire.udp(resolver, client, &[&[0, 7, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0], &question[..], &record].concat());
    }

    fn record(messages: &[u8]) -> Vec<u8> {
        [&[22, 3, 3], &sized(messages)[..]].concat()
    }

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        [&[kind, 0], &sized(body)[..]].concat()
    }

    fn hello(server: &str) -> Vec<u8> {
        let entry = sized(&[&[0], &sized(server.as_bytes())[..]].concat());
        let extensions = [&[0, 0], &sized(&entry)[..]].concat();
        let body = [&[3, 3], &[9; 32][..], &[0, 0, 2, 0x13, 1, 1, 0], &sized(&extensions)].concat();
        record(&message(1, &body))
    }

    /// A server's hello of TLS 1.2 and its certificate for `names`, in as many records as it takes.
    fn certified(names: &[&str], longest: usize) -> Vec<u8> {
        let der = |tag: u8, bytes: &[u8]| [&[tag, 0x82], &sized(bytes)[..]].concat();
        let alternatives: Vec<u8> = names.iter().flat_map(|name| der(0x82, name.as_bytes())).collect();
        let extension = [b"\x06\x03\x55\x1d\x11", &der(4, &der(0x30, &alternatives))[..]].concat();
        let list = [&[0], &sized(&extension)[..]].concat();
        let certificate = message(11, &[&[0], &sized(&list)[..]].concat());
        let hello = message(2, &[&[3, 3], &[9; 32][..], &[0, 0xc0, 0x2f, 0, 0, 0]].concat());
        [hello, certificate].concat().chunks(longest).flat_map(record).collect()
    }

    fn observed(wire: Forged) -> Observation {
        let room = tempfile::tempdir().unwrap();
        let path = room.path().join("forged.pcap");
        fs::write(&path, wire.pcap()).unwrap();
        let mut ledger = Ledger::new(Options::default());
        super::frames::read(&path).unwrap().iter().for_each(|owned| ledger.observe(&owned.frame()));
        ledger.settle()
    }

    fn packs(names: &[String]) -> Vec<Pack> {
        names.iter().map(|name| matrix::load_pack(name).unwrap()).collect()
    }

    /// The last flow, and the audit.
    fn explained(seen: &Observation, site: &str) -> (Explanation, Audit) {
        let site = Site::parse("forged", site).unwrap();
        let (audited, baseline) = (packs(&site.packs), packs(&site.baseline));
        let documents = Documents { site: &site, audited: &audited, baseline: &baseline };
        let explained = explain(seen, seen.flows.len() - 1, documents).unwrap().unwrap();
        (explained, judge(seen, &Matrix::load(&site).unwrap()).audit)
    }

    fn check_certificate(names: &[&str], asked: bool, expected: (&str, &str), frames: &[u32]) {
        let mut wire = Forged::default();
        if asked {
            look_up(&mut wire, NAME, CLOUD);
        }
        wire.connection((CLIENT, 50_000), (CLOUD, 443), &hello(NAME), &certified(names, 60));
        let (explained, audit) = explained(&observed(wire), SITE);
        assert_eq!(explained.verdict, expected.0, "{names:?}: {}", explained.reason);
        assert!(explained.reason.ends_with(expected.1), "{names:?}: {}", explained.reason);
        let known = audit.names.iter().find(|known| known.name == NAME).unwrap();
        let shown: Vec<u32> = known.evidence.iter().map(|evidence| evidence.frame).collect();
        assert_eq!(shown, frames, "{names:?}: {known:?}");
        assert_eq!(known.how.ends_with("and certificate"), frames.len().is_multiple_of(2), "{}", known.how);
    }

    /// It adds its frame where it bears the name, says so where it does not, and changes no verdict.
    #[test]
    fn a_certificate_adds_evidence_and_decides_nothing() {
        let bears = "DNS frame 2 and SNI (frame 6) both say graph.microsoft.com. \
            The server's certificate (frame 7) bears the name too.";
        check_certificate(&["other.example", NAME], true, ("expected", bears), &[1, 2, 6, 7]);
        check_certificate(&["*.microsoft.com"], true, ("expected", bears), &[1, 2, 6, 7]);
        // A wildcard is one label; a common name, or none at all, says nothing.
        let other = "The server's certificate (frame 7) is for *.com and 1 more name and not for this name; \
            that counts neither way.";
        check_certificate(&["*.com", "microsoft.com"], true, ("expected", other), &[1, 2, 6]);
        check_certificate(&[], true, ("expected", "both say graph.microsoft.com."), &[1, 2, 6]);
        // Nobody checked who signed it: with a claim alone it proves no more than the claim.
        let claimed = "a longer capture would settle it. The server's certificate (frame 5) bears the name too.";
        check_certificate(&[NAME], false, ("unresolved", claimed), &[4, 5]);
    }

    const DECLARED: &str = "[site]\nname='here'\npacks=['ams']\nbaseline=[]\nvantage='ams-server'\n\
        basis={name='declared'}\n[features]\nentra=true\n\
        [roles]\nams-server='10.0.0.5'\ndomain-controllers='10.0.0.11'\n";

    /// The same packets as pcapng, behind a block of names.
    fn pcapng(pcap: &[u8], names: &[u8]) -> Vec<u8> {
        let block = |kind: u32, body: &[u8]| {
            let padded = [body, &vec![0; body.len().next_multiple_of(4) - body.len()]].concat();
            let total = u32::try_from(padded.len() + 12).unwrap().to_le_bytes();
            [&kind.to_le_bytes()[..], &total, &padded, &total].concat()
        };
        let section = [&0x1a2b_3c4d_u32.to_le_bytes()[..], &[1, 0, 0, 0], &[0xff; 8]].concat();
        let mut file = [block(0x0a0d_0d0a, &section), block(1, &[101, 0, 0, 0, 0, 0, 0, 0]), block(4, names)].concat();
        let mut rest = &pcap[24..];
        while let Some((head, after)) = rest.split_first_chunk::<16>() {
            let word = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().unwrap());
            let at = u64::from(word(0)) * 1_000_000 + u64::from(word(4));
            let (bytes, next) = after.split_at(word(8) as usize);
            let [high, low] = [at >> 32, at & 0xffff_ffff].map(|half| u32::try_from(half).unwrap().to_le_bytes());
            let sizes = [word(8), word(12)].map(u32::to_le_bytes).concat();
            file.extend(block(6, &[&[0; 4], &high[..], &low, &sizes, bytes].concat()));
            rest = next;
        }
        file
    }

    fn ran(room: &Path, words: &[&str], code: i32) -> Output {
        let output = Command::new(env!("CARGO_BIN_EXE_flowaudit")).current_dir(room).args(words).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        output
    }

    /// Site, hosts file and a capture whose author gives the address another name.
    fn room() -> tempfile::TempDir {
        let room = tempfile::tempdir().unwrap();
        let mut wire = Forged::default();
        wire.connection((CLIENT, 50_000), (CLOUD, 443), &hello(NAME), b"\x16\x03\x03\x00\x04\x0e\0\0\0");
        let record = [&[1, 0, 15, 0], &CLOUD[..], b"secret.x\0\0\0\0\0\0\0\0"].concat();
        fs::write(room.path().join("seen.pcapng"), pcapng(&wire.pcap(), &record)).unwrap();
        fs::write(room.path().join("site.toml"), DECLARED).unwrap();
        fs::write(room.path().join("ours"), "20.190.128.1 graph.microsoft.com\n").unwrap();
        room
    }

    fn audited(room: &Path, further: &[&str], code: i32) -> (String, serde_json::Value) {
        let words = ["audit", "-s", "site.toml", "seen.pcapng", "--json", "a.json", "--flows", "f.csv", "-q"];
        ran(room, &[&words[..], further].concat(), code);
        let verdict = fs::read_to_string(room.join("f.csv")).unwrap();
        let verdict = verdict.lines().nth(1).unwrap().split(',').skip(17).take(2).collect::<Vec<_>>().join(" ");
        (verdict.replace('"', ""), serde_json::from_slice(&fs::read(room.join("a.json")).unwrap()).unwrap())
    }

    #[test]
    fn declarations_count_where_they_are_given() {
        let room = room();
        let room = room.path();
        let (verdict, audit) = audited(room, &[], 3);
        assert_eq!((verdict.as_str(), audit["site"].get("hosts")), (" unresolved", None));
        let (verdict, audit) = audited(room, &["--hosts", "ours"], 3);
        assert_eq!((verdict.as_str(), audit["site"]["hosts"]["path"].as_str()), ("declared expected", Some("ours")));
        assert_eq!(audit["site"]["hosts"]["sha256"].as_str().map(str::len), Some(64));
        let mut wire = Forged::default();
        wire.connection((CLIENT, 50_000), (CLOUD, 443), &[], &[]);
        fs::write(room.join("silent.pcap"), wire.pcap()).unwrap();
        let words = ["audit", "-s", "site.toml", "--hosts", "ours", "silent.pcap", "--flows", "silent.csv", "-q"];
        ran(room, &words, 3);
        let log = fs::read_to_string(room.join("silent.csv")).unwrap();
        assert!(log.contains(r#""graph.microsoft.com","declared","expected""#), "{log}");
        // The capture's own name is a comment; trusted, it speaks against the hello and accuses nobody.
        let (verdict, audit) = audited(room, &["--trust-names"], 3);
        assert_eq!((verdict.as_str(), audit["site"]["trusts_names"].as_bool()), (" unresolved", Some(true)));
        let words = ["matrix", "explain", "-s", "site.toml", "--trust-names", "--flow", "1", "seen.pcapng"];
        let said = ran(room, &words, 0);
        let said = String::from_utf8(said.stdout).unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains("but the capture's own list of names gives this address for secret.x."), "{said}");
    }

    #[test]
    fn a_hosts_file_is_part_of_the_evidence() {
        let room = room();
        let room = room.path();
        audited(room, &["--hosts", "ours", "--evidence", "bundle"], 3);
        fs::write(room.join("ours"), "changed since\n").unwrap();
        ran(room, &["verify", "bundle", "--inputs", "."], 0);
        let faults = ran(room, &["audit", "-s", "site.toml", "--hosts", "ours", "seen.pcapng"], 2);
        let said = String::from_utf8_lossy(&faults.stderr).into_owned();
        assert!(said.contains("`changed` is no address") && said.contains("ours:1:1"), "{said}");
    }

    #[test]
    fn declarations_are_hidden_with_the_rest() {
        let room = room();
        let room = room.path();
        fs::write(room.join("key"), "7".repeat(64)).unwrap();
        for declared in [&["--hosts", "ours"][..], &["--trust-names"]] {
            let (_, audit) = audited(room, &[declared, &["--redact", "key"]].concat(), 3);
            let text = audit.to_string() + &fs::read_to_string(room.join("f.csv")).unwrap();
            for word in ["secret", "graph.microsoft", "ours\"", "20.190.128.1"] {
                assert!(!text.contains(word), "{word}: {audit:#}");
            }
        }
    }

    /// IObjectExporter, version 0, and NDR.
    const EXPORTER: &[u8] = b"\xc4\xfe\xfc\x99\x60\x52\x1b\x10\xbb\xcb\0\xaa\0\x21\x34\x7a\0\0\0\0";
    const NDR: &[u8] = b"\x04\x5d\x88\x8a\xeb\x1c\xc9\x11\x9f\xe8\x08\0\x2b\x10\x48\x60\x02\0\0\0";

    /// An activation whose answer names its hosts so, each with the port 59570.
    fn activation(wire: &mut Forged, hosts: &[&str]) {
        let pdu = |kind: u8, call: u8, body: &[u8]| {
            let length = u16::try_from(body.len() + 16).unwrap().to_le_bytes();
            [&[5, 0, kind, 3, 0x10, 0, 0, 0], &length[..], &[0, 0, call, 0, 0, 0], body].concat()
        };
        let bind = [&[0; 8], &b"\x01\0\0\0\0\0\x01\0"[..], EXPORTER, NDR].concat();
        let bound = [&[0; 8], &b"\x04\x00135\0\0\0\x01\0\0\0\0\0\0\0"[..], NDR].concat();
        let asked = [pdu(11, 1, &bind), pdu(0, 2, &[0, 0, 0, 0, 0, 0, 4, 0, 1, 2, 3, 4])].concat();
        let binding = |host: &&str| format!("{host}[59570]\0").encode_utf16().flat_map(u16::to_le_bytes).collect();
        let bindings = hosts.iter().map(binding).flat_map(|text: Vec<u8>| [vec![7, 0], text].concat());
        let given: Vec<u8> = bindings.chain([0, 0, 9, 0, 0xff, 0xff, 0, 0, 0, 0]).collect();
        let sizes = [given.len() / 2, given.len() / 2 - 4].map(|size| u16::try_from(size).unwrap().to_le_bytes());
        let answered = [pdu(12, 1, &bound), pdu(2, 2, &[&[0; 8][..], &sizes.concat(), &given, &[0; 12]].concat())];
        wire.connection((CLIENT, 50_000), (RESOLVER, 135), &asked, &answered.concat());
        wire.connection((CLIENT, 50_001), (RESOLVER, 59_570), &[], &[]);
    }

    /// The port that it gives counts where its address is the server's, or DNS gave its name to the server.
    #[test]
    fn an_activation_speaks_for_its_own_host() {
        let elsewhere = [10, 0, 0, 12];
        type Case<'text> = (&'text [&'text str], Option<(&'text str, [u8; 4])>, Option<&'text str>, (bool, usize));
        let cases: [Case<'_>; 6] = [
            (&["DC1", "10.0.0.11"], None, None, (true, 0)),
            (&["DC1"], Some(("dc1.corp.example", RESOLVER)), Some("dc1"), (true, 0)),
            (&["dc1.corp.example"], Some(("dc1.corp.example", RESOLVER)), Some("dc1.corp.example"), (true, 0)),
            (&["DC1"], None, Some("dc1"), (false, 0)),
            (&["DC1"], Some(("dc1.corp.example", elsewhere)), Some("dc1"), (false, 1)),
            (&["10.0.0.12"], None, None, (false, 1)),
        ];
        for (hosts, given, host, (announced, findings)) in cases {
            let mut wire = Forged::default();
            given.into_iter().for_each(|(name, address)| look_up(&mut wire, name, address));
            activation(&mut wire, hosts);
            let seen = observed(wire);
            assert_eq!(seen.announcements[0].host.as_deref(), host, "{hosts:?}");
            let (_, audit) = explained(&seen, SITE);
            let [port] = audit.ports.as_slice() else { panic!("{hosts:?} {:?}", audit.ports) };
            assert_eq!((port.port, port.by.is_some()), (59_570, announced), "{hosts:?} {given:?}");
            let astray = audit.findings.iter().filter(|finding| finding.kind == "announced-elsewhere").count();
            assert_eq!(astray, findings, "{hosts:?} {given:?}");
        }
    }

    const PROXY: [u8; 4] = [10, 0, 0, 8];

    /// The verdict on a request to a proxy, and how the row of its target comes out.
    fn through_proxy(port: u16, asked: &[u8], answered: &[u8], site: &str) -> (String, String, String) {
        let mut wire = Forged::default();
        wire.connection((CLIENT, 50_000), (PROXY, port), asked, answered);
        let (explained, audit) = explained(&observed(wire), &format!("{DECLARED}{site}"));
        let row = audit.rows.iter().find(|row| row.id == "AMS-02").unwrap();
        (format!("{} {}", explained.verdict, explained.reason), row.status.name().to_owned(), row.reason.clone())
    }

    /// Where the site lists the proxy, a request to connect counts for the row of its target and for no other.
    #[test]
    fn a_listed_proxy_carries_rows_by_name() {
        let listed = "proxy='10.0.0.8'\n";
        let connect = |target: &str| format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n").into_bytes();
        let granted = b"HTTP/1.1 200 Connection established\r\n\r\n";
        let (flow, status, _) = through_proxy(8080, &connect("graph.microsoft.com:443"), granted, listed);
        assert_eq!(status, "unverified");
        let said = "expected CONNECT graph.microsoft.com:443 (flow from frame 1) asks the proxy 10.0.0.8 for it, \
            which looks the name up itself.";
        assert_eq!(flow, said);
        for target in ["graph.microsoft.com:8443", "graph.microsoft.com", "graph.microsoft.com.evil.example:443"] {
            let (flow, status, _) = through_proxy(8080, &connect(target), granted, listed);
            assert!(flow.starts_with("unexpected") && status != "unverified", "{target}: {flow} {status}");
        }
        let strict = through_proxy(8080, &connect("graph.microsoft.com:443"), granted, "proxy='10.0.0.9'\n");
        assert!(strict.0.starts_with("unexpected"), "{strict:?}");
        // Nothing but the request to connect makes it one, whatever else the proxy is asked for.
        let plain = through_proxy(8080, b"GET http://graph.microsoft.com/ HTTP/1.1\r\n\r\n", granted, listed);
        assert!(plain.0.starts_with("unexpected"), "{plain:?}");
    }

    /// Where it does not, the row that is missing says which way its flows may have taken.
    #[test]
    fn a_row_that_is_missed_names_the_proxy() {
        let connect = b"CONNECT graph.microsoft.com:443 HTTP/1.1\r\n\r\n";
        let (flow, status, reason) = through_proxy(8888, connect, b"", "");
        assert!(flow.starts_with("unexpected") && status == "not-yet", "{flow} {status}");
        let said = "It may be going through 10.0.0.8:8888: CONNECT graph.microsoft.com:443 (flow from frame 1); \
            list the role proxy if it may.";
        assert!(reason.ends_with(said), "{reason}");
        let unread = [0x5a; 64];
        let (_, _, reason) = through_proxy(3128, &unread, &unread, "");
        assert!(reason.ends_with("It may be going through 10.0.0.8:3128 (flow from frame 1), if that is a proxy."));
        for (port, asked) in [(3128, &b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"[..]), (8888, &unread)] {
            let (_, _, reason) = through_proxy(port, asked, b"", "");
            assert!(!reason.contains("going through"), "{port}: {reason}");
        }
    }

    /// The certificates that tshark finds in clear. It counts the frame that completes a record: where others follow
    /// in the same record (389, 430, 459, 468), the certificate ends a frame or two before.
    #[test]
    fn certificates_end_where_tshark_finds_them() {
        let Some(folder) = super::shared::folder("captures") else { return };
        let mut ledger = Ledger::new(Options::default());
        let frames = super::frames::read(&folder.join("names/ndpi-sites.pcapng")).unwrap();
        frames.iter().for_each(|owned| ledger.observe(&owned.frame()));
        let certified = ledger.settle().flows.iter().filter_map(|flow| flow.certified()).map(|at| at.number).collect();
        let mut certified: Vec<u32> = certified;
        certified.sort_unstable();
        assert_eq!(certified, [44, 240, 330, 375, 389, 402, 430, 443, 459, 468, 478, 494, 512, 518, 533, 590]);
    }
}
