//! A directory in, whether it is a bundle as it was written out, or the first thing that is wrong:
//! the signature over the digests first, then every member against its digest, then the manifest.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::manifest::{Statement, parse_sums};
use super::signature::{Signature, VerifyingKey};
use super::{MANIFEST, SIGNATURE, SUMS};

/// What a directory holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// Digest by path, of everything but the digests and their signature.
    pub digests: BTreeMap<String, String>,
    /// The manifest.
    pub manifest: Option<Vec<u8>>,
    /// The digests.
    pub sums: Option<Vec<u8>>,
    /// The signature.
    pub signature: Option<Vec<u8>>,
}

/// The first thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Altered {
    /// Which member.
    pub member: String,
    /// What is wrong with it.
    pub what: String,
}

impl Survey {
    /// Reads a directory.
    ///
    /// # Errors
    /// Something in it cannot be read.
    pub fn read(folder: &Path) -> io::Result<Self> {
        let mut survey = Self::default();
        survey.descend(folder, "")?;
        Ok(survey)
    }

    fn descend(&mut self, folder: &Path, prefix: &str) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            let kind = entry.file_type()?;
            if kind.is_dir() {
                self.descend(&entry.path(), &format!("{name}/"))?;
                continue;
            }
            if !kind.is_file() {
                // A link or a device stands where a file was written: no digest fits it.
                self.digests.insert(name, "no file".to_owned());
                continue;
            }
            match name.as_str() {
                SUMS => self.sums = Some(fs::read(entry.path())?),
                SIGNATURE => self.signature = Some(fs::read(entry.path())?),
                _ => drop(self.digests.insert(name.clone(), digest_of(&entry.path())?)),
            }
            if name == MANIFEST {
                self.manifest = Some(fs::read(entry.path())?);
            }
        }
        Ok(())
    }

    /// Holds the bundle against its digests, its signature (with a key) and its manifest.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self, key: Option<&VerifyingKey>) -> Result<Statement, Altered> {
        let sums = self.sums.as_deref().ok_or_else(|| altered(SUMS, "is missing"))?;
        let manifest = self.manifest.as_deref().ok_or_else(|| altered(MANIFEST, "is missing"))?;
        self.check_signature(key, sums)?;
        let digests = parse_sums(sums).ok_or_else(|| altered(SUMS, "is not as it was written"))?;
        self.check_members(&digests, manifest)?;
        let statement = Statement::parse(manifest).ok_or_else(|| altered(MANIFEST, "is not as it was written"))?;
        let members = digests.into_iter().filter(|(name, _)| name != MANIFEST).collect();
        if Statement::new(&members, statement.predicate.clone()) != statement {
            return Err(altered(MANIFEST, "names other members than SHA256SUMS"));
        }
        Ok(statement)
    }

    fn check_signature(&self, key: Option<&VerifyingKey>, sums: &[u8]) -> Result<(), Altered> {
        let Some(bytes) = self.signature.as_deref() else {
            return if key.is_some() { Err(altered(SIGNATURE, "is missing")) } else { Ok(()) };
        };
        let signature = Signature::parse(bytes).ok_or_else(|| altered(SIGNATURE, "is not as it was written"))?;
        if key.is_none_or(|key| key.verifies(&signature, sums)) {
            return Ok(());
        }
        // The digests fit all members, or they do not: that tells which of the two was changed.
        if parse_sums(sums).as_ref() == Some(&self.digests) {
            Err(altered(SIGNATURE, "is not a signature of SHA256SUMS by this key"))
        } else {
            Err(altered(SUMS, "is not what was signed"))
        }
    }

    fn check_members(&self, digests: &BTreeMap<String, String>, manifest: &[u8]) -> Result<(), Altered> {
        if let Some(name) = digests.keys().find(|name| !self.digests.contains_key(*name)) {
            return Err(altered(name, "is missing"));
        }
        if let Some(name) = self.digests.keys().find(|name| !digests.contains_key(*name)) {
            return Err(altered(name, "is not part of the bundle"));
        }
        let Some((name, found)) = self.digests.iter().find(|(name, found)| digests.get(*name) != Some(*found)) else {
            return Ok(());
        };
        // Without a signature the manifest is the second witness.
        let witness = Statement::parse(manifest).filter(|_| self.digests.get(MANIFEST) == digests.get(MANIFEST));
        let vouched = witness.is_some_and(|statement| {
            statement.subject.iter().any(|subject| subject.name == *name && subject.digest.sha256 == *found)
        });
        Err(if vouched { altered(SUMS, "contradicts the manifest") } else { altered(name, "was altered") })
    }
}

/// The SHA-256 of a file, lower-case hex.
///
/// # Errors
/// It cannot be read.
pub fn digest_of(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let (mut hash, mut block) = (Sha256::new(), vec![0; 1 << 16]);
    loop {
        match file.read(&mut block)? {
            0 => return Ok(HEXLOWER.encode(&hash.finalize())),
            length => hash.update(block.get(..length).unwrap_or_default()),
        }
    }
}

fn altered(member: &str, what: &str) -> Altered {
    Altered { member: member.to_owned(), what: what.to_owned() }
}
