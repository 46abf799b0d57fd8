//! `--list`: the interfaces of this machine, a line each.

use super::failure;
use crate::capture::live;
use crate::cli::exit::Failure;
use crate::cli::report::{to_stdout, unwritten_stdout};
use crate::report::escape;

/// Lists them.
///
/// # Errors
/// They cannot be listed, or standard output cannot be written.
pub(super) fn list() -> Result<u8, Failure> {
    let interfaces = live::interfaces().map_err(|error| failure(&error))?;
    let longest = interfaces.iter().map(|interface| interface.name.len()).max().unwrap_or(0);
    let written = to_stdout(|out| {
        interfaces.iter().try_for_each(|interface| {
            let state = if interface.up { "up" } else { "down" };
            let addresses: Vec<String> = interface.addresses.iter().map(ToString::to_string).collect();
            let description = interface.description.as_deref().unwrap_or_default();
            let line = format!("{:longest$}  {state:4}  {}  {description}", interface.name, addresses.join(" "));
            writeln!(out, "{}", escape::terminal(line.trim_end()))
        })
    });
    written.map(|()| 0).map_err(unwritten_stdout)
}
