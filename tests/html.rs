//! Stored audits in, their HTML pages held against what such a page promises: nothing alive in it
//! whatever names it shows, its own policy, a size, valid markup, and the same bytes each time.

#[cfg(test)]
mod pages {
    use std::fs;
    use std::path::{Path, PathBuf};
    use std::process::Command;

    use data_encoding::BASE64;
    use flowaudit::audit::{Audit, EvidenceRef, Finding};
    use flowaudit::report::{escape, html};
    use serde_json::Value;
    use sha2::{Digest as _, Sha256};

    const LARGEST: usize = 5_000_000;

    /// What every name in `hostile.json` begins with.
    const HOSTILE: &str =
        "\u{1b}[2J\u{9b}31m=cmd()|'\u{202e}gpj.exe\u{2028}<script>alert(1)</script>[x](http://evil)\r\n@all";

    fn golden(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
    }

    fn audit(name: &str) -> Audit {
        serde_json::from_str(&fs::read_to_string(golden(name)).unwrap()).unwrap()
    }

    fn page(audit: &Audit) -> String {
        let mut written = Vec::new();
        html::write(&mut written, audit).unwrap();
        String::from_utf8(written).unwrap()
    }

    /// The names of all tags in order; text holds no `<`, so every one of them begins a tag.
    fn tags(page: &str) -> Vec<&str> {
        page.split('<').skip(1).filter_map(|rest| rest.split([' ', '>', '\n']).next()).collect()
    }

