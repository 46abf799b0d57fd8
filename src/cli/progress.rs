//! Bytes read so far in, a bar with rate and time left out: on standard error, and only when that
//! is a terminal. Never touches standard output.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The bar.
pub struct Progress(ProgressBar);

impl Progress {
    /// A bar up to `total` bytes, or a counter when the total is not known. Hidden when `quiet`.
    pub fn new(total: Option<u64>, quiet: bool) -> Self {
        let bar = match total {
            Some(total) => ProgressBar::with_draw_target(Some(total), target(quiet)),
            None => ProgressBar::with_draw_target(None, target(quiet)),
        };
        let template = if total.is_some() { KNOWN } else { UNKNOWN };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("━╸─"));
        }
        Self(bar)
    }

    /// Moves the bar to `bytes`.
    pub fn at(&self, bytes: u64) {
        self.0.set_position(bytes);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

fn target(quiet: bool) -> ProgressDrawTarget {
    if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr_with_hz(8) }
}

const KNOWN: &str = "reading {wide_bar} {bytes} of {total_bytes}  {bytes_per_sec}  {eta} left";
const UNKNOWN: &str = "reading {bytes}  {bytes_per_sec}";
