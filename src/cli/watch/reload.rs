//! SIGHUP in, site and packs as they are now out. What is wrong with them is said, and those in force stay.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use signal_hook::consts::SIGHUP;
use signal_hook::flag;

use super::Watch;
use super::args::WatchArguments;
use crate::cli::exit::{self, Failure};
use crate::cli::options;
use crate::ledger::InputState;
use crate::matrix::{Matrix, Site};
use crate::report::atomic::directory_of;
use crate::report::events::{Event, What};

/// Set by each SIGHUP.
pub(super) fn on_signal() -> Result<Arc<AtomicBool>, Failure> {
    let wish = Arc::new(AtomicBool::new(false));
    let listen = flag::register(SIGHUP, Arc::clone(&wish));
    listen.map_err(|fault| Failure::plain(format!("cannot listen to signals: {fault}")))?;
    Ok(wish)
}

/// What will be read again: directories, since an editor puts another file in the place of the old one.
pub(super) fn reads(arguments: &WatchArguments, site: &Site) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = files(arguments, site).iter().map(|file| directory_of(file)).collect();
    folders.sort();
    folders.dedup();
    folders
}

/// The files that SIGHUP reads again.
pub(super) fn files(arguments: &WatchArguments, site: &Site) -> Vec<PathBuf> {
    let packs = site.packs.iter().chain(&site.baseline).map(PathBuf::from).filter(|pack| pack.is_file());
    arguments.site.site.iter().chain(&arguments.site.hosts).cloned().chain(packs).collect()
}

impl Watch<'_> {
    /// Reads site and packs again where a signal asks for it; what is held is judged by them from then on.
    pub(super) fn reload(&mut self) {
        if !self.hangup.swap(false, Ordering::Relaxed) {
            return;
        }
        self.telling.caller.hung_up();
        if self.telling.caller.ends() {
            return;
        }
        let read = options::site(&self.arguments.site).and_then(|site| Ok(Matrix::load(&site)?));
        let fault = match read {
            Ok(matrix) => {
                self.matrix = matrix;
                self.since = Some(Timestamp::now().to_string());
                self.look(&InputState::Whole);
                None
            }
            Err(failure) => Some(exit::note(&failure)),
        };
        let event = Event::at(&self.told, What::Reloaded { sha256: self.told.site.sha256.clone(), fault });
        self.screen.iter_mut().for_each(|screen| screen.tell(&event));
        self.outlets.said(&mut self.telling, event);
    }
}
