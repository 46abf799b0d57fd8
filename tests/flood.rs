//! An audit of a flood of unexpected flows, from the packets on: every form stays of a size that people and
//! programs can open, says how much it leaves out, and is still well formed. `benches/page.sh` takes
//! 300,000, and times the browser.
#![forbid(unsafe_code)]

#[path = "support/forge.rs"]
mod forge;

#[cfg(test)]
mod flood {
    use std::fs;
    use std::path::Path;
    use std::process::Command;

    use serde_json::Value;

    use super::forge::Forged;

    const FLOWS: u32 = 20_000;

    /// Every flow from another source, to one of 7,500 addresses and one of so many ports: with 40,000, too many of
    /// each for one scan, sweep or service to explain.
    fn capture(ports: u32) -> Vec<u8> {
        let mut forged = Forged::default();
        for number in 0..FLOWS {
            let [_, a, b, c] = (number * 7).to_be_bytes();
            let [_, _, d, e] = (number % 7500).to_be_bytes();
            let port = u16::try_from(number % ports).unwrap() + 1000;
            forged.segment((([10, a, b, c], 50_000), ([172, 16, d, e], port)), (number, 0), 2, &[]);
        }
        // One that works, and a question that nobody answers: a flood is never all there is.
        forged.connection(([172, 16, 0, 1], 40_000), ([10, 0, 0, 1], 22), b"SSH-2.0-a\r\n", b"SSH-2.0-b\r\n");
        forged.udp(([172, 16, 0, 1], 40_001), ([10, 0, 0, 1], 53), &[0; 12]);
        forged.pcap()
    }

    /// The exit code, and all that was said.
    fn run(room: &Path, words: &[&str]) -> (Option<i32>, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flowaudit"));
        let output = command.current_dir(room).args(words).output().unwrap();
        (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    }

    #[test]
    fn every_form_stays_small() {
        let room = tempfile::tempdir().unwrap();
        let at = |name: &str| room.path().join(name);
        let site = "[site]\nvantage='ams-server'\nwindow='0s'\n[roles]\nams-server='172.16.0.1'\n";
        fs::write(at("flood.pcap"), capture(40_000)).unwrap();
        fs::write(at("site.toml"), site).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_flowaudit"));
        command.current_dir(&room).args(["audit", "flood.pcap", "-s", "site.toml", "--width", "100"]);
        for form in ["json", "csv", "html", "markdown", "junit", "sarif", "oscal"] {
            command.args([format!("--{form}"), form.to_owned()]);
        }
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(output.stdout.len() < 50_000, "{} bytes on the terminal", output.stdout.len());
        let audit: Value = serde_json::from_slice(&fs::read(at("json")).unwrap()).unwrap();
        let unexpected = audit["totals"]["by_verdict"]["unexpected"].as_u64().unwrap();
        assert!(unexpected >= u64::from(FLOWS), "{}", audit["totals"]);
        // What is for people, and for programs with limits of their own; JSON and CSV have everything.
        for (form, most, part) in [
            ("html", 5_000_000, "left out to keep this page small"),
            ("markdown", 1_000_000, " more."),
            ("junit", 4_000_000, "more findings are left out"),
            ("sarif", 10_000_000, "more findings are left out"),
            ("oscal", 8_000_000, "more findings are left out"),
        ] {
            let text = fs::read_to_string(at(form)).unwrap();
            assert!(text.len() < most, "{form}: {} bytes", text.len());
            assert!(text.contains(part), "{form}");
        }
        let table = fs::read_to_string(at("csv")).unwrap();
        let findings = table.lines().filter(|line| line.starts_with("\"finding\"")).count();
        assert_eq!(findings, audit["findings"].as_array().unwrap().len());
        for form in ["sarif", "oscal"] {
            serde_json::from_slice::<Value>(&fs::read(at(form)).unwrap()).unwrap();
        }
        let cases = fs::read_to_string(at("junit")).unwrap();
        assert!(cases.starts_with("<?xml") && cases.trim_end().ends_with("</testsuites>"));
    }

    /// Beyond the budget of flows it may be lost who, never that; and a bundle says with which budget it was made.
    #[test]
    fn a_bounded_audit_counts_every_flow() {
        let room = tempfile::tempdir().unwrap();
        let at = |name: &str| room.path().join(name);
        fs::write(at("flood.pcap"), capture(400)).unwrap();
        let run = |words: &[&str]| run(room.path(), words);
        let audit = |form: &str, more: &[&str]| {
            let role = ["--role", "ams-server=172.16.0.1", "--vantage", "ams-server", "--json", form];
            let (code, said) = run(&[&["audit", "flood.pcap"], &role[..], more].concat());
            assert_eq!(code, Some(1), "{said}");
            (serde_json::from_slice::<Value>(&fs::read(at(form)).unwrap()).unwrap(), said)
        };
        let ((whole, _), (bounded, said)) =
            (audit("whole", &[]), audit("bounded", &["--max-flows", "1000", "--evidence", "bundle"]));
        assert_eq!(whole["totals"], bounded["totals"]);
        assert!(whole["quality"]["folded"] == 0 && bounded["quality"]["folded"].as_u64() > Some(15_000));
        assert!(said.contains("were folded because the flow budget (--max-flows) was reached."), "{said}");
        let log = fs::read_to_string(at("bundle/flows.csv")).unwrap();
        assert!(log.lines().count() < 3000, "{} lines tell of 1000 flows and of kinds of flows", log.lines().count());
        assert_eq!(run(&["verify", "bundle", "--inputs", "."]).0, Some(0));
        let (code, said) = run(&["audit", "flood.pcap", "--max-flows", "99"]);
        assert!(code == Some(2) && said.contains("99 is not in 100..=10000000"), "{said}");
    }

    /// Between strangers who are too many to be told, what the subject did is not told as theirs.
    #[test]
    fn a_flood_of_strangers_hides_nothing() {
        let room = tempfile::tempdir().unwrap();
        let mut forged = Forged::default();
        for number in 0..5000_u32 {
            let [_, a, b, c] = (number * 777).to_be_bytes();
            let (from, to) = match number {
                2500 => ([172, 16, 0, 1], ([203, 0, 113, 9], 3389)),
                _ => ([10, a, b, c], ([192, 168, b, c], 80 + u16::from(c) % 8)),
            };
            forged.segment(((from, 50_000), to), (number, 0), 2, &[]);
        }
        fs::write(room.path().join("flood.pcap"), forged.pcap()).unwrap();
        for (bound, verdict) in [("10000", "unexpected"), ("100", "unresolved")] {
            let site = ["--role", "ams-server=172.16.0.1", "--vantage", "mirror"];
            let bounded = ["--max-flows", bound, "--flows", "flows.csv"];
            let (code, said) = run(room.path(), &[&["audit", "flood.pcap"], &site[..], &bounded].concat());
            let log = fs::read_to_string(room.path().join("flows.csv")).unwrap();
            let hidden: Vec<&str> = log.lines().filter(|line| line.contains(",3389,\"\",")).collect();
            assert!(matches!(hidden.as_slice(), [line] if line.contains(verdict)), "{bound}: {hidden:?}");
            assert_eq!(code, Some(if bound == "100" { 3 } else { 1 }), "{said}");
        }
    }
}
