//! The roles of several packs and the players of a site in, who plays what out. A role of one id is
//! one role in all packs. Rows are not looked at here.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};

use super::addresses::{AddressRange, Player, joined};
use super::diagnostics::{Fault, Faults, quoted};
use super::model::{Follows, Role, RoleId};
use super::pack::{DefaultPlayers, Pack, PackRole};
use super::site::Site;

/// The role of explicit proxies, which every site may list.
pub(super) const PROXY: &str = "proxy";

/// Every role of every pack, each once, audited packs first.
pub(super) struct Cast<'pack> {
    parts: Vec<Part<'pack>>,
    by_id: HashMap<&'pack str, RoleId>,
}

/// A role as one or more packs declare it.
struct Part<'pack> {
    pack: &'pack Pack,
    role: &'pack PackRole,
    players: Vec<&'pack Player>,
    default: &'pack DefaultPlayers,
    audited: bool,
}

impl<'pack> Cast<'pack> {
    /// Gathers the roles; the first pack that gives a title or a default has the say.
    pub fn new(packs: &[(&'pack Pack, bool)]) -> Self {
        let mut cast = Self { parts: Vec::new(), by_id: HashMap::new() };
        for (pack, audited) in packs.iter().copied() {
            for role in &pack.roles {
                let next = RoleId(u32::try_from(cast.parts.len()).unwrap_or(u32::MAX));
                let id = *cast.by_id.entry(role.id.as_str()).or_insert(next);
                match cast.parts.get_mut(super::index::as_index(id.0)) {
                    Some(part) => part.join(role),
                    None => cast.parts.push(Part {
                        pack,
                        role,
                        players: role.players.iter().collect(),
                        default: &role.default,
                        audited,
                    }),
                }
            }
        }
        cast
    }

    /// The role with this id.
    pub fn id(&self, id: &str) -> Option<RoleId> {
        self.by_id.get(id).copied()
    }

    /// The id of a role.
    pub fn declared(&self, role: RoleId) -> Option<&'pack str> {
        self.parts.get(super::index::as_index(role.0)).map(|part| part.role.id.as_str())
    }

    /// Every id, in order.
    pub fn ids(&self) -> impl Iterator<Item = &'pack str> {
        self.parts.iter().map(|part| part.role.id.as_str())
    }

    /// Gives every role its players: those of the site, else those of the documents, else those of
    /// the role that it defaults to.
    pub fn resolve(&self, site: &Site, faults: &mut Faults) -> Vec<Role> {
        let mut roles = Vec::with_capacity(self.parts.len());
        let mut computed = Vec::new();
        for (number, part) in self.parts.iter().enumerate() {
            let mut follows = Follows::Nobody;
            let (addresses, names) = match self.players(number, site, &mut follows, faults) {
                Found::Listed(addresses, names) => (addresses, names),
                Found::Computed(compute) => {
                    computed.push((number, compute));
                    Default::default()
                }
            };
            let (id, title) = (part.role.id.clone(), part.role.title.clone());
            roles.push(Role { id, title, addresses, names, follows });
        }
        roles.extend(self.proxies(site));
        let audited = roles.iter().zip(&self.parts).filter(|(_, part)| part.audited);
        let all: Vec<AddressRange> = audited.flat_map(|(role, _)| role.addresses.iter().cloned()).collect();
        for (number, compute) in computed {
            roles.get_mut(number).into_iter().for_each(|role| role.addresses = joined(compute(&all)));
        }
        roles
    }

    /// Explicit proxies, where the site lists some and no pack has the role: any product may be behind one.
    fn proxies(&self, site: &Site) -> Option<Role> {
        let bound = site.roles.iter().find(|bound| bound.id.text == PROXY && self.id(PROXY).is_none())?;
        let Found::Listed(addresses, names) = split(bound.players.iter()) else { return None };
        let (id, title) = (PROXY.to_owned(), "Explicit proxies".to_owned());
        Some(Role { id, title, addresses, names, follows: Follows::Nobody })
    }

