//! Two endpoints in, their Community ID out: version 1, seed 0, the identifier by which Zeek,
//! Suricata, Wireshark and others name the same conversation. Never depends on who started it.

use std::net::IpAddr;

use data_encoding::BASE64;
use sha1::{Digest, Sha1};

use crate::flow::Endpoint;
use crate::wire::Transport;

/// The Community ID of a conversation. Protocols without ports leave the ports out of the hash.
#[must_use]
pub fn id(transport: Transport, one: Endpoint, other: Endpoint) -> String {
    let (low, high) = if (one.address, one.port) <= (other.address, other.port) { (one, other) } else { (other, one) };
    hash(transport, low, high)
}

/// The Community ID of an ICMP or ICMPv6 message of type `kind` and code `code` from `from` to `to`.
/// A request and its answer have the same; a message without a counterpart keeps its direction.
#[must_use]
pub fn icmp_id(transport: Transport, from: IpAddr, to: IpAddr, (kind, code): (u8, u8)) -> String {
    let pairs = if transport == Transport::ICMP6 { COUNTERPARTS_6 } else { COUNTERPARTS_4 };
    let counterpart = pairs.iter().find_map(|&(asks, answers)| match kind {
        kind if kind == asks => Some(answers),
        kind if kind == answers => Some(asks),
        _ => None,
    });
    let end = |address, port: u8| Endpoint { address, port: u16::from(port) };
    match counterpart {
        Some(counterpart) => id(transport, end(from, kind), end(to, counterpart)),
        None => hash(transport, end(from, kind), end(to, code)),
    }
}

fn hash(transport: Transport, first: Endpoint, second: Endpoint) -> String {
    let mut digest = Sha1::new();
    digest.update(0u16.to_be_bytes());
    for end in [first, second] {
        match end.address {
            IpAddr::V4(address) => digest.update(address.octets()),
            IpAddr::V6(address) => digest.update(address.octets()),
        }
    }
    digest.update([transport.0, 0]);
    if HAVE_PORTS.contains(&transport) {
        digest.update(first.port.to_be_bytes());
        digest.update(second.port.to_be_bytes());
    }
    format!("1:{}", BASE64.encode(&digest.finalize()))
}

const HAVE_PORTS: &[Transport] = &[Transport::ICMP, Transport::TCP, Transport::UDP, Transport::ICMP6, Transport::SCTP];

/// ICMP types that ask and answer each other (as in Zeek): echo, router discovery, time stamp,
/// information, address mask.
const COUNTERPARTS_4: &[(u8, u8)] = &[(8, 0), (10, 9), (13, 14), (15, 16), (17, 18)];

/// The same for ICMPv6: echo, listener, router, neighbour, node information, home agent.
const COUNTERPARTS_6: &[(u8, u8)] = &[(128, 129), (130, 131), (133, 134), (135, 136), (139, 140), (144, 145)];

#[cfg(test)]
mod tests {
    use super::*;

    /// A vector of the specification's baseline; for ICMP the ports are type and code.
    fn check(transport: u8, from: &str, from_port: u16, to: &str, to_port: u16, expected: &str) {
        let (from, to): (IpAddr, IpAddr) = (from.parse().unwrap(), to.parse().unwrap());
        let transport = Transport(transport);
        let found = if matches!(transport, Transport::ICMP | Transport::ICMP6) {
            icmp_id(transport, from, to, (u8::try_from(from_port).unwrap(), u8::try_from(to_port).unwrap()))
        } else {
            let end = |address, port| Endpoint { address, port };
            assert_eq!(
                id(transport, end(from, from_port), end(to, to_port)),
                id(transport, end(to, to_port), end(from, from_port))
            );
            id(transport, end(from, from_port), end(to, to_port))
        };
        assert_eq!(found, expected, "{transport} {from} {from_port} {to} {to_port}");
    }

    #[test]
    fn baseline_of_the_specification() {
        check(6, "128.232.110.120", 34855, "66.35.250.204", 80, "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
        check(17, "192.168.1.52", 54585, "8.8.8.8", 53, "1:d/FP5EW3wiY1vCndhwleRRKHowQ=");
        check(132, "192.168.170.8", 7, "192.168.170.56", 7, "1:MP2EtRCAUIZvTw6MxJHLV7N7JDs=");
        check(46, "10.1.12.1", 0, "10.1.12.2", 0, "1:KHlLkgoJW7ifUTyTSgyVfkFHzKw=");
        check(
            6,
            "2001:470:e5bf:dead:4957:2174:e82c:4887",
            63943,
            "2607:f8b0:400c:c03::1a",
            25,
            "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4=",
        );
        check(1, "192.168.0.89", 8, "192.168.0.1", 0, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=");
        check(1, "192.168.0.1", 0, "192.168.0.89", 8, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=");
        check(1, "10.0.0.1", 11, "10.0.0.2", 0, "1:YHxtAirCG//0OzkcVAukqKQN9xM=");
        check(58, "fe80::200:86ff:fe05:80da", 135, "fe80::260:97ff:fe07:69ea", 0, "1:dGHyGvjMfljg6Bppwm3bg0LO8TY=");
        check(58, "fe80::260:97ff:fe07:69ea", 136, "fe80::200:86ff:fe05:80da", 0, "1:dGHyGvjMfljg6Bppwm3bg0LO8TY=");
        check(58, "fe80::260:97ff:fe07:69ea", 135, "fe80::200:86ff:fe05:80da", 0, "1:zavyT/cezQr1fmImYCwYnMXbgck=");
        check(58, "fe80::200:86ff:fe05:80da", 133, "ff02::2", 0, "1:hO+sN4H+MG5MY/8hIrXPqc4ZQz0=");
        check(
            58,
            "3ffe:501:410:0:2c0:dfff:fe47:33e",
            1,
            "3ffe:507:0:1:200:86ff:fe05:80da",
            4,
            "1:hLZd0XGWojozrvxqE0dWB1iM6R0=",
        );
        check(58, "3ffe:501:1800:2345::2", 3, "3ffe:507:0:1:200:86ff:fe05:80da", 0, "1:2ObVBgIn28oZvibYZhZMBgh7WdQ=");
    }
}
