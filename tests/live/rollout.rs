//! A rollout in network namespaces: a server whose firewalls are opened one after the other while it
//! is watched. Resolver (dnsmasq), update host and agents' end (openssl), intranet (Python's
//! http.server), clients (curl) and the firewall (nftables) are real.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::cable::{ROOT, have, run, text, until};

const SERVER: &str = "10.99.0.5";
const SERVICES: &str = "10.99.0.53";
/// Where the names lead: an address of its own, since a name never leads to a host that the site lists.
const UPDATES: &str = "10.99.0.80";
const AGENT: &str = "10.99.0.21";
const SITE: &str = r#"
[site]
name = "rollout"
packs = ["PACK"]
baseline = []
vantage = "server"
[roles]
server = ["10.99.0.5"]
dns-servers = ["10.99.0.53"]
intranet = ["10.99.0.53"]
agents = ["10.99.0.21"]
"#;
const AMS: [&str; 6] =
    ["--role", "ams-server=10.99.0.5", "--role", "dns-servers=10.99.0.53", "--role", "domain-controllers=10.99.0.53"];

/// Three hosts on one bridge, and what runs on them.
struct Lan {
    tag: String,
    room: TempDir,
    servers: Vec<Child>,
}

impl Lan {
    fn build() -> Option<Self> {
        static SERIAL: AtomicU32 = AtomicU32::new(0);
        if !have(&["ip", "nft", "dnsmasq", "openssl", "curl", "python3", "unshare"]) {
            return None;
        }
        let tag = format!("flowaudit-lan-{}-{}", std::process::id(), SERIAL.fetch_add(1, Ordering::Relaxed));
        let lan = Self { tag, room: tempfile::tempdir().unwrap(), servers: Vec::new() };
        lan.ip(&format!("netns add {}-bridge", lan.tag));
        lan.ip(&format!("-n {}-bridge link add br0 type bridge", lan.tag));
        lan.ip(&format!("-n {}-bridge link set br0 up", lan.tag));
        for (number, (host, address)) in
            [("server", SERVER), ("services", SERVICES), ("agent", AGENT)].iter().enumerate()
        {
            let (bridge, host) = (format!("{}-bridge", lan.tag), format!("{}-{host}", lan.tag));
            lan.ip(&format!("netns add {host}"));
            // Only what the test does is on the cable: no neighbour discovery, no router solicitations.
            let quiet = "sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1";
            lan.ip(&format!("netns exec {host} {quiet}"));
            lan.ip(&format!("link add eth0 netns {host} type veth peer port{number} netns {bridge}"));
            lan.ip(&format!("-n {bridge} link set port{number} master br0 up"));
            lan.ip(&format!("-n {host} addr add {address}/24 dev eth0"));
            lan.ip(&format!("-n {host} link set eth0 up"));
            lan.ip(&format!("-n {host} link set lo up"));
        }
        lan.ip(&format!("-n {}-services addr add {UPDATES}/24 dev eth0", lan.tag));
        Some(lan)
    }

    fn ip(&self, words: &str) {
        run("ip", words);
    }

    fn at(&self, name: &str) -> String {
        self.room.path().join(name).to_str().unwrap().to_owned()
    }

    /// A command on a host, whose resolver is that of the rollout.
    fn on(&self, host: &str, words: &[&str]) -> Command {
        let mut command = Command::new("ip");
        let resolv = format!("mount --bind {} /etc/resolv.conf; exec \"$@\"", self.at("resolv.conf"));
        command.args([
            "netns",
            "exec",
            &format!("{}-{host}", self.tag),
            "unshare",
            "--mount",
            "sh",
            "-c",
            &resolv,
            "sh",
        ]);
        command.args(words).current_dir(self.room.path()).stdin(Stdio::null());
        command
    }

    fn serve(&mut self, host: &str, words: &[&str]) {
        let child = self.on(host, words).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        self.servers.push(child);
    }

