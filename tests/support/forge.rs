//! Captures that no wire has seen: raw IPv4 packets with the bytes that a test wants, as a pcap file.

/// An address and a port.
pub type End = ([u8; 4], u16);

/// Packets in the order in which they are added, one millisecond apart.
#[derive(Default)]
pub struct Forged {
    packets: Vec<u8>,
    number: u32,
}

impl Forged {
    /// The capture as a file.
    pub fn pcap(self) -> Vec<u8> {
        let mut file = [0xa1b2_c3d4_u32.to_le_bytes(), [2, 0, 4, 0], [0; 4], [0; 4]].concat();
        file.extend(65_535_u32.to_le_bytes());
        // Link type 101: raw IP.
        file.extend(101_u32.to_le_bytes());
        file.extend(self.packets);
        file
    }

    /// One datagram.
    pub fn udp(&mut self, from: End, to: End, payload: &[u8]) {
        let length = u16::try_from(payload.len() + 8).unwrap_or(u16::MAX);
        let head = [from.1, to.1, length, 0].map(u16::to_be_bytes).concat();
        self.packet(17, from.0, to.0, &[&head[..], payload].concat());
    }

    /// One segment.
    pub fn segment(&mut self, (from, to): (End, End), (own, other): (u32, u32), flags: u8, payload: &[u8]) {
        let ports = [from.1, to.1].map(u16::to_be_bytes).concat();
        let numbers = [own, other].map(u32::to_be_bytes).concat();
        let segment = [&ports[..], &numbers, &[0x50, flags, 0xff, 0xff, 0, 0, 0, 0], payload].concat();
        self.packet(6, from.0, to.0, &segment);
    }

    /// A connection on which the client says `asked` and the server `answered`.
    pub fn connection(&mut self, client: End, server: End, asked: &[u8], answered: &[u8]) {
        let (there, back) = ((client, server), (server, client));
        let (asks, answers) =
            (u32::try_from(asked.len()).unwrap_or(u32::MAX), u32::try_from(answered.len()).unwrap_or(u32::MAX));
        self.segment(there, (1000, 0), 2, &[]);
        self.segment(back, (5000, 1001), 0x12, &[]);
        self.segment(there, (1001, 5001), 0x10, &[]);
        self.segment(there, (1001, 5001), 0x18, asked);
        self.segment(back, (5001, 1001 + asks), 0x18, answered);
        self.segment(there, (1001 + asks, 5001 + answers), 0x11, &[]);
        self.segment(back, (5001 + answers, 1002 + asks), 0x11, &[]);
    }

    fn packet(&mut self, protocol: u8, from: [u8; 4], to: [u8; 4], content: &[u8]) {
        let length = u16::try_from(content.len() + 20).unwrap_or(u16::MAX).to_be_bytes();
        self.number += 1;
        let number = u16::try_from(self.number % 0xffff).unwrap_or(u16::MAX).to_be_bytes();
        let bytes = [&[0x45, 0], &length[..], &number, &[0, 0, 64, protocol, 0, 0], &from, &to, content].concat();
        let size = u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes();
        let at = [1_795_354_441 + self.number / 1000, self.number % 1000 * 1000].map(u32::to_le_bytes).concat();
        self.packets.extend([&at[..], &size, &size, &bytes].concat());
    }
}
