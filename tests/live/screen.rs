//! The screen of a watch in a real terminal (tmux), with traffic: looked at in two sizes and while it
//! is resized, driven by keys, without colour, and left with its terminal closed.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::cable::{Cable, ROOT, have, text, until};

/// A terminal with a watch in it.
struct Pane {
    cable: Cable,
    socket: String,
}

impl Pane {
    /// Starts a watch in a terminal of this size and waits for its first picture.
    fn open(size: (u16, u16), environment: &str, reports: &[&str]) -> Option<Self> {
        let pane = Self::begin(size, environment, reports)?;
        pane.shows("the first picture", |shown| shown.contains("flowaudit veth0") && shown.contains("no findings"));
        Some(pane)
    }

    /// Starts a watch that shows no pictures and waits until the interface is open.
    fn plain(around: &str) -> Option<Self> {
        let words = ["--plain", "--json", "audit.json", "--events", "events.jsonl"];
        let pane = Self::begin((80, 24), around, &words)?;
        until("the start", 20, || {
            fs::read_to_string(pane.cable.at("events.jsonl")).is_ok_and(|events| events.contains("\"start\""))
        });
        Some(pane)
    }

    /// Starts a watch in a terminal of this size. Its exit code stands in the file `code` once it has ended.
    fn begin(size: (u16, u16), environment: &str, reports: &[&str]) -> Option<Self> {
        static SERIAL: AtomicU32 = AtomicU32::new(0);
        if !have(&["tmux"]) {
            return None;
        }
        let cable = Cable::lay()?;
        let socket = format!("flowaudit-{}-{}", std::process::id(), SERIAL.fetch_add(1, Ordering::Relaxed));
        let pane = Self { cable, socket };
        let (said, code) = (pane.at("said"), pane.at("code"));
        let program = env!("CARGO_BIN_EXE_flowaudit");
        let words = reports.iter().map(|word| if word.starts_with('-') { (*word).to_owned() } else { pane.at(word) });
        let words = words.collect::<Vec<_>>().join(" ");
        // A user's shell passes SIGHUP on to its jobs; the one within outlives its terminal to tell the exit code.
        let line = format!(
            "exec bash --norc -ic \"(trap '' HUP; {environment} {program} watch -i veth0 --site fixtures/site.toml \
             {words} 2>{said}; echo \\$? >{code}.tmp; mv {code}.tmp {code}); true\""
        );
        fs::write(pane.cable.at("tmux.conf"), "set -g status off\n").unwrap();
        let config = pane.at("tmux.conf");
        let mut tmux = Command::new("ip");
        tmux.args(["netns", "exec", &pane.cable.receiver, "tmux", "-L", &pane.socket, "-f", &config, "new-session"]);
        let (columns, lines) = (size.0.to_string(), size.1.to_string());
        tmux.args(["-d", "-x", &columns, "-y", &lines, "-c", ROOT]).env("LC_ALL", "C.UTF-8").env_remove("TMUX");
        let made = tmux.arg(line).output().unwrap();
        assert!(made.status.success(), "{}", text(&made.stderr));
        Some(pane)
    }

    fn at(&self, name: &str) -> String {
        self.cable.at(name).to_str().unwrap().to_owned()
    }

    fn tmux(&self, words: &[&str]) -> Output {
        let mut tmux = Command::new("tmux");
        tmux.args(["-u", "-L", &self.socket]).args(words).env("LC_ALL", "C.UTF-8").env_remove("TMUX");
        tmux.output().unwrap()
    }

    fn press(&self, keys: &[&str]) {
        assert!(self.tmux(&[&["send-keys"], keys].concat()).status.success());
    }

    fn picture(&self) -> String {
        text(&self.tmux(&["capture-pane", "-p"]).stdout)
    }

    /// The colours of the picture, as the terminal was told them (ECMA-48, SGR).
    fn colours(&self) -> BTreeSet<u8> {
        let bytes = text(&self.tmux(&["capture-pane", "-p", "-e"]).stdout);
        let told = bytes.split("\x1b[").skip(1).filter_map(|part| part.split_once('m'));
        let codes = told.flat_map(|(codes, _)| codes.split(';')).filter_map(|code| code.parse().ok());
        codes.filter(|code| matches!(code, 30..=38 | 40..=48 | 90..=97 | 100..=107)).collect()
    }

