//! `matrix explain` through the built program: which cell is said to differ, and which change is said
//! to allow a flow, with what else it would let through.
#![forbid(unsafe_code)]

#[cfg(test)]
mod program {
    use std::process::{Command, Output, Stdio};

    const ROOT: &str = env!("CARGO_MANIFEST_DIR");

    fn ran(words: &[&str], code: i32) -> Output {
        let mut program = Command::new(env!("CARGO_BIN_EXE_flowaudit"));
        let output = program.current_dir(ROOT).args(words).stdin(Stdio::null()).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
        output
    }

    fn explained(words: &[&str]) -> serde_json::Value {
        let all = [&["matrix", "explain", "-s", "fixtures/site.toml", "--json"], words].concat();
        serde_json::from_slice(&ran(&all, 0).stdout).unwrap()
    }

    /// The verdict, the nearest row with the cells that differ, and the first change.
    fn check(flow: &str, verdict: &str, nearest: &str, change: &str) {
        let found = explained(&[flow]);
        let row = &found["rows"][0];
        let cells = row["cells"].as_array().unwrap().iter().filter(|cell| cell["fits"] == false);
        let differing: Vec<&str> = cells.filter_map(|cell| cell["cell"].as_str()).collect();
        let row = format!("{} {}", row["row"].as_str().unwrap(), differing.join(" "));
        assert_eq!(found["verdict"], verdict, "{flow}: {found:#}");
        assert_eq!(row.trim(), nearest, "{flow}: {found:#}");
        assert_eq!(found["changes"][0]["what"].as_str().unwrap_or_default(), change, "{flow}: {found:#}");
    }

    #[test]
    fn the_cell_that_differs_and_the_change_that_mends_it() {
        check("tcp 10.77.10.5:50000 -> 10.77.10.11:389 ldap", "expected", "AMS-05", "");
        check(
            "tcp 10.77.10.5:50000 -> 10.77.50.66:389",
            "unexpected",
            "AMS-05 destination",
            "list 10.77.50.66 under domain-controllers",
        );
        check(
            "tcp 10.77.50.66:50000 -> 10.77.10.5:443",
            "unexpected",
            "AMS-11 source",
            "list 10.77.50.66 under agents",
        );
        check(
            "tcp 10.77.10.5:50000 -> 10.77.40.20:1444",
            "unexpected",
            "AMS-09 port",
            "say that sql-port is 1444 here",
        );
        check(
            "tcp 10.77.10.5:50000 -> 10.77.10.11:389 ssh",
            "mismatched",
            "AMS-05 application",
            "document it: a row of a pack of your own (local.toml), ams-server to domain-controllers, ssh tcp/389",
        );
        check(
            "tcp 10.77.10.5:50000 -> 10.77.200.11:443 https graph.microsoft.com",
            "unresolved",
            "AMS-02 evidence",
            "accept the name that the flow itself states, without a DNS answer",
        );
        check(
            "tcp 10.77.10.5:50000 -> 10.77.50.66:4444",
            "unexpected",
            "AMS-01 destination port",
            "document it: a row of a pack of your own (local.toml), ams-server to local-destination, any tcp/4444",
        );
    }

    /// A flow that the user supposes has no frame, and one that only a baseline could explain says by which role.
    #[test]
    fn a_flow_that_was_never_captured() {
        for flow in [
            "tcp 10.77.10.5:50000 -> 10.77.10.11:389 ssh",
            "tcp 10.77.10.5:50000 -> 10.77.200.11:443 https graph.microsoft.com",
            "tcp 10.77.10.5:50000 -> 10.77.200.11:443 https",
            "tcp 10.77.10.5:50000 -> 10.77.10.11:50000 ssh",
        ] {
            let found = explained(&[flow]);
            assert!(!found.to_string().contains("frame 0"), "{flow}: {found:#}");
        }
        check(
            "udp 10.77.10.5:123 -> 10.77.50.66:123 ntp",
            "unexpected",
            "WIN-12 destination",
            "list 10.77.50.66 under ntp-servers, which makes it baseline",
        );
        for flow in ["tcp fd77::1:5 -> fd77::2:389", "tcp 10.77.10.5 -> 10.77.10.11"] {
            let told = ran(&["matrix", "explain", flow, "-s", "fixtures/site.toml"], 2);
            let told = String::from_utf8_lossy(&told.stderr).into_owned();
            assert!(told.contains("in brackets") || told.contains("without the port"), "{told}");
        }
    }

    #[test]
    fn a_feature_that_is_off() {
        let room = tempfile::tempdir().unwrap();
        let site = room.path().join("site.toml");
        let text = "[roles]\nams-server = [\"10.0.0.5\"]\nsql-server = [\"10.0.0.9\"]\n";
        std::fs::write(&site, text).unwrap();
        let words = ["matrix", "explain", "tcp 10.0.0.5:50000 -> 10.0.0.9:1433", "-s", site.to_str().unwrap()];
        let told = String::from_utf8(ran(&words, 0).stdout).unwrap();
        for part in ["feature     DIFFERS  external-sql is off", "1. switch on external-sql", "No other flow becomes"] {
            assert!(told.contains(part), "{part}\n{told}");
        }
    }

    #[test]
    fn a_flow_of_a_capture_and_what_else_its_change_lets_through() {
        let capture = "fixtures/e-violations.pcap";
        let room = tempfile::tempdir().unwrap();
        let log = room.path().join("flows.csv");
        let log = log.to_str().unwrap();
        ran(&["audit", "-q", "-s", "fixtures/site.toml", "--flows", log, capture], 1);
        let flows: Vec<Vec<String>> = csv::Reader::from_path(log)
            .unwrap()
            .records()
            .map(|record| record.unwrap().iter().map(str::to_owned).collect())
            .collect();
        let scan = flows.iter().find(|cells| cells[4] == "10.77.50.66" && cells[7] == "443").unwrap();
        let found = explained(&["--flow", &scan[0], capture]);
        assert_eq!(found["verdict"], "unexpected");
        assert!(found["flow"].as_str().unwrap().starts_with("tcp 10.77.50.66:"), "{found:#}");
        assert_eq!(found["changes"][0]["what"], "list 10.77.50.66 under agents");
        let others = found["changes"][0]["others"].as_u64().unwrap();
        let same =
            flows.iter().filter(|cells| cells[4] == "10.77.50.66" && cells[7] == "443" && cells[18] != "expected");
        assert_eq!(others, same.count() as u64 - 1, "{found:#}");
    }

    #[test]
    fn what_is_no_flow() {
        let site = ["-s", "fixtures/site.toml"];
        ran(&[&["matrix", "explain", "nonsense"], site.as_slice()].concat(), 2);
        ran(&[&["matrix", "explain", "--flow", "999999", "fixtures/d-blocked.pcap"], site.as_slice()].concat(), 2);
        ran(&["matrix", "explain", "tcp 10.0.0.1:1 -> 10.0.0.2:2"], 2);
    }
}
