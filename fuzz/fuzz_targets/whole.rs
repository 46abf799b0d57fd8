//! Bytes of a file all the way: read, observed, settled, judged against the shipped matrix.
#![no_main]

use std::sync::LazyLock;

use flowaudit::audit::judge;
use flowaudit::capture::{self, Capture};
use flowaudit::flow::Conversation;
use flowaudit::ledger::{self, Ledger};
use flowaudit::matrix::{Matrix, Site};
use libfuzzer_sys::fuzz_target;

static MATRIX: LazyLock<Matrix> = LazyLock::new(|| {
    let site = Site::parse("site.toml", include_str!("../../benches/site.toml")).expect("the site is right");
    Matrix::load(&site).expect("the shipped packs are right")
});

fuzz_target!(|data: &[u8]| {
    let stream = Box::new(std::io::Cursor::new(data.to_vec()));
    let Ok(mut capture) = Capture::from_reader("fuzz", stream, &capture::Options::default()) else { return };
    let mut ledger = Ledger::new(ledger::Options { max_flows: 64, ..ledger::Options::default() });
    let mut frames = 0_u64;
    while let Ok(Some(frame)) = capture.next() {
        frames += 1;
        ledger.observe(&frame);
    }
    let (inputs, taps) = capture.finish();
    ledger.set_inputs(inputs, taps);
    let observation = ledger.settle();
    let counters = &observation.counters;
    assert_eq!(counters.frames, frames, "a frame was lost");
    let judged = judge(&observation, &MATRIX);
    assert_eq!(judged.flows.iter().count(), observation.flows.len(), "a flow has no verdict");
    let weight: u64 = observation.flows.iter().map(Conversation::weight).sum();
    assert_eq!(judged.audit.totals.flows, weight, "a folded flow is not counted");
});
