//! The words and figures that every report shares: marks, plurals, thousands, times, durations.
//! Values in, short plain text out; nothing here knows a format.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::Timestamp;

use crate::audit::{AtomResult, EvidenceRef, NameEntry, PortEntry, Redaction, RowResult, RowStatus};
use crate::wire;

/// What a status means for the reader, as one mark and one accent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// As documented.
    Good,
    /// A finding.
    Bad,
    /// Part good, part finding.
    Mixed,
    /// Cannot be said from this capture.
    Unsure,
    /// Nothing to do.
    Calm,
}

impl Tone {
    /// The tone of a row or atom.
    #[must_use]
    pub const fn of(status: RowStatus) -> Self {
        match status {
            RowStatus::Confirmed => Self::Good,
            RowStatus::Blocked | RowStatus::WrongProtocol | RowStatus::NameFailed | RowStatus::Missing => Self::Bad,
            RowStatus::Partial => Self::Mixed,
            RowStatus::Unverified | RowStatus::NotYet | RowStatus::Unbound => Self::Unsure,
            RowStatus::Idle | RowStatus::NotObservable | RowStatus::NotApplicable => Self::Calm,
        }
    }

    /// One column wide, and different without colour.
    #[must_use]
    pub const fn mark(self) -> &'static str {
        match self {
            Self::Good => "✓",
            Self::Bad => "✗",
            Self::Mixed => "!",
            Self::Unsure => "?",
            Self::Calm => "·",
        }
    }
}

/// `1 flow`, `2 flows`, `12,345 flows`.
#[must_use]
pub fn count(number: u64, one: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{} {one}{ending}", thousands(number))
}

