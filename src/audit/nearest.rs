//! Flows that no row explains: what kind they are, and which row comes nearest by which cell.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;

use super::model::{Fitting, FlowVerdict, Kind, Verdict};
use super::payload::{self, Bytes};
use super::verdict::{Case, Evidence};
use super::words;
use crate::dissect::{Application, Claim};
use crate::flow::DirectionBasis;
use crate::matrix::{Atom, Binding, Follows, Matrix, Played, RoleId, Row, RowId, Standing, name_matches};

/// The verdict on a flow that no atom fits, and why: unexpected, unless what was captured cannot tell.
pub(super) fn unlisted(evidence: &Evidence<'_>, case: &Case<'_>) -> (FlowVerdict, String) {
    let matrix = evidence.matrix;
    if let Some((row, reason)) = unnamed(evidence, case).or_else(|| unbound(matrix, case)) {
        return (unresolved(row), reason);
    }
    let best = evidence.nearest.of(matrix, case);
    if let Some(Candidate { cells: Cells::Reversed, row }) = best
        && case.flow.direction_basis == DirectionBasis::First
    {
        return (unresolved(row), case.pen.write(words::direction_unknown));
    }
    let kind = best.as_ref().map_or(Kind::Unlisted, |candidate| candidate.cells.kind());
    let why = || best.as_ref().map_or_else(words::nothing_like_it, |candidate| differs(matrix, case, candidate));
    let reason = case.pen.write(why);
    let nearest = best.map(|candidate| candidate.row);
    (FlowVerdict { verdict: Verdict::Unexpected, kind: Some(kind), basis: None, atoms: Fitting::NONE, nearest }, reason)
}

/// The verdict on a flow that may be this row's.
pub(super) const fn unresolved(row: RowId) -> FlowVerdict {
    FlowVerdict { verdict: Verdict::Unresolved, kind: None, basis: None, atoms: Fitting::NONE, nearest: Some(row) }
}

/// Which cells of a row a flow shares, most telling last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Cells {
    Originator,
    Responder,
    Service,
    ServiceAndResponder,
    ServiceAndOriginator,
    Pair,
    Reversed,
    AllButName,
    AllButFeature,
}

impl Cells {
    const fn kind(self) -> Kind {
        match self {
            Self::Originator | Self::Responder | Self::Service => Kind::Unlisted,
            Self::ServiceAndResponder | Self::ServiceAndOriginator | Self::AllButName => Kind::UnlistedPeer,
            Self::Pair | Self::AllButFeature => Kind::UnlistedService,
            Self::Reversed => Kind::Reversed,
        }
    }

