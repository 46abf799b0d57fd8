//! What the audit recommends, tried out: a rule that it offers is written into site and pack, and the
//! same capture is audited again; a firewall request says all that a firewall team asks.

#[cfg(test)]
mod next {
    use std::fs;
    use std::path::Path;
    use std::process::Command;

    use flowaudit::audit::{Audit, SmallestRule};

    const ROOT: &str = env!("CARGO_MANIFEST_DIR");

    fn audit(capture: &str, site: &Path, room: &Path) -> Audit {
        let (json, capture) = (room.join("audit.json"), format!("{ROOT}/fixtures/{capture}.pcap"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_flowaudit"));
        command.current_dir(room).args(["audit", &capture, "-q", "--site"]).arg(site).arg("--json").arg(&json);
        let output = command.output().unwrap();
        assert!(matches!(output.status.code(), Some(0 | 1)), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&fs::read(json).unwrap()).unwrap()
    }

    /// The site of the fixtures with the rule written in.
    fn with_rule(rule: &SmallestRule, room: &Path) -> std::path::PathBuf {
        let mut site = fs::read_to_string(format!("{ROOT}/fixtures/site.toml")).unwrap();
        for line in rule.site.lines().skip(1) {
            let key = line.split(' ').next().unwrap();
            let kept = site.lines().filter(|old| old.split(' ').next() != Some(key));
            site = kept.map(|line| format!("{line}\n")).collect::<String>();
            site = site.replace("[roles]\n", &format!("[roles]\n{line}\n"));
        }
        if !rule.pack.is_empty() {
            let head = "[pack]\nid = \"local\"\ntitle = \"Local rules\"\nversion = \"1\"\n\n";
            fs::write(room.join("local.toml"), format!("{head}{}", rule.pack)).unwrap();
            let pack = room.join("local.toml").to_str().unwrap().to_owned();
            site = site.replace("packs = [\"ams\"]", &format!("packs = [\"ams\", \"{pack}\"]"));
        }
        let path = room.join("site.toml");
        fs::write(&path, site).unwrap();
        path
    }

    #[test]
    fn a_rule_documents_what_it_was_written_for() {
        let room = tempfile::tempdir().unwrap();
        let plain = format!("{ROOT}/fixtures/site.toml");
        let before = audit("e-violations", Path::new(&plain), room.path());
        let mut tried = 0;
        for (finding, step) in before.next.iter().map(|step| (&step.finding, step)) {
            let Some(rule) = &step.rule else { continue };
            let after = audit("e-violations", &with_rule(rule, room.path()), room.path());
            let told = before.findings.iter().find(|known| known.id == *finding).unwrap();
            let open = after.findings.iter().any(|known| known.summary == told.summary);
            assert!(!open, "{}\n{rule:#?}", told.summary);
            tried += 1;
        }
        assert!(tried >= 8, "{tried} rules");
    }

    /// The request for `row` in d-blocked holds every one of `parts`.
    fn check(before: &Audit, row: &str, parts: &[&str]) {
        let step = before.next.iter().find(|step| step.request.as_ref().is_some_and(|request| request.row == row));
        let step = step.unwrap_or_else(|| panic!("no request for {row}"));
        let request = format!("{:?}", step.request);
        for part in parts {
            assert!(request.contains(part) && step.text.contains(part), "{row}: {part}: {step:#?}");
        }
    }

    #[test]
    fn a_request_says_all_that_a_firewall_team_asks() {
        let room = tempfile::tempdir().unwrap();
        let audit = audit("d-blocked", Path::new(&format!("{ROOT}/fixtures/site.toml")), room.path());
        let reference = "https://docs.lithnet.io/";
        check(
            &audit,
            "AMS-05",
            &["10.77.10.5", "10.77.10.11", "tcp/389", "drops it, or 10.77.10.11 is down", reference],
        );
        check(&audit, "AMS-06", &["10.77.10.11", "tcp/3268", "the service on 10.77.10.11 is down", reference]);
        check(&audit, "AMS-08", &["10.77.10.53", "udp/53", "10.77.10.53 says so itself", reference]);
        check(&audit, "AMS-09", &["10.77.40.20", "tcp/1433", "10.77.10.1 says so, a router", reference]);
    }
    #[test]
    fn a_missing_row_says_what_to_try() {
        let room = tempfile::tempdir().unwrap();
        let site = fs::read_to_string(format!("{ROOT}/fixtures/site.toml")).unwrap();
        let path = room.path().join("site.toml");
        // Nobody in this capture speaks to these.
        fs::write(&path, site.replace("\"10.77.40.20\"", "\"10.77.40.99\"")).unwrap();
        let audit = audit("a-clean", &path, room.path());
        let missing = audit.findings.iter().find(|finding| finding.kind == "missing").unwrap();
        let step = audit.next.iter().find(|step| step.finding == missing.id).unwrap();
        assert!(step.text.contains("try `nc -vz 10.77.40.99 1433` on 10.77.10.5"), "{step:?}");
    }

    /// Addresses that follow each other are one range to the matrix, and hosts to the site.
    #[test]
    fn a_missing_row_whose_hosts_are_neighbours_says_what_to_try() {
        let room = tempfile::tempdir().unwrap();
        let site = fs::read_to_string(format!("{ROOT}/fixtures/site.toml")).unwrap();
        let path = room.path().join("site.toml");
        let neighbours = "\"10.77.40.98\", \"10.77.40.99\"";
        fs::write(&path, site.replace("\"10.77.40.20\"", neighbours)).unwrap();
        let audit = audit("a-clean", &path, room.path());
        let tried = audit.next.iter().filter(|step| step.text.contains("try `nc -vz 10.77.40.98 1433` on 10.77.10.5"));
        assert_eq!(tried.count(), 1, "{:?}", audit.next);
    }
}
