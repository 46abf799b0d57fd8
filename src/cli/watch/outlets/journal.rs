//! What is told in, a file of chained lines out. Lines are written as they come and are on the disk
//! within a second, a checkpoint follows each minute, so that whoever ends the watch by force takes
//! away the last second at most.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::audit::Audit;
use crate::cli::exit::{self, Failure};
use crate::report::events::Event;
use crate::report::journal::{self, Chain, Own, Said};

/// How long a line may wait until it is on the disk.
const SYNC: Duration = Duration::from_millis(500);
/// How long nothing but events may be written.
const CHECKPOINT: Duration = Duration::from_secs(60);

/// A journal that is being written.
pub(super) struct Journal {
    file: File,
    path: PathBuf,
    chain: Chain,
    /// Asks for what was written to be brought to the disk, which may take long and is done aside.
    sync: Option<SyncSender<()>>,
    failed: Arc<AtomicBool>,
    dirty: bool,
    synced: Instant,
    checked: Instant,
    whole: bool,
}

impl Journal {
    /// Opens a journal, and goes on with the one that is there.
    ///
    /// # Errors
    /// It cannot be written, or what is there is no journal or was altered.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let name = path.display();
        let refused = |fault: io::Error| Failure::plain(format!("cannot write {name}: {fault}"));
        let file = OpenOptions::new().create(true).append(true).read(true).open(path).map_err(refused)?;
        // Two chains in one file would be neither.
        flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|fault| match fault {
            Errno::WOULDBLOCK => {
                Failure::plain(format!("--journal {name}: another watch writes it; give another name"))
            }
            other => refused(other.into()),
        })?;
        let there = journal::check(BufReader::new(&file)).map_err(refused)?;
        if let Some((line, what)) = &there.fault {
            let advice = "move it away, so that another one can begin";
            return Err(Failure::plain(format!("--journal {name}: line {line} {what}; {advice}")));
        }
        let now = Instant::now();
        let mut journal = Self {
            file,
            path: path.to_owned(),
            chain: there.chain,
            sync: None,
            failed: Arc::default(),
            dirty: false,
            synced: now,
            checked: now,
            whole: true,
        };
        if there.torn > 0 {
            journal.file.set_len(there.whole).map_err(refused)?;
        }
        if journal.chain.entries > 0 || there.torn > 0 {
            journal.add(&Said::Own(Own::Resumed { torn: there.torn }));
        }
        Ok(journal)
    }

    /// Writes an event.
    pub(super) fn tell(&mut self, event: &Event) {
        self.add(&Said::Event(event));
    }

    /// Brings to the disk what has waited long enough, and says how `audit` stands when it is time.
    pub(super) fn look_after(&mut self, audit: &Audit) {
        if self.checked.elapsed() >= CHECKPOINT {
            self.checked = Instant::now();
            self.add(&Said::Own(Own::checkpoint(audit)));
        }
        if self.dirty && self.synced.elapsed() >= SYNC {
            self.synced = Instant::now();
            self.dirty = false;
            // One that is still under way is followed by another one, since the queue has one place.
            let _ = self.syncer().map(|sync| sync.try_send(()));
        }
        if self.failed.swap(false, Ordering::Relaxed) {
            self.give_up(&"the disk does not take it");
        }
    }

    /// The last checkpoint, on the disk; whether everything could be written.
    pub(super) fn finish(&mut self, audit: &Audit) -> bool {
        self.add(&Said::Own(Own::checkpoint(audit)));
        if let Err(fault) = self.file.sync_all() {
            self.give_up(&fault);
        }
        self.whole
    }

    fn add(&mut self, said: &Said<'_>) {
        if !self.whole {
            return;
        }
        let line = self.chain.link(&Timestamp::now().to_string(), said);
        // One call for one line: what is cut off is the last line, never one in the middle.
        match line.and_then(|line| self.file.write_all(&line)) {
            Ok(()) => self.dirty = true,
            Err(fault) => self.give_up(&fault),
        }
    }

    /// A line that is half there ends the journal.
    fn give_up(&mut self, fault: &dyn std::fmt::Display) {
        if self.whole {
            exit::say(&format!("cannot write {}: {fault}; the journal ends here", self.path.display()));
        }
        self.whole = false;
    }

    /// The thread that waits for the disk, started when it is first needed.
    fn syncer(&mut self) -> Option<&SyncSender<()>> {
        if self.sync.is_none() {
            let file = self.file.try_clone().ok()?;
            let failed = Arc::clone(&self.failed);
            let (sender, asked) = sync_channel(1);
            std::thread::Builder::new()
                .name("journal".to_owned())
                .spawn(move || {
                    while asked.recv().is_ok() {
                        if file.sync_all().is_err() {
                            failed.store(true, Ordering::Relaxed);
                        }
                    }
                })
                .ok()?;
            self.sync = Some(sender);
        }
        self.sync.as_ref()
    }
}
