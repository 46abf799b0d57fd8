//! Replayed captures, real servers and clients, terminals and signals in, what `flowaudit watch` says
//! out. All traffic stays inside network namespaces that each test makes and removes. Needs root, `ip`
//! (iproute2) and `tcpreplay`; the rollout dnsmasq, nftables, openssl and curl, the screen tmux.
//! Without them each test says so and passes, unless `CI` is set: then they must be there.
#![forbid(unsafe_code)]
#![cfg(all(feature = "live", target_os = "linux"))]

#[cfg(test)]
#[path = "support/cable.rs"]
mod cable;
#[cfg(test)]
#[path = "live/faults.rs"]
mod faults;
#[cfg(test)]
#[path = "live/replays.rs"]
mod replays;
#[cfg(test)]
#[path = "live/rollout.rs"]
mod rollout;
#[cfg(test)]
#[path = "live/screen.rs"]
mod screen;
#[cfg(test)]
#[path = "support/shared.rs"]
mod shared;

#[cfg(test)]
/// A matrix of one row, for what is sent.
const PACK: &str = r#"
[pack]
id = "dns"
title = "Name resolution"
version = "1"
subject = "ams-server"

[roles.ams-server]
title = "AMS server"
[roles.dns-servers]
title = "DNS servers"

[[row]]
id = "DNS-01"
from = "ams-server"
to = "dns-servers"
services = ["dns udp/53"]
purpose = "Look-ups"
need = "required"
window = "15m"
vantage = ["ams-server"]
"#;

#[cfg(test)]
mod watching {
    use std::fs;
    use std::process::{Child, Command, Output};
    use std::time::{Duration, Instant};

    use serde_json::Value;

    use super::PACK;
    use super::cable::{CAPTURE, Cable, ROOT, run, signal, text};

    const PACKETS: u64 = 678;
    const ROLES: [&str; 4] = ["--role", "ams-server=10.77.10.5", "--role", "dns-servers=10.77.10.11"];

