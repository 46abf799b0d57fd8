//! Rows and the cells that differ in, changes of site or pack that were tried out. Each candidate is
//! applied to a copy, compiled, and the whole observation is judged again: only what makes the flow
//! expected is kept, with the other flows whose verdict it changes.

use std::net::IpAddr;

use super::{Change, ConsideredRow, flow_words};
use crate::audit::model::{FlowVerdict, Verdict};
use crate::audit::per_flow::PerFlow;
use crate::audit::{count, judge, words};
use crate::dissect::Payload;
use crate::flow::Conversation;
use crate::ledger::Observation;
use crate::matrix::{Basis, Matrix, Pack, Player, PortTerm, RoleId, RowId, Setting, Site, SiteRole, Standing};

/// The documents that a matrix is made of.
#[derive(Clone, Copy, Debug)]
pub struct Documents<'site> {
    /// The site, with what the command line changed.
    pub site: &'site Site,
    /// The audited packs.
    pub audited: &'site [Pack],
    /// The packs that explain the rest.
    pub baseline: &'site [Pack],
}

impl Documents<'_> {
    /// The features that are off and that this row waits for.
    pub(super) fn off(&self, matrix: &Matrix, row: &str) -> Vec<String> {
        let packs = self.audited.iter().chain(self.baseline);
        let documented = packs.flat_map(|pack| &pack.rows).find(|known| known.id == row);
        let waits = documented.into_iter().flat_map(|row| row.when.iter().cloned());
        waits.filter(|id| matrix.features.contains(&(id.clone(), false))).collect()
    }
}

/// A change that may help: the site or the packs after it, and how to say it.
struct Candidate {
    site: Site,
    extra: Option<Pack>,
    what: Vec<String>,
    toml: Vec<String>,
}

/// Changes tried at most, and rows that they are taken from.
const CHANGES: usize = 4;
const ROWS: usize = 6;
/// Cells of one row that a change of the site may mend at once.
const CELLS: usize = 2;
/// Other flows shown for one change.
const EXAMPLES: usize = 10;

/// What makes the flow at `index` expected, smallest change first.
pub(super) fn tried(
    observation: &Observation,
    index: usize,
    before: &PerFlow<FlowVerdict>,
    rows: &[(RowId, ConsideredRow)],
    (matrix, documents): (&Matrix, Documents<'_>),
) -> Vec<Change> {
    let Some(flow) = observation.flows.get(index) else { return Vec::new() };
    // A row that only explains helps where nothing explains the flow yet.
    let explained = before.get(index).is_some_and(|verdict| is_let_through(verdict.verdict));
    let near = |audited: bool| {
        let near = rows.iter().filter(move |(_, row)| row.audited == audited && row.differing <= CELLS);
        near.take(ROWS).flat_map(|(id, row)| of_row(flow, *id, row, (matrix, documents)))
    };
    let mut candidates: Vec<Candidate> = near(true).collect();
    if !explained {
        candidates.extend(near(false));
    }
    candidates.extend(new_row(flow, matrix, documents));
    let mut changes: Vec<Change> = Vec::new();
    for candidate in candidates {
        if changes.len() >= CHANGES || changes.iter().any(|known| known.toml == candidate.toml.join("\n")) {
            continue;
        }
        changes.extend(attempt(observation, index, before, candidate, documents));
    }
    changes
}

/// The change, when it does what it is for.
fn attempt(
    observation: &Observation,
    index: usize,
    before: &PerFlow<FlowVerdict>,
    candidate: Candidate,
    documents: Documents<'_>,
) -> Option<Change> {
    let audited: Vec<Pack> = documents.audited.iter().cloned().chain(candidate.extra).collect();
    let matrix = Matrix::compile(&audited, documents.baseline, &candidate.site).ok()?;
    let after = judge(observation, &matrix).flows;
    let becomes = after.get(index)?.verdict;
    let explains = becomes == Verdict::Baseline && before.get(index).is_some_and(|b| !is_let_through(b.verdict));
    if becomes != Verdict::Expected && !explains {
        return None;
    }
    let flows = observation.flows.iter().zip(before).zip(&after).enumerate();
    let others: Vec<&Conversation> = flows
        .filter(|(number, ((_, before), after))| {
            *number != index && !is_let_through(before.verdict) && is_let_through(after.verdict)
        })
        .map(|(_, ((flow, _), _))| flow)
        .collect();
    Some(Change {
        what: candidate.what.join(", and ") + if explains { ", which makes it baseline" } else { "" },
        toml: candidate.toml.join("\n"),
        others: count(others.len()),
        examples: others.iter().take(EXAMPLES).map(|flow| flow_words(flow)).collect(),
    })
}

/// Whether a flow with this verdict concerns nobody: as audited rows say, or those that explain the rest.
const fn is_let_through(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Expected | Verdict::Baseline | Verdict::Waived)
}

