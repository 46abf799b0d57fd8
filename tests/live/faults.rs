//! What goes wrong around a watch, and what it makes of it: interfaces that go down or get another
//! name, full disks, readers that leave. And what was asked of the interface, seen from outside.

use std::fs;
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::PACK;
use super::cable::{Cable, ROOT, run, signal, text, until};

/// The words with which nothing is wrong with the capture: look-ups of one client with one resolver.
const CLEAN: [&str; 7] = [
    "--role",
    "ams-server=10.77.10.5",
    "--role",
    "dns-servers=10.77.10.11",
    "--no-baseline",
    "-f",
    "udp port 53 and host 10.77.10.11",
];

fn ended(watch: Child, code: i32) -> Output {
    signal(&watch, "INT");
    let output = watch.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(code), "{}{}", text(&output.stdout), text(&output.stderr));
    output
}

/// A watch with a report, and the capture sent after `meanwhile`.
fn watched(cable: &Cable, code: i32, meanwhile: impl FnOnce()) -> (Value, Output) {
    let (pack, json) = (cable.at("dns.toml"), cable.at("live.json"));
    fs::write(&pack, PACK).unwrap();
    let words = ["--pack", pack.to_str().unwrap(), "--json", json.to_str().unwrap()];
    let watch = cable.watch(&[&CLEAN[..], &words].concat());
    assert!(cable.replay(&["--topspeed"]).wait().unwrap().success());
    meanwhile();
    let output = ended(watch, code);
    (cable.json("live.json"), output)
}

fn told(cable: &Cable, kind: &str) -> Vec<Value> {
    cable.events().into_iter().filter(|event| event["event"] == kind).collect()
}

#[test]
fn an_interface_that_was_down_leaves_a_gap_with_its_times() {
    let Some(cable) = Cable::lay() else { return };
    let (audit, _) = watched(&cable, 0, || {});
    assert_eq!(audit["quality"]["outages"], Value::Array(Vec::new()));
    assert!(audit["rows"][0]["status"] == "confirmed", "{}", audit["rows"]);

    let Some(cable) = Cable::lay() else { return };
    let link = |state: &str| run("ip", &format!("-n {} link set veth0 {state}", cable.receiver));
    let (audit, output) = watched(&cable, 3, || {
        link("down");
        until("the outage", 10, || !told(&cable, "link").is_empty());
        link("up");
        until("its end", 10, || told(&cable, "link").len() == 2);
        assert!(cable.replay(&["--topspeed"]).wait().unwrap().success());
    });
    let outages = audit["quality"]["outages"].as_array().unwrap();
    assert_eq!(outages.len(), 1, "{outages:?}");
    let (from, until) = (outages[0]["from"].as_str().unwrap(), outages[0]["until"].as_str().unwrap());
    assert!(from < until && outages[0]["interface"] == "veth0", "{outages:?}");
    let gap = format!("veth0 was down from {from} to {until}.");
    assert_eq!(audit["quality"]["gaps"], serde_json::json!([gap]));
    assert!(text(&output.stderr).contains(&format!("incomplete: {}", gap.trim_end_matches('.'))));
    assert!(text(&output.stdout).contains("veth0 down"), "{}", text(&output.stdout));
    let links = told(&cable, "link");
    assert_eq!([&links[0]["up"], &links[1]["up"]], [&Value::from(false), &Value::from(true)]);
    // What came after it is there.
    let packets = audit["rows"][0]["atoms"][0]["flows"].as_u64().unwrap();
    assert!(packets > 0 && audit["rows"][0]["status"] == "confirmed");
}

#[test]
fn an_interface_that_stays_down_is_said_to_be() {
    let Some(cable) = Cable::lay() else { return };
    let (audit, _) = watched(&cable, 3, || {
        // The other end is pulled: the carrier goes away.
        run("ip", &format!("-n {} link set veth0 down", cable.sender));
        until("the outage", 10, || !told(&cable, "link").is_empty());
    });
    assert_eq!(audit["quality"]["outages"][0]["until"], Value::Null);
    let gaps = audit["quality"]["gaps"].as_array().unwrap();
    assert!(gaps[0].as_str().unwrap().starts_with("veth0 has been down since 2"), "{gaps:?}");
}

/// Of two interfaces one is deleted: that is told at once, with its time, and the other is watched on.
#[test]
fn an_interface_that_is_deleted_is_told_while_others_are_watched() {
    let Some(cable) = Cable::lay() else { return };
    run("ip", &format!("-n {} link add second type veth peer name other", cable.receiver));
    run("ip", &format!("-n {} link set second up", cable.receiver));
    run("ip", &format!("-n {} link set other up", cable.receiver));
    let (pack, json) = (cable.at("dns.toml"), cable.at("live.json"));
    fs::write(&pack, PACK).unwrap();
    let words = ["--pack", pack.to_str().unwrap(), "--json", json.to_str().unwrap(), "-i", "second"];
    let watch = cable.watch(&[&CLEAN[..], &words].concat());
    run("ip", &format!("-n {} link del second", cable.receiver));
    until("the end of it", 10, || !told(&cable, "link").is_empty());
    assert!(cable.replay(&["--topspeed"]).wait().unwrap().success());
    ended(watch, 3);
    let links = told(&cable, "link");
    assert_eq!((links.len(), &links[0]["interface"], &links[0]["up"]), (1, &"second".into(), &false.into()));
    let audit = cable.json("live.json");
    assert_eq!(audit["quality"]["outages"][0]["from"], links[0]["at"]);
    assert_eq!(audit["rows"][0]["status"], "confirmed");
}

