//! Audits of the lab under a key, from the user's end: the same verdicts as the plain audit, not a byte
//! of an address, a name, a path or a network card in any form or member, and back for the holder of
//! the key, byte for byte.
#![forbid(unsafe_code)]

#[path = "support/parallel.rs"]
mod parallel;
#[path = "support/shared.rs"]
mod shared;
#[cfg(test)]
#[path = "support/tree.rs"]
mod tree;

#[cfg(test)]
mod redaction {
    use std::collections::{BTreeMap, BTreeSet};
    use std::fs;
    use std::net::IpAddr;
    use std::path::{Path, PathBuf};
    use std::process::{Command, Output};

    use flowaudit::audit::{Audit, OutageEntry};
    use flowaudit::capture::{Capture, Options};
    use flowaudit::report::redact::{self, Key};
    use flowaudit::wire::LinkType;

    use super::{parallel, shared, tree};

    const ROOT: &str = env!("CARGO_MANIFEST_DIR");
    const KEY: &str = "00112233445566778899aabbccddeeff0123456789abcdef0123456789abcdef\n";
    /// Every form that is written to a file, and the member of a bundle that is the same.
    const FORMS: &[(&str, &str)] = &[
        ("json", "audit.json"),
        ("flows", "flows.csv"),
        ("csv", "findings.csv"),
        ("markdown", "report.md"),
        ("html", "report.html"),
        ("junit", "junit.xml"),
        ("sarif", "findings.sarif"),
        ("oscal", "assessment-results.json"),
    ];
    /// Words of the lab that no capture-independent list tells: its hosts, its domain, its accounts.
    const WORDS: &[&str] = &[
        "corp",
        "lab",
        "lab.test",
        "lab-idp",
        "corp.lab.test",
        "dc1",
        "dc2",
        "dns1",
        "jit1",
        "jit2",
        "ws1",
        "ws2",
        "agent1",
        "agent2",
        "user1",
        "user2",
        "rogue",
        "rogue2",
        "extdns",
        "administrator",
        "accessmanager",
        "sql1",
        "eth0",
        "shared/lab",
        "lab/captures",
        "fixtures/site.toml",
        "rogue.example",
    ];

    fn flowaudit(words: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_flowaudit")).current_dir(ROOT).args(words).output().unwrap()
    }

