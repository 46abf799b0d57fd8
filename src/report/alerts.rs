//! What changed in, what is told out: each finding once and again when it is due, and a flood of them
//! as one event that says how many. Pure: time is whatever the caller counts from its start.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::events::{Event, IDS_TOLD, What};
use crate::audit::{Audit, Finding};

/// How findings are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// A finding that still holds after this time is told again.
    pub renew: Duration,
    /// So many findings may be told one by one within [`Options::within`]; further ones are one event.
    pub most: usize,
    /// See [`Options::most`].
    pub within: Duration,
}

/// An event, and whether somebody is to be alerted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The event.
    pub event: Event,
    /// Whether it is an alert, and not only a change.
    pub alert: bool,
}

/// What was told so far.
#[derive(Debug)]
pub struct Alerts {
    options: Options,
    /// When each finding was told last, by its id.
    told: BTreeMap<String, Duration>,
    /// When findings came, within the time that counts.
    recent: VecDeque<Duration>,
    held: Vec<Finding>,
    /// When the first of `held` came.
    since: Duration,
}

impl Alerts {
    /// Nothing told yet.
    #[must_use]
    pub const fn new(options: Options) -> Self {
        Self { options, told: BTreeMap::new(), recent: VecDeque::new(), held: Vec::new(), since: Duration::ZERO }
    }

    /// Sorts what changed at `now` into what is told at once and what is held for [`Alerts::due`]. A
    /// finding that comes and goes is an alert once within the time of renewal.
    pub fn take(&mut self, changes: Vec<Event>, now: Duration) -> Vec<Told> {
        changes.into_iter().filter_map(|event| self.sort(event, now)).collect()
    }

    /// What is to be told at `now` without anything having changed: findings of `audit` that are due
    /// again, and a flood that has lasted long enough.
    pub fn due(&mut self, audit: &Audit, now: Duration) -> Vec<Told> {
        let mut told = Vec::new();
        let again = |at: &Duration| now.saturating_sub(*at) >= self.options.renew;
        if self.told.values().any(again) {
            let holds = |id: &String| audit.findings.iter().any(|finding| finding.id == *id);
            let old: Vec<String> = self.told.iter().filter(|(_, at)| again(at)).map(|(id, _)| id.clone()).collect();
            // Those that hold no longer and would be an alert if they came again are forgotten.
            self.told.retain(|id, at| !again(at) || holds(id));
            for finding in audit.findings.iter().filter(|finding| old.contains(&finding.id)) {
                let what = What::Renewed { finding: Box::new(finding.clone()) };
                told.extend(self.admit(finding, Event::at(audit, what), now));
            }
        }
        if !self.held.is_empty() && now.saturating_sub(self.since) >= self.options.within {
            told.push(self.flood(audit, now));
        }
        told
    }

    /// What is still held, when the watch ends at `now`.
    pub fn finish(&mut self, audit: &Audit, now: Duration) -> Option<Told> {
        (!self.held.is_empty()).then(|| self.flood(audit, now))
    }

    fn sort(&mut self, event: Event, now: Duration) -> Option<Told> {
        match &event.what {
            What::Finding { finding } => {
                let fresh = self.told.get(&finding.id).is_none_or(|at| now.saturating_sub(*at) >= self.options.renew);
                let finding = finding.as_ref().clone();
                if fresh { self.admit(&finding, event, now) } else { Some(Told { event, alert: false }) }
            }
            What::Settled { finding } => {
                // What nobody was told of needs no end.
                let before = self.held.len();
                self.held.retain(|held| held.id != finding.id);
                if self.held.len() < before {
                    self.told.remove(&finding.id);
                    return None;
                }
                Some(Told { event, alert: false })
            }
            What::Start { .. }
            | What::Row { .. }
            | What::Renewed { .. }
            | What::Flood { .. }
            | What::Loss { .. }
            | What::Reloaded { .. }
            | What::Link { .. }
            | What::Clock { .. }
            | What::End { .. } => Some(Told { event, alert: false }),
        }
    }

    /// An alert for `finding`, unless there were too many.
    fn admit(&mut self, finding: &Finding, event: Event, now: Duration) -> Option<Told> {
        self.told.insert(finding.id.clone(), now);
        while self.recent.front().is_some_and(|at| now.saturating_sub(*at) >= self.options.within) {
            self.recent.pop_front();
        }
        let flooded = self.recent.len() >= self.options.most || !self.held.is_empty();
        if self.recent.len() < self.options.most {
            self.recent.push_back(now);
        }
        if !flooded {
            return Some(Told { event, alert: true });
        }
        if self.held.is_empty() {
            self.since = now;
        }
        self.held.push(finding.clone());
        None
    }