#[test]
fn an_interface_with_another_name_is_watched_on() {
    let Some(cable) = Cable::lay() else { return };
    let rename = |words: &str| {
        let words = format!("-n {} {words}", cable.receiver);
        Command::new("ip").args(words.split(' ')).output().unwrap().status.success()
    };
    let mut live = false;
    let code = if rename("link set veth0 name probe0") && rename("link set probe0 name veth0") { 0 } else { 3 };
    let (audit, output) = watched(&cable, code, || {
        live = rename("link set veth0 name lan0");
        if !live {
            // Older kernels rename only what is down.
            assert!(rename("link set veth0 down") && rename("link set veth0 name lan0") && rename("link set lan0 up"));
        }
        sleep(Duration::from_millis(300));
        assert!(cable.replay(&["--topspeed"]).wait().unwrap().success());
    });
    assert!(text(&output.stderr).contains("note: veth0 is called lan0 now"), "{}", text(&output.stderr));
    assert_eq!(audit["inputs"][0]["path"], "veth0");
    assert_eq!(audit["quality"]["outages"].as_array().unwrap().is_empty(), live);
    assert_eq!(audit["inputs"][0]["packets"].as_u64().unwrap() % 2, 0, "both times the same packets");
}

/// Set by an hour and set back, under libfaketime: packets keep the kernel's time, and the clock that only
/// goes on keeps going on.
#[test]
fn a_clock_that_is_set_is_told_and_silence_across_it_proves_nothing() {
    let Some(cable) = Cable::lay() else { return };
    let libraries = fs::read_dir("/usr/lib").unwrap().filter_map(Result::ok);
    let library = libraries.map(|entry| entry.path().join("faketime/libfaketime.so.1")).find(|path| path.is_file());
    let Some(library) = library else {
        assert!(std::env::var_os("CI").is_none(), "live tests need libfaketime");
        eprintln!("not tested: it needs libfaketime");
        return;
    };
    let clock = cable.at("clock");
    let set = |by: &str| {
        // Whole at once: the watch may look at any moment.
        fs::write(cable.at("clock.new"), by).unwrap();
        fs::rename(cable.at("clock.new"), &clock).unwrap();
    };
    set("+0\n");
    let preload = format!("LD_PRELOAD={}", library.display());
    let file = format!("FAKETIME_TIMESTAMP_FILE={}", clock.display());
    let around = ["env", &preload, &file, "FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1"];
    let (pack, json) = (cable.at("dns.toml"), cable.at("live.json"));
    fs::write(&pack, PACK).unwrap();
    let words = ["--pack", pack.to_str().unwrap(), "--json", json.to_str().unwrap(), "--sandbox", "off"];
    let watch = cable.watch_within(&around, &[&CLEAN[..], &words].concat());
    assert!(cable.replay(&["--topspeed"]).wait().unwrap().success());
    for by in ["+3600\n", "+0\n"] {
        sleep(Duration::from_millis(700));
        set(by);
    }
    sleep(Duration::from_millis(700));
    let output = ended(watch, 3);
    let audit = cable.json("live.json");
    let steps = audit["quality"]["clock_steps"].as_array().unwrap();
    let by: Vec<f64> = steps.iter().map(|step| step["seconds"].as_str().unwrap().parse().unwrap()).collect();
    assert!(by.len() == 2 && (by[0] - 3600.0).abs() < 0.5 && (by[1] + 3600.0).abs() < 0.5, "{steps:?}");
    let said = text(&output.stderr);
    let forward = format!("incomplete: The clock was set forward by {} s", steps[0]["seconds"].as_str().unwrap());
    assert!(said.contains(&forward), "{said}");
    assert_eq!(audit["rows"][0]["status"], "confirmed", "what was seen stays seen");
    assert_eq!(audit["inputs"][0]["packets"].as_u64().unwrap() % 2, 0);
}

#[test]
fn a_full_disk_spares_what_lies_elsewhere() {
    let Some(cable) = Cable::lay() else { return };
    let small = cable.at("small");
    fs::create_dir(&small).unwrap();
    let script = format!("mount -t tmpfs -o size=16k tmpfs {}; exec \"$@\"", small.display());
    let around = ["unshare", "--mount", "sh", "-c", &script, "sh"];
    let (full, whole) = (small.join("audit.json"), cable.at("audit.csv"));
    let (html, markdown) = (small.join("page.html"), cable.at("page.md"));
    let path = |path: &std::path::PathBuf| path.to_str().unwrap().to_owned();
    let outputs =
        ["--json", &path(&full), "--csv", &path(&whole), "--html", &path(&html), "--markdown", &path(&markdown)];
    let watch = cable.watch_within(&around, &[&["--site", "fixtures/site.toml", "-q"][..], &outputs].concat());
    assert!(cable.replay(&["--topspeed"]).wait().unwrap().success());
    let said = text(&ended(watch, 2).stderr);
    for name in [full, html] {
        assert!(said.contains(&format!("cannot write {}: No space left on device", name.display())), "{said}");
    }
    assert!(said.trim_end().ends_with("exit 2: not every report could be written"), "{said}");
    assert!(fs::read_to_string(whole).unwrap().lines().count() > 13);
    assert!(fs::read_to_string(markdown).unwrap().contains("## Evidence"));
}