    /// Starts the servers and waits until all of them listen.
    fn start(&mut self) {
        fs::write(self.at("resolv.conf"), format!("nameserver {SERVICES}\noptions timeout:1 attempts:2\n")).unwrap();
        let subject = "/CN=rollout";
        let names = "subjectAltName=DNS:updates.rollout.test,DNS:packages.lithnet.io,DNS:server.rollout.test";
        let key =
            ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc", "-keyout", "key", "-out", "cert"];
        let mut request =
            self.on("services", &["openssl", "req", "-x509", "-days", "2", "-subj", subject, "-addext", names]);
        let made = request.args(key).output().unwrap();
        assert!(made.status.success(), "{}", text(&made.stderr));
        let answers = [
            format!("--address=/updates.rollout.test/{UPDATES}"),
            format!("--address=/packages.lithnet.io/{UPDATES}"),
            format!("--listen-address={SERVICES}"),
        ];
        let resolver = [
            "dnsmasq",
            "--keep-in-foreground",
            "--no-resolv",
            "--no-hosts",
            "--conf-file=/dev/null",
            "--bind-interfaces",
            "--user=root",
            "--pid-file=",
        ];
        self.serve("services", &[&resolver[..], &answers.each_ref().map(String::as_str)].concat());
        let tls = ["openssl", "s_server", "-accept", "443", "-cert", "cert", "-key", "key", "-www", "-quiet"];
        self.serve("services", &tls);
        self.serve("server", &tls);
        self.serve("services", &["python3", "-m", "http.server", "--bind", SERVICES, "80"]);
        for (host, ports) in [("services", &[":53 ", ":443 ", ":80 "][..]), ("server", &[":443 "])] {
            let begun = Instant::now();
            loop {
                let sockets = self.on(host, &["ss", "-ltnH"]).output().unwrap();
                if ports.iter().all(|port| text(&sockets.stdout).contains(port)) {
                    break;
                }
                assert!(begun.elapsed() < Duration::from_secs(15), "{host} serves only {}", text(&sockets.stdout));
                sleep(Duration::from_millis(50));
            }
        }
    }

    /// What the firewall before the services does; nothing, with no rules.
    fn firewall(&self, rules: &[&str]) {
        let mut script = "flush ruleset\ntable inet t {\nchain c {\ntype filter hook input priority 0;\n".to_owned();
        rules.iter().for_each(|rule| script.push_str(&format!("{rule}\n")));
        script.push_str("}\n}\n");
        fs::write(self.at("rules"), script).unwrap();
        let done = self.on("services", &["nft", "-f", "rules"]).output().unwrap();
        assert!(done.status.success(), "{}", text(&done.stderr));
    }

    fn curl(&self, host: &str, words: &[&str]) -> Command {
        let before = ["curl", "-sS", "-o", "/dev/null", "--cacert", "cert", "--connect-timeout"];
        self.on(host, &[&before[..], words].concat())
    }

    /// A request that is answered.
    fn asks(&self, host: &str, words: &[&str]) {
        let output = self.curl(host, &[&["5"], words].concat()).output().unwrap();
        assert!(output.status.success(), "{host} {words:?}: {}", text(&output.stderr));
    }

    /// Starts a watch at the server and waits until the interface is open.
    fn watch(&self, events: &str, words: &[&str]) -> Child {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &format!("{}-server", self.tag), env!("CARGO_BIN_EXE_flowaudit"), "watch"]);
        command.args(["-i", "eth0", "-q", "--events", &self.at(events)]).args(words);
        let child = command.current_dir(ROOT).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        until("the watch", 20, || self.events(events).iter().any(|event| event["event"] == "start"));
        child
    }

    fn events(&self, name: &str) -> Vec<Value> {
        let lines = fs::read_to_string(self.at(name)).unwrap_or_default();
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Waits until `row` comes out as `status`, and says when that was and why.
    fn turns(&self, row: &str, status: &str) -> String {
        let mut reason = None;
        until(&format!("{row} {status}"), 20, || {
            let events = self.events("events.jsonl");
            let last = events.iter().rfind(|event| event["row"] == row);
            reason = last.filter(|last| last["to"] == status).map(|last| last["reason"].as_str().unwrap().to_owned());
            reason.is_some()
        });
        reason.unwrap()
    }
}

impl Drop for Lan {
    fn drop(&mut self) {
        for server in &mut self.servers {
            let _ = server.kill();
            let _ = server.wait();
        }
        for host in ["server", "services", "agent", "bridge"] {
            let _ = Command::new("ip").args(["netns", "del", &format!("{}-{host}", self.tag)]).status();
        }
    }
}

fn finished(child: Child) -> Output {
    child.wait_with_output().unwrap()
}

