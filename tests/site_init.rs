//! The guessed site, through the built program: what it finds in a clean capture of the lab, that
//! no audit takes it unread, and that even uncorrected it lets none of the lab's violations pass.
#![forbid(unsafe_code)]

#[path = "support/shared.rs"]
mod shared;

#[cfg(test)]
mod program {
    use super::shared;
    use std::collections::{BTreeMap, BTreeSet};
    use std::path::{Path, PathBuf};
    use std::process::{Command, Output, Stdio};

    use flowaudit::matrix::Site;

    /// Role and the players that count. The provider goes by a name, which is only offered.
    const ROLES: &[(&str, &[&str])] = &[
        ("ams-server", &["10.77.10.5"]),
        ("domain-controllers", &["10.77.10.11", "10.77.10.12"]),
        ("global-catalogs", &["10.77.10.11", "10.77.10.12"]),
        ("dns-servers", &["10.77.10.11", "10.77.10.12"]),
        ("sql-server", &["10.77.40.20"]),
        ("jit-targets", &["10.77.10.31", "10.77.30.132"]),
        ("agents", &["10.77.20.0/24"]),
        ("web-users", &["10.77.30.0/24"]),
    ];
    const FEATURES: &[&str] = &["entra", "external-sql", "jit", "agents", "web-app"];
    /// Kinds of violation that become expected with the guessed site, with the reason. None does.
    const EXCEPTIONS: &[(&str, &str)] = &[];

    #[test]
    fn the_roles_of_the_lab_are_found_and_its_violations_stay() {
        let Some(lab) = lab() else { return };
        let room = tempfile::tempdir().unwrap();
        let draft = room.path().join("draft.toml");
        ran(&["site", "init", &text(&lab.join("a-clean.pcap")), "-o", &text(&draft)], 0, "read it");
        let guessed = std::fs::read_to_string(&draft).unwrap();
        let read = Site::parse("draft.toml", &guessed).unwrap();
        let roles = read.roles.iter().map(|role| {
            let players: Vec<String> = role.players.iter().map(ToString::to_string).collect();
            format!("{}: {}", role.id.text, players.join(" "))
        });
        let expected = ROLES.iter().map(|(role, players)| format!("{role}: {}", players.join(" ")));
        let sorted = |lines: Vec<String>| lines.into_iter().collect::<BTreeSet<_>>();
        assert_eq!(sorted(roles.collect()), sorted(expected.collect()), "{guessed}");
        let on: BTreeSet<&str> = read.features.iter().filter(|(_, on)| *on).map(|(id, _)| id.text.as_str()).collect();
        assert_eq!(on, BTreeSet::from_iter(FEATURES.iter().copied()), "{guessed}");
        assert!(guessed.contains("#     \"sts.lab-idp.test\", "), "{guessed}");
        ran(&["audit", "-s", &text(&draft), "absent.pcap"], 2, "draft = true");
        ran(&["site", "check", &text(&draft)], 0, "draft");
        // A draft may be made anew; a site that somebody corrected is not overwritten.
        ran(&["site", "init", &text(&lab.join("a-clean.pcap")), "-o", &text(&draft)], 0, "read it");
        let corrected = room.path().join("corrected.toml");
        for text_there in [guessed.replace("draft = true", ""), "something else".to_owned()] {
            std::fs::write(&corrected, &text_there).unwrap();
            ran(&["site", "init", &text(&lab.join("a-clean.pcap")), "-o", &text(&corrected)], 2, "no draft");
            assert_eq!(std::fs::read_to_string(&corrected).unwrap(), text_there);
        }
        let site = room.path().join("site.toml");
        std::fs::write(&site, guessed.replace("draft = true", "")).unwrap();
        violations_stay(&lab, &site, &room.path().join("flows.csv"));
    }

