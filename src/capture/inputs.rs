//! What the user named in, the list of files to read out: files, patterns, directories and `-`,
//! each file once; opened at once where that is asked for. Never looks inside a file.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::{File, Metadata, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::CaptureError;

/// What the path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    /// Standard input.
    Stdin,
    /// A regular file: may be opened again.
    File,
    /// A pipe, a socket or a device: may be opened once.
    Stream,
}

/// One thing to read.
#[derive(Clone, Debug)]
pub(super) struct Source {
    /// As the user named it; inside a directory, the directory and the file name.
    pub(super) named: String,
    /// Where it is.
    pub(super) path: PathBuf,
    /// How it is opened.
    pub(super) door: Door,
    /// Size in bytes, where it is known before reading.
    pub(super) size: Option<u64>,
    /// Index of the directory in which it was found; then it need not be a capture.
    pub(super) directory: Option<usize>,
    /// The open file, where it was opened with the others.
    pub(super) held: Option<Arc<File>>,
}

/// What the user named, found, and opened as far as the system has descriptors. May be read several
/// times, also by a process that could not open it any more.
#[derive(Debug)]
pub struct Inputs {
    pub(super) listing: Listing,
}

impl Inputs {
    /// Finds and opens what `paths` name: files, directories, patterns, and `-` for standard input.
    ///
    /// # Errors
    /// Something named is missing or may not be read.
    pub fn open<P: AsRef<Path>>(paths: &[P]) -> Result<Self, CaptureError> {
        let mut inputs = Self::find(paths)?;
        inputs.listing.hold()?;
        Ok(inputs)
    }

    /// Finds what `paths` name; each is opened when its turn comes.
    pub(super) fn find<P: AsRef<Path>>(paths: &[P]) -> Result<Self, CaptureError> {
        let paths = paths.iter().map(|path| path.as_ref().to_owned()).collect::<Vec<PathBuf>>();
        Ok(Self { listing: list(&paths)? })
    }

    /// The files and streams, standard input left out.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.named().map(|source| source.path.as_path())
    }

    /// Those for which no descriptor was left: they are opened when their turn comes.
    pub fn unopened(&self) -> impl Iterator<Item = &Path> {
        self.named().filter(|source| source.held.is_none()).map(|source| source.path.as_path())
    }

    fn named(&self) -> impl Iterator<Item = &Source> {
        self.listing.sources.iter().filter(|source| source.door != Door::Stdin)
    }
}

/// A directory that was searched.
#[derive(Clone, Debug)]
pub(super) struct Directory {
    /// As the user named it.
    pub(super) named: String,
    /// Captures in it, those named elsewhere too included.
    pub(super) captures: usize,
    /// Files in it that are no captures.
    pub(super) skipped: usize,
}

/// Something the user should know about the inputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// A file was named twice and is read once.
    Twice {
        /// As the user named it the second time.
        path: String,
    },
    /// A file in a directory is not read.
    Skipped {
        /// Directory and file name.
        path: String,
        /// Why.
        reason: String,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Twice { path } => write!(f, "{path}: named twice, read once"),
            Self::Skipped { path, reason } => write!(f, "{path}: skipped: {reason}"),
        }
    }
}

/// Everything to read, and what was noticed on the way.
#[derive(Clone, Debug, Default)]
pub(super) struct Listing {
    pub(super) sources: Vec<Source>,
    pub(super) directories: Vec<Directory>,
    pub(super) notes: Vec<Note>,
    seen: BTreeSet<PathBuf>,
}

/// Lists what `paths` name.
pub(super) fn list(paths: &[PathBuf]) -> Result<Listing, CaptureError> {
    if paths.is_empty() {
        return Err(CaptureError::NoInput);
    }
    let mut listing = Listing::default();
    for path in paths {
        listing.name(path)?;
    }
    Ok(listing)
}

impl Listing {
    /// Opens every file and stream. Where descriptors run out, some are given back for what else the
    /// program opens, and the rest waits for its turn.
    fn hold(&mut self) -> Result<(), CaptureError> {
        for index in 0..self.sources.len() {
            let Some(source) = self.sources.get_mut(index) else { break };
            if !source.may_be_held() {
                continue;
            }
            match open(&source.path, source.door) {
                Ok(file) => source.held = Some(Arc::new(file)),
                Err(error) if is_exhausted(&error) => {
                    let held = self.sources.iter_mut().filter(|source| source.held.is_some());
                    held.rev().take(SPARE).for_each(|source| source.held = None);
                    break;
                }
                Err(error) => return Err(CaptureError::from_io(&source.named, 0, error)),
            }
        }
        Ok(())
    }

    /// Counts a capture of `directory`.
    pub(super) fn found(&mut self, directory: Option<usize>) {
        if let Some(directory) = directory.and_then(|index| self.directories.get_mut(index)) {
            directory.captures = directory.captures.saturating_add(1);
        }
    }

