//! The command line as typed: words in, typed but unresolved arguments out. Reads no file and
//! knows no defaults that depend on one; `options` resolves.

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::Timestamp;

use super::evidence::EvidenceArguments;
use super::examples;
use super::sandbox::SandboxArguments;
use super::verify::{self, VerifyArguments};
#[cfg(all(feature = "live", unix))]
use super::watch::{self, RunnerArguments, WatchArguments};
use crate::ledger::MAX_FLOWS;
use crate::matrix::Severity;

/// Holds captured traffic against a documented matrix of allowed flows.
///
/// Reads packet captures (what tcpdump, Wireshark, dumpcap and pktmon write), rebuilds the flows,
/// and says which documented flows work, which are blocked or missing, and what nothing documents.
/// It sends nothing.
#[derive(Debug, Parser)]
#[command(name = "flowaudit", version, propagate_version = true, after_help = examples::EXAMPLES, after_long_help = examples::AFTER_LONG_HELP)]
pub struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Audit captures against the matrix
    #[command(after_help = examples::AUDIT_EXAMPLES, after_long_help = examples::AUDIT_LONG_HELP)]
    Audit(Box<AuditArguments>),
    /// Audit interfaces while the traffic flows
    #[cfg(all(feature = "live", unix))]
    #[command(after_help = watch::EXAMPLES, after_long_help = watch::LONG_HELP)]
    Watch(Box<WatchArguments>),
    #[cfg(all(feature = "live", unix))]
    #[command(name = "run-command", hide = true)]
    Hook(RunnerArguments),
    /// Write a stored audit (--json) in another form
    #[command(after_help = examples::REPORT_EXAMPLES)]
    Report(ReportArguments),
    /// What changed between two stored audits
    #[command(after_help = super::diff::EXAMPLES)]
    Diff(super::diff::DiffArguments),
    /// Check that a bundle (--evidence) or a journal (--journal) is whole and unaltered
    #[command(after_help = verify::EXAMPLES)]
    Verify(VerifyArguments),
    /// Show, check and import documented matrices (packs)
    #[command(subcommand)]
    Matrix(MatrixCommand),
    /// Guess a site from captures, and check one
    #[command(subcommand)]
    Site(SiteCommand),
}

/// `flowaudit audit`.
#[derive(Debug, Args)]
pub struct AuditArguments {
    /// Captures: files, directories, quoted patterns of rotated files, or - for a pipe
    #[arg(value_name = "CAPTURE", required = true)]
    pub captures: Vec<PathBuf>,
    /// Who is who, and the rest of the site
    #[command(flatten)]
    pub site: SiteArguments,
    /// Only packets that this expression selects, in tcpdump's language
    #[arg(short, long, value_name = "BPF")]
    pub filter: Option<String>,
    /// Only packets from this time on, as 2026-11-22T10:00:00Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub from: Option<Timestamp>,
    /// Only packets up to this time
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub to: Option<Timestamp>,
    /// Gravity from which a finding makes the exit code 1
    #[arg(long, value_name = "SEVERITY", value_enum, default_value_t = Gravity::Low)]
    pub fail_on: Gravity,
    /// Flows held one by one, 128 bytes each; when there are more, those of least use are told by who, whom, which
    /// service and how it went, and the report says how many
    #[arg(long, value_name = "N", default_value_t = MAX_FLOWS, value_parser = clap::value_parser!(u32).range(100..=10_000_000))]
    pub max_flows: u32,
    /// Threads to use; the result is the same for any number
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
    /// One line per flow, to a .csv or .jsonl file
    #[arg(long, value_name = "FILE")]
    pub flows: Option<PathBuf>,
    /// Replace addresses, names and paths by pseudonyms of this key; `openssl rand -hex 32` makes one
    #[arg(long, value_name = "KEYFILE")]
    pub redact: Option<PathBuf>,
    /// Evidence that others can check
    #[command(flatten)]
    pub evidence: EvidenceArguments,
    /// Forms of the audit
    #[command(flatten)]
    pub outputs: OutputArguments,
    /// What the process gives up
    #[command(flatten)]
    pub sandbox: SandboxArguments,
    /// How the report looks
    #[command(flatten)]
    pub look: LookArguments,
}

