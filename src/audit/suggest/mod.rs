//! What was seen and packs without a site in, a guess at who plays which role out, each line with
//! the packets that it rests on. A guess is for a human to read: nothing here is ever judged by, and
//! what rests on a port alone is only offered. Knows roles by their rows, never by their names.

mod callers;
mod contacts;
mod servers;
mod subject;

use std::collections::BTreeMap;
use std::net::IpAddr;

pub use subject::Subject;

use self::contacts::Contacts;
use crate::ledger::Observation;
use crate::matrix::{Pack, PackRole, PackRow, Player};
use crate::wire::FrameRef;

/// A site as the capture suggests it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suggestion {
    /// Who is under audit.
    pub subject: Subject,
    /// Every role of the audited packs, in their order.
    pub roles: Vec<SuggestedRole>,
    /// Every feature of the audited packs, in their order.
    pub features: Vec<SuggestedFeature>,
}

/// A role and who may play it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SuggestedRole {
    /// Its id.
    pub id: String,
    /// Its title in the document.
    pub title: String,
    /// Who may play it.
    pub players: Vec<SuggestedPlayer>,
    /// What to know about it, one sentence each.
    pub notes: Vec<String>,
}

/// Somebody who may play a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SuggestedPlayer {
    /// An address, a network, or a name (canonical).
    pub player: String,
    /// Whether the line is to count once the site has been read.
    pub strength: Strength,
    /// What was seen, with frames; names in it are as the sender wrote them.
    pub evidence: String,
}

/// How strong a guess is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strength {
    /// Bytes or a directory speak for it.
    Seen,
    /// Only offered: a port, or something that others can be as well.
    Offered,
}

/// A feature and whether its traffic was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SuggestedFeature {
    /// Its id.
    pub id: String,
    /// Its title in the document.
    pub title: String,
    /// What the pack says without a site.
    pub default: bool,
    /// What was seen of its rows.
    pub evidence: Option<String>,
}

/// Guesses who plays which role. `given` are addresses that the user knows to be the subject's;
/// without them the shape of the traffic decides.
///
/// # Errors
/// Why the subject could not be told, in one sentence.
pub fn suggest(
    observation: &Observation,
    packs: &[Pack],
    baseline: &[Pack],
    given: &[IpAddr],
) -> Result<Suggestion, String> {
    let subject = subject::find(observation, packs, given)?;
    let contacts = Contacts::new(observation, &subject);
    let mut guesses: BTreeMap<&str, Vec<SuggestedPlayer>> = servers::guess(&contacts, packs, baseline);
    for (role, players) in callers::guess(&contacts, packs, &guesses) {
        guesses.entry(role).or_default().extend(players);
    }
    let features = features(&contacts, packs, &guesses);
    let subject_id = packs.first().map(|pack| pack.subject.as_str()).unwrap_or_default();
    let roles = roles(packs).into_iter().filter(|role| role.id != subject_id).map(|role| SuggestedRole {
        id: role.id.clone(),
        title: role.title.clone(),
        notes: notes(&contacts, packs, role, guesses.get(role.id.as_str())),
        players: guesses.remove(role.id.as_str()).unwrap_or_default(),
    });
    Ok(Suggestion { roles: roles.collect(), features, subject })
}

/// Every role of these packs, each once.
fn roles(packs: &[Pack]) -> Vec<&PackRole> {
    let mut roles: Vec<&PackRole> = Vec::new();
    for role in packs.iter().flat_map(|pack| &pack.roles) {
        if !roles.iter().any(|known| known.id == role.id) {
            roles.push(role);
        }
    }
    roles
}

fn rows(packs: &[Pack]) -> impl Iterator<Item = &PackRow> {
    packs.iter().flat_map(|pack| &pack.rows)
}

/// The subject is at this end of the row.
fn is_subject(packs: &[Pack], end: &[String]) -> bool {
    packs.iter().any(|pack| end.contains(&pack.subject))
}

fn notes(
    contacts: &Contacts<'_>,
    packs: &[Pack],
    role: &PackRole,
    guessed: Option<&Vec<SuggestedPlayer>>,
) -> Vec<String> {
    use crate::matrix::DefaultPlayers;
    let mut notes = Vec::new();
    if !role.players.is_empty() {
        let names: Vec<String> = role.players.iter().map(Player::to_string).collect();
        notes.push(format!("the document itself names {}", names.join(", ")));
    } else if let DefaultPlayers::Role(other) = &role.default {
        notes.push(format!("without a line here, whoever plays {other} plays it"));
    }
    let is_seen =
        rows(packs).any(|row| is_subject(packs, &row.from) && row.to.contains(&role.id) || is_subject(packs, &row.to));
    if guessed.is_none() && role.players.is_empty() && contacts.is_empty() && is_seen {
        notes.push("no flow of the subject was captured".to_owned());
    }
    notes
}

/// A feature was seen when a row that it alone switches on was.
fn features(
    contacts: &Contacts<'_>,
    packs: &[Pack],
    guesses: &BTreeMap<&str, Vec<SuggestedPlayer>>,
) -> Vec<SuggestedFeature> {
    let all = packs.iter().flat_map(|pack| &pack.features);
    all.map(|feature| {
        let own = rows(packs).filter(|row| row.when.contains(&feature.id));
        let evidence = own.filter_map(|row| Some((row, seen(contacts, packs, row, guesses)?))).next();
        SuggestedFeature {
            id: feature.id.clone(),
            title: feature.title.clone(),
            default: feature.default,
            evidence: evidence.map(|(row, frame)| format!("{} was seen, {}", row.id, contacts.place(frame))),
        }
    })
    .collect()
}

/// The first frame of a flow that is this row's by its bytes and by who was guessed for its far end.
fn seen(
    contacts: &Contacts<'_>,
    packs: &[Pack],
    row: &PackRow,
    guesses: &BTreeMap<&str, Vec<SuggestedPlayer>>,
) -> Option<FrameRef> {
    let inbound = is_subject(packs, &row.to);
    let far = if inbound { &row.from } else { &row.to };
    if !inbound && !is_subject(packs, &row.from) {
        return None;
    }
    let named = |name: &str| {
        let players = roles(packs).into_iter().filter(|role| far.contains(&role.id)).flat_map(|role| &role.players);
        players.into_iter().any(|player| match player {
            Player::Name(pattern) => crate::matrix::name_matches(pattern, name),
            Player::Addresses(_) => false,
        })
    };
    let listed = |address: IpAddr| {
        let players = far.iter().filter_map(|role| guesses.get(role.as_str())).flatten();
        players.filter(|player| player.strength == Strength::Seen).any(|player| holds(&player.player, address))
    };
    let found =
        contacts.all().filter(|contact| contact.inbound == inbound && contact.proves(&row.services)).find(|contact| {
            listed(contact.peer) || (!inbound && contacts.names_of(contact).iter().any(|name| named(name)))
        });
    found.map(|contact| contact.flow.first_frame)
}

fn holds(player: &str, address: IpAddr) -> bool {
    matches!(Player::parse(player), Ok(Player::Addresses(range)) if range.contains(&address))
}
