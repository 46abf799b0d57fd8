//! Every shared capture against what capinfos says of it: number of packets, time of the first and
//! of the last. What differs by decision stands in `differences/packets.csv`, with its reason.
#![expect(clippy::expect_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use flowaudit::capture::{Capture, CaptureError, Options};
use flowaudit::ledger::InputState;
use flowaudit::wire::Timestamp;

/// What a reading of one file comes to.
#[derive(Debug, PartialEq, Eq)]
struct Reading {
    packets: String,
    first: Option<i64>,
    last: Option<i64>,
    cut: bool,
}

fn shared() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/captures");
    assert!(folder.is_dir() || std::env::var_os("CI").is_none(), "the shared captures are missing");
    folder.is_dir().then_some(folder)
}

fn read(path: &Path) -> (Reading, String) {
    let options = Options { digests: true, ..Options::default() };
    let mut capture = match Capture::open(&[path], &options) {
        Ok(capture) => capture,
        Err(error @ CaptureError::NotACapture { .. }) => {
            let refused = Reading { packets: "refused".into(), first: None, last: None, cut: false };
            return (refused, error.to_string());
        }
        Err(error) => panic!("{error}"),
    };
    let mut frames = 0_u64;
    while capture.next().expect("no filter is set").is_some() {
        frames += 1;
    }
    let (inputs, _) = capture.finish();
    let input = inputs.first().expect("one input");
    assert_eq!(input.packets, frames, "{}", path.display());
    let reading = Reading {
        packets: frames.to_string(),
        first: input.first.map(Timestamp::nanoseconds),
        last: input.last.map(Timestamp::nanoseconds),
        cut: matches!(input.state, InputState::Cut(_)),
    };
    (reading, input.sha256.clone())
}

/// Seconds with a fraction in micro- or nanoseconds, which may run over a second. `None` beyond the
/// year 2262, where our time stamps saturate.
fn nanoseconds(text: Option<&str>) -> Option<i64> {
    let (seconds, fraction) = text?.split_once('.')?;
    let unit = if fraction.len() > 6 && fraction.len() != 9 { 6 } else { fraction.len() };
    let factor = 10_i64.pow(9 - u32::try_from(unit).ok()?);
    let fraction = fraction.parse::<i64>().ok()?.checked_mul(factor)?;
    seconds.parse::<i64>().ok()?.checked_mul(1_000_000_000)?.checked_add(fraction)
}

fn check(row: &csv::StringRecord, folder: &Path, differences: &BTreeMap<String, String>) -> Option<String> {
    let (id, file, sha256) = (&row[0], &row[1], &row[15]);
    let facts = std::fs::read_to_string(folder.join("facts").join(format!("{id}.json"))).expect("facts");
    let facts: serde_json::Value = serde_json::from_str(&facts).expect("facts are JSON");
    let capinfos = &facts["capinfos"];
    let (reading, digest) = read(&folder.join(file));
    if let Some(ours) = differences.get(id) {
        return (*ours != reading.packets).then(|| format!("{id}: {reading:?}, but the table says {ours}"));
    }
    let Some(packets) = capinfos["packets"].as_u64() else {
        // What Wireshark refuses altogether has no packets here either.
        let empty = reading.packets == "refused" || (reading.packets == "0" && reading.cut);
        return (!empty).then(|| format!("{id}: {reading:?}, but Wireshark refuses it"));
    };
    let expected = Reading {
        packets: packets.to_string(),
        first: nanoseconds(capinfos["first"].as_str()).or(reading.first),
        last: nanoseconds(capinfos["last"].as_str()).or(reading.last),
        cut: facts["tshark"]["error"].is_string(),
    };
    if reading != expected {
        return Some(format!("{id}: {reading:?} is not {expected:?}"));
    }
    (digest != sha256).then(|| format!("{id}: digest {digest} is not {sha256}"))
}

#[test]
fn every_shared_capture_reads_as_capinfos_reads_it() {
    let Some(folder) = shared() else { return };
    let table = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/differences/packets.csv");
    let differences = csv::Reader::from_path(table)
        .expect("the table of differences")
        .records()
        .map(|row| row.expect("a row"))
        .map(|row| (row[0].to_owned(), row[1].to_owned()))
        .collect::<BTreeMap<_, _>>();
    let mut manifest = csv::Reader::from_path(folder.join("MANIFEST.csv")).expect("the manifest");
    let rows = manifest.records().map(|row| row.expect("a row")).collect::<Vec<_>>();
    assert!(rows.len() > 300, "the manifest lists only {}", rows.len());
    let faults = rows.iter().filter_map(|row| check(row, &folder, &differences)).collect::<Vec<_>>();
    assert!(faults.is_empty(), "{} differ:\n{}", faults.len(), faults.join("\n"));
}