    /// The flows that the lab meant as violations, by their ends, and what the audit calls them.
    fn violations_stay(lab: &Path, site: &Path, flows: &Path) {
        let capture = text(&lab.join("e-violations.pcap"));
        ran(&["audit", "-q", "-s", &text(site), "--flows", &text(flows), &capture], 1, "exit 1");
        let cell = |row: &BTreeMap<String, String>, column: &str| row.get(column).cloned().unwrap_or_default();
        let ends =
            |row: &BTreeMap<String, String>, columns: [&str; 5]| columns.map(|column| cell(row, column)).join(" ");
        let mut verdicts: BTreeMap<String, String> = BTreeMap::new();
        for row in csv_rows(flows) {
            let key = ["transport", "originator", "originator_port", "responder", "responder_port"];
            verdicts.insert(ends(&row, key), cell(&row, "verdict"));
        }
        let mut seen = 0;
        for row in csv_rows(&lab.join("e-violations.flows.csv")) {
            if cell(&row, "file") != "e-violations.pcap" || cell(&row, "verdict") != "violation" {
                continue;
            }
            let key = ends(&row, ["proto", "client_ip", "client_port", "server_ip", "server_port"]);
            let kind = cell(&row, "kind");
            let Some(verdict) = verdicts.get(&key) else { continue };
            seen += 1;
            let excepted = EXCEPTIONS.iter().any(|(known, _)| *known == kind);
            assert!(verdict != "expected" || excepted, "{key}: {kind} is {verdict}");
        }
        assert!(seen > 20, "only {seen} violations were found again");
    }

    /// What real captures say of themselves: interface, the way of their packets, the root of a directory.
    const EVIDENCE: &[(&str, &[&str])] = &[
        (
            "format/pcapplusplus-pcapng-example.pcapng",
            &["\"130.217.250.13\",    # the capture marks what it sent as outbound, first in frame 61"],
        ),
        (
            "link/pcapplusplus-sll.pcap",
            &["\"10.0.0.8\",          # the capture marks what it sent as outbound, first in frame 3"],
        ),
        (
            "link/suricata-decode-sll2-01.pcap",
            &["\"192.168.1.253\",     # the capture marks what it sent as outbound, first in frame 1"],
        ),
        (
            "matrix/otrf-metasploit-logonpasswords-lsass-memory-dump.pcapng",
            &[
                "\"192.168.1.41\",      # the capture marks what it sent as outbound, first in frame 1",
                "says at the root of its directory that it is dc01.pandalab.com (frame 150)",
                "answered a domain controller ping as dc01.pandalab.com, a global catalog (frame 3465)",
            ],
        ),
        (
            "matrix/otrf-purplesharp-ad-playbook-i.cap",
            &["\"172.18.39.5\",       # its network card 00:22:48:1d:f7:04 is at one end of every frame of its \
               interface that opens a connection, first in frame 3"],
        ),
        (
            "matrix/samr-sharphound-domain-z.pcapng",
            &["\"192.168.12.11\",     # says at the root of its directory that it is zdc1.domain-z.local (frame 5)"],
        ),
    ];

    #[test]
    fn each_guess_shows_what_the_capture_says() {
        let Some(captures) = shared::folder("captures") else { return };
        for (file, parts) in EVIDENCE {
            let ran = ran(&["site", "init", &text(&captures.join(file))], 0, "read it");
            let guessed = String::from_utf8_lossy(&ran.stdout).into_owned();
            // What cannot be broken is the name of the capture, which is as long as the reader's folders are deep.
            assert!(guessed.lines().all(|line| line.len() <= 100 || line.contains(file)), "{file}\n{guessed}");
            let guessed = unwrapped(&guessed);
            for part in *parts {
                assert!(guessed.contains(part), "{file}: {part}\n{guessed}");
            }
        }
    }

