//! Blocks in, SHA-256 of every input out. One thread hashes the very blocks that are parsed, while
//! they are parsed; a short queue keeps it at most a few blocks behind. Never reads a file itself.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

/// Blocks that may wait to be hashed.
const QUEUE: usize = 2;

/// Bytes of one input, to be hashed after those that came before.
struct Job {
    input: u32,
    block: Arc<Vec<u8>>,
    range: Range<usize>,
}

/// The hashing thread.
pub(super) struct Digests {
    sender: SyncSender<Job>,
    thread: JoinHandle<BTreeMap<u32, Sha256>>,
}

impl Digests {
    /// Starts the thread.
    pub(super) fn start() -> Self {
        let (sender, jobs) = sync_channel(QUEUE);
        Self { sender, thread: std::thread::spawn(move || hash(&jobs)) }
    }

    /// Where the blocks of `input` go.
    pub(super) fn sink(&self, input: u32) -> Sink {
        Sink { sender: self.sender.clone(), input }
    }

    /// Waits for the thread: digests in lower-case hexadecimal by input. All sinks must be gone.
    pub(super) fn finish(self) -> BTreeMap<u32, String> {
        drop(self.sender);
        let states = self.thread.join().unwrap_or_default();
        states.into_iter().map(|(input, state)| (input, HEXLOWER.encode(&state.finalize()))).collect()
    }
}

/// The way of one input's blocks to the hashing thread.
pub(super) struct Sink {
    sender: SyncSender<Job>,
    input: u32,
}

impl Sink {
    /// Hashes `range` of `block`. Waits when the thread is too far behind.
    pub(super) fn update(&self, block: &Arc<Vec<u8>>, range: Range<usize>) {
        // The thread only ends when all senders are gone, so this fails only if it panicked; then
        // the input has no digest, which the reader of the audit sees.
        let _ = self.sender.send(Job { input: self.input, block: Arc::clone(block), range });
    }
}

fn hash(jobs: &Receiver<Job>) -> BTreeMap<u32, Sha256> {
    let mut states = BTreeMap::<u32, Sha256>::new();
    for Job { input, block, range } in jobs {
        states.entry(input).or_default().update(block.get(range).unwrap_or_default());
    }
    states
}
