//! One flow in, its verdict out: every atom that fits by address, port or name is graded by the
//! evidence, and the best grade decides. Nothing here upgrades for lack of evidence.

use std::sync::Arc;

use super::grade::{Grade, Graded, Pen};
use super::model::{Fitting, FlowVerdict, Kind, Verdict};
use super::names::{Borne, Names};
use super::nearest::Nearest;
use super::own_names::OwnNames;
use super::payload::{self, Bytes};
use super::precedents::Precedents;
use super::rpc::Announced;
use super::{nearest, relays, waivers, words};
use crate::flow::{Conversation, DirectionBasis};
use crate::ledger::Observation;
use crate::matrix::{AtomId, Basis, Binding, Direction, Facts, Match, Matrix, Peer, Played, RowId, Standing};
use crate::wire::Transport;

/// What all flows of an audit are judged by.
pub(super) struct Evidence<'audit> {
    pub(super) matrix: &'audit Matrix,
    pub(super) names: Names<'audit>,
    pub(super) announced: Announced<'audit>,
    /// Whose the hosts are that announcements name.
    pub(super) own_names: OwnNames<'audit>,
    pub(super) nearest: Nearest,
    precedents: Precedents,
}

impl<'audit> Evidence<'audit> {
    /// What `observation` holds of names and announced ports, for this matrix.
    pub(super) fn new(observation: &'audit Observation, matrix: &'audit Matrix) -> Self {
        let names = Names::new(observation, matrix);
        let own_names = OwnNames::new(observation, matrix, &names);
        Self {
            matrix,
            announced: Announced::new(observation, &own_names),
            own_names,
            names,
            nearest: Nearest::default(),
            precedents: Precedents::default(),
        }
    }

    /// Brings a flow before `court`: who its ends are, by which names, and which roles they play.
    pub(super) fn hear<T>(&self, flow: &Conversation, pen: Pen, court: impl FnOnce(&Case<'_>) -> T) -> T {
        let borne = self.names.of(flow);
        let relayed = relays::relayed(self.matrix, flow, &borne.bound);
        let responder = relayed.map_or_else(|| borne.names(), |(name, _)| vec![name]);
        let known = self.names.known(flow.responder().address, flow.originator().address, flow.first);
        let originator: Vec<&str> = known.iter().map(|binding| binding.name.as_str()).collect();
        let facts = Facts {
            originator: Peer { address: flow.originator().address, names: &originator },
            responder: Peer { address: flow.responder().address, names: &responder },
            transport: flow.transport,
            port: relayed.map_or(flow.responder().port, |(_, port)| port),
        };
        let is_relayed = relayed.is_some();
        let (originator, responder) = (self.matrix.played(&facts.originator), self.matrix.played(&facts.responder));
        court(&Case { flow, facts, originator: &originator, responder: &responder, borne: &borne, is_relayed, pen })
    }
}

/// One flow as it comes before the judge.
pub(super) struct Case<'case> {
    pub(super) flow: &'case Conversation,
    pub(super) facts: Facts<'case>,
    /// The roles that the two ends play.
    pub(super) originator: &'case Played<'case>,
    pub(super) responder: &'case Played<'case>,
    pub(super) borne: &'case Borne<'case>,
    /// It goes to a proxy of this site, and `facts` are those of what it asks the proxy for.
    pub(super) is_relayed: bool,
    pub(super) pen: Pen,
}

/// A verdict and what the rows need to know beside it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Judgement {
    pub(super) verdict: FlowVerdict,
    /// Why, in one sentence for the reader; nothing while the pen rests, so that judgements are quickly compared.
    reason: Option<String>,
    /// What it leaves open; nothing, for most.
    pub(super) doubts: Option<Arc<Doubts>>,
    /// The waiver that covers it, or covered it until it expired.
    pub(super) waiver: Option<waivers::Hit>,
}

/// What a verdict leaves open. Flows that are alike share it.
#[derive(Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Doubts {
    /// Atoms whose address and port fit, and that the bytes or the name contradict.
    pub(super) contradicted: Vec<(AtomId, Kind)>,
    /// Atoms that the evidence points at without deciding.
    pub(super) undecided: Vec<AtomId>,
    /// Where none is undecided, rows that an unresolved flow may be of: where nothing names the peer these may be
    /// several, and each of them says so.
    pub(super) possible: Vec<RowId>,
}

impl Judgement {
    /// A verdict that leaves nothing open.
    pub(super) fn clear(verdict: FlowVerdict, reason: String) -> Self {
        Self { verdict, reason: written(reason), doubts: None, waiver: None }
    }

    /// Gives another reason.
    pub(super) fn explain(&mut self, reason: String) {
        self.reason = written(reason);
    }

