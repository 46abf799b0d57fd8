//! A watch that runs the user's command for each finding, traced from its first call to its last with
//! all that it starts: the process that reads packets never starts a program, asks for a socket or opens
//! anything to read; the one beside it starts the command that was asked for, and nothing else. Needs
//! root, `ip` (iproute2), tcpreplay and strace.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use super::cable::{Cable, have, run, text, until};

/// One line of a trace: who called, and what.
struct Call {
    process: u32,
    text: String,
}

impl Call {
    fn of(line: &str) -> Option<Self> {
        let (process, text) = line.split_once(' ')?;
        Some(Self { process: process.parse().ok()?, text: text.trim_start().to_owned() })
    }

    /// The name of the call; a call that another interrupted has it twice, and what is no call has none.
    fn name(&self) -> Option<&str> {
        let text = self.text.strip_prefix("<... ").unwrap_or(&self.text);
        text.split(['(', ' ']).next().filter(|name| name.starts_with(|first: char| first.is_ascii_lowercase()))
    }

    /// The process or thread that this call made.
    fn made(&self) -> Option<u32> {
        let makes = ["clone", "clone3", "fork", "vfork"].contains(&self.name()?);
        makes.then(|| self.text.rsplit_once(" = ")?.1.trim().parse().ok())?
    }
}

/// What each process did, and which of them are threads of another.
struct Trace {
    calls: Vec<Call>,
    parents: BTreeMap<u32, u32>,
    threads: BTreeMap<u32, u32>,
}

impl Trace {
    fn of(log: &str) -> Self {
        let calls: Vec<Call> = log.lines().filter_map(Call::of).collect();
        let (mut parents, mut threads) = (BTreeMap::new(), BTreeMap::new());
        // The flags of a call that another interrupted stand in its first half.
        let mut begun: BTreeMap<u32, bool> = BTreeMap::new();
        for call in &calls {
            if call.text.ends_with("<unfinished ...>") {
                begun.insert(call.process, call.text.contains("CLONE_THREAD"));
            }
            let Some(made) = call.made() else { continue };
            let resumed = call.text.starts_with("<... ") && begun.get(&call.process) == Some(&true);
            if call.text.contains("CLONE_THREAD") || resumed {
                threads.insert(made, call.process);
            } else {
                parents.insert(made, call.process);
            }
        }
        Self { calls, parents, threads }
    }

    /// The process that a thread belongs to.
    fn process(&self, mut thread: u32) -> u32 {
        while let Some(process) = self.threads.get(&thread) {
            thread = *process;
        }
        thread
    }

    fn calls_of(&self, process: u32, from: usize) -> impl Iterator<Item = &Call> {
        self.calls.iter().skip(from).filter(move |call| self.process(call.process) == process)
    }
}

/// Opening something to read it; directories are opened for renaming in them.
fn is_read(call: &&Call) -> bool {
    let opens = call.name().is_some_and(|name| ["open", "openat", "openat2"].contains(&name));
    opens && call.text.contains("O_RDONLY") && !call.text.contains("O_DIRECTORY")
}

#[test]
fn the_watch_starts_nothing_and_the_process_beside_it_only_the_command() {
    if !have(&["strace"]) {
        return;
    }
    let Some(cable) = Cable::lay() else { return };
    fs::set_permissions(cable.room.path(), Permissions::from_mode(0o777)).unwrap();
    let (log, script, json) = (cable.at("calls"), cable.at("told.sh"), cable.at("live.json"));
    let found = cable.at("found.jsonl");
    fs::write(&script, format!("#!/bin/sh\nexec cat >> {}\n", found.display())).unwrap();
    fs::set_permissions(&script, Permissions::from_mode(0o755)).unwrap();
    let around = ["strace", "-f", "-s", "200", "-o", log.to_str().unwrap()];
    let words = ["--site", "fixtures/site.toml", "--json", json.to_str().unwrap()];
    let words = [&words[..], &["--sandbox", "strict", "--on-finding", script.to_str().unwrap()]].concat();
    let strace = cable.watch_within(&around, &words);
    let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", strace.id())).unwrap();
    let watch: u32 = children.trim().parse().expect("strace has one child");
    until("the sandbox", 20, || fs::read_to_string(&log).is_ok_and(|log| log.contains("sandbox: uid ")));
    assert!(cable.replay(&["--multiplier=8"]).wait().unwrap().success());
    let told = || fs::read_to_string(&found).unwrap_or_default().lines().count();
    until("the command's runs", 30, || told() >= 4);
    run("kill", &format!("-INT {watch}"));
    let output = strace.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));

    let trace = Trace::of(&fs::read_to_string(&log).unwrap());
    let border = trace.calls.iter().position(|call| call.process == watch && call.text.contains("sandbox: uid "));
    let border = border.unwrap();
    let opened = trace.calls.iter().position(|call| call.process == watch && call.text.contains("PACKET_RX_RING"));
    assert!(opened.is_some_and(|opened| opened < border), "the interface is open before anything is given up");

    // The watch itself.
    let called: BTreeSet<&str> = trace.calls_of(watch, border).filter_map(Call::name).collect();
    for call in ["socket", "connect", "execve", "execveat", "fork", "vfork", "ptrace", "kill", "bind", "sendto"] {
        assert!(!called.contains(call), "{call}: {called:?}");
    }
    assert_eq!(trace.calls_of(watch, border).find(is_read).map(|call| &call.text), None);
    let started = |from| trace.calls.iter().skip(from).filter_map(Call::made);
    let others: Vec<u32> = started(border).filter(|made| trace.parents.get(made) == Some(&watch)).collect();
    assert_eq!(others, Vec::<u32>::new(), "a process of the watch's own");

    // The one process that it began before, and the runs of the command.
    let runners: Vec<u32> = started(0).filter(|made| trace.parents.get(made) == Some(&watch)).collect();
    let [runner] = runners[..] else { panic!("one process beside the watch: {runners:?}") };
    let called: BTreeSet<&str> = trace.calls_of(runner, border).filter_map(Call::name).collect();
    for call in ["socket", "connect", "execve", "execveat", "ptrace", "bind", "sendto"] {
        assert!(!called.contains(call), "{call}: {called:?}");
    }
    assert_eq!(trace.calls_of(runner, border).find(is_read).map(|call| &call.text), None);
    let runs: Vec<u32> = started(border).filter(|made| trace.parents.get(made) == Some(&runner)).collect();
    for run in &runs {
        let first = trace.calls_of(*run, border).find(|call| call.name() == Some("execve")).unwrap();
        assert!(first.text.contains(&format!("execve(\"{}\", ", script.display())), "{}", first.text);
        assert_eq!(trace.calls_of(*run, border).find(|call| call.name() == Some("socket")).map(|c| &c.text), None);
    }
    let all: BTreeSet<u32> = trace.calls.iter().map(|call| trace.process(call.process)).collect();
    let known = |process: &u32| *process == watch || *process == runner || runs.contains(process);
    assert!(all.iter().all(known), "{all:?}: {watch}, {runner}, {runs:?}");

    // Each finding went there once.
    let alerts = cable.events().iter().filter(|event| event["event"] == "finding").count();
    assert_eq!((runs.len(), told()), (alerts, alerts));
    let lines = fs::read_to_string(&found).unwrap();
    assert!(lines.lines().all(|line| serde_json::from_str::<Value>(line).is_ok_and(|found| found["id"].is_string())));
}
