//! Two audits of one growing capture in, what changed between them out: rows that came out
//! differently, findings that are new or no longer hold. As lines for a person and as JSON lines
//! (schema in `src/report/schema/`). Pure: the time of a change is that of the latest packet.

use std::collections::BTreeMap;

use serde::Serialize;

use super::escape;
use crate::audit::{Audit, ClockStepEntry, Finding, OutageEntry, RowResult, RowStatus};

/// Version of the form of an event.
pub const VERSION: &str = "flowaudit/event/1";

/// Ids that a [`What::Flood`] names at most.
pub const IDS_TOLD: usize = 100;

/// Something that a watcher wants to know at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Event {
    /// Version of this form: `flowaudit/event/1`.
    pub schema: &'static str,
    /// Time of the latest packet, RFC 3339 in UTC; `null` before the first.
    pub time: Option<String>,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum What {
    /// The watch begins.
    Start {
        /// Names of the interfaces.
        interfaces: Vec<String>,
    },
    /// A row comes out differently.
    Row {
        /// `AMS-05`.
        row: String,
        /// How it came out before.
        from: RowStatus,
        /// How it comes out now.
        to: RowStatus,
        /// Why, in one sentence.
        reason: String,
    },
    /// A finding is new.
    Finding {
        /// The finding, as in the audit.
        finding: Box<Finding>,
    },
    /// A finding that was told long ago still holds.
    Renewed {
        /// The finding, as in the audit.
        finding: Box<Finding>,
    },
    /// More findings came, or were due to be told again, than anybody reads one by one.
    Flood {
        /// How many.
        findings: u64,
        /// Within how many seconds.
        seconds: u64,
        /// How many of each severity.
        severities: BTreeMap<String, u64>,
        /// Their ids, the first [`IDS_TOLD`] of them.
        ids: Vec<String>,
    },
    /// A finding no longer holds.
    Settled {
        /// The finding, as it was.
        finding: Box<Finding>,
    },
    /// More packets were lost.
    Loss {
        /// Packets that the capturing system has lost so far.
        lost: u64,
    },
    /// Site and packs were read again.
    Reloaded {
        /// SHA-256 of the site file in force.
        sha256: Option<String>,
        /// What was wrong with them; those that were in force before then stay.
        fault: Option<String>,
    },
    /// An interface went down, or came up again.
    Link {
        /// Its name.
        interface: String,
        /// Whether it is up now.
        up: bool,
        /// When that was noticed, RFC 3339 in UTC.
        at: String,
    },
    /// A clock was set.
    Clock {
        /// What it showed before.
        before: String,
        /// What it showed in place of that.
        after: String,
        /// Seconds by which it was set forward, as decimal text; negative when backward.
        seconds: String,
    },
    /// The watch ends.
    End {
        /// The exit code.
        exit: u8,
        /// The answer as one line for a person.
        headline: String,
    },
}

impl What {
    /// The word for it when it alerts somebody; `None` for what only goes to the log of events.
    #[must_use]
    pub const fn alert(&self) -> Option<&'static str> {
        match self {
            Self::Finding { .. } => Some("finding"),
            Self::Renewed { .. } => Some("renewed"),
            Self::Flood { .. } => Some("flood"),
            Self::Start { .. }
            | Self::Row { .. }
            | Self::Settled { .. }
            | Self::Loss { .. }
            | Self::Reloaded { .. }
            | Self::Link { .. }
            | Self::Clock { .. }
            | Self::End { .. } => None,
        }
    }
}

