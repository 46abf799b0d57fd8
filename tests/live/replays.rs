//! Every capture of the lab sent over a cable at the pace at which it was taken, all of them at the
//! same time: the watch says of it what the audit of the file says.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use serde_json::{Value, json};

use super::cable::{Cable, ROOT, signal, text};
use super::shared;

#[test]
fn each_capture_of_the_lab_is_judged_as_its_file() {
    let Some(lab) = shared::folder("lab") else { return };
    let captures = captures(&lab.join("captures"));
    assert!(captures.len() >= 12, "{captures:?}");
    let complaints: Vec<String> = thread::scope(|scope| {
        let runs: Vec<_> = captures.iter().map(|capture| scope.spawn(|| differences(&lab, capture))).collect();
        runs.into_iter().flat_map(|run| run.join().unwrap()).collect()
    });
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}

fn captures(folder: &Path) -> Vec<PathBuf> {
    let entries = folder.read_dir().unwrap().map(|entry| entry.unwrap().path());
    let mut captures: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|end| end == "pcap" || end == "pcapng")).collect();
    captures.sort();
    captures
}

/// What the two audits say of one capture, where they say different things.
fn differences(lab: &Path, capture: &Path) -> Vec<String> {
    let Some(cable) = Cable::lay() else { return Vec::new() };
    let name = capture.file_name().unwrap().to_string_lossy();
    let vantage = if name.contains("-span.") { "mirror" } else { "ams-server" };
    let site = lab.join("site.toml");
    let (live, file) = (cable.at("live.json"), cable.at("file.json"));
    let site = ["--site", site.to_str().unwrap(), "--vantage", vantage, "-q", "--json"];
    let watch = cable.watch(&[&site[..], &[live.to_str().unwrap()]].concat());
    assert!(cable.send(capture, &[]).wait().unwrap().success(), "{name}");
    signal(&watch, "INT");
    let watched = watch.wait_with_output().unwrap();
    let mut audit = Command::new(env!("CARGO_BIN_EXE_flowaudit"));
    audit.current_dir(ROOT).arg("audit").args(site).arg(&file).arg(capture);
    let audited = audit.output().unwrap();
    assert_eq!(watched.status.code(), audited.status.code(), "{name}: {}", text(&watched.stderr));
    let (live, file) = (cable.json("live.json"), cable.json("file.json"));
    let mut complaints = Vec::new();
    let mut compare = |what: &str, live: Value, file: Value| {
        if live != file {
            complaints.push(format!("{name}: {what}:\n  watch: {live}\n  audit: {file}"));
        }
    };
    compare("packets", live["inputs"][0]["packets"].clone(), file["inputs"][0]["packets"].clone());
    compare("verdicts", live["totals"].clone(), file["totals"].clone());
    compare("gaps", live["quality"]["gaps"].clone(), file["quality"]["gaps"].clone());
    compare("headline", live["headline"].clone(), file["headline"].clone());
    for part in ["rows", "findings"] {
        let (live, file) = (live[part].as_array().unwrap(), file[part].as_array().unwrap());
        compare(part, json!(live.len()), json!(file.len()));
        for (live, file) in live.iter().zip(file) {
            compare(part, timeless(live), timeless(file));
        }
    }
    complaints
}

/// Without what differs between a file and an interface: names, times, and how many whole seconds a
/// replay took.
fn timeless(value: &Value) -> Value {
    let mut value = value.clone();
    strip(&mut value);
    value
}

fn strip(value: &mut Value) {
    if let Some(object) = value.as_object_mut() {
        object.retain(|key, _| !["first", "last", "file"].contains(&key.as_str()));
        object.values_mut().for_each(strip);
    }
    value.as_array_mut().into_iter().flatten().for_each(strip);
    if let Some((before, _)) = value.as_str().and_then(|text| text.split_once("Never tried in ")) {
        *value = json!(format!("{before}Never tried"));
    }
}
