//! Rows that go by name and saw no connection: was the name asked for, and what came back? A name
//! that fails is another fault than a port that is blocked.

use super::model::RowStatus;
use super::words;
use crate::ledger::{Observation, Resolution, ResolutionResult};
use crate::matrix::{Matrix, Peer, Row, name_matches};

/// An answer that nobody follows for this long, in nanoseconds, was asked for in vain.
const UNUSED_AFTER: i64 = 30 * 1_000_000_000;
/// A question older than this at the end of the capture, in nanoseconds, went unanswered.
const UNANSWERED_AFTER: i64 = 5 * 1_000_000_000;
/// DNS type A (RFC 1035).
const A: u16 = 1;
/// DNS type AAAA (RFC 3596).
const AAAA: u16 = 28;

/// What the look-ups say of a row that nobody connected for; `None` when its name was never asked.
pub(super) fn assess(matrix: &Matrix, observation: &Observation, row: &Row) -> Option<(RowStatus, String)> {
    let asked: Vec<&Resolution> =
        observation.resolutions.iter().filter(|question| concerns(matrix, row, question)).collect();
    let end = observation.last?;
    if let Some(answered) = asked.iter().rev().find(|q| q.result == ResolutionResult::Resolved) {
        let waited = end.since(answered.asked);
        let status = if waited >= UNUSED_AFTER { RowStatus::NameFailed } else { RowStatus::NotYet };
        return Some((status, words::never_contacted(answered)));
    }
    if let Some(cut) = asked.iter().rev().find(|q| q.result == ResolutionResult::Cut) {
        return Some((RowStatus::NotYet, words::answer_cut(cut)));
    }
    let failed = asked.iter().rev().find(|question| match question.result {
        ResolutionResult::Failed(_) | ResolutionResult::Conflicting => true,
        ResolutionResult::Empty => question.kind == A,
        ResolutionResult::Unanswered => end.since(question.asked) >= UNANSWERED_AFTER,
        ResolutionResult::Resolved | ResolutionResult::Cut => false,
    });
    failed.map(|question| (RowStatus::NameFailed, words::look_up_failed(question)))
}

/// Whether a player of the row's `from` asked for an address of a name in its `to`.
fn concerns(matrix: &Matrix, row: &Row, question: &Resolution) -> bool {
    let client = Peer { address: question.client, names: &[] };
    let from = row.from.is_empty() || row.from.iter().any(|role| matrix.plays(&client, *role).is_some());
    let mut names = row.to.iter().filter_map(|role| matrix.role(*role)).flat_map(|role| &role.names);
    from && matches!(question.kind, A | AAAA) && names.any(|pattern| name_matches(pattern, &question.name))
}
