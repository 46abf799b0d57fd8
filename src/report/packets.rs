//! A judged audit and the places of packets in, the comments of the packets behind its findings out:
//! which finding, what kind, what verdict, and where the packet stood before. Never reads a packet.

use std::collections::{BTreeMap, BTreeSet};

use super::escape;
use crate::audit::Judged;
use crate::ledger::Observation;
use crate::wire::FrameRef;

/// Indices of every flow that a finding rests on; with `only`, that the finding at this index does.
#[must_use]
pub fn flows(judged: &Judged, only: Option<usize>) -> BTreeSet<u32> {
    chosen(&judged.concerned, only).flat_map(|(_, flows)| flows).copied().collect()
}

/// All, or the one at `only`, each with its index.
fn chosen<T>(all: &[T], only: Option<usize>) -> impl Iterator<Item = (usize, &T)> {
    all.iter().enumerate().filter(move |(index, _)| only.is_none_or(|only| only == *index))
}

/// The comments of each packet behind a finding: those of its flows, as `located` places them, and
/// those that it quotes as evidence, such as the ICMP error that blocked it. `only` as for [`flows`].
#[must_use]
pub fn comments(
    seen: &Observation,
    judged: &Judged,
    located: &[(FrameRef, u32)],
    only: Option<usize>,
) -> BTreeMap<FrameRef, Vec<String>> {
    let mut findings_of: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (finding, flows) in chosen(&judged.concerned, only) {
        for flow in flows {
            findings_of.entry(*flow).or_default().push(finding);
        }
    }
    let mut statements: BTreeMap<FrameRef, BTreeMap<usize, Option<u32>>> = BTreeMap::new();
    for (place, flow) in located {
        for finding in findings_of.get(flow).into_iter().flatten() {
            statements.entry(*place).or_default().entry(*finding).or_insert(Some(*flow));
        }
    }
    for (number, finding) in chosen(&judged.audit.findings, only) {
        for evidence in &finding.evidence {
            let input = seen.inputs.iter().position(|input| input.path == evidence.file);
            let Some(input) = input.and_then(|index| u32::try_from(index).ok()) else { continue };
            let place = FrameRef { input, number: evidence.frame };
            statements.entry(place).or_default().entry(number).or_insert(None);
        }
    }
    let told = statements.into_iter().map(|(place, findings)| {
        let comments = findings.into_iter().filter_map(|statement| comment(seen, judged, place, statement));
        (place, comments.collect())
    });
    told.collect()
}

/// `F-3f9c21ab unexpected: verdict unexpected (unlisted), flow 12; frame 34 of server.pcap`.
fn comment(seen: &Observation, judged: &Judged, place: FrameRef, statement: (usize, Option<u32>)) -> Option<String> {
    let (number, flow) = statement;
    let finding = judged.audit.findings.get(number)?;
    let flow = flow.and_then(|flow| Some((u64::from(flow), judged.flows.get(usize::try_from(flow).ok()?)?)));
    let about = match flow {
        Some((flow, verdict)) => {
            let kind = verdict.kind.map_or(String::new(), |kind| format!(" ({})", kind.name()));
            // The flow log counts from 1.
            format!("verdict {}{kind}, flow {}", verdict.verdict.name(), flow.saturating_add(1))
        }
        None => "quoted as evidence".to_owned(),
    };
    let input = usize::try_from(place.input).ok().and_then(|index| seen.inputs.get(index));
    let file = input.map(|input| escape::terminal(&input.path).into_owned()).unwrap_or_default();
    Some(format!("{} {}: {about}; frame {} of {file}", finding.id, finding.kind, place.number))
}
