//! Two audits in, what changed between them out: findings that are new, gone, still open or have
//! another cause, and rows that moved. Pure; frame numbers and counts differ between any two
//! captures and never count as a change.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::model::{Audit, Finding, RowResult, RowStatus};
use super::words;

/// What became of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// Only in the later audit.
    New,
    /// In both, with another cause.
    Changed,
    /// Only in the earlier audit, and the later one could have seen it.
    Fixed,
    /// Only in the earlier audit, but the later one does not show that it is fixed.
    Unseen,
    /// In both, for the same cause.
    Open,
}

/// A finding of either audit, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingChange {
    /// What became of it.
    pub change: Fate,
    /// As the earlier audit has it.
    pub before: Option<Finding>,
    /// As the later audit has it.
    pub after: Option<Finding>,
    /// What differs, or why it is not called fixed.
    pub note: String,
}

impl FindingChange {
    /// The finding as it was seen last.
    #[must_use]
    pub fn latest(&self) -> Option<&Finding> {
        self.after.as_ref().or(self.before.as_ref())
    }
}

/// A row whose status is not what it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowChange {
    /// Its pack.
    pub pack: String,
    /// Its id.
    pub id: String,
    /// Its status before; none when that audit does not have the row.
    pub before: Option<RowStatus>,
    /// Its status after.
    pub after: Option<RowStatus>,
    /// Why it has the status that it has, or had when it is gone.
    pub reason: String,
}

/// One of the two audits, in short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    /// Its site.
    pub site: String,
    /// Time of its first packet.
    pub first: Option<String>,
    /// Time of its last packet.
    pub last: Option<String>,
    /// How many findings it has.
    pub findings: u64,
    /// Whether its evidence is complete.
    pub complete: bool,
}

/// What changed between two audits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diff {
    /// Version of this form: `flowaudit/diff/1`.
    pub schema: String,
    /// Whether nothing changed: no finding came, went or has another cause, and no row moved.
    pub same: bool,
    /// The earlier audit.
    pub before: Side,
    /// The later audit.
    pub after: Side,
    /// Why the two cannot be compared without care, one sentence each.
    pub notes: Vec<String>,
    /// Findings: new, changed, fixed, unseen, open; in the order of their audit within each.
    pub findings: Vec<FindingChange>,
    /// Rows that moved, in document order.
    pub rows: Vec<RowChange>,
}

impl Diff {
    /// What changed from `before` to `after`.
    #[must_use]
    pub fn between(before: &Audit, after: &Audit) -> Self {
        let mut findings = findings(before, after);
        findings.sort_by_key(|finding| finding.change);
        let rows = rows(before, after);
        Self {
            schema: SCHEMA.to_owned(),
            same: rows.is_empty() && findings.iter().all(|finding| finding.change == Fate::Open),
            before: side(before),
            after: side(after),
            notes: notes(before, after),
            findings,
            rows,
        }
    }

    /// How many findings changed in this way.
    #[must_use]
    pub fn count(&self, change: Fate) -> u64 {
        super::count(self.findings.iter().filter(|finding| finding.change == change).count())
    }
}

/// Version of the serialised form.
const SCHEMA: &str = "flowaudit/diff/1";

fn side(audit: &Audit) -> Side {
    Side {
        site: audit.site.name.clone(),
        first: audit.quality.first.clone(),
        last: audit.quality.last.clone(),
        findings: super::count(audit.findings.len()),
        complete: audit.quality.complete,
    }
}

fn notes(before: &Audit, after: &Audit) -> Vec<String> {
    let packs = |audit: &Audit| -> Vec<String> {
        let named = audit.packs.iter().map(|pack| {
            let digest: String = pack.sha256.chars().take(8).collect();
            format!("{} {} ({digest})", pack.id, pack.version)
        });
        named.collect()
    };
    let complete = |audit: &Audit| if audit.quality.complete { "complete" } else { "incomplete" }.to_owned();
    let parts = [
        ("site", before.site.name.clone(), after.site.name.clone()),
        ("vantage", before.site.vantage.clone(), after.site.vantage.clone()),
        ("packs", packs(before).join(", "), packs(after).join(", ")),
        ("evidence", complete(before), complete(after)),
        ("tool", before.tool.version.clone(), after.tool.version.clone()),
    ];
    let mut notes: Vec<String> =
        parts.iter().filter(|(_, one, other)| one != other).map(|(what, b, a)| words::other(what, b, a)).collect();
    if before.site.roles != after.site.roles || before.site.features != after.site.features {
        notes.push(words::other_players());
    }
    if before.quality.first > after.quality.first {
        notes.push(words::later_first());
    }
    notes
}

