//! Frames of flows that are under way in, calls of the allocator out: none. A flow may allocate when
//! it opens and while its application is not known; from then on a packet costs no memory.
#![forbid(unsafe_code)]

use std::alloc::System;

use flowaudit::ledger::{Ledger, Options};
use flowaudit::wire::{Course, Frame, FrameRef, LinkType, Timestamp};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Rounds until every flow is known and every table has its size.
const WARM: u32 = 400;
const MEASURED: u32 = 400;
const FLOWS: u8 = 50;

// Without the usual harness, whose own thread allocates too and would be counted.
fn main() {
    for (transport, six) in [(6, false), (6, true), (17, false), (17, true)] {
        for several_taps in [false, true] {
            check(transport, six, several_taps);
        }
    }
}

fn check(transport: u8, six: bool, several_taps: bool) {
    let frames: Vec<Vec<u8>> = (1..=FLOWS).map(|host| frame(transport, six, host)).collect();
    let mut ledger = Ledger::new(Options { several_taps, ..Options::default() });
    let mut number = 0;
    let mut rounds = |ledger: &mut Ledger, rounds: u32| {
        for round in 0..rounds {
            for bytes in &frames {
                number += 1;
                ledger.observe(&Frame {
                    at: Timestamp::from_nanoseconds(i64::from(number) * 20_000),
                    link: LinkType(1),
                    tap: round % 2,
                    place: FrameRef { input: 0, number },
                    bytes,
                    wire_length: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
                    course: Course::Unknown,
                    packet_id: None,
                    dropped: false,
                });
            }
        }
    };
    rounds(&mut ledger, WARM);
    let region = Region::new(ALLOCATOR);
    rounds(&mut ledger, MEASURED);
    let change = region.change();
    let calls = change.allocations + change.reallocations;
    assert_eq!(calls, 0, "transport {transport}, IPv6 {six}, several taps {several_taps}");
    let counters = ledger.settle().counters;
    assert_eq!(counters.decoded + counters.duplicates, counters.frames, "every frame has to count");
}

/// An Ethernet frame with 100 bytes that no recogniser knows, on ports that nobody serves.
fn frame(transport: u8, six: bool, host: u8) -> Vec<u8> {
    let mut upper = vec![0x9c, 0x40, 0x9c, 0x41];
    match transport {
        6 => upper.extend([0, 0, 0, 9, 0, 0, 0, 1, 0x50, 0x10, 0, 0, 0, 0, 0, 0]),
        _ => upper.extend([0, 108, 0, 0]),
    }
    upper.extend([0xf7; 100]);
    let length = u16::try_from(upper.len()).unwrap_or(u16::MAX);
    let mut bytes = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
    if six {
        bytes.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
        bytes.extend(length.to_be_bytes());
        bytes.extend([transport, 64]);
        for last in [host, 200] {
            bytes.extend([0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
        }
    } else {
        bytes.extend([8, 0, 0x45, 0]);
        bytes.extend((length + 20).to_be_bytes());
        bytes.extend([0, 7, 0, 0, 64, transport, 0, 0, 10, 0, 0, host, 10, 0, 0, 200]);
    }
    bytes.extend(upper);
    bytes
}
