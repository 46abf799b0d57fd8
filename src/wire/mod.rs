//! One frame in, who talks to whom out. Borrows from the frame, allocates nothing, believes the
//! slice and not the length field. Never looks at payload beyond what addressing needs, and never
//! drops silently: what cannot be decoded is an [`Undecoded`] with its reason.
//!
//! The caller's loop, which is also the path of a packet through this floor:
//!
//! ```text
//! let mut next = decode(&frame);                  // the outermost datagram
//! loop {
//!     match next {
//!         Ok(datagram) => {
//!             observe(&datagram);                 // or Fragments::insert for a fragment
//!             match peel(&datagram) {             // a tunnel: inner and outer are both judged
//!                 Some(inner) => next = inner,
//!                 None => break,
//!             }
//!         }
//!         Err(reason) => { count(reason); break }
//!     }
//! }
//! ```
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

mod datagram;
mod ethernet;
mod fast;
mod fragment;
mod frame;
mod icmp;
mod ip;
mod ipv4;
mod ipv6;
mod layer;
mod link;
mod llc;
mod mpls;
mod tcp;
mod time;
mod tunnel;
mod udp;

pub use datagram::{Content, Datagram, Fragment, IcmpMessage, Quote, TcpFlags, TcpSegment, Transport, Undecoded};
pub use fragment::{Fragments, PendingFragment, Reassembled};
pub use frame::{Course, Frame, FrameRef, LinkType};
pub use time::Timestamp;
pub use tunnel::peel;

/// Reads a frame down to its outermost IP datagram.
///
/// # Errors
/// [`Undecoded`] says why there is none.
#[inline]
pub fn decode<'frame>(frame: &Frame<'frame>) -> Result<Datagram<'frame>, Undecoded> {
    if frame.link == ETHERNET
        && let Some(datagram) = fast::decode(frame.bytes)
    {
        return Ok(datagram);
    }
    link::decode(frame.link, layer::Layer::of(frame))
}

const ETHERNET: LinkType = LinkType(1);
