//! Flows that are alike in all that a judge looks at get one judgement: strangers come in thousands and in
//! few kinds. Where names or announced ports play a part, each flow is judged by itself.

use std::cell::RefCell;
use std::collections::HashMap;

use super::grade::Pen;
use super::nearest::Likeness;
use super::verdict::{Case, Evidence, Judgement};
use super::{names, payload};
use crate::dissect::Payload;
use crate::flow::{DirectionBasis, Outcome};
use crate::matrix::{Matrix, Standing};

/// Judgements by kind of flow.
#[derive(Default)]
pub(super) struct Precedents(RefCell<HashMap<Traits, Judgement, foldhash::fast::RandomState>>);

/// All that decides a judgement where nobody bears a name.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Traits {
    likeness: Likeness,
    direction_basis: DirectionBasis,
    outcome: Outcome,
    bytes: Bytes,
    /// Ambiguous, truncated, payload missed, payload sent, enough payload to tell.
    signs: [bool; 5],
    /// Whether the site lists the ends as hosts, where that matters.
    listed: [bool; 2],
}

/// How far the payload is known; which application it is stands in the likeness.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Bytes {
    None,
    NotCaptured,
    NotRecognised,
    Recognised,
}

impl Precedents {
    /// The judgement of a flow like this one, or else that of `judge`.
    pub(super) fn follow(&self, evidence: &Evidence<'_>, case: &Case<'_>, judge: impl Fn() -> Judgement) -> Judgement {
        let Some(kind) = Traits::of(evidence, case) else { return judge() };
        if let Some(precedent) = self.0.borrow().get(&kind) {
            debug_assert_eq!(precedent, &judge(), "two flows that were alike");
            return precedent.clone();
        }
        let judgement = judge();
        if !asks_announcements(evidence.matrix, case) {
            self.0.borrow_mut().insert(kind, judgement.clone());
        }
        judgement
    }
}

impl Traits {
    /// `None` where names play a part, or somebody reads the reason.
    fn of(evidence: &Evidence<'_>, case: &Case<'_>) -> Option<Self> {
        let (flow, facts) = (case.flow, &case.facts);
        let nameless = facts.originator.names.is_empty() && facts.responder.names.is_empty();
        let (client, server) = (facts.originator.address, facts.responder.address);
        let hinted = || evidence.names.heard_of(server).next().is_some();
        let cut = || evidence.names.cut_for(client, flow.first).next().is_some();
        if case.pen == Pen::Writes || !nameless || hinted() || cut() {
            return None;
        }
        let bytes = match &flow.payload {
            Payload::None => Bytes::None,
            Payload::NotCaptured => Bytes::NotCaptured,
            Payload::NotRecognised => Bytes::NotRecognised,
            Payload::Recognised(recognised) if recognised.claims.is_empty() => Bytes::Recognised,
            Payload::Recognised(_) => return None,
        };
        let matters = payload::hides_name(flow) || evidence.has_unbound;
        let listed = |address| matters && names::is_listed_host(evidence.matrix, address);
        Some(Self {
            likeness: Likeness::of(evidence.matrix, case)?,
            direction_basis: flow.direction_basis,
            outcome: flow.outcome,
            bytes,
            signs: [flow.ambiguous, flow.truncated, flow.missed > 0, flow.sent.payload > 0, payload::is_telling(flow)],
            listed: [listed(client), listed(server)],
        })
    }
}

/// Whether an atom fits that is believed only where its port was announced, which is a matter of addresses
/// and times.
fn asks_announcements(matrix: &Matrix, case: &Case<'_>) -> bool {
    let announced = |found: &crate::matrix::Match| matrix.atom(found.atom).is_some_and(|atom| atom.announced);
    super::matches(matrix, &case.facts).iter().any(announced)
}

/// Whether an audited row waits for somebody to play a role.
pub(super) fn has_unbound(matrix: &Matrix) -> bool {
    matrix.rows.iter().any(|row| matches!(row.standing, Standing::Unbound(_)))
}
