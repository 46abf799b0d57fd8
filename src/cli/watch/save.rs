//! Frames as they pass and findings as they come in, one pcapng for each finding out: the packets of its
//! flows that are still at hand some seconds later, with the comments that `audit -w` writes. What is kept
//! of frames is one stretch of memory that is written over from its start; what is kept of files has a
//! bound in number and size, and the oldest go first.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::args::WatchArguments;
use super::rotate::stamp;
use crate::audit::Judged;
use crate::capture::Writer;
use crate::cli::exit::{self, Failure};
use crate::cli::packets::PROGRAM;
use crate::cli::report::said;
use crate::ledger::{Locator, Observation};
use crate::report::atomic;
use crate::report::events::{Event, What};
use crate::report::packets;
use crate::wire::Frame;

/// Bytes of frames that are at hand.
const RECENT: usize = 32 << 20;
/// Frames that are at hand.
const FRAMES: usize = 1 << 18;
/// How long the packets that follow a finding are waited for.
const PATIENCE: Duration = Duration::from_secs(3);
/// Findings that wait for that; of a flood the others are left out.
const WAITING: usize = 64;

/// The directory of saved packets, and what may go there.
pub(super) struct Saves {
    folder: PathBuf,
    most_bytes: u64,
    most_files: usize,
    recent: Recent,
    waiting: Vec<(String, Instant)>,
    left_out: u64,
    /// Findings whose packets were written over before they were asked for.
    gone: u64,
    /// Whether the directory was made by this watch.
    is_new: bool,
    pub(super) whole: bool,
}

impl Saves {
    /// The directory that `arguments` name, made where it is not there.
    ///
    /// # Errors
    /// It cannot be made.
    pub(super) fn of(arguments: &WatchArguments) -> Result<Option<Self>, Failure> {
        let Some(folder) = &arguments.save else { return Ok(None) };
        let refused = |fault| Failure::plain(format!("--save {}: {fault}", folder.display()));
        let is_new = !folder.exists();
        fs::create_dir_all(folder).map_err(refused)?;
        Ok(Some(Self {
            folder: folder.clone(),
            most_bytes: u64::from(arguments.save_size) << 20,
            most_files: usize::try_from(arguments.save_files).unwrap_or(usize::MAX),
            recent: Recent::new(RECENT),
            waiting: Vec::new(),
            left_out: 0,
            gone: 0,
            is_new,
            whole: true,
        }))
    }

    /// The directory, if this watch made it.
    pub(super) fn made(&self) -> Option<PathBuf> {
        self.is_new.then(|| self.folder.clone())
    }

    /// Keeps a frame at hand.
    pub(super) fn keep(&mut self, frame: &Frame<'_>) {
        self.recent.push(frame);
    }

    /// Notes the findings that are new.
    pub(super) fn note(&mut self, changes: &[Event]) {
        for event in changes {
            let What::Finding { finding } = &event.what else { continue };
            if self.waiting.len() < WAITING {
                self.waiting.push((finding.id.clone(), Instant::now() + PATIENCE));
            } else {
                self.left_out = self.left_out.saturating_add(1);
            }
        }
    }

    /// Whether a finding has waited long enough.
    pub(super) fn is_due(&self) -> bool {
        self.waiting.iter().any(|(_, due)| Instant::now() >= *due)
    }

    /// Writes the packets of the findings that have waited long enough, or of all of them.
    pub(super) fn write(&mut self, seen: &Observation, judged: &Judged, all: bool) {
        let now = Instant::now();
        let (due, waiting): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.waiting).into_iter().partition(|(_, due)| all || now >= *due);
        self.waiting = waiting;
        for (id, _) in due {
            // A finding that no longer holds has no flows either.
            if let Some(index) = judged.audit.findings.iter().position(|finding| finding.id == id) {
                self.write_one(seen, judged, index, &id);
            }
        }
        if all && self.left_out > 0 {
            exit::say(&format!("note: --save: the packets of {} findings were left out of a flood", self.left_out));
        }
        if all && self.gone > 0 {
            exit::say(&format!(
                "note: --save: the packets of {} findings were gone before they could be saved: too much passed meanwhile",
                self.gone
            ));
        }
    }

    fn write_one(&mut self, seen: &Observation, judged: &Judged, index: usize, id: &str) {
        let flows = packets::flows(judged, Some(index));
        let mut locator = Locator::new(seen, &flows);
        self.recent.frames().for_each(|frame| locator.observe(&frame));
        let comments = packets::comments(seen, judged, &locator.finish(), Some(index));
        let chosen = || self.recent.frames().filter_map(|frame| Some((comments.get(&frame.place)?, frame)));
        if chosen().next().is_none() {
            // What is missing has no packets.
            self.gone = self.gone.saturating_add(u64::from(!flows.is_empty()));
            return;
        }
        let path = self.folder.join(format!("{id}-{}.pcapng", stamp(Timestamp::now())));
        let written = atomic::write(&path, |out| {
            let mut writer = Writer::new(out, PROGRAM, &seen.taps)?;
            let mut room = self.most_bytes;
            for (comments, frame) in chosen() {
                let cost = u64::try_from(frame.bytes.len().saturating_add(OVERHEAD)).unwrap_or(u64::MAX);
                let Some(rest) = room.checked_sub(cost) else { break };
                room = rest;
                writer.packet(&frame, comments)?;
            }
            writer.finish()
        });
        self.whole &= said(&path.display().to_string(), written);
        prune(&self.folder, self.most_files, self.most_bytes);
    }
}

