//! Two audits in, what changed between them out: tables over changed copies of a stored audit, and
//! the program over captures of the lab.

#[cfg(test)]
mod diff {
    use std::fs;
    use std::path::Path;
    use std::process::{Command, Output};

    use flowaudit::audit::{Audit, Diff, Fate, RowStatus};
    use flowaudit::report::escape;
    use flowaudit::report::terminal::{self, Detail, Look};
    use serde_json::Value;

    const ROOT: &str = env!("CARGO_MANIFEST_DIR");

    fn golden(name: &str) -> Audit {
        serde_json::from_str(&fs::read_to_string(format!("{ROOT}/tests/golden/{name}.json")).unwrap()).unwrap()
    }

    /// After `edit`, the later audit differs by these counts: new, changed, fixed, unseen, rows moved.
    fn check(what: &str, edit: impl Fn(&mut Audit), expected: [u64; 5]) {
        let (before, mut after) = (golden("findings"), golden("findings"));
        edit(&mut after);
        let diff = Diff::between(&before, &after);
        let rows = u64::try_from(diff.rows.len()).unwrap();
        let [new, changed, fixed, unseen] =
            [Fate::New, Fate::Changed, Fate::Fixed, Fate::Unseen].map(|change| diff.count(change));
        assert_eq!([new, changed, fixed, unseen, rows], expected, "{what}");
        assert_eq!(diff.same, expected == [0; 5], "{what}");
        let back = Diff::between(&after, &before);
        assert_eq!(back.rows.len(), diff.rows.len(), "{what}: rows move back");
        assert_eq!(back.count(Fate::New), fixed + unseen, "{what}: what is gone is new the other way");
    }

    fn turn(audit: &mut Audit, row: &str, status: RowStatus) {
        audit.rows.iter_mut().find(|known| known.id == row).unwrap().status = status;
    }

    fn drop_findings_of(audit: &mut Audit, row: &str) {
        audit.findings.retain(|finding| finding.rows != [row] || finding.kind == "unlisted peer");
    }

    #[test]
    fn what_changed() {
        check("nothing", |_| {}, [0; 5]);
        let kind = |audit: &mut Audit, id: &str, kind: &str| {
            let finding = audit.findings.iter_mut().find(|finding| finding.id == id).unwrap();
            kind.clone_into(&mut finding.kind);
            "F-00000000".clone_into(&mut finding.id);
        };
        let row = |audit: &Audit| audit.findings.iter().find(|finding| finding.kind == "blocked").unwrap().clone();
        let blocked = row(&golden("findings"));
        let id = blocked.rows[0].clone();
        check("other frames and counts", |audit| audit.findings[0].evidence.clear(), [0; 5]);
        check(
            "another cause",
            |audit| audit.findings[0].detail = "refused by a reset (frame 3)".into(),
            [0, 1, 0, 0, 0],
        );
        check(
            "a row works now",
            |audit| {
                turn(audit, &id, RowStatus::Confirmed);
                drop_findings_of(audit, &id);
            },
            [0, 0, 1, 0, 1],
        );
        check(
            "a row is no longer seen",
            |audit| {
                turn(audit, &id, RowStatus::NotYet);
                drop_findings_of(audit, &id);
            },
            [0, 0, 0, 1, 1],
        );
        check(
            "a row works in part now",
            |audit| {
                turn(audit, &id, RowStatus::Partial);
                kind(audit, &blocked.id, "partial");
            },
            [0, 1, 0, 0, 1],
        );
        check(
            "a row is gone",
            |audit| {
                audit.rows.retain(|row| row.id != id);
                drop_findings_of(audit, &id);
            },
            [0, 0, 0, 1, 1],
        );
        check(
            "a flow is gone, the evidence incomplete",
            |audit| {
                audit.findings.retain(|finding| finding.kind != "wrong name");
            },
            [0, 0, 0, 1, 0],
        );
        check(
            "a flow is gone",
            |audit| {
                audit.quality.complete = true;
                audit.findings.retain(|finding| finding.kind != "wrong name");
            },
            [0, 0, 1, 0, 0],
        );
        check(
            "a new flow",
            |audit| {
                let mut finding = audit.findings.last().unwrap().clone();
                "F-00000000".clone_into(&mut finding.id);
                audit.findings.push(finding);
            },
            [1, 0, 0, 0, 0],
        );
    }