    /// Why, in one sentence for the reader; empty while the pen rests.
    pub(super) fn reason(&self) -> &str {
        self.reason.as_deref().unwrap_or_default()
    }

    fn doubting(self, doubts: Doubts) -> Self {
        Self { doubts: (doubts != Doubts::default()).then(|| Arc::new(doubts)), ..self }
    }
}

/// A sentence, unless the pen rests.
fn written(sentence: String) -> Option<String> {
    (!sentence.is_empty()).then_some(sentence)
}

/// Judges one flow that is in scope.
pub(super) fn judge(evidence: &Evidence<'_>, case: &Case<'_>) -> Judgement {
    let mut judgement = evidence.precedents.follow(evidence, case, || by_evidence(evidence, case));
    waivers::apply(evidence.matrix, case, &mut judgement);
    judgement
}

fn by_evidence(evidence: &Evidence<'_>, case: &Case<'_>) -> Judgement {
    let matrix = evidence.matrix;
    let graded: Vec<(AtomId, Graded)> = super::matches(matrix, &case.facts)
        .iter()
        .filter(|found| is_live(matrix, found.atom))
        .filter(|found| !case.is_relayed || matches!(found.responder, Binding::Name(_)))
        .map(|found| (found.atom, grade(evidence, case, found)))
        .filter(|(_, graded)| graded.grade != Grade::Absent)
        .collect();
    let (verdict, reason) = conclude(evidence, case, &graded);
    let contradicted = pick(&graded, |grade| match grade {
        Grade::Contradicted(kind) => Some(kind),
        Grade::Fits(_) | Grade::Undecided | Grade::Absent => None,
    });
    let undecided = pick(&graded, |grade| (grade == Grade::Undecided).then_some(()));
    let undecided: Vec<AtomId> = undecided.into_iter().map(|(atom, ())| atom).collect();
    let possible = if undecided.is_empty() { possible(evidence, case, &verdict) } else { Vec::new() };
    Judgement::clear(verdict, reason).doubting(Doubts { contradicted, undecided, possible })
}

/// The rows that an unresolved flow may be of.
fn possible(evidence: &Evidence<'_>, case: &Case<'_>, verdict: &FlowVerdict) -> Vec<RowId> {
    let (Verdict::Unresolved, Some(nearest)) = (verdict.verdict, verdict.nearest) else { return Vec::new() };
    let rows: Vec<RowId> = nearest::nameless(evidence, case).collect();
    if rows.is_empty() { vec![nearest] } else { rows }
}

/// Judges one flow that is nobody's as far as its addresses tell: a resolver told somebody else that its
/// responder bears the name that a row means, and nothing on the flow says otherwise.
pub(super) fn judge_hinted(evidence: &Evidence<'_>, case: &Case<'_>) -> Option<Judgement> {
    let (row, reason) = nearest::hinted(evidence, case)?;
    let verdict = nearest::unresolved(row);
    super::is_audited(evidence.matrix, row).then(|| {
        let possible = possible(evidence, case, &verdict);
        Judgement::clear(verdict, reason).doubting(Doubts { possible, ..Doubts::default() })
    })
}

fn pick<T>(graded: &[(AtomId, Graded)], of: impl Fn(Grade) -> Option<T>) -> Vec<(AtomId, T)> {
    graded.iter().filter_map(|(atom, graded)| Some((*atom, of(graded.grade)?))).collect()
}

/// A row whose feature is off explains nothing; every other row explains what is seen.
fn is_live(matrix: &Matrix, atom: AtomId) -> bool {
    matrix.row(atom.row).is_some_and(|row| row.standing != Standing::NotApplicable)
}