    /// Waits for a picture, and gives it.
    fn shows(&self, what: &str, is_it: impl Fn(&str) -> bool) -> String {
        let begun = Instant::now();
        loop {
            let shown = self.picture();
            if is_it(&shown) {
                return shown;
            }
            let said = fs::read_to_string(self.cable.at("said")).unwrap_or_default();
            assert!(begun.elapsed() < Duration::from_secs(15), "{what} did not come:\n{shown}\n{said}");
            sleep(Duration::from_millis(30));
        }
    }

    /// Sends the capture and waits until its last row is shown.
    fn traffic(&self) -> String {
        assert!(self.cable.replay(&["--topspeed"]).wait().unwrap().success());
        self.shows("the traffic", |shown| {
            shown.contains("678 packets ·") && shown.contains("! AMS-08") && shown.contains("? help")
        })
    }

    /// The exit code of the watch, which has to end now.
    fn code(&self) -> String {
        let begun = Instant::now();
        loop {
            if let Ok(code) = fs::read_to_string(self.cable.at("code")) {
                return code.trim().to_owned();
            }
            assert!(begun.elapsed() < Duration::from_secs(10), "it did not end:\n{}", self.picture());
            sleep(Duration::from_millis(30));
        }
    }
}

impl Drop for Pane {
    fn drop(&mut self) {
        let _ = self.tmux(&["kill-server"]);
    }
}

fn line<'text>(shown: &'text str, part: &str) -> &'text str {
    shown.lines().find(|line| line.contains(part)).unwrap_or_else(|| panic!("no line with {part}:\n{shown}"))
}

#[test]
fn a_small_terminal_takes_every_key_and_grows() {
    let Some(pane) = Pane::open((80, 24), "NO_COLOR=1", &["--html", "page.html", "--flows", "flows.csv"]) else {
        return;
    };
    let shown = pane.traffic();
    keep("80x24", &shown);
    assert!(shown.lines().count() == 24 && shown.lines().all(|line| line.chars().count() <= 80), "{shown}");
    assert!(line(&shown, "! AMS-08").contains("partial") && line(&shown, "✗ AMS-09").contains("blocked"), "{shown}");
    assert!(line(&shown, "lost:").contains("lost: 0 kernel, 0 interface, 0 unseen"), "{shown}");
    assert_eq!(pane.colours(), BTreeSet::new());

    // Sorted by what is worst, and as the document has it again.
    let first = |shown: &str| shown.lines().skip_while(|line| !line.contains("row  ")).nth(1).unwrap().to_owned();
    assert!(first(&shown).contains("AMS-01"), "{shown}");
    pane.press(&["s"]);
    pane.shows("the worst first", |shown| first(shown).contains("blocked"));
    pane.press(&["s", "s", "s"]);
    pane.shows("the document", |shown| first(shown).contains("AMS-01"));

    pane.press(&["/", "1433", "Enter"]);
    let shown = pane.shows("one row", |shown| !shown.contains("AMS-05") && shown.contains("Esc clears"));
    assert!(line(&shown, "✗ AMS-09").contains("blocked"), "{shown}");
    pane.press(&["Enter"]);
    pane.shows("the row", |shown| shown.contains("10.77.40.20") && shown.contains("icmp 3/13"));
    pane.press(&["Escape"]);
    pane.shows("the lists", |shown| shown.contains("Esc clears"));
    pane.press(&["Escape"]);
    pane.shows("all rows", |shown| shown.contains("AMS-05"));

    pane.press(&["Tab", "m"]);
    pane.shows("a finding less", |shown| shown.contains("Findings 3, 2 new"));
    pane.press(&["?"]);
    pane.shows("help", |shown| shown.contains("end the watch"));
    pane.press(&["x", "w"]);
    pane.shows("what was written", |shown| shown.contains("written: "));
    let page = fs::read_to_string(pane.cable.at("page.html")).unwrap();
    assert!(page.contains("AMS-09") && fs::read_to_string(pane.cable.at("flows.csv")).unwrap().lines().count() > 30);

    pane.tmux(&["resize-window", "-x", "200", "-y", "60"]);
    let wide = pane.shows("the wide one", |shown| shown.contains("tds tcp/1433") && shown.lines().count() == 60);
    assert!(wide.lines().any(|line| line.chars().count() > 150), "{wide}");
    keep("200x60", &wide);
    pane.tmux(&["resize-window", "-x", "30", "-y", "6"]);
    pane.shows("the smallest one", |shown| shown.lines().count() == 6 && shown.contains("AMS-"));
    fs::remove_file(pane.cable.at("page.html")).unwrap();
    pane.press(&["q"]);
    assert_eq!(pane.code(), "1");
    assert!(pane.cable.at("page.html").exists());
}

