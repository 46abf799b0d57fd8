//! Answers of a directory in, what they say of who its controllers are out: the hosts that DNS
//! located for a service, and what a controller said of itself when it was pinged. A sign is what
//! was said, not what is true: whether anybody asked, and whom to believe, is for the reader.

use super::{DirectorySays, DirectorySign};
use crate::dissect::dns::{self, Data};
use crate::dissect::{ClaimSource, Payload, cldap, ldap, name};
use crate::flow::{Conversation, Sighting};

/// Signs kept; a flood of them beyond that names nobody.
const MAX_SIGNS: usize = 4096;
/// Ports of DNS and of connection-less LDAP.
const DNS_PORT: u16 = 53;
const CLDAP_PORT: u16 = 389;
/// A label that every service of RFC 2782 over TCP has, as DNS writes it.
const OVER_TCP: &[u8] = b"\x04_tcp";

/// What was heard, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Directory {
    signs: Vec<DirectorySign>,
}

/// Whether datagrams of this port may speak of controllers.
#[inline]
pub(super) const fn is_read(port: u16) -> bool {
    port == DNS_PORT || port == CLDAP_PORT
}

impl Directory {
    /// Takes a UDP datagram that may be such an answer.
    pub(super) fn observe(&mut self, sighting: &Sighting, source: (std::net::IpAddr, u16), payload: &[u8]) {
        if self.signs.len() >= MAX_SIGNS || sighting.ambiguous {
            return;
        }
        let speaker = source.0;
        let sign = |host, says| DirectorySign { speaker, host, says, frame: sighting.place };
        match source.1 {
            DNS_PORT if dns::is_answer(payload) && names_service(payload) => {
                let Some(message) = dns::parse(payload) else { return };
                let room = MAX_SIGNS.saturating_sub(self.signs.len());
                self.signs.extend(
                    message
                        .answers
                        .into_iter()
                        .filter_map(|record| match record.data {
                            Data::Srv(srv) => Some(sign(srv.target, DirectorySays::Located { service: record.name })),
                            _ => None,
                        })
                        .take(room),
                );
            }
            CLDAP_PORT => {
                let pinged =
                    || cldap::ping(payload).map(|ping| (ping.host, DirectorySays::Pinged { flags: ping.flags }));
                let rooted = || {
                    let root = ldap::root_dse(payload)?;
                    let global_catalog = root.global_catalog == Some(true);
                    Some((name::from_text(root.host?.as_bytes())?, DirectorySays::Rooted { global_catalog }))
                };
                self.signs.extend(pinged().or_else(rooted).map(|(host, says)| sign(host, says)));
            }
            _ => {}
        }
    }

    /// Keeps the first of what was heard several times, so that there is room for what is new.
    pub(super) fn compact(&mut self) {
        let key = |sign: &DirectorySign| (sign.speaker, sign.host.clone(), sign.says.clone());
        self.signs.sort_by_key(|sign| (key(sign), sign.frame));
        self.signs.dedup_by_key(|sign| key(sign));
    }

    /// Adds what the following piece heard.
    pub(super) fn merge(&mut self, mut later: Self) {
        self.signs.append(&mut later.signs);
        self.signs.truncate(MAX_SIGNS);
    }

    /// Every sign, each once, with what servers said of themselves over TCP.
    pub(super) fn settle(&self, flows: &[Conversation]) -> Vec<DirectorySign> {
        let mut signs = self.signs.clone();
        let room = MAX_SIGNS.saturating_sub(signs.len());
        signs.extend(flows.iter().filter_map(rooted).take(room));
        signs.sort();
        signs.dedup();
        signs
    }
}

/// Whether a message may locate a service.
fn names_service(message: &[u8]) -> bool {
    message.windows(OVER_TCP.len()).any(|window| window.eq_ignore_ascii_case(OVER_TCP))
}

/// What the responder of a flow said of itself at the root of its directory.
fn rooted(flow: &Conversation) -> Option<DirectorySign> {
    let Payload::Recognised(recognised) = &*flow.payload else { return None };
    recognised.claims.iter().find_map(|claim| {
        let global_catalog = match claim.source {
            ClaimSource::RootDse => false,
            ClaimSource::CatalogRootDse => true,
            ClaimSource::Sni
            | ClaimSource::OuterSni
            | ClaimSource::RivalSni
            | ClaimSource::Host
            | ClaimSource::Connect(_)
            | ClaimSource::Certificate => return None,
        };
        let says = DirectorySays::Rooted { global_catalog };
        Some(DirectorySign {
            frame: flow.first_frame,
            speaker: flow.responder().address,
            host: claim.name.clone(),
            says,
        })
    })
}
