//! Events in, lines of JSON out, each of which holds the SHA-256 of the one before it; and such lines
//! in, the first that is not as it was written out. A chain shows what was altered or taken out of
//! its middle; that its end is still there is known from its last digest, kept elsewhere.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, BufRead, Read};

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::events::Event;
use super::json;
use crate::audit::Audit;

/// Version of the form of a line.
pub const VERSION: &str = "flowaudit/journal/1";

/// What the first line has for a digest.
const NOTHING: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// Longest line that is read: a checkpoint of 10 000 findings is shorter.
const LONGEST: u64 = 16 << 20;

/// What a line says.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Said<'event> {
    /// Something that happened.
    Event(&'event Event),
    /// How things stand, or where another watch went on.
    Own(Own),
}

/// What only a journal says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Own {
    /// How things stand.
    Checkpoint {
        /// Time of the latest packet.
        time: Option<String>,
        /// Packets read.
        packets: u64,
        /// Flows seen.
        flows: u64,
        /// Packets lost.
        lost: u64,
        /// Status of each row, by pack and id.
        rows: BTreeMap<String, &'static str>,
        /// Ids of the findings that stand.
        findings: Vec<String>,
    },
    /// Another watch goes on with this file.
    Resumed {
        /// Bytes of a last line that was never finished.
        torn: u64,
    },
}

impl Own {
    /// How `audit` stands.
    #[must_use]
    pub fn checkpoint(audit: &Audit) -> Self {
        Self::Checkpoint {
            time: audit.quality.last.clone(),
            packets: audit.totals.packets,
            flows: audit.totals.flows,
            lost: audit.quality.drops,
            rows: audit.rows.iter().map(|row| (format!("{}/{}", row.pack, row.id), row.status.name())).collect(),
            findings: audit.findings.iter().map(|finding| finding.id.clone()).collect(),
        }
    }
}

/// The end of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// Lines so far.
    pub entries: u64,
    /// SHA-256 of the last one in hex, without its line end.
    pub last: String,
}

impl Default for Chain {
    fn default() -> Self {
        Self { entries: 0, last: NOTHING.to_owned() }
    }
}

#[derive(Serialize, Deserialize)]
struct Line<'line, What> {
    schema: Cow<'line, str>,
    entry: u64,
    written: Cow<'line, str>,
    previous: Cow<'line, str>,
    said: What,
}

impl Chain {
    /// The next line, with its line end. `written` is the time by the clock of the host, RFC 3339.
    ///
    /// # Errors
    /// It cannot be said in JSON.
    pub fn link(&mut self, written: &str, said: &Said<'_>) -> io::Result<Vec<u8>> {
        let entry = self.entries.saturating_add(1);
        let line = Line { schema: VERSION.into(), entry, written: written.into(), previous: (&self.last).into(), said };
        let mut bytes = Vec::new();
        json::write_line(&mut bytes, &line)?;
        self.add(bytes.strip_suffix(b"\n").unwrap_or(&bytes));
        Ok(bytes)
    }

    fn add(&mut self, line: &[u8]) {
        self.entries = self.entries.saturating_add(1);
        self.last = HEXLOWER.encode(&Sha256::digest(line));
    }

    /// Takes a line that was written, if it follows.
    fn follow(&mut self, line: &[u8]) -> Result<(), String> {
        let entry: Line<'_, serde::de::IgnoredAny> =
            serde_json::from_slice(line).map_err(|fault| format!("is no line of a journal: {fault}"))?;
        if entry.schema != VERSION {
            return Err(format!("has the form {}, and this program knows {VERSION}", entry.schema));
        }
        if entry.previous != self.last {
            let what = if self.entries == 0 {
                "does not begin a journal: lines before it are missing"
            } else {
                "does not follow from the line before: one of the two was altered, or lines between them are missing"
            };
            return Err(what.to_owned());
        }
        let number = self.entries.saturating_add(1);
        if entry.entry != number {
            return Err(format!("says that it is entry {}, and is entry {number}", entry.entry));
        }
        self.add(line);
        Ok(())
    }
}

/// What a journal turned out to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// The lines that follow from each other, from the first on.
    pub chain: Chain,
    /// Their bytes, line ends included.
    pub whole: u64,
    /// Bytes behind the last line end: a line that was never finished.
    pub torn: u64,
    /// The first line that is not as it was written, and what is wrong with it.
    pub fault: Option<(u64, String)>,
}

