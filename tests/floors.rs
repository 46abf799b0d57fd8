//! The source files in, breaches of the house rules out: imports that point up, a second door to
//! libpcap, etherparse, the terminal or the clock, files and functions that outgrew a screen.
//! Reads text only; knows nothing of what the code does.
#![forbid(unsafe_code)]

#[path = "support/source.rs"]
mod source;

use std::fs;
use std::path::Path;

use source::{Line, braces, code_of, is_word, mask_tests, words};

/// What each floor may import, from the ground up.
const FLOORS: &[(&str, &[&str])] = &[
    ("wire", &[]),
    ("dissect", &["wire"]),
    ("flow", &["dissect", "wire"]),
    ("matrix", &["dissect", "wire"]),
    ("ledger", &["flow", "dissect", "wire"]),
    ("audit", &["ledger", "matrix", "flow", "dissect", "wire"]),
    ("capture", &["ledger", "wire"]),
    ("report", &["audit", "matrix", "ledger", "flow", "dissect", "wire"]),
    ("cli", &["report", "audit", "capture", "ledger", "matrix", "flow", "dissect", "wire"]),
];

/// Crates with a single door, and the floor that holds it.
const DOORS: &[(&str, &str)] =
    &[("etherparse", "wire"), ("pcap", "capture"), ("clap", "cli"), ("indicatif", "cli"), ("ratatui", "cli")];

/// What reads the clock, and the only places that may.
const CLOCKS: &[&str] = &["SystemTime", "Instant", "now"];
const CLOCK_READERS: &[&str] = &["src/cli/", "src/capture/live.rs", "src/capture/live/"];

const LONGEST_FILE: usize = 400;
const LONGEST_FUNCTION: usize = 60;
const SHAPELESS: &[&str] = &["util", "utils", "manager", "helpers", "misc", "common"];

#[test]
fn the_house_stands() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut faults = Vec::new();
    for folder in ["src", "tests", "benches", "fuzz/fuzz_targets"] {
        for path in source::rust_files(&root.join(folder)).unwrap() {
            let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
            faults.extend(check(&name, &fs::read_to_string(&path).unwrap()));
        }
    }
    assert!(faults.is_empty(), "{} breaches of the house rules:\n{}", faults.len(), faults.join("\n"));
}

/// Every breach in one file, each as `path:line: what is wrong`.
fn check(path: &str, text: &str) -> Vec<String> {
    let mut faults = unfinished(text);
    faults.extend(shapeless(path));
    if let Some(inside) = path.strip_prefix("src/") {
        let code = code_of(text);
        let plain = mask_tests(&code);
        if let Some((floor, _)) = inside.split_once('/') {
            faults.extend(imports(floor, depth(inside), &code));
            faults.extend(doors(floor, &code));
        }
        faults.extend(clocks(path, &code));
        faults.extend(sizes(text, &plain));
        faults.extend(manners(text, &code));
    }
    faults.sort();
    faults.into_iter().map(|(line, what)| format!("{path}:{line}: {what}")).collect()
}

type Fault = (Line, String);

/// How many `super` lead from this file's module to the crate root.
fn depth(inside: &str) -> usize {
    let folders = inside.matches('/').count();
    if inside.ends_with("/mod.rs") { folders } else { folders + 1 }
}

/// Floors that are named although they lie above or beside.
fn imports(floor: &str, depth: usize, code: &str) -> Vec<Fault> {
    let Some((_, below)) = FLOORS.iter().find(|(name, _)| *name == floor) else {
        return vec![(1, format!("`{floor}` is on no floor: draw it into ARCHITECTURE.md and tests/floors.rs"))];
    };
    source::crate_paths(code, depth)
        .into_iter()
        .filter(|(_, named)| named != floor && !below.contains(&named.as_str()))
        .map(|(line, named)| (line, format!("floor `{floor}` must not import `{named}`")))
        .collect()
}

/// Crates used away from their single door.
fn doors(floor: &str, code: &str) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (line, at, word) in words(code) {
        let Some((krate, door)) = DOORS.iter().find(|(krate, _)| *krate == word) else { continue };
        if floor != *door && source::is_crate_root(code, at, word) {
            faults.push((line, format!("crate `{krate}` may be used in `{door}` only, not in `{floor}`")));
        }
    }
    faults
}

