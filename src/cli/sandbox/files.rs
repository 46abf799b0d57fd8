//! What will be read and written in, a Landlock ruleset out that lets nothing else be opened. Rules
//! go by the file or directory that is there now, not by its name.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown, lchown};
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, LandlockStatus, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreated, RulesetCreatedAttr, RulesetStatus, Scope,
};

use super::Needs;
use super::linux::text;
use super::user::Change;
use crate::report::atomic;

/// Directories in which files will appear.
pub(super) fn directories(needs: &Needs) -> Vec<PathBuf> {
    let files = needs.outputs.iter().filter(|path| !atomic::is_stream(path).unwrap_or(false));
    let all: BTreeSet<PathBuf> =
        files.map(|path| atomic::directory_of(path)).chain(needs.folders.iter().cloned()).collect();
    all.into_iter().collect()
}

/// Outputs that are there already, and into which one only pours.
pub(super) fn streams(needs: &Needs) -> Vec<PathBuf> {
    needs.outputs.iter().filter(|path| atomic::is_stream(path).unwrap_or(false)).cloned().collect()
}

/// Gives the outputs that are there already to the user who will replace them: in a directory like
/// `/tmp` nobody else may. Only plain files with one name, so that no link leads elsewhere. And the directories
/// that were made for outputs just now.
pub(super) fn hand_over(needs: &Needs, user: Option<&Change>) {
    let Some(user) = user else { return };
    for directory in &needs.made {
        let _ = lchown(directory, Some(user.uid.as_raw()), Some(user.gid.as_raw()));
    }
    for path in &needs.outputs {
        let opened = OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path);
        let plain = |file: &File| file.metadata().is_ok_and(|data| data.is_file() && data.nlink() == 1);
        if let Some(file) = opened.ok().filter(plain) {
            // What cannot be given away cannot be replaced either, and is said when that is tried.
            let _ = fchown(&file, Some(user.uid.as_raw()), Some(user.gid.as_raw()));
        }
    }
}

/// Lets nothing be opened that is not in `needs`; says how far the kernel goes along.
pub(super) fn restrict(needs: &Needs) -> Result<String, String> {
    let created = Ruleset::default()
        .handle_access(AccessFs::from_all(NEWEST))
        .and_then(|rules| rules.handle_access(AccessNet::from_all(NEWEST)))
        .and_then(|rules| rules.scope(Scope::from_all(NEWEST)))
        .and_then(Ruleset::create)
        .map_err(text)?;
    let mut rules = created;
    for path in &needs.reads {
        rules = allow(rules, path, AccessFs::ReadFile.into())?;
    }
    for directory in directories(needs) {
        rules = allow(rules, &directory, beneath())?;
    }
    for path in streams(needs) {
        rules = allow(rules, &path, AccessFs::WriteFile | AccessFs::Truncate)?;
    }
    let status = rules.restrict_self().map_err(text)?;
    let LandlockStatus::Available { effective_abi, .. } = status.landlock else {
        return Err("this kernel does not have it, or it is switched off".to_owned());
    };
    match status.ruleset {
        RulesetStatus::FullyEnforced => Ok(format!("abi {effective_abi} full")),
        // Older kernels lack rules for TCP, signals and devices; seccomp lets none of them be reached.
        RulesetStatus::PartiallyEnforced => Ok(format!("abi {effective_abi} partial")),
        RulesetStatus::NotEnforced => Err("the kernel enforces none of it".to_owned()),
    }
}

/// Adds a rule; a path that is not there needs none, nor does a pipe without a name.
fn allow(rules: RulesetCreated, path: &Path, access: BitFlags<AccessFs>) -> Result<RulesetCreated, String> {
    let named = path.canonicalize().and_then(|path| PathFd::new(path).map_err(std::io::Error::other));
    let Ok(opened) = named else { return Ok(rules) };
    rules.add_rule(PathBeneath::new(opened, access)).map_err(text)
}

/// Files are made, written, renamed and removed; directories too, for bundles. Reading a directory is
/// needed to sync it.
fn beneath() -> BitFlags<AccessFs> {
    AccessFs::WriteFile
        | AccessFs::Truncate
        | AccessFs::MakeReg
        | AccessFs::RemoveFile
        | AccessFs::MakeDir
        | AccessFs::RemoveDir
        | AccessFs::ReadDir
}

/// The newest rules that are asked for; an older kernel takes those that it knows.
const NEWEST: ABI = ABI::V7;
