//! The path of a flow through this floor: scope, names, every atom that fits, its grade, the
//! verdict; then the rows, the findings, the quality box and the answer. Pure: the same observation
//! and matrix give the same audit, whatever the machine or the hour.

use super::attributions::Sources;
use super::grade::Pen;
use super::model::{
    Answer, Audit, Fitting, FlowVerdict, HostsEntry, InputEntry, PackEntry, SiteEntry, Tool, Totals, Verdict,
    WaiverResult,
};
use super::per_flow::PerFlow;
use super::rows::Rows;
use super::scope::Scope;
use super::sums::Sums;
use super::verdict::{self, Evidence, Judgement};
use super::waivers::Hit;
use super::{attributions, errors, findings, quality, time, words};
use crate::flow::{Conversation, Outcome};
use crate::ledger::{InputState, Observation};
use crate::matrix::{Matrix, Severity};

/// An audit, and the verdict on every flow of the observation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// The audit document.
    pub audit: Audit,
    /// Verdicts, parallel to [`Observation::flows`].
    pub flows: PerFlow<FlowVerdict>,
    /// The flows that each finding rests on, as indices into [`Observation::flows`]; parallel to
    /// [`Audit::findings`].
    pub concerned: Vec<Vec<u32>>,
}

/// Holds what was seen against what is documented.
#[must_use]
pub fn judge(observation: &Observation, matrix: &Matrix) -> Judged {
    let judge = Judge::new(observation, matrix);
    let judged = judge.all(observation, None);
    let (audit, concerned) = write(observation, &judge, &judged);
    Judged { audit, flows: judged.map(|judgement| judgement.verdict), concerned }
}

/// What every flow of an observation is judged by.
pub(super) struct Judge<'audit> {
    pub(super) evidence: Evidence<'audit>,
    pub(super) scope: Scope<'audit>,
}

impl<'audit> Judge<'audit> {
    /// Reads names, announced ports and the scope off the observation.
    pub(super) fn new(observation: &'audit Observation, matrix: &'audit Matrix) -> Self {
        Self { evidence: Evidence::new(observation, matrix), scope: Scope::new(observation, matrix) }
    }

    /// Every flow in order; only the one at `told` says why.
    pub(super) fn all(&self, observation: &'audit Observation, told: Option<usize>) -> PerFlow<Judgement> {
        let pen = |index| if told == Some(index) { Pen::Writes } else { Pen::Rests };
        let mut reported = Vec::new();
        let one = |(index, flow): (usize, &'audit Conversation)| {
            if flow.icmp().is_some() {
                reported.push(index);
            }
            self.one(flow, pen(index))
        };
        let mut judged: PerFlow<Judgement> = observation.flows.iter().enumerate().map(one).collect();
        errors::excuse(&observation.flows, &reported, &mut judged);
        judged
    }

    /// One flow, by itself.
    pub(super) fn one(&self, flow: &'audit Conversation, pen: Pen) -> Judgement {
        self.evidence.hear(flow, pen, |case| {
            let ends = (flow.originator().address, flow.responder().address);
            if !self.scope.covers(ends, case.originator, case.responder) {
                return verdict::judge_hinted(&self.evidence, case).unwrap_or_else(|| bystander(flow, pen));
            }
            let mut judgement = verdict::judge(&self.evidence, case);
            if let Some(forgotten) = self.scope.forgotten_of(ends.0, ends.1) {
                let before = judgement.reason().trim_end_matches('.');
                let reason = pen.write(|| format!("{before}. {}", words::forgotten(forgotten)));
                judgement.explain(reason);
            }
            judgement
        })
    }
}

impl Audit {
    /// The exit code that this audit asks for: 1 for findings of at least `fail_on`, else 3 when the
    /// evidence is incomplete, else 0.
    #[must_use]
    pub fn exit_code(&self, fail_on: Severity) -> u8 {
        let grave = |severity: &str| words::severity_of(severity) >= fail_on;
        if self.findings.iter().any(|finding| grave(&finding.severity)) {
            return 1;
        }
        if self.quality.complete { 0 } else { 3 }
    }
}

/// A flow that is nobody's as far as it is known: where its originator is not, the subject may be.
fn bystander(flow: &Conversation, pen: Pen) -> Judgement {
    let (verdict, reason): (_, fn() -> String) = if flow.is_blurred() {
        (Verdict::Unresolved, words::blurred)
    } else {
        (Verdict::OutOfScope, words::out_of_scope)
    };
    let verdict = FlowVerdict { verdict, kind: None, basis: None, atoms: Fitting::NONE, nearest: None };
    Judgement::clear(verdict, pen.write(reason))
}

