//! `--user`, and who called sudo, in; a process of that user out. Root asks the kernel what that user
//! may write before it becomes that user for good.

use std::io;
use std::path::{Path, PathBuf};

use nix::unistd::{self, Gid, Uid, User};
use rustix::fs::{Access, AtFlags, CWD, accessat};

use super::linux::text;

/// Whom to become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) uid: Uid,
    pub(super) gid: Gid,
}

/// Whom to become: `named`, else who called sudo, else nobody; `None` for whoever is not root.
pub(super) fn wanted(named: Option<&str>) -> Result<Option<Change>, String> {
    if !unistd::geteuid().is_root() {
        return match named {
            None => Ok(None),
            Some(_) => Err("--user: only root can become another user: leave it out, or use sudo".to_owned()),
        };
    }
    let number = |name: &str| std::env::var(name).ok()?.parse::<u32>().ok();
    let change = match (named, number("SUDO_UID").filter(|uid| *uid != 0), number("SUDO_GID")) {
        (Some(named), ..) => look_up(named)?,
        (None, Some(uid), Some(gid)) => Change { uid: Uid::from_raw(uid), gid: Gid::from_raw(gid) },
        (None, Some(_), None) | (None, None, _) => nobody(),
    };
    Ok((!change.uid.is_root()).then_some(change))
}

fn look_up(named: &str) -> Result<Change, String> {
    let found = match named.parse::<u32>() {
        Ok(uid) => User::from_uid(Uid::from_raw(uid)),
        Err(_) => User::from_name(named),
    };
    match found {
        Ok(Some(user)) => Ok(Change { uid: user.uid, gid: user.gid }),
        Ok(None) => Err(format!("--user {named}: there is no such user")),
        Err(fault) => Err(format!("--user {named}: {fault}")),
    }
}

fn nobody() -> Change {
    let found = User::from_name("nobody").ok().flatten();
    let (uid, gid) = found.map_or((OVERFLOW, OVERFLOW), |user| (user.uid.as_raw(), user.gid.as_raw()));
    Change { uid: Uid::from_raw(uid), gid: Gid::from_raw(gid) }
}

/// The first of `places`, directories for new files and streams, where the user could not write.
pub(super) fn first_refusal(change: &Change, places: &[PathBuf]) -> Option<(PathBuf, io::Error)> {
    let groups = unistd::getgroups().unwrap_or_default();
    let before = (unistd::getegid(), unistd::geteuid());
    let there: Vec<&PathBuf> = places.iter().filter(|place| place.exists()).collect();
    let entered = unistd::setgroups(&[change.gid])
        .and_then(|()| unistd::setegid(change.gid))
        .and_then(|()| unistd::seteuid(change.uid));
    let refusal = match entered {
        Ok(()) => there.iter().find_map(|place| probe(place).err().map(|fault| ((*place).clone(), fault))),
        // Becoming that user for good will fail too, and says so.
        Err(_) => None,
    };
    let back =
        unistd::seteuid(before.1).and_then(|()| unistd::setegid(before.0)).and_then(|()| unistd::setgroups(&groups));
    match back {
        Ok(()) => refusal,
        Err(fault) => Some((PathBuf::from("."), fault.into())),
    }
}

/// In a directory by making a file; a stream is only asked, since its reader would see it close.
fn probe(place: &Path) -> io::Result<()> {
    if !place.is_dir() {
        return Ok(accessat(CWD, place, Access::WRITE_OK, AtFlags::EACCESS)?);
    }
    tempfile::Builder::new().prefix(".flowaudit-").suffix(".tmp").tempfile_in(place)?.close()
}

/// Becomes that user for good: no group of root, and no way back.
pub(super) fn become_one(change: &Change) -> Result<(), String> {
    unistd::setgroups(&[change.gid]).map_err(text)?;
    unistd::setresgid(change.gid, change.gid, change.gid).map_err(text)?;
    unistd::setresuid(change.uid, change.uid, change.uid).map_err(text)?;
    if unistd::seteuid(Uid::from_raw(0)).is_ok() {
        return Err("the way back to root stayed open".to_owned());
    }
    Ok(())
}

/// The user whom the kernel shows for users that it does not know.
const OVERFLOW: u32 = 65_534;
