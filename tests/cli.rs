//! The program from outside: arguments, files and pipes in; exit codes, streams and files out.

#[cfg(test)]
mod program {
    use std::fs;
    use std::io::Write;
    use std::path::Path;
    use std::process::{Command, Output, Stdio};

    const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");

    fn flowaudit() -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flowaudit"));
        command.env_remove("NO_COLOR").env_remove("CLICOLOR_FORCE").env("TERM", "xterm").current_dir(GOLDEN);
        command
    }

    fn text(bytes: &[u8]) -> String {
        String::from_utf8_lossy(bytes).into_owned()
    }

    /// Runs `words`; the exit code has to be `code`, and the error stream has to hold `part`.
    fn check(words: &str, code: i32, part: &str) -> Output {
        let output = flowaudit().args(words.split_whitespace()).output().unwrap();
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{words}: {said}");
        assert!(said.contains(part), "{words}: {said}");
        output
    }

    #[test]
    fn usage_and_help() {
        check("", 2, "Usage");
        check("audit", 2, "CAPTURE");
        check("nonsense", 2, "unrecognized");
        check("--version", 0, "");
        assert!(text(&check("--help", 0, "").stdout).contains("Exit codes:"));
        assert!(text(&check("audit -h", 0, "").stdout).contains("tcpdump -w - host"));
        assert!(text(&check("audit --help", 0, "").stdout).contains("[roles]"));
        check("audit a.pcap", 2, "--role ams-server=10.0.0.5");
        check("audit --role ams-server=10.0.0.5 --from 2026-11-22T10:00 a.pcap", 2, "no offset from UTC");
        check("audit --role ams-server=10.0.0.5 --json - --csv - a.pcap", 2, "only one report");
        check("audit --role ams-server=10.0.0.5 --flows a.txt a.pcap", 2, ".csv or .jsonl");
    }

    #[test]
    fn stored_audits() {
        check("report findings.json", 1, "exit 1: 5 findings");
        check("report findings.json -q", 1, "exit 1: 5 findings");
        check("report clean.json", 0, "exit 0: nothing to report");
        check("report absent.json", 2, "cannot read absent.json");
        check("report findings.csv", 2, "not an audit");
        check("report findings.json --markdown absent/x.md", 2, "cannot write absent/x.md");
        check("report findings.json -q --json /dev/full", 2, "cannot write /dev/full");
        let same = check("report findings.json --json -", 1, "");
        assert_eq!(
            serde_json::from_slice::<serde_json::Value>(&same.stdout).unwrap(),
            serde_json::from_slice::<serde_json::Value>(&fs::read(format!("{GOLDEN}/findings.json")).unwrap()).unwrap(),
        );
        let schema = check("report --schema", 0, "").stdout;
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&schema).unwrap()["$id"], "urn:flowaudit:audit:1");
    }

    #[test]
    fn colour_only_where_it_is_wanted() {
        let coloured = |words: &[&str], variable: Option<&str>| {
            let mut command = flowaudit();
            command.args(["report", "findings.json"]).args(words);
            if let Some(variable) = variable {
                command.env(variable, "1");
            }
            text(&command.output().unwrap().stdout).contains('\x1b')
        };
        assert!(!coloured(&[], None), "a pipe has no colour");
        assert!(coloured(&["--color", "always"], None));
        assert!(coloured(&["--color", "always"], Some("NO_COLOR")), "an explicit wish wins");
        assert!(coloured(&[], Some("CLICOLOR_FORCE")));
        assert!(!coloured(&["--color", "never"], Some("CLICOLOR_FORCE")));
    }

    #[cfg(unix)]
    #[test]
    fn a_full_disk_and_a_closed_pipe() {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let status = flowaudit().args(["report", "findings.json"]).stdout(full).stderr(Stdio::null()).status().unwrap();
        assert_eq!(status.code(), Some(2));
        let mut child = flowaudit()
            .args(["report", "findings.json", "-v", "--json", "-"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    }

    #[test]
    fn unreadable_captures() {
        let room = tempfile::tempdir().unwrap();
        let at = |name: &str| room.path().join(name);
        fs::write(at("empty.pcap"), b"").unwrap();
        fs::write(at("garbage.pcap"), b"this is no capture at all, whatever its name says").unwrap();
        for (name, part) in
            [("absent.pcap", "cannot read"), ("empty.pcap", "cannot read"), ("garbage.pcap", "cannot read")]
        {
            let path = at(name);
            check(&format!("audit --role ams-server=10.0.0.5 {}", path.display()), 2, part);
        }
        check("audit --role ams-server=nonsense! x.pcap", 2, "--role ams-server");
        check("audit --role no-such-role=10.0.0.5 x.pcap", 2, "no-such-role");
        check("audit -s absent.toml x.pcap", 2, "absent.toml");
    }

    #[test]
    fn a_capture_that_breaks_off_is_read_and_said() {
        let room = tempfile::tempdir().unwrap();
        let path = room.path().join("cut.pcap");
        let mut capture = fs::File::create(&path).unwrap();
        capture
            .write_all(&[0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0])
            .unwrap();
        no_packets(&path);
        capture.write_all(&[1, 0, 0, 0, 0, 0, 0, 0, 60, 0, 0, 0, 60, 0, 0, 0, 1, 2, 3]).unwrap();
        let json = room.path().join("audit.json");
        let words = format!("audit --role ams-server=10.0.0.5 -q --json {} {}", json.display(), path.display());
        check(&words, 3, "exit 3");
        let audit: serde_json::Value = serde_json::from_slice(&fs::read(json).unwrap()).unwrap();
        assert!(audit["inputs"][0]["fault"].is_string(), "{audit}");
    }

    fn no_packets(path: &Path) {
        check(&format!("audit --role ams-server=10.0.0.5 {}", path.display()), 3, "exit 3");
    }

    #[test]
    fn packs() {
        assert!(text(&check("matrix list", 0, "").stdout).contains("windows-member"));
        assert!(text(&check("matrix show ams --form toml", 0, "").stdout).contains("[[row]]"));
        check("matrix show amz", 2, "amz");
        check("matrix check ams windows-member", 0, "");
        check("matrix check ../../Cargo.toml", 2, "exit 2");
    }
}
