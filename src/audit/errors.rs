//! ICMP errors that report on a flow we judge: they are part of that flow's story, not a finding of
//! their own. Any other ICMP keeps its verdict.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::model::Verdict;
use super::per_flow::PerFlow;
use super::verdict::Judgement;
use super::words;
use crate::flow::{Conversation, IcmpError};

/// Makes conversations of ICMP errors baseline where each end fits an error that decided a flow: one of those at the
/// places `reported`.
pub(super) fn excuse(flows: &[Conversation], reported: &[usize], judged: &mut PerFlow<Judgement>) {
    let ours = |judgement: &Judgement| judgement.verdict.verdict != Verdict::OutOfScope;
    let mut reports: BTreeMap<(IpAddr, IpAddr), Vec<(&Conversation, IcmpError)>> = BTreeMap::new();
    let decided = reported.iter().filter_map(|place| flows.get(*place).zip(judged.get(*place)));
    for (flow, _) in decided.filter(|(_, judgement)| ours(judgement)) {
        let Some(error) = flow.icmp().copied() else { continue };
        // The error goes back to the sender of the packet that it quotes.
        for end in [flow.originator().address, flow.responder().address] {
            reports.entry((error.from, end)).or_default().push((flow, error));
        }
    }
    if reports.is_empty() {
        return;
    }
    for (place, flow) in flows.iter().enumerate().filter(|(_, flow)| super::is_icmp(flow.transport)) {
        let Some(judgement) = judged.get(place) else { continue };
        if !matches!(judgement.verdict.verdict, Verdict::Unexpected | Verdict::Unresolved) {
            continue;
        }
        let told = reports.get(&(flow.originator().address, flow.responder().address)).map(Vec::as_slice);
        let reported = told.unwrap_or_default().iter().find(|(_, error)| is_carried_by(error, flow));
        if let Some((about, _)) = reported {
            let mut excused = judgement.clone();
            excused.verdict.verdict = Verdict::Baseline;
            excused.verdict.kind = None;
            excused.verdict.nearest = None;
            excused.waiver = None;
            excused.explain(words::reports_on(about));
            judged.replace(place, excused);
        }
    }
}

fn is_carried_by(error: &IcmpError, flow: &Conversation) -> bool {
    let within = flow.first <= error.at && error.at <= flow.last;
    // One-way: an echo that was answered is a conversation of its own.
    error.transport == flow.transport && within && flow.received.packets == 0
}