    /// What every page promises.
    fn check(audit: &Audit) -> String {
        let page = page(audit);
        assert!(page.len() < LARGEST, "{} bytes", page.len());
        let style = page.split_once("<style>").and_then(|(_, rest)| rest.split_once("</style>")).unwrap().0;
        let policy = format!("default-src 'none'; style-src 'sha256-{}'", BASE64.encode(&Sha256::digest(style)));
        assert!(page.contains(&format!("<meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">")));
        for tag in tags(&page) {
            assert!(!["script", "img", "link", "iframe", "object", "a", "base", "use"].contains(&tag), "{tag}");
        }
        for dead in [" style=", " href=", " src=", " onload=", "url(", "@import"] {
            assert!(!page.contains(dead), "{dead}");
        }
        assert!(!page.chars().any(|character| character != '\n' && escape::is_hostile(character)));
        assert_eq!(page.matches("<style>").count(), 1);
        assert_balanced(&page);
        page
    }

    /// Every element is closed in its turn, as XML wants it too; `meta` and the document type apart.
    fn assert_balanced(page: &str) {
        let mut open: Vec<&str> = Vec::new();
        for tag in page.split('<').skip(1).filter_map(|rest| rest.split('>').next()) {
            let name = tag.split([' ', '\n']).next().unwrap();
            match name.strip_prefix('/') {
                Some(closed) => assert_eq!(open.pop(), Some(closed), "{tag}"),
                None if tag.ends_with('/') || ["meta", "!DOCTYPE"].contains(&name) => {}
                None => open.push(name),
            }
        }
        assert!(open.is_empty(), "{open:?}");
    }

    /// `value` with the hostile beginning of every string replaced.
    fn tamed(value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(text.replace(HOSTILE, "harmless ")),
            Value::Array(items) => items.into_iter().map(tamed).collect(),
            Value::Object(map) => {
                map.into_iter().map(|(key, value)| (key.replace(HOSTILE, "harmless "), tamed(value))).collect()
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => value,
        }
    }

    #[test]
    fn hostile_names_change_no_element() {
        let text = fs::read_to_string(golden("hostile.json")).unwrap();
        let harmless: Audit = serde_json::from_value(tamed(serde_json::from_str(&text).unwrap())).unwrap();
        let (hostile, harmless) = (check(&audit("hostile.json")), check(&harmless));
        assert!(hostile.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "the names are shown");
        assert!(harmless.contains("harmless AMS-07"));
        assert_eq!(tags(&hostile), tags(&harmless));
    }

    #[test]
    fn the_page_says_what_the_audit_holds() {
        let audit = audit("findings.json");
        let page = check(&audit);
        for row in &audit.rows {
            assert!(page.contains(&escape::html(&row.reason)), "{}", row.id);
        }
        for finding in &audit.findings {
            assert!(page.contains(&escape::html(&finding.detail)) && page.contains(&finding.id), "{}", finding.id);
        }
        let order =
            ["answer", "map", "times", "rows", "findings", "waivers", "names", "quality", "inputs", "matrix", "again"];
        let places: Vec<usize> = order.iter().map(|id| page.find(&format!("<h2 id=\"{id}\"")).unwrap()).collect();
        assert!(places.is_sorted(), "{places:?}");
        for part in [
            "<caption>",
            "<desc ",
            "scope=\"col\"",
            "lang=\"en\"",
            "prefers-color-scheme",
            "@page",
            &audit.inputs[0].sha256,
        ] {
            assert!(page.contains(part), "{part}");
        }
        assert_eq!(page, check(&audit), "the same bytes each time");
        check(&self::audit("clean.json"));
    }

    #[test]
    fn a_flood_of_findings_stays_small() {
        let mut flood = audit("findings.json");
        let of_one = |number: u32| Finding {
            id: format!("F-{number:08x}"),
            kind: "unexpected".to_owned(),
            severity: "medium".to_owned(),
            rows: vec!["AMS-05".to_owned()],
            summary: format!("Unexpected 10.77.10.5 -> 198.51.{}.{} tcp/389", number >> 8 & 255, number & 255),
            detail: HOSTILE.to_owned(),
            flows: 1,
            packets: 3,
            first: None,
            last: None,
            evidence: vec![EvidenceRef { file: HOSTILE.to_owned(), frame: 7 }],
        };
        flood.findings = (0..300_000).map(of_one).collect();
        for finding in flood.findings.iter_mut().take(600) {
            finding.detail = HOSTILE.repeat(40);
            finding.evidence = (1..9).map(|frame| EvidenceRef { file: HOSTILE.repeat(40), frame }).collect();
        }
        let page = check(&flood);
        assert!(page.contains("299,") && page.contains("left out to keep this page small"));
        let mut wide = audit("hostile.json");
        let row = wide.rows.iter().find(|row| row.atoms.iter().any(|atom| !atom.peers.is_empty())).unwrap().clone();
        let mut atom = row.atoms.iter().find(|atom| !atom.peers.is_empty()).unwrap().clone();
        atom.service = HOSTILE.repeat(12);
        atom.peers = vec![atom.peers[0].clone(); 8];
        atom.peers.iter_mut().for_each(|peer| peer.peer = HOSTILE.repeat(12));
        wide.rows = vec![row; 450];
        wide.rows.iter_mut().for_each(|row| row.atoms = vec![atom.clone(); 13]);
        wide.names = vec![wide.names[3].clone(); 500];
        wide.names.iter_mut().for_each(|entry| entry.contradictions = vec![HOSTILE.repeat(12); 4]);
        wide.ports = vec![wide.ports[0].clone(); 500];
        wide.ports.iter_mut().for_each(|entry| entry.contradictions = vec![HOSTILE.repeat(12); 4]);
        wide.inputs = vec![wide.inputs[0].clone(); 500];
        wide.quality.gaps = vec![HOSTILE.repeat(12); 500];
        check(&wide);
    }

    #[test]
    fn tidy_has_nothing_to_say() {
        if Command::new("tidy").arg("--version").output().is_err() {
            return;
        }
        let room = tempfile::tempdir().unwrap();
        for name in ["findings.json", "clean.json", "hostile.json"] {
            let path = room.path().join("page.html");
            fs::write(&path, page(&audit(name))).unwrap();
            let said = Command::new("tidy").args(["-quiet", "-errors"]).arg(&path).output().unwrap();
            assert!(said.status.success(), "{name}: {}", String::from_utf8_lossy(&said.stderr));
        }
    }

    fn flowaudit(words: &str) -> Vec<u8> {
        let program = env!("CARGO_BIN_EXE_flowaudit");
        let root = env!("CARGO_MANIFEST_DIR");
        let output = Command::new(program).current_dir(root).args(words.split_whitespace()).output().unwrap();
        assert!(matches!(output.status.code(), Some(0 | 1)), "{words}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }

    #[test]
    fn a_stored_audit_makes_the_same_page() {
        let room = tempfile::tempdir().unwrap();
        let (json, direct) = (room.path().join("audit.json"), room.path().join("page.html"));
        flowaudit(&format!(
            "audit fixtures/d-blocked.pcap --site fixtures/site.toml -q --json {} --html {}",
            json.display(),
            direct.display()
        ));
        let stored = flowaudit(&format!("report {} --html -", json.display()));
        assert!(stored == fs::read(direct).unwrap(), "report and audit write different pages");
        assert_eq!(stored, page(&serde_json::from_slice(&fs::read(json).unwrap()).unwrap()).into_bytes());
    }

    #[test]
    fn a_matrix_is_drawn() {
        for (words, part) in [
            ("matrix draw", "AMS-13"),
            ("matrix draw ams-v2", "<svg"),
            ("matrix draw -s fixtures/site.toml", "not-observable"),
            ("matrix draw ams -s fixtures/site.toml", "10.77.10.5"),
        ] {
            let svg = String::from_utf8(flowaudit(words)).unwrap();
            assert!(svg.starts_with("<svg ") && svg.contains(part), "{words}: {svg}");
            assert_balanced(&svg);
        }
    }
}
