//! The contacts of the subject in, who serves it out: for each role the hosts that answer the
//! services of the rows in which it is called. What a directory says of a host outweighs what the
//! host speaks, and both outweigh a port.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::contacts::{Contact, Contacts, Proof};
use super::{Strength, SuggestedPlayer, is_subject, roles, rows};
use crate::audit::words;
use crate::dissect::Application;
use crate::ledger::{DirectorySays, DirectorySign};
use crate::matrix::{DefaultPlayers, Pack, PackRole, Player, Service};
use crate::wire::FrameRef;

/// What speaks for a host in a role.
#[derive(Clone, Debug, Default)]
struct Case {
    /// What a directory says of it.
    signs: Vec<String>,
    /// Services: how often seen, the best proof, the first frame.
    services: BTreeMap<String, (Proof, u64, FrameRef)>,
}

type Cases<'pack> = BTreeMap<&'pack str, BTreeMap<IpAddr, Case>>;

/// Who may play the roles that the subject calls.
pub(super) fn guess<'pack>(
    contacts: &Contacts<'_>,
    packs: &'pack [Pack],
    baseline: &[Pack],
) -> BTreeMap<&'pack str, Vec<SuggestedPlayer>> {
    let mut cases: Cases<'_> = BTreeMap::new();
    for role in roles(packs).into_iter().filter(|role| role.players.is_empty()) {
        let services = called(packs, role);
        if !services.is_empty() && !goes_by_name(&services) {
            cases.insert(&role.id, gather(contacts, &services));
        }
    }
    let mut guesses = BTreeMap::new();
    for role in roles(packs).into_iter().filter(|role| role.players.is_empty()) {
        let services = called(packs, role);
        let players = match cases.get(role.id.as_str()) {
            Some(own) => {
                own.iter().map(|(host, case)| player(role, *host, case, &cases, (contacts, baseline))).collect()
            }
            None if services.is_empty() => continue,
            None => by_name(contacts, packs, &services),
        };
        guesses.insert(role.id.as_str(), players);
    }
    guesses
}

/// The services for which the subject calls this role.
fn called<'pack>(packs: &'pack [Pack], role: &PackRole) -> Vec<&'pack Service> {
    let own = rows(packs).filter(|row| row.to.contains(&role.id) && is_subject(packs, &row.from));
    own.flat_map(|row| &row.services).collect()
}

/// Behind TLS anybody can be: only a name tells who.
fn goes_by_name(services: &[&Service]) -> bool {
    let web = [Application::Https, Application::Tls, Application::Quic, Application::Http];
    services.iter().all(|service| service.application.is_some_and(|spoken| web.contains(&spoken)))
}

fn gather(contacts: &Contacts<'_>, services: &[&Service]) -> BTreeMap<IpAddr, Case> {
    let mut cases: BTreeMap<IpAddr, Case> = BTreeMap::new();
    for contact in contacts.all().filter(|contact| !contact.inbound) {
        for service in services {
            let Some(proof) = contact.proof(service) else { continue };
            let case = cases.entry(contact.peer).or_default();
            let fresh = (proof, 0, contact.flow.first_frame);
            let known = case.services.entry(service_words(contact, service)).or_insert(fresh);
            known.0 = known.0.min(proof);
            known.1 += 1;
            known.2 = known.2.min(contact.flow.first_frame);
        }
    }
    for sign in &contacts.observation.directory {
        if !services.iter().any(|service| speaks_of(sign, service)) || !is_believed(contacts, sign) {
            continue;
        }
        for host in hosts(contacts, sign) {
            let signs = &mut cases.entry(host).or_default().signs;
            let words = sign_words(contacts, sign);
            if signs.len() < SIGNS_SHOWN
                && !signs.iter().any(|known| known.split(" (").next() == words.split(" (").next())
            {
                signs.push(words);
            }
        }
    }
    cases
}

