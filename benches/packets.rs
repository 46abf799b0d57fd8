//! What a packet costs on its way: decoding on the fast and on the careful road, the flow table with few
//! and many flows, and what a flow costs at the end, when it is settled and judged.
//!
//! ```text
//! cargo bench --bench packets
//! ```
#![forbid(unsafe_code)]

#[path = "support/frames.rs"]
mod frames;

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use flowaudit::audit::judge;
use flowaudit::ledger::{Ledger, Options};
use flowaudit::matrix::{Matrix, Site};
use flowaudit::wire::{decode, plain};
use frames::{borrowed, frames};

const PACKETS: u32 = 200_000;
/// Flows that the packets belong to.
const FLOWS: [u32; 3] = [100, 10_000, 200_000];

fn main() {
    divan::main();
}

/// The road that nearly every packet takes.
#[divan::bench(sample_count = 20)]
fn decode_plain(bencher: Bencher<'_, '_>) {
    let frames = frames(10_000, PACKETS);
    bencher.counter(ItemsCount::new(PACKETS)).bench_local(|| {
        borrowed(&frames).filter_map(|frame| plain(&frame)).map(|plain| u64::from(plain.length)).sum::<u64>()
    });
}

/// The road of everything else.
#[divan::bench(sample_count = 20)]
fn decode_careful(bencher: Bencher<'_, '_>) {
    let frames = frames(10_000, PACKETS);
    bencher.counter(ItemsCount::new(PACKETS)).bench_local(|| {
        borrowed(&frames).filter_map(|frame| decode(&frame).ok().map(|it| u64::from(it.length))).sum::<u64>()
    });
}

/// Decoding, accounts and flow table.
#[divan::bench(args = FLOWS, sample_count = 10)]
fn observe(bencher: Bencher<'_, '_>, flows: u32) {
    let frames = frames(flows, PACKETS);
    bencher.counter(ItemsCount::new(PACKETS)).bench_local(|| black_box(observed(&frames)));
}

/// Flows to observations.
#[divan::bench(args = FLOWS, sample_count = 10)]
fn settle(bencher: Bencher<'_, '_>, flows: u32) {
    let ledger = observed(&frames(flows, PACKETS));
    bencher.counter(ItemsCount::new(flows)).bench_local(|| black_box(ledger.settle()));
}

/// Observations to an audit against the shipped packs.
#[divan::bench(args = FLOWS, sample_count = 10)]
fn verdicts(bencher: Bencher<'_, '_>, flows: u32) {
    let observation = observed(&frames(flows, PACKETS)).settle();
    let site = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/site.toml");
    let Ok(matrix) = Site::load(site).and_then(|site| Matrix::load(&site)) else { return };
    bencher.counter(ItemsCount::new(flows)).bench_local(|| black_box(judge(&observation, &matrix)));
}

fn observed(frames: &[[u8; 60]]) -> Ledger {
    let mut ledger = Ledger::new(Options { several_taps: false, ..Options::default() });
    ledger.observe_all(borrowed(frames));
    ledger
}