    /// Waits for the end, which has to come within `longest` with `code`.
    fn check(child: Child, longest: Duration, code: i32) -> Output {
        let begun = Instant::now();
        let output = child.wait_with_output().unwrap();
        let (took, said) = (begun.elapsed(), text(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(took <= longest, "it took {took:?}: {said}");
        output
    }

    /// The audit without what differs between a file and an interface: names and times.
    fn timeless(mut value: Value) -> Value {
        fn strip(value: &mut Value) {
            if let Some(object) = value.as_object_mut() {
                object.retain(|key, _| {
                    !["first", "last", "from", "until", "since", "asked", "at", "file", "span_seconds"]
                        .contains(&key.as_str())
                });
                object.values_mut().for_each(strip);
            }
            value.as_array_mut().into_iter().flatten().for_each(strip);
        }
        value["inputs"] = Value::Null;
        strip(&mut value);
        value
    }

    #[test]
    fn a_replay_is_judged_as_its_file() {
        let Some(cable) = Cable::lay() else { return };
        let (live, file) = (cable.at("live.json"), cable.at("file.json"));
        let site = ["--site", "fixtures/site.toml", "-q", "--json"];
        let watch = cable.watch(&[&site[..], &[live.to_str().unwrap()]].concat());
        assert!(cable.replay(&[]).wait().unwrap().success());
        signal(&watch, "INT");
        check(watch, Duration::from_secs(5), 1);
        let mut audit = Command::new(env!("CARGO_BIN_EXE_flowaudit"));
        audit.current_dir(ROOT).arg("audit").args(site).arg(&file).arg(CAPTURE);
        assert_eq!(audit.output().unwrap().status.code(), Some(1));
        let (live, file) = (cable.json("live.json"), cable.json("file.json"));
        assert_eq!(live["inputs"][0]["path"], "veth0");
        assert_eq!(live["inputs"][0]["packets"], PACKETS);
        for part in ["rows", "findings", "next", "totals", "quality", "headline"] {
            assert_eq!(timeless(live.clone())[part], timeless(file.clone())[part], "{part}");
        }
        assert_eq!(timeless(live.clone()), timeless(file));
        told(&cable.events(), &live);
    }

    /// Whoever only follows the events knows the rows and findings of the report.
    fn told(events: &[Value], audit: &Value) {
        let said = |kind: &str| events.iter().filter(|event| event["event"] == kind).count();
        assert_eq!((said("start"), said("end")), (1, 1));
        for row in audit["rows"].as_array().unwrap() {
            let last = events.iter().rfind(|event| event["row"] == row["id"]);
            if let Some(last) = last {
                assert_eq!(last["to"], row["status"], "{}", row["id"]);
            } else {
                assert_eq!(row["status"], "not-observable", "{} never changed", row["id"]);
            }
        }
        for finding in audit["findings"].as_array().unwrap() {
            let last = events.iter().rfind(|event| event["finding"]["id"] == finding["id"]).unwrap();
            assert_eq!(last["event"], "finding", "{finding}");
        }
        assert_eq!(events.last().unwrap()["exit"], 1);
    }

    #[test]
    fn an_idle_link_ends_in_time() {
        let Some(cable) = Cable::lay() else { return };
        let watch = cable.watch(&[&ROLES[..], &["--for", "1s"]].concat());
        let output = check(watch, Duration::from_secs(3), 3);
        assert!(text(&output.stderr).contains("No packets were read"), "{}", text(&output.stderr));
    }

    #[test]
    fn a_signal_ends_it_with_a_report() {
        let Some(cable) = Cable::lay() else { return };
        for (name, bound, said) in [("INT", &[][..], "Nothing to report"), ("TERM", &["--for", "1h"], "was stopped")] {
            let _ = fs::remove_file(cable.at("events.jsonl"));
            let watch = cable.watch(&[&ROLES[..], bound].concat());
            signal(&watch, name);
            let output = check(watch, Duration::from_secs(2), 3);
            assert!(text(&output.stdout).contains(said), "{name}: {}", text(&output.stdout));
        }
    }

    #[test]
    fn the_gate_opens_with_the_last_row() {
        let Some(cable) = Cable::lay() else { return };
        let pack = cable.at("dns.toml");
        fs::write(&pack, PACK).unwrap();
        let gate = ["--pack", pack.to_str().unwrap(), "--until", "confirmed", "--for", "20s"];
        let watch = cable.watch(&[&ROLES[..], &gate[..]].concat());
        let mut replay = cable.replay(&[]);
        // The answer that confirms the row is among the first packets.
        let output = check(watch, Duration::from_secs(3), 0);
        let _ = replay.kill();
        let _ = replay.wait();
        assert!(text(&output.stderr).contains("every required row is confirmed"), "{}", text(&output.stderr));
        assert!(text(&output.stdout).contains("DNS-01 not-yet -> confirmed"), "{}", text(&output.stdout));
    }

    #[test]
    fn the_gate_stays_shut_without_traffic() {
        let Some(cable) = Cable::lay() else { return };
        let pack = cable.at("dns.toml");
        fs::write(&pack, PACK).unwrap();
        let gate = ["--pack", pack.to_str().unwrap(), "--until", "confirmed", "--for", "1s"];
        let output = check(cable.watch(&[&ROLES[..], &gate[..]].concat()), Duration::from_secs(3), 3);
        assert!(text(&output.stderr).contains("1 required row not confirmed: DNS-01"), "{}", text(&output.stderr));
    }

    #[test]
    fn what_is_lost_is_counted_and_said() {
        let Some(cable) = Cable::lay() else { return };
        let json = cable.at("live.json");
        let words = ["--site", "fixtures/site.toml", "--ring", "1", "-q", "--json", json.to_str().unwrap()];
        let watch = cable.watch(&words);
        signal(&watch, "STOP");
        assert!(cable.replay(&["--topspeed", "--loop=10"]).wait().unwrap().success());
        signal(&watch, "CONT");
        signal(&watch, "INT");
        let output = check(watch, Duration::from_secs(5), 1);
        let audit = cable.json("live.json");
        let (read, lost) =
            (audit["inputs"][0]["packets"].as_u64().unwrap(), audit["quality"]["drops"].as_u64().unwrap());
        assert!(lost > 0, "{}", text(&output.stderr));
        assert_eq!(read + lost, 10 * PACKETS, "{read} read, {lost} lost");
        assert_eq!(audit["quality"]["complete"], false);
        let quality = &audit["quality"];
        assert_eq!((&quality["kernel_drops"], &quality["interface_drops"]), (&Value::from(lost), &Value::from(0)));
        let windows = quality["losses"].as_array().unwrap();
        let timed: u64 = windows.iter().map(|window| window["kernel_drops"].as_u64().unwrap()).sum();
        assert!(timed == lost && windows.len() <= 2, "{windows:?}");
        assert!(audit["rows"].as_array().unwrap().iter().all(|row| row["status"] != "missing"));
        assert!(cable.events().iter().any(|event| event["event"] == "loss" && event["lost"] == lost));
    }

    #[test]
    fn an_interface_that_goes_away_cuts_its_input() {
        let Some(cable) = Cable::lay() else { return };
        let watch = cable.watch(&ROLES);
        run("ip", &format!("-n {} link del veth0", cable.sender));
        let output = check(watch, Duration::from_secs(5), 3);
        assert!(text(&output.stdout).contains("veth0 breaks off"), "{}", text(&output.stdout));
    }

    #[test]
    fn refusals_say_what_to_do() {
        let Some(cable) = Cable::lay() else { return };
        let refused = |before: &[&str], words: &[&str], part: &str| {
            let mut command = Command::new("ip");
            command.args(["netns", "exec", &cable.receiver]).args(before).arg(env!("CARGO_BIN_EXE_flowaudit"));
            let output = command.arg("watch").args(words).args(ROLES).output().unwrap();
            let said = text(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{words:?}: {said}");
            assert!(said.contains(part), "{words:?}: {said}");
        };
        let powerless = ["setpriv", "--bounding-set", "-net_raw,-net_admin"];
        refused(&powerless, &["-i", "veth0"], "CAP_NET_RAW is missing; run as root, or grant it once: sudo setcap");
        refused(&[], &["-i", "veth9"], "there is no such interface; there are: ");
        refused(&[], &["-i", "veth0", "-f", "tcp and and"], "libpcap refuses it for veth0");
        refused(&[], &["-i", "veth0", "--until", "confirmed"], "nobody plays");
        refused(&[], &["-i", "veth0", "--json", "-", "--events", "-"], "only one");
        refused(&[], &[], "--interface");
        let mut list = Command::new("ip");
        list.args(["netns", "exec", &cable.receiver, env!("CARGO_BIN_EXE_flowaudit"), "watch", "--list"]);
        let listed = text(&list.output().unwrap().stdout);
        assert!(listed.lines().any(|line| line.starts_with("veth0") && line.contains("up")), "{listed}");
    }
}