/// A controller speaks for itself; what DNS says counts when somebody asked it.
fn is_believed(contacts: &Contacts<'_>, sign: &DirectorySign) -> bool {
    match sign.says {
        DirectorySays::Located { .. } => contacts.was_asked(sign.frame),
        DirectorySays::Pinged { .. } | DirectorySays::Rooted { .. } => {
            let asked = |contact: &&Contact<'_>| !contact.inbound && contact.peer == sign.speaker;
            let spoken = [Some(Application::Cldap), Some(Application::Ldap)];
            contacts.all().filter(asked).any(|contact| spoken.contains(&contact.application()))
        }
    }
}

fn hosts(contacts: &Contacts<'_>, sign: &DirectorySign) -> BTreeSet<IpAddr> {
    match sign.says {
        DirectorySays::Located { .. } => {
            let given = contacts.addresses.get(sign.host.as_str()).into_iter().flatten().copied();
            let pinged = contacts.observation.directory.iter().filter(|other| other.host == sign.host);
            let pinged = pinged.filter(|other| !matches!(other.says, DirectorySays::Located { .. }));
            given.chain(pinged.map(|other| other.speaker)).collect()
        }
        DirectorySays::Pinged { .. } | DirectorySays::Rooted { .. } => BTreeSet::from([sign.speaker]),
    }
}

/// Whether a sign is about hosts of this service: controllers serve LDAP, some of them the catalog.
fn speaks_of(sign: &DirectorySign, service: &Service) -> bool {
    let Some(application) = service.application else { return false };
    match &sign.says {
        DirectorySays::Located { service } => {
            let wanted = match application {
                Application::Ldap | Application::Cldap => "_ldap.",
                Application::Gc => "_gc.",
                Application::Kerberos => "_kerberos.",
                Application::Kpasswd => "_kpasswd.",
                _ => return false,
            };
            service.starts_with(wanted)
        }
        DirectorySays::Pinged { flags } => match application {
            Application::Ldap | Application::Cldap => true,
            Application::Gc => flags & 0x04 != 0,
            Application::Kerberos => flags & 0x20 != 0,
            _ => false,
        },
        DirectorySays::Rooted { global_catalog } => match application {
            Application::Ldap | Application::Cldap => true,
            Application::Gc => *global_catalog,
            _ => false,
        },
    }
}

fn sign_words(contacts: &Contacts<'_>, sign: &DirectorySign) -> String {
    let place = contacts.place(sign.frame);
    match &sign.says {
        DirectorySays::Located { service } => format!("DNS says that {} serves {service} ({place})", sign.host),
        DirectorySays::Pinged { flags } => {
            let catalog = if flags & 0x04 != 0 { ", a global catalog" } else { "" };
            format!("{PINGED} {}{catalog} ({place})", sign.host)
        }
        DirectorySays::Rooted { global_catalog } => {
            let catalog = if *global_catalog { ", a global catalog" } else { "" };
            format!("{ROOTED} {}{catalog} ({place})", sign.host)
        }
    }
}

fn service_words(contact: &Contact<'_>, service: &Service) -> String {
    let application = service.application.map_or("any", Application::name);
    format!("{application} {}/{}", contact.flow.transport, contact.flow.responder().port)
}

