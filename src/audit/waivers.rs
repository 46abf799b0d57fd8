//! The site's waivers: which one covers a flow that no row explains, and whether it still held.

use super::model::Verdict;
use super::verdict::{Case, Judgement};
use super::words;
use crate::matrix::{Matrix, Waiver, name_matches};

/// A waiver that fits a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Hit {
    /// It held: index into the waivers of the matrix.
    Held(usize),
    /// It had expired when the flow was seen.
    Expired(usize),
}

/// Waives the flow, or notes the waiver that came too late.
pub(super) fn apply(matrix: &Matrix, case: &Case<'_>, judgement: &mut Judgement) {
    match judgement.verdict.verdict {
        Verdict::Expected | Verdict::Baseline | Verdict::Waived | Verdict::OutOfScope => return,
        Verdict::Mismatched | Verdict::Unexpected | Verdict::Unresolved => {}
    }
    let fitting = || matrix.waivers.iter().enumerate().filter(|(_, waiver)| fits(waiver, case));
    let held = fitting().find(|(_, waiver)| waiver.until.is_none_or(|until| case.flow.first < until));
    if let Some((index, waiver)) = held {
        judgement.verdict.verdict = Verdict::Waived;
        judgement.verdict.kind = None;
        judgement.explain(case.pen.write(|| words::waived(&waiver.reason, &waiver.owner)));
        judgement.waiver = Some(Hit::Held(index));
    } else if let Some((index, _)) = fitting().next() {
        judgement.waiver = Some(Hit::Expired(index));
    }
}

/// A waiver by name takes only names that DNS gave: a claim alone must not waive itself.
fn fits(waiver: &Waiver, case: &Case<'_>) -> bool {
    let flow = case.flow;
    let anybody = waiver.to.is_empty() && waiver.to_names.is_empty();
    let by_address = waiver.to.iter().any(|range| range.contains(&flow.responder().address));
    let mut names = case.borne.bound.iter().map(|binding| binding.name.as_str());
    let by_name = names.any(|name| waiver.to_names.iter().any(|pattern| name_matches(pattern, name)));
    waiver.transport == flow.transport
        && waiver.ports.contains(flow.responder().port)
        && waiver.from.iter().any(|range| range.contains(&flow.originator().address))
        && (anybody || by_address || by_name)
}
