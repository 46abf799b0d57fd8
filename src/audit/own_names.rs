//! A server that announces a port by the name of a host: is that name its own? In: what DNS gave to the client
//! that was told, and what is declared. Out: its own, another's, or nobody knows whose. Asks nobody else, the
//! server least of all.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::names::Names;
use crate::ledger::{Announcement, Binding, Observation};
use crate::matrix::Matrix;

/// Whose a name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// The server's.
    Own,
    /// That of the host at this address.
    Another(IpAddr),
    /// Nothing ties it to the server, and nothing to another host.
    Unknown,
}

/// What each client knew of the names of hosts, those that the site lists among them. Empty where no
/// announcement goes by a name.
#[derive(Default)]
pub(super) struct OwnNames<'audit> {
    given: BTreeMap<IpAddr, Vec<&'audit Binding>>,
    declared: Vec<(IpAddr, &'audit str)>,
}

impl<'audit> OwnNames<'audit> {
    /// Reads them off what DNS gave and what is declared.
    pub(super) fn new(observation: &'audit Observation, matrix: &'audit Matrix, names: &Names<'audit>) -> Self {
        let mut own = Self::default();
        if observation.announcements.iter().all(|told| told.host.is_none()) {
            return own;
        }
        for binding in names.believed().chain(names.of_listed()) {
            own.given.entry(binding.client).or_default().push(binding);
        }
        let hosts = matrix.declared.hosts.iter().flat_map(|hosts| &hosts.names);
        own.declared.extend(hosts.map(|(address, name)| (*address, name.as_str())));
        let trusted = observation.inputs.iter().filter(|_| matrix.declared.trusts_captures);
        own.declared.extend(trusted.flat_map(|input| &input.declared).map(|one| (one.address, one.name.as_str())));
        own
    }

    /// Whose endpoint an announcement speaks of.
    pub(super) fn whose(&self, told: &Announcement) -> Whose {
        if let Some(elsewhere) = told.elsewhere {
            return Whose::Another(elsewhere);
        }
        let Some(host) = &told.host else { return Whose::Own };
        let given = self.given.get(&told.client).into_iter().flatten().filter(|binding| binding.from <= told.at);
        let given = given.map(|binding| (binding.address, binding.name.as_str()));
        let bearers = given.chain(self.declared.iter().copied()).filter(|(_, name)| is_called(host, name));
        let bearers: Vec<IpAddr> = bearers.map(|(address, _)| address).collect();
        match bearers.first() {
            _ if bearers.contains(&told.server) => Whose::Own,
            Some(other) => Whose::Another(*other),
            None => Whose::Unknown,
        }
    }
}

/// Windows calls hosts by their first label alone, too.
fn is_called(host: &str, name: &str) -> bool {
    host == name || (!host.contains('.') && name.split('.').next() == Some(host))
}