/// `12,345`.
#[must_use]
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::with_capacity(digits.len().saturating_add(8));
    for (place, digit) in digits.chars().enumerate() {
        let left = digits.len().saturating_sub(place);
        if place > 0 && left.is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// `980 bytes`, `3.4 MB`: powers of 1000, one decimal.
#[must_use]
pub fn size(bytes: u64) -> String {
    for (unit, scale) in [("TB", 1_000_000_000_000), ("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000u64)] {
        if let (Some(whole @ 1..), Some(rest)) = (bytes.checked_div(scale), bytes.checked_rem(scale)) {
            let tenth = rest.saturating_mul(10).checked_div(scale).unwrap_or(0);
            return format!("{}.{tenth} {unit}", thousands(whole));
        }
    }
    count(bytes, "byte")
}

/// A span of seconds (decimal text, as the audit holds it) for a person: `45.2 s`, `2 min 30 s`, `3 h 5 min`.
#[must_use]
pub fn duration(seconds: &str) -> String {
    let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
    let Ok(whole) = whole.parse::<u64>() else { return seconds.to_owned() };
    let (days, hours) = (whole.div_euclid(86_400), whole.div_euclid(3600).rem_euclid(24));
    let (minutes, rest) = (whole.div_euclid(60).rem_euclid(60), whole.rem_euclid(60));
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{rest}.{} s", fraction.chars().next().unwrap_or('0')),
        (0, 0, _) => format!("{minutes} min {rest} s"),
        (0, _, _) => format!("{hours} h {minutes} min"),
        (_, _, _) => format!("{days} d {hours} h"),
    }
}

/// Packet time as RFC 3339 in UTC with nine decimals.
#[must_use]
pub fn time(at: wire::Timestamp) -> String {
    let instant = Timestamp::from_nanosecond(i128::from(at.nanoseconds())).unwrap_or(Timestamp::UNIX_EPOCH);
    format!("{instant:.9}")
}

/// The date of an RFC 3339 time.
#[must_use]
pub fn date(time: &str) -> &str {
    time.split_once('T').map_or(time, |(date, _)| date)
}

/// The clock of an RFC 3339 time, whole seconds, without its zone.
#[must_use]
pub fn clock(time: &str) -> &str {
    let rest = time.split_once('T').map_or(time, |(_, rest)| rest);
    rest.split(['.', 'Z', '+']).next().unwrap_or(rest)
}

/// First and last time as `10:00:01–10:02:31`, with the days where the two differ.
#[must_use]
pub fn span(first: Option<&str>, last: Option<&str>) -> String {
    match (first, last) {
        (Some(first), Some(last)) if date(first) != date(last) => {
            format!("{} {}–{} {}", date(first), clock(first), date(last), clock(last))
        }
        (Some(first), Some(last)) if clock(first) != clock(last) => format!("{}–{}", clock(first), clock(last)),
        (Some(one), _) | (None, Some(one)) => clock(one).to_owned(),
        (None, None) => String::new(),
    }
}

/// `3 filtered, 1 refused` of a map of counts, the largest first.
#[must_use]
pub fn tally(counts: &BTreeMap<String, u64>) -> String {
    let mut sorted: Vec<_> = counts.iter().filter(|(_, number)| **number > 0).collect();
    sorted.sort_by(|one, other| other.1.cmp(one.1).then(one.0.cmp(other.0)));
    let parts: Vec<String> = sorted.iter().map(|(word, number)| format!("{} {word}", thousands(**number))).collect();
    parts.join(", ")
}

/// What a reader of a redacted audit has to know.
#[must_use]
pub fn redacted(redaction: &Redaction) -> String {
    format!("Addresses, names and paths are pseudonyms of redaction key {}.", redaction.key)
}

/// Names that stand on one line: one client's, that were only given beside each other and that nothing
/// used, or several clients' that knew the same address by the same name on the same grounds. What
/// something speaks against stands alone.
#[must_use]
pub fn alike(names: &[NameEntry]) -> Vec<Vec<&NameEntry>> {
    let mut places: HashMap<(&str, &str, &str, &str), usize> = HashMap::new();
    let mut groups: Vec<Vec<&NameEntry>> = Vec::new();
    for entry in names {
        let shared =
            if entry.flows == 0 { entry.client.as_str() } else { entry.address.as_deref().unwrap_or_default() };
        let used = if entry.flows == 0 { "" } else { entry.strength.as_str() };
        let key = (entry.name.as_str(), entry.how.as_str(), used, shared);
        let known = places.get(&key).filter(|_| entry.contradictions.is_empty());
        match known.and_then(|place| groups.get_mut(*place)) {
            Some(group) => group.push(entry),
            None => {
                if entry.contradictions.is_empty() {
                    places.insert(key, groups.len());
                }
                groups.push(vec![entry]);
            }
        }
    }
    groups
}

/// What a form says that holds only the gravest `most` findings of an audit; nothing when it holds all.
#[must_use]
pub fn left_out(findings: usize, most: usize) -> Option<String> {
    let left = u64::try_from(findings.saturating_sub(most)).unwrap_or(u64::MAX);
    let sentence = || {
        format!("{} are left out to keep this file small; the JSON of the audit has all.", count(left, "more finding"))
    };
    (left > 0).then(sentence)
}

/// The distinct values of some text, at most `most`, and how many more there are.
#[must_use]
pub fn listed<'text>(values: impl Iterator<Item = &'text str>, most: usize) -> String {
    let mut all: Vec<&str> = Vec::new();
    let mut known = HashSet::new();
    all.extend(values.filter(|value| known.insert(*value)));
    match all.get(..most).filter(|_| all.len() > most) {
        Some(first) => format!("{} and {} more", first.join(", "), all.len().saturating_sub(most)),
        None => all.join(", "),
    }
}

/// On what the attribution of a port rests.
#[must_use]
pub fn attributed(entry: &PortEntry) -> String {
    let bound = entry.interfaces.iter().any(|interface| interface.bound);
    match (&entry.by, bound) {
        (Some(by), true) => format!("announced by the {by}, and bound by the flow itself"),
        (Some(by), false) => format!("announced by the {by}"),
        (None, true) => "bound by the flow itself".to_owned(),
        (None, false) if entry.grade == "bind" => {
            "calls that were answered, which a bind must have preceded".to_owned()
        }
        (None, false) => "nobody announced it".to_owned(),
    }
}

