//! The terminal, taken for a screen and given back as it was. It is opened a second time, so that
//! neither reading nor writing ever waits: a terminal that stands still must not stop the capture.
//! Given back on every end: also after an error, and before a panic is said.

use std::cell::RefCell;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, IsTerminal, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::terminal::{disable_raw_mode, enable_raw_mode};
use ratatui::layout::Rect;
use ratatui::{TerminalOptions, Viewport};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use signal_hook::consts::SIGHUP;
use signal_hook::flag;

use crate::cli::exit;

/// The terminal while the screen has it.
pub struct Door {
    keyboard: File,
    writer: Writer,
    terminal: Terminal<CrosstermBackend<Writer>>,
    size: Rect,
}

/// What reading the keyboard gave.
pub enum Typed {
    /// These bytes; none when nobody typed.
    Bytes(Vec<u8>),
    /// The terminal is gone.
    Closed,
}

impl Door {
    /// Takes the terminal; `None` when standard input and output are not one that can show a screen.
    pub fn open() -> Option<Self> {
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb" || term.is_empty());
        if dumb || !io::stdout().is_terminal() || !io::stdin().is_terminal() {
            return None;
        }
        let keyboard = OpenOptions::new().read(true).write(true).custom_flags(NONBLOCK).open("/dev/tty").ok()?;
        let patient = Patient { file: keyboard.try_clone().ok()?, pending: Vec::new(), left: false };
        let writer = Writer(Rc::new(RefCell::new(patient)));
        let size = size_of(&keyboard)?;
        let options = TerminalOptions { viewport: Viewport::Fixed(size) };
        let terminal = Terminal::with_options(CrosstermBackend::new(writer.clone()), options).ok()?;
        // Whoever closes the window gets the reports all the same: reading says that it is closed.
        flag::register(SIGHUP, Arc::new(AtomicBool::new(false))).ok()?;
        let mut door = Self { keyboard, writer, terminal, size };
        door.enter().ok()?;
        give_back_before_panics();
        Some(door)
    }

    /// Puts the terminal into the state that the screen needs.
    ///
    /// # Errors
    /// The terminal refuses.
    pub fn enter(&mut self) -> io::Result<()> {
        enable_raw_mode()?;
        exit::hold();
        self.writer.write_all(ENTER)?;
        self.terminal.clear()
    }

    /// What was typed since.
    pub fn typed(&mut self) -> Typed {
        let mut bytes = [0; 256];
        match self.keyboard.read(&mut bytes) {
            Ok(0) => Typed::Closed,
            Ok(length) => Typed::Bytes(bytes.get(..length).unwrap_or_default().to_vec()),
            Err(fault) if matches!(fault.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                Typed::Bytes(Vec::new())
            }
            Err(_) => Typed::Closed,
        }
    }

    /// What to wait on for keys.
    pub fn keyboard(&self) -> BorrowedFd<'_> {
        self.keyboard.as_fd()
    }

    /// Columns and lines as they are now; whether they changed.
    pub fn resized(&mut self) -> io::Result<bool> {
        let Some(size) = size_of(&self.keyboard).filter(|size| *size != self.size) else { return Ok(false) };
        self.size = size;
        self.terminal.resize(size)?;
        Ok(true)
    }

    /// Columns and lines.
    pub fn size(&self) -> Rect {
        self.size
    }

    /// Draws everything anew with the next picture.
    pub fn forget(&mut self) -> io::Result<()> {
        self.terminal.clear()
    }

    /// Shows a picture, unless the terminal has not yet taken the last one.
    pub fn draw(&mut self, picture: impl FnOnce(&mut ratatui::Frame<'_>)) -> io::Result<()> {
        self.writer.flush()?;
        if self.writer.0.borrow().pending.is_empty() {
            self.terminal.draw(picture)?;
        }
        Ok(())
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        // What was still to be drawn is not wanted any more, but a sequence must not be left half.
        let mut patient = self.writer.0.borrow_mut();
        patient.pending.extend_from_slice(LEAVE);
        patient.push_out(LAST_WORDS);
        patient.left = true;
        let _ = disable_raw_mode();
        exit::release();
    }
}

/// What ratatui writes to, shared so that the door can see what is left.
#[derive(Clone)]
struct Writer(Rc<RefCell<Patient>>);

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().pending.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.borrow_mut().flush()
    }
}

/// Never waits: what the terminal does not take stays for later.
struct Patient {
    file: File,
    pending: Vec<u8>,
    /// Whether the terminal was given back: what comes then goes nowhere.
    left: bool,
}

impl Patient {
    /// Writes all, within `longest`.
    fn push_out(&mut self, longest: Duration) {
        let begun = Instant::now();
        while self.flush().is_ok() && !self.pending.is_empty() {
            let left = longest.saturating_sub(begun.elapsed());
            let Ok(time) = Timespec::try_from(left) else { return };
            let mut descriptors = [PollFd::new(&self.file, PollFlags::OUT)];
            if left.is_zero() || poll(&mut descriptors, Some(&time)).is_err() {
                return;
            }
        }
    }
}

impl Patient {
    /// Writes what the terminal takes at once.
    fn flush(&mut self) -> io::Result<()> {
        if self.left {
            self.pending.clear();
        }
        while !self.pending.is_empty() {
            match self.file.write(&self.pending) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => drop(self.pending.drain(..written)),
                Err(fault) if fault.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(fault) if fault.kind() == ErrorKind::Interrupted => {}
                Err(fault) => return Err(fault),
            }
        }
        Ok(())
    }
}

fn size_of(terminal: &File) -> Option<Rect> {
    terminal_size::terminal_size_of(terminal).map(|(width, height)| Rect::new(0, 0, width.0, height.0))
}

/// A panic is said on the normal screen, where it can be read.
fn give_back_before_panics() {
    let said = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let _ = io::stdout().write_all(LEAVE);
        let _ = io::stdout().flush();
        let _ = disable_raw_mode();
        exit::release();
        said(panic);
    }));
}

/// Alternate screen, cursor hidden.
const ENTER: &[u8] = b"\x1b[?1049h\x1b[?25l\x1b[2J";

/// No attributes, cursor shown, normal screen.
const LEAVE: &[u8] = b"\x1b[0m\x1b[?25h\x1b[?1049l";

/// How long a terminal may take to be given back.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// `O_NONBLOCK`.
const NONBLOCK: i32 = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
