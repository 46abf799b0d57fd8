//! Judged flows in, the status of every audited row out: the worst of its required atoms, with
//! every atom and peer shown. "Blocked" needs proof; silence is missing or not yet, never blocked.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::continuity::{self, Attention};
use super::judge::Judge;
use super::model::{AtomResult, FlowVerdict, Kind, RowResult, RowStatus, Verdict};
use super::per_flow::PerFlow;
use super::relays::Detours;
use super::tally::Tally;
use super::verdict::{Doubts, Judgement};
use super::{lookups, words};
use crate::dissect::Application;
use crate::flow::Conversation;
use crate::ledger::{Losses, Observation};
use crate::matrix::{AtomId, Matrix, Need, Row, RowId, Standing};

/// What rows are judged by.
pub(super) struct Rows<'audit> {
    pub(super) judge: &'audit Judge<'audit>,
    pub(super) observation: &'audit Observation,
    pub(super) tallies: BTreeMap<AtomId, Tally<'audit>>,
    /// Unresolved flows that could belong to a row although nothing names it.
    nameless: BTreeMap<RowId, u64>,
    /// Flows are known to be left out: silence then means nothing.
    folded: bool,
    /// How long the capture looked without a break.
    attention: Attention,
    /// Flows that may carry to a proxy what rows miss.
    detours: Detours<'audit>,
}

impl<'audit> Rows<'audit> {
    /// Sorts the flows by the atoms that they speak for.
    pub(super) fn new(
        judge: &'audit Judge<'audit>,
        observation: &'audit Observation,
        judged: &PerFlow<Judgement>,
        losses: &Losses,
    ) -> Self {
        let matrix = judge.evidence.matrix;
        let folded = observation.counters.folded_flows > 0;
        let attention = continuity::attention(observation, losses);
        let (tallies, nameless) = (BTreeMap::new(), BTreeMap::new());
        let detours = Detours::default();
        let mut rows = Self { judge, observation, tallies, nameless, folded, attention, detours };
        for (flow, judgement) in observation.flows.iter().zip(judged) {
            if judgement.verdict.atoms.is_empty() {
                rows.detours.add(flow);
            }
            for id in judgement.verdict.atoms.iter() {
                let Some(atom) = matrix.atom(*id) else { continue };
                rows.tallies.entry(*id).or_default().add(matrix, atom, flow);
            }
            if let Some(doubts) = &judgement.doubts {
                rows.doubt(flow, &judgement.verdict, doubts);
            }
        }
        rows.tallies.values_mut().for_each(Tally::conclude);
        rows
    }

