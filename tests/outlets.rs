//! Replayed captures in, what `flowaudit watch` tells the outside world out: syslog datagrams, runs of
//! the user's command, metrics and the journal. All traffic stays inside network namespaces that each
//! test makes and removes. Needs what `tests/live.rs` needs, and `promtool` (Debian: prometheus).
#![forbid(unsafe_code)]
#![cfg(all(feature = "live", target_os = "linux"))]

#[cfg(test)]
#[path = "support/cable.rs"]
mod cable;

#[cfg(test)]
#[path = "outlets/traced.rs"]
mod traced;

#[cfg(test)]
mod telling {
    use std::fs;
    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::UnixDatagram;
    use std::path::Path;
    use std::process::{Child, Command, Output, Stdio};
    use std::thread::sleep;
    use std::time::Duration;

    use serde_json::Value;

    use super::cable::{Cable, ROOT, signal, text, until};

    const SITE: [&str; 3] = ["--site", "fixtures/site.toml", "-q"];

    fn end(watch: Child) -> Output {
        signal(&watch, "INT");
        let output = watch.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
        output
    }

    /// The findings of the report that the watch wrote, by id.
    fn findings(cable: &Cable) -> Vec<String> {
        let audit = cable.json("live.json");
        let mut ids: Vec<String> =
            audit["findings"].as_array().unwrap().iter().map(|f| f["id"].as_str().unwrap().to_owned()).collect();
        ids.sort_unstable();
        ids
    }

    fn replayed(cable: &Cable, words: &[&str]) -> Child {
        let json = cable.at("live.json");
        let watch = cable.watch(&[&SITE[..], words, &["--json", json.to_str().unwrap()]].concat());
        assert!(cable.replay(&["--multiplier=8"]).wait().unwrap().success());
        watch
    }

    #[test]
    fn syslog_hears_of_each_finding_once() {
        let Some(cable) = Cable::lay() else { return };
        let path = cable.at("log");
        let daemon = UnixDatagram::bind(&path).unwrap();
        daemon.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let over = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let ended = std::sync::Arc::clone(&over);
        let daemon = std::thread::spawn(move || {
            // It begins to read late: what waits is not lost.
            sleep(Duration::from_millis(1500));
            let (mut heard, mut buffer) = (Vec::new(), [0; 4096]);
            loop {
                match daemon.recv(&mut buffer) {
                    Ok(length) => heard.push(text(&buffer[..length])),
                    Err(_) if ended.load(std::sync::atomic::Ordering::Relaxed) => return heard,
                    Err(_) => {}
                }
            }
        });
        end(replayed(&cable, &[&format!("--syslog={}", path.display())]));
        over.store(true, std::sync::atomic::Ordering::Relaxed);
        let heard = daemon.join().unwrap();
        let mut ids = Vec::new();
        for message in &heard {
            // RFC 5424: <priority>1 time host program process kind [data] text
            let words: Vec<&str> = message.splitn(8, ' ').collect();
            assert!(["<27>1", "<28>1", "<29>1"].contains(&words[0]), "{message}");
            assert!(words[1].ends_with('Z') && words[1].len() <= 27, "{message}");
            assert_eq!((words[3], words[5], words[6]), ("flowaudit", "finding", "[finding@32473"), "{message}");
            assert!(!message.contains('\n'), "{message}");
            ids.push(words[7].split('"').nth(1).unwrap().to_owned());
        }
        ids.sort_unstable();
        let distinct = ids.len();
        ids.dedup();
        assert_eq!(ids.len(), distinct, "each once: {heard:#?}");
        let missing: Vec<String> = findings(&cable).into_iter().filter(|id| !ids.contains(id)).collect();
        assert!(missing.is_empty(), "{missing:?} of {heard:#?}");
    }

