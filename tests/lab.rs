//! The built program over every capture of the lab, scored against what the lab meant to do. What
//! its score names as failed stands in `differences/captures.csv` with the reason; a line there that no
//! longer fails is a failure too.
#![forbid(unsafe_code)]

#[path = "support/differences.rs"]
mod differences;
#[path = "support/parallel.rs"]
mod parallel;
#[path = "support/shared.rs"]
mod shared;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use differences::Difference;

#[test]
fn lab_truth_is_found() {
    let Some(lab) = shared::folder("lab") else { return };
    let captures = captures(&lab.join("captures")).unwrap();
    assert!(!captures.is_empty(), "the lab holds no captures");
    let table = differences::known_differences("lab").unwrap();
    let found: Vec<Difference> =
        parallel::in_parallel(&captures, |capture| failures(&lab, capture)).into_iter().flatten().collect();
    let complaints = differences::unexplained(&found, &table, |known, line| line.contains(known));
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}

fn captures(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let is_capture = |path: &PathBuf| path.extension().is_some_and(|end| end == "pcap" || end == "pcapng");
    let entries = std::fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path()));
    let mut captures: Vec<PathBuf> = entries.collect::<Result<_, _>>()?;
    captures.retain(is_capture);
    captures.sort();
    Ok(captures)
}

/// Each line of the score that is a failure, with the name of the capture.
fn failures(lab: &Path, capture: &Path) -> Vec<Difference> {
    let file = capture.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let lines = match scored(lab, capture, &file) {
        Ok(lines) => lines,
        Err(error) => vec![error],
    };
    lines.into_iter().map(|line| (file.clone(), line)).collect()
}

fn scored(lab: &Path, capture: &Path, file: &str) -> Result<Vec<String>, String> {
    let scenario = file.split('.').next().unwrap_or_default();
    let (scenario, vantage, role) = match scenario.strip_suffix("-span") {
        Some(scenario) => (scenario, "span", "mirror"),
        None => (scenario, "ams", "ams-server"),
    };
    let out = tempfile::tempdir().map_err(|error| error.to_string())?;
    let (flows, audit) = (out.path().join("flows.csv"), out.path().join("audit.json"));
    let mut program = Command::new(env!("CARGO_BIN_EXE_flowaudit"));
    program.arg("audit").arg(capture).arg("--site").arg(lab.join("site.toml")).args(["--vantage", role, "-q"]);
    let ran = run(program.arg("--flows").arg(&flows).arg("--json").arg(&audit))?;
    if !flows.is_file() || !matches!(ran.status.code(), Some(0 | 1 | 3)) {
        return Err(format!("no flow log, {}: {}", ran.status, String::from_utf8_lossy(&ran.stderr).trim()));
    }
    let truth = |kind: &str| lab.join("captures").join(format!("{scenario}.{kind}.csv"));
    let mut score = Command::new("python3");
    score
        .arg(lab.join("score.py"))
        .arg("--truth")
        .arg(truth("flows"))
        .args(["--file", file])
        .arg("--flows")
        .arg(&flows);
    score.arg("--audit").arg(&audit).arg("--rules").arg(truth("rules")).args(["--vantage", vantage]);
    let score = run(&mut score)?;
    failed_lines(&String::from_utf8_lossy(&score.stdout)).ok_or_else(|| {
        format!("the score broke off: {}", String::from_utf8_lossy(&score.stderr).lines().last().unwrap_or_default())
    })
}

fn run(command: &mut Command) -> Result<Output, String> {
    command.stdin(Stdio::null()).output().map_err(|error| format!("{}: {error}", command.get_program().display()))
}

/// The failures above the last line, which must read `N passed, M failed` and tell their number.
fn failed_lines(score: &str) -> Option<Vec<String>> {
    let mut lines: Vec<String> = score.lines().map(str::to_owned).collect();
    let total = lines.pop()?;
    let (passed, failed) = total.strip_suffix(" failed")?.split_once(" passed, ")?;
    let (passed, failed): (usize, usize) = (passed.parse().ok()?, failed.parse().ok()?);
    (failed == lines.len() && passed + failed > 0).then_some(lines)
}

#[cfg(test)]
mod tests {
    use super::failed_lines;

    #[test]
    fn a_score_is_read_or_refused() {
        let some = |lines: &[&str]| Some(lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>());
        let cases = [
            ("7 passed, 0 failed\n", some(&[])),
            ("not found: x\nrow 3: y\n7 passed, 2 failed\n", some(&["not found: x", "row 3: y"])),
            ("0 passed, 0 failed\n", None),
            ("not found: x\n7 passed, 0 failed\n", None),
            ("Traceback\n", None),
            ("", None),
        ];
        for (score, expected) in cases {
            assert_eq!(failed_lines(score), expected, "{score}");
        }
    }
}
