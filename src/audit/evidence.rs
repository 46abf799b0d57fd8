//! Flows in, the packets that a statement rests on out: the first few frames, in order.

use crate::audit::model::EvidenceRef;
use crate::flow::Conversation;
use crate::ledger::Observation;
use crate::wire::FrameRef;

/// Frames shown for one statement.
const FRAMES_SHOWN: usize = 8;

/// The first frames of these flows, those in which they state a name, and those that decided how they went.
pub(super) fn of<'audit>(
    observation: &Observation,
    flows: impl IntoIterator<Item = &'audit Conversation>,
) -> Vec<EvidenceRef> {
    let decisive = |flow: &Conversation| {
        [Some(flow.first_frame), flow.claimed(), flow.decided(), flow.icmp().map(|icmp| icmp.frame)]
    };
    let frames = flows.into_iter().take(FRAMES_SHOWN).flat_map(decisive).flatten();
    frames_of(observation, frames)
}

/// These frames, sorted, each once.
pub(super) fn frames_of(observation: &Observation, frames: impl Iterator<Item = FrameRef>) -> Vec<EvidenceRef> {
    let mut frames: Vec<FrameRef> = frames.collect();
    frames.sort_unstable();
    frames.dedup();
    frames.truncate(FRAMES_SHOWN);
    frames.into_iter().map(|frame| named(observation, frame)).collect()
}

fn named(observation: &Observation, frame: FrameRef) -> EvidenceRef {
    let input = usize::try_from(frame.input).ok().and_then(|index| observation.inputs.get(index));
    EvidenceRef { file: input.map(|input| input.path.clone()).unwrap_or_default(), frame: frame.number }
}
