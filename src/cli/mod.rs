//! The command line: argv, terminal, clock and signals in, exit code out.

/// Runs the program.
#[must_use]
pub fn main() -> std::process::ExitCode {
    std::process::ExitCode::SUCCESS
}
