//! Bundles and packets out of the built program, held against other people's tools: tshark,
//! `sha256sum -c` and `minisign -V`, where they are installed (with `CI` set they have to be), and
//! against changes of single bytes.
#![forbid(unsafe_code)]

#[cfg(test)]
#[path = "support/tree.rs"]
mod tree;

#[cfg(test)]
mod bundles {
    use std::collections::{BTreeMap, BTreeSet};
    use std::fs;
    use std::path::{Path, PathBuf};
    use std::process::{Command, Output};

    use flowaudit::report::bundle::{Altered, Survey, VerifyingKey};
    use sha2::{Digest, Sha256};

    use super::tree::files;

    const ROOT: &str = env!("CARGO_MANIFEST_DIR");
    const CAPTURE: &str = "fixtures/e-violations.pcap";
    /// Positions at which each member is changed.
    const POSITIONS: usize = 256;

    /// What a bundle holds when every report was asked for.
    const MEMBERS: &[&str] = &[
        "SHA256SUMS",
        "SHA256SUMS.minisig",
        "assessment-results.json",
        "audit.json",
        "findings.csv",
        "findings.pcapng",
        "findings.sarif",
        "flows.csv",
        "junit.xml",
        "manifest.json",
        "packs/ams.toml",
        "packs/link-noise.toml",
        "packs/windows-member.toml",
        "report.html",
        "report.md",
        "report.txt",
        "site.toml",
    ];

    fn flowaudit(words: &[&str], more: &[(&str, &str)]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flowaudit"));
        command.current_dir(ROOT).args(words).envs(more.iter().copied()).output().unwrap()
    }

    /// Runs the program: its exit code has to be `code`, and what it says has to hold `part`.
    fn check(words: &[&str], code: i32, part: &str) {
        let output = flowaudit(words, &[]);
        let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        assert_eq!(output.status.code(), Some(code), "{words:?}: {said}");
        assert!(said.contains(part), "{words:?}: {said}");
    }

    /// A folder with a pair of keys and a signed bundle made with it.
    struct Signed {
        folder: tempfile::TempDir,
        public: String,
    }

    impl Signed {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let keys = minisign::KeyPair::generate_unencrypted_keypair().unwrap();
            fs::write(folder.path().join("key"), keys.sk.to_box(None).unwrap().into_string()).unwrap();
            fs::write(folder.path().join("key.pub"), keys.pk.to_box().unwrap().into_string()).unwrap();
            let signed = Self { folder, public: keys.pk.to_base64() };
            signed.audit("bundle", &[], &[]);
            signed
        }

        fn at(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        fn text(&self, name: &str) -> String {
            self.at(name).to_str().unwrap().to_owned()
        }

        fn audit(&self, bundle: &str, words: &[&str], more: &[(&str, &str)]) {
            let (bundle, key) = (self.text(bundle), self.text("key"));
            let mut all = vec!["audit", CAPTURE, "-s", "fixtures/site.toml", "-q", "--evidence", &bundle];
            all.extend(["--sign", &key]);
            // What is asked for as a file is a member, too.
            let asked = ["html", "junit", "sarif", "oscal"].map(|form| (format!("--{form}"), self.text(form)));
            all.extend(asked.iter().flat_map(|(option, file)| [option.as_str(), file.as_str()]));
            all.extend(words);
            let output = flowaudit(&all, more);
            assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
        }
    }

    /// The survey with `bytes` in place of a member.
    fn with(survey: &Survey, member: &str, bytes: &[u8]) -> Survey {
        let mut survey = survey.clone();
        match member {
            "SHA256SUMS" => survey.sums = Some(bytes.to_vec()),
            "SHA256SUMS.minisig" => survey.signature = Some(bytes.to_vec()),
            _ => drop(survey.digests.insert(member.to_owned(), data_encoding::HEXLOWER.encode(&Sha256::digest(bytes)))),
        }
        if member == "manifest.json" {
            survey.manifest = Some(bytes.to_vec());
        }
        survey
    }

