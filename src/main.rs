//! The program: hands the command line to [`flowaudit::cli`] and returns its exit code.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    flowaudit::cli::main()
}
