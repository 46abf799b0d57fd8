//! A workload's name, a size and a path in, a capture file out, the same bytes for the same
//! arguments. `benches/README.md` describes the workloads.
//!
//! ```text
//! cargo run --release --example workload -- W1 1GB w1.pcap
//! cargo run --release --example workload -- W4 20MB w4.pcapng 4
//! ```
#![forbid(unsafe_code)]

mod container;
mod flows;
mod packet;
mod random;

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use container::Container;
use flows::{Carrier, Flow};
use packet::{Pool, Step};
use random::Random;

/// Microseconds since the epoch at which every workload begins.
const BEGIN: u64 = 1_750_000_000_000_000;
/// Flows live at once in W1, W3 and W4.
const LIVE: u32 = 2_000;
/// Flows live at once in W2.
const FLOOD: u32 = 800_000;
/// In W2 every so many-th packet belongs to the scan.
const SCAN_EVERY: u64 = 24;
const SCAN_TARGETS: u32 = 4;
const SCAN_PORTS: u16 = 50_000;

const USAGE: &str = "usage: workload W1|W2|W3|W4 SIZE[kB|MB|GB] FILE [SEED]";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Workload {
    W1,
    W2,
    W3,
    W4,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((workload, size, path, seed)) = parse(&arguments) else {
        let _ = writeln!(io::stderr(), "{USAGE}");
        return ExitCode::from(2);
    };
    match generate(workload, size, path, seed) {
        Ok(said) => {
            let _ = writeln!(io::stdout(), "{path}: {said}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            let _ = writeln!(io::stderr(), "{path}: {error}");
            ExitCode::from(2)
        }
    }
}

/// Workload, size in bytes, path and seed; without a seed the number of the workload, W3 being
/// the packets of W1.
fn parse(arguments: &[String]) -> Option<(Workload, u64, &str, u64)> {
    let (name, size, path, seed) = match arguments {
        [name, size, path] => (name, size, path, None),
        [name, size, path, seed] => (name, size, path, Some(seed.parse().ok()?)),
        _ => return None,
    };
    let (workload, usual) = match name.as_str() {
        "W1" => (Workload::W1, 1),
        "W2" => (Workload::W2, 2),
        "W3" => (Workload::W3, 1),
        "W4" => (Workload::W4, 4),
        _ => return None,
    };
    Some((workload, bytes(size)?, path, seed.unwrap_or(usual)))
}

fn bytes(size: &str) -> Option<u64> {
    let digits = size.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match size.strip_prefix(digits)? {
        "" => 1,
        "kB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

fn generate(workload: Workload, size: u64, path: &str, seed: u64) -> io::Result<String> {
    let file = BufWriter::with_capacity(1 << 20, File::create(path)?);
    let container = match workload {
        Workload::W1 | Workload::W2 => Container::pcap(file)?,
        Workload::W3 => Container::pcapng(file, false)?,
        Workload::W4 => Container::pcapng(file, true)?,
    };
    let mut random = Random::new(seed);
    let pool = Pool::new(&mut random);
    let mut run = Run {
        workload,
        size,
        container,
        random,
        pool,
        frame: Vec::with_capacity(packet::LARGEST),
        at: BEGIN,
        packets: 0,
        seen: HashSet::new(),
    };
    if workload == Workload::W2 {
        run.flood()?
    } else {
        run.ordinary()?
    }
    let said = format!("{} packets, {} flows, {} bytes", run.packets, run.seen.len(), run.container.bytes);
    run.container.finish()?;
    Ok(said)
}

struct Run<W: Write> {
    workload: Workload,
    size: u64,
    container: Container<W>,
    random: Random,
    pool: Pool,
    frame: Vec<u8>,
    at: u64,
    packets: u64,
    seen: HashSet<[u64; 3]>,
}

impl<W: Write> Run<W> {
    /// W1, W3 and W4: trains of packets of a flow picked at random; a flow that ends is replaced.
    fn ordinary(&mut self) -> io::Result<()> {
        let mut live: Vec<Flow> = (0..LIVE).map(|_| self.fresh()).collect();
        while self.container.bytes < self.size {
            let picked = self.random.below(LIVE) as usize;
            let train = 1 + self.random.geometric() + self.random.below(3);
            for _ in 0..train {
                let step = Step::ordinary(&live[picked], &mut self.random);
                self.emit(&mut live[picked], &step, 40)?;
                if live[picked].ended() {
                    live[picked] = self.fresh();
                    break;
                }
            }
        }
        Ok(())
    }

    fn fresh(&mut self) -> Flow {
        let mut flow = Flow::draw_bounded(&mut self.random);
        if self.workload == Workload::W4 {
            flow.carrier = Carrier::draw(&mut self.random);
        }
        flow
    }

    /// W2: so many flows that no cache holds them, and a scan between.
    fn flood(&mut self) -> io::Result<()> {
        let mut live: Vec<Flow> = (0..FLOOD).map(|_| Flow::draw(&mut self.random)).collect();
        let (mut probe, mut probes) = (scan(0), 0);
        while self.container.bytes < self.size {
            if self.packets % SCAN_EVERY == SCAN_EVERY - 1 {
                let answer = probe.emitted > 0;
                self.emit(&mut probe, &Step::scan(answer), 4)?;
                if answer {
                    probes += 1;
                    probe = scan(probes);
                }
                continue;
            }
            let picked = self.random.below(FLOOD) as usize;
            let step = Step::small(&live[picked], &mut self.random);
            self.emit(&mut live[picked], &step, 4)?;
        }
        Ok(())
    }

    fn emit(&mut self, flow: &mut Flow, step: &Step, longest_pause: u32) -> io::Result<()> {
        if flow.emitted == 0 {
            self.seen.insert(flow.tuple());
        }
        packet::build(&mut self.frame, flow, step, &self.pool, &mut self.random);
        self.container.write(self.at, flow.carrier.cooked, &self.frame)?;
        self.at += u64::from(1 + self.random.below(longest_pause));
        self.packets += 1;
        Ok(())
    }
}

/// The flow of one probe: all ports of one target in ascending order, then the next target.
fn scan(probe: u32) -> Flow {
    let ports = u32::from(SCAN_PORTS);
    Flow {
        addresses: [0x0a14_1234, 0x0a0a_0102 + probe / ports % SCAN_TARGETS],
        ports: [54_321, 1 + (probe % ports) as u16],
        udp: false,
        carrier: Carrier::default(),
        emitted: 0,
        length: u32::MAX,
        sequence: [probe, 0],
    }
}
