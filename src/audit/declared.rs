//! Names that somebody declares: the user's hosts file, and what the author of a capture wrote into it, where the
//! user trusts that. In: both, and the matrix. Out: what a declaration is worth for a flow, which is less than
//! what DNS gives. Declares nothing of hosts that the site lists, and never speaks louder than DNS.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::grade::Graded;
use super::verdict::Case;
use super::{payload, words};
use crate::dissect::Claim;
use crate::ledger::Observation;
use crate::matrix::{Basis, Matrix, names_a_peer};

/// Who declares a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Declarer {
    /// The user, in his hosts file.
    Hosts,
    /// Whoever wrote the capture.
    Capture,
}

/// Declared names, by address and by name; of two that declare the same, the user counts.
#[derive(Default)]
pub(super) struct Declared<'audit> {
    by_address: BTreeMap<IpAddr, BTreeMap<&'audit str, Declarer>>,
    by_name: BTreeMap<&'audit str, Vec<(IpAddr, Declarer)>>,
}

impl<'audit> Declared<'audit> {
    /// Sorts out which declarations count.
    pub(super) fn new(observation: &'audit Observation, matrix: &'audit Matrix) -> Self {
        let hosts = matrix.declared.hosts.iter().flat_map(|hosts| &hosts.names);
        let hosts = hosts.map(|(address, name)| (*address, name.as_str(), Declarer::Hosts));
        let trusted = observation.inputs.iter().filter(|_| matrix.declared.trusts_captures);
        let written = trusted.flat_map(|input| &input.declared);
        let written = written.map(|one| (one.address, one.name.as_str(), Declarer::Capture));
        let mut declared = Self::default();
        for (address, name, by) in hosts.chain(written) {
            // As with DNS: nothing renames a host that the site lists.
            if names_a_peer(address) && !matrix.lists_host(address) {
                declared.by_address.entry(address).or_default().entry(name).or_insert(by);
                declared.by_name.entry(name).or_default().push((address, by));
            }
        }
        declared
    }

    /// Whether nobody declares anything.
    pub(super) fn is_silent(&self) -> bool {
        self.by_address.is_empty()
    }

    /// The names of an address, sorted.
    pub(super) fn names(&self, address: IpAddr) -> impl Iterator<Item = &'audit str> {
        self.by_address.get(&address).into_iter().flat_map(|names| names.keys().copied())
    }

    /// Who declares that this address bears this name.
    pub(super) fn by(&self, name: &str, address: IpAddr) -> Option<Declarer> {
        self.by_address.get(&address)?.get(name).copied()
    }

    /// The flow claims a name of which DNS says nothing: `claimed` is what the claim alone is worth. A declaration
    /// of the same supports it; one that gives the address another name, or the name another address, makes
    /// it a question.
    pub(super) fn weigh(&self, claim: &Claim, case: &Case<'_>, minimum: Basis, claimed: Graded) -> Graded {
        if self.is_silent() {
            return claimed;
        }
        let (flow, pen) = (case.flow, case.pen);
        let (address, stated) = (flow.responder().address, words::stated_in(flow));
        if let Some(by) = self.by(&claim.name, address) {
            let reason = pen.write(|| words::claim_declared(claim, by, stated));
            return Graded::at_least(minimum, Basis::Declared, reason);
        }
        let other = self.by_address.get(&address).and_then(|names| names.first_key_value());
        if let Some((other, by)) = other {
            return Graded::undecided(pen.write(|| words::claim_against_declared(claim, other, *by, stated)));
        }
        let given = self.by_name.get(claim.name.as_str()).into_iter().flatten();
        let elsewhere = given.into_iter().find(|(given, _)| given.is_ipv4() == address.is_ipv4());
        if let Some((elsewhere, by)) = elsewhere {
            return Graded::undecided(pen.write(|| words::claim_declared_elsewhere(claim, *elsewhere, *by, stated)));
        }
        claimed
    }

    /// Nothing but a declaration says that the responder bears `name`.
    pub(super) fn alone(&self, name: &str, case: &Case<'_>, minimum: Basis) -> Graded {
        let (flow, borne, pen) = (case.flow, case.borne, case.pen);
        let address = flow.responder().address;
        let Some(by) = self.by(name, address) else { return Graded::absent() };
        // What the flow states and what DNS gave come first.
        let outer = payload::outer_name(flow).is_some_and(|outer| outer.name != name);
        if !borne.claims.is_empty() || !borne.bound.is_empty() || outer {
            return Graded::absent();
        }
        let further = self.names(address).filter(|other| *other != name && !is_short_for(other, name));
        let heard = borne.heard().filter(|other| *other != name);
        let others: Vec<&str> = further.chain(heard).collect();
        if !others.is_empty() {
            let names: Vec<&str> = [name].into_iter().chain(others).collect();
            return Graded::undecided(pen.write(|| words::shared_declared(address, &names)));
        }
        if payload::is_lossy(flow) {
            return Graded::undecided(pen.write(|| words::lost(flow)));
        }
        Graded::at_least(minimum, Basis::Declared, pen.write(|| words::declared_only(name, by)))
    }
}

/// Whether one of the two is the first label of the other: `sts` beside `sts.corp.example` is no second host.
fn is_short_for(one: &str, other: &str) -> bool {
    let first = |long: &str, short: &str| !short.contains('.') && long.split('.').next() == Some(short);
    first(one, other) || first(other, one)
}