fn findings(before: &Audit, after: &Audit) -> Vec<FindingChange> {
    let mut earlier: BTreeMap<&str, &Finding> =
        before.findings.iter().map(|finding| (finding.id.as_str(), finding)).collect();
    let later: BTreeSet<&str> = after.findings.iter().map(|finding| finding.id.as_str()).collect();
    // A row that went from blocked to partial has a finding with another id, but it is no other matter.
    let mut moved: BTreeMap<&[String], &Finding> = before
        .findings
        .iter()
        .filter(|finding| !later.contains(finding.id.as_str()) && is_of_row(before, finding))
        .map(|finding| (finding.rows.as_slice(), finding))
        .collect();
    let mut changes = Vec::new();
    for finding in &after.findings {
        let same = earlier.remove(finding.id.as_str());
        let row = || if is_of_row(after, finding) { moved.remove(finding.rows.as_slice()) } else { None };
        let old = same.or_else(row);
        if let Some(old) = old {
            earlier.remove(old.id.as_str());
        }
        changes.push(one(old, finding));
    }
    let gone = before.findings.iter().filter(|finding| earlier.contains_key(finding.id.as_str()));
    changes.extend(gone.map(|finding| fixed(finding, after)));
    changes
}

fn one(old: Option<&Finding>, finding: &Finding) -> FindingChange {
    let note = old.map(|old| difference(old, finding)).unwrap_or_default();
    let change = match (old, note.is_empty()) {
        (None, _) => Fate::New,
        (Some(_), true) => Fate::Open,
        (Some(_), false) => Fate::Changed,
    };
    FindingChange { change, before: old.cloned(), after: Some(finding.clone()), note }
}

/// A finding that is gone: fixed only when the later audit shows it.
fn fixed(finding: &Finding, after: &Audit) -> FindingChange {
    let row = after.rows.iter().find(|row| is_named(row, finding) && is_of_status(finding));
    let doubt = match row.map(|row| row.status) {
        Some(RowStatus::Confirmed | RowStatus::Unverified | RowStatus::NotApplicable) => None,
        Some(status) => Some(words::row_is(status.name())),
        None if is_of_status(finding) => Some(words::row_gone()),
        None if after.quality.complete => None,
        None => Some(words::not_complete()),
    };
    let change = if doubt.is_some() { Fate::Unseen } else { Fate::Fixed };
    FindingChange { change, before: Some(finding.clone()), after: None, note: doubt.unwrap_or_default() }
}

impl Finding {
    /// Whether it says no more than that `row` has its status; the row tells it then, too.
    #[must_use]
    pub fn is_of(&self, row: &RowResult) -> bool {
        is_named(row, self) && row.status.name() == self.kind
    }
}

fn is_of_row(audit: &Audit, finding: &Finding) -> bool {
    audit.rows.iter().any(|row| finding.is_of(row))
}

fn is_named(row: &RowResult, finding: &Finding) -> bool {
    finding.rows.as_slice() == std::slice::from_ref(&row.id)
}

/// Whether the kind of a finding is a status of a row or of an optional part of it.
fn is_of_status(finding: &Finding) -> bool {
    const ALL: &[RowStatus] =
        &[RowStatus::Partial, RowStatus::Blocked, RowStatus::WrongProtocol, RowStatus::NameFailed, RowStatus::Missing];
    ALL.iter().any(|status| status.name() == finding.kind)
}