/// Removes the oldest files until what is left is within the bounds; other files are not touched.
fn prune(folder: &Path, most_files: usize, most_bytes: u64) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let own = entries.filter(|entry| is_own(&entry.file_name().to_string_lossy()));
    let mut files: Vec<(String, u64, PathBuf)> = own
        .filter_map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            let stamp = name.rsplit_once('-').map(|(_, stamp)| stamp.to_owned())?;
            Some((format!("{stamp}{name}"), entry.path().metadata().ok()?.len(), entry.path()))
        })
        .collect();
    files.sort_by(|one, other| other.cmp(one));
    let mut bytes: u64 = 0;
    for (number, (_, length, path)) in files.iter().enumerate() {
        bytes = bytes.saturating_add(*length);
        if number >= most_files || (bytes > most_bytes && number > 0) {
            // What cannot be removed is tried again with the next one.
            let _ = fs::remove_file(path);
        }
    }
}

/// `F-3f9c21ab-20261127T090000Z.pcapng`.
fn is_own(name: &str) -> bool {
    let parts =
        name.strip_prefix("F-").and_then(|rest| rest.strip_suffix("Z.pcapng")).and_then(|it| it.split_once('-'));
    parts.is_some_and(|(id, stamp)| {
        id.len() == 8 && stamp.len() == 15 && id.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

/// The latest frames.
struct Recent {
    bytes: Vec<u8>,
    /// Where the next frame goes.
    next: usize,
    frames: VecDeque<Kept>,
}

/// A frame, and where its bytes lie.
struct Kept {
    frame: Frame<'static>,
    from: usize,
    length: usize,
}

impl Recent {
    fn new(room: usize) -> Self {
        Self { bytes: vec![0; room], next: 0, frames: VecDeque::new() }
    }

    fn push(&mut self, frame: &Frame<'_>) {
        let length = frame.bytes.len();
        if length > self.bytes.len() {
            return;
        }
        if self.next.saturating_add(length) > self.bytes.len() {
            // The oldest frames lie behind; from here on those at the start are.
            let behind = self.next;
            self.forget(|kept| kept.from >= behind);
            self.next = 0;
        }
        let (from, end) = (self.next, self.next.saturating_add(length));
        self.forget(|kept| kept.from < end && kept.from.saturating_add(kept.length) > from);
        if self.frames.len() >= FRAMES {
            self.frames.pop_front();
        }
        if let Some(room) = self.bytes.get_mut(from..end) {
            room.copy_from_slice(frame.bytes);
        }
        self.next = end;
        self.frames.push_back(Kept { frame: frame.without_bytes(), from, length });
    }

    /// Forgets the oldest frames as long as they are such.
    fn forget(&mut self, is_such: impl Fn(&Kept) -> bool) {
        while self.frames.front().is_some_and(&is_such) {
            self.frames.pop_front();
        }
    }

    /// The frames, the oldest first.
    fn frames(&self) -> impl Iterator<Item = Frame<'_>> {
        self.frames.iter().filter_map(|kept| {
            let bytes = self.bytes.get(kept.from..kept.from.saturating_add(kept.length))?;
            Some(Frame { bytes, ..kept.frame })
        })
    }
}

/// What a packet takes in a file beside its bytes, about.
const OVERHEAD: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Course, FrameRef, LinkType};

    fn frame(number: u32, bytes: &[u8]) -> Frame<'_> {
        Frame {
            at: crate::wire::Timestamp::from_nanoseconds(i64::from(number)),
            link: LinkType(1),
            tap: 0,
            place: FrameRef { input: 0, number },
            bytes,
            wire_length: 60,
            course: Course::Unknown,
            packet_id: None,
            dropped: false,
        }
    }

    #[test]
    fn the_latest_frames_are_at_hand() {
        let mut recent = Recent::new(100);
        for number in 0..200u32 {
            let length = usize::try_from(number % 37 + 1).unwrap();
            let bytes = vec![u8::try_from(number).unwrap(); length];
            recent.push(&frame(number, &bytes));
            let held: Vec<_> = recent.frames().map(|frame| (frame.place.number, frame.bytes.to_vec())).collect();
            assert_eq!(held.last(), Some(&(number, bytes)));
            assert!(held.windows(2).all(|pair| pair[1].0 == pair[0].0 + 1), "{number}");
            assert!(held.iter().all(|(number, bytes)| bytes.iter().all(|byte| u32::from(*byte) == *number)));
        }
        recent.push(&frame(0, &[0; 101]));
        assert_eq!(recent.frames().count(), recent.frames.len());
    }

    #[test]
    fn the_oldest_files_go() {
        let room = tempfile::tempdir().unwrap();
        let at = |name: &str| room.path().join(name);
        let names = [
            "F-bbbbbbbb-20261127T090000Z.pcapng",
            "F-aaaaaaaa-20261127T090001Z.pcapng",
            "F-cccccccc-20261127T090002Z.pcapng",
        ];
        names.iter().for_each(|name| fs::write(at(name), [0; 10]).unwrap());
        fs::write(at("mine.pcapng"), "x").unwrap();
        prune(room.path(), 3, 25);
        assert_eq!(names.map(|name| at(name).exists()), [false, true, true]);
        prune(room.path(), 1, 1000);
        assert_eq!((names.map(|name| at(name).exists()), at("mine.pcapng").exists()), ([false, false, true], true));
        prune(room.path(), 1, 1);
        assert!(at(names[2]).exists(), "the latest stays");
    }
}
