//! What a watch needs that runs for weeks: bounds, rotated reports, a new site at SIGHUP, and a command
//! for findings beside a confined process. Needs what `tests/live.rs` needs.
#![forbid(unsafe_code)]
#![cfg(all(feature = "live", target_os = "linux"))]

#[cfg(test)]
#[path = "support/cable.rs"]
mod cable;

#[cfg(test)]
mod long_running {
    use std::fs;
    use std::path::{Path, PathBuf};
    use std::process::Child;

    use flowaudit::capture::{Capture, Options};
    use serde_json::Value;

    use super::cable::{Cable, ROOT, signal, text, until};

    /// Ends the watch; what it said on standard error.
    fn end(watch: Child) -> String {
        signal(&watch, "INT");
        let output = watch.wait_with_output().unwrap();
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        said
    }

    /// Files that were rotated for `name.end`, in order.
    fn rotated(room: &Path, name: &str, end: &str) -> Vec<PathBuf> {
        let mut found: Vec<PathBuf> = fs::read_dir(room).unwrap().map(|entry| entry.unwrap().path()).collect();
        found.retain(|path| {
            let file = path.file_name().unwrap().to_string_lossy().into_owned();
            file.starts_with(&format!("{name}-2")) && file.ends_with(&format!("Z.{end}"))
        });
        found.sort();
        found
    }

    #[test]
    fn a_bounded_watch_counts_every_flow_and_logs_each_once() {
        let Some(cable) = Cable::lay() else { return };
        let (json, flows) = (cable.at("live.json"), cable.at("flows.jsonl"));
        let words = ["--site", "fixtures/site.toml", "-q", "--max-flows", "100", "--rotate", "2s"];
        let outputs = ["--json", json.to_str().unwrap(), "--flows", flows.to_str().unwrap()];
        let watch = cable.watch(&[&words[..], &outputs].concat());
        assert!(cable.replay(&["--loop=30", "--pps=3000"]).wait().unwrap().success());
        until("a rotated log", 20, || rotated(cable.room.path(), "flows", "jsonl").len() > 2);
        end(watch);
        let audit = cable.json("live.json");
        assert_eq!(audit["totals"]["packets"], 30 * 678);
        assert_eq!((&audit["quality"]["drops"], &audit["quality"]["folded"]), (&0.into(), &0.into()));
        let mut logs = rotated(cable.room.path(), "flows", "jsonl");
        logs.push(flows);
        let (mut lines, mut packets) = (0, 0);
        for log in &logs {
            let text = fs::read_to_string(log).unwrap();
            for (number, line) in (1u64..).zip(text.lines()) {
                let flow: Value = serde_json::from_str(line).unwrap();
                assert_eq!(flow["flow"], number, "{}", log.display());
                packets += flow["originator_packets"].as_u64().unwrap() + flow["responder_packets"].as_u64().unwrap();
                lines += 1;
            }
        }
        assert_eq!(audit["totals"]["flows"], lines, "{logs:?}");
        assert!(packets > 29 * 600, "{packets}");
        for report in rotated(cable.room.path(), "live", "json") {
            let report: Value = serde_json::from_slice(&fs::read(&report).unwrap()).unwrap();
            assert_eq!(report["schema"], "flowaudit/audit/1");
        }
    }

    #[test]
    fn as_many_are_kept_as_were_asked_for() {
        let Some(cable) = Cable::lay() else { return };
        let json = cable.at("live.json");
        let words = ["--site", "fixtures/site.toml", "-q", "--rotate", "1s", "--keep", "2", "--json"];
        let watch = cable.watch(&[&words[..], &[json.to_str().unwrap()]].concat());
        assert!(cable.replay(&["--multiplier=8"]).wait().unwrap().success());
        let mut seen = std::collections::BTreeSet::new();
        until("five rotations", 20, || {
            seen.extend(rotated(cable.room.path(), "live", "json"));
            seen.len() >= 5
        });
        end(watch);
        assert_eq!(rotated(cable.room.path(), "live", "json").len(), 2);
        assert!(json.exists());
    }

