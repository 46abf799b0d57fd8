//! First payload bytes in, application, names and endpoints out. Pure functions over byte slices:
//! no state, no time, no addresses. Recognition is positive only: "not captured" and "not
//! recognised" stay apart, and nothing is recognised by its port.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_possible_wrap
    )
)]

mod adws;
mod application;
mod banner;
mod ber;
mod dhcp;
mod discovery;
mod http;
mod ike;
mod kerberos;
mod ndr;
mod netbios;
mod ntp;
mod peek;
mod quic;
mod rdp;
mod reader;
mod recognise;
mod recognised;
mod snmp;
mod stun;
mod syslog;
mod tds;
mod tftp;

pub mod cldap;
pub mod dcom;
pub mod dns;
pub mod epm;
pub mod ldap;
pub mod name;
pub mod rpc;
pub mod smb;
pub mod ssrp;
pub mod tls;

pub use application::Application;
pub use quic::may_span_datagrams;
pub use recognise::{Prefix, Progress, recognise};
pub use recognised::{Claim, ClaimSource, Payload, Recognised, Side};
pub use tls::certificate_end;
