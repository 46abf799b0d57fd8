//! Answers of a directory in, what they say of who its controllers are out: the hosts that DNS
//! located for a service, and what a controller said of itself when it was pinged. A sign is what
//! was said, not what is true: whether anybody asked, and whom to believe, is for the reader.

use super::{DirectorySays, DirectorySign};
use crate::dissect::cldap;
use crate::dissect::dns::{self, Data};
use crate::flow::Sighting;

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
            DNS_PORT if payload.windows(OVER_TCP.len()).any(|window| window.eq_ignore_ascii_case(OVER_TCP)) => {
                let Some(message) = dns::parse(payload).filter(|message| message.response) else { return };
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
                let ping = cldap::ping(payload);
                self.signs.extend(ping.map(|ping| sign(ping.host, DirectorySays::Pinged { flags: ping.flags })));
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

    /// Every sign, each once.
    pub(super) fn settle(&self) -> Vec<DirectorySign> {
        let mut signs = self.signs.clone();
        signs.sort();
        signs.dedup();
        signs
    }
}
