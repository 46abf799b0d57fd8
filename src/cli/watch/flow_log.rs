//! Flows that are over in, lines of the flow log out: each flow once, when it is over or when the log
//! ends. The log appears under its name only when it is whole.

use std::path::{Path, PathBuf};

use super::args::WatchArguments;
use crate::audit::Judged;
use crate::cli::audit::flow_form;
use crate::cli::exit::Failure;
use crate::cli::report::{is_dash, said, to_stdout};
use crate::ledger::Observation;
use crate::matrix::Matrix;
use crate::report::atomic::Growing;
use crate::report::flows::{self, Form};

/// A flow log that is being written.
pub(super) struct FlowLog {
    pub(super) path: PathBuf,
    form: Form,
    growing: Option<Growing>,
    /// Lines so far.
    lines: u64,
    /// Whether the lines of this log could all be written so far.
    whole: bool,
}

/// Flows of an observation, with what is thought of them.
pub(super) struct Lines<'look> {
    pub(super) seen: &'look Observation,
    pub(super) judged: &'look Judged,
    pub(super) matrix: &'look Matrix,
    /// Their indices.
    pub(super) which: &'look [usize],
}

impl FlowLog {
    /// The log that `arguments` ask for.
    ///
    /// # Errors
    /// Its name does not say its form.
    pub(super) fn of(arguments: &WatchArguments) -> Result<Option<Self>, Failure> {
        let log = |path: &PathBuf| {
            let form = flow_form(path)?;
            Ok(Self { path: path.clone(), form, growing: None, lines: 0, whole: true })
        };
        arguments.flows.as_ref().map(log).transpose()
    }

    /// Adds lines. What cannot be written is said once, and again when the log ends.
    pub(super) fn add(&mut self, lines: &Lines<'_>) {
        if !self.whole || lines.which.is_empty() {
            return;
        }
        let (form, first) = (self.form, self.lines.saturating_add(1));
        let numbered = (first..).zip(lines.which.iter().copied());
        let fill = |out: &mut dyn std::io::Write| {
            if first == 1 {
                flows::write_header(out, form)?;
            }
            flows::write_lines(out, form, lines.seen, &lines.judged.flows, lines.matrix, numbered.clone())
        };
        let written = if is_dash(&self.path) {
            to_stdout(fill)
        } else {
            match &mut self.growing {
                Some(growing) => fill(growing.out()),
                None => Growing::begin(&self.path)
                    .and_then(|mut growing| fill(growing.out()).map(|()| self.growing = Some(growing))),
            }
        };
        self.lines = self.lines.saturating_add(u64::try_from(lines.which.len()).unwrap_or(u64::MAX));
        self.whole = said(&self.path.display().to_string(), written);
    }

    /// Adds the last lines and has the log appear as `path`; the next line begins another one. Whether
    /// it is whole.
    pub(super) fn finish(&mut self, lines: &Lines<'_>, path: &Path) -> bool {
        self.add(lines);
        let mut whole = std::mem::replace(&mut self.whole, true);
        let none = self.lines == 0;
        self.lines = 0;
        let growing = self.growing.take();
        if whole && !is_dash(&self.path) {
            let growing = growing.map_or_else(|| Growing::begin(&self.path), Ok);
            let header = |mut growing: Growing| {
                if none { flows::write_header(growing.out(), self.form).map(|()| growing) } else { Ok(growing) }
            };
            whole =
                said(&path.display().to_string(), growing.and_then(header).and_then(|growing| growing.finish(path)));
        }
        whole
    }

    /// About how many bytes it has.
    pub(super) const fn size(&self) -> u64 {
        self.lines.saturating_mul(LINE)
    }
}

/// A line is about as long.
const LINE: u64 = 400;