/// What changed from `before` to `after`, in the order of the document, then of the findings.
#[must_use]
pub fn between(before: &Audit, after: &Audit) -> Vec<Event> {
    let old = |row: &RowResult| before.rows.iter().find(|old| old.id == row.id && old.pack == row.pack);
    let mut changes: Vec<What> = Vec::new();
    for row in &after.rows {
        if let Some(old) = old(row).filter(|old| old.status != row.status) {
            changes.push(What::Row {
                row: row.id.clone(),
                from: old.status,
                to: row.status,
                reason: row.reason.clone(),
            });
        }
    }
    let only_in = |these: &Audit, others: &Audit| -> Vec<Box<Finding>> {
        let known = |finding: &&Finding| others.findings.iter().any(|other| other.id == finding.id);
        these.findings.iter().filter(|finding| !known(finding)).cloned().map(Box::new).collect()
    };
    changes.extend(only_in(after, before).into_iter().map(|finding| What::Finding { finding }));
    changes.extend(only_in(before, after).into_iter().map(|finding| What::Settled { finding }));
    if after.quality.drops > before.quality.drops {
        changes.push(What::Loss { lost: after.quality.drops });
    }
    changes.extend(links(before, after));
    let steps = after.quality.clock_steps.iter().filter(|step| !before.quality.clock_steps.contains(step));
    changes.extend(steps.cloned().map(|ClockStepEntry { before, after, seconds }| What::Clock {
        before,
        after,
        seconds,
    }));
    changes.into_iter().map(|what| Event::at(after, what)).collect()
}

/// Interfaces that went down or came up again, in that order.
fn links(before: &Audit, after: &Audit) -> Vec<What> {
    let mut changes = Vec::new();
    for outage in after.quality.outages.iter().filter(|outage| !before.quality.outages.contains(outage)) {
        let same = |old: &&OutageEntry| old.interface == outage.interface && old.from == outage.from;
        let interface = || outage.interface.clone();
        if !before.quality.outages.iter().any(|old| same(&old)) {
            changes.push(What::Link { interface: interface(), up: false, at: outage.from.clone() });
        }
        if let Some(until) = &outage.until {
            changes.push(What::Link { interface: interface(), up: true, at: until.clone() });
        }
    }
    changes
}

impl Event {
    /// Something that happened when `audit` stood as it does.
    #[must_use]
    pub fn at(audit: &Audit, what: What) -> Self {
        Self { schema: VERSION, time: audit.quality.last.clone(), what }
    }

