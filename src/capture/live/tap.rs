//! One interface in, its frames out, in the order in which the kernel took them. Never blocks;
//! never looks inside a frame. An interface that goes away cuts its input and keeps what came before.

use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd};

use pcap::{Active, Capture, Device};

use super::error::{LiveError, text};
use super::link::{Link, LinkState};
use super::loss::{Loss, Statistics, Wrapping};
use super::{Options, READ_TIMEOUT};
use crate::ledger::{ClockStep, Input, InputState, Lost, Outage, TapInfo};
use crate::wire::{Course, Frame, FrameRef, LinkType, Timestamp};

/// An open interface.
pub(super) struct Tap {
    capture: Capture<Active>,
    info: TapInfo,
    input: Input,
    number: u32,
    counters: [Wrapping; 3],
    statistics: Option<Statistics>,
    loss: Loss,
    link: Option<Link>,
    /// When somebody last looked at the link and at what was lost.
    looked: Timestamp,
    /// What the interface is called now.
    called: String,
}

impl Tap {
    /// Opens `device` as input and tap number `index`, at `now`.
    pub(super) fn open(device: &Device, index: u32, options: &Options, now: Timestamp) -> Result<Self, LiveError> {
        let name = device.name.clone();
        let mut capture = activate(device, options).map_err(|error| refused(&name, &error))?;
        if let Some(expression) = &options.filter {
            let refused = |error: pcap::Error| LiveError::Filter {
                expression: expression.clone(),
                interface: name.clone(),
                reason: text(&error),
            };
            capture.filter(expression, true).map_err(refused)?;
        }
        let info = TapInfo {
            input: index,
            name: name.clone(),
            link: link_type(capture.get_datalink().0),
            snap_length: options.snap_length,
            addresses: addresses(device),
            card: None,
        };
        Ok(Self {
            capture,
            info,
            input: Input { path: name.clone(), ..Input::default() },
            number: 0,
            counters: Default::default(),
            statistics: Statistics::open(&name),
            link: Link::open(&name),
            called: name.clone(),
            loss: Loss { interface: name, ..Loss::default() },
            looked: now,
        })
    }

    /// Whether packets may still come.
    pub(super) fn is_open(&self) -> bool {
        self.input.state == InputState::Whole
    }

    /// What to wait on.
    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.capture.as_fd()
    }

    /// Hands over what the kernel holds, at most one batch; says how many frames these were.
    pub(super) fn read(&mut self, sink: &mut dyn FnMut(&Frame<'_>)) -> usize {
        if !self.is_open() {
            return 0;
        }
        let Self { capture, info, input, number, .. } = self;
        let read = capture.dispatch(Some(BATCH), |packet| {
            *number = number.saturating_add(1);
            let at = stamp(packet.header.ts.tv_sec, packet.header.ts.tv_usec);
            account(input, at, packet.data.len());
            sink(&Frame {
                at,
                link: info.link,
                tap: info.input,
                place: FrameRef { input: info.input, number: *number },
                bytes: packet.data,
                wire_length: packet.header.len,
                course: Course::Unknown,
                packet_id: None,
                dropped: false,
            });
        });
        match read {
            Ok(frames) => frames,
            Err(pcap::Error::TimeoutExpired) => 0,
            Err(error) => {
                self.input.state = InputState::Cut(text(&error));
                0
            }
        }
    }

    /// What was lost so far.
    pub(super) fn loss(&mut self) -> &Loss {
        if let (true, Ok(now)) = (self.is_open(), self.capture.stats()) {
            let [received, dropped, missed] = &mut self.counters;
            self.loss.received = received.at(now.received);
            self.loss.kernel = dropped.at(now.dropped);
            let missed = missed.at(now.if_dropped);
            self.loss.missed = self.statistics.as_mut().map_or(missed, Statistics::now);
        }
        &self.loss
    }

    /// Looks at the link and at what was lost since the last look, at `now`; whether anything is to be
    /// told. `step` is how the clock was set since.
    pub(super) fn look(&mut self, now: Timestamp, step: Option<ClockStep>) -> bool {
        let since = std::mem::replace(&mut self.looked, now);
        if let Some(step) = step.filter(|_| self.input.clock_steps.len() < MOST_TOLD) {
            self.input.clock_steps.push(step);
        }
        let lost = self.lose(since, now);
        // An interface that is gone is down for good.
        let state = if self.is_open() { self.link.as_mut().and_then(Link::state) } else { Some(LinkState::Down) };
        let fell = state.is_some_and(|state| tell(&mut self.input.outages, state, since, now));
        let name = self.link.as_ref().and_then(Link::name).filter(|name| *name != self.called);
        let renamed = name.is_some();
        self.called = name.unwrap_or_else(|| std::mem::take(&mut self.called));
        step.is_some() || lost || fell || renamed
    }

    /// Notes when packets were lost: since the last look.
    fn lose(&mut self, since: Timestamp, now: Timestamp) -> bool {
        let before = (self.loss.kernel, self.loss.missed);
        let after = self.loss();
        let lost = Lost {
            kernel: after.kernel.saturating_sub(before.0),
            interface: after.missed.saturating_sub(before.1),
            unseen: 0,
        };
        self.input.losses.add(since, now, lost);
        self.input.reported_drops = self.loss.kernel.saturating_add(self.loss.missed);
        self.input.interface_drops = self.loss.missed;
        lost != Lost::default()
    }

    /// What the interface is called now, where that is another name than the user's.
    pub(super) fn renamed(&self) -> Option<String> {
        (self.called != self.info.name).then(|| self.called.clone())
    }

    /// What the ledger is told of this interface.
    pub(super) fn input(&self) -> Input {
        self.input.clone()
    }

    /// What the ledger is told of this interface as a tap.
    pub(super) fn info(&self) -> TapInfo {
        self.info.clone()
    }
}