/// Clocks read where only the packets' time counts.
fn clocks(path: &str, code: &str) -> Vec<Fault> {
    if CLOCK_READERS.iter().any(|reader| path.starts_with(reader)) {
        return Vec::new();
    }
    let reads = |at: usize, word: &str| word != "now" || source::is_called_on_a_type(code, at, word);
    words(code)
        .into_iter()
        .filter(|(_, at, word)| CLOCKS.contains(word) && reads(*at, word))
        .map(|(line, _, word)| (line, format!("the clock (`{word}`) may be read in cli and capture/live.rs only")))
        .collect()
}

/// Files and functions that are longer than a reader can hold.
fn sizes(text: &str, plain: &str) -> Vec<Fault> {
    let lines = text.lines().take_while(|line| !line.starts_with("#[cfg(test)]")).count();
    let mut faults = Vec::new();
    if lines > LONGEST_FILE {
        faults.push((lines, format!("{lines} lines before its tests; {LONGEST_FILE} is the ceiling")));
    }
    for (first, last, name) in braces(plain) {
        let length = last - first + 1;
        if length > LONGEST_FUNCTION {
            faults.push((first, format!("fn `{name}` has {length} lines; {LONGEST_FUNCTION} is the ceiling")));
        }
    }
    faults
}

/// A file says first what it is, and lints are answered, not switched off.
fn manners(text: &str, code: &str) -> Vec<Fault> {
    let mut faults = Vec::new();
    if !text.starts_with("//!") {
        faults.push((1, "a file begins with a paragraph: what comes in, what goes out".to_owned()));
    }
    for (number, line) in (1..).zip(code.lines()) {
        let line = line.replace(' ', "");
        if line.contains("#[allow(") || line.contains("#![allow(") {
            faults.push((number, "`allow` hides a lint: mend it, or `expect` it with a reason".to_owned()));
        }
    }
    faults
}

/// Marks of work that was put off. The words are spelt in halves so that this file has none.
fn unfinished(text: &str) -> Vec<Fault> {
    let marks = [["TO", "DO"].concat(), ["FIX", "ME"].concat(), ["X", "XX"].concat()];
    let holds = |line: &str, mark: &str| line.split(|c: char| !is_word(c)).any(|word| word == mark);
    let mut faults = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        for mark in marks.iter().filter(|mark| holds(line, mark)) {
            faults.push((number, format!("`{mark}`: finish it or write an issue")));
        }
    }
    faults
}

