//! What can go wrong before the first packet is handed over. Each variant names the path, says
//! what was found there and what to do next. A capture that breaks off later is never one of
//! these: it is `InputState::Cut`, and what was read before counts.

use std::io;

/// Why a capture could not be opened, or a filter could not be applied.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// Nothing to read was named.
    #[error("no capture was named: give files, directories, patterns, or - for standard input")]
    NoInput,
    /// There is no such file.
    #[error("{path}: there is no such file or directory")]
    NotFound {
        /// As the user named it.
        path: String,
    },
    /// The file system forbids reading it.
    #[error("{path}: no permission to read it: run as its owner or change its mode")]
    NoPermission {
        /// As the user named it.
        path: String,
    },
    /// It could not be opened or read for another reason.
    #[error("{path}: cannot be read at byte {offset}: {source}")]
    Read {
        /// As the user named it.
        path: String,
        /// Byte offset of the read that failed.
        offset: u64,
        /// What the operating system said.
        source: io::Error,
    },
    /// The file holds no bytes at all.
    #[error("{path}: the file is empty (0 bytes): nothing was captured, or it was not yet written")]
    Empty {
        /// As the user named it.
        path: String,
    },
    /// The file is something else.
    #[error("{path}: not a capture that can be read: at byte {offset} {found}; {advice}")]
    NotACapture {
        /// As the user named it.
        path: String,
        /// Byte offset of what was found.
        offset: u64,
        /// What was found.
        found: String,
        /// What to do next.
        advice: &'static str,
    },
    /// A directory without a capture.
    #[error("{path}: no capture in this directory ({skipped} other files; subdirectories are not searched)")]
    NoCaptures {
        /// As the user named it.
        path: String,
        /// How many files were looked at.
        skipped: usize,
    },
    /// A pattern that no file fits.
    #[error("{pattern}: no file fits this pattern")]
    NoMatch {
        /// As the user wrote it.
        pattern: String,
    },
    /// A pattern that is not one.
    #[error("{pattern}: not a pattern: {reason} at character {position}")]
    BadPattern {
        /// As the user wrote it.
        pattern: String,
        /// What is wrong with it.
        reason: &'static str,
        /// Where, counted in characters from 0.
        position: usize,
    },
    /// libpcap does not accept the filter for this link type.
    #[error("filter `{expression}`: libpcap refuses it for link type {link}: {reason}")]
    Filter {
        /// The expression.
        expression: String,
        /// The link type (LINKTYPE number) that it was compiled for.
        link: u16,
        /// What libpcap said.
        reason: String,
    },
    /// Filters need libpcap, and this program was built without it.
    #[error(
        "filter `{expression}`: this program was built without libpcap; build it with `--features live`, or filter the file with `tcpdump -r IN -w OUT` first"
    )]
    FilterUnavailable {
        /// The expression.
        expression: String,
    },
}

impl CaptureError {
    /// The error for an operating-system error at `offset` bytes into `path`.
    pub(super) fn from_io(path: &str, offset: u64, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::NotFound => Self::NotFound { path },
            io::ErrorKind::PermissionDenied => Self::NoPermission { path },
            _ => Self::Read { path, offset, source },
        }
    }
}