/// What differs between two findings about the same matter; nothing when the cause is the same.
fn difference(before: &Finding, after: &Finding) -> String {
    let detail =
        |finding: &Finding| if finding.detail.is_empty() { finding.summary.clone() } else { finding.detail.clone() };
    let parts = [
        (before.kind.clone(), after.kind.clone()),
        (before.severity.clone(), after.severity.clone()),
        (detail(before), detail(after)),
        (before.summary.clone(), after.summary.clone()),
    ];
    let differs = parts.into_iter().find(|(one, other)| cause(one) != cause(other));
    differs.map(|(one, other)| words::was(&one, &other)).unwrap_or_default()
}

/// The cause without what no two captures share: frames, and counts of tries, flows, hosts, ports.
fn cause(text: &str) -> String {
    let all: Vec<&str> = text.split_whitespace().map(bare).collect();
    let is = |word: Option<&&str>, list: &[&str]| word.is_some_and(|word| list.contains(word));
    let mut kept = Vec::with_capacity(all.len());
    for (place, word) in all.iter().enumerate() {
        let before = place.checked_sub(1).and_then(|place| all.get(place));
        let (next, second) = (all.get(place.saturating_add(1)), all.get(place.saturating_add(2)));
        let number = !word.is_empty() && word.chars().all(|digit| digit.is_ascii_digit() || digit == ',');
        let counted = is(next, COUNTED) || (is(next, TRANSPORTS) && is(second, COUNTED));
        let framed =
            NUMBERED.contains(word) || (number && is(before, NUMBERED)) || (*word == "of" && is(next, NUMBERED));
        if framed {
            continue;
        }
        // `1 try` and `3 tries` are the same cause.
        kept.push(if (number && counted) || COUNTED.contains(word) { "#" } else { word });
    }
    kept.join(" ")
}

fn bare(word: &str) -> &str {
    word.trim_matches(|edge: char| !edge.is_alphanumeric())
}

const NUMBERED: &[&str] = &["frame", "frames", "input"];
const COUNTED: &[&str] = &["try", "tries", "flow", "flows", "host", "hosts", "ports", "s", "unresolved", "attempts"];
const TRANSPORTS: &[&str] = &["tcp", "udp", "sctp"];

fn rows(before: &Audit, after: &Audit) -> Vec<RowChange> {
    fn key(row: &RowResult) -> (&str, &str) {
        (&row.pack, &row.id)
    }
    let mut earlier: BTreeMap<(&str, &str), &RowResult> = before.rows.iter().map(|row| (key(row), row)).collect();
    let change = |row: &RowResult, before, after| RowChange {
        pack: row.pack.clone(),
        id: row.id.clone(),
        before,
        after,
        reason: row.reason.clone(),
    };
    let mut moved = Vec::new();
    for row in &after.rows {
        let old = earlier.remove(&key(row)).map(|old| old.status);
        if old != Some(row.status) {
            moved.push(change(row, old, Some(row.status)));
        }
    }
    let gone = before.rows.iter().filter(|row| earlier.contains_key(&key(row)));
    moved.extend(gone.map(|row| change(row, Some(row.status), None)));
    moved
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(before: &str, after: &str, same: bool) {
        assert_eq!(cause(before) == cause(after), same, "{before} | {after}");
    }

    #[test]
    fn a_cause_is_what_blocked_it_and_not_how_often() {
        check("no answer to 8 tries (frame 112)", "no answer to 1 try (frame 7 of input 2)", true);
        check("no answer to 8 tries (frame 112)", "no answer to 1 try (frame 7)", true);
        check("refused by a reset (frame 145)", "no answer to 3 tries (frame 145)", false);
        check("rejected by icmp 3/13 from 10.0.0.1 (frame 2)", "rejected by icmp 3/1 from 10.0.0.1 (frame 2)", false);
        check("ldap tcp/389 with 10.0.0.1: x", "ldap tcp/389 with 10.0.0.2: x", false);
        check("10.0.0.1 -> 10.0.0.2 198 tcp ports: several", "10.0.0.1 -> 10.0.0.2 201 tcp ports: several", true);
        check("port 445 of 10.0.0.1", "port 446 of 10.0.0.1", false);
        check("Never tried in 30 s.", "Never tried in 31 s.", true);
        check("Never tried in 30 s (3 unresolved flows may", "Never tried in 31 s (1 unresolved flow may", true);
    }
}