    fn said(output: &Output) -> String {
        [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat()
    }

    fn text(path: &Path) -> String {
        path.to_str().unwrap().to_owned()
    }

    /// Audits with every form and a bundle into `room`; everything that was written, by name, and
    /// what went to the terminal.
    fn audit(capture: &Path, site: &Path, room: &Path, more: &[&str]) -> BTreeMap<String, String> {
        let mut words = vec!["audit".to_owned(), text(capture), "-s".to_owned(), text(site), "-v".to_owned()];
        words.extend(["--sandbox", "off", "--color", "never"].map(str::to_owned));
        if text(capture).contains("-span") {
            words.extend(["--vantage", "mirror"].map(str::to_owned));
        }
        for (form, member) in FORMS {
            words.extend([format!("--{form}"), text(&room.join(member))]);
        }
        words.extend(["--evidence".to_owned(), text(&room.join("bundle"))]);
        words.extend(more.iter().map(|word| (*word).to_owned()));
        let output = flowaudit(&words.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(matches!(output.status.code(), Some(0 | 1 | 3)), "{}", said(&output));
        let mut written = files(room);
        written.insert("terminal".to_owned(), said(&output));
        written
    }

    fn files(room: &Path) -> BTreeMap<String, String> {
        let lossy = |(name, bytes): (String, Vec<u8>)| (name, String::from_utf8_lossy(&bytes).into_owned());
        tree::files(room).into_iter().map(lossy).collect()
    }

    #[test]
    fn an_interface_that_was_down_is_called_as_its_input() {
        let golden = fs::read_to_string(format!("{ROOT}/tests/golden/clean.json")).unwrap();
        let mut audit: Audit = serde_json::from_str(&golden).unwrap();
        audit.inputs[0].path = "wan-acme0".to_owned();
        audit.quality.outages =
            vec![OutageEntry { interface: "wan-acme0".to_owned(), from: "then".to_owned(), until: None }];
        let key = Key::parse(KEY.trim()).unwrap();
        let hidden = redact::redact(&key, &audit, None).unwrap();
        assert!(!serde_json::to_string(&hidden).unwrap().contains("acme"));
        assert_eq!(hidden.quality.outages[0].interface, hidden.inputs[0].path);
        assert_eq!(redact::reveal(&key, &hidden).unwrap(), audit);
    }

    /// How an address may be written.
    fn forms_of(address: IpAddr) -> Vec<String> {
        let hex = |bytes: &[u8]| data_encoding::HEXLOWER.encode(bytes);
        match address {
            IpAddr::V4(v4) => {
                let [a, b, c, d] = v4.octets();
                let plain = v4.to_string();
                let dashed = plain.replace('.', "-");
                vec![
                    plain,
                    dashed,
                    format!("{d}.{c}.{b}.{a}"),
                    hex(&v4.octets()),
                    v4.to_bits().to_string(),
                    format!("0x{:x}", v4.to_bits()),
                ]
            }
            IpAddr::V6(v6) => {
                let digits = hex(&v6.octets());
                let nibbles: Vec<String> = digits.chars().rev().map(String::from).collect();
                let groups: Vec<String> = v6.segments().iter().map(|group| format!("{group:04x}")).collect();
                let plain = v6.to_string();
                let dashed = plain.replace(':', "-");
                vec![plain, dashed, digits, nibbles.join("."), groups.join(":")]
            }
        }
    }

    /// How the address of a network card may be written.
    fn forms_of_card(card: &[u8]) -> Vec<String> {
        let pairs: Vec<String> = card.iter().map(|byte| format!("{byte:02x}")).collect();
        let plain = pairs.concat();
        let dotted = [0, 4, 8].map(|at| plain.get(at..at + 4).unwrap_or_default().to_owned()).join(".");
        vec![pairs.join(":"), pairs.join("-"), plain, dotted]
    }

    /// Every network card of an Ethernet capture.
    fn cards(capture: &Path) -> BTreeSet<Vec<u8>> {
        let mut capture = Capture::open(&[capture], &Options::default()).unwrap();
        let mut found = BTreeSet::new();
        while let Some(frame) = capture.next().unwrap() {
            if frame.link == LinkType(1) {
                found.extend([0, 6].iter().filter_map(|at| frame.bytes.get(*at..at + 6)).map(<[u8]>::to_vec));
            }
        }
        // Groups (multicast, broadcast) are the same everywhere.
        found.retain(|card| card[0] & 1 == 0 && card.iter().any(|byte| *byte != 0));
        found
    }

    /// What must not be found: every address, name and network card of a plain audit.
    fn secrets(plain: &BTreeMap<String, String>, capture: &Path, site: &str) -> BTreeSet<String> {
        let mut found: BTreeSet<String> = WORDS.iter().map(|word| (*word).to_owned()).collect();
        let mut log = csv::Reader::from_reader(plain["flows.csv"].as_bytes());
        for record in log.records() {
            let record = record.unwrap();
            for address in [&record[4], &record[6]] {
                found.extend(forms_of(address.parse().unwrap()));
            }
            found.extend([&record[16], &record[22]].map(str::to_lowercase));
        }
        let audit: Audit = serde_json::from_str(&plain["audit.json"]).unwrap();
        for entry in &audit.names {
            found.insert(entry.name.clone());
            let addresses = [Some(&entry.client), entry.address.as_ref(), entry.resolver.as_ref()];
            found.extend(addresses.into_iter().flatten().flat_map(|address| forms_of(address.parse().unwrap())));
        }
        // What a shipped pack says of the world is no secret of the site.
        let players = audit.site.roles.values().flatten().filter(|player| site.contains(player.as_str()));
        found.extend(players.map(|player| player.to_lowercase()));
        found.extend([audit.site.name.to_lowercase(), audit.site.path.clone().unwrap_or_default()]);
        found.extend(cards(capture).iter().flat_map(|card| forms_of_card(card)));
        found.extend(capture.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        // Unspecified and group addresses are nobody's, and an empty cell is none.
        let common: BTreeSet<String> = ["0.0.0.0", "255.255.255.255", "::"]
            .iter()
            .flat_map(|address| forms_of(address.parse().unwrap()))
            .chain([String::new()])
            .collect();
        found.difference(&common).cloned().collect()
    }

    /// Whether `hidden` holds `secret` as a whole word, whatever the case of its letters.
    fn holds(hidden: &str, secret: &str) -> bool {
        let joined = |character: Option<char>| character.is_some_and(|c| c.is_ascii_alphanumeric());
        hidden.match_indices(secret).any(|(at, found)| {
            let (before, rest) = hidden.split_at(at);
            let (_, after) = rest.split_at(found.len());
            !joined(before.chars().next_back()) && !joined(after.chars().next())
        })
    }

    fn assert_hidden(redacted: &BTreeMap<String, String>, secrets: &BTreeSet<String>, what: &str) {
        for (name, content) in redacted {
            let content = format!("{name}\n{content}").to_lowercase();
            // The address of the document that the shipped packs transcribe is no secret.
            let content = content.replace("https://docs.lithnet.io/", "");
            for secret in secrets {
                assert!(!holds(&content, secret), "{what}: {secret} stands in {name}");
            }
        }
    }

    /// Verdict, kind, outcome, rows and basis of every flow, however the flows are named.
    fn verdicts(log: &str) -> BTreeMap<Vec<String>, usize> {
        let mut found = BTreeMap::new();
        for record in csv::Reader::from_reader(log.as_bytes()).records() {
            let record = record.unwrap();
            let line = [3, 5, 7, 14, 15, 17, 18, 19, 20].map(|column| record[column].to_owned()).to_vec();
            *found.entry(line).or_insert(0) += 1;
        }
        found
    }

    /// What stays the same of an audit.
    fn results(audit: &str) -> String {
        let audit: Audit = serde_json::from_str(audit).unwrap();
        let rows: Vec<_> = audit.rows.iter().map(|row| (&row.id, row.status)).collect();
        let mut findings: Vec<_> = audit.findings.iter().map(|f| (&f.kind, &f.severity, &f.rows, f.flows)).collect();
        findings.sort();
        format!("{:?} {rows:?} {findings:?} {:?} {}", audit.answer, audit.totals, audit.quality.complete)
    }

    /// One capture, plain and under the key.
    fn check(capture: &Path, site: &Path) {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let room = other.path().join("out");
        fs::create_dir(&room).unwrap();
        let key = other.path().join("key");
        fs::write(&key, KEY).unwrap();
        let what = text(Path::new(capture.file_name().unwrap()));
        let plain = audit(capture, site, one.path(), &[]);
        let redacted = audit(capture, site, &room, &["--redact", &text(&key)]);

        assert_eq!(results(&plain["audit.json"]), results(&redacted["audit.json"]), "{what}");
        assert!(verdicts(&plain["flows.csv"]) == verdicts(&redacted["flows.csv"]), "{what}: the verdicts differ");
        let secrets = secrets(&plain, capture, &fs::read_to_string(site).unwrap());
        assert!(secrets.len() > 60, "{what}: {secrets:?}");
        assert_hidden(&redacted, &secrets, &what);
        for (_, member) in FORMS {
            assert!(redacted[*member] == redacted[&format!("bundle/{member}")], "{what}: {member} in the bundle");
        }
        let bundle: BTreeSet<&str> = redacted.keys().filter_map(|name| name.strip_prefix("bundle/")).collect();
        let mut expected: BTreeSet<&str> = FORMS.iter().map(|(_, member)| *member).collect();
        expected.extend(["report.txt", "left-out.txt", "manifest.json", "SHA256SUMS"]);
        assert_eq!(bundle, expected, "{what}");

        let (stored, back) = (text(&room.join("audit.json")), text(&one.path().join("back.json")));
        flowaudit(&["report", &stored, "--reveal", &text(&key), "--json", &back, "-q"]);
        assert!(fs::read_to_string(&back).unwrap() == plain["audit.json"], "{what}: not what it was");
        // An audit that was stored plain can be hidden later, too.
        let later = other.path().join("later");
        fs::create_dir(&later).unwrap();
        let plainly = text(&one.path().join("audit.json"));
        let (json, page) = (text(&later.join("a.json")), text(&later.join("a.html")));
        let output = flowaudit(&[
            "report",
            &plainly,
            "--redact",
            &text(&key),
            "--json",
            &json,
            "--html",
            &page,
            "--width",
            "90",
        ]);
        let mut written = files(&later);
        written.insert("terminal".to_owned(), said(&output));
        assert_hidden(&written, &secrets, &what);
        flowaudit(&["report", &json, "--reveal", &text(&key), "--json", &back, "-q"]);
        assert!(fs::read_to_string(&back).unwrap() == plain["audit.json"], "{what}: not what it was, later");
    }

    #[test]
    fn nothing_of_a_fixture_is_left() {
        for fixture in ["a-clean", "d-blocked", "e-violations"] {
            check(
                &PathBuf::from(format!("{ROOT}/fixtures/{fixture}.pcap")),
                &PathBuf::from(format!("{ROOT}/fixtures/site.toml")),
            );
        }
    }

    #[test]
    fn nothing_of_the_lab_is_left() {
        let Some(lab) = shared::folder("lab") else { return };
        let is_capture = |path: &PathBuf| path.extension().is_some_and(|end| end == "pcap" || end == "pcapng");
        let mut captures: Vec<PathBuf> =
            fs::read_dir(lab.join("captures")).unwrap().map(|entry| entry.unwrap().path()).filter(is_capture).collect();
        captures.sort();
        assert!(captures.len() >= 12, "{captures:?}");
        parallel::in_parallel(&captures, |capture| check(capture, &lab.join("site.toml")));
    }

    /// Runs the program: its exit code has to be `code`, and what it says has to hold `part`.
    fn check_said(words: &[&str], code: i32, part: &str) {
        let output = flowaudit(words);
        assert_eq!(output.status.code(), Some(code), "{words:?}: {}", said(&output));
        assert!(said(&output).contains(part), "{words:?}: {}", said(&output));
    }

    #[test]
    fn what_cannot_be_is_said() {
        let room = tempfile::tempdir().unwrap();
        let at = |name: &str| text(&room.path().join(name));
        fs::write(at("key"), KEY).unwrap();
        fs::write(at("other"), KEY.replace('0', "f")).unwrap();
        fs::write(at("short"), "0011").unwrap();
        let (key, other, json, bundle) = (at("key"), at("other"), at("a.json"), at("bundle"));
        let base = ["audit", "fixtures/d-blocked.pcap", "-s", "fixtures/site.toml", "-q"];
        let with = |more: &[&str], code, part: &str| check_said(&[&base[..], more].concat(), code, part);
        with(&["--redact", &at("nowhere")], 2, "openssl rand -hex 32");
        assert!(!room.path().join("nowhere").exists(), "a key was made");
        with(&["--redact", &at("short")], 2, "is no key of 64 hex digits; make one with `openssl rand -hex 32");
        with(&["--redact", &key, "-w", &at("x.pcapng")], 2, "leave -w out");
        assert!(!room.path().join("x.pcapng").exists());
        with(&["--redact", &key, "--json", &json, "--evidence", &bundle], 1, "exit 1");
        check_said(&["report", &json, "--redact", &key, "-q"], 2, "redacted already");
        check_said(&["report", &json, "--reveal", &other, "-q"], 2, "was redacted with key");
        check_said(&["report", "tests/golden/findings.json", "--reveal", &key, "-q"], 2, "is not redacted");
        check_said(&["verify", &bundle], 0, "as they were written");
        check_said(&["verify", &bundle, "--inputs", "fixtures"], 2, "a redacted bundle cannot run again");
        // Two audits under one key can be compared without it.
        check_said(&["diff", &json, &json], 0, "");
    }
}
