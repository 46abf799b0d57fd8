//! A path and what to write in, a whole file or the old one out. A report appears under its name
//! only when its last byte is on the disk; a link at that name is replaced, never followed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// Writes a file whole or not at all: temporary file in the same directory, fsync, rename, fsync of
/// the directory. Devices, named pipes and `/dev/stdout`-like names are written directly.
///
/// # Errors
/// Whatever opening, writing, syncing or renaming met; the old file is then untouched.
pub fn write(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    if is_stream(path)? {
        let mut out = BufWriter::new(OpenOptions::new().write(true).open(path)?);
        fill(&mut out)?;
        return out.flush();
    }
    let directory = directory_of(path);
    let mut temporary = tempfile::Builder::new().prefix(".flowaudit-").suffix(".tmp").make_in(&directory, create)?;
    {
        let mut out = BufWriter::new(temporary.as_file_mut());
        fill(&mut out)?;
        out.flush()?;
    }
    temporary.as_file().sync_all()?;
    temporary.persist(path).map_err(|fault| fault.error)?;
    sync_directory(&directory)
}

/// Whether a file could appear under this name. A stream is only looked for, since its reader would see it close.
///
/// # Errors
/// It could not.
pub fn try_out(path: &Path) -> io::Result<()> {
    if is_stream(path)? {
        return Ok(());
    }
    tempfile::Builder::new().prefix(".flowaudit-").suffix(".tmp").make_in(directory_of(path), create)?.close()
}

/// A file that grows for long and then appears whole, or not at all.
#[derive(Debug)]
pub struct Growing {
    out: Growth,
}

#[derive(Debug)]
enum Growth {
    /// Beside the place where it will appear.
    Temporary(BufWriter<NamedTempFile>, PathBuf),
    /// Into something that takes what comes.
    Stream(BufWriter<File>),
}

impl Growing {
    /// Begins a file that is to appear in the directory of `path`.
    ///
    /// # Errors
    /// Whatever opening met.
    pub fn begin(path: &Path) -> io::Result<Self> {
        if is_stream(path)? {
            let file = OpenOptions::new().write(true).open(path)?;
            return Ok(Self { out: Growth::Stream(BufWriter::new(file)) });
        }
        let directory = directory_of(path);
        let file = tempfile::Builder::new().prefix(".flowaudit-").suffix(".tmp").make_in(&directory, create)?;
        Ok(Self { out: Growth::Temporary(BufWriter::new(file), directory) })
    }

    /// Where to write.
    pub fn out(&mut self) -> &mut dyn Write {
        match &mut self.out {
            Growth::Temporary(out, _) => out,
            Growth::Stream(out) => out,
        }
    }

    /// Has it appear as `path`, in the directory in which it was begun.
    ///
    /// # Errors
    /// Whatever writing, syncing or renaming met; nothing appears then.
    pub fn finish(self, path: &Path) -> io::Result<()> {
        match self.out {
            Growth::Stream(mut out) => out.flush(),
            Growth::Temporary(out, directory) => {
                let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
                file.as_file().sync_all()?;
                file.persist(path).map_err(|fault| fault.error)?;
                sync_directory(&directory)
            }
        }
    }
}

/// A new file that only its owner reads. It is opened for writing alone: a process that has given up
/// reading may still do that.
fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Whether `path` is a place to pour into rather than a name to rename onto.
///
/// # Errors
/// It is a directory, or cannot be looked at.
pub fn is_stream(path: &Path) -> io::Result<bool> {
    if STREAM_DIRECTORIES.iter().any(|directory| path.starts_with(directory)) {
        return Ok(true);
    }
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a directory")),
        Ok(found) => Ok(!found.is_file() && !found.is_symlink()),
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(fault) => Err(fault),
    }
}

/// The directory in which `path` appears.
#[must_use]
pub fn directory_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        Some(_) | None => PathBuf::from("."),
    }
}

/// The rename itself must survive a power cut, so the directory is synced too where that is possible.
fn sync_directory(directory: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.read(true);
    // Nothing but a directory: a reader of the system calls sees that no file is read.
    #[cfg(target_os = "linux")]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_DIRECTORY);
    if cfg!(unix) { options.open(directory)?.sync_all() } else { Ok(()) }
}

/// Names in here lead to open descriptors and devices, through links that must be followed.
const STREAM_DIRECTORIES: &[&str] = &["/dev", "/proc/self/fd", "/proc/thread-self/fd"];

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &Path, text: &str) -> io::Result<()> {
        write(path, |out| out.write_all(text.as_bytes()))
    }

    #[test]
    fn whole_or_not_at_all() {
        let room = tempfile::tempdir().unwrap();
        let report = room.path().join("report");
        check(&report, "one").unwrap();
        check(&report, "two").unwrap();
        assert_eq!(fs::read_to_string(&report).unwrap(), "two");
        write(&report, |out| {
            out.write_all(b"half")?;
            Err(io::Error::from(io::ErrorKind::StorageFull))
        })
        .unwrap_err();
        assert_eq!(fs::read_to_string(&report).unwrap(), "two");
        assert_eq!(fs::read_dir(room.path()).unwrap().count(), 1, "no temporary file stays");
        check(room.path(), "a directory").unwrap_err();
        check(&room.path().join("absent/report"), "no directory").unwrap_err();
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_replaced_and_a_device_is_written() {
        let room = tempfile::tempdir().unwrap();
        let (victim, link) = (room.path().join("victim"), room.path().join("link"));
        fs::write(&victim, "precious").unwrap();
        std::os::unix::fs::symlink(&victim, &link).unwrap();
        check(&link, "report").unwrap();
        assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
        assert!(!fs::symlink_metadata(&link).unwrap().is_symlink());
        check(Path::new("/dev/null"), "anything").unwrap();
        assert_eq!(check(Path::new("/dev/full"), "anything").unwrap_err().kind(), io::ErrorKind::StorageFull);
    }
}