/// One host in one role: what speaks for it, and whether that is enough.
fn player(
    role: &PackRole,
    host: IpAddr,
    case: &Case,
    cases: &Cases<'_>,
    (contacts, baseline): (&Contacts<'_>, &[Pack]),
) -> SuggestedPlayer {
    let spoken = case.services.values().filter(|(proof, ..)| *proof == Proof::Bytes).count();
    let mut evidence = case.signs.clone();
    evidence.extend(case.services.iter().map(|(service, (proof, flows, frame))| {
        let how = match proof {
            Proof::Bytes => "spoken",
            Proof::Port => "only the port",
        };
        let flows = words::plural(*flows, "flow");
        format!("{service} {how} in {flows} from {}", contacts.place(*frame))
    }));
    let named_elsewhere =
        cases.get(role.id.as_str()).is_some_and(|all| all.values().any(|case| !case.signs.is_empty()));
    let doubtful = named_elsewhere && case.signs.is_empty() && spoken_in_all(host, cases) < 2;
    if doubtful {
        evidence.push("no directory names it, as it does others, and it speaks nothing else".to_owned());
    }
    let spoke = |sign: &String| sign.starts_with(PINGED) || sign.starts_with(ROOTED);
    let untouched = case.services.is_empty() && !case.signs.iter().any(spoke);
    if untouched {
        evidence.push("the subject was not seen to call it".to_owned());
    }
    let other = other_role(role, host, case, cases, baseline);
    if let Some(other) = other {
        evidence.push(format!("probably as one of {other}, of whom the baseline expects it"));
    }
    let is_enough = (!case.signs.is_empty() && !untouched) || (spoken > 0 && !doubtful);
    let strength = if is_enough && other.is_none() { Strength::Seen } else { Strength::Offered };
    SuggestedPlayer { player: host.to_string(), strength, evidence: evidence.join("; ") }
}

/// How many services a host speaks in all roles together.
fn spoken_in_all(host: IpAddr, cases: &Cases<'_>) -> usize {
    let services = cases.values().filter_map(|all| all.get(&host)).flat_map(|case| &case.services);
    let spoken = services.filter(|(_, (proof, ..))| *proof == Proof::Bytes).map(|(service, _)| service);
    spoken.collect::<BTreeSet<_>>().len()
}

/// Another role that this host plays, of which a baseline pack expects all that speaks for it here.
fn other_role<'pack>(
    role: &PackRole,
    host: IpAddr,
    case: &Case,
    cases: &Cases<'pack>,
    baseline: &[Pack],
) -> Option<&'pack str> {
    let expected = |other: &str, seen: &str| {
        let own = rows(baseline).filter(|row| row.to.iter().any(|to| to == other));
        own.flat_map(|row| &row.services).any(|service| service.to_string() == seen)
    };
    cases.iter().find_map(|(other, hosts)| {
        let plays =
            hosts.get(&host).is_some_and(|there| there.services.keys().any(|key| !case.services.contains_key(key)));
        let is_default = role.default == DefaultPlayers::Role((*other).to_owned());
        let usual = *other != role.id && plays && !is_default && case.signs.is_empty();
        (usual && !case.services.is_empty() && case.services.keys().all(|seen| expected(other, seen))).then_some(*other)
    })
}

/// Names that the subject reaches over these services and that no document lists: hints only,
/// because every name on the way would do.
fn by_name(contacts: &Contacts<'_>, packs: &[Pack], services: &[&Service]) -> Vec<SuggestedPlayer> {
    let documented = |name: &str| {
        let players = roles(packs).into_iter().flat_map(|role| &role.players);
        players
            .into_iter()
            .any(|player| matches!(player, Player::Name(known) if crate::matrix::name_matches(known, name)))
    };
    let mut names: BTreeMap<&str, (u64, FrameRef)> = BTreeMap::new();
    for contact in contacts.all().filter(|contact| !contact.inbound) {
        if services.iter().all(|service| contact.proof(service) != Some(Proof::Bytes)) {
            continue;
        }
        for name in contacts.names_of(contact).into_iter().filter(|name| !documented(name)) {
            names.entry(name).or_insert((0, contact.flow.first_frame)).0 += 1;
        }
    }
    let by_others = |name: &str| {
        let asked = contacts.observation.resolutions.iter().filter(|asked| asked.name == name);
        asked.map(|asked| asked.client).collect::<BTreeSet<_>>().len() > 1
    };
    let hint = |(name, (flows, frame)): (&str, (u64, FrameRef))| SuggestedPlayer {
        player: name.to_owned(),
        strength: Strength::Offered,
        evidence: format!(
            "the subject reaches this name, {} from {}{}; only you know whether it is meant",
            words::plural(flows, "flow"),
            contacts.place(frame),
            if by_others(name) { ", and others ask for it too" } else { "" }
        ),
    };
    names.into_iter().map(hint).collect()
}

/// How the answer to a ping is told.
const PINGED: &str = "answered a domain controller ping as";
/// How the root of a directory is told.
const ROOTED: &str = "says at the root of its directory that it is";
/// Signs shown for one host.
const SIGNS_SHOWN: usize = 4;
