//! What must hold for any observation.

use proptest::prelude::*;

use super::support::{matrix, observation};
use crate::audit::{Verdict, judge};
use crate::ledger::Observation;

/// Lines of which scenarios are drawn: knowledge and flows, honest and otherwise.
const LINES: &[&str] = &[
    "dns 10.0.0.5 10.0.0.11 graph.example 99.0.0.1 10 400",
    "dns 10.0.0.5 10.0.0.12 graph.example 99.0.0.1 5 400",
    "dns 10.0.0.5 10.0.0.11 login.example 99.0.0.1 10 400",
    "dns 10.0.0.5 10.0.0.11 login.example 99.0.0.2 10 400",
    "dns 10.0.0.5 8.8.8.8 graph.example 99.0.0.3 10 400",
    "epm 10.0.0.5 10.0.0.11 49700 10",
    "epm 10.0.0.5 10.0.0.11 49700 12",
    "ask 10.0.0.5 10.0.0.11 graph.example conflicting 10",
    "flow 10.0.0.5 99.0.0.1:443 tcp established app=tls sni=graph.example",
    "flow 10.0.0.5 99.0.0.1:443 tcp established app=tls sni=login.example",
    "flow 10.0.0.5 99.0.0.1:443 tcp established app=tls",
    "flow 10.0.0.5 99.0.0.2:443 tcp established cut-short",
    "flow 10.0.0.5 99.0.0.3:443 tcp established app=tls sni=graph.example",
    "flow 10.0.0.5 10.0.0.11:49700 tcp filtered",
    "flow 10.0.0.5 10.0.0.11:49700 tcp established app=dcerpc bind=yes",
    "flow 10.0.0.5 10.0.0.11:389 tcp established app=ldap",
    "flow 10.0.0.5 10.0.40.20:1433 tcp rejected icmp-from=10.0.0.1",
    "flow 10.0.50.66 10.0.0.5:443 tcp established app=tls",
];

fn drawn() -> impl Strategy<Value = Observation> {
    proptest::sample::subsequence(LINES, 0..=LINES.len()).prop_map(|lines| observation(&lines.join("\n"), 100))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, max_shrink_iters: 64, ..ProptestConfig::default() })]

    /// The order in which knowledge was written down does not matter.
    #[test]
    fn order_of_knowledge(seen in drawn(), turn in 0usize..8) {
        let mut turned = seen.clone();
        turned.bindings.reverse();
        turned.announcements.reverse();
        if !turned.bindings.is_empty() {
            let by = turn % turned.bindings.len();
            turned.bindings.rotate_left(by);
        }
        prop_assert_eq!(judge(&seen, &matrix()), judge(&turned, &matrix()));
    }

    /// Losing an announcement or another flow makes nothing expected that was not; losing all names
    /// does not either. (One name fewer can end an ambiguity: the capture is then another one.)
    #[test]
    fn loss_never_upgrades(seen in drawn(), which in 0usize..8) {
        let before = judge(&seen, &matrix()).flows;
        let mut fewer = seen.clone();
        fewer.bindings.clear();
        if !fewer.announcements.is_empty() {
            let index = which % fewer.announcements.len();
            fewer.announcements.remove(index);
        }
        let after = judge(&fewer, &matrix()).flows;
        for (before, after) in before.iter().zip(&after) {
            let upgraded = after.verdict == Verdict::Expected && before.verdict != Verdict::Expected;
            prop_assert!(!upgraded, "{:?} became {:?}", before, after);
        }
        if !seen.flows.is_empty() {
            let gone = which % seen.flows.len();
            let mut others = seen.clone();
            others.flows.remove(gone);
            let kept = before.iter().enumerate().filter(|(index, _)| *index != gone);
            let kept = kept.map(|(_, verdict)| verdict.clone()).collect();
            prop_assert_eq!(judge(&others, &matrix()).flows, kept);
        }
    }
}