/// Notes in `outages` how the link is at `now`; whether that is new.
fn tell(outages: &mut Vec<Outage>, state: LinkState, since: Timestamp, now: Timestamp) -> bool {
    let most = outages.len() >= MOST_TOLD;
    match (outages.last_mut(), state) {
        (Some(last @ Outage { until: None, .. }), LinkState::Up | LinkState::WasDown) => last.until = Some(now),
        (Some(Outage { until: None, .. }), LinkState::Down) | (_, LinkState::Up) => return false,
        // More than anybody reads: the last one stands for the others.
        (Some(last), LinkState::Down) if most => last.until = None,
        (Some(last), LinkState::WasDown) if most => last.until = Some(now),
        (_, LinkState::Down) => outages.push(Outage { from: now, until: None }),
        (_, LinkState::WasDown) => outages.push(Outage { from: since, until: Some(now) }),
    }
    true
}

/// The addresses of an interface.
pub(super) fn addresses(device: &Device) -> Vec<IpAddr> {
    device.addresses.iter().map(|address| address.addr).collect()
}

fn activate(device: &Device, options: &Options) -> Result<Capture<Active>, pcap::Error> {
    let length = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
    let capture = Capture::from_device(device.clone())?
        .promisc(options.promiscuous)
        .snaplen(length(options.snap_length))
        .buffer_size(length(options.ring_bytes))
        .timeout(length(READ_TIMEOUT));
    // Only Linux takes nanoseconds from every interface; elsewhere libpcap refuses them without a word.
    #[cfg(target_os = "linux")]
    let capture = capture.precision(pcap::Precision::Nano);
    capture.open()?.setnonblock()
}

fn refused(interface: &str, error: &pcap::Error) -> LiveError {
    let (interface, reason) = (interface.to_owned(), text(error));
    let lower = reason.to_lowercase();
    if ["permission", "not permitted"].iter().any(|part| lower.contains(part)) {
        LiveError::NoPermission { interface }
    } else {
        LiveError::Other { interface, reason }
    }
}

fn account(input: &mut Input, at: Timestamp, length: usize) {
    input.packets = input.packets.saturating_add(1);
    input.bytes = input.bytes.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
    input.first = Some(input.first.map_or(at, |first| first.min(at)));
    input.last = Some(input.last.map_or(at, |last| last.max(at)));
}

/// The time of a packet; its fraction is in nanoseconds on Linux and in microseconds elsewhere.
fn stamp(seconds: impl Into<i64>, fraction: impl Into<i64>) -> Timestamp {
    let unit = if cfg!(target_os = "linux") { 1 } else { 1000 };
    let fraction = fraction.into().saturating_mul(unit);
    Timestamp::from_nanoseconds(seconds.into().saturating_mul(1_000_000_000).saturating_add(fraction))
}

/// The number of a link type in files (`LINKTYPE_…`), where libpcap's own (`DLT_…`) differs.
fn link_type(data_link: i32) -> LinkType {
    match data_link {
        12 => LinkType(101), // raw IP
        other => LinkType(u16::try_from(other).unwrap_or(u16::MAX)),
    }
}

/// Outages, and settings of the clock, that are kept.
const MOST_TOLD: usize = 1000;

/// Packets of one read; between two reads signals and times are looked at.
const BATCH: usize = 8192;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(message: &str, expected: &str) {
        let found = refused("eth0", &pcap::Error::PcapError(message.to_owned())).to_string();
        assert!(found.contains(expected), "{message}: {found}");
    }

    #[test]
    fn refusals_say_what_is_missing() {
        check("socket: Operation not permitted", "CAP_NET_RAW");
        check("You don't have permission to capture on that device", "CAP_NET_RAW");
        check("eth0: That device is not up", "not up");
    }

    #[test]
    fn outages_have_a_beginning_and_an_end() {
        use LinkState::{Down, Up, WasDown};
        let check = |states: &[LinkState], expected: &[(i64, Option<i64>)]| {
            let mut outages = Vec::new();
            for (second, state) in (1..).zip(states) {
                let at = Timestamp::from_nanoseconds;
                tell(&mut outages, *state, at(second - 1), at(second));
            }
            let found: Vec<_> = outages
                .iter()
                .map(|outage| (outage.from.nanoseconds(), outage.until.map(Timestamp::nanoseconds)))
                .collect();
            assert_eq!(found, expected, "{states:?}");
        };
        check(&[Up, Up], &[]);
        check(&[Up, Down, Down, Up, Up], &[(2, Some(4))]);
        check(&[Down], &[(1, None)]);
        check(&[Up, WasDown, Up], &[(1, Some(2))]);
        check(&[Down, WasDown, WasDown], &[(1, Some(2)), (2, Some(3))]);
        let flapping: Vec<LinkState> = [Down, Up].into_iter().cycle().take(4 * MOST_TOLD).collect();
        let mut outages = Vec::new();
        for (second, state) in (1..).zip(flapping) {
            tell(&mut outages, state, Timestamp::from_nanoseconds(second), Timestamp::from_nanoseconds(second));
        }
        assert_eq!(outages.len(), MOST_TOLD);
        assert_eq!(outages.last().unwrap().until, Some(Timestamp::from_nanoseconds(4000)));
    }

    #[test]
    fn numbers_of_link_types() {
        assert_eq!([1, 12, 113, 276].map(link_type), [1, 101, 113, 276].map(LinkType));
    }
}
