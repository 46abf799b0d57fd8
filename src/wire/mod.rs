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
mod frame;
mod time;

pub use datagram::{Content, Datagram, Fragment, IcmpMessage, Quote, TcpFlags, TcpSegment, Transport, Undecoded};
pub use frame::{Course, Frame, FrameRef, LinkType};
pub use time::Timestamp;