/// Journal, metrics and flow log on a disk without room: each is said, and the watch goes on.
#[test]
fn a_disk_that_was_full_before_stops_no_watch() {
    let Some(cable) = Cable::lay() else { return };
    let small = cable.at("small");
    fs::create_dir(&small).unwrap();
    let at = small.display();
    let script = format!("mount -t tmpfs -o size=8k tmpfs {at}; head -c 8192 /dev/zero >{at}/rest; exec \"$@\"");
    let path = |name: &str| small.join(name).to_str().unwrap().to_owned();
    let json = cable.at("live.json");
    let outlets = ["--journal", &path("j"), "--metrics", &path("m.prom"), "--flows", &path("f.csv")];
    let words = ["--site", "fixtures/site.toml", "-q", "--json", json.to_str().unwrap()];
    let watch =
        cable.watch_within(&["unshare", "--mount", "sh", "-c", &script, "sh"], &[&words[..], &outlets].concat());
    assert!(cable.replay(&["--multiplier=8"]).wait().unwrap().success());
    let said = text(&ended(watch, 2).stderr);
    for name in ["j", "m.prom", "f.csv"] {
        assert_eq!(said.matches(&format!("cannot write {}: No space left", path(name))).count(), 1, "{name}: {said}");
    }
    assert_eq!(cable.json("live.json")["inputs"][0]["packets"], 678);
}

/// `watch | head -1`: who has read enough ends it, and that is no fault.
#[test]
fn a_reader_that_leaves_ends_what_nobody_else_wants() {
    let Some(cable) = Cable::lay() else { return };
    let file = cable.at("kept.json");
    let piped = |more: &str| {
        let watch = format!("{} watch -i veth0 --site fixtures/site.toml {more}", env!("CARGO_BIN_EXE_flowaudit"));
        let line = format!("{{ {watch}; echo ended $? >&2; }} | head -1");
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &cable.receiver, "sh", "-c", &line]).current_dir(ROOT);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let finish = |watch: Child| {
        let begun = Instant::now();
        let mut replay = cable.replay(&[]);
        let output = watch.wait_with_output().unwrap();
        let _ = replay.kill();
        let _ = replay.wait();
        assert!(begun.elapsed() < Duration::from_secs(12), "{:?}", begun.elapsed());
        assert_eq!(text(&output.stdout).lines().count(), 1, "{}", text(&output.stdout));
        let said = text(&output.stderr);
        assert!(!said.contains("cannot write") && !said.contains("fault of"), "{said}");
        said
    };
    let said = finish(piped(""));
    assert!(said.contains("ended 1") || said.contains("ended 3"), "{said}");
    // Who asked for a report gets it, of the whole time.
    let said = finish(piped(&format!("--for 5s --json {}", file.display())));
    assert!(said.contains("ended"), "{said}");
    assert_eq!(cable.json("kept.json")["schema"], "flowaudit/audit/1");
}

/// Promiscuous only when asked, as many bytes as asked, and time stamps in nanoseconds.
#[test]
fn the_interface_is_taken_as_asked() {
    let Some(cable) = Cable::lay() else { return };
    let promiscuity = || {
        let shown = Command::new("ip").args(["-n", &cable.receiver, "-d", "link", "show", "veth0"]).output().unwrap();
        let shown = text(&shown.stdout);
        shown.split_whitespace().skip_while(|word| *word != "promiscuity").nth(1).map(str::to_owned)
    };
    let json = cable.at("live.json");
    let words = ["--site", "fixtures/site.toml", "-q", "--json", json.to_str().unwrap()];
    let watch = cable.watch(&words);
    assert_eq!(promiscuity().as_deref(), Some("0"));
    assert!(cable.replay(&["--topspeed"]).wait().unwrap().success());
    ended(watch, 1);
    let audit = cable.json("live.json");
    assert_eq!(audit["quality"]["truncated"], 0);
    let fine = |time: &Value| !time.as_str().unwrap().ends_with("000Z");
    assert!(fine(&audit["quality"]["first"]) || fine(&audit["quality"]["last"]), "{}", audit["quality"]);

    fs::remove_file(cable.at("events.jsonl")).unwrap();
    let watch = cable.watch(&[&words[..], &["--promiscuous", "--snaplen", "64"]].concat());
    assert_eq!(promiscuity().as_deref(), Some("1"));
    assert!(cable.replay(&["--topspeed"]).wait().unwrap().success());
    ended(watch, 1);
    assert!(cable.json("live.json")["quality"]["truncated"].as_u64().unwrap() > 100);
}