    #[test]
    fn any_changed_byte_is_found_and_named() {
        let signed = Signed::new();
        let survey = Survey::read(&signed.at("bundle")).unwrap();
        let key = VerifyingKey::parse(&signed.public);
        assert!(survey.check(key.as_ref()).is_ok());
        let members = files(&signed.at("bundle"));
        assert_eq!(members.keys().map(String::as_str).collect::<Vec<_>>(), MEMBERS);
        // A linear congruential generator: the same places in every run, spread over the member.
        let mut random = 1_u64;
        for (name, bytes) in &members {
            for _ in 0..POSITIONS {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let (at, flip) = (usize::try_from(random >> 33).unwrap() % bytes.len(), (random >> 24) as u8 | 1);
                let mut changed = bytes.clone();
                changed[at] ^= flip;
                match with(&survey, name, &changed).check(key.as_ref()) {
                    Err(Altered { member, .. }) => assert_eq!(member, *name, "byte {at} ^ {flip}"),
                    Ok(_) => panic!("{name}: byte {at} ^ {flip} went unseen"),
                }
            }
        }
    }

    #[test]
    fn the_program_says_what_is_wrong() {
        let signed = Signed::new();
        let (bundle, public) = (signed.text("bundle"), signed.text("key.pub"));
        check(&["verify", &bundle], 0, "give -P KEY");
        check(&["verify", &bundle, "-P", &signed.public], 0, "the signature holds: timestamp:");
        check(&["verify", &bundle, "-p", &public, "--inputs", "."], 0, "equal byte for byte");
        check(&["verify", &bundle, "--inputs", "fixtures"], 0, "equal byte for byte");
        check(&["verify", &bundle, "--inputs", "rules"], 2, "is not in rules");
        check(&["verify", &bundle, "-P", "nonsense"], 2, "public key");
        check(&["verify", "fixtures"], 1, "SHA256SUMS is missing");
        check(&["verify", "nowhere"], 2, "cannot read nowhere");
        let other = minisign::KeyPair::generate_unencrypted_keypair().unwrap().pk.to_base64();
        check(&["verify", &bundle, "-P", &other], 1, "SHA256SUMS.minisig is not a signature");
        check(&["audit", CAPTURE, "-s", "fixtures/site.toml", "--evidence", &bundle], 2, "new or empty");
        check(&["audit", "-", "-s", "fixtures/site.toml", "-w", "x"], 2, "save it as a file first");

        fs::write(signed.at("bundle/extra"), "").unwrap();
        check(&["verify", &bundle], 1, "extra is not part of the bundle");
        fs::remove_file(signed.at("bundle/extra")).unwrap();
        let captures = signed.at("captures");
        fs::create_dir(&captures).unwrap();
        let mut capture = fs::read(Path::new(ROOT).join(CAPTURE)).unwrap();
        *capture.last_mut().unwrap() ^= 1;
        fs::write(captures.join("e-violations.pcap"), capture).unwrap();
        let other = captures.to_str().unwrap();
        check(&["verify", &bundle, "--inputs", other], 1, "e-violations.pcap is not the capture");
        fs::remove_file(signed.at("bundle/packs/ams.toml")).unwrap();
        check(&["verify", &bundle], 1, "packs/ams.toml is missing");
    }

    #[test]
    fn a_second_run_differs_in_nothing_but_the_signature() {
        let signed = Signed::new();
        fs::create_dir(signed.at("again")).unwrap();
        signed.audit("again", &["--threads", "7", "-v"], &[("TZ", "Pacific/Auckland"), ("NO_COLOR", "1")]);
        let (mut one, mut other) = (files(&signed.at("bundle")), files(&signed.at("again")));
        for members in [&mut one, &mut other] {
            assert!(members.remove("SHA256SUMS.minisig").is_some());
        }
        assert!(one == other);
        let text = String::from_utf8(one["manifest.json"].clone()).unwrap();
        assert!(!text.contains("--sign") && !text.contains("--evidence") && !text.contains("key"), "{text}");
    }

    /// Runs a tool of somebody else; `None` where it is not installed and need not be.
    fn tool(name: &str, words: &[&str], folder: &Path) -> Option<String> {
        match Command::new(name).args(words).current_dir(folder).output() {
            Ok(output) => {
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                assert!(output.status.success(), "{name} {words:?}: {said}");
                Some(String::from_utf8(output.stdout).unwrap())
            }
            Err(fault) => {
                assert!(std::env::var_os("CI").is_none(), "{name}: {fault}, and CI is set");
                None
            }
        }
    }

    #[test]
    fn other_tools_agree_about_digests_and_signature() {
        let signed = Signed::new();
        let bundle = signed.at("bundle");
        tool("sha256sum", &["--strict", "-c", "SHA256SUMS"], &bundle);
        tool("minisign", &["-V", "-P", &signed.public, "-m", "SHA256SUMS"], &bundle);
    }

