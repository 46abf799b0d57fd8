//! `flowaudit verify JOURNAL`: a journal in, whether each line follows from the one before out, or the
//! first that does not. Changes nothing.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;

use super::exit::{self, Failure};
use super::report::{to_stdout, unwritten_stdout};
use crate::report::{journal, words};

/// Checks a journal.
///
/// # Errors
/// It cannot be read.
pub fn verify(path: &Path) -> Result<u8, Failure> {
    let unread = |fault: io::Error| Failure::plain(format!("cannot read {}: {fault}", path.display()));
    let file = File::open(path).map_err(unread)?;
    let found = journal::check(BufReader::new(file)).map_err(unread)?;
    let lines = words::count(found.chain.entries, "line");
    let mut lines = vec![format!("{lines}, each with the digest of the one before")];
    if found.chain.entries > 0 {
        lines.push(format!("last digest: {}", found.chain.last));
    }
    if found.torn > 0 && found.fault.is_none() {
        let bytes = words::count(found.torn, "byte");
        lines.push(format!("behind them {bytes} of a line that was never finished: the watch was ended by force"));
    }
    to_stdout(|out| lines.iter().try_for_each(|line| writeln!(out, "{line}"))).map_err(unwritten_stdout)?;
    match found.fault {
        None => {
            exit::say("exit 0: the journal is whole up to its last digest");
            Ok(0)
        }
        Some((line, what)) => {
            exit::say(&format!("exit 1: line {line} {what}"));
            Ok(1)
        }
    }
}
