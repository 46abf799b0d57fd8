//! The words of `flowaudit watch` in, typed but unresolved arguments out.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use jiff::SignedDuration;

use super::outlets::OutletArguments;
use super::rotate;
use crate::cli::args::{Gravity, LookArguments, OutputArguments, SiteArguments};
use crate::cli::sandbox::SandboxArguments;
use crate::ledger::Bounds;

/// `flowaudit watch`.
#[derive(Debug, Args)]
pub struct WatchArguments {
    /// Interface to watch; several may be given
    #[arg(short, long, value_name = "IFACE", required_unless_present = "list")]
    pub interface: Vec<String>,
    /// List the interfaces with their addresses and end
    #[arg(long)]
    pub list: bool,
    /// End after this time, as 30m or 2h; without it a signal ends the watch
    #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
    pub duration: Option<Duration>,
    /// End with exit code 0 as soon as every required row is confirmed
    #[arg(long, value_name = "STATE", value_enum)]
    pub until: Option<Until>,
    /// One line for each change in place of the screen, also on a terminal
    #[arg(long)]
    pub plain: bool,
    /// What changes, as JSON lines, added to a file; - is standard output
    #[arg(long, value_name = "FILE")]
    pub events: Option<PathBuf>,
    /// Who is who, and the rest of the site
    #[command(flatten)]
    pub site: SiteArguments,
    /// Only packets that this expression selects, in tcpdump's language
    #[arg(short, long, value_name = "BPF")]
    pub filter: Option<String>,
    /// Take also what is not for this host, as a mirror port needs it
    #[arg(long)]
    pub promiscuous: bool,
    /// Bytes of each packet to keep
    #[arg(long, value_name = "BYTES", default_value_t = 262_144, value_parser = clap::value_parser!(u32).range(64..=262_144))]
    pub snaplen: u32,
    /// Room for packets that wait to be read, for each interface, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub ring: u32,
    /// Gravity from which a finding makes the exit code 1
    #[arg(long, value_name = "SEVERITY", value_enum, default_value_t = Gravity::Low)]
    pub fail_on: Gravity,
    /// Flows held one by one; when there are more, those that are over are counted with those just like
    /// them: every sum stays exact, and of each kind the first eight and the latest are kept
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(100..=10_000_000))]
    pub max_flows: u32,
    /// How long a name or an announced port that no longer holds is remembered, when --max-flows was reached
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "24h")]
    pub forget: Duration,
    /// Write the reports so often (1h), or when the flow log has so many bytes (100MiB), each under its
    /// name with the time in UTC; the flow log begins anew
    #[arg(long, value_name = "WHEN", value_parser = rotate::when)]
    pub rotate: Option<rotate::When>,
    /// How many of each rotated file are kept; without it all are
    #[arg(long, value_name = "N", requires = "rotate", value_parser = clap::value_parser!(u32).range(1..))]
    pub keep: Option<u32>,
    /// Save the packets behind each new finding in this directory, as pcapng; the oldest files go
    #[arg(long, value_name = "DIR")]
    pub save: Option<PathBuf>,
    /// Bytes that all saved files together may have, in MiB
    #[arg(long, value_name = "MIB", requires = "save", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..))]
    pub save_size: u32,
    /// How many saved files there may be
    #[arg(long, value_name = "N", requires = "save", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    pub save_files: u32,
    /// One line per flow, to a .csv or .jsonl file, at the end
    #[arg(long, value_name = "FILE")]
    pub flows: Option<PathBuf>,
    /// Forms of the audit, written at the end
    #[command(flatten)]
    pub outputs: OutputArguments,
    /// What the process gives up
    #[command(flatten)]
    pub sandbox: SandboxArguments,
    /// How the report looks
    #[command(flatten)]
    pub look: LookArguments,
    /// Whom to tell, beside lines and events
    #[command(flatten)]
    pub outlets: OutletArguments,
}

impl WatchArguments {
    /// How much of the past is held.
    pub(super) fn bounds(&self) -> Bounds {
        Bounds {
            flows: usize::try_from(self.max_flows).unwrap_or(usize::MAX),
            memory: i64::try_from(self.forget.as_nanos()).unwrap_or(i64::MAX),
        }
    }
}

/// What to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Until {
    /// Every required row that can be seen here is confirmed.
    Confirmed,
}

pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let refused = || "not a length of time: write it as 90s, 30m or 2h".to_owned();
    let duration = text.parse::<SignedDuration>().map_err(|_| refused())?;
    Duration::try_from(duration).ok().filter(|duration| !duration.is_zero()).ok_or_else(refused)
}

/// Shown by `watch -h`.
pub const EXAMPLES: &str = "\
Examples:
  flowaudit watch --list                                      which interfaces there are
  flowaudit watch -i eth0 -s site.toml                        until Ctrl-C, then the report
  flowaudit watch -i eth0 -s site.toml --for 30m --until confirmed --json audit.json";

/// Shown by `watch --help`.
pub const LONG_HELP: &str = "\
Examples:
  flowaudit watch --list                                      which interfaces there are
  flowaudit watch -i eth0 -s site.toml                        until Ctrl-C, then the report
  flowaudit watch -i eth0 -s site.toml --for 30m --until confirmed --json audit.json
  flowaudit watch -i eth0 -s site.toml --flows flows.csv --rotate 24h --keep 30 --save packets

On a terminal a screen: the rows as they come out, what is blocked and why, findings, losses and rates; \
? explains the keys. Otherwise, with --plain or with -q, no screen: one line on standard output for each \
row that comes out differently and each finding (-q: none). At the end the report, which is that of \
`flowaudit audit` over the same packets.

For weeks: memory stays within --max-flows and --forget, --rotate and --keep write reports and flow logs anew, \
--save keeps the packets behind findings, and SIGHUP reads site and packs again. There is a unit for systemd.

Capturing needs root or the capability CAP_NET_RAW:
  sudo setcap cap_net_raw=ep /path/to/flowaudit

Exit codes:
  0  nothing to report, and the evidence is complete;
     with --until confirmed: every required row is confirmed, whatever else is found
  1  findings (of at least the gravity of --fail-on)
  2  could not run, or could not write a report
  3  no findings, but the evidence is incomplete: no packets, packets lost,
     an interface that went away or was down, a clock that was set,
     flows that could not be decided, rows whose time is not over or that
     nobody plays, a signal before --for or --until was over";

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<u64>) {
        assert_eq!(duration(text).ok(), expected.map(Duration::from_secs), "{text}");
    }

    #[test]
    fn lengths_of_time() {
        check("30m", Some(1800));
        check("90s", Some(90));
        check("2h", Some(7200));
        check("1h 30m", Some(5400));
        check("0s", None);
        check("-5s", None);
        check("30", None);
        check("soon", None);
    }
}
