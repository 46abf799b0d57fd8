//! Every shared capture against what capinfos says of it: number of packets, time of the first and
//! of the last. What differs by decision stands in `differences/captures.csv`, with its reason.
#![expect(clippy::expect_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]

#[path = "support/differences.rs"]
mod differences;
#[path = "support/shared.rs"]
mod shared;

use std::path::Path;

use differences::Difference;
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

/// What of the reading differs from the facts, in one line.
fn difference(row: &Row, folder: &Path) -> Option<String> {
    let cell = |name: &str| row.get(name).map_or("", String::as_str);
    let facts = std::fs::read_to_string(folder.join("facts").join(cell("id")).with_extension("json")).expect("facts");
    let facts: serde_json::Value = serde_json::from_str(&facts).expect("facts are JSON");
    let capinfos = &facts["capinfos"];
    let (reading, digest) = read(&folder.join(cell("file")));
    let Some(packets) = capinfos["packets"].as_u64() else {
        // What Wireshark refuses altogether has no packets here either.
        let empty = reading.packets == "refused" || (reading.packets == "0" && reading.cut);
        return (!empty).then(|| format!("{} packets, but Wireshark refuses it", reading.packets));
    };
    if reading.packets == "refused" {
        return Some("refused".to_owned());
    }
    let expected = Reading {
        packets: packets.to_string(),
        first: nanoseconds(capinfos["first"].as_str()).or(reading.first),
        last: nanoseconds(capinfos["last"].as_str()).or(reading.last),
        cut: facts["tshark"]["error"].is_string(),
    };
    if reading != expected {
        return Some(format!("{reading:?} is not {expected:?}"));
    }
    (digest != cell("sha256")).then(|| format!("digest {digest}"))
}

type Row = std::collections::BTreeMap<String, String>;

#[test]
fn every_shared_capture_reads_as_capinfos_reads_it() {
    let Some(folder) = shared::folder("captures") else { return };
    let rows = differences::csv_rows(&folder.join("MANIFEST.csv")).expect("the manifest");
    assert!(rows.len() > 300, "the manifest lists only {}", rows.len());
    let found: Vec<Difference> =
        rows.iter().filter_map(|row| Some((row.get("id")?.clone(), difference(row, &folder)?))).collect();
    let table = differences::known_differences("packets").expect("the table of differences");
    let complaints = differences::unexplained(&found, &table, str::eq);
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}