    /// Comments that go on below themselves, in one line each.
    fn unwrapped(site: &str) -> String {
        let goes_on = |line: &str| {
            line.trim_start_matches('#')
                .strip_prefix("     ")
                .and_then(|rest| rest.trim_start().strip_prefix("# "))
                .map(str::to_owned)
        };
        site.lines().fold(String::new(), |text, line| match goes_on(line) {
            Some(rest) => format!("{text} {rest}"),
            None => format!("{text}\n{line}"),
        })
    }

    /// A mirror of three ports shows three hosts, each at one end of all on its own: the rows tell which is meant.
    #[test]
    fn a_mirror_shows_whom_the_rows_mean() {
        let Some(lab) = lab() else { return };
        for name in ["a-clean-span.pcapng", "e-violations-span.pcapng", "f-midstream-span.pcapng"] {
            let ran = ran(&["site", "init", &text(&lab.join(name))], 0, "read it");
            let guessed = String::from_utf8_lossy(&ran.stdout).into_owned();
            let own = guessed.split("ams-server = [").nth(1).and_then(|rest| rest.split(']').next()).unwrap();
            let players: Vec<&str> = own.lines().filter_map(|line| line.trim().split('"').nth(1)).collect();
            assert!(
                players.contains(&"10.77.10.5") && players.iter().all(|one| ["10.77.10.5", "fd77:10::5"].contains(one)),
                "{own}"
            );
        }
    }

    #[test]
    fn what_cannot_be_told_is_said() {
        let Some(lab) = lab() else { return };
        let capture = text(&lab.join("a-clean.pcap"));
        ran(&["site", "init", "absent.pcap"], 2, "cannot read");
        ran(&["site", "init", "--pack", "amz", &capture], 2, "amz");
        ran(&["site", "init", "--role", "sql-server=10.0.0.1", &capture], 2, "only the role under audit (ams-server)");
        ran(&["site", "init", "--role", "ams-server=x", &capture], 2, "x is no address");
        ran(&["audit", &capture], 2, "flowaudit site init CAPTURE > site.toml");
        let given = ran(&["site", "init", "--role", "ams-server=10.77.10.11", &capture], 0, "read it");
        assert!(String::from_utf8_lossy(&given.stdout).contains("vantage = \"mirror\""));
    }

    #[test]
    fn a_check_tells_what_an_audit_would_lack() {
        let room = tempfile::tempdir().unwrap();
        let site = room.path().join("site.toml");
        std::fs::write(&site, "[roles]\nams-server = [\"10.0.0.5\"]\n[features]\njit = true\n").unwrap();
        let told = String::from_utf8_lossy(&ran(&["site", "check", &text(&site)], 0, "").stdout).into_owned();
        for part in [
            "Roles that rows need and nobody plays",
            "domain-controllers (Active Directory domain controllers): AMS-05",
            "jit-targets (JIT target computers): AMS-10",
            "AMS-09: switch on external-sql",
        ] {
            assert!(told.contains(part), "{part}\n{told}");
        }
        ran(&["site", "check", "--pack", "absent.toml", &text(&site)], 2, "absent.toml");
    }

    /// The captures of the lab beside the repository; in continuous integration they have to be there.
    fn lab() -> Option<PathBuf> {
        let lab = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/lab/captures");
        assert!(lab.is_dir() || std::env::var_os("CI").is_none(), "the lab is absent");
        lab.is_dir().then_some(lab)
    }

    fn csv_rows(path: &Path) -> Vec<BTreeMap<String, String>> {
        csv::Reader::from_path(path).unwrap().deserialize().collect::<Result<_, _>>().unwrap()
    }

    fn text(path: &Path) -> String {
        PathBuf::from(path).to_string_lossy().into_owned()
    }

    fn ran(words: &[&str], code: i32, part: &str) -> Output {
        let mut program = Command::new(env!("CARGO_BIN_EXE_flowaudit"));
        let output = program.args(words).stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{words:?}: {said}");
        assert!(said.contains(part), "{words:?}: {said}");
        output
    }
}