/// Sums and ends of all atoms of a row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowSums<'audit> {
    /// Flows.
    pub flows: u64,
    /// Open ones.
    pub established: u64,
    /// Blocked ones.
    pub blocked: u64,
    /// Far ends, sorted, each once.
    pub peers: Vec<&'audit str>,
    /// Peers beyond the lists.
    pub more_peers: u64,
    /// Time of the first flow.
    pub first: Option<&'audit str>,
    /// Time of the last packet.
    pub last: Option<&'audit str>,
}

impl<'audit> RowSums<'audit> {
    /// The sums of one row. RFC 3339 times of one form sort as text.
    #[must_use]
    pub fn of(row: &'audit RowResult) -> Self {
        let sum = |part: fn(&AtomResult) -> u64| row.atoms.iter().map(part).fold(0, u64::saturating_add);
        let mut peers: Vec<&str> =
            row.atoms.iter().flat_map(|atom| &atom.peers).map(|peer| peer.peer.as_str()).collect();
        peers.sort_unstable();
        peers.dedup();
        Self {
            flows: sum(|atom| atom.flows),
            established: sum(|atom| atom.established),
            blocked: sum(|atom| atom.blocked),
            peers,
            more_peers: row.atoms.iter().map(|atom| atom.more_peers).max().unwrap_or(0),
            first: row.atoms.iter().filter_map(|atom| atom.first.as_deref()).min(),
            last: row.atoms.iter().filter_map(|atom| atom.last.as_deref()).max(),
        }
    }

    /// How many peers there are.
    #[must_use]
    pub fn peer_count(&self) -> u64 {
        u64::try_from(self.peers.len()).unwrap_or(u64::MAX).saturating_add(self.more_peers)
    }
}

/// `a.pcap frames 12, 40, …`: each file once, where files are `named`, then its frames; `between`
/// stands in front of every further file.
#[must_use]
pub fn frames(evidence: &[EvidenceRef], named: bool, most: usize, between: &str) -> String {
    let mut shown = String::new();
    let mut file = None;
    for place in evidence.iter().take(most) {
        if file == Some(&place.file) {
            shown.push_str(&format!(", {}", place.frame));
            continue;
        }
        let gap = if file.is_some() { between } else { "" };
        let name = if named { format!("{} ", place.file) } else { String::new() };
        let more = evidence.iter().filter(|other| other.file == place.file).count() > 1;
        shown.push_str(&format!("{gap}{name}{} {}", if more { "frames" } else { "frame" }, place.frame));
        file = Some(&place.file);
    }
    if evidence.len() > most {
        shown.push_str(", …");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(found: impl AsRef<str>, expected: &str) {
        assert_eq!(found.as_ref(), expected);
    }

    #[test]
    fn figures_are_written_for_people() {
        check(count(1, "flow"), "1 flow");
        check(count(1_234_567, "flow"), "1,234,567 flows");
        check(thousands(0), "0");
        check(thousands(999), "999");
        check(size(980), "980 bytes");
        check(size(3_450_000), "3.4 MB");
        check(duration("0.123456789"), "0.1 s");
        check(duration("150.9"), "2 min 30 s");
        check(duration("11100"), "3 h 5 min");
        check(duration("180000"), "2 d 2 h");
        check(duration("odd"), "odd");
        check(time(wire::Timestamp::from_nanoseconds(1_780_000_000_123_456_789)), "2026-05-28T20:26:40.123456789Z");
        check(time(wire::Timestamp::from_nanoseconds(i64::MIN)), "1677-09-21T00:12:43.145224192Z");
        check(span(Some("2026-01-01T10:00:00.5Z"), Some("2026-01-01T10:02:00.0Z")), "10:00:00–10:02:00");
        check(span(Some("2026-01-01T10:00:00.5Z"), Some("2026-01-01T10:00:00.9Z")), "10:00:00");
        check(
            span(Some("2026-01-01T23:00:00Z"), Some("2026-01-02T01:00:00Z")),
            "2026-01-01 23:00:00–2026-01-02 01:00:00",
        );
        check(span(None, None), "");
        check(
            tally(&BTreeMap::from([("refused".into(), 1), ("filtered".into(), 3), ("cut".into(), 0)])),
            "3 filtered, 1 refused",
        );
    }
}
