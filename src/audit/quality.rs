//! How far the evidence goes: counters in, quality box, gaps and the accounting identity out.

use std::collections::BTreeMap;

use super::judge::Judge;
use super::model::{Quality, RowResult, RowStatus, Verdict};
use super::sums::Sums;
use super::{continuity, time, words};
use crate::flow::Outcome;
use crate::ledger::{Counters, InputState, Observation};

/// Checks that every frame that was read is accounted for, once.
///
/// # Errors
/// Says which numbers do not add up: then the audit must not be trusted.
pub fn check_identity(counters: &Counters) -> Result<(), String> {
    let undecoded = sum(counters.undecoded.values());
    let known = [counters.decoded, counters.duplicates, undecoded].iter().try_fold(0u64, |a, b| a.checked_add(*b));
    // What is left are frames that held fragments. Whether a completed datagram is counted with
    // its last fragment or with `decoded`, they lie between the pending ones and all of them.
    let rest = known.and_then(|known| counters.frames.checked_sub(known));
    match rest {
        Some(rest) if counters.fragments_pending <= rest && rest <= counters.fragments => Ok(()),
        Some(_) | None => Err(words::identity(counters, undecoded)),
    }
}

/// The quality box.
pub(super) fn assess(judge: &Judge<'_>, observation: &Observation, sums: &Sums, rows: &[RowResult]) -> Quality {
    let matrix = judge.evidence.matrix;
    let counters = &observation.counters;
    let reached = reached(counters);
    let out_of_scope = sums.outside.min(reached);
    let mut gaps = gaps(observation, sums, rows);
    gaps.extend(judge.scope.forgotten().map(words::forgotten));
    let vantage = matrix.vantage.and_then(|role| matrix.role(role)).map(|role| role.id.clone());
    Quality {
        complete: gaps.is_empty(),
        gaps,
        vantage: vantage.unwrap_or_else(|| words::MIRROR.to_owned()),
        first: observation.first.map(time::text),
        last: observation.last.map(time::text),
        span_seconds: time::seconds(super::span(observation)),
        frames: counters.frames,
        in_scope: reached.saturating_sub(out_of_scope),
        out_of_scope,
        duplicates: counters.duplicates,
        fragments_pending: counters.fragments_pending,
        undecoded: by_reason(counters),
        truncated: counters.truncated,
        drops: drops(observation),
        dropped_by_host: counters.dropped_by_host,
        one_sided: sums.of_outcome(Outcome::OneSided),
        midstream: sums.of_outcome(Outcome::Midstream),
        folded: counters.folded_flows,
        missed_bytes: counters.missed_bytes,
        time_inversions: counters.time_inversions,
        names_pushed_out: counters.names_pushed_out,
        names_unread: counters.names_unread,
        browsers_unread: counters.browsers_unread,
        payloads_not_held: counters.payloads_not_held,
        kernel_drops: drops(observation).saturating_sub(interface_drops(observation)),
        interface_drops: interface_drops(observation),
        losses: continuity::windows(&sums.losses),
        outages: continuity::outages(observation),
        clock_steps: continuity::clock_steps(observation),
    }
}

/// Frames that reached a flow, whole or by way of reassembly.
fn reached(counters: &Counters) -> u64 {
    let lost = [counters.duplicates, sum(counters.undecoded.values()), counters.fragments_pending];
    lost.iter().fold(counters.frames, |rest, lost| rest.saturating_sub(*lost))
}

fn sum<'count>(counts: impl Iterator<Item = &'count u64>) -> u64 {
    counts.fold(0, |sum, count| sum.saturating_add(*count))
}

fn drops(observation: &Observation) -> u64 {
    observation.inputs.iter().fold(0, |sum, input| sum.saturating_add(input.reported_drops))
}

fn interface_drops(observation: &Observation) -> u64 {
    observation.inputs.iter().fold(0, |sum, input| sum.saturating_add(input.interface_drops))
}

fn by_reason(counters: &Counters) -> BTreeMap<String, u64> {
    let outer = counters.undecoded.iter().map(|(reason, count)| (words::undecoded(*reason, false), *count));
    let inner = counters.undecoded_inner.iter().map(|(reason, count)| (words::undecoded(*reason, true), *count));
    outer.chain(inner).collect()
}

/// A sentence about a count.
type Sentence = fn(u64) -> String;

/// Every reason why the evidence is not complete, one sentence each.
fn gaps(observation: &Observation, sums: &Sums, rows: &[RowResult]) -> Vec<String> {
    let counters = &observation.counters;
    let undecoded = counters.undecoded.iter().chain(&counters.undecoded_inner);
    let blind = undecoded.filter(|(reason, _)| reason.bears_ip()).fold(0u64, |sum, (_, n)| sum.saturating_add(*n));
    let of = |status: RowStatus| {
        let ids = rows.iter().filter(|row| row.status == status).map(|row| row.id.as_str());
        ids.collect::<Vec<_>>().join(", ")
    };
    let mut gaps = Vec::new();
    if counters.frames == 0 {
        gaps.push(words::GAP_NO_PACKETS.to_owned());
    }
    for input in &observation.inputs {
        match &input.state {
            InputState::Whole => {}
            InputState::Cut(reason) => gaps.push(words::gap_cut(&input.path, reason)),
            InputState::Stopped => gaps.push(words::gap_stopped(&input.path)),
        }
    }
    gaps.extend(observation.inputs.iter().filter_map(|input| words::outages(&input.path, &input.outages)));
    gaps.extend(words::clock_steps(&observation.clock_steps));
    let counted: [(u64, Sentence); 9] = [
        (drops(observation), words::gap_drops),
        (counters.missed_bytes, words::gap_missed),
        (blind, words::gap_undecoded),
        (counters.fragments_pending, words::gap_fragments),
        (counters.folded_flows, words::gap_folded),
        (counters.names_unread, words::gap_names),
        (counters.browsers_unread, words::gap_browsers),
        (counters.payloads_not_held, words::gap_payloads),
        (sums.of_verdict(Verdict::Unresolved), words::gap_unresolved),
    ];
    gaps.extend(counted.iter().filter(|(count, _)| *count > 0).map(|(count, sentence)| sentence(*count)));
    let open = [(of(RowStatus::NotYet), words::GAP_NOT_YET), (of(RowStatus::Unbound), words::GAP_UNBOUND)];
    gaps.extend(open.iter().filter(|(ids, _)| !ids.is_empty()).map(|(ids, text)| format!("{text}: {ids}.")));
    gaps
}
