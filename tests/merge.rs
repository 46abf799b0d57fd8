//! Merging is exact: whatever the cut, the ledgers of two consecutive pieces merge into the ledger
//! that reads both in one go. Every capture of the shared set up to 5 MB, at many cuts.

#[path = "support/frames.rs"]
mod frames;
#[path = "support/shared.rs"]
mod shared;

use std::path::{Path, PathBuf};

use flowaudit::capture::{self, Capture};
use flowaudit::ledger::{Ledger, Observation, Options};
use flowaudit::wire::Tally;
use frames::Owned;

const LARGEST: u64 = 5_000_000;
const CUTS: usize = 12;
/// Files with fewer frames are cut everywhere.
const FEW: usize = 60;

#[test]
fn pieces_merge_into_the_whole() {
    let Some(folder) = shared::folder("captures") else { return };
    let mut failed = Vec::new();
    for path in captures(&folder) {
        let Some(frames) = frames::read(&path) else { continue };
        failed.extend(check(&path, &frames));
    }
    assert!(failed.is_empty(), "{} differ:\n{}", failed.len(), failed.join("\n"));
}

#[test]
fn three_pieces_merge_either_way() {
    let Some(folder) = shared::folder("captures") else { return };
    for path in captures(&folder).into_iter().step_by(9) {
        let Some(frames) = frames::read(&path) else { continue };
        let (a, rest) = frames.split_at(frames.len() / 3);
        let (b, c) = rest.split_at(rest.len() / 2);
        let left = Ledger::merge(Ledger::merge(piece(a, false), piece(b, true)), piece(c, true));
        let right = Ledger::merge(piece(a, false), Ledger::merge(piece(b, true), piece(c, true)));
        assert!(left.finish() == right.settle(), "{}", path.display());
    }
}

/// Batches, on whichever way they are handed over, are the frames that come one by one, and come to what they do.
#[test]
fn batches_are_their_frames() {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let mut paths: Vec<PathBuf> =
        ["a-clean.pcap", "d-blocked.pcap", "e-violations.pcap"].iter().map(|name| own.join(name)).collect();
    let shared = shared::folder("captures");
    paths.extend(shared.iter().flat_map(|folder| captures(folder)));
    let mut ways = [0u64; 2];
    for path in &paths {
        let (Ok(mut capture), Some(frames)) =
            (Capture::open(&[path], &capture::Options::default()), frames::read(path))
        else {
            continue;
        };
        let (mut batched, mut shown) = (Ledger::new(Options::default()), Vec::new());
        while let Ok(Some(batch)) = capture.batch() {
            assert_eq!(*batch.tally(), Tally::of(batch.frames()), "{}", path.display());
            let before = shown.len();
            shown.extend(batch.frames().map(|frame| format!("{frame:?}")));
            ways[usize::from(batch.ethernet().is_some())] += 1;
            match batch.ethernet() {
                Some(frames) => {
                    let plain: Vec<String> = frames.clone().map(|frame| format!("{frame:?}")).collect();
                    assert_eq!(plain, shown[before..], "{}", path.display());
                    batched.observe_all(batch.tally(), frames);
                }
                None => batched.observe_all(batch.tally(), batch.frames()),
            }
        }
        let single: Vec<String> = frames.iter().map(|frame| format!("{:?}", frame.frame())).collect();
        assert_eq!(shown, single, "{}", path.display());
        assert!(batched.settle() == piece(&frames, false).settle(), "{}", path.display());
    }
    assert!(ways[1] > 0 && (shared.is_none() || ways[0] > 0), "{ways:?} batches");
}

fn check(path: &Path, frames: &[Owned]) -> Option<String> {
    let whole = piece(frames, false).finish();
    for cut in cuts(frames.len()) {
        let (earlier, later) = frames.split_at(cut);
        let merged = Ledger::merge(piece(earlier, false), piece(later, true)).settle();
        if merged != whole {
            return Some(format!("{} cut at {cut} of {}: {}", path.display(), frames.len(), differ(&whole, &merged)));
        }
    }
    None
}

fn piece(frames: &[Owned], continuation: bool) -> Ledger {
    let mut ledger = Ledger::new(Options { continuation, ..Options::default() });
    frames.iter().for_each(|frame| ledger.observe(&frame.frame()));
    let counters = ledger.settle().counters;
    let undecoded: u64 = counters.undecoded.values().sum();
    assert_eq!(counters.frames, counters.decoded + counters.duplicates + counters.fragments + undecoded);
    ledger
}

fn differ(whole: &Observation, merged: &Observation) -> String {
    if whole.counters != merged.counters {
        return format!("{:?}\n  not {:?}", merged.counters, whole.counters);
    }
    let pair = whole.flows.iter().zip(&merged.flows).find(|(a, b)| a != b);
    match pair {
        Some((a, b)) => format!("{b:?}\n  not {a:?}"),
        None => format!("{} flows for {}, or knowledge", merged.flows.len(), whole.flows.len()),
    }
}

fn cuts(frames: usize) -> Vec<usize> {
    if frames < FEW {
        return (0..=frames).collect();
    }
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ frames as u64;
    let random = std::iter::repeat_with(move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % frames
    });
    random.take(CUTS).collect()
}

fn captures(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| {
            entry.path().is_dir() && !["facts", "expected"].contains(&&*entry.file_name().to_string_lossy())
        })
        .flat_map(|group| std::fs::read_dir(group.path()).into_iter().flatten().flatten())
        .filter(|file| file.metadata().is_ok_and(|data| data.len() <= LARGEST))
        .map(|file| file.path())
        .collect();
    found.sort();
    found
}
