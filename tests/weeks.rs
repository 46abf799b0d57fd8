//! A watch that never ends, at the library: the lab's captures come again and again for hours of the
//! packets' time, each time from other ports. A ledger that folds what is over counts as one that
//! holds everything, to the flow and to the packet, and its memory stays flat.
#![forbid(unsafe_code)]

#[path = "support/frames.rs"]
mod frames;

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[cfg(test)]
mod weeks {
    use std::path::Path;

    use flowaudit::audit::{Audit, Judged, judge};
    use flowaudit::ledger::{Bounds, Ledger, Observation, Options};
    use flowaudit::matrix::{Matrix, Site};
    use flowaudit::wire::{Frame, FrameRef};

    use super::ALLOCATOR;
    use super::frames::{Owned, read};

    const ROUNDS: u16 = 80;
    /// No UDP service of the lab has a port as high.
    const FROM: u16 = 30_000;
    const SECOND: i64 = 1_000_000_000;
    const BOUNDS: Bounds = Bounds { flows: 400, memory: 3600 * SECOND };

    /// A ledger that is judged, and folded when it is full, after each round.
    struct Watch<'run> {
        ledger: Ledger,
        matrix: &'run Matrix,
        bounds: Option<Bounds>,
        number: u32,
        folded: usize,
    }

    impl Watch<'_> {
        fn round(&mut self, frames: &[Owned], round: u16, period: i64) {
            let mut ports = Vec::new();
            for owned in frames {
                shift_ports(&mut owned.frame().bytes.to_vec(), |port| {
                    ports.extend((port >= FROM).then_some(port));
                    port
                });
            }
            ports.sort_unstable();
            ports.dedup();
            for owned in frames {
                let frame = owned.frame();
                let mut bytes = frame.bytes.to_vec();
                shift_ports(&mut bytes, |port| {
                    ports.binary_search(&port).map_or(port, |at| FROM + (at as u16) * ROUNDS + round)
                });
                self.number += 1;
                let place = FrameRef { input: 0, number: self.number };
                let at = frame.at.plus(i64::from(round) * period);
                self.ledger.observe(&Frame { at, place, bytes: &bytes, ..frame });
            }
            let Some(bounds) = self.bounds.filter(|bounds| self.ledger.is_full(*bounds)) else { return };
            let (seen, judged) = self.look();
            let now = seen.last.unwrap();
            self.folded +=
                self.ledger.close(now, bounds, &seen, |index| judged.flows.get(index).unwrap().stance()).len();
        }

        fn look(&self) -> (Observation, Judged) {
            let seen = self.ledger.settle();
            let judged = judge(&seen, self.matrix);
            (seen, judged)
        }
    }

    fn watch(matrix: &Matrix, bounds: Option<Bounds>) -> Watch<'_> {
        let ledger = Ledger::new(Options { several_taps: false, ..Options::default() });
        Watch { ledger, matrix, bounds, number: 0, folded: 0 }
    }

    /// Another port for the asking side of a UDP datagram, also where an ICMP error quotes it.
    fn shift_ports(frame: &mut [u8], other: impl FnMut(u16) -> u16) {
        let (ip, udp) = (14, 34);
        if frame.get(12..14) != Some(&[8, 0]) || frame.get(ip) != Some(&0x45) {
            return;
        }
        match (frame[ip + 9], frame.get(udp)) {
            (17, _) => shift(frame, udp, other),
            (1, Some(3)) if frame.get(udp + 8 + 9) == Some(&17) => shift(frame, udp + 8 + 20, other),
            _ => {}
        }
    }

    fn shift(frame: &mut [u8], at: usize, mut other: impl FnMut(u16) -> u16) {
        for at in [at, at + 2] {
            let port = u16::from_be_bytes([frame[at], frame[at + 1]]);
            frame[at..at + 2].copy_from_slice(&other(port).to_be_bytes());
        }
    }

    /// What has to be the same: everything but which of many alike frames are named.
    fn told(mut audit: Audit) -> Audit {
        for finding in &mut audit.findings {
            finding.evidence.clear();
            finding.detail.clear();
        }
        for row in &mut audit.rows {
            row.reason.clear();
            let peers = row.atoms.iter_mut().flat_map(|atom| &mut atom.peers);
            peers.for_each(|peer| {
                peer.evidence.clear();
                peer.reason = None;
            });
        }
        audit.next.iter_mut().for_each(|step| {
            step.text.clear();
            step.request = None;
        });
        audit
    }

    fn live_bytes() -> usize {
        let stats = ALLOCATOR.stats();
        stats.bytes_allocated.saturating_sub(stats.bytes_deallocated)
    }

    fn check(name: &str, period: i64) {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
        let frames = read(&root.join(name)).unwrap();
        let matrix = Matrix::load(&Site::load(&root.join("site.toml").to_string_lossy()).unwrap()).unwrap();
        let (mut all, mut bounded) = (watch(&matrix, None), watch(&matrix, Some(BOUNDS)));
        let mut held = Vec::new();
        for round in 0..ROUNDS {
            let before = live_bytes();
            bounded.round(&frames, round, period);
            held.push(live_bytes() as i64 - before as i64);
        }
        (0..ROUNDS).for_each(|round| all.round(&frames, round, period));
        let (whole, (seen, judged)) = (all.look(), bounded.look());
        assert!(bounded.folded > whole.0.flows.len() / 2, "{name}: only {} flows were folded", bounded.folded);
        let (one, other) = (told(whole.1.audit), told(judged.audit));
        for (one, other) in one.rows.iter().zip(&other.rows) {
            assert_eq!(one, other, "{name}");
        }
        for (one, other) in one.findings.iter().zip(&other.findings) {
            assert_eq!(one, other, "{name}");
        }
        assert_eq!((&one.totals, &one.quality), (&other.totals, &other.quality), "{name}");
        assert_eq!(one, other, "{name}");
        assert!(seen.flows.len() * 4 < whole.0.flows.len(), "{name}: {} of {}", seen.flows.len(), whole.0.flows.len());
        // What a round adds once all kinds are known is nothing.
        let grown: i64 = held[held.len() / 2..].iter().sum();
        assert!(grown < 100_000, "{name}: {grown} bytes more: {held:?}");
    }

    #[test]
    fn what_is_folded_is_counted_and_memory_stays_flat() {
        for name in ["a-clean.pcap", "d-blocked.pcap", "e-violations.pcap"] {
            check(name, 45 * SECOND);
        }
    }
}
