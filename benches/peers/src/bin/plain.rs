//! The auditor that one would write in an afternoon: libpcap reads, etherparse slices leniently, and a
//! HashMap from the standard library counts packets and bytes of each flow. It matches nothing.
#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::error::Error;
use std::io::{self, Write};
use std::net::IpAddr;

use etherparse::{LaxNetSlice, LaxSlicedPacket, TransportSlice};

#[derive(PartialEq, Eq, Hash)]
struct Key {
    ends: [(IpAddr, u16); 2],
    protocol: u8,
}

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("usage: plain FILE")?;
    let mut capture = pcap::Capture::from_file(path)?;
    let mut flows: HashMap<Key, (u64, u64)> = HashMap::new();
    loop {
        let packet = match capture.next_packet() {
            Ok(packet) => packet,
            Err(pcap::Error::NoMorePackets) => break,
            Err(error) => return Err(error.into()),
        };
        let Ok(sliced) = LaxSlicedPacket::from_ethernet(packet.data) else { continue };
        let Some(key) = key(&sliced) else { continue };
        let (packets, bytes) = flows.entry(key).or_default();
        *packets += 1;
        *bytes += u64::from(packet.header.len);
    }
    let packets: u64 = flows.values().map(|(packets, _)| packets).sum();
    writeln!(io::stdout(), "{packets} packets, {} flows", flows.len())?;
    Ok(())
}

fn key(sliced: &LaxSlicedPacket<'_>) -> Option<Key> {
    let (source, destination): (IpAddr, IpAddr) = match sliced.net.as_ref()? {
        LaxNetSlice::Ipv4(v4) => (v4.header().source_addr().into(), v4.header().destination_addr().into()),
        LaxNetSlice::Ipv6(v6) => (v6.header().source_addr().into(), v6.header().destination_addr().into()),
        _ => return None,
    };
    let (from, to, protocol) = match sliced.transport.as_ref()? {
        TransportSlice::Tcp(tcp) => (tcp.source_port(), tcp.destination_port(), 6),
        TransportSlice::Udp(udp) => (udp.source_port(), udp.destination_port(), 17),
        _ => (0, 0, 1),
    };
    let mut ends = [(source, from), (destination, to)];
    ends.sort_unstable();
    Some(Key { ends, protocol })
}