    /// What tshark says of each frame: time, addresses, protocol and ports of the outermost layers.
    fn frames(capture: &Path) -> Option<Vec<Vec<String>>> {
        let fields = [
            "frame.number",
            "frame.time_epoch",
            "ip.src",
            "ip.dst",
            "ip.proto",
            "tcp.port",
            "udp.port",
            "ipv6.src",
            "ipv6.dst",
            "ipv6.nxt",
            "frame.comment",
        ];
        let path = capture.to_string_lossy();
        let mut words = vec!["-r", path.as_ref(), "-T", "fields", "-E", "separator=/t", "-E", "occurrence=a"];
        fields.iter().for_each(|field| words.extend(["-e", field]));
        let lines = tool("tshark", &words, Path::new(ROOT))?;
        Some(lines.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect())
    }

    /// The frames of the findings by tshark alone: those between the ends and within the times of a
    /// flow that is unexpected or mismatched.
    fn expected(flows: &Path, frames: &[Vec<String>]) -> BTreeSet<String> {
        let mut table = csv::Reader::from_path(flows).unwrap();
        let rows: Vec<BTreeMap<String, String>> = table.deserialize().map(Result::unwrap).collect();
        let told = |row: &&BTreeMap<String, String>| ["unexpected", "mismatched"].contains(&row["verdict"].as_str());
        let nanoseconds = |time: &str| {
            let (whole, part) = time.split_once('.').unwrap();
            whole.parse::<i128>().unwrap() * 1_000_000_000 + part.parse::<i128>().unwrap()
        };
        let mut found = BTreeSet::new();
        for row in rows.iter().filter(told) {
            let time = |column: &str| row[column].parse::<jiff::Timestamp>().unwrap().as_nanosecond();
            let mut ends = [&row["originator"], &row["responder"]];
            let mut ports = [&row["originator_port"], &row["responder_port"]].map(|port| port.parse::<u16>().unwrap());
            ends.sort();
            ports.sort_unstable();
            for frame in frames {
                let first = |index: usize| frame[index].split(',').next().unwrap();
                let outer = |four: usize, six: usize| if first(four).is_empty() { first(six) } else { first(four) };
                let mut of_frame = [outer(2, 7), outer(3, 8)];
                of_frame.sort_unstable();
                let list = if row["transport"] == "tcp" { &frame[5] } else { &frame[6] };
                let mut listed: Vec<u16> = list.split(',').filter_map(|port| port.parse().ok()).take(2).collect();
                listed.sort_unstable();
                let protocol = match outer(4, 9) {
                    "1" => "icmp",
                    "6" => "tcp",
                    "17" => "udp",
                    other => other,
                };
                let at = nanoseconds(&frame[1]);
                let fits = of_frame == ends.map(String::as_str)
                    && row["transport"] == protocol
                    && (protocol == "icmp" || listed == ports)
                    && (time("first")..=time("last")).contains(&at);
                if fits {
                    found.insert(frame[0].clone());
                }
            }
        }
        found
    }

    #[test]
    fn findings_pcapng_holds_exactly_the_packets_of_the_findings() {
        let folder = tempfile::tempdir().unwrap();
        let (packets, flows) = (folder.path().join("f.pcapng"), folder.path().join("f.csv"));
        let (written, log) = (packets.to_str().unwrap(), flows.to_str().unwrap());
        check(&["audit", CAPTURE, "-s", "fixtures/site.toml", "-q", "-w", written, "--flows", log], 1, "15 findings");
        let (Some(original), Some(found)) = (frames(&Path::new(ROOT).join(CAPTURE)), frames(&packets)) else { return };
        let expected = expected(&flows, &original);
        assert!(expected.len() > 700, "{}", expected.len());
        let mut quoted = BTreeSet::new();
        for frame in &found {
            let (about, place) = frame[10].rsplit_once("; frame ").unwrap();
            assert!(about.starts_with("F-") && about.contains(": verdict "), "{about}");
            let number = place.split(' ').next().unwrap();
            let before = &original[number.parse::<usize>().unwrap() - 1];
            assert_eq!(frame[1..10], before[1..10], "frame {number}");
            quoted.insert(number.to_owned());
        }
        assert_eq!(found.len(), quoted.len());
        let differ: Vec<_> = quoted.symmetric_difference(&expected).collect();
        assert!(differ.is_empty(), "frames {differ:?}");
    }
}
