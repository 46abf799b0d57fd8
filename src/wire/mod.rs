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
#[cfg(test)]
mod sample;
mod sender;
mod tally;
mod tcp;
mod time;
mod tunnel;
mod udp;

pub use datagram::{Content, Datagram, Fragment, IcmpMessage, Quote, TcpFlags, TcpSegment, Transport, Undecoded};
pub use fast::{Plain, PlainTcp, RawAddress, Road, plain};
pub use fragment::{Fragments, PendingFragment, Reassembled};
pub use frame::{Course, Frame, FrameRef, LinkType, is_snapped};
pub use link::course;
pub use sender::Sender;
pub use tally::Tally;
pub use time::Timestamp;
pub use tunnel::{is_tunnel_port, peel};

/// Reads a frame down to its outermost IP datagram.
///
/// # Errors
/// [`Undecoded`] says why there is none.
#[inline]
pub fn decode<'frame>(frame: &Frame<'frame>) -> Result<Datagram<'frame>, Undecoded> {
    match fast::datagram(frame) {
        Some(datagram) => Ok(datagram),
        None => link::decode(frame.link, layer::Layer::of(frame)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::sample::{ethernet, fragment4, frame, ipv4, ipv6, join, plain, read, tcp, udp};
    use super::{Content, Fragments, decode, peel};

    fn check(ip: &[u8], expected: &str) {
        assert_eq!(read(&frame(101, ip)), [expected]);
    }

    #[test]
    fn lengths_are_taken_from_ip_but_never_beyond_the_slice() {
        let patched = |at: usize, value: [u8; 2]| {
            let mut bytes = plain();
            bytes[at..at + 2].copy_from_slice(&value);
            bytes
        };
        check(&plain(), "udp 1>2 31: 3/3");
        check(&join(&[&plain(), &[0; 15]]), "udp 1>2 31: 3/3");
        check(&plain()[..30], "udp 1>2 31: 2/3");
        check(&plain()[..24], "udp 1>2 31: 0/3");
        check(&plain()[..23], "Cut");
        check(&plain()[..19], "Cut");
        check(&patched(2, [0, 0]), "udp 1>2 31: 3/3");
        check(&patched(2, [0, 19]), "Malformed");
        check(&patched(2, [0, 23]), "Malformed");
        check(&patched(2, [1, 0]), "udp 1>2 256: 3/3");
        check(&patched(24, [0, 0]), "udp 1>2 31: 3/3");
        check(&patched(24, [0, 9]), "udp 1>2 31: 1/1");
        check(&patched(24, [9, 9]), "udp 1>2 31: 3/3");
        check(&patched(0, [0x44, 0]), "Malformed");
        check(&patched(0, [0x75, 0]), "Malformed");
        check(&[], "Cut");
    }

    #[test]
    fn transports() {
        check(&ipv4(6, &tcp(1, 2, b"abcd")), "tcp 1>2 44: 0x02 4/4");
        check(&ipv6(6, &tcp(1, 2, b"abcd")), "tcp 1>2 64: 0x02 4/4");
        check(&ipv4(6, &tcp(1, 2, b"abcd"))[..34], "tcp 1>2 44: 0x02 0/4");
        check(&ipv4(6, &tcp(1, 2, b"abcd"))[..28], "tcp 1>2 44: 0x00 0/4");
        check(&ipv4(136, &udp(1, 2, b"abc")), "udplite 1>2 31: 3/3");
        check(&ipv4(132, &[0, 1, 0, 2, 9, 9]), "sctp 1>2 26: ports");
        check(&ipv4(33, &[0, 1]), "Malformed");
        check(&ipv4(89, &[1, 2, 3]), "ospf 0>0 23: other 3");
        check(&ipv4(51, &join(&[&[17, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], &udp(1, 2, b"")])), "udp 1>2 40: 0/0");
    }

    #[test]
    fn extension_headers_of_ipv6() {
        let behind = |headers: &[u8], first| ipv6(first, &join(&[headers, &udp(1, 2, b"abc")]));
        check(&behind(&[17, 0, 1, 4, 0, 0, 0, 0], 0), "udp 1>2 59: 3/3");
        check(&behind(&[17, 0, 0, 0, 0, 0, 0, 5], 44), "udp 1>2 59: 3/3");
        check(&behind(&[17, 0, 0, 1, 0, 0, 0, 5], 44), "udp 0>0 59: part 0+11 true");
        check(&behind(&[17, 0, 0, 8, 0, 0, 0, 5], 44), "udp 0>0 59: part 8+11 false");
        check(&behind(&[59, 0, 0, 0, 0, 0, 0, 0], 135), "ip-135 0>0 59: other 19");
        check(&behind(&[60, 0, 1, 4, 0, 0, 0, 0].repeat(11), 60), "TooDeep");
        check(&behind(&[17, 9, 0, 0, 0, 0, 0, 0], 43), "Malformed");
        check(&ipv6(59, &[]), "ip-59 0>0 40: other 0");
    }

    #[test]
    fn messages_and_their_quotes() {
        let error = |kind, quoted: &[u8]| join(&[&[kind, 1, 0, 0, 0, 0, 0, 0], quoted]);
        check(&ipv4(1, &[8, 0, 0, 0, 1, 2]), "icmp 0>0 26: 8.0 Some(258)");
        check(&ipv4(1, &error(3, &ipv4(6, &tcp(1, 2, b""))[..28])), "icmp 0>0 56: 3.1 None quotes tcp:1:2");
        check(&ipv4(1, &error(3, &fragment4(6, 1, &[0, 1, 0, 2]))), "icmp 0>0 52: 3.1 None quotes tcp:0:0");
        check(&ipv4(1, &error(0, &plain())), "icmp 0>0 59: 0.1 Some(0)");
        let extended = ipv6(0, &join(&[&[17, 0, 1, 4, 0, 0, 0, 0], &udp(1, 2, b"")]));
        check(&ipv6(58, &error(1, &extended)), "icmp6 0>0 104: 1.1 None quotes udp:1:2");
    }

    #[test]
    fn a_wire_length_beyond_reason_is_not_believed() {
        let mut bytes = plain();
        bytes[2..4].copy_from_slice(&[0, 0]);
        for (wire_length, expected) in [(90_000, "udp 1>2 90000: 3/3"), (2_000_000_000, "udp 1>2 31: 3/3")] {
            assert_eq!(read(&super::Frame { wire_length, ..frame(101, &bytes) }), [expected]);
        }
    }

    /// The whole path of a packet; what it gives does not matter here, only that it ends.
    fn walk(link: u16, bytes: &[u8], fragments: &mut Fragments) {
        let frame = frame(link, bytes);
        let mut next = decode(&frame);
        while let Ok(datagram) = next {
            if let Content::Fragment(_) = datagram.content
                && let Some(whole) = fragments.insert(frame.at, &datagram, frame.place)
            {
                let _ = whole.datagram();
            }
            let Some(inner) = peel(&datagram) else { return };
            assert!(inner.is_err() || inner.is_ok_and(|inner| inner.depth == datagram.depth + 1));
            next = inner;
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_end(link in 0_u16..300, bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            walk(link, &bytes, &mut Fragments::default());
        }

        #[test]
        fn arbitrary_ip_ends(next in any::<u8>(), version in any::<bool>(), port in prop::sample::select(
            vec![1701_u16, 2152, 3544, 4341, 4754, 4789, 4790, 5072, 6081, 6635, 8472, 37008]
        ), bytes in prop::collection::vec(any::<u8>(), 0..120)) {
            let make = if version { ipv4 } else { ipv6 };
            walk(101, &make(next, &bytes), &mut Fragments::default());
            walk(101, &make(17, &udp(port, 9, &bytes)), &mut Fragments::default());
        }

        #[test]
        fn every_cut_and_every_changed_byte_ends(at in 0_usize..80, value in any::<u8>(), cut in 0_usize..90) {
            let mut bytes = ethernet(0x8100, &join(&[&[0, 5, 8, 0], &ipv4(47, &join(&[
                &[0x20, 0, 0x65, 0x58, 0, 0, 0, 1], &ethernet(0x86dd, &ipv6(6, &tcp(1, 2, b"abc"))),
            ]))]));
            bytes[at] = value;
            walk(1, &bytes[..cut.min(bytes.len())], &mut Fragments::default());
        }

        #[test]
        fn arbitrary_fragments_are_bounded(parts in prop::collection::vec((0_u16..6, any::<bool>(), 0_usize..40), 0..60)) {
            let mut fragments = Fragments::default();
            for (offset, more, length) in parts {
                walk(101, &fragment4(17, offset | u16::from(more) << 13, &vec![1; length]), &mut fragments);
            }
            prop_assert!(fragments.pending() <= 60);
        }
    }
}