/// File and folder names that say nothing.
fn shapeless(path: &str) -> Vec<Fault> {
    let parts = path.split('/').map(|part| part.strip_suffix(".rs").unwrap_or(part));
    parts
        .filter(|part| SHAPELESS.contains(part) || part.ends_with("_manager"))
        .map(|part| (1, format!("`{part}` says nothing: the floors are wrong then, and want a better drawing")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::check;

    /// The faults of a file, without its path, the missing first paragraph put in.
    fn faults(path: &str, text: &str) -> Vec<String> {
        let text = format!("//! P.\n{text}");
        let strip = |fault: String| fault.strip_prefix(&format!("{path}:")).map(str::to_owned).unwrap_or(fault);
        check(path, &text).into_iter().map(strip).collect()
    }

    #[test]
    fn breaches_are_named_with_their_line() {
        const CASES: &[(&str, &str, &str)] = &[
            ("src/wire/ip.rs", "use crate::flow::X;", "2: floor `wire` must not import `flow`"),
            ("src/matrix/ip.rs", "fn a() -> crate::ledger::L {}", "2: floor `matrix` must not import `ledger`"),
            ("src/ledger/x.rs", "\nuse crate::{wire::A, audit::B};", "3: floor `ledger` must not import `audit`"),
            (
                "src/ledger/x.rs",
                "use crate::{\n    wire::A,\n    audit::B,\n};",
                "4: floor `ledger` must not import `audit`",
            ),
            ("src/capture/x.rs", "use super::super::flow;", "2: floor `capture` must not import `flow`"),
            ("src/capture/mod.rs", "use super::audit;", "2: floor `capture` must not import `audit`"),
            ("src/wire/a/b.rs", "use super::super::super::cli;", "2: floor `wire` must not import `cli`"),
            ("src/wire/a.rs", "mod t {\nuse super::super::super::cli;\n}", "3: floor `wire` must not import `cli`"),
            ("src/flow/x.rs", "use crate as all;", "2: floor `flow` must not import `crate as`"),
            ("src/flow/x.rs", "use flowaudit::report::R;", "2: floor `flow` must not import `report`"),
            ("src/shed/x.rs", "", "1: `shed` is on no floor: draw it into ARCHITECTURE.md and tests/floors.rs"),
            ("src/flow/x.rs", "use etherparse::X;", "2: crate `etherparse` may be used in `wire` only, not in `flow`"),
            (
                "src/cli/x.rs",
                "let a = pcap::Capture::dead();",
                "2: crate `pcap` may be used in `capture` only, not in `cli`",
            ),
            ("src/report/x.rs", "use ::clap::Parser;", "2: crate `clap` may be used in `cli` only, not in `report`"),
            (
                "src/capture/x.rs",
                "use indicatif as i;",
                "2: crate `indicatif` may be used in `cli` only, not in `capture`",
            ),
            (
                "src/audit/x.rs",
                "use std::time::{Duration, Instant};",
                "2: the clock (`Instant`) may be read in cli and capture/live.rs only",
            ),
            (
                "src/audit/x.rs",
                "jiff::Timestamp::now()",
                "2: the clock (`now`) may be read in cli and capture/live.rs only",
            ),
            (
                "src/capture/file.rs",
                "SystemTime::UNIX_EPOCH",
                "2: the clock (`SystemTime`) may be read in cli and capture/live.rs only",
            ),
            ("src/wire/util.rs", "", "1: `util` says nothing: the floors are wrong then, and want a better drawing"),
            ("src/wire/x.rs", "#[allow(dead_code)]", "2: `allow` hides a lint: mend it, or `expect` it with a reason"),
        ];
        for (path, text, expected) in CASES {
            assert_eq!(faults(path, text), [*expected], "{path}: {text}");
        }
    }

    #[test]
    fn what_is_allowed_passes() {
        const CASES: &[(&str, &str)] = &[
            ("src/wire/ip.rs", "use super::Timestamp;\nuse crate::wire::Frame;"),
            ("src/flow/a.rs", "use crate::{dissect::P, wire::{A, B}};"),
            ("src/flow/a.rs", "// use crate::audit::X;\nconst A: &str = \"crate::audit\";"),
            ("src/flow/a.rs", "/* crate::audit /* crate::cli */ */ const C: char = '\"'; const D: char = '\\'';"),
            ("src/flow/a.rs", "const R: &str = r#\"crate::audit \" pcap::x\"#;"),
            ("src/flow/a.rs", "fn f<'a>(x: &'a str) -> &'a str { x }"),
            ("src/report/a.rs", "use crate::audit::Audit;"),
            ("src/cli/a.rs", "use clap::Parser;\nuse std::time::Instant;\nuse crate::report::R;"),
            ("src/capture/live.rs", "let t = SystemTime::now();"),
            ("src/capture/mod.rs", "mod pcap;\nuse self::pcap::Reader;"),
            ("src/cli/a.rs", "crate::capture::pcap::open()"),
            ("src/ledger/a.rs", "let now = frame.at;\nself.now(now);"),
            ("src/lib.rs", "pub mod audit;"),
            ("src/wire/a.rs", "pub(super) fn f() {}\npub(crate) fn g() {}\npub(in crate::wire) fn h() {}"),
        ];
        for (path, text) in CASES {
            assert_eq!(faults(path, text), [""; 0], "{path}: {text}");
        }
    }

    #[test]
    fn length_has_a_ceiling() {
        let function = |lines: usize| format!("fn long(\n    a: [u8; 4],\n) {{\n{}}}\n", "    x();\n".repeat(lines));
        assert_eq!(faults("src/wire/a.rs", &function(56)), [""; 0]);
        assert_eq!(faults("src/wire/a.rs", &function(57)), ["2: fn `long` has 61 lines; 60 is the ceiling"]);
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", function(90));
        assert_eq!(faults("src/wire/a.rs", &tests), [""; 0]);
        assert_eq!(faults("src/wire/a.rs", &"\n".repeat(399)), [""; 0]);
        assert_eq!(faults("src/wire/a.rs", &"\n".repeat(400)), ["401: 401 lines before its tests; 400 is the ceiling"]);
        assert_eq!(faults("src/wire/a.rs", &format!("{}#[cfg(test)]\n{}", "\n".repeat(398), "\n".repeat(90))), [""; 0]);
    }

    #[test]
    fn a_file_says_first_what_it_is() {
        assert_eq!(
            check("src/wire/a.rs", "use std::fmt;\n"),
            ["src/wire/a.rs:1: a file begins with a paragraph: what comes in, what goes out"]
        );
    }

    #[test]
    fn marks_of_unfinished_work_are_found_in_comments_too() {
        let mark = ["TO", "DO"].concat();
        let expected = format!("2: `{mark}`: finish it or write an issue");
        assert_eq!(faults("tests/a.rs", &format!("// {mark}: later\n")), [expected]);
        assert_eq!(faults("tests/a.rs", &format!("// {mark}RA is a name\n")), [""; 0]);
    }
}
