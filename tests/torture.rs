//! What a hostile author of captures and a clumsy user can do in; an exit code of the documented four
//! out, in time, and never a panic. Files are made here; the shared captures serve for damage.
#![forbid(unsafe_code)]
#![cfg(unix)]

#[path = "support/shared.rs"]
mod shared;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;
    use std::path::{Path, PathBuf};
    use std::process::{Command, Output, Stdio};
    use std::time::{Duration, Instant};

    use flowaudit::audit::judge;
    use flowaudit::capture::{Capture, Options};
    use flowaudit::ledger::{self, Ledger};
    use flowaudit::matrix::{Matrix, Site};

    use super::shared;

    const ROOT: &str = env!("CARGO_MANIFEST_DIR");

    fn fixture(name: &str) -> PathBuf {
        Path::new(ROOT).join("fixtures").join(name)
    }

    fn audit() -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flowaudit"));
        command.arg("audit").arg("-q").arg("--site").arg(fixture("site.toml")).stdin(Stdio::null());
        command
    }

    fn said(output: &Output) -> String {
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// Audits `bytes` as a file called `name`; the exit code has to be `code`, the error stream hold `part`.
    fn check(name: &str, bytes: &[u8], code: i32, part: &str) {
        let room = tempfile::tempdir().unwrap();
        let path = room.path().join(name);
        fs::write(&path, bytes).unwrap();
        let output = audit().arg(&path).output().unwrap();
        let said = said(&output);
        assert_eq!(output.status.code(), Some(code), "{name}: {said}");
        assert!(said.contains(part), "{name}: {said}");
        assert!(
            said.trim_end().lines().last().unwrap_or_default().contains(&format!("exit {code}:")),
            "{name}: {said}"
        );
    }

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn odd_files() {
        let whole = fs::read(fixture("d-blocked.pcap")).unwrap();
        let header = &whole[..24];
        let claim = |length: u32| {
            let record = [1, 1, length, length].map(u32::to_le_bytes).concat();
            [header, &record, &[0; 100]].concat()
        };
        let zip = packed(&whole);
        check("empty.pcap", b"", 2, "is empty");
        check("half-header.pcap", &whole[..23], 2, "cut after 23 bytes");
        check("header.pcap", header, 3, "No packets");
        check("cut.pcap", &whole[..whole.len() - 1], 1, "incomplete");
        check("huge-record.pcap", &claim(u32::MAX), 3, "No packets");
        check("large-record.pcap", &claim(262_144), 3, "No packets");
        check("huge-section.pcapng", b"\x0a\x0d\x0d\x0a\xf0\xff\xff\x7f\x4d\x3c\x2b\x1a\x01\0\0\0", 2, "claims");
        check("picture.pcap", &[b"\x89PNG\r\n\x1a\n".as_slice(), &[7; 600]].concat(), 2, "PNG");
        check("archive.pcap", &[b"PK\x03\x04".as_slice(), &[7; 600]].concat(), 2, "zip");
        check("text.pcap.gz", &packed(&b"no capture\n".repeat(99)), 2, "text");
        check("trace.etl", &[0; 600], 2, "ETL");
        check("zeros", &[0; 600], 2, "no known capture format");
        check("twice.gz", &packed(&zip), 2, "twice");
        check("cut.gz", &zip[..zip.len() / 2], 1, "incomplete");
        check("stump.gz", &zip[..12], 2, "cannot read");
        check("one-byte.pcap", &whole[..1], 2, "too few bytes");
        check("bomb.gz", &packed(&[header, &vec![0; 50_000_000]].concat()), 1, "incomplete");
        for (device, part) in [("/dev/null", "is empty"), ("/dev/zero", "no known"), ("/dev/urandom", "cannot read")] {
            let output = audit().arg(device).output().unwrap();
            assert_eq!(output.status.code(), Some(2), "{device}");
            assert!(said(&output).contains(part), "{device}: {}", said(&output));
        }
    }

    #[test]
    fn outputs_never_replace_what_was_read_or_each_other() {
        let room = tempfile::tempdir().unwrap();
        let at = |name: &str| room.path().join(name);
        fs::copy(fixture("d-blocked.pcap"), at("a.pcap")).unwrap();
        let evidence = fs::read(at("a.pcap")).unwrap();
        let refused = |words: &[&str], part: &str| {
            let output = audit().args(words).current_dir(room.path()).output().unwrap();
            assert_eq!(output.status.code(), Some(2), "{words:?}");
            assert!(said(&output).contains(part), "{words:?}: {}", said(&output));
            assert_eq!(fs::read(at("a.pcap")).unwrap(), evidence, "{words:?}");
        };
        refused(&["a.pcap", "--json", "a.pcap"], "replace this input");
        refused(&[".", "--json", "./a.pcap"], "replace this input");
        refused(&["*.pcap", "--csv", "a.pcap"], "replace this input");
        refused(&["a.pcap", "--csv", "out", "--markdown", "./out"], "two reports");
        refused(&["a.pcap", "--json", "absent/out"], "cannot write");
        refused(&["a.pcap", "--json", "/dev/full"], "cannot write /dev/full");
        refused(&["a.pcap", "--flows", "/dev/full"], "cannot write /dev/full");
        refused(&["a.pcap", "--from", "2027-01-01T00:00:00Z", "--to", "2026-01-01T00:00:00Z"], "is not before");
        fs::write(at("b.json"), "an older report").unwrap();
        refused(&["absent.pcap", "--json", "b.json"], "no such file");
        assert_eq!(fs::read_to_string(at("b.json")).unwrap(), "an older report");
    }

    /// A pipe whose writer falls silent: a signal ends the reading, and what was read counts.
    #[test]
    fn a_signal_ends_a_silent_pipe() {
        let whole = fs::read(fixture("d-blocked.pcap")).unwrap();
        for (signal, bytes, code) in
            [("-INT", &whole[..], 1), ("-TERM", &whole[..100_000], 1), ("-INT", &whole[..24], 3), ("-INT", &[], 3)]
        {
            let mut child = audit().arg("-").stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            let mut writer = child.stdin.take().unwrap();
            writer.write_all(bytes).unwrap();
            writer.flush().unwrap();
            std::thread::sleep(Duration::from_millis(700));
            let from = Instant::now();
            assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
            let output = child.wait_with_output().unwrap();
            assert_eq!(output.status.code(), Some(code), "{signal} after {}: {}", bytes.len(), said(&output));
            assert!(from.elapsed() < Duration::from_secs(5), "{signal} after {} bytes", bytes.len());
            drop(writer);
        }
    }

    #[test]
    fn same_input_same_bytes() {
        let outputs = |threads: &str, zone: &str, language: &str| {
            let room = tempfile::tempdir().unwrap();
            let mut all = Vec::new();
            for capture in ["d-blocked.pcap", "e-violations.pcap"] {
                let mut command = audit();
                command.env("TZ", zone).env("LANG", language).env("LC_ALL", language).args(["--threads", threads]);
                command.arg(fixture(capture)).current_dir(room.path());
                command.args(["--json", "a.json", "--csv", "a.csv", "--markdown", "a.md", "--flows", "f.csv"]);
                assert_eq!(command.status().unwrap().code(), Some(1));
                all.extend(["a.json", "a.csv", "a.md", "f.csv"].map(|name| fs::read(room.path().join(name)).unwrap()));
            }
            all
        };
        let first = outputs("1", "UTC", "C");
        assert!(first == outputs("2", "Asia/Tokyo", "tr_TR.UTF-8"));
        assert!(first == outputs("8", "America/New_York", "de_DE.UTF-8"));
    }

    /// Ten damaged copies of sixty captures, always the same ones.
    #[test]
    fn damage_is_survived() {
        let matrix = Matrix::load(&Site::load(fixture("site.toml").to_str().unwrap()).unwrap()).unwrap();
        let mut captures = vec![fixture("d-blocked.pcap"), fixture("e-violations.pcap")];
        if let Some(folder) = shared::folder("captures") {
            for group in ["encap", "format", "ip", "link", "malformed", "matrix", "names", "tcp"] {
                captures.extend(fs::read_dir(folder.join(group)).unwrap().map(|entry| entry.unwrap().path()));
            }
        }
        captures.retain(|path| fs::metadata(path).is_ok_and(|data| data.len() < 600_000));
        captures.sort();
        let step = captures.len().div_ceil(60);
        for path in captures.iter().step_by(step) {
            let bytes = fs::read(path).unwrap();
            for seed in 0..10 {
                let from = Instant::now();
                read_and_judge(damaged(&bytes, seed), &matrix);
                assert!(from.elapsed() < Duration::from_secs(10), "{} seed {seed}", path.display());
            }
        }
    }

    fn damaged(bytes: &[u8], seed: u64) -> Vec<u8> {
        let mut state = seed ^ 0x9e37_79b9_7f4a_7c15;
        let mut random = move |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).unwrap() % below.max(1)
        };
        let mut damaged = bytes.to_vec();
        // The first bytes decide whether anything is read at all, so most copies keep them.
        let from = if seed < 8 { 24.min(bytes.len() / 2) } else { 0 };
        for _ in 0..=bytes.len() / [1000, 100, 20][random(3)] {
            let at = from + random(bytes.len() - from);
            if let Some(byte) = damaged.get_mut(at) {
                *byte = [0, 0xff, 0x7f, 0x80, u8::try_from(random(256)).unwrap()][random(5)];
            }
        }
        if seed % 4 == 3 {
            damaged.truncate(random(bytes.len()));
        }
        damaged
    }

    fn read_and_judge(bytes: Vec<u8>, matrix: &Matrix) {
        let Ok(mut capture) =
            Capture::from_reader("damaged", Box::new(std::io::Cursor::new(bytes)), &Options::default())
        else {
            return;
        };
        let mut ledger = Ledger::new(ledger::Options::default());
        while let Ok(Some(frame)) = capture.next() {
            ledger.observe(&frame);
        }
        let (inputs, taps) = capture.finish();
        ledger.set_inputs(inputs, taps);
        let judged = judge(&ledger.settle(), matrix);
        flowaudit::report::json::write(&mut std::io::sink(), &judged.audit).unwrap();
        flowaudit::report::markdown::write(&mut std::io::sink(), &judged.audit).unwrap();
    }
}
