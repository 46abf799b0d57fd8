//! The members of a bundle in, a directory that a third party can check and run again out: digests
//! in `SHA256SUMS`, a manifest, and a signature when a key is given. Appears whole or not at all.
//! Never makes a key, never reads a clock.

mod check;
mod manifest;
mod signature;

pub use check::{Altered, Survey, digest_of};
pub use manifest::{Digest, InputSubject, PackMember, Predicate, SiteMember, Statement, Subject};
pub use signature::{SecretKey, Signature, VerifyingKey};

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

/// What every bundle holds beside its members.
pub const MANIFEST: &str = "manifest.json";
/// The digests of all members and of the manifest, as `sha256sum -c` reads them.
pub const SUMS: &str = "SHA256SUMS";
/// The signature over the digests, as `minisign -V` reads it.
pub const SIGNATURE: &str = "SHA256SUMS.minisig";

/// A bundle that is being written beside the place where it will stand.
pub struct Builder {
    folder: TempDir,
    target: PathBuf,
    digests: BTreeMap<String, String>,
}

impl Builder {
    /// Begins a bundle that will be `target`, which does not exist yet or is an empty directory.
    ///
    /// # Errors
    /// There is something at `target`, or nothing can be written beside it.
    pub fn new(target: &Path) -> io::Result<Self> {
        if !is_free(target)? {
            let reason = "something is there already: give a directory that is new or empty";
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, reason));
        }
        let parent = target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder = tempfile::Builder::new().prefix(".flowaudit-").suffix(".tmp").tempdir_in(parent)?;
        Ok(Self { folder, target: target.to_owned(), digests: BTreeMap::new() })
    }

    /// Writes a member. `name` may hold one folder: `packs/ams.toml`.
    ///
    /// # Errors
    /// Whatever the file met.
    pub fn add(&mut self, name: &str, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
        let path = self.folder.path().join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        let mut out = Hashing {
            out: BufWriter::new(fs::OpenOptions::new().write(true).create_new(true).open(path)?),
            hash: Sha256::new(),
        };
        fill(&mut out)?;
        out.flush()?;
        out.out.get_ref().sync_all()?;
        self.digests.insert(name.to_owned(), HEXLOWER.encode(&out.hash.finalize()));
        Ok(())
    }

    /// Adds the manifest, the digests and, with a key, the signature, and puts the bundle in place.
    /// The signature vouches for `comment` too.
    ///
    /// # Errors
    /// Whatever the files or the key met; then there is no bundle.
    pub fn seal(mut self, predicate: Predicate, signer: Option<(&SecretKey, &str)>) -> io::Result<()> {
        let statement = Statement::new(&self.digests, predicate);
        let text = statement.text()?;
        self.add(MANIFEST, |out| out.write_all(text.as_bytes()))?;
        let sums = manifest::sums(&self.digests);
        self.add(SUMS, |out| out.write_all(sums.as_bytes()))?;
        if let Some((key, comment)) = signer {
            let signature = key.sign(sums.as_bytes(), comment)?;
            self.add(SIGNATURE, |out| out.write_all(signature.as_bytes()))?;
        }
        if self.target.exists() {
            fs::remove_dir(&self.target)?;
        }
        fs::rename(self.folder.path(), &self.target)?;
        // The folder has gone to its place: there is nothing left to clear away.
        let _ = self.folder.keep();
        Ok(())
    }
}

fn is_free(target: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(target) {
        Ok(found) if found.is_dir() => Ok(fs::read_dir(target)?.next().is_none()),
        Ok(_) => Ok(false),
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(fault) => Err(fault),
    }
}

/// A file whose digest is that of the bytes that were written to it.
struct Hashing {
    out: BufWriter<File>,
    hash: Sha256,
}

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hash.update(bytes.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
