//! One interface in, its frames out, in the order in which the kernel took them. Never blocks;
//! never looks inside a frame. An interface that goes away cuts its input and keeps what came before.

use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd};

use pcap::{Active, Capture, Device};

use super::error::{LiveError, text};
use super::loss::{Loss, Statistics, Wrapping};
use super::{Options, READ_TIMEOUT};
use crate::ledger::{Input, InputState, TapInfo};
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
}

impl Tap {
    /// Opens `device` as input and tap number `index`.
    pub(super) fn open(device: &Device, index: u32, options: &Options) -> Result<Self, LiveError> {
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
        };
        Ok(Self {
            capture,
            info,
            input: Input { path: name.clone(), ..Input::default() },
            number: 0,
            counters: Default::default(),
            statistics: Statistics::open(&name),
            loss: Loss { interface: name, ..Loss::default() },
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

    /// What the ledger is told of this interface.
    pub(super) fn input(&self) -> Input {
        Input { reported_drops: self.loss.kernel.saturating_add(self.loss.missed), ..self.input.clone() }
    }

    /// What the ledger is told of this interface as a tap.
    pub(super) fn info(&self) -> TapInfo {
        self.info.clone()
    }
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
    fn numbers_of_link_types() {
        assert_eq!([1, 12, 113, 276].map(link_type), [1, 101, 113, 276].map(LinkType));
    }
}