/// Who is who.
#[derive(Debug, Args)]
pub struct SiteArguments {
    /// Who plays which role here, in TOML
    #[arg(short, long, value_name = "FILE")]
    pub site: Option<PathBuf>,
    /// Addresses or names that play a role: ams-server=10.0.0.5,10.0.0.6
    #[arg(long, value_name = "ROLE=ADDR[,ADDR…]", value_parser = role)]
    pub role: Vec<(String, String)>,
    /// Where the capture was taken: a role, or mirror
    #[arg(long, value_name = "ROLE")]
    pub vantage: Option<String>,
    /// Matrix to audit: a shipped pack or a file; several may be given
    #[arg(long, value_name = "PACK")]
    pub pack: Vec<String>,
    /// Pack that explains ordinary traffic; several may be given
    #[arg(long, value_name = "PACK", conflicts_with = "no_baseline")]
    pub baseline: Vec<String>,
    /// Explain nothing: whatever the matrix does not list is unexpected
    #[arg(long)]
    pub no_baseline: bool,
    /// Names of addresses in the format of /etc/hosts, for what no DNS answer in the capture names
    #[arg(long, value_name = "FILE")]
    pub hosts: Option<PathBuf>,
    /// Take the names that a pcapng file itself gives to addresses for as good as a hosts file
    #[arg(long)]
    pub trust_names: bool,
}

/// Forms of the audit.
#[derive(Debug, Args)]
pub struct OutputArguments {
    /// The whole audit as JSON; - is standard output
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Findings and rows as a table
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
    /// The report as one page to look at, with a port map; needs no network and no script
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// The report as Markdown
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,
    /// Rows and findings as test cases (JUnit XML), for pipelines
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Findings as SARIF 2.1.0, for code scanning
    #[arg(long, value_name = "FILE")]
    pub sarif: Option<PathBuf>,
    /// Assessment results as NIST OSCAL 1.1.3, for compliance tools
    #[arg(long, value_name = "FILE")]
    pub oscal: Option<PathBuf>,
}

impl OutputArguments {
    /// Whether a form was asked for that quotes the SHA-256 of the inputs, which costs as much as
    /// reading them. Every form is named here, so that a new one has to answer.
    #[must_use]
    pub fn quote_digests(&self) -> bool {
        let Self { json, csv: _, html, markdown, junit: _, sarif, oscal } = self;
        [json, html, markdown, sarif, oscal].iter().any(|form| form.is_some())
    }
}

/// How the report looks.
#[derive(Debug, Args)]
pub struct LookArguments {
    /// No report and no progress; only the last line, which says why the exit code is what it is
    #[arg(short, long)]
    pub quiet: bool,
    /// Cut no list: every peer, every finding, every reason
    #[arg(short, long)]
    pub verbose: bool,
    /// The page itself.
    #[command(flatten)]
    pub page: PageArguments,
}

/// The page that is written on.
#[derive(Debug, Args)]
pub struct PageArguments {
    /// When to use colour; NO_COLOR is honoured
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = Color::Auto)]
    pub color: Color,
    /// Columns of the report; without it those of the terminal, or 100
    #[arg(long, value_name = "COLUMNS", value_parser = clap::value_parser!(u16).range(40..=500))]
    pub width: Option<u16>,
}

