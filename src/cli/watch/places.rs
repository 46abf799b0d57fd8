//! Arguments in, what a watch writes and where out: what it still has to do once it is confined, and what of it
//! would stand in each other's way.

use std::path::{Path, PathBuf};

use super::args::WatchArguments;
use crate::cli::exit::Failure;
use crate::cli::report::{check_outputs, is_dash, outputs};
use crate::cli::sandbox::Needs;
use crate::report::atomic::directory_of;

/// What is still to be done once the first packet was read. Interfaces, events and standard output are open.
pub(super) fn needs(arguments: &WatchArguments) -> Needs {
    Needs {
        outputs: outputs(&arguments.outputs, &[arguments.flows.as_deref(), arguments.outlets.metrics.as_deref()]),
        serves: arguments.outlets.metrics_listen.is_some(),
        sends: arguments.outlets.syslog.is_some(),
        folders: rotated(arguments),
        live: true,
        quiet: arguments.look.quiet,
        ..Needs::default()
    }
}

/// Where reports and saved packets come and go.
fn rotated(arguments: &WatchArguments) -> Vec<PathBuf> {
    let all = if arguments.rotate.is_some() {
        outputs(&arguments.outputs, &[arguments.flows.as_deref()])
    } else {
        Vec::new()
    };
    all.iter().map(|path| directory_of(path)).chain(arguments.save.clone()).collect()
}

/// Whether anybody wants something of the watch beside what it prints.
pub(super) fn is_wanted(arguments: &WatchArguments) -> bool {
    let files = outputs(&arguments.outputs, &[arguments.flows.as_deref()]);
    let bounded = arguments.until.is_some() || arguments.duration.is_some();
    bounded || arguments.save.is_some() || !files.is_empty() || arguments.outlets.are_any()
}

/// Refuses two streams on one standard output; says whether data goes there.
pub(super) fn check_stdout(arguments: &WatchArguments) -> Result<bool, Failure> {
    let dash = |path: Option<&Path>| path.is_some_and(is_dash);
    let (events, flows) = (arguments.events.as_deref(), arguments.flows.as_deref());
    let (metrics, journal) = (arguments.outlets.metrics.as_deref(), arguments.outlets.journal.as_deref());
    for (word, path) in [("--metrics", metrics), ("--journal", journal), ("--save", arguments.save.as_deref())] {
        if dash(path) {
            return Err(Failure::plain(format!("{word} -: that is no stream; give it a name")));
        }
    }
    check_outputs(&arguments.outputs, &[flows, events, metrics, journal])?;
    if dash(events) && dash(flows) {
        return Err(Failure::plain("only one of --events and --flows can go to standard output (-)"));
    }
    // Two times one path: whether a report goes there is what the reports themselves refuse.
    let report = check_outputs(&arguments.outputs, &[Some(Path::new("-"))]).is_err();
    Ok(dash(events) || dash(flows) || report)
}