#[test]
fn rows_turn_as_the_firewalls_are_opened() {
    let Some(mut lan) = Lan::build() else { return };
    let pack = format!("{ROOT}/tests/live/rollout.toml");
    fs::write(lan.at("site.toml"), SITE.replace("PACK", &pack)).unwrap();
    lan.start();
    lan.firewall(&["tcp dport 443 drop", "tcp dport 80 reject with icmp type admin-prohibited"]);
    let program = ["ip", "netns", "exec", &format!("{}-server", lan.tag), env!("CARGO_BIN_EXE_flowaudit")];
    let list = Command::new(program[0]).args(&program[1..]).args(["watch", "--list"]).output().unwrap();
    let listed = text(&list.stdout);
    assert!(
        listed.lines().any(|line| line.starts_with("eth0") && line.contains(&format!("up    {SERVER}"))),
        "{listed}"
    );
    let (junit, json) = (lan.at("gate.xml"), lan.at("gate.json"));
    let bounds = ["--until", "confirmed", "--for", "60s", "--junit", &junit, "--json", &json];
    let gate = lan.watch("events.jsonl", &[&["--site", &lan.at("site.toml")][..], &bounds].concat());
    let ams = lan.watch("ams.jsonl", &AMS);

    // The resolver answers, and what it answers for is behind a firewall that drops.
    let filtered = lan.curl("server", &["8", "https://updates.rollout.test/"]).spawn().unwrap();
    lan.turns("RO-01", "confirmed");
    // The intranet is behind one that rejects.
    let rejected = lan.curl("server", &["5", &format!("http://{SERVICES}/")]).output().unwrap();
    assert!(!rejected.status.success());
    let why = lan.turns("RO-03", "blocked");
    assert!(why.contains("rejected by icmp 3/13"), "{why}");
    // An agent checks in.
    lan.asks("agent", &["--resolve", &format!("server.rollout.test:443:{SERVER}"), "https://server.rollout.test/"]);
    lan.turns("RO-04", "confirmed");
    assert!(!finished(filtered).status.success());
    let why = lan.turns("RO-02", "blocked");
    assert!(why.contains("no answer to "), "{why}");

    // The intranet is opened first, then the update host.
    lan.firewall(&["tcp dport 443 drop"]);
    lan.asks("server", &[&format!("http://{SERVICES}/")]);
    lan.turns("RO-03", "confirmed");
    lan.firewall(&[]);
    lan.asks("server", &["https://packages.lithnet.io/"]);
    lan.asks("server", &["https://updates.rollout.test/"]);
    let last = Instant::now();
    let ended = finished(gate);
    assert!(last.elapsed() <= Duration::from_secs(2), "the gate opened {:?} after the last flow", last.elapsed());
    assert_eq!(ended.status.code(), Some(0), "{}", text(&ended.stderr));

    let events = lan.events("events.jsonl");
    let turned = |to: &str| {
        let rows = events.iter().filter(|event| event["event"] == "row" && event["to"] == to);
        rows.map(|event| event["row"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(turned("confirmed"), ["RO-01", "RO-04", "RO-03", "RO-02"]);
    assert_eq!(turned("blocked"), ["RO-03", "RO-02"]);
    assert_eq!(events.last().unwrap()["exit"], 0);
    let audit: Value = serde_json::from_slice(&fs::read(&json).unwrap()).unwrap();
    assert!(audit["rows"].as_array().unwrap().iter().all(|row| row["status"] == "confirmed"), "{}", audit["rows"]);
    let cases = fs::read_to_string(Path::new(&junit)).unwrap();
    assert!(cases.contains("failures=\"0\""), "{cases}");
    shown_by_the_document(&lan, ams);
}

/// The rows of the shipped document that this traffic is about.
fn shown_by_the_document(lan: &Lan, watch: Child) {
    super::cable::signal(&watch, "INT");
    let ended = finished(watch);
    assert!(matches!(ended.status.code(), Some(1 | 3)), "{}", text(&ended.stderr));
    let events = lan.events("ams.jsonl");
    let last = |row: &str| events.iter().rfind(|event| event["row"] == row).map(|event| event["to"].clone());
    assert_eq!(last("AMS-01"), Some(Value::from("confirmed")));
    assert_eq!(last("AMS-08"), Some(Value::from("confirmed")));
}