/// `flowaudit report`.
#[derive(Debug, Args)]
pub struct ReportArguments {
    /// An audit that --json wrote; - is standard input
    #[arg(value_name = "AUDIT.json", required_unless_present = "schema")]
    pub audit: Option<PathBuf>,
    /// Print the JSON Schema of the audit, of a line of events or of a line of a journal, and end
    #[arg(long, value_name = "FORM", value_enum, num_args = 0..=1, require_equals = true, default_missing_value = "audit")]
    pub schema: Option<SchemaName>,
    /// Replace addresses, names and paths by pseudonyms of this key; `openssl rand -hex 32` makes one
    #[arg(long, value_name = "KEYFILE")]
    pub redact: Option<PathBuf>,
    /// Turn the pseudonyms of a redacted audit back, with the key that made them
    #[arg(long, value_name = "KEYFILE", conflicts_with = "redact")]
    pub reveal: Option<PathBuf>,
    /// Gravity from which a finding makes the exit code 1
    #[arg(long, value_name = "SEVERITY", value_enum, default_value_t = Gravity::Low)]
    pub fail_on: Gravity,
    /// Forms of the audit
    #[command(flatten)]
    pub outputs: OutputArguments,
    /// How the report looks
    #[command(flatten)]
    pub look: LookArguments,
}

/// Which schema to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SchemaName {
    /// Of `--json`.
    Audit,
    /// Of a line of `--events`.
    Event,
    /// Of a line of `--journal`.
    Journal,
}

/// `flowaudit matrix`.
#[derive(Debug, Subcommand)]
pub enum MatrixCommand {
    /// List the packs inside this program
    List,
    /// Print a pack: who may talk to whom, on which ports, and why
    Show {
        /// A shipped pack or a file (.toml, .md, .csv)
        pack: String,
        /// In which form
        #[arg(long, visible_alias = "format", value_name = "FORM", value_enum, default_value_t = PackForm::Table)]
        form: PackForm,
        /// How the table looks.
        #[command(flatten)]
        page: PageArguments,
    },
    /// Draw who may talk to whom, as SVG on standard output
    Draw {
        /// A shipped pack or a file (.toml, .md, .csv); without it the packs of the site, or ams
        pack: Option<String>,
        /// Name who plays each role here, and mark what is off or nobody plays
        #[arg(short, long, value_name = "FILE")]
        site: Option<PathBuf>,
    },
    /// Check packs, and show every fault with its place
    Check {
        /// Files, or shipped packs
        #[arg(required = true)]
        packs: Vec<String>,
    },
    /// Turn a Markdown or CSV table of ports into a pack, and list what had to be guessed
    Import {
        /// The table: columns Source, Destination, Destination ports, Description
        table: PathBuf,
        /// Where to write the pack; without it standard output
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Say why a flow has its verdict: every row, the cells that differ, and what would allow it
    #[command(after_help = examples::EXPLAIN_EXAMPLES)]
    Explain(Box<ExplainArguments>),
}

/// `flowaudit matrix explain`.
#[derive(Debug, Args)]
pub struct ExplainArguments {
    /// The flow, unless --flow gives its number; then captures, whose other flows are judged too
    #[arg(value_name = "FLOW|CAPTURE", required = true)]
    pub words: Vec<String>,
    /// The flow with this number in the flow log (--flows) of these captures
    #[arg(long, value_name = "N")]
    pub flow: Option<NonZeroU64>,
    /// Who is who, and the rest of the site
    #[command(flatten)]
    pub site: SiteArguments,
    /// For programs
    #[arg(long)]
    pub json: bool,
}

/// `flowaudit site`.
#[derive(Debug, Subcommand)]
pub enum SiteCommand {
    /// Guess a site from captures, with the evidence of each line, for you to correct
    #[command(after_help = examples::SITE_EXAMPLES)]
    Init(SiteInitArguments),
    /// Check a site: faults, roles that nobody plays, rows that are off or out of sight
    Check(SiteCheckArguments),
}

/// `flowaudit site init`.
#[derive(Debug, Args)]
pub struct SiteInitArguments {
    /// Captures: files, directories, quoted patterns of rotated files, or - for a pipe
    #[arg(value_name = "CAPTURE", required = true)]
    pub captures: Vec<PathBuf>,
    /// Where to write the site; without it standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Matrix to guess the roles of: a shipped pack or a file; several may be given
    #[arg(long, value_name = "PACK")]
    pub pack: Vec<String>,
    /// Addresses of the server under audit, where the capture does not tell: ams-server=10.0.0.5
    #[arg(long, value_name = "ROLE=ADDR[,ADDR…]", value_parser = role)]
    pub role: Vec<(String, String)>,
}

/// `flowaudit site check`.
#[derive(Debug, Args)]
pub struct SiteCheckArguments {
    /// The site file
    pub site: PathBuf,
    /// Matrix to check it against, in place of the packs that it names; several may be given
    #[arg(long, value_name = "PACK")]
    pub pack: Vec<String>,
}

/// In which form a pack is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PackForm {
    /// A table for reading.
    Table,
    /// The pack itself.
    Toml,
    /// The documented four columns, for a page.
    Markdown,
    /// The same columns, for a spreadsheet.
    Csv,
    /// Everything, for programs.
    Json,
}