fn write(observation: &Observation, judge: &Judge<'_>, judged: &PerFlow<Judgement>) -> (Audit, Vec<Vec<u32>>) {
    let matrix = judge.evidence.matrix;
    let sums = Sums::new(observation, judged);
    let rows = Rows::new(judge, observation, judged, &sums.losses);
    let results = rows.results();
    let found = findings::all(&rows, &results, judged);
    let quality = quality::assess(judge, observation, &sums, &results);
    let sources = Sources { observation, judged, judge };
    let ((names, more_names), (ports, more_ports)) = (attributions::names(&sources), attributions::ports(&sources));
    let answer = match (found.is_empty(), quality.complete) {
        (false, _) => Answer::Findings,
        (true, true) => Answer::Clean,
        (true, false) => Answer::Incomplete,
    };
    let next = found.iter().flat_map(|found| found.next.iter().cloned()).collect();
    let (findings, concerned): (Vec<_>, Vec<_>) = found.into_iter().map(|found| (found.finding, found.flows)).unzip();
    let audit = Audit {
        schema: SCHEMA.to_owned(),
        tool: Tool { name: env!("CARGO_PKG_NAME").to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() },
        inputs: inputs(observation),
        site: site(matrix),
        packs: packs(matrix),
        answer,
        headline: words::headline(answer, &findings, &results, &quality),
        rows: results,
        findings,
        next,
        waivers: waivers(observation, matrix, judged),
        totals: totals(observation, &sums),
        quality,
        names,
        more_names,
        ports,
        more_ports,
        redaction: None,
    };
    (audit, concerned)
}

/// Version of the audit's serialised form.
const SCHEMA: &str = "flowaudit/audit/1";

fn inputs(observation: &Observation) -> Vec<InputEntry> {
    let entry = |input: &crate::ledger::Input| InputEntry {
        path: input.path.clone(),
        sha256: input.sha256.clone(),
        bytes: input.bytes,
        packets: input.packets,
        first: input.first.map(time::text),
        last: input.last.map(time::text),
        fault: match &input.state {
            InputState::Whole => None,
            InputState::Cut(reason) => Some(reason.clone()),
            InputState::Stopped => Some(words::STOPPED.to_owned()),
        },
    };
    observation.inputs.iter().map(entry).collect()
}

fn site(matrix: &Matrix) -> SiteEntry {
    let role_id = |role| matrix.role(role).map(|role| role.id.clone());
    let (path, sha256) = matrix.site_file.clone().unzip();
    let players = |role: &crate::matrix::Role| {
        let addresses = role.addresses.iter().map(words::range);
        (role.id.clone(), addresses.chain(role.names.iter().cloned()).collect())
    };
    SiteEntry {
        name: matrix.site.clone(),
        path,
        sha256,
        since: None,
        hosts: matrix.declared.hosts.as_ref().map(hosts),
        trusts_names: matrix.declared.trusts_captures,
        vantage: matrix.vantage.and_then(role_id).unwrap_or_else(|| words::MIRROR.to_owned()),
        subject: role_id(matrix.subject).unwrap_or_default(),
        roles: matrix.roles.iter().map(players).collect(),
        features: matrix.features.iter().cloned().collect(),
    }
}

fn hosts(hosts: &crate::matrix::Hosts) -> HostsEntry {
    HostsEntry { path: hosts.path.clone(), sha256: hosts.sha256.clone() }
}

fn packs(matrix: &Matrix) -> Vec<PackEntry> {
    let entry = |pack: &crate::matrix::PackInfo| PackEntry {
        id: pack.id.clone(),
        title: pack.title.clone(),
        version: pack.version.clone(),
        reference: pack.reference.clone(),
        sha256: pack.sha256.clone(),
        audited: pack.audited,
    };
    matrix.packs.iter().map(entry).collect()
}

fn waivers(observation: &Observation, matrix: &Matrix, judged: &PerFlow<Judgement>) -> Vec<WaiverResult> {
    let covered = |index: usize| {
        let flows = observation.flows.iter().zip(judged);
        super::weight(flows.filter(|(_, j)| j.waiver == Some(Hit::Held(index))).map(|(flow, _)| flow))
    };
    let entry = |(index, waiver): (usize, &crate::matrix::Waiver)| WaiverResult {
        text: waiver.text.clone(),
        reason: waiver.reason.clone(),
        owner: waiver.owner.clone(),
        // `until` is the midnight after the last day on which it holds.
        expires: waiver.until.map(|until| time::day(until.plus(-1))),
        flows: covered(index),
    };
    matrix.waivers.iter().enumerate().map(entry).collect()
}

fn totals(observation: &Observation, sums: &Sums) -> Totals {
    let by_verdict = Verdict::ALL.iter().map(|verdict| (verdict.name().to_owned(), sums.of_verdict(*verdict)));
    let by_outcome = Outcome::ALL.iter().map(|outcome| (outcome.name().to_owned(), sums.of_outcome(*outcome)));
    Totals {
        flows: sums.flows(),
        packets: observation.counters.frames,
        bytes: observation.counters.bytes,
        by_verdict: by_verdict.collect(),
        by_outcome: by_outcome.collect(),
    }
}
