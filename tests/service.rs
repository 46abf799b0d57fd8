//! The unit and the sample site that a packager installs: systemd accepts the one (where
//! `systemd-analyze` is there), the program its command line and the other.
#![forbid(unsafe_code)]
#![cfg(all(feature = "live", target_os = "linux"))]

#[cfg(test)]
mod service {
    use std::fs;
    use std::path::{Path, PathBuf};
    use std::process::Command;

    const PROGRAM: &str = env!("CARGO_BIN_EXE_flowaudit");

    fn file(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli/watch/service").join(name)
    }

    fn unit() -> String {
        fs::read_to_string(file("flowaudit-watch@.service")).unwrap()
    }

    #[test]
    fn the_program_takes_the_command_of_the_unit() {
        let text = unit();
        let command = text.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
        let command = command.replace("%I", "lo").replace("%i", "lo").replace("%S", "/var/lib");
        let mut words = command.split(' ');
        assert_eq!(words.next(), Some("/usr/bin/flowaudit"));
        // With --list the words are read and nothing is watched.
        let list = |words: Vec<&str>| Command::new(PROGRAM).args(words).arg("--list").output().unwrap();
        let words: Vec<&str> = words.collect();
        let output = list(words.clone());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(list([&words[..], &["--no-such-word"]].concat()).status.code(), Some(2));
    }

    fn has_systemd() -> bool {
        let found = Command::new("systemd-analyze").arg("--version").output().is_ok();
        assert!(found || std::env::var_os("CI").is_none(), "systemd-analyze must be there");
        if !found {
            eprintln!("not tested: systemd-analyze is not installed");
        }
        found
    }

    #[test]
    fn systemd_finds_the_unit_confined() {
        if !has_systemd() {
            return;
        }
        let room = tempfile::tempdir().unwrap();
        let path = room.path().join("flowaudit-watch@eth0.service");
        fs::write(&path, unit()).unwrap();
        // In tenths; nothing at all given up is 96.
        let below = |exposure: &str| {
            let mut analyze = Command::new("systemd-analyze");
            analyze.args(["security", "--no-pager", "--offline=true", &format!("--threshold={exposure}")]).arg(&path);
            analyze.output().unwrap().status.success()
        };
        assert!(below("35"));
        assert!(!below("10"), "it would have been found");
    }

    #[test]
    fn systemd_takes_the_unit() {
        if !has_systemd() {
            return;
        }
        let room = tempfile::tempdir().unwrap();
        let path = room.path().join("flowaudit-watch@eth0.service");
        let verify = |text: String| {
            fs::write(&path, text.replace("/usr/bin/flowaudit", PROGRAM)).unwrap();
            let output = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&path).output().unwrap();
            String::from_utf8_lossy(&output.stderr).lines().filter(|line| line.contains("flowaudit-watch@")).count()
        };
        assert_eq!(verify(unit()), 0);
        assert_ne!(verify(unit().replace("ProtectHome=yes", "ProtectHome=perhaps")), 0, "it would have been found");
    }

    #[test]
    fn the_sample_site_is_one() {
        let output = Command::new(PROGRAM).args(["site", "check"]).arg(file("site.toml")).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stdout));
    }
}