/// Checks a journal from its first line on; ends at the first that is wrong.
///
/// # Errors
/// Whatever reading met.
pub fn check(mut from: impl BufRead) -> io::Result<Checked> {
    let mut checked = Checked::default();
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = from.by_ref().take(LONGEST).read_until(b'\n', &mut line)?;
        let length = u64::try_from(read).unwrap_or(u64::MAX);
        let number = checked.chain.entries.saturating_add(1);
        let Some(whole) = line.strip_suffix(b"\n") else {
            if length >= LONGEST {
                checked.fault = Some((number, "is longer than any line of a journal".to_owned()));
            }
            checked.torn = length;
            return Ok(checked);
        };
        if let Err(fault) = checked.chain.follow(whole) {
            checked.fault = Some((number, fault));
            return Ok(checked);
        }
        checked.whole = checked.whole.saturating_add(length);
    }
}

#[cfg(test)]
mod tests {
    use super::super::events::What;
    use super::*;

    fn journal() -> Vec<u8> {
        let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/findings.json");
        let audit: Audit = serde_json::from_slice(&std::fs::read(golden).unwrap()).unwrap();
        let mut chain = Chain::default();
        let start = Event::at(&audit, What::Start { interfaces: vec!["eth0".to_owned(), "\u{202e}".to_owned()] });
        let mut bytes = chain.link("2026-11-22T10:00:00Z", &Said::Event(&start)).unwrap();
        bytes.extend(chain.link("2026-11-22T10:00:01Z", &Said::Own(Own::checkpoint(&audit))).unwrap());
        bytes.extend(chain.link("2026-11-22T10:00:02Z", &Said::Own(Own::Resumed { torn: 3 })).unwrap());
        bytes.extend(chain.link("2026-11-22T10:00:03Z", &Said::Event(&start)).unwrap());
        assert_eq!(check(&*bytes).unwrap(), Checked { chain, whole: bytes.len() as u64, torn: 0, fault: None });
        bytes
    }

    fn line(bytes: &[u8], number: usize) -> std::ops::Range<usize> {
        let ends: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] == b'\n').map(|at| at + 1).collect();
        (if number == 1 { 0 } else { ends[number - 2] })..ends[number - 1]
    }

    /// What is said of a journal that `change` was done to: lines that hold, line at fault, torn bytes.
    fn check_changed(change: impl FnOnce(&mut Vec<u8>), holds: u64, fault: Option<u64>, torn: u64) {
        let mut bytes = journal();
        change(&mut bytes);
        let found = check(&*bytes).unwrap();
        let at = found.fault.as_ref().map(|(line, _)| *line);
        assert_eq!((found.chain.entries, at, found.torn), (holds, fault, torn), "{found:?}");
    }

    #[test]
    fn what_was_altered_is_named() {
        check_changed(|_| {}, 4, None, 0);
        check_changed(Vec::clear, 0, None, 0);
        check_changed(|bytes| drop(bytes.drain(line(bytes, 1))), 0, Some(1), 0);
        check_changed(|bytes| drop(bytes.drain(line(bytes, 2))), 1, Some(2), 0);
        check_changed(|bytes| drop(bytes.drain(line(bytes, 4))), 3, None, 0);
        check_changed(|bytes| bytes.truncate(bytes.len() - 5), 3, None, line(&journal(), 4).len() as u64 - 5);
        check_changed(|bytes| bytes.extend(b"x"), 4, None, 1);
        check_changed(|bytes| bytes.extend(b"x\n"), 4, Some(5), 0);
        check_changed(|bytes| bytes.extend_from_within(line(bytes, 4)), 4, Some(5), 0);
    }

    /// A byte that is turned in a line shows there, or at the line that holds its digest; in the last
    /// line nothing but its own form shows it.
    #[test]
    fn every_turned_byte_shows() {
        let bytes = journal();
        let last = line(&bytes, 4).start;
        for at in 0..last {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            let found = check(&*changed).unwrap();
            let own = (1..=4).find(|number| line(&bytes, *number).contains(&at)).unwrap() as u64;
            let (named, _) = found.fault.unwrap_or_else(|| panic!("byte {at} was turned and nothing says so"));
            assert!((own..=own + 1).contains(&named), "byte {at} of line {own}: line {named} was named");
        }
    }

    #[test]
    fn lines_have_the_form_of_the_schema() {
        let schema: serde_json::Value = serde_json::from_str(super::super::schema::JOURNAL).unwrap();
        let keys = |value: &serde_json::Value| -> Vec<String> { value.as_object().unwrap().keys().cloned().collect() };
        for line in journal().split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let line: serde_json::Value = serde_json::from_slice(line).unwrap();
            assert_eq!(keys(&line), keys(&schema["properties"]));
            let own = &schema["$defs"][line["said"]["event"].as_str().unwrap()];
            assert!(own.is_null() || keys(&line["said"]) == keys(&own["properties"]), "{line}");
        }
    }
}