#[test]
fn a_large_terminal_has_colour_and_ends_with_control_c() {
    let Some(pane) = Pane::open((200, 60), "TERM=xterm-256color", &["--json", "audit.json"]) else { return };
    let shown = pane.traffic();
    assert_eq!(shown.lines().count(), 60);
    for services in ["ldap tcp/389, cldap udp/389", "epm tcp/135", "tds tcp/1433"] {
        assert!(shown.contains(services), "{shown}");
    }
    assert!(pane.colours().contains(&38), "no red for what is blocked");
    // An interface that goes down is said at once.
    super::cable::run("ip", &format!("-n {} link set veth0 down", pane.cable.sender));
    pane.shows("the outage", |shown| shown.contains("veth0 DOWN"));
    pane.press(&["C-c"]);
    assert_eq!(pane.code(), "1");
    assert_eq!(pane.cable.json("audit.json")["inputs"][0]["packets"], 678);
}

#[test]
fn a_terminal_that_is_closed_leaves_its_reports() {
    let Some(pane) = Pane::open((80, 24), "", &["--json", "audit.json"]) else { return };
    pane.traffic();
    assert!(pane.tmux(&["kill-server"]).status.success());
    assert_eq!(pane.code(), "1", "{}", fs::read_to_string(pane.cable.at("said")).unwrap_or_default());
    assert_eq!(pane.cable.json("audit.json")["inputs"][0]["packets"], 678);
}

/// The closing of a terminal is a SIGHUP too, and no wish to have the site read again.
#[test]
fn a_plain_watch_ends_with_its_terminal_and_leaves_its_reports() {
    let Some(pane) = Pane::plain("") else { return };
    assert!(pane.cable.replay(&["--topspeed"]).wait().unwrap().success());
    pane.shows("the rows", |shown| shown.contains("AMS-09"));
    assert!(pane.tmux(&["kill-server"]).status.success());
    assert_eq!(pane.code(), "1", "{}", fs::read_to_string(pane.cable.at("said")).unwrap_or_default());
    assert_eq!(pane.cable.json("audit.json")["inputs"][0]["packets"], 678);
    assert_eq!(pane.cable.events().iter().filter(|event| event["event"] == "reloaded").count(), 0);
}

/// Who takes the watch from its terminal before closing that (`setsid`, `disown`) wants it to go on.
#[test]
fn a_watch_without_its_terminal_goes_on_and_rests() {
    let Some(pane) = Pane::plain("setsid --wait") else { return };
    let program = env!("CARGO_BIN_EXE_flowaudit");
    let words = format!("^{program} watch .*{}", pane.at("audit.json"));
    let found = Command::new("pgrep").args(["-f", &words]).output().unwrap();
    let process = text(&found.stdout).trim().to_owned();
    assert!(pane.tmux(&["kill-server"]).status.success());
    // What cannot be printed any more comes now.
    assert!(pane.cable.replay(&["--topspeed"]).wait().unwrap().success());
    until("the findings", 20, || pane.cable.events().iter().any(|event| event["event"] == "finding"));
    let busy = || -> u64 {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
        let fields = stat.rsplit_once(')').unwrap().1.split_whitespace().skip(11).take(2);
        fields.map(|ticks| ticks.parse::<u64>().unwrap()).sum()
    };
    sleep(Duration::from_millis(500));
    let before = busy();
    sleep(Duration::from_secs(2));
    assert!(busy() - before < 50, "it spins: {} of 200 ticks", busy() - before);
    super::cable::run("kill", &format!("-INT {process}"));
    assert_eq!(pane.code(), "1", "{}", fs::read_to_string(pane.cable.at("said")).unwrap_or_default());
    assert_eq!(pane.cable.json("audit.json")["inputs"][0]["packets"], 678);
}

/// Leaves a picture where `SCREENS` says, for whoever wants to look at it.
fn keep(name: &str, shown: &str) {
    if let Some(folder) = std::env::var_os("SCREENS") {
        fs::write(std::path::Path::new(&folder).join(format!("{name}.txt")), shown).unwrap();
    }
}