    /// The event as one line for a person, without its line end and without anything hostile.
    #[must_use]
    pub fn line(&self) -> String {
        // What happens to a link or a clock happens between packets.
        let time = match &self.what {
            What::Link { at, .. } => Some(at),
            What::Clock { after, .. } => Some(after),
            _ => self.time.as_ref(),
        };
        let time = time.and_then(|time| time.split_once('.')).map_or("-", |(time, _)| time);
        let what = match &self.what {
            What::Start { interfaces } => format!("watching {}", interfaces.join(", ")),
            What::Row { row, from, to, reason } => format!("{row} {} -> {}: {reason}", from.name(), to.name()),
            What::Finding { finding } => {
                format!("finding {} {}: {}", finding.id, finding.severity, finding.summary)
            }
            What::Renewed { finding } => {
                format!("still finding {} {}: {}", finding.id, finding.severity, finding.summary)
            }
            What::Flood { findings, seconds, severities, .. } => {
                let of: Vec<String> = severities.iter().map(|(name, number)| format!("{number} {name}")).collect();
                let number = super::words::count(*findings, "finding");
                format!("{number} within {seconds} s ({}), told as one", of.join(", "))
            }
            What::Settled { finding } => format!("settled {}: {}", finding.id, finding.summary),
            What::Loss { lost } => format!("lost {}", super::words::count(*lost, "packet")),
            What::Reloaded { sha256, fault } => match (fault, sha256) {
                (Some(fault), _) => format!("site and packs stay as they were: {fault}"),
                (None, Some(sha256)) => format!("site and packs were read again: site file {sha256}"),
                (None, None) => "packs were read again".to_owned(),
            },
            What::Link { interface, up, .. } => format!("{interface} is {}", if *up { "up again" } else { "down" }),
            What::Clock { seconds, .. } => format!("the clock was set by {seconds} s"),
            What::End { exit, headline } => format!("end, exit {exit}: {headline}"),
        };
        escape::terminal(&format!("{time} {what}")).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::super::schema;
    use super::*;

    fn audit() -> Audit {
        let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/findings.json");
        serde_json::from_slice(&std::fs::read(golden).unwrap()).unwrap()
    }

    /// What is told when `change` happens to an audit; each event has the form of the schema.
    fn check(change: impl FnOnce(&mut Audit), expected: &[&str]) {
        let before = audit();
        let mut after = before.clone();
        after.quality.last = Some("2026-11-22T10:00:01.500000000Z".to_owned());
        change(&mut after);
        let events = between(&before, &after);
        let lines: Vec<String> = events.iter().map(Event::line).collect();
        assert_eq!(lines.len(), expected.len(), "{lines:#?}");
        for (line, part) in lines.iter().zip(expected) {
            let of_link = part.contains("is down") || part.contains("is up") || part.contains("clock");
            let time = if of_link { "2026-11-22T10:00:05 " } else { "2026-11-22T10:00:01 " };
            assert!(line.starts_with(time) && line.contains(part), "{line}");
        }
        events.iter().for_each(fits);
    }

    fn fits(event: &Event) {
        let schema: Value = serde_json::from_str(schema::EVENT).unwrap();
        let event = serde_json::to_value(event).unwrap();
        let part = &schema["$defs"][event["event"].as_str().unwrap()];
        let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
        assert_eq!(keys(&part["properties"]), keys(&event), "{event}");
        assert_eq!(part["required"].as_array().unwrap().len(), keys(&event).len());
        assert_eq!(event["schema"], part["properties"]["schema"]["const"]);
    }

    #[test]
    fn changes_are_told_once() {
        let found = audit().findings[0].id.clone();
        check(|_| {}, &[]);
        check(|audit| audit.rows[0].status = RowStatus::NameFailed, &["-> name-failed: "]);
        check(|audit| audit.rows[0].reason = "another".to_owned(), &[]);
        check(|audit| drop(audit.findings.remove(0)), &[&format!("settled {found}: ")]);
        check(
            |audit| {
                let new =
                    Finding { id: "new".to_owned(), summary: "a\x1b[2Jb".to_owned(), ..audit.findings[0].clone() };
                audit.findings.insert(0, new);
            },
            &["finding new high: a"],
        );
        check(|audit| audit.quality.drops += 3, &["lost "]);
        let outage = |until: Option<&str>| OutageEntry {
            interface: "eth\x1b0".to_owned(),
            from: "2026-11-22T10:00:05.000000000Z".to_owned(),
            until: until.map(str::to_owned),
        };
        check(|audit| audit.quality.outages.push(outage(None)), &[" is down"]);
        check(
            |audit| audit.quality.outages.push(outage(Some("2026-11-22T10:00:05.500000000Z"))),
            &["is down", "is up again"],
        );
        let step = ClockStepEntry {
            before: "2026-11-22T10:00:08.500000000Z".to_owned(),
            after: "2026-11-22T10:00:05.000000000Z".to_owned(),
            seconds: "-3.5".to_owned(),
        };
        check(|audit| audit.quality.clock_steps.push(step), &["the clock was set by -3.5 s"]);
    }

    #[test]
    fn beginning_and_end() {
        let audit = audit();
        let begin = Event::at(&audit, What::Start { interfaces: vec!["eth0".to_owned(), "\x1b]0;".to_owned()] });
        let end = Event::at(&audit, What::End { exit: 1, headline: "4 findings.".to_owned() });
        [&begin, &end].into_iter().for_each(fits);
        assert!(end.line().ends_with(" end, exit 1: 4 findings."), "{}", end.line());
        assert!(!begin.line().contains('\x1b'), "{}", begin.line());
    }
}