    /// What they are held against.
    pub(super) const fn matrix(&self) -> &'audit Matrix {
        self.judge.evidence.matrix
    }

    fn doubt(&mut self, flow: &Conversation, verdict: &FlowVerdict, doubts: &Doubts) {
        let weight = flow.weight();
        let wrong = |kind: &Kind| matches!(kind, Kind::WrongProtocol | Kind::NotAnnounced);
        for (id, _) in doubts.contradicted.iter().filter(|(_, kind)| wrong(kind) && flow.outcome.is_open()) {
            let tally = self.tallies.entry(*id).or_default();
            tally.wrong = tally.wrong.saturating_add(weight);
        }
        for id in &doubts.undecided {
            let tally = self.tallies.entry(*id).or_default();
            tally.undecided = tally.undecided.saturating_add(weight);
        }
        // A waiver settles it.
        for row in doubts.possible.iter().filter(|_| verdict.verdict == Verdict::Unresolved) {
            let doubt = self.nameless.entry(*row).or_default();
            *doubt = doubt.saturating_add(weight);
        }
    }

    /// The rows of the audited packs, in document order.
    pub(super) fn results(&self) -> Vec<RowResult> {
        let rows = (0u32..).map(RowId).zip(&self.matrix().rows);
        rows.filter(|(id, _)| super::is_audited(self.matrix(), *id)).map(|(id, row)| self.result(id, row)).collect()
    }

    fn result(&self, id: RowId, row: &Row) -> RowResult {
        let silent = self.silence(id, row);
        let empty = Tally::default();
        let atoms: Vec<AtomResult> = (0u16..)
            .zip(&row.atoms)
            .map(|(index, atom)| {
                let tally = self.tallies.get(&AtomId { row: id, atom: index }).unwrap_or(&empty);
                let status =
                    self.atom_status(id, row, index).unwrap_or_else(|| untried(tally, atom.optional, silent.0));
                tally.result(self.observation, atom, status)
            })
            .collect();
        let status = self.row_status(row, &atoms, silent.0);
        let partly = atoms.iter().any(|atom| atom.established > 0);
        let reason = match status {
            RowStatus::Missing | RowStatus::NotYet if partly => words::in_part(&atoms, status),
            _ if silent.0 == status => silent.1,
            _ => self.reason(id, row, status),
        };
        RowResult {
            id: row.id.clone(),
            pack: self.matrix().packs.get(row.pack).map(|pack| pack.id.clone()).unwrap_or_default(),
            from: super::role_words(self.matrix(), &row.from),
            to: super::role_words(self.matrix(), &row.to),
            purpose: row.purpose.clone(),
            need: words::need(row.need).to_owned(),
            status,
            reason,
            atoms,
        }
    }

    fn tally(&self, row: RowId, atom: u16) -> Option<&Tally<'audit>> {
        self.tallies.get(&AtomId { row, atom })
    }

    /// What was seen of one atom, if that decides it.
    fn atom_status(&self, id: RowId, row: &Row, index: u16) -> Option<RowStatus> {
        if row.standing == Standing::NotApplicable {
            return Some(RowStatus::NotApplicable);
        }
        self.tally(id, index).and_then(Tally::status).or_else(|| self.implied(id, row, index))
    }

    /// A dynamic port that is open was asked for before: the mapper's part of the row is then not
    /// missing, it lies before the capture.
    fn implied(&self, id: RowId, row: &Row, index: u16) -> Option<RowStatus> {
        let mapper = row.atoms.get(usize::from(index))?.application == Some(Application::Epm);
        let untouched = self.tally(id, index).is_none_or(|tally| tally.flows == 0);
        let open = (0u16..)
            .zip(&row.atoms)
            .any(|(other, atom)| atom.announced && self.tally(id, other).is_some_and(|tally| tally.open > 0));
        (mapper && untouched && open).then_some(RowStatus::Unverified)
    }

    /// What silence means for this row, and the sentence for it.
    fn silence(&self, id: RowId, row: &Row) -> (RowStatus, String) {
        match row.standing {
            Standing::NotApplicable => return (RowStatus::NotApplicable, words::not_applicable()),
            Standing::NotObservable => return (RowStatus::NotObservable, words::not_observable()),
            Standing::Unbound(role) => {
                let title = self.matrix().role(role).map(|role| role.title.as_str()).unwrap_or_default();
                return (RowStatus::Unbound, words::unbound(title));
            }
            Standing::Live => {}
        }
        if let Some(found) = self.doubted(id, row).or_else(|| lookups::assess(self.matrix(), self.observation, row)) {
            return found;
        }
        let doubt = self.nameless.get(&id).copied().unwrap_or(0);
        let (status, reason) = self.untouched(row, doubt);
        let detour = self.detours.of(self.matrix(), row);
        (
            status,
            match detour {
                Some(detour) => format!("{reason} {detour}"),
                None => reason,
            },
        )
    }

    /// What it means that nothing of the row was seen.
    fn untouched(&self, row: &Row, doubt: u64) -> (RowStatus, String) {
        let span = super::span(self.observation);
        match row.need {
            Need::Optional => (RowStatus::Idle, words::idle(doubt)),
            Need::Required if self.folded => (RowStatus::NotYet, words::lossy()),
            Need::Required if self.observation.first.is_some() && self.has_looked_for(row.window) => {
                (RowStatus::Missing, words::missing(self.attention.longest, doubt))
            }
            Need::Required if span < row.window => (RowStatus::NotYet, words::not_yet(span, row.window, doubt)),
            Need::Required if self.attention.longest == 0 || row.window == 0 => (RowStatus::NotYet, words::lossy()),
            Need::Required => (RowStatus::NotYet, words::broken(self.attention.longest, row.window)),
        }
    }

    /// Whether the capture looked that long without a break. A window of nothing means the whole of it.
    fn has_looked_for(&self, window: i64) -> bool {
        self.attention.longest >= window && (window > 0 || self.attention.unbroken)
    }

    /// Something was tried, and nobody can tell how it went or whether it was this row.
    fn doubted(&self, id: RowId, row: &Row) -> Option<(RowStatus, String)> {
        let tallies = || (0u16..).zip(&row.atoms).filter_map(|(index, _)| self.tally(id, index));
        if tallies().any(|tally| tally.status().is_some()) {
            return None;
        }
        if tallies().any(|tally| tally.flows > 0) {
            return Some((RowStatus::NotYet, words::tried()));
        }
        let undecided = tallies().fold(0u64, |sum, tally| sum.saturating_add(tally.undecided));
        (undecided > 0).then(|| (RowStatus::NotYet, words::undecided(undecided)))
    }

    /// The worst of the required atoms; of alternatives the best; of a row without required atoms
    /// the worst of all.
    fn row_status(&self, row: &Row, atoms: &[AtomResult], silent: RowStatus) -> RowStatus {
        if row.standing == Standing::NotApplicable {
            return RowStatus::NotApplicable;
        }
        let some_required = row.atoms.iter().any(|atom| !atom.optional);
        let mut units: Vec<RowStatus> = Vec::new();
        let mut groups: BTreeMap<&str, Vec<RowStatus>> = BTreeMap::new();
        for (atom, result) in row.atoms.iter().zip(atoms).filter(|(atom, _)| !atom.optional || !some_required) {
            match &atom.group {
                Some(group) => groups.entry(group).or_default().push(result.status),
                None => units.push(result.status),
            }
        }
        units.extend(groups.values().filter_map(|members| best(members)));
        worst(&units).unwrap_or(silent)
    }

    /// The sentence for a row of which something was seen.
    fn reason(&self, id: RowId, row: &Row, status: RowStatus) -> String {
        let blocked = self.blocks(id, row);
        match status {
            RowStatus::Confirmed => words::confirmed(),
            RowStatus::Unverified => words::unverified(),
            RowStatus::Partial | RowStatus::Blocked => blocked.join("; "),
            RowStatus::WrongProtocol => words::wrong_protocol(),
            RowStatus::NameFailed => words::name_failed(),
            RowStatus::Missing | RowStatus::NotYet => words::in_part(&[], status),
            RowStatus::Idle => words::idle(0),
            RowStatus::NotObservable => words::not_observable(),
            RowStatus::NotApplicable => words::not_applicable(),
            RowStatus::Unbound => words::unbound(""),
        }
    }

    /// One clause for each atom that is blocked towards somebody.
    fn blocks(&self, id: RowId, row: &Row) -> Vec<String> {
        let mappers =
            (0u16..).zip(&row.atoms).filter(|(_, atom)| atom.application == Some(Application::Epm)).collect::<Vec<_>>();
        let mapped = |peer: &IpAddr| {
            let answered = |tally: &Tally<'_>| tally.peer(peer).is_some_and(|peer| peer.open > 0);
            mappers.iter().any(|(index, _)| self.tally(id, *index).is_some_and(answered))
        };
        let mut clauses = Vec::new();
        for (index, atom) in (0u16..).zip(&row.atoms) {
            let Some(tally) = self.tally(id, index) else { continue };
            for (peer, blocked) in tally.blocked_peers().take(BLOCKS_SHOWN) {
                let Some(flow) = blocked.decisive() else { continue };
                clauses.push(words::blocked(atom, *peer, flow, atom.announced && mapped(peer)));
            }
        }
        clauses
    }
}