    #[test]
    fn without_a_daemon_nothing_starts() {
        let Some(cable) = Cable::lay() else { return };
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &cable.receiver, env!("CARGO_BIN_EXE_flowaudit"), "watch", "-i", "veth0"]);
        let output = command.args(SITE).arg("--syslog=/no/daemon").current_dir(ROOT).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains("no daemon at /no/daemon"), "{}", text(&output.stderr));
    }

    #[test]
    fn the_command_gets_each_finding_as_json() {
        let Some(cable) = Cable::lay() else { return };
        let out = cable.at("found.jsonl");
        // The shell is the user's: without one nothing of this would be a redirection.
        let hook = format!("sh -c 'cat >> {}'", out.display());
        end(replayed(&cable, &["--on-finding", &hook]));
        let lines = fs::read_to_string(&out).unwrap();
        let mut ids = Vec::new();
        for line in lines.lines() {
            let finding: Value = serde_json::from_str(line).unwrap();
            assert_eq!((&finding["schema"], &finding["event"]), (&"flowaudit/event/1".into(), &"finding".into()));
            assert!(finding["summary"].is_string() && finding["evidence"].is_array(), "{finding}");
            ids.push(finding["id"].as_str().unwrap().to_owned());
        }
        let missing: Vec<String> = findings(&cable).into_iter().filter(|id| !ids.contains(id)).collect();
        assert!(missing.is_empty(), "{missing:?}: {lines}");
    }

    /// What the command could do: it is nobody in particular, also where the watch has to stay root for its reports,
    /// and nothing is open but its three streams; a socket of the watch would let it read packets, and send some.
    #[test]
    fn the_command_comes_by_no_right_and_no_socket() {
        let Some(cable) = Cable::lay() else { return };
        let (roots, out) = (cable.at("roots"), cable.at("open"));
        fs::create_dir(&roots).unwrap();
        fs::set_permissions(&roots, fs::Permissions::from_mode(0o700)).unwrap();
        let json = roots.join("live.json");
        let hook = format!("sh -c 'cat >/dev/null; (id -u; readlink /proc/$$/fd/*) >>{}'", out.display());
        let watch = cable.watch(&[&SITE[..], &["--on-finding", &hook, "--json", json.to_str().unwrap()]].concat());
        assert!(cable.replay(&["--multiplier=8"]).wait().unwrap().success());
        end(watch);
        assert!(json.is_file());
        let found = fs::read_to_string(&out).unwrap();
        let (users, open): (Vec<&str>, Vec<&str>) = found.lines().partition(|line| line.parse::<u32>().is_ok());
        assert!(!users.is_empty() && users.iter().all(|user| *user != "0"), "{found}");
        // Its three streams, and what the shell opens for this line.
        let own = |open: &&&str| open.starts_with("pipe:") || **open == "/dev/null" || **open == out.to_str().unwrap();
        assert!(open.iter().all(|open| own(&open)), "{found}");
        assert!(!found.contains("socket:"), "{found}");
    }

    /// What cannot be written is said before anything is watched.
    #[test]
    fn what_cannot_be_written_starts_no_watch() {
        let Some(cable) = Cable::lay() else { return };
        let journal = cable.at("journal.jsonl");
        let journal = journal.to_str().unwrap();
        let watch = cable.watch(&[&SITE[..], &["--journal", journal]].concat());
        let taken = format!("--journal {journal}: another watch writes it");
        for (words, said) in [
            (["--json", "/no/folder/live.json"], "cannot write /no/folder/live.json: No such file"),
            (["--flows", "/no/folder/f.csv"], "cannot write /no/folder/f.csv: No such file"),
            (["--metrics", "-"], "--metrics -: that is no stream"),
            (["--journal", journal], taken.as_str()),
        ] {
            let mut command = Command::new("ip");
            command.args(["netns", "exec", &cable.receiver, env!("CARGO_BIN_EXE_flowaudit"), "watch", "-i", "veth0"]);
            let output = command.args(SITE).args(["--for", "20s"]).args(words).current_dir(ROOT).output().unwrap();
            assert_eq!(output.status.code(), Some(2), "{words:?}");
            assert!(text(&output.stderr).contains(said), "{words:?}: {}", text(&output.stderr));
        }
        signal(&watch, "INT");
        watch.wait_with_output().unwrap();
        assert_eq!(verify(Path::new(journal)).0, Some(0));
    }

    /// What SIGHUP could not read again, the watch being who it is, is said at the start.
    #[test]
    fn a_site_that_only_root_reads_is_told() {
        let Some(cable) = Cable::lay() else { return };
        let site = cable.at("site.toml");
        fs::copy(Path::new(ROOT).join("fixtures/site.toml"), &site).unwrap();
        for (mode, told) in [(0o600, true), (0o644, false)] {
            fs::set_permissions(&site, fs::Permissions::from_mode(mode)).unwrap();
            let mut command = Command::new("ip");
            command.args(["netns", "exec", &cable.receiver, env!("CARGO_BIN_EXE_flowaudit"), "watch", "-i", "veth0"]);
            let output = command.args(["--for", "1s", "-q", "--site"]).arg(&site).current_dir(ROOT).output().unwrap();
            let said = text(&output.stderr);
            assert_eq!(said.contains("cannot be read again on SIGHUP"), told, "{mode:o}: {said}");
        }
    }

    #[test]
    fn a_slow_or_failing_command_costs_alerts_and_no_packets() {
        let Some(cable) = Cable::lay() else { return };
        for (hook, said) in [("sleep 1000", "sleep "), ("false", "ended with exit code 1")] {
            let _ = fs::remove_file(cable.at("events.jsonl"));
            let metrics = cable.at("hook.prom");
            let words = ["--on-finding", hook, "--metrics", metrics.to_str().unwrap()];
            let output = end(replayed(&cable, &words));
            let said_all = text(&output.stderr);
            assert!(said_all.contains(said) && said_all.contains("alerts did not get through"), "{said_all}");
            let audit = cable.json("live.json");
            assert_eq!(audit["quality"]["drops"], 0);
            assert_eq!(audit["totals"]["packets"], 678);
            let page = fs::read_to_string(&metrics).unwrap();
            let failed = page.lines().find(|l| l.contains("way=\"hook\",result=\"failed\"")).unwrap();
            assert_ne!(failed.split(' ').nth(1), Some("0"), "{page}");
        }
    }

    #[test]
    fn a_flood_is_told_as_one() {
        let Some(cable) = Cable::lay() else { return };
        let out = cable.at("found.jsonl");
        let hook = format!("sh -c 'cat >> {}'", out.display());
        end(replayed(&cable, &["--on-finding", &hook, "--flood", "1/1h"]));
        let told: Vec<Value> =
            fs::read_to_string(&out).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(told.len(), 2, "{told:#?}");
        let number = told.iter().find(|one| one["event"] == "flood").unwrap()["findings"].as_u64().unwrap();
        let events = cable.events();
        let all = findings(&cable).len() as u64;
        // One was told alone; the flood says how many there were beside it.
        let settled = events.iter().filter(|event| event["event"] == "settled").count() as u64;
        assert_eq!(number, all - 1 + settled, "{told:#?}");
    }

    #[test]
    fn a_finding_that_holds_is_told_again() {
        let Some(cable) = Cable::lay() else { return };
        let watch = replayed(&cable, &["--renew", "1s"]);
        let renewed = || cable.events().iter().filter(|event| event["event"] == "renewed").count();
        until("renewal", 10, || renewed() >= 2);
        end(watch);
    }

    /// The page, as promtool and as its own figures see it.
    fn check_page(page: &str, packets: u64) {
        assert!(page.contains(&format!("\nflowaudit_packets_total {packets}\n")), "{page}");
        assert!(page.contains("flowaudit_row_status{pack=\"ams\",row=\"AMS-05\",status=\""), "{page}");
        assert!(!page.contains("10.77.") && !page.contains("corp.example"), "{page}");
        let mut promtool = Command::new("promtool");
        promtool.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let promtool = promtool.spawn();
        let Ok(mut promtool) = promtool else {
            assert!(std::env::var_os("CI").is_none(), "promtool is missing");
            eprintln!("not tested: promtool is missing");
            return;
        };
        promtool.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
        let output = promtool.wait_with_output().unwrap();
        let said = text(&output.stdout) + &text(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{said}");
    }

    #[test]
    fn metrics_are_a_file_and_an_address() {
        let Some(cable) = Cable::lay() else { return };
        super::cable::run("ip", &format!("-n {} link set lo up", cable.receiver));
        let file = cable.at("flowaudit.prom");
        let words = ["--metrics", file.to_str().unwrap(), "--metrics-listen", "127.0.0.1:9477"];
        let watch = replayed(&cable, &words);
        let ask = || {
            let mut curl = Command::new("ip");
            curl.args(["netns", "exec", &cable.receiver, "curl", "-s", "http://127.0.0.1:9477/metrics"]);
            text(&curl.output().unwrap().stdout)
        };
        until("the figure", 10, || ask().contains("flowaudit_packets_total 678\n"));
        check_page(&ask(), 678);
        end(watch);
        check_page(&fs::read_to_string(&file).unwrap(), 678);
        let others = fs::read_dir(cable.room.path())
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().ends_with(".tmp"));
        assert_eq!(others.count(), 0);
    }

    fn verify(path: &Path) -> (Option<i32>, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_flowaudit")).arg("verify").arg(path).output().unwrap();
        (output.status.code(), text(&output.stdout) + &text(&output.stderr))
    }

    /// How often a watch is killed: 20 times, or as often as `FLOWAUDIT_KILLS` says.
    fn kills() -> u64 {
        std::env::var("FLOWAUDIT_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(20)
    }

    /// Kills a watch in each of `rounds`, at another moment each time.
    fn kill_again_and_again(cable: &Cable, rounds: impl Iterator<Item = u64>) {
        let (journal, json) = (cable.at("journal.jsonl"), cable.at("live.json"));
        let (page, prom) = (cable.at("live.html"), cable.at("live.prom"));
        let mut words =
            [&SITE[..], &["--journal", journal.to_str().unwrap(), "--json", json.to_str().unwrap()]].concat();
        words.extend(["--rotate", "1s", "--keep", "4", "--html", page.to_str().unwrap()]);
        words.extend(["--metrics", prom.to_str().unwrap()]);
        let mut lines = 0;
        for round in rounds {
            let _ = fs::remove_file(cable.at("events.jsonl"));
            let mut watch = cable.watch(&words);
            let mut replay = cable.replay(&["--multiplier=40"]);
            // Anywhere between the first packet and the last.
            sleep(Duration::from_millis(round * 7919 % 700));
            signal(&watch, "KILL");
            watch.wait().unwrap();
            let _ = replay.kill();
            replay.wait().unwrap();
            let (code, said) = verify(&journal);
            assert_eq!(code, Some(0), "round {round}: {said}");
            let now = fs::read_to_string(&journal).unwrap().lines().count();
            assert!(now > lines, "round {round}: {now} lines after {lines}");
            lines = now;
            assert!(!json.exists(), "a report of a watch that was ended by force");
            reports_are_whole(cable);
        }
    }

    /// What stands under the name of a report is all of it.
    fn reports_are_whole(cable: &Cable) {
        for entry in fs::read_dir(cable.room.path()).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let text = || fs::read_to_string(&path).unwrap();
            let whole = match path.extension().and_then(|end| end.to_str()) {
                Some("json") => serde_json::from_str::<Value>(&text()).is_ok(),
                Some("html") => text().trim_end().ends_with("</html>"),
                Some("prom") => text().ends_with('\n') && text().contains("flowaudit_packets_total"),
                _ => true,
            };
            assert!(whole || name.starts_with(".flowaudit-"), "{name} is cut");
        }
    }

    #[test]
    fn a_journal_survives_every_kill() {
        let cables: Vec<Cable> = (0..4).map_while(|_| Cable::lay()).collect();
        let [cable, ..] = cables.as_slice() else { return };
        std::thread::scope(|scope| {
            for (first, cable) in (0..).zip(&cables) {
                scope.spawn(move || kill_again_and_again(cable, (first..kills()).step_by(4)));
            }
        });
        let (journal, json) = (cable.at("journal.jsonl"), cable.at("live.json"));
        let words = [&SITE[..], &["--journal", journal.to_str().unwrap(), "--json", json.to_str().unwrap()]].concat();
        let bytes = fs::read(&journal).unwrap();
        let last = bytes[..bytes.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap();
        for at in (0..last).step_by(last / 40) {
            let mut changed = bytes.clone();
            changed[at] ^= 4;
            fs::write(&journal, &changed).unwrap();
            let line = bytes[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
            let (code, said) = verify(&journal);
            let named = [line, line + 1].iter().any(|line| said.contains(&format!("exit 1: line {line} ")));
            assert!(code == Some(1) && named, "byte {at} in line {line}: {said}");
        }
        // A watch does not go on with what was altered.
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &cable.receiver, env!("CARGO_BIN_EXE_flowaudit"), "watch", "-i", "veth0"]);
        let output = command.args(&words).current_dir(ROOT).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    }

    #[test]
    fn a_journal_holds_what_was_told() {
        let Some(cable) = Cable::lay() else { return };
        let journal = cable.at("journal.jsonl");
        end(replayed(&cable, &["--journal", journal.to_str().unwrap()]));
        let lines = fs::read_to_string(&journal).unwrap();
        let said: Vec<Value> =
            lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["said"].clone()).collect();
        let events = cable.events();
        let told: Vec<&Value> = said.iter().filter(|said| said["event"] != "checkpoint").collect();
        assert_eq!(told, events.iter().collect::<Vec<_>>());
        assert_eq!(said.last().unwrap()["packets"], 678);
        // A line that was half written is taken away, and said.
        fs::write(&journal, lines.clone() + "{\"schema\":\"flowau").unwrap();
        assert!(verify(&journal).1.contains("17 bytes of a line"), "{}", verify(&journal).1);
        let _ = fs::remove_file(cable.at("events.jsonl"));
        end(replayed(&cable, &["--journal", journal.to_str().unwrap()]));
        assert_eq!(verify(&journal).0, Some(0));
        assert!(fs::read_to_string(&journal).unwrap().contains("{\"event\":\"resumed\",\"torn\":17}"));
    }
}
