//! A run that is held at its first packet, or traced from its first call to its last, in; what it
//! may still do out, seen from outside: by `/proc/PID/status` and strace. The parts about users and
//! interfaces need root and `ip` (iproute2), those about calls need `strace`; without them a test says
//! so and passes, unless `CI` is set: then they must be there.
#![forbid(unsafe_code)]
#![cfg(target_os = "linux")]

#[cfg(test)]
#[path = "support/tree.rs"]
mod tree;

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::fs::{self, OpenOptions, Permissions};
    use std::io::{BufRead, BufReader, Write};
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;
    use std::process::{Child, ChildStderr, Command, Output, Stdio};

    use tempfile::TempDir;

    use super::tree::files;

    const ROOT: &str = env!("CARGO_MANIFEST_DIR");
    const PROGRAM: &str = env!("CARGO_BIN_EXE_flowaudit");
    const CAPTURE: &str = "fixtures/d-blocked.pcap";
    const SITE: [&str; 2] = ["--site", "fixtures/site.toml"];

    fn is_root() -> bool {
        text(&Command::new("id").arg("-u").output().unwrap().stdout).trim() == "0"
    }

    /// Whether a test can run; a gate must have everything.
    fn have(condition: bool, what: &str) -> bool {
        assert!(condition || std::env::var_os("CI").is_none(), "{what} must be there");
        if !condition {
            eprintln!("not tested: it needs {what}");
        }
        condition
    }

    fn has_program(name: &str) -> bool {
        Command::new(name).arg("-V").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
    }

    fn text(bytes: &[u8]) -> String {
        String::from_utf8_lossy(bytes).into_owned()
    }

    /// A directory in which everybody may write, or only who made it.
    fn room(mode: u32) -> TempDir {
        let room = tempfile::tempdir().unwrap();
        fs::set_permissions(room.path(), Permissions::from_mode(mode)).unwrap();
        room
    }

    fn flowaudit(words: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(words).current_dir(ROOT).stdin(Stdio::null()).env_remove("SUDO_UID").env_remove("SUDO_GID");
        command
    }

    /// Starts it and reads its errors until it says what holds.
    fn confined(mut command: Command) -> (Child, BufReader<ChildStderr>, String) {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.starts_with("flowaudit: sandbox: ") {
            line.clear();
            assert!(said.read_line(&mut line).unwrap() > 0, "it ended without a word about a sandbox");
        }
        (child, said, line)
    }

    /// What the kernel says of a process: no rights, no way to them, and as root another user.
    fn check_status(child: &Child, line: &str) {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
        };
        let sets: &[&str] =
            if is_root() { &["CapEff", "CapPrm", "CapInh", "CapAmb", "CapBnd"] } else { &["CapEff", "CapPrm"] };
        for set in sets {
            assert_eq!(field(set), "0000000000000000", "{set}: {status}");
        }
        assert_eq!([field("NoNewPrivs"), field("Seccomp")], ["1", "2"], "{status}");
        if is_root() {
            assert_eq!([field("Uid"), field("Gid")], ["65534 65534 65534 65534"; 2], "{status}");
            assert_eq!(field("Groups"), "65534");
            assert!(line.contains("uid 65534, "), "{line}");
        }
        assert!(line.contains("caps none, landlock abi ") && line.contains("seccomp "), "{line}");
        let limits = fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
        let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
        assert!(core.split_whitespace().filter(|word| *word == "0").count() >= 1, "{core}");
    }

    #[test]
    fn an_audit_is_confined_before_its_first_packet() {
        let room = room(0o777);
        let (pipe, json) = (room.path().join("pipe"), room.path().join("a.json"));
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let words =
            [&["audit", pipe.to_str().unwrap(), "--sandbox", "strict", "--json", json.to_str().unwrap()], &SITE[..]];
        let (mut child, _said, line) = confined(flowaudit(&words.concat()));
        check_status(&child, &line);
        let mut writer = OpenOptions::new().write(true).open(&pipe).unwrap();
        let bytes = fs::read(Path::new(ROOT).join(CAPTURE)).unwrap();
        writer.write_all(&bytes[..24]).unwrap();
        check_status(&child, &line);
        writer.write_all(&bytes[24..]).unwrap();
        drop(writer);
        assert_eq!(child.wait().unwrap().code(), Some(1));
        assert!(text(&fs::read(json).unwrap()).contains("\"packets\": 678"));
    }

    #[cfg(feature = "live")]
    #[test]
    fn a_watch_is_confined_before_its_first_packet() {
        if !have(is_root() && has_program("ip"), "root and iproute2") {
            return;
        }
        let name = format!("flowaudit-sandbox-{}", std::process::id());
        let ip =
            |words: &str| assert!(Command::new("ip").args(words.split(' ')).status().unwrap().success(), "{words}");
        ip(&format!("netns add {name}"));
        ip(&format!("-n {name} link add v0 type veth peer v1"));
        ip(&format!("-n {name} link set v0 up"));
        let room = room(0o777);
        let json = room.path().join("a.json");
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &name, PROGRAM, "watch", "-i", "v0", "--json"]).arg(&json).args(SITE);
        command.current_dir(ROOT).env_remove("SUDO_UID");
        let (mut child, _said, line) = confined(command);
        check_status(&child, &line);
        assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
        assert_eq!(child.wait().unwrap().code(), Some(3));
        ip(&format!("netns del {name}"));
        assert!(json.exists());
    }

    /// The calls of a run, from the line that says what holds to its end, and those before.
    fn traced(words: &[&str], code: i32) -> (Vec<String>, Vec<String>) {
        let room = tempfile::tempdir().unwrap();
        let log = room.path().join("calls");
        let mut command = Command::new("strace");
        command.args(["-f", "-s", "200", "-o"]).arg(&log).arg(PROGRAM).args(words).current_dir(ROOT);
        let output = command.stdin(Stdio::null()).env_remove("SUDO_UID").output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{}", text(&output.stderr));
        let calls: Vec<String> = fs::read_to_string(log).unwrap().lines().map(str::to_owned).collect();
        let border = calls.iter().position(|call| call.contains("sandbox: uid ")).unwrap();
        (calls[..border].to_vec(), calls[border..].to_vec())
    }

    fn name(call: &str) -> &str {
        call.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ').split('(').next().unwrap_or_default()
    }

    #[test]
    fn a_confined_audit_reads_nothing_more_and_talks_to_nobody() {
        if !have(has_program("strace"), "strace") {
            return;
        }
        let room = room(0o777);
        let at = |name: &str| room.path().join(name).to_str().unwrap().to_owned();
        let outputs: Vec<String> = OUTPUTS.iter().flat_map(|(option, name)| [(*option).to_owned(), at(name)]).collect();
        let outputs: Vec<&str> = outputs.iter().map(String::as_str).collect();
        let captures = ["audit", CAPTURE, "fixtures/e-violations.pcap", "--sandbox", "strict"];
        let (before, after) = traced(&[&captures[..], &SITE, &outputs].concat(), 1);
        for step in
            ["landlock_restrict_self(", "PR_SET_NO_NEW_PRIVS", "PR_SET_DUMPABLE, SUID_DUMP_DISABLE", "RLIMIT_CORE"]
        {
            assert!(before.iter().any(|call| call.contains(step)), "{step} is missing");
        }
        let threads = |call: &&String| ["clone", "clone3", "fork", "vfork"].contains(&name(call));
        assert_eq!(before.iter().find(threads), None, "a thread from before the sandbox");
        assert!(after.iter().any(|call| threads(&call)), "hashing has a thread of its own");
        let opened =
            |call: &&String| name(call) == "openat" && call.contains("O_RDONLY") && !call.contains("O_DIRECTORY");
        assert_eq!(after.iter().find(opened), None);
        let calls = after.iter().filter(|call| call.contains('(')).map(|call| name(call));
        let calls: BTreeSet<&str> = calls.filter(|name| !name.starts_with(['<', '+', '-'])).collect();
        for call in ["socket", "connect", "execve", "fork", "vfork", "ptrace", "kill"] {
            assert!(!calls.contains(call), "{calls:?}");
        }
        assert!(calls.len() <= 40, "{calls:?}");
        assert_eq!(after.iter().find(|call| call.contains("EPERM") || call.contains("EACCES")), None);
    }

    const OUTPUTS: [(&str, &str); 10] = [
        ("--json", "a.json"),
        ("--csv", "a.csv"),
        ("--html", "a.html"),
        ("--markdown", "a.md"),
        ("--junit", "a.xml"),
        ("--sarif", "a.sarif"),
        ("--oscal", "a.oscal.json"),
        ("--flows", "f.csv"),
        ("-w", "f.pcapng"),
        ("--evidence", "bundle"),
    ];

    /// Every output of an audit in a directory, by name.
    fn outputs(room: &Path, sandbox: &str) -> BTreeMap<String, Vec<u8>> {
        let mut command = flowaudit(&["audit", CAPTURE, "fixtures/e-violations.pcap", "-q", "--sandbox", sandbox]);
        for (option, name) in OUTPUTS {
            command.arg(option).arg(room.join(name));
        }
        let output = command.args(SITE).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{sandbox}: {}", text(&output.stderr));
        files(room)
    }

    #[test]
    fn every_form_is_the_same_in_the_sandbox() {
        let open = outputs(room(0o777).path(), "off");
        assert!(open.len() > 15, "{}", open.len());
        for sandbox in ["best", "strict"] {
            let confined = outputs(room(0o777).path(), sandbox);
            assert!(confined.keys().eq(open.keys()), "{sandbox}: {:?}", confined.keys());
            for ((name, bytes), (_, expected)) in confined.iter().zip(&open) {
                assert!(bytes == expected, "{sandbox}: {name} differs");
            }
        }
    }

    fn check(output: &Output, code: i32, parts: &[&str]) {
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(parts.iter().all(|part| said.contains(part)), "{parts:?}: {said}");
    }

    #[test]
    fn who_cannot_be_confined_is_told() {
        let audit = |more: &[&str]| flowaudit(&[&["audit", CAPTURE], &SITE[..], more].concat()).output().unwrap();
        check(&audit(&["--sandbox", "off"]), 1, &["exit 1"]);
        assert!(!text(&audit(&["--sandbox", "off"]).stderr).contains("sandbox"));
        if !have(is_root(), "root") {
            check(&audit(&["--user", "nobody"]), 2, &["only root can become another user"]);
            return;
        }
        check(&audit(&["--user", "nobody-at-all"]), 2, &["there is no such user"]);
        check(&audit(&["--user", "1"]), 1, &["sandbox: uid 1, caps none"]);
        check(&audit(&["--user", "root"]), 1, &["sandbox: uid 0, caps none"]);
        // Only root may write there: a strict run says so, any other stays root without its rights.
        let private = room(0o700);
        let json = private.path().join("a.json");
        let words = ["--json", json.to_str().unwrap()];
        let refused = ["--sandbox strict: uid: user 65534 may not write in", "or run with --sandbox best"];
        check(&audit(&[&words[..], &["--sandbox", "strict"]].concat()), 2, &refused);
        assert!(!json.exists());
        check(&audit(&words), 1, &["sandbox: uid 0 (user 65534 may not write in", "caps none, landlock abi"]);
        assert!(json.exists());
        let mut sudo = flowaudit(&[&["audit", CAPTURE], &SITE[..]].concat());
        check(&sudo.env("SUDO_UID", "12345").env("SUDO_GID", "12345").output().unwrap(), 1, &["sandbox: uid 12345, "]);
    }

    /// A report of root in a directory like `/tmp` is replaced by the user that the process became.
    #[test]
    fn older_reports_are_handed_over() {
        if !have(is_root(), "root") {
            return;
        }
        let shared = room(0o1777);
        let (json, link) = (shared.path().join("a.json"), shared.path().join("b.json"));
        let precious = room(0o755);
        let victim = precious.path().join("victim");
        fs::write(&victim, "precious").unwrap();
        fs::write(&json, "older").unwrap();
        std::os::unix::fs::symlink(&victim, &link).unwrap();
        let audit = |to: &Path| {
            let words = ["audit", CAPTURE, "--sandbox", "strict", "--json", to.to_str().unwrap()];
            flowaudit(&[&words[..], &SITE].concat()).output().unwrap()
        };
        check(&audit(&json), 1, &["sandbox: uid 65534, "]);
        assert!(fs::read_to_string(&json).unwrap().starts_with('{'));
        let _ = audit(&link);
        assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
        assert_eq!(std::os::unix::fs::MetadataExt::uid(&fs::metadata(&victim).unwrap()), 0);
    }

    /// More captures than there may be open files: the rest is opened when its turn comes.
    #[test]
    fn descriptors_may_run_out() {
        let room = room(0o755);
        let bytes = fs::read(Path::new(ROOT).join(CAPTURE)).unwrap();
        // The first packet alone, each time a second later: rotated files do not overlap.
        let length = 16 + usize::try_from(u32::from_le_bytes(bytes[32..36].try_into().unwrap())).unwrap();
        let start = u32::from_le_bytes(bytes[24..28].try_into().unwrap());
        for number in 0..120 {
            let record = [&(start + number).to_le_bytes(), &bytes[28..24 + length]].concat();
            fs::write(room.path().join(format!("{number:03}.pcap")), [&bytes[..24], &record].concat()).unwrap();
        }
        let mut command = Command::new("prlimit");
        command.args(["--nofile=100:100", PROGRAM, "audit"]).arg(room.path()).args(SITE).current_dir(ROOT);
        let output = command.env_remove("SUDO_UID").output().unwrap();
        check(&output, 1, &["sandbox: ", "caps none, landlock abi "]);
        let said = text(&output.stdout);
        assert!(said.contains("120 packets") && !said.contains("breaks off"), "{said}");
    }
}
