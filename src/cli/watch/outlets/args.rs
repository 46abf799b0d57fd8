//! The words that say where a watch tells what it sees, beside its own lines and events.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::super::args::duration;
use crate::report::alerts;

/// Whom to tell.
#[derive(Debug, Args)]
#[command(next_help_heading = "Alerts")]
pub struct OutletArguments {
    /// Tell the syslog daemon of each finding (RFC 5424); its socket, if it is another one
    #[arg(long, value_name = "SOCKET", num_args = 0..=1, require_equals = true, default_missing_value = "/dev/log")]
    pub syslog: Option<PathBuf>,
    /// Run this for each finding, with the finding as JSON on its standard input; without a shell
    #[arg(long, value_name = "COMMAND", value_parser = command)]
    pub on_finding: Option<Words>,
    /// Tell a finding that still holds again after this time
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "24h")]
    pub renew: Duration,
    /// How many findings within how long are told one by one; further ones are told as one
    #[arg(long, value_name = "N/DURATION", value_parser = flood, default_value = "20/1m")]
    pub flood: (usize, Duration),
    /// Metrics for Prometheus, in a text file that is replaced as a whole
    #[arg(long, value_name = "FILE")]
    pub metrics: Option<PathBuf>,
    /// Metrics for Prometheus, on this address: 127.0.0.1:9477
    #[arg(long, value_name = "ADDR:PORT")]
    pub metrics_listen: Option<SocketAddr>,
    /// Everything that is told, added to a file whose lines are chained by their digests
    #[arg(long, value_name = "FILE")]
    pub journal: Option<PathBuf>,
}

impl OutletArguments {
    /// Whether anybody is to be told.
    pub const fn are_any(&self) -> bool {
        self.syslog.is_some()
            || self.on_finding.is_some()
            || self.metrics.is_some()
            || self.metrics_listen.is_some()
            || self.journal.is_some()
    }

    /// How findings are told.
    pub const fn alerts(&self) -> alerts::Options {
        alerts::Options { renew: self.renew, most: self.flood.0, within: self.flood.1 }
    }
}

/// A program and its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words(pub Vec<String>);

/// Words as a shell splits them; nothing is expanded.
fn command(text: &str) -> Result<Words, String> {
    let words = shlex::split(text).filter(|words| !words.is_empty());
    words.map(Words).ok_or_else(|| "a quote is open, or it is empty".to_owned())
}

fn flood(text: &str) -> Result<(usize, Duration), String> {
    let refused = || "write it as 20/1m: so many findings within so long".to_owned();
    let (most, within) = text.split_once('/').ok_or_else(refused)?;
    let most = most.parse().ok().filter(|most| *most > 0).ok_or_else(refused)?;
    Ok((most, duration(within).map_err(|_| refused())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_command() {
        let words = |text| command(text).ok().map(|words| words.0);
        let of = |words: &[&str]| Some(words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        assert_eq!(words("curl -d @- 'https://a/b c'"), of(&["curl", "-d", "@-", "https://a/b c"]));
        assert_eq!(words("sh -c 'cat >> \"$HOME/x\"'"), of(&["sh", "-c", "cat >> \"$HOME/x\""]));
        assert_eq!(words("logger $HOME;reboot"), of(&["logger", "$HOME;reboot"]));
        assert_eq!([words(""), words("  "), words("a 'b")], [None, None, None]);
    }

    #[test]
    fn floods() {
        assert_eq!(flood("20/1m"), Ok((20, Duration::from_secs(60))));
        for wrong in ["20", "/1m", "0/1m", "20/0s", "20/", "x/1m", "-1/1m"] {
            assert!(flood(wrong).is_err(), "{wrong}");
        }
    }
}