    #[test]
    fn a_hangup_reads_the_site_again() {
        let Some(cable) = Cable::lay() else { return };
        let (site, json) = (cable.at("site.toml"), cable.at("live.json"));
        let text = fs::read_to_string(Path::new(ROOT).join("fixtures/site.toml")).unwrap();
        fs::write(&site, &text).unwrap();
        let watch = cable.watch(&["--site", site.to_str().unwrap(), "-q", "--json", json.to_str().unwrap()]);
        assert!(cable.replay(&["--multiplier=8"]).wait().unwrap().success());
        let reloaded =
            || -> Vec<Value> { cable.events().into_iter().filter(|event| event["event"] == "reloaded").collect() };
        // As an editor writes: another file takes the name.
        let rename = |text: &str| {
            fs::write(cable.at("site.new"), text).unwrap();
            fs::rename(cable.at("site.new"), &site).unwrap();
            signal(&watch, "HUP");
        };
        rename(&text.replace("lab: corp.lab.test", "another name"));
        until("the new site", 20, || reloaded().len() == 1);
        rename("[site]\nname = 3\n");
        until("the fault", 20, || reloaded().len() == 2);
        let told = reloaded();
        assert_eq!((&told[0]["fault"], told[0]["sha256"] == told[1]["sha256"]), (&Value::Null, true), "{told:?}");
        assert!(told[1]["fault"].as_str().unwrap().contains("integer"), "{told:?}");
        let said = end(watch);
        assert!(said.contains("site.toml:2"), "{said}");
        let audit = cable.json("live.json");
        assert_eq!(audit["site"]["name"], "another name");
        assert_eq!(audit["site"]["sha256"], told[0]["sha256"]);
        assert!(audit["site"]["since"].as_str().unwrap().starts_with("20"), "{}", audit["site"]);
    }

    /// The value of a line of `/proc/PID/status`.
    fn status(process: &str, name: &str) -> String {
        let text = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
        let line = text.lines().find(|line| line.starts_with(&format!("{name}:"))).unwrap();
        line.split_whitespace().nth(1).unwrap().to_owned()
    }

    #[test]
    fn a_command_is_run_beside_a_confined_watch() {
        let Some(cable) = Cable::lay() else { return };
        let out = cable.at("found.jsonl");
        let hook = format!("sh -c 'cat >> {}'", out.display());
        let json = cable.at("live.json");
        let words = ["--site", "fixtures/site.toml", "--on-finding", &hook, "--json", json.to_str().unwrap()];
        let watch = cable.watch(&words);
        let process = watch.id().to_string();
        let runners = fs::read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap();
        let runner = runners.split_whitespace().next().expect("a process that runs the command").to_owned();
        // It says that it begins with the interface open, and confines itself then: before any packet comes.
        until("the sandbox", 20, || status(&process, "Seccomp") == "2");
        for (process, seccomp) in [(&process, "2"), (&runner, "0")] {
            assert_eq!(status(process, "Seccomp"), seccomp, "{process}");
            assert_eq!(status(process, "NoNewPrivs"), "1", "{process}");
            for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
                assert_eq!(status(process, set), "0000000000000000", "{process} {set}");
            }
        }
        assert!(cable.replay(&["--multiplier=8"]).wait().unwrap().success());
        until("a run", 20, || fs::read_to_string(&out).is_ok_and(|text| text.contains("\"finding\"")));
        let said = end(watch);
        assert!(said.contains("landlock abi") && said.contains("seccomp "), "{said}");
        assert!(!said.contains("not get through"), "{said}");
        until("the end of the runner", 20, || !Path::new(&format!("/proc/{runner}")).exists());
    }

    #[test]
    fn the_packets_behind_findings_are_saved() {
        let Some(cable) = Cable::lay() else { return };
        let (folder, json) = (cable.at("saved"), cable.at("live.json"));
        let words = ["--site", "fixtures/site.toml", "-q", "--save-files", "3", "--json", json.to_str().unwrap()];
        let watch = cable.watch(&[&words[..], &["--save", folder.to_str().unwrap()]].concat());
        assert!(cable.replay(&["--multiplier=8"]).wait().unwrap().success());
        let files = || -> Vec<PathBuf> {
            let mut files: Vec<PathBuf> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
            files.sort();
            files
        };
        until("saved packets", 20, || !files().is_empty());
        end(watch);
        let audit = cable.json("live.json");
        let saved = files();
        assert!((1..=3).contains(&saved.len()), "{saved:?}");
        for file in &saved {
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            let id = name.get(..10).unwrap();
            let found = audit["findings"].as_array().unwrap().iter().find(|finding| finding["id"] == id);
            // What no longer holds at the end was saved all the same.
            let Some(found) = found else { continue };
            let bytes = fs::read(file).unwrap();
            assert!(bytes.windows(10).any(|window| window == id.as_bytes()), "{name} says what it is for");
            let mut capture = Capture::open(&[file], &Options::default()).unwrap();
            let mut packets = 0u64;
            while capture.next().unwrap().is_some() {
                packets += 1;
            }
            // Packets that it quotes as evidence are there too.
            assert!(packets >= found["packets"].as_u64().unwrap().min(1), "{name}: {packets} of {found}");
        }
    }
}