    /// Players of one role, or how they follow from the players of all audited packs.
    /// Notes the last role that it was referred to.
    fn players(&self, start: usize, site: &Site, follows: &mut Follows, faults: &mut Faults) -> Found {
        let mut number = start;
        // A chain of defaults longer than there are roles is a circle.
        for _ in 0..=self.parts.len() {
            let Some(part) = self.parts.get(number) else { break };
            if let Some(bound) = site.roles.iter().find(|bound| bound.id.text == part.role.id) {
                return split(bound.players.iter());
            }
            if !part.players.is_empty() {
                return split(part.players.iter().copied());
            }
            match part.default {
                DefaultPlayers::Nobody => return Found::Listed(Vec::new(), Vec::new()),
                DefaultPlayers::AllPlayers => {
                    *follows = Follows::Everybody;
                    return Found::Computed(<[AddressRange]>::to_vec);
                }
                DefaultPlayers::Broadcasts => return Found::Computed(broadcasts),
                DefaultPlayers::Role(other) => {
                    let next = self.id(other);
                    *follows = next.map_or(Follows::Nobody, Follows::Role);
                    number = next.map_or(usize::MAX, |id| super::index::as_index(id.0));
                }
            }
        }
        if let Some(part) = self.parts.get(start) {
            let message = format!("the default of the role {} leads back to itself", quoted(&part.role.id));
            faults.push(Fault::at(&part.pack.source, part.role.span.clone(), message));
        }
        Found::Listed(Vec::new(), Vec::new())
    }
}

/// Who plays a role.
enum Found {
    /// These addresses and names.
    Listed(Vec<AddressRange>, Vec<String>),
    /// What this makes of the addresses of all players of audited packs.
    Computed(fn(&[AddressRange]) -> Vec<AddressRange>),
}

/// The limited broadcast and the directed broadcasts of the players' networks. A range that is a
/// prefix ends with its broadcast; around anything else the usual /24 is taken.
fn broadcasts(players: &[AddressRange]) -> Vec<AddressRange> {
    let mut found = vec![Ipv4Addr::BROADCAST];
    for range in players {
        let (IpAddr::V4(start), IpAddr::V4(end)) = (range.start(), range.end()) else { continue };
        let (start, end) = (start.to_bits(), end.to_bits());
        let hosts = end.wrapping_sub(start);
        let is_prefix = hosts > 1 && hosts & hosts.wrapping_add(1) == 0 && start & hosts == 0;
        if is_prefix {
            found.push(Ipv4Addr::from_bits(end));
        } else {
            found.extend([start, end].map(|address| Ipv4Addr::from_bits(address | 0xff)));
        }
    }
    found.into_iter().map(|address| IpAddr::V4(address)..=IpAddr::V4(address)).collect()
}

impl<'pack> Part<'pack> {
    fn join(&mut self, role: &'pack PackRole) {
        self.players.extend(&role.players);
        if *self.default == DefaultPlayers::Nobody {
            self.default = &role.default;
        }
    }
}

fn split<'player>(players: impl Iterator<Item = &'player Player>) -> Found {
    let (mut ranges, mut names) = (Vec::new(), Vec::new());
    for player in players {
        match player {
            Player::Addresses(range) => ranges.push(range.clone()),
            Player::Name(name) => names.push(name.clone()),
        }
    }
    names.sort();
    names.dedup();
    Found::Listed(joined(ranges), names)
}

/// One sentence for each role of the site that lists an address or a name twice.
pub(super) fn listed_twice(site: &Site) -> Vec<String> {
    let mut warnings = Vec::new();
    for bound in &site.roles {
        let mut ranges: Vec<&AddressRange> = Vec::new();
        let mut names: Vec<&String> = Vec::new();
        for player in &bound.players {
            match player {
                Player::Addresses(range) => ranges.push(range),
                Player::Name(name) => names.push(name),
            }
        }
        ranges.sort_by_key(|range| (*range.start(), *range.end()));
        names.sort();
        let range = ranges.windows(2).find_map(|pair| match pair {
            [first, second] => {
                (first.end() >= second.start()).then(|| Player::Addresses((*second).clone()).to_string())
            }
            _ => None,
        });
        let name = names.windows(2).find_map(|pair| match pair {
            [first, second] => (first == second).then(|| (*first).clone()),
            _ => None,
        });
        let twice = range.or(name);
        warnings.extend(twice.map(|twice| format!("the role {} lists {twice} more than once", bound.id.text)));
    }
    warnings
}