/// Blocked peers named in a reason, for each atom; the rest is in the list of peers.
const BLOCKS_SHOWN: usize = 4;

/// The status of an atom that nothing decides.
fn untried(tally: &Tally<'_>, optional: bool, silent: RowStatus) -> RowStatus {
    match silent {
        RowStatus::NotApplicable | RowStatus::NotObservable | RowStatus::Unbound => silent,
        _ if tally.flows > 0 || tally.undecided > 0 => RowStatus::NotYet,
        _ if optional => RowStatus::Idle,
        other => other,
    }
}

/// How bad a status is for a row; the worst wins.
const fn rank(status: RowStatus) -> u8 {
    match status {
        RowStatus::NotApplicable => 0,
        RowStatus::NotObservable => 1,
        RowStatus::Idle => 2,
        RowStatus::Confirmed => 3,
        RowStatus::Unverified => 4,
        RowStatus::Unbound => 5,
        RowStatus::NotYet => 6,
        RowStatus::Missing => 7,
        RowStatus::NameFailed => 8,
        RowStatus::WrongProtocol => 9,
        RowStatus::Partial => 10,
        RowStatus::Blocked => 11,
    }
}

/// Required atoms together. Some open and others only blocked is partial.
fn worst(units: &[RowStatus]) -> Option<RowStatus> {
    let open = |status: &RowStatus| matches!(status, RowStatus::Confirmed | RowStatus::Unverified | RowStatus::Partial);
    let worst = units.iter().copied().max_by_key(|status| rank(*status))?;
    if worst == RowStatus::Blocked && units.iter().any(open) { Some(RowStatus::Partial) } else { Some(worst) }
}

/// Alternatives: an open one suffices; without one, what was tried says more than what was not.
fn best(members: &[RowStatus]) -> Option<RowStatus> {
    let open = members.iter().copied().filter(|s| matches!(s, RowStatus::Confirmed | RowStatus::Unverified));
    open.min_by_key(|status| rank(*status)).or_else(|| members.iter().copied().max_by_key(|status| rank(*status)))
}