/// Edits of the site that mend every differing cell of one row.
fn of_row(
    flow: &Conversation,
    id: RowId,
    considered: &ConsideredRow,
    (matrix, documents): (&Matrix, Documents<'_>),
) -> Vec<Candidate> {
    let Some(row) = matrix.row(id) else { return Vec::new() };
    let start = Candidate { site: documents.site.clone(), extra: None, what: Vec::new(), toml: Vec::new() };
    let mut found = vec![start];
    for cell in considered.cells.iter().filter(|cell| !cell.fits) {
        let edits: Vec<Edit> = match cell.cell {
            "source" => players(matrix, &row.from, flow.originator().address),
            "destination" => players(matrix, &row.to, flow.responder().address),
            "feature" => vec![Edit::Features(documents.off(matrix, &row.id))],
            // A port that is moved for a peer that is none either explains nothing.
            "port" if considered.differing == 1 => variables(documents, &row.id)
                .into_iter()
                .map(|name| Edit::Variable(name, flow.responder().port))
                .collect(),
            "evidence" | "announced" => vec![Edit::NameBasis, Edit::RpcBasis],
            _ => Vec::new(),
        };
        let with = |base: &Candidate| edits.iter().map(|edit| edit.apply(base, matrix)).collect::<Vec<_>>();
        found = found.iter().flat_map(with).collect();
    }
    found.retain(|candidate| !candidate.toml.is_empty());
    found
}

/// Who is under audit is not enlarged to explain a flow, and who goes by name is not listed by address.
fn players(matrix: &Matrix, roles: &[RoleId], address: IpAddr) -> Vec<Edit> {
    let by_name =
        |role: &RoleId| matrix.role(*role).is_some_and(|role| role.addresses.is_empty() && !role.names.is_empty());
    let fitting = roles.iter().filter(|role| **role != matrix.subject && !by_name(role));
    fitting.map(|role| Edit::Player(*role, address)).collect()
}

/// Variables in the ports of a row.
fn variables(documents: Documents<'_>, row: &str) -> Vec<String> {
    let rows = documents.audited.iter().flat_map(|pack| &pack.rows).filter(|known| known.id == row);
    let terms = rows.flat_map(|row| &row.services).flat_map(|service| service.ports.iter().flatten());
    let names = terms.filter_map(|term| match term {
        PortTerm::Variable { name, .. } => Some(name.clone()),
        PortTerm::Range(_) => None,
    });
    names.collect()
}

/// One edit of a site.
enum Edit {
    Player(RoleId, IpAddr),
    Features(Vec<String>),
    Variable(String, u16),
    NameBasis,
    RpcBasis,
}

impl Edit {
    fn apply(&self, base: &Candidate, matrix: &Matrix) -> Candidate {
        let mut site = base.site.clone();
        let (what, toml) = match self {
            Self::Player(role, address) => add_player(&mut site, matrix, *role, *address),
            Self::Features(features) => {
                features.iter().for_each(|feature| site.set_feature(feature, true));
                let lines: Vec<String> = features.iter().map(|feature| format!("{feature} = true")).collect();
                (format!("switch on {}", features.join(", ")), format!("[features]\n{}", lines.join("\n")))
            }
            Self::Variable(name, port) => {
                // A port of a captured flow is always a good one, except 0, which no row then fits.
                let _ = site.set_variable(name, &port.to_string());
                (format!("say that {name} is {port} here"), format!("[variables]\n{name} = {port}"))
            }
            Self::NameBasis => {
                site.basis.name = Basis::Sni;
                let what = "accept the name that the flow itself states, without a DNS answer".to_owned();
                (what, "[site]\nbasis = { name = \"sni\" }".to_owned())
            }
            Self::RpcBasis => {
                site.basis.rpc = Basis::Range;
                let what = "accept any port of the range, announced or not".to_owned();
                (what, "[site]\nbasis = { rpc = \"range\" }".to_owned())
            }
        };
        let more = |list: &[String], next: String| list.iter().cloned().chain([next]).collect();
        Candidate { site, extra: base.extra.clone(), what: more(&base.what, what), toml: more(&base.toml, toml) }
    }
}

/// Adds an address to those who play the role now, by the site, the document or a default.
fn add_player(site: &mut Site, matrix: &Matrix, role: RoleId, address: IpAddr) -> (String, String) {
    let Some(role) = matrix.role(role) else { return Default::default() };
    let own = site.roles.iter().find(|bound| bound.id.text == role.id).map(|bound| bound.players.clone());
    let resolved = || {
        let addresses = role.addresses.iter().cloned().map(Player::Addresses);
        addresses.chain(role.names.iter().cloned().map(Player::Name)).collect()
    };
    let mut players: Vec<Player> = own.unwrap_or_else(resolved);
    players.push(Player::Addresses(address..=address));
    let list: Vec<String> = players.iter().map(|player| format!("\"{player}\"")).collect();
    site.roles.retain(|bound| bound.id.text != role.id);
    site.roles.push(SiteRole { id: Setting::given(&role.id), players });
    (format!("list {address} under {}", role.id), format!("[roles]\n{} = [{}]", role.id, list.join(", ")))
}

/// A pack of one row that documents just this flow, between the roles that its ends play already.
fn new_row(flow: &Conversation, matrix: &Matrix, documents: Documents<'_>) -> Option<Candidate> {
    let application = match &*flow.payload {
        Payload::Recognised(recognised) => recognised.application,
        Payload::None | Payload::NotCaptured | Payload::NotRecognised => None,
    };
    let service = words::service(flow.transport, flow.responder().port);
    let service = format!("{} {service}", application.map_or("any", crate::dissect::Application::name));
    let (from, from_role) = end_role(matrix, flow.originator().address, "local-source");
    let (to, to_role) = end_role(matrix, flow.responder().address, "local-destination");
    let subject = matrix.role(matrix.subject)?;
    let declared = |id: &str| format!("[roles.{id}]\ntitle = \"{id}\"\n\n");
    let named = if from == subject.id || to == subject.id { String::new() } else { declared(&subject.id) };
    let second = if from == to { String::new() } else { to_role };
    let toml = format!(
        "[pack]\nid = \"local\"\ntitle = \"What is allowed here beyond the document\"\nsubject = \"{}\"\n\n{named}{from_role}{second}\
         [[row]]\nid = \"LOCAL-01\"\nfrom = \"{from}\"\nto = \"{to}\"\nservices = [\"{service}\"]\npurpose = \"Say why\"\nneed = \"optional\"",
        subject.id
    );
    let extra = Pack::parse("local.toml", &toml).ok()?;
    let what = format!("document it: a row of a pack of your own (local.toml), {from} to {to}, {service}");
    Some(Candidate { site: documents.site.clone(), extra: Some(extra), what: vec![what], toml: vec![toml] })
}

/// The first role of an audited row that this address plays, else a new one for it alone.
fn end_role(matrix: &Matrix, address: IpAddr, new: &str) -> (String, String) {
    let in_use = |role: &&RoleId| {
        let mut rows = (0u32..).map(RowId).zip(&matrix.rows);
        rows.any(|(id, row)| {
            let standing = row.standing != Standing::NotApplicable;
            standing && crate::audit::is_audited(matrix, id) && row.from.iter().chain(&row.to).any(|own| own == *role)
        })
    };
    let played = matrix.roles_at(address).iter().find(in_use).and_then(|role| matrix.role(*role));
    match played {
        Some(role) => (role.id.clone(), format!("[roles.{0}]\ntitle = \"{0}\"\n\n", role.id)),
        None => (new.to_owned(), format!("[roles.{new}]\ntitle = \"{new}\"\naddresses = [\"{address}\"]\n\n")),
    }
}
