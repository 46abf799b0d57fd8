//! What was seen against what is documented: [`judge`] gives every flow its verdict and every row
//! its status. Pure: no files, no clock, no packets.

mod attributions;
mod continuity;
mod declared;
mod diff;
mod errors;
mod evidence;
mod explain;
mod findings;
mod grade;
mod group;
mod judge;
mod known;
mod lookups;
mod model;
mod names;
mod nearest;
mod next;
mod own_names;
mod payload;
mod per_flow;
mod precedents;
mod quality;
mod relays;
mod rows;
mod rpc;
mod scope;
mod suggest;
mod sums;
mod tally;
mod terms;
#[cfg(test)]
mod tests;
mod time;
mod verdict;
mod waivers;
mod words;

pub use diff::{Diff, Fate, FindingChange, RowChange, Side};
pub use explain::{Cell, Change, ConsideredRow, Documents, Explanation, explain};
pub use judge::{Judged, judge};
pub use model::{
    Answer, AtomResult, Audit, ClockStepEntry, EvidenceRef, Finding, FirewallRequest, Fitting, FlowVerdict, HostsEntry,
    InputEntry, InterfaceEntry, Kind, LossWindow, NameEntry, NextStep, OutageEntry, PackEntry, PeerResult, PortEntry,
    Quality, Redaction, RowResult, RowStatus, SiteEntry, SmallestRule, Tool, Totals, Verdict, WaiverResult,
};
pub use per_flow::PerFlow;
pub use quality::check_identity;
pub use suggest::{Strength, Subject, SuggestedFeature, SuggestedPlayer, SuggestedRole, Suggestion, suggest};

use crate::flow::Conversation;
use crate::ledger::Observation;
use crate::matrix::{Facts, Match, Matrix, RoleId, RowId};
use crate::wire::Transport;

/// The one door to the matrix: every atom that fits these facts.
fn matches(matrix: &Matrix, facts: &Facts<'_>) -> Vec<Match> {
    let mut found = Vec::new();
    matrix.matches(facts, &mut found);
    found
}

/// Whether a row belongs to an audited pack.
fn is_audited(matrix: &Matrix, row: RowId) -> bool {
    let pack = matrix.row(row).and_then(|row| matrix.packs.get(row.pack));
    pack.is_some_and(|pack| pack.audited)
}

/// Titles of roles as one phrase; no role means anybody.
fn role_words(matrix: &Matrix, roles: &[RoleId]) -> String {
    let titles: Vec<&str> =
        roles.iter().filter_map(|role| matrix.role(*role)).map(|role| role.title.as_str()).collect();
    if titles.is_empty() { words::ANYBODY.to_owned() } else { titles.join(" or ") }
}

/// Nanoseconds from the first to the last packet.
fn span(observation: &Observation) -> i64 {
    observation.first.zip(observation.last).map_or(0, |(first, last)| last.since(first))
}

const fn is_icmp(transport: Transport) -> bool {
    matches!(transport, Transport::ICMP | Transport::ICMP6)
}

/// How many flows these stand for.
fn weight<'flow>(flows: impl IntoIterator<Item = &'flow Conversation>) -> u64 {
    flows.into_iter().fold(0, |sum, flow| sum.saturating_add(flow.weight()))
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