    fn flood(&mut self, audit: &Audit, now: Duration) -> Told {
        let held = std::mem::take(&mut self.held);
        let mut severities: BTreeMap<String, u64> = BTreeMap::new();
        for finding in &held {
            let number = severities.entry(finding.severity.clone()).or_default();
            *number = number.saturating_add(1);
        }
        let findings = u64::try_from(held.len()).unwrap_or(u64::MAX);
        let ids = held.into_iter().take(IDS_TOLD).map(|finding| finding.id).collect();
        let seconds = now.saturating_sub(self.since).as_secs();
        Told { event: Event::at(audit, What::Flood { findings, seconds, severities, ids }), alert: true }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::events::between;

    const OPTIONS: Options = Options { renew: Duration::from_secs(100), most: 3, within: Duration::from_secs(10) };

    /// Audits whose findings have these ids, each at a second; what is told as `kind id` or
    /// `flood number`, alerts with a `!`.
    fn check(steps: &[(u64, &[&str])], expected: &[&str]) {
        let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/findings.json");
        let mut audit: Audit = serde_json::from_slice(&std::fs::read(golden).unwrap()).unwrap();
        let model = audit.findings[0].clone();
        audit.findings.clear();
        let mut alerts = Alerts::new(OPTIONS);
        let mut told = Vec::new();
        let mut end = Duration::ZERO;
        for (at, ids) in steps {
            end = Duration::from_secs(*at);
            let mut after = audit.clone();
            after.findings = ids.iter().map(|id| Finding { id: (*id).to_owned(), ..model.clone() }).collect();
            told.extend(alerts.take(between(&audit, &after), end));
            told.extend(alerts.due(&after, end));
            audit = after;
        }
        told.extend(alerts.finish(&audit, end));
        let words: Vec<String> = told.iter().map(word).collect();
        assert_eq!(words, expected, "{steps:?}");
        assert!(alerts.told.len() <= 26 && alerts.recent.len() <= OPTIONS.most);
    }

    fn word(told: &Told) -> String {
        let mark = if told.alert { "!" } else { "" };
        match &told.event.what {
            What::Finding { finding } => format!("new {}{mark}", finding.id),
            What::Renewed { finding } => format!("renewed {}{mark}", finding.id),
            What::Settled { finding } => format!("settled {}{mark}", finding.id),
            What::Flood { findings, seconds, ids, .. } => {
                format!("flood {findings} {seconds}s {}{mark}", ids.join(","))
            }
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn each_once_and_again_when_due() {
        check(&[(0, &["a"]), (1, &["a"]), (99, &["a"])], &["new a!"]);
        check(&[(0, &["a"]), (100, &["a"]), (150, &["a"]), (200, &["a"])], &["new a!", "renewed a!", "renewed a!"]);
        check(&[(0, &["a"]), (5, &[]), (9, &["a"])], &["new a!", "settled a", "new a"]);
        check(&[(0, &["a"]), (5, &[]), (150, &[]), (151, &["a"])], &["new a!", "settled a", "new a!"]);
        check(&[(0, &["a"]), (5, &[]), (9, &["a"]), (100, &["a"])], &["new a!", "settled a", "new a", "renewed a!"]);
    }

    #[test]
    fn a_flood_is_one_alert() {
        let (three, six) = (&["a", "b", "c"][..], &["a", "b", "c", "d", "e", "f"][..]);
        check(&[(0, three), (20, six)], &["new a!", "new b!", "new c!", "new d!", "new e!", "new f!"]);
        check(&[(0, six), (9, six), (10, six)], &["new a!", "new b!", "new c!", "flood 3 10s d,e,f!"]);
        check(&[(0, three), (9, six)], &["new a!", "new b!", "new c!", "flood 3 0s d,e,f!"]);
        check(&[(0, six), (1, three)], &["new a!", "new b!", "new c!"]);
        // What is due again at one time is a flood too.
        let all = &["new a!", "new b!", "new c!", "flood 3 10s d,e,f!", "renewed a!", "renewed b!", "renewed c!"];
        check(
            &[(0, six), (10, six), (105, three)],
            &[&all[..4], &["settled d", "settled e", "settled f"], &all[4..]].concat(),
        );
        // One that goes on: every later window is one alert, not three more.
        let many = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
        check(
            &[(0, &many[..4]), (8, &many[..6]), (11, &many[..8]), (18, &many[..10]), (28, &many)],
            &["new a!", "new b!", "new c!", "flood 5 11s d,e,f,g,h!", "new i!", "flood 1 10s j!"],
        );
    }
}
