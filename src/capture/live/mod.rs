//! Interfaces in, frames out as they come, and what was lost on the way. Reads without blocking and
//! waits on its own: libpcap's read time-out never ends on an idle link, and then neither a time
//! limit nor a signal would be noticed. Never looks inside a frame, never sends.

mod clock;
mod error;
mod hold;
mod link;
mod loss;
mod tap;

use std::io;
use std::net::IpAddr;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use pcap::Device;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

pub use error::LiveError;
pub use loss::Loss;

use self::clock::WallClock;
use self::hold::Hold;
use self::tap::Tap;
use crate::ledger::{Input, InputState, TapInfo};
use crate::wire::Frame;

/// How to capture.
#[derive(Clone, Debug)]
pub struct Options {
    /// Names of the interfaces.
    pub interfaces: Vec<String>,
    /// Whether the interface also hands over what is not for this host.
    pub promiscuous: bool,
    /// Bytes of each packet to keep.
    pub snap_length: u32,
    /// Size of the kernel's ring, for each interface.
    pub ring_bytes: u32,
    /// A BPF expression that packets must pass.
    pub filter: Option<String>,
}

/// An interface of this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// What the system says it is, where it does.
    pub description: Option<String>,
    /// Whether it is up.
    pub up: bool,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
}

/// The interfaces of this host, in the system's order.
///
/// # Errors
/// The system does not list them.
pub fn interfaces() -> Result<Vec<Interface>, LiveError> {
    let interface = |device: Device| Interface {
        addresses: tap::addresses(&device),
        up: device.flags.is_up(),
        description: device.desc,
        name: device.name,
    };
    Ok(devices()?.into_iter().map(interface).collect())
}

/// Interfaces being captured.
pub struct Live {
    taps: Vec<Tap>,
    hold: Hold,
    clock: WallClock,
    /// When the links were looked at last.
    looked: Instant,
    changed: bool,
}

impl Live {
    /// Opens the interfaces, each once.
    ///
    /// # Errors
    /// One of them is not there, may not be captured on, or refuses the filter.
    pub fn open(options: &Options) -> Result<Self, LiveError> {
        let devices = devices()?;
        let mut clock = WallClock::new();
        let mut taps: Vec<Tap> = Vec::new();
        for name in &options.interfaces {
            if taps.iter().any(|tap| tap.info().name == *name) {
                continue;
            }
            let device = devices.iter().find(|device| device.name == *name).ok_or_else(|| unknown(name, &devices))?;
            let index = u32::try_from(taps.len()).unwrap_or(u32::MAX);
            taps.push(Tap::open(device, index, options, clock.look().0)?);
        }
        Ok(Self { taps, hold: Hold::default(), clock, looked: Instant::now(), changed: false })
    }

    /// Waits until packets are there, a signal came, `also` can be read, or `longest` is over.
    ///
    /// # Errors
    /// The system refuses to wait.
    pub fn wait(&self, longest: Duration, also: Option<BorrowedFd<'_>>) -> Result<(), LiveError> {
        let open = self.taps.iter().filter(|tap| tap.is_open()).map(Tap::descriptor);
        let mut descriptors: Vec<PollFd<'_>> =
            open.chain(also).map(|descriptor| PollFd::from_borrowed_fd(descriptor, PollFlags::IN)).collect();
        let longest = Timespec::try_from(longest).map_err(|_| LiveError::Wait(io::ErrorKind::InvalidInput.into()))?;
        match poll(&mut descriptors, Some(&longest)) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(LiveError::Wait(error.into())),
        }
    }

    /// Hands over the frames that are there; says how many were read. With several interfaces they
    /// come by time stamp, some of them with a later call.
    pub fn read(&mut self, sink: &mut dyn FnMut(&Frame<'_>)) -> usize {
        if self.looked.elapsed() >= BETWEEN_LOOKS {
            self.look();
        }
        if let [only] = self.taps.as_mut_slice() {
            return only.read(sink);
        }
        let (now, hold) = (Instant::now(), &mut self.hold);
        let read = self.taps.iter_mut().map(|tap| tap.read(&mut |frame| hold.keep(frame, now)));
        let read = read.fold(0, usize::saturating_add);
        self.hold.release(now, sink);
        read
    }

    /// Looks at links, clock and losses.
    fn look(&mut self) {
        self.looked = Instant::now();
        let (now, step) = self.clock.look();
        for tap in &mut self.taps {
            self.changed |= tap.look(now, step);
        }
    }

    /// Whether a link went down or came up, packets were lost, or the clock was set since the last call.
    pub fn has_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// Interfaces that have another name now: the user's, and the new one.
    #[must_use]
    pub fn renamed(&self) -> Vec<(String, String)> {
        let pair = |tap: &Tap| Some((tap.info().name, tap.renamed()?));
        self.taps.iter().filter_map(pair).collect()
    }

    /// Hands over what the kernel still holds, after the last moment that counts.
    ///
    /// # Errors
    /// The system refuses to wait.
    pub fn finish(&mut self, sink: &mut dyn FnMut(&Frame<'_>)) -> Result<(), LiveError> {
        // A block that is not full is handed over when the read time-out ends. On a busy link this
        // would never find an end, so it does not look for one beyond that.
        let begun = Instant::now();
        while let Some(left) = LAST_BLOCK.checked_sub(begun.elapsed()) {
            self.wait(left, None)?;
            if self.read(sink) == 0 && self.is_over() {
                break;
            }
        }
        self.hold.flush(sink);
        Ok(())
    }

    /// Whether no interface is left from which packets may come.
    #[must_use]
    pub fn is_over(&self) -> bool {
        !self.taps.iter().any(Tap::is_open)
    }

    /// What each interface lost so far. To be asked often enough that no 32-bit counter wraps twice.
    pub fn losses(&mut self) -> Vec<Loss> {
        self.look();
        self.taps.iter_mut().map(|tap| tap.loss().clone()).collect()
    }

    /// The interfaces as the ledger wants them, with the losses that were last asked for. `ended`
    /// says how reading ends for those that are still there.
    #[must_use]
    pub fn inputs(&self, ended: &InputState) -> (Vec<Input>, Vec<TapInfo>) {
        let input = |tap: &Tap| {
            let input = tap.input();
            if tap.is_open() { Input { state: ended.clone(), ..input } } else { input }
        };
        (self.taps.iter().map(input).collect(), self.taps.iter().map(Tap::info).collect())
    }
}

fn devices() -> Result<Vec<Device>, LiveError> {
    Device::list().map_err(|error| LiveError::List(error::text(&error)))
}

fn unknown(name: &str, devices: &[Device]) -> LiveError {
    let known = devices.iter().filter(|device| device.flags.is_up()).map(|device| device.name.as_str());
    LiveError::NoInterface { interface: name.to_owned(), known: known.collect::<Vec<_>>().join(", ") }
}

/// Milliseconds after which the kernel hands over a block that is not full.
const READ_TIMEOUT: u32 = 100;

/// Longest time between two looks at links, clock and losses.
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

/// How long the last block may take.
const LAST_BLOCK: Duration = Duration::from_millis(2 * READ_TIMEOUT as u64);