    /// Notes that a file of `directory` is no capture.
    pub(super) fn skipped(&mut self, directory: usize, path: &str, error: &CaptureError) {
        if let Some(directory) = self.directories.get_mut(directory) {
            directory.skipped = directory.skipped.saturating_add(1);
        }
        let reason = match error {
            CaptureError::NotACapture { found, .. } => found.clone(),
            _ => "is empty".to_owned(),
        };
        self.notes.push(Note::Skipped { path: path.to_owned(), reason });
    }

    /// Refuses a directory in which no capture was found.
    pub(super) fn check(&self) -> Result<(), CaptureError> {
        match self.directories.iter().find(|directory| directory.captures == 0) {
            Some(Directory { named, skipped, .. }) => {
                Err(CaptureError::NoCaptures { path: named.clone(), skipped: *skipped })
            }
            None => Ok(()),
        }
    }

    fn name(&mut self, path: &Path) -> Result<(), CaptureError> {
        if path.as_os_str() == "-" {
            self.add(Source {
                named: "-".into(),
                path: "-".into(),
                door: Door::Stdin,
                size: None,
                directory: None,
                held: None,
            });
            return Ok(());
        }
        let named = path.display().to_string();
        match std::fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => self.search(path, &named),
            Ok(metadata) => {
                self.add(source(named, path, &metadata, None));
                Ok(())
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && is_pattern(path) => self.expand(&named),
            Err(error) => Err(CaptureError::from_io(&named, 0, error)),
        }
    }

    /// The files that fit a pattern, sorted by name.
    fn expand(&mut self, pattern: &str) -> Result<(), CaptureError> {
        let found = glob::glob(pattern).map_err(|error| CaptureError::BadPattern {
            pattern: pattern.to_owned(),
            reason: error.msg,
            position: error.pos,
        })?;
        let mut paths = found
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| CaptureError::from_io(&error.path().display().to_string(), 0, error.into()))?;
        paths.sort();
        if paths.is_empty() {
            return Err(CaptureError::NoMatch { pattern: pattern.to_owned() });
        }
        paths.iter().try_for_each(|path| {
            let named = path.display().to_string();
            let metadata = std::fs::metadata(path).map_err(|error| CaptureError::from_io(&named, 0, error))?;
            if metadata.is_dir() {
                return self.search(path, &named);
            }
            self.add(source(named, path, &metadata, None));
            Ok(())
        })
    }

    /// The files in a directory, sorted by name. Subdirectories are not searched, and what is no
    /// regular file is not read, since reading it might never end.
    fn search(&mut self, path: &Path, named: &str) -> Result<(), CaptureError> {
        let failed = |error| CaptureError::from_io(named, 0, error);
        let entries = std::fs::read_dir(path).map_err(failed)?;
        let mut files =
            entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>().map_err(failed)?;
        files.sort();
        let index = self.directories.len();
        let mut directory = Directory { named: named.to_owned(), captures: 0, skipped: 0 };
        for file in files {
            let named = file.display().to_string();
            match std::fs::metadata(&file) {
                Ok(metadata) if metadata.is_dir() => {}
                Ok(metadata) if metadata.is_file() => {
                    if !self.add(source(named, &file, &metadata, Some(index))) {
                        directory.captures = directory.captures.saturating_add(1);
                    }
                }
                other => {
                    let reason = other.map_or_else(|error| error.to_string(), |_| "not a regular file".into());
                    directory.skipped = directory.skipped.saturating_add(1);
                    self.notes.push(Note::Skipped { path: named, reason });
                }
            }
        }
        self.directories.push(directory);
        Ok(())
    }

    /// Adds a source unless it is already there; says whether it was new.
    fn add(&mut self, source: Source) -> bool {
        // Two names of one file have one canonical path.
        let canonical = std::fs::canonicalize(&source.path).unwrap_or_else(|_| source.path.clone());
        let new = self.seen.insert(canonical);
        if new {
            self.sources.push(source);
        } else {
            self.notes.push(Note::Twice { path: source.named });
        }
        new
    }
}

fn source(named: String, path: &Path, metadata: &Metadata, directory: Option<usize>) -> Source {
    let regular = metadata.is_file();
    let door = if regular { Door::File } else { Door::Stream };
    Source { named, path: path.to_owned(), door, size: regular.then_some(metadata.len()), directory, held: None }
}

impl Source {
    /// Opening a named pipe waits for its writer, except where that can be left for later.
    fn may_be_held(&self) -> bool {
        match self.door {
            Door::Stdin => false,
            Door::File => true,
            Door::Stream => cfg!(target_os = "linux"),
        }
    }
}

fn open(path: &Path, door: Door) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(target_os = "linux")]
    if door == Door::Stream {
        // Whoever reads it waits for the writer.
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = door;
    options.open(path)
}

/// Whether the process or the system has no descriptor left.
fn is_exhausted(error: &std::io::Error) -> bool {
    cfg!(unix) && matches!(error.raw_os_error(), Some(23 | 24))
}

/// Descriptors left for outputs and whatever else is opened later.
const SPARE: usize = 64;

fn is_pattern(path: &Path) -> bool {
    path.to_str().is_some_and(|text| text.contains(['*', '?', '[']))
}