    #[test]
    fn what_makes_two_audits_hard_to_compare_is_said() {
        let (before, mut after) = (golden("findings"), golden("findings"));
        after.packs[0].version = "9.9".into();
        after.site.vantage = "mirror".into();
        let notes = Diff::between(&before, &after).notes.join("\n");
        assert!(notes.contains("9.9") && notes.contains("mirror"), "{notes}");
        assert!(Diff::between(&before, &before).notes.is_empty());
    }

    #[test]
    fn hostile_names_are_inert_at_any_width() {
        let diff = Diff::between(&golden("clean"), &golden("hostile"));
        for width in [60, 80, 120] {
            let mut page = Vec::new();
            terminal::diff::write(&mut page, &diff, Look { width, colour: false, detail: Detail::Full }).unwrap();
            let page = String::from_utf8(page).unwrap();
            assert!(!page.chars().any(|character| character != '\n' && escape::is_hostile(character)), "{page}");
            assert!(page.lines().all(|line| unicode_width::UnicodeWidthStr::width(line) <= width), "{page}");
        }
        let mut page = Vec::new();
        flowaudit::report::diff::markdown(&mut page, &diff).unwrap();
        let page = String::from_utf8(page).unwrap();
        assert!(!page.contains('<') && !page.replace("\\]", "").contains("]("), "{page}");
    }

    fn flowaudit(words: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_flowaudit")).current_dir(ROOT).args(words).output().unwrap()
    }

    /// Runs `diff` on these paths; the exit code has to be `code`, and the error stream to hold `part`.
    fn run(words: &[&str], code: i32, part: &str) -> Output {
        let output = flowaudit(&[&["diff"], words].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{words:?}: {said}");
        assert!(said.contains(part), "{words:?}: {said}");
        output
    }

    fn audited(capture: &str, room: &Path) -> String {
        let json = room.join(format!("{capture}.json")).to_str().unwrap().to_owned();
        let capture = format!("fixtures/{capture}.pcap");
        flowaudit(&["audit", &capture, "--site", "fixtures/site.toml", "-q", "--json", &json]);
        json
    }

    #[test]
    fn the_program_compares_two_days() {
        let room = tempfile::tempdir().unwrap();
        let [blocked, clean] = ["d-blocked", "a-clean"].map(|capture| audited(capture, room.path()));
        let page = run(&[&blocked, &clean], 1, "exit 1: 4 fixed, 4 rows moved").stdout;
        let page = String::from_utf8(page).unwrap();
        assert!(page.contains("AMS-06  blocked → confirmed") && page.contains("Fixed  4"), "{page}");
        run(&[&clean, &blocked], 1, "exit 1: 4 new, 4 rows moved");
        run(&[&clean, &clean, "-q"], 0, "exit 0: nothing changed");
        let json = run(&[&blocked, &clean, "--json", "-"], 1, "").stdout;
        let change: Diff = serde_json::from_slice(&json).unwrap();
        assert_eq!((change.rows.len(), change.count(Fate::Fixed)), (4, 4));
        let markdown = run(&[&blocked, &clean, "--markdown", "-"], 1, "").stdout;
        assert!(String::from_utf8(markdown).unwrap().contains("| AMS-06 | blocked → confirmed |"));
        run(&[&blocked, "absent.json"], 2, "cannot read absent.json");
        run(&[&blocked, &clean, "--json", "-", "--markdown", "-"], 2, "only one form");
        run(&["-", "-"], 2, "only one audit");
        run(&[&blocked, &clean, "-q", "--json", "/dev/full"], 2, "cannot write /dev/full");
        let schema: Value = serde_json::from_slice(&run(&["--schema"], 0, "").stdout).unwrap();
        assert_eq!(schema["$id"], "urn:flowaudit:diff:1");
    }
}
