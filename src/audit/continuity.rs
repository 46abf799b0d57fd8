//! What an observation says of losses, outages and clocks in, two things out: how long the capture
//! looked without a break, which is what silence is measured by, and the times as reports show them.

use serde::{Deserialize, Serialize};

use super::time;
use crate::flow::Conversation;
use crate::ledger::{Losses, Lost, Observation};
use crate::wire::Timestamp;

/// What was lost between two moments: within these no row is called missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LossWindow {
    /// From this time on.
    pub from: String,
    /// Before this time.
    pub until: String,
    /// Packets for which the kernel had no room.
    pub kernel_drops: u64,
    /// Packets that the interface itself could not take.
    pub interface_drops: u64,
    /// Acknowledged payload bytes that are not in the capture.
    pub missed_bytes: u64,
}

/// A time in which an interface was down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutageEntry {
    /// Its name.
    pub interface: String,
    /// When it was first seen down.
    pub from: String,
    /// When it was seen up again; `null` while it is down.
    pub until: Option<String>,
}

/// A clock that was set while it stamped packets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockStepEntry {
    /// What it showed before, and had to show next.
    pub before: String,
    /// What it showed in place of that.
    pub after: String,
    /// Seconds by which it was set forward, as decimal text; negative when backward.
    pub seconds: String,
}

/// How long a capture looked without a break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Attention {
    /// Nanoseconds of the longest time without a break.
    pub(super) longest: i64,
    /// Whether there was none from the first packet to the last.
    pub(super) unbroken: bool,
}

/// The longest time in which nothing is known to have been missed.
pub(super) fn attention(observation: &Observation, losses: &Losses) -> Attention {
    let (Some(first), Some(last)) = (observation.first, observation.last) else {
        return Attention { longest: 0, unbroken: false };
    };
    if is_untimed(observation) {
        return Attention { longest: 0, unbroken: false };
    }
    let outages = observation.inputs.iter().flat_map(|input| &input.outages);
    let mut breaks: Vec<(Timestamp, Timestamp)> = losses
        .windows()
        .map(|(from, until, _)| (from, until))
        .chain(outages.map(|outage| (outage.from, outage.until.unwrap_or(last))))
        .chain(observation.clock_steps.iter().map(|step| step.doubtful()))
        .collect();
    breaks.sort_unstable();
    let (mut longest, mut from, mut unbroken) = (0, first, true);
    for (start, end) in breaks {
        // A break behind the last packet tells of a time that the capture does not reach.
        if start > last || end < first {
            continue;
        }
        unbroken = false;
        longest = longest.max(start.since(from));
        from = from.max(end);
    }
    Attention { longest: longest.max(last.since(from)), unbroken }
}

/// Whether packets were lost and nobody says when.
fn is_untimed(observation: &Observation) -> bool {
    let timed = |losses: &Losses| {
        losses.windows().fold(0u64, |sum, (.., lost)| sum.saturating_add(lost.kernel).saturating_add(lost.interface))
    };
    observation.inputs.iter().any(|input| input.reported_drops > timed(&input.losses))
}

/// Lost packets by their minute, as the inputs say.
pub(super) fn told(observation: &Observation) -> Losses {
    let mut losses = Losses::default();
    observation.inputs.iter().for_each(|input| losses.extend(&input.losses));
    losses
}

/// Adds bytes that were acknowledged and never seen, which were lost somewhen during their flow.
pub(super) fn unseen(losses: &mut Losses, flow: &Conversation) {
    if flow.missed() > 0 {
        losses.add(flow.first, flow.last, Lost { unseen: flow.missed(), ..Lost::default() });
    }
}

/// The times with losses, as reports show them.
pub(super) fn windows(losses: &Losses) -> Vec<LossWindow> {
    let window = |(from, until, lost): (Timestamp, Timestamp, Lost)| LossWindow {
        from: time::text(from),
        until: time::text(until),
        kernel_drops: lost.kernel,
        interface_drops: lost.interface,
        missed_bytes: lost.unseen,
    };
    losses.windows().map(window).collect()
}

/// The times in which interfaces were down, as reports show them.
pub(super) fn outages(observation: &Observation) -> Vec<OutageEntry> {
    let of = |input: &crate::ledger::Input| {
        let entry = |outage: &crate::ledger::Outage| OutageEntry {
            interface: input.path.clone(),
            from: time::text(outage.from),
            until: outage.until.map(time::text),
        };
        input.outages.iter().map(entry).collect::<Vec<_>>()
    };
    observation.inputs.iter().flat_map(of).collect()
}

/// The settings of clocks, as reports show them.
pub(super) fn clock_steps(observation: &Observation) -> Vec<ClockStepEntry> {
    let entry = |step: &crate::ledger::ClockStep| ClockStepEntry {
        before: time::text(step.before),
        after: time::text(step.after),
        seconds: time::seconds(step.by()),
    };
    observation.clock_steps.iter().map(entry).collect()
}
