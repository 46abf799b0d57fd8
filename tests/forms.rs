//! Audits in, the forms for other programs out: the same bytes from `report` as from `audit`, every
//! name inert, every status where a pipeline expects it. `.ci/validate` holds the same forms against
//! validators that others wrote.

#[cfg(test)]
mod forms {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;
    use std::process::Command;

    use flowaudit::audit::Audit;
    use flowaudit::report::{escape, junit, oscal, sarif};
    use serde_json::Value;

    const ROOT: &str = env!("CARGO_MANIFEST_DIR");
    const FORMS: &[&str] = &["json", "csv", "markdown", "junit", "sarif", "oscal"];

    fn flowaudit(words: &[&str], room: &Path) -> (Option<i32>, Vec<u8>) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flowaudit"));
        command.current_dir(ROOT).args(words).args(["--width", "100", "--color", "always"]);
        for form in FORMS {
            command.arg(format!("--{form}")).arg(room.join(form));
        }
        let output = command.output().unwrap();
        (output.status.code(), output.stdout)
    }

    fn golden(name: &str) -> Audit {
        serde_json::from_str(&fs::read_to_string(format!("{ROOT}/tests/golden/{name}.json")).unwrap()).unwrap()
    }

    type Writer = fn(&mut dyn std::io::Write, &Audit) -> std::io::Result<()>;

    fn written(writer: Writer, audit: &Audit) -> String {
        let mut bytes = Vec::new();
        writer(&mut bytes, audit).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_stored_audit_gives_the_bytes_that_the_audit_gave() {
        for fixture in ["a-clean", "d-blocked", "e-violations"] {
            let (first, again) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            let capture = format!("fixtures/{fixture}.pcap");
            let (code, page) = flowaudit(&["audit", &capture, "--site", "fixtures/site.toml"], first.path());
            assert!(matches!(code, Some(0 | 1)), "{fixture}: {code:?}");
            let stored = first.path().join("json");
            assert_eq!(flowaudit(&["report", stored.to_str().unwrap()], again.path()), (code, page), "{fixture}");
            for form in FORMS {
                let read = |room: &Path| fs::read(room.join(form)).unwrap();
                assert!(read(first.path()) == read(again.path()), "{fixture}: {form} differs");
            }
        }
    }

    #[test]
    fn hostile_names_are_inert() {
        let (hostile, harmless) = (golden("hostile"), golden("findings"));
        for writer in [junit::write as Writer, sarif::write, oscal::write] {
            let text = written(writer, &hostile);
            let live = text.chars().any(|character| character != '\n' && escape::is_hostile(character));
            assert!(!live, "{text}");
        }
        let tags = |audit: &Audit| -> BTreeSet<String> {
            let text = written(junit::write, audit);
            let name = |piece: &str| piece.split([' ', '>', '/']).next().unwrap_or_default().to_owned();
            text.split('<').skip(1).map(|piece| name(piece.trim_start_matches('/'))).collect()
        };
        assert!(tags(&hostile).is_subset(&tags(&harmless)), "{:?}", tags(&hostile));
        let log: Value = serde_json::from_str(&written(sarif::write, &hostile)).unwrap();
        for result in log["runs"][0]["results"].as_array().unwrap() {
            let message = result["message"]["text"].as_str().unwrap().replace("\\[", "").replace("{{", "");
            assert!(!message.contains(['[', '{']), "a link or a placeholder: {message}");
        }
    }

    /// The test case of `id` in the JUnit form of the findings fixture is `expected`.
    fn check(text: &str, id: &str, expected: &str) {
        let (_, case) = text.split_once(&format!("name=\"{id}")).unwrap_or_else(|| panic!("no case {id}"));
        let case = case.split("</testcase>").next().unwrap();
        let found = ["failure type", "skipped"].iter().find(|word| case.contains(&format!("<{word}")));
        assert_eq!(found.copied().unwrap_or("passed"), expected, "{id}: {case}");
    }

    #[test]
    fn a_status_is_a_test_result() {
        let text = written(junit::write, &golden("findings"));
        for (id, expected) in [
            ("AMS-01", "skipped"),
            ("AMS-03", "passed"),
            ("AMS-05", "failure type"),
            ("AMS-07", "failure type"),
            ("AMS-09", "passed"),
            ("AMS-10", "failure type"),
            ("AMS-11", "failure type"),
            ("AMS-13", "skipped"),
            ("F-", "failure type"),
            ("complete", "skipped"),
        ] {
            check(&text, id, expected);
        }
    }

    #[test]
    fn a_finding_keeps_its_fingerprint_and_its_frames() {
        let audit = golden("findings");
        let log: Value = serde_json::from_str(&written(sarif::write, &audit)).unwrap();
        let run = &log["runs"][0];
        let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
        for (finding, result) in audit.findings.iter().zip(run["results"].as_array().unwrap()) {
            assert_eq!(result["fingerprints"]["flowaudit/finding/1"], finding.id.as_str());
            let rule = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
            assert_eq!(rules[rule]["id"], result["ruleId"], "{}", finding.id);
            let frames =
                result["locations"].as_array().unwrap().iter().map(|place| place["properties"]["frame"].as_u64());
            let frames: Vec<u64> = frames.flatten().collect();
            assert_eq!(frames, finding.evidence.iter().map(|place| u64::from(place.frame)).collect::<Vec<_>>());
        }
        assert_eq!(run["results"].as_array().unwrap().len(), audit.findings.len());
    }

    /// Every `uuid` below `value`.
    fn uuids<'value>(value: &'value Value, found: &mut Vec<&'value str>) {
        if let Some(object) = value.as_object() {
            found.extend(object.get("uuid").and_then(Value::as_str));
            object.values().for_each(|value| uuids(value, found));
        }
        value.as_array().into_iter().flatten().for_each(|value| uuids(value, found));
    }

    #[test]
    fn identifiers_are_derived_and_unique() {
        let (one, mut other) = (golden("findings"), golden("findings"));
        other.rows[0].reason.push('.');
        let of = |audit: &Audit| -> Value { serde_json::from_str(&written(oscal::write, audit)).unwrap() };
        let (one, again, other) = (of(&one), of(&one), of(&other));
        assert_eq!(one, again);
        let mut all = Vec::new();
        uuids(&one, &mut all);
        assert_eq!(all.len(), all.iter().collect::<BTreeSet<_>>().len(), "an identifier stands twice");
        let part = |model: &Value, path: &str| model.pointer(path).unwrap().clone();
        let whole = "/assessment-results/uuid";
        assert_ne!(part(&one, whole), part(&other, whole), "another audit is another document");
        let finding = "/assessment-results/results/0/findings/0/uuid";
        assert_eq!(part(&one, finding), part(&other, finding), "the same finding keeps its identifier");
    }
}
