//! A pipe, a socket or a device in, its bytes out, until a flag says stop. The system read of a pipe
//! on which nobody writes never returns, so it happens on a thread of its own; a reader that waits
//! looks at the flag ten times a second. Files never come here.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

/// A stream that can be given up while it is silent.
pub(super) struct Pipe {
    pieces: Receiver<io::Result<Vec<u8>>>,
    /// Received and not yet read.
    piece: Vec<u8>,
    /// Bytes of `piece` that were read.
    read: usize,
    stop: Arc<AtomicBool>,
}

impl Pipe {
    /// Standard input.
    pub(super) fn stdin(stop: Arc<AtomicBool>) -> Self {
        Self::pumped(|| Ok(Box::new(io::stdin())), stop)
    }

    /// The stream at `path`; opening a named pipe waits for its writer, so the thread does that too.
    pub(super) fn open(path: PathBuf, stop: Arc<AtomicBool>) -> Self {
        Self::pumped(move || Ok(Box::new(File::open(path)?)), stop)
    }

    /// A stream that is open already.
    pub(super) fn held(file: Arc<File>, stop: Arc<AtomicBool>) -> Self {
        Self::pumped(move || await_writer(&file).map(|()| Box::new(file) as _), stop)
    }

    fn pumped(open: impl FnOnce() -> io::Result<Box<dyn Read>> + Send + 'static, stop: Arc<AtomicBool>) -> Self {
        let (sender, pieces) = sync_channel(PIECES);
        // The thread ends with its stream, or when nobody receives any more; a silent one ends with the program.
        thread::spawn(move || match open() {
            Ok(mut stream) => pump(&mut *stream, &sender),
            Err(error) => drop(sender.send(Err(error))),
        });
        Self { pieces, piece: Vec::new(), read: 0, stop }
    }

    /// Waits for the next piece; `None` at the end of the stream.
    fn receive(&self) -> io::Result<Option<Vec<u8>>> {
        loop {
            match self.pieces.recv_timeout(LOOK) {
                Ok(piece) => return piece.map(Some),
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
                Err(RecvTimeoutError::Timeout) if self.stop.load(Ordering::Relaxed) => {
                    return Err(io::Error::other("reading was stopped"));
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.read >= self.piece.len() {
            let Some(piece) = self.receive()? else { return Ok(0) };
            (self.piece, self.read) = (piece, 0);
        }
        let rest = self.piece.get(self.read..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..count), rest.get(..count)) {
            to.copy_from_slice(from);
        }
        self.read = self.read.saturating_add(count);
        Ok(count)
    }
}

/// Waits until somebody has written to a named pipe that was opened without waiting; from then on reads wait.
#[cfg(target_os = "linux")]
fn await_writer(file: &File) -> io::Result<()> {
    use rustix::event::{PollFd, PollFlags, poll};
    use rustix::fs::{OFlags, fcntl_setfl};
    while let Err(error) = poll(&mut [PollFd::new(file, PollFlags::IN)], None) {
        if error != rustix::io::Errno::INTR {
            return Err(error.into());
        }
    }
    Ok(fcntl_setfl(file, OFlags::empty())?)
}

#[cfg(not(target_os = "linux"))]
fn await_writer(_: &File) -> io::Result<()> {
    Ok(())
}

fn pump(stream: &mut dyn Read, sender: &SyncSender<io::Result<Vec<u8>>>) {
    let mut block = vec![0; PIECE];
    loop {
        let piece = match stream.read(&mut block) {
            Ok(0) => return,
            Ok(count) => Ok(block.get(..count).unwrap_or_default().to_vec()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Err(error),
        };
        let last = piece.is_err();
        if sender.send(piece).is_err() || last {
            return;
        }
    }
}

/// Bytes of one read: what a pipe holds.
const PIECE: usize = 64 << 10;

/// Pieces read ahead.
const PIECES: usize = 8;

/// Between two looks at the flag.
const LOOK: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives its bytes, then waits for ever.
    struct Silent(&'static [u8]);

    impl Read for Silent {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() {
                loop {
                    thread::park();
                }
            }
            self.0.read(buffer)
        }
    }

    #[test]
    fn bytes_come_through_and_silence_can_be_left() {
        let stop = Arc::new(AtomicBool::new(false));
        let mut whole = Vec::new();
        Pipe::pumped(|| Ok(Box::new(&b"some bytes"[..])), Arc::clone(&stop)).read_to_end(&mut whole).unwrap();
        assert_eq!(whole, b"some bytes");
        let mut silent = Pipe::pumped(|| Ok(Box::new(Silent(b"some"))), Arc::clone(&stop));
        silent.read_exact(&mut [0; 4]).unwrap();
        stop.store(true, Ordering::Relaxed);
        assert_eq!(silent.read(&mut [0; 4]).unwrap_err().to_string(), "reading was stopped");
        let mut absent = Pipe::open("/absent/pipe".into(), stop);
        assert_eq!(absent.read(&mut [0; 4]).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
