//! Flows that are alike in all that a judge looks at get one judgement: strangers come in thousands and in
//! few kinds. Where names or announced ports play a part, each flow is judged by itself.

use std::cell::RefCell;
use std::collections::HashMap;

use super::grade::Pen;
use super::nearest::Likeness;
use super::payload;
use super::verdict::{Case, Evidence, Judgement};
use crate::dissect::Payload;
use crate::matrix::{Match, Matrix};

/// Judgements by kind of flow.
#[derive(Default)]
pub(super) struct Precedents(RefCell<HashMap<Traits, Judgement, foldhash::fast::RandomState>>);

/// All that decides a judgement where nobody bears a name.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Traits {
    likeness: Likeness,
    /// How the direction is known, how it went, how far the payload is known, and a bit for each of the rest.
    course: u32,
}

impl Precedents {
    /// The judgement of a flow like this one, or else that of `judge`.
    pub(super) fn follow(&self, evidence: &Evidence<'_>, case: &Case<'_>, judge: impl Fn() -> Judgement) -> Judgement {
        let Some(traits) = Traits::of(evidence, case) else { return judge() };
        if let Some(precedent) = self.0.borrow().get(&traits) {
            debug_assert_eq!(precedent, &judge(), "two flows that were alike");
            return precedent.clone();
        }
        let judgement = judge();
        if !asks_announcements(evidence.matrix, case) {
            self.0.borrow_mut().insert(traits, judgement.clone());
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
        let payload = match &*flow.payload {
            Payload::None => 0,
            Payload::NotCaptured => 1,
            Payload::NotRecognised => 2,
            Payload::Recognised(recognised) if recognised.claims.is_empty() => 3,
            Payload::Recognised(_) => return None,
        };
        let told = [flow.sent.payload > 0, payload::is_telling(flow), flow.is_mute()];
        let hidden = [payload::may_name_further(flow), server.is_multicast()];
        let signs = [flow.is_ambiguous(), flow.is_truncated(), flow.missed() > 0].into_iter().chain(told).chain(hidden);
        let signs = signs.fold(0, |bits, sign| bits << 1 | u8::from(sign));
        Some(Self {
            likeness: Likeness::of(evidence.matrix, case)?,
            course: u32::from_be_bytes([flow.direction_basis as u8, flow.outcome as u8, payload, signs]),
        })
    }
}

/// Whether an atom fits that is believed only where its port was announced, which is a matter of addresses
/// and times.
fn asks_announcements(matrix: &Matrix, case: &Case<'_>) -> bool {
    let announced = |found: &Match| matrix.atom(found.atom).is_some_and(|atom| atom.announced);
    super::matches(matrix, &case.facts).iter().any(announced)
}
