//! What can go wrong before the first packet of an interface. Each variant names the interface and
//! says what to do next. An interface that goes away later is never one of these: its input is cut.

use std::io;

/// Why interfaces could not be opened, listed or waited for.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// There is no such interface.
    #[error("{interface}: there is no such interface; there are: {known}")]
    NoInterface {
        /// As the user named it.
        interface: String,
        /// The names of those that are there.
        known: String,
    },
    /// The system does not let this user capture.
    #[error("{interface}: no permission to capture on it: the capability CAP_NET_RAW is missing")]
    NoPermission {
        /// As the user named it.
        interface: String,
    },
    /// libpcap does not accept the filter for this interface.
    #[error("filter `{expression}`: libpcap refuses it for {interface}: {reason}")]
    Filter {
        /// The expression.
        expression: String,
        /// As the user named it.
        interface: String,
        /// What libpcap said.
        reason: String,
    },
    /// It could not be opened for another reason.
    #[error("{interface}: cannot capture on it: {reason}")]
    Other {
        /// As the user named it.
        interface: String,
        /// What libpcap said.
        reason: String,
    },
    /// The interfaces could not be listed.
    #[error("the interfaces cannot be listed: {0}")]
    List(String),
    /// Waiting for packets failed.
    #[error("cannot wait for packets: {0}")]
    Wait(io::Error),
}

/// What libpcap said, without the name of its error type.
pub(super) fn text(error: &pcap::Error) -> String {
    match error {
        pcap::Error::PcapError(reason) => reason.clone(),
        other => other.to_string(),
    }
}