    /// How many cells agree; ties are broken by what the bytes say.
    const fn count(self) -> u8 {
        match self {
            Self::Originator | Self::Responder | Self::Service => 1,
            Self::ServiceAndResponder | Self::ServiceAndOriginator | Self::Pair => 2,
            Self::Reversed | Self::AllButName => 3,
            Self::AllButFeature => 4,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Candidate {
    row: RowId,
    cells: Cells,
}

/// Which row came nearest to flows that were alike.
#[derive(Default)]
pub(super) struct Nearest(RefCell<HashMap<Likeness, Option<Candidate>, foldhash::fast::RandomState>>);

/// All that decides which row is nearest, in few words: every flow is looked up by it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Likeness {
    /// What originator and responder play.
    ends: u64,
    /// Which atoms list the port.
    port: u64,
    /// Protocol, whether there is a port (no row is nearer by port 0), and what was spoken.
    service: u32,
}

impl Nearest {
    fn of(&self, matrix: &Matrix, case: &Case<'_>) -> Option<Candidate> {
        let Some(likeness) = Likeness::of(matrix, case) else { return rank(matrix, case) };
        let nearest = *self.0.borrow_mut().entry(likeness).or_insert_with(|| rank(matrix, case));
        debug_assert_eq!(nearest, rank(matrix, case), "two flows that were alike");
        nearest
    }
}

impl Likeness {
    /// `None` where names play a part.
    pub(super) fn of(matrix: &Matrix, case: &Case<'_>) -> Option<Self> {
        let (originator, responder) = (case.originator.alike()?, case.responder.alike()?);
        let port = case.facts.port;
        let [known, spoken] = payload::application(case.flow).map_or([0, 0], |spoken| [1, spoken as u8]);
        Some(Self {
            ends: u64::from(originator) << 32 | u64::from(responder),
            port: matrix.alike(port)?,
            service: u32::from_be_bytes([case.facts.transport.0, u8::from(port != 0), known, spoken]),
        })
    }
}

/// The nearest row: by cells, then by application and port number, audited before baseline, in
/// document order.
fn rank(matrix: &Matrix, case: &Case<'_>) -> Option<Candidate> {
    let rows = (0u32..).map(RowId).zip(&matrix.rows);
    let candidates: Vec<_> = rows.filter_map(|(id, row)| Some((id, row, shared(case, row)?))).collect();
    let most = candidates.iter().map(|(_, _, cells)| cells.count()).max()?;
    let spoken = payload::application(case.flow);
    let nearest =
        candidates.into_iter().filter(|(_, _, cells)| cells.count() == most).min_by_key(|(id, row, cells)| {
            let affinity = row.atoms.iter().map(|atom| affinity(spoken, case.facts.port, atom)).max().unwrap_or(0);
            (Reverse(affinity), Reverse(*cells), !super::is_audited(matrix, *id), *id)
        });
    nearest.map(|(row, _, cells)| Candidate { row, cells })
}

fn shared(case: &Case<'_>, row: &Row) -> Option<Cells> {
    let facts = &case.facts;
    let from = plays(case.originator, &row.from);
    let to = plays(case.responder, &row.to);
    let service = row.atoms.iter().any(|atom| atom.transport == facts.transport && atom.ports.contains(facts.port));
    // A cell that takes anybody likens a flow to nothing.
    let names_somebody = !row.from.is_empty() || !row.to.is_empty();
    let swapped = || plays(case.responder, &row.from) && plays(case.originator, &row.to);
    Some(match (from, to, service) {
        (true, true, true) if row.standing == Standing::NotApplicable => Cells::AllButFeature,
        // A row that is off is nobody's neighbour unless its feature is all that lacks.
        _ if row.standing == Standing::NotApplicable => return None,
        (true, true, true) if named(case, row).is_some() => Cells::AllButName,
        (_, _, true) if swapped() => Cells::Reversed,
        (true, true, _) if names_somebody => Cells::Pair,
        (true, false, true) => Cells::ServiceAndOriginator,
        (false, true, true) => Cells::ServiceAndResponder,
        (false, false, true) => Cells::Service,
        (false, true, false) if !row.to.is_empty() => Cells::Responder,
        (true, false, false) if !row.from.is_empty() => Cells::Originator,
        (_, _, false) | (true, true, true) => return None,
    })
}

/// What the flow calls a responder that fits the row by another name alone, and that name.
fn named<'case>(case: &Case<'case>, row: &Row) -> Option<(&'case Claim, &'case str)> {
    let Some(Binding::Name(index)) = case.responder.any(&row.to) else { return None };
    Some((*case.borne.claims.first()?, *case.facts.responder.names.get(index)?))
}

fn plays(end: &Played<'_>, roles: &[RoleId]) -> bool {
    end.any(roles).is_some()
}

/// The same application elsewhere, or the same port over another transport, is nearer.
fn affinity(spoken: Option<Application>, port: u16, atom: &Atom) -> u8 {
    let same = spoken.is_some_and(|seen| atom.application.is_some_and(|documented| seen.fulfils(documented)));
    let port = atom.ports.lists(port) && port != 0;
    u8::from(same).saturating_mul(2).saturating_add(u8::from(port))
}

fn differs(matrix: &Matrix, case: &Case<'_>, candidate: &Candidate) -> String {
    let Some(row) = matrix.row(candidate.row) else { return words::nothing_like_it() };
    let from = super::role_words(matrix, &row.from);
    let to = super::role_words(matrix, &row.to);
    let service = words::service(case.facts.transport, case.facts.port);
    let listed = row.atoms.iter().map(|atom| atom.service.as_str()).collect::<Vec<_>>().join(", ");
    match candidate.cells {
        Cells::AllButFeature => words::feature_off(&row.id),
        Cells::Reversed => words::reversed(case.facts.originator.address, &from),
        Cells::AllButName => named(case, row).map_or_else(words::nothing_like_it, |(claim, name)| {
            words::other_name(claim, case.facts.responder.address, &to, name, words::stated_in(case.flow))
        }),
        Cells::Pair => words::other_service(&service, &listed),
        Cells::ServiceAndOriginator => words::other_responder(&case.facts.responder, &to),
        Cells::ServiceAndResponder => words::other_originator(case.facts.originator.address, &from),
        Cells::Service => words::other_pair(&case.facts, &from, &to),
        Cells::Originator => words::other_responder_and_service(&case.facts.responder, &to, &service),
        Cells::Responder => words::other_originator_and_service(case.facts.originator.address, &from, &service),
    }
}

/// A row that goes by name would fit, but neither its DNS answer nor its hello is in the capture. What a
/// resolver told another client of this address says which row is meant, and proves nothing.
fn unnamed(evidence: &Evidence<'_>, case: &Case<'_>) -> Option<(RowId, String)> {
    if let Some(hinted) = hinted(evidence, case) {
        return Some(hinted);
    }
    let row = nameless(evidence, case).next()?;
    let (flow, mut refused) = (case.flow, evidence.names.refused());
    let told = |known: &&crate::ledger::Binding| {
        known.client == flow.originator().address
            && known.address == flow.responder().address
            && known.holds(flow.first)
    };
    let why = || match refused.find(told) {
        Some(refused) => words::foreign_resolver(refused.resolver, refused.answer),
        None => words::no_name(flow),
    };
    Some((row, case.pen.write(why)))
}

/// The row whose peer a resolver found at this address, when it told so to another client or at another time.
pub(super) fn hinted(evidence: &Evidence<'_>, case: &Case<'_>) -> Option<(RowId, String)> {
    let mut heard = evidence.names.heard_of(case.facts.responder.address).peekable();
    heard.peek()?;
    let rows: Vec<(RowId, &Row)> =
        nameless(evidence, case).filter_map(|id| Some((id, evidence.matrix.row(id)?))).collect();
    heard.find_map(|told| {
        let (row, _) = rows.iter().find(|(_, row)| means(evidence.matrix, row, &told.name))?;
        Some((*row, case.pen.write(|| words::no_name_but(case.flow, told))))
    })
}

/// Every row that goes by name and would fit a flow that nothing names: nothing at all, or DNS by another
/// name alone while the answer for the row's name was cut.
pub(super) fn nameless<'m>(evidence: &'m Evidence<'_>, case: &'m Case<'_>) -> impl Iterator<Item = RowId> + 'm {
    let (matrix, flow, responder) = (evidence.matrix, case.flow, &case.facts.responder);
    let unstated = payload::hides_name(flow) || payload::never_names(flow);
    let stranger = case.borne.claims.is_empty() && unstated && !matrix.lists_host(responder.address);
    let cut: Vec<&str> = evidence.names.cut_for(flow.originator().address, flow.first).collect();
    let fits = move |row: &Row| {
        let usable = row.standing != Standing::NotApplicable;
        stranger
            && usable
            && plays(case.originator, &row.from)
            && if case.borne.is_nameless() {
                goes_by_name(matrix, row)
            } else {
                cut.iter().any(|name| means(matrix, row, name))
            }
    };
    fitting(matrix, case, fits)
}

fn goes_by_name(matrix: &Matrix, row: &Row) -> bool {
    row.to.iter().any(|role| matrix.role(*role).is_some_and(|role| !role.names.is_empty()))
}

/// Whether a row goes by this name.
fn means(matrix: &Matrix, row: &Row, name: &str) -> bool {
    let roles = row.to.iter().filter_map(|role| matrix.role(*role));
    roles.flat_map(|role| &role.names).any(|pattern| name_matches(pattern, name))
}

/// A row would fit if somebody played the role that nobody plays here.
fn unbound(matrix: &Matrix, case: &Case<'_>) -> Option<(RowId, String)> {
    let strange = |row: &Row| stranger(matrix, case, row, unplayed(matrix, row)?.0);
    let row = fitting(matrix, case, |row: &Row| strange(row).is_some()).next()?;
    let found = matrix.row(row)?;
    let (who, (_, asked)) = (strange(found)?, unplayed(matrix, found)?);
    let title = matrix.role(asked).map(|role| role.title.as_str()).unwrap_or_default();
    Some((row, case.pen.write(|| words::nobody_plays(title, who, &found.id))))
}

/// The role of a row that the site leaves open, and the one that it has to give players to. A baseline only
/// explains: a role that no audited row has, and that follows none, is no question where the site leaves it empty, or
/// every stranger would be one. Whoever plays any role is a member, so that one that is missing may be a member too.
fn unplayed(matrix: &Matrix, row: &Row) -> Option<(RoleId, RoleId)> {
    let is_audited = |row: &&Row| matrix.packs.get(row.pack).is_some_and(|pack| pack.audited);
    let audited = || matrix.rows.iter().filter(is_audited);
    let follows = |role: RoleId| matrix.role(role).map(|role| role.follows);
    if let Some(role) = matrix.unplayed(row) {
        let leader = if let Some(Follows::Role(leader)) = follows(role) { leader } else { role };
        let counts = |own: &RoleId| *own == role || *own == leader;
        let asks = is_audited(&row) || audited().any(|row| row.from.iter().chain(&row.to).any(counts));
        return asks.then_some((role, leader));
    }
    if row.standing == Standing::NotApplicable {
        return None;
    }
    let everybody = row.from.iter().chain(&row.to).find(|role| follows(**role) == Some(Follows::Everybody))?;
    Some((*everybody, audited().find_map(|row| matrix.unplayed(row))?))
}

/// The end of a flow that may play this role of a row, where the other cells fit. A host that the site lists is
/// known, and plays what it is listed for; a group is nobody.
fn stranger(matrix: &Matrix, case: &Case<'_>, row: &Row, role: RoleId) -> Option<IpAddr> {
    let may = |address: IpAddr| !address.is_multicast() && !matrix.lists_host(address);
    let ends = [
        (case.originator, case.facts.originator.address, &row.from),
        (case.responder, case.facts.responder.address, &row.to),
    ];
    let mut found = None;
    for (end, address, roles) in ends {
        if !plays(end, roles) {
            if !roles.contains(&role) || !may(address) {
                return None;
            }
            found = Some(address);
        }
    }
    found
}

/// The rows that pass `test` with an atom of this service that the bytes do not contradict.
fn fitting<'m>(
    matrix: &'m Matrix,
    case: &'m Case<'_>,
    test: impl Fn(&Row) -> bool + 'm,
) -> impl Iterator<Item = RowId> + 'm {
    let agrees = |atom: &Atom| {
        let service = atom.transport == case.facts.transport && atom.ports.contains(case.facts.port);
        service && !matches!(payload::compare(case.flow, atom), Bytes::Contradict(_))
    };
    let rows = (0u32..).map(RowId).zip(&matrix.rows);
    // Most rows are of another service, which is asked in no time.
    rows.filter(move |(_, row)| row.atoms.iter().any(agrees) && test(row)).map(|(id, _)| id)
}