/// How grave a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Gravity {
    /// Must be dealt with.
    High,
    /// Should be dealt with.
    Medium,
    /// Worth knowing.
    Low,
}

impl From<Gravity> for Severity {
    fn from(gravity: Gravity) -> Self {
        match gravity {
            Gravity::High => Self::High,
            Gravity::Medium => Self::Medium,
            Gravity::Low => Self::Low,
        }
    }
}

/// When to use colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal that has it.
    Auto,
    /// Everywhere.
    Always,
    /// Nowhere.
    Never,
}

fn role(text: &str) -> Result<(String, String), String> {
    let (role, players) = text.split_once('=').ok_or("write ROLE=ADDRESS, as in ams-server=10.0.0.5")?;
    let (role, players) = (role.trim(), players.trim());
    if role.is_empty() || players.is_empty() {
        return Err("write ROLE=ADDRESS, as in ams-server=10.0.0.5".to_owned());
    }
    Ok((role.to_owned(), players.to_owned()))
}

fn time(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| match text.parse::<jiff::civil::DateTime>() {
        Ok(_) => format!("it has no offset from UTC: write {text}Z for UTC, or {text}+02:00"),
        Err(_) => "not a time: write it as 2026-11-22T10:00:00Z".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(words: &str, expected: Result<(), &str>) {
        let found = Arguments::try_parse_from(words.split(' '));
        match (found, expected) {
            (Ok(_), Ok(())) => {}
            (Err(fault), Err(part)) => assert!(fault.to_string().contains(part), "{words}: {fault}"),
            (found, _) => panic!("{words}: {found:?}"),
        }
    }

    #[test]
    fn words_become_arguments() {
        check("flowaudit audit -s site.toml a.pcap b.pcap", Ok(()));
        check("flowaudit audit --role ams-server=10.0.0.5,10.0.0.6 -f udp -q -v --color never -", Ok(()));
        check("flowaudit audit --from 2026-11-22T10:00:00Z --to 2026-11-22T12:00:00+02:00 a", Ok(()));
        check("flowaudit audit --from 2026-11-22T10:00:00 a", Err("no offset from UTC"));
        check("flowaudit audit --from yesterday a", Err("not a time"));
        check("flowaudit audit --role ams-server a", Err("ROLE=ADDRESS"));
        check("flowaudit audit --threads 0 a", Err("--threads"));
        check("flowaudit audit --baseline x --no-baseline a", Err("cannot be used with"));
        check("flowaudit audit", Err("CAPTURE"));
        check("flowaudit report", Err("AUDIT.json"));
        check("flowaudit report --schema", Ok(()));
        check("flowaudit report --schema=journal", Ok(()));
        check("flowaudit diff a.json", Err("AFTER.json"));
        check("flowaudit diff a.json b.json -q --markdown c.md", Ok(()));
        check("flowaudit matrix check", Err("PACKS"));
        check("flowaudit", Err("Usage"));
        <Arguments as clap::CommandFactory>::command().debug_assert();
    }
}
