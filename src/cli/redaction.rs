//! The file of a redaction key in, the key out. Never makes a key: whoever redacts has to know
//! where the key is, or nobody can reveal.

use std::path::Path;

use super::exit::Failure;
use crate::audit::{Audit, Judged};
use crate::ledger::Observation;
use crate::report::redact::{self, Key};

/// Why `-w` and `--redact` do not go together.
pub const NO_PACKETS: &str =
    "-w with --redact: packets hold addresses, names and payload, and are not rewritten; leave -w out";

/// Reads a key.
///
/// # Errors
/// It cannot be read, or is none.
pub fn key(path: &Path) -> Result<Key, Failure> {
    let name = path.display();
    let how = "make one with `openssl rand -hex 32 > redact.key`, and keep it";
    let text =
        std::fs::read_to_string(path).map_err(|fault| Failure::plain(format!("cannot read {name}: {fault}; {how}")))?;
    Key::parse(&text).ok_or_else(|| Failure::plain(format!("{name} is no key of 64 hex digits; {how}")))
}

/// What was seen and judged, under pseudonyms.
///
/// # Errors
/// It could not be written under pseudonyms.
pub fn of_audit(key: &Key, seen: &Observation, judged: &Judged) -> Result<(Observation, Judged), Failure> {
    let hidden = redact::judged(key, judged, seen).ok_or_else(|| Failure::plain("the audit could not be redacted"))?;
    Ok((redact::observation(key, seen), hidden))
}

/// A stored audit, hidden or revealed as the options ask.
///
/// # Errors
/// A key is none, or does not fit the audit.
pub fn of_stored(audit: Audit, hide: Option<&Path>, reveal: Option<&Path>) -> Result<Audit, Failure> {
    if let Some(path) = hide {
        let hidden = redact::redact(&key(path)?, &audit, None);
        return hidden.ok_or_else(|| Failure::plain("--redact: this audit is redacted already"));
    }
    let Some(path) = reveal else { return Ok(audit) };
    let Some(redaction) = &audit.redaction else {
        return Err(Failure::plain("--reveal: this audit is not redacted"));
    };
    let key = key(path)?;
    redact::reveal(&key, &audit).ok_or_else(|| {
        let (made, given) = (&redaction.key, key.id());
        Failure::plain(format!(
            "--reveal: the audit was redacted with key {made}, and {} is key {given}",
            path.display()
        ))
    })
}
