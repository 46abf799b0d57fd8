//! `flowaudit diff`: two stored audits in, what changed between them out, with an exit code in the
//! manner of diff(1). Judges nothing anew.

use std::path::{Path, PathBuf};

use clap::Args;

use super::args::LookArguments;
use super::exit::{self, Failure};
use super::options::look;
use super::report::{is_dash, read, said, to_stdout, unwritten_stdout, write_one};
use crate::audit::{Diff, Fate};
use crate::report::{diff, json, schema, terminal, words};

/// `flowaudit diff`.
#[derive(Debug, Args)]
pub struct DiffArguments {
    /// The earlier audit, as --json wrote it
    #[arg(value_name = "BEFORE.json", required_unless_present = "schema")]
    pub before: Option<PathBuf>,
    /// The later audit
    #[arg(value_name = "AFTER.json", required_unless_present = "schema")]
    pub after: Option<PathBuf>,
    /// The change as JSON; - is standard output
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// The change as Markdown
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,
    /// Print the JSON Schema of the change and end
    #[arg(long)]
    pub schema: bool,
    /// How the text looks
    #[command(flatten)]
    pub look: LookArguments,
}

/// Runs the comparison: 0 when nothing changed, 1 when something did.
///
/// # Errors
/// An audit cannot be read, or the change not be written.
pub fn run(arguments: &DiffArguments) -> Result<u8, Failure> {
    let paths = arguments.before.as_deref().zip(arguments.after.as_deref()).filter(|_| !arguments.schema);
    let Some((before, after)) = paths else {
        return to_stdout(|out| out.write_all(schema::DIFF.as_bytes())).map(|()| 0).map_err(unwritten_stdout);
    };
    let dashes = |paths: [Option<&Path>; 2]| paths.iter().flatten().filter(|path| is_dash(path)).count();
    if dashes([Some(before), Some(after)]) > 1 {
        return Err(Failure::plain("only one audit can come from standard input (-): give the other as a file"));
    }
    let data = dashes([arguments.json.as_deref(), arguments.markdown.as_deref()]);
    if data > 1 {
        return Err(Failure::plain("only one form can go to standard output (-): give the other a file name"));
    }
    let change = Diff::between(&read(before)?, &read(after)?);
    let mut whole = true;
    if !arguments.look.quiet && data == 0 {
        let page = to_stdout(|out| terminal::diff::write(out, &change, look(&arguments.look)));
        whole &= said("standard output", page);
    }
    if let Some(path) = &arguments.json {
        whole &= write_one(path, |out| json::write_pretty(out, &change));
    }
    if let Some(path) = &arguments.markdown {
        whole &= write_one(path, |out| diff::markdown(out, &change));
    }
    if whole { Ok(end(&change)) } else { Err(Failure::Unwritten) }
}

/// Says why the exit code is what it is, and gives it.
fn end(change: &Diff) -> u8 {
    if change.same {
        exit::say("exit 0: nothing changed");
        return 0;
    }
    let rows = words::count(u64::try_from(change.rows.len()).unwrap_or(u64::MAX), "row");
    let findings = [Fate::New, Fate::Changed, Fate::Fixed, Fate::Unseen]
        .map(|kind| (change.count(kind), kind))
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, kind)| format!("{count} {}, ", diff::word(kind)));
    exit::say(&format!("exit 1: {}{rows} moved", findings.collect::<String>()));
    1
}

/// What the help shows.
pub const EXAMPLES: &str = "\
Examples:
  flowaudit diff monday.json tuesday.json
  flowaudit diff monday.json tuesday.json -q --markdown change.md

Frame numbers and counts never count as a change.

Exit codes:
  0  no finding came, went or has another cause, and no row moved
  1  something changed
  2  could not run, or could not write";
