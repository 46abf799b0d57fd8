//! Alerts in, datagrams to the syslog daemon of this host out. The socket is made before the first
//! packet is read; a daemon that is slow or away costs alerts, which are counted, and never time.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::{Timestamp, Unit};

use super::Tally;
use crate::cli::exit::Failure;
use crate::report::events::Event;
use crate::report::syslog::{Sender, message};

/// Alerts that wait for the daemon: its queue holds ten datagrams on many systems.
const WAITING: usize = 256;
/// How long the end of the watch waits for it.
const FAREWELL: Duration = Duration::from_secs(2);

/// The way to the daemon.
pub(super) struct Syslog {
    socket: UnixDatagram,
    path: PathBuf,
    host: String,
    process: u32,
    waiting: VecDeque<String>,
    pub(super) tally: Tally,
}

impl Syslog {
    /// Connects to the socket at `path`.
    ///
    /// # Errors
    /// There is no daemon.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let connect = || {
            let socket = UnixDatagram::unbound()?;
            socket.set_nonblocking(true)?;
            socket.connect(path).map(|()| socket)
        };
        let socket = connect().map_err(|fault| {
            let path = path.display();
            Failure::plain(format!(
                "--syslog: no daemon at {path}: {fault}; start it, or name its socket: --syslog=SOCKET"
            ))
        })?;
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        Ok(Self {
            socket,
            path: path.to_owned(),
            host,
            process: std::process::id(),
            waiting: VecDeque::new(),
            tally: Tally::default(),
        })
    }

    /// Sends an alert, at once or when the daemon takes it.
    pub(super) fn send(&mut self, event: &Event) {
        let now = Timestamp::now();
        let time = now.round(Unit::Microsecond).unwrap_or(now).to_string();
        let sender = Sender { time, host: self.host.clone(), process: self.process };
        if self.waiting.len() >= WAITING {
            self.tally.fail("--syslog", &"too many alerts wait for the daemon");
        } else {
            self.waiting.extend(message(event, &sender));
        }
        self.look_after();
    }

    /// Sends what waits, as far as the daemon takes it. Never blocks.
    pub(super) fn look_after(&mut self) {
        while let Some(message) = self.waiting.front() {
            // A daemon that was started anew has another socket under the same name.
            let again = || self.socket.connect(&self.path).and_then(|()| self.socket.send(message.as_bytes()));
            let sent = self.socket.send(message.as_bytes());
            match sent.or_else(|fault| if fault.kind() == ErrorKind::WouldBlock { Err(fault) } else { again() }) {
                Ok(_) => self.tally.delivered = self.tally.delivered.saturating_add(1),
                Err(fault) if fault.kind() == ErrorKind::WouldBlock => return,
                Err(fault) => self.tally.fail("--syslog", &fault),
            }
            self.waiting.pop_front();
        }
    }

    /// Waits a little for the daemon to take what waits.
    pub(super) fn finish(&mut self) {
        let begun = Instant::now();
        while !self.waiting.is_empty() && begun.elapsed() < FAREWELL {
            self.look_after();
            std::thread::sleep(Duration::from_millis(10));
        }
        for _ in std::mem::take(&mut self.waiting) {
            self.tally.fail("--syslog", &"the watch ended before the daemon took it");
        }
    }
}
