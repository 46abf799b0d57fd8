//! A cable between two network namespaces: captures are sent into one end, and the other end is
//! watched. Needs root, `ip` (iproute2) and `tcpreplay`; without them a test says so and passes,
//! unless `CI` is set: then they must be there.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// The directory of the crate.
pub const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// What is sent.
pub const CAPTURE: &str = "fixtures/d-blocked.pcap";

/// Two namespaces with a cable between them: what is sent in one arrives in the other.
pub struct Cable {
    /// Namespace of the end that sends.
    pub sender: String,
    /// Namespace of the end that is watched.
    pub receiver: String,
    /// Files of the test.
    pub room: TempDir,
}

impl Cable {
    /// `None`, and a line that says why, where it cannot be laid and need not be.
    pub fn lay() -> Option<Self> {
        static SERIAL: AtomicU32 = AtomicU32::new(0);
        if !have(&["ip", "tcpreplay"]) {
            return None;
        }
        let name =
            |side: &str| format!("flowaudit-{}-{}-{side}", std::process::id(), SERIAL.fetch_add(1, Ordering::Relaxed));
        let cable = Self { sender: name("a"), receiver: name("b"), room: tempfile::tempdir().unwrap() };
        // A watch that was started by root writes there as nobody in particular.
        fs::set_permissions(cable.room.path(), fs::Permissions::from_mode(0o777)).unwrap();
        for side in [&cable.sender, &cable.receiver] {
            run("ip", &format!("netns add {side}"));
            // No neighbour discovery: only what the test sends is on the cable.
            let quiet = "sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1";
            run("ip", &format!("netns exec {side} {quiet}"));
        }
        let (sender, receiver) = (&cable.sender, &cable.receiver);
        run("ip", &format!("link add veth0 netns {sender} mtu 65535 type veth peer veth0 netns {receiver}"));
        for side in [sender, receiver] {
            run("ip", &format!("-n {side} link set veth0 mtu 65535 up"));
        }
        Some(cable)
    }

    /// A file of the test.
    pub fn at(&self, name: &str) -> PathBuf {
        self.room.path().join(name)
    }

    /// Starts a watch and waits until the interface is open. Standard output is piped.
    pub fn watch(&self, words: &[&str]) -> Child {
        self.watch_within(&[], words)
    }

    /// The same as what `around` starts.
    pub fn watch_within(&self, around: &[&str], words: &[&str]) -> Child {
        let events = self.at("events.jsonl");
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.receiver]).args(around);
        command.args([env!("CARGO_BIN_EXE_flowaudit"), "watch", "-i", "veth0"]);
        command.args(words).arg("--events").arg(&events).current_dir(ROOT);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let begun = Instant::now();
        while !fs::read_to_string(&events).is_ok_and(|text| text.contains("\"start\"")) {
            assert!(begun.elapsed() < Duration::from_secs(20), "the watch did not start");
            sleep(Duration::from_millis(10));
        }
        child
    }

    /// Sends the capture from the other end.
    pub fn replay(&self, words: &[&str]) -> Child {
        self.send(Path::new(CAPTURE), words)
    }

    /// Sends a capture from the other end, at the pace of its time stamps unless `words` say otherwise.
    pub fn send(&self, capture: &Path, words: &[&str]) -> Child {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.sender, "tcpreplay", "-q", "-i", "veth0"]);
        command.args(words).arg(capture).current_dir(ROOT).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().unwrap()
    }

    /// What was told so far.
    pub fn events(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.at("events.jsonl")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// A report.
    pub fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&fs::read(self.at(name)).unwrap()).unwrap()
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        for side in [&self.sender, &self.receiver] {
            let _ = Command::new("ip").args(["netns", "del", side]).status();
        }
    }
}

/// Whether a test can run: it needs root and `programs`. A gate must have everything.
pub fn have(programs: &[&str]) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = |program: &str| std::env::split_paths(&path).any(|folder| folder.join(program).is_file());
    let mut missing: Vec<&str> = programs.iter().copied().filter(|program| !found(program)).collect();
    if text(&Command::new("id").arg("-u").output().unwrap().stdout).trim() != "0" {
        missing.push("root");
    }
    assert!(missing.is_empty() || std::env::var_os("CI").is_none(), "live tests need {}", missing.join(", "));
    if !missing.is_empty() {
        eprintln!("not tested: it needs {}", missing.join(", "));
    }
    missing.is_empty()
}

/// Runs a command that has to succeed; `words` are separated by spaces.
pub fn run(program: &str, words: &str) {
    let output = Command::new(program).args(words.split(' ')).output().unwrap();
    assert!(output.status.success(), "{program} {words}: {}", text(&output.stderr));
}

/// Bytes as text.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Sends a signal.
pub fn signal(child: &Child, name: &str) {
    run("kill", &format!("-{name} {}", child.id()));
}

/// Waits until `done`, and fails when that takes longer than `seconds`.
pub fn until(what: &str, seconds: u64, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(seconds), "{what} did not come");
        sleep(Duration::from_millis(20));
    }
}
