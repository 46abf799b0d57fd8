//! What a packet costs on its way: decoding on the fast and on the careful road, the flow table with few
//! and many flows, and what a flow costs at the end, when it is settled and judged.
//!
//! ```text
//! cargo bench --bench packets
//! ```
#![forbid(unsafe_code)]

#[path = "workload/flows.rs"]
#[expect(dead_code, reason = "the workloads end flows and carry them in other ways, too")]
mod flows;
#[path = "workload/packet.rs"]
#[expect(dead_code, reason = "the workloads have larger packets and scans, too")]
mod packet;
#[path = "workload/random.rs"]
#[expect(dead_code, reason = "the workloads draw more than these flows do")]
mod random;

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use flowaudit::audit::judge;
use flowaudit::ledger::{Ledger, Options};
use flowaudit::matrix::{Matrix, Site};
use flowaudit::wire::{Course, Frame, FrameRef, LinkType, Plain, Road, Tally, Timestamp, decode, plain};
use flows::Flow;
use packet::{Pool, Step};
use random::Random;

const PACKETS: u32 = 200_000;
/// Flows that the packets belong to.
const FLOWS: [u32; 3] = [100, 10_000, 200_000];

fn main() {
    divan::main();
}

/// Adds up what it is handed.
struct Bytes(u64);

impl<'frame> Road<'frame> for Bytes {
    fn four(&mut self, packet: Plain<'frame, u32>) {
        self.0 += u64::from(packet.length);
    }

    fn six(&mut self, packet: Plain<'frame, [u8; 16]>) {
        self.0 += u64::from(packet.length);
    }
}

/// The road that nearly every packet takes.
#[divan::bench(sample_count = 20)]
fn decode_plain(bencher: Bencher<'_, '_>) {
    let frames = frames(10_000);
    bencher.counter(ItemsCount::new(PACKETS)).bench_local(|| {
        let mut bytes = Bytes(0);
        borrowed(&frames).for_each(|frame| {
            plain(&frame, &mut bytes);
        });
        bytes.0
    });
}

/// The road of everything else.
#[divan::bench(sample_count = 20)]
fn decode_careful(bencher: Bencher<'_, '_>) {
    let frames = frames(10_000);
    bencher.counter(ItemsCount::new(PACKETS)).bench_local(|| {
        borrowed(&frames).filter_map(|frame| decode(&frame).ok().map(|it| u64::from(it.length))).sum::<u64>()
    });
}

/// Decoding, accounts and flow table.
#[divan::bench(args = FLOWS, sample_count = 10)]
fn observe(bencher: Bencher<'_, '_>, flows: u32) {
    let frames = frames(flows);
    bencher.counter(ItemsCount::new(PACKETS)).bench_local(|| black_box(observed(&frames)));
}

/// Flows to observations.
#[divan::bench(args = FLOWS, sample_count = 10)]
fn settle(bencher: Bencher<'_, '_>, flows: u32) {
    let ledger = observed(&frames(flows));
    bencher.counter(ItemsCount::new(flows)).bench_local(|| black_box(ledger.settle()));
}

/// Observations to an audit against the shipped packs.
#[divan::bench(args = FLOWS, sample_count = 10)]
fn verdicts(bencher: Bencher<'_, '_>, flows: u32) {
    let observation = observed(&frames(flows)).settle();
    let site = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/site.toml");
    let Ok(matrix) = Site::load(site).and_then(|site| Matrix::load(&site)) else { return };
    bencher.counter(ItemsCount::new(flows)).bench_local(|| black_box(judge(&observation, &matrix)));
}

/// Small packets of the workloads' flows, one of each flow after the other.
fn frames(flows: u32) -> Vec<Vec<u8>> {
    let random = &mut Random::new(u64::from(flows));
    let pool = Pool::new(random);
    let mut live: Vec<Flow> = (0..flows).map(|_| Flow::draw(random)).collect();
    let mut next = |number: u32| {
        let flow = &mut live[(number % flows) as usize];
        let (step, mut frame) = (Step::small(flow, random), Vec::new());
        packet::build(&mut frame, flow, &step, &pool, random);
        frame
    };
    (0..PACKETS).map(&mut next).collect()
}

/// The same bytes as a reader hands them out.
fn borrowed(frames: &[Vec<u8>]) -> impl Iterator<Item = Frame<'_>> + Clone {
    (1u32..).zip(frames).map(|(number, bytes)| Frame {
        at: Timestamp::from_nanoseconds(i64::from(number) * 1_000),
        link: LinkType(1),
        tap: 0,
        place: FrameRef { input: 0, number },
        bytes,
        wire_length: bytes.len() as u32,
        course: Course::Unknown,
        packet_id: None,
        dropped: false,
    })
}

fn observed(frames: &[Vec<u8>]) -> Ledger {
    let mut ledger = Ledger::new(Options { several_taps: false, ..Options::default() });
    ledger.observe_all(&Tally::of(borrowed(frames)), borrowed(frames));
    ledger
}
