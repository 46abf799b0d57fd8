//! The command line: argv, terminal, clock and signals in, exit code out. Whatever goes wrong ends
//! as one of four codes and a last line on standard error that says why.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use clap::Parser;

use self::args::{Arguments, Color, Command};
use self::exit::Failure;

mod args;
mod audit;
mod chain;
mod diff;
mod evidence;
mod examples;
mod exit;
mod explain;
mod matrix;
mod options;
mod packets;
mod progress;
mod redaction;
mod report;
mod sandbox;
mod seen;
mod site;
mod verify;
#[cfg(all(feature = "live", unix))]
mod watch;

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(fault) => return exit::of_usage(&fault),
    };
    exit::catch_panics();
    let code = catch_unwind(AssertUnwindSafe(|| match run(&arguments) {
        Ok(code) => code,
        Err(failure) => exit::of_failure(&failure, options::colour(wish(&arguments), &io::stderr())),
    }));
    code.map_or_else(
        |_| {
            exit::say("exit 2: could not run");
            ExitCode::from(2)
        },
        ExitCode::from,
    )
}

fn run(arguments: &Arguments) -> Result<u8, Failure> {
    match &arguments.command {
        Command::Audit(arguments) => audit::run(arguments),
        #[cfg(all(feature = "live", unix))]
        Command::Watch(arguments) => watch::run(arguments),
        #[cfg(all(feature = "live", unix))]
        Command::Hook(arguments) => watch::run_command(arguments),
        Command::Report(arguments) => report::run(arguments),
        Command::Diff(arguments) => diff::run(arguments),
        Command::Verify(arguments) => verify::run(arguments),
        Command::Matrix(command) => matrix::run(command),
        Command::Site(command) => site::run(command),
    }
}

const fn wish(arguments: &Arguments) -> Color {
    match &arguments.command {
        Command::Audit(arguments) => arguments.look.page.color,
        #[cfg(all(feature = "live", unix))]
        Command::Watch(arguments) => arguments.look.page.color,
        #[cfg(all(feature = "live", unix))]
        Command::Hook(_) => Color::Never,
        Command::Report(arguments) => arguments.look.page.color,
        Command::Diff(arguments) => arguments.look.page.color,
        Command::Verify(_) | Command::Matrix(_) | Command::Site(_) => Color::Auto,
    }
}