/// Holds every kind of evidence against one atom; the weakest link decides.
fn grade(evidence: &Evidence<'_>, case: &Case<'_>, found: &Match) -> Graded {
    let (flow, pen) = (case.flow, case.pen);
    let Some(atom) = evidence.matrix.atom(found.atom) else { return Graded::absent() };
    let minimum = evidence.matrix.minimum;
    if case.is_relayed {
        let name = case.facts.responder.names.first().copied().unwrap_or_default();
        let reason = pen.write(|| words::relayed(name, case.facts.port, flow));
        return doubt(evidence.matrix, case, found, Graded::at_least(minimum.name, Basis::Dns, reason));
    }
    let bytes = if atom.announced { Bytes::Silent } else { payload::compare(flow, atom) };
    if let Bytes::Contradict(seen) = bytes {
        let fits = names_fit(evidence, case, found);
        let against = || payload::contradiction(flow, atom, seen);
        return if fits { Graded::against(Kind::WrongProtocol, pen.write(against)) } else { Graded::absent() };
    }
    let by_name = match found.responder {
        Binding::Name(index) => {
            let name = case.facts.responder.names.get(index).copied().unwrap_or_default();
            Some(evidence.names.grade(name, case, minimum.name))
        }
        Binding::Address => None,
    };
    let graded = match by_name {
        Some(named) if !matches!(named.grade, Grade::Fits(_)) => named,
        _ if atom.announced => evidence.announced.grade(case, atom, minimum.rpc),
        Some(named) => named,
        None if bytes == Bytes::Agree => {
            Graded::at_least(minimum.address, Basis::Payload, pen.write(words::by_payload))
        }
        None if atom.application.is_some() && payload::is_lossy(flow) => {
            Graded::undecided(pen.write(|| words::lost(flow)))
        }
        None => Graded::at_least(minimum.address, Basis::Address, pen.write(|| words::by_address(flow))),
    };
    doubt(evidence.matrix, case, found, graded)
}

/// Whether the responder may be who the row means at all.
fn names_fit(evidence: &Evidence<'_>, case: &Case<'_>, found: &Match) -> bool {
    let Binding::Name(index) = found.responder else { return true };
    let name = case.facts.responder.names.get(index).copied().unwrap_or_default();
    evidence.names.grade(name, case, evidence.matrix.minimum.name).grade != Grade::Absent
}

/// Contradicting bytes and an unknown direction turn a fit into a doubt.
fn doubt(matrix: &Matrix, case: &Case<'_>, found: &Match, graded: Graded) -> Graded {
    if !matches!(graded.grade, Grade::Fits(_)) {
        return graded;
    }
    if case.flow.is_ambiguous() {
        return Graded::undecided(case.pen.write(words::ambiguous));
    }
    let one_way = matrix.row(found.atom.row).is_some_and(|row| row.direction == Direction::Forward);
    let stream = matches!(case.flow.transport, Transport::TCP | Transport::SCTP);
    if one_way && stream && case.flow.direction_basis == DirectionBasis::First {
        return Graded::undecided(case.pen.write(words::direction_unknown));
    }
    graded
}

/// The best grade decides; audited rows come before baseline rows.
fn conclude(evidence: &Evidence<'_>, case: &Case<'_>, graded: &[(AtomId, Graded)]) -> (FlowVerdict, String) {
    let matrix = evidence.matrix;
    let fits = |audited: bool| {
        let wanted = move |atom: AtomId| super::is_audited(matrix, atom.row) == audited;
        graded.iter().filter(move |(atom, g)| wanted(*atom) && matches!(g.grade, Grade::Fits(_)))
    };
    let verdict = match (fits(true).next(), fits(false).next()) {
        (Some(_), _) => Verdict::Expected,
        (None, Some(_)) => Verdict::Baseline,
        (None, None) => return unfit(evidence, case, graded),
    };
    let strongest = fits(verdict == Verdict::Expected).filter_map(|(_, graded)| match graded.grade {
        Grade::Fits(basis) => Some((basis, graded)),
        Grade::Contradicted(_) | Grade::Undecided | Grade::Absent => None,
    });
    let best = strongest.min_by_key(|(basis, _)| *basis);
    let mut atoms: Vec<AtomId> = fits(true).chain(fits(false)).map(|(atom, _)| *atom).collect();
    atoms.sort_unstable();
    let basis = best.map(|(basis, _)| basis);
    let reason = best.map(|(_, graded)| graded.reason.clone()).unwrap_or_default();
    (FlowVerdict { verdict, kind: None, basis, atoms: atoms.into(), nearest: None }, reason)
}

/// No atom fits: a contradiction, a doubt, or nothing at all.
fn unfit(evidence: &Evidence<'_>, case: &Case<'_>, graded: &[(AtomId, Graded)]) -> (FlowVerdict, String) {
    let against = graded.iter().find_map(|(atom, g)| match g.grade {
        Grade::Contradicted(kind) => Some((Verdict::Mismatched, Some(kind), *atom, g)),
        Grade::Fits(_) | Grade::Undecided | Grade::Absent => None,
    });
    let doubt = || {
        let undecided = graded.iter().find(|(_, g)| g.grade == Grade::Undecided);
        undecided.map(|(atom, g)| (Verdict::Unresolved, None, *atom, g))
    };
    match against.or_else(doubt) {
        Some((verdict, kind, atom, graded)) => {
            let verdict = FlowVerdict { verdict, kind, basis: None, atoms: Fitting::NONE, nearest: Some(atom.row) };
            (verdict, graded.reason.clone())
        }
        None => nearest::unlisted(evidence, case),
    }
}
