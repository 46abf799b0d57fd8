//! Two lists of conversations in, the differences between them out, each as one line that says
//! what differs. Knows nothing of files and of who made which list.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// An address and a port.
pub type End = (IpAddr, u16);

/// One conversation as somebody lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// `tcp` or `udp`.
    pub transport: &'static str,
    /// One end, and how many packets it sent.
    pub a: (End, u64),
    /// The other end, and how many packets it sent.
    pub b: (End, u64),
    /// Who started it, when the list says.
    pub originator: Option<End>,
    /// Whether that was seen, as in a handshake, and not inferred.
    pub sure: bool,
}

impl Exchange {
    fn ordered(&self) -> ((End, u64), (End, u64)) {
        if self.a.0 <= self.b.0 { (self.a, self.b) } else { (self.b, self.a) }
    }
}

/// More differences of one kind than this in one capture become one line with their number.
const MOST: usize = 3;

type Pair = (&'static str, End, End);

/// What differs between the list of `name` and ours.
pub fn differences(name: &str, theirs: &[Exchange], ours: &[Exchange]) -> Vec<String> {
    let (theirs, ours) = (by_pair(theirs), by_pair(ours));
    let pairs: BTreeSet<Pair> = theirs.keys().chain(ours.keys()).copied().collect();
    let mut kinds: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let nothing = Vec::new();
    for pair in pairs {
        let (their, our) = (theirs.get(&pair).unwrap_or(&nothing), ours.get(&pair).unwrap_or(&nothing));
        for (kind, detail) in of_pair(their, our) {
            let line = format!("{name}: {} {kind}: {} {}: {detail}", pair.0, end(pair.1), end(pair.2));
            kinds.entry(format!("{} {kind}", pair.0)).or_default().push(line);
        }
    }
    kinds.into_iter().flat_map(|(kind, lines)| gathered(name, &kind, lines)).collect()
}

fn gathered(name: &str, kind: &str, lines: Vec<String>) -> Vec<String> {
    if lines.len() > MOST { vec![format!("{name}: {kind}: {} pairs", lines.len())] } else { lines }
}

fn end((address, port): End) -> String {
    std::net::SocketAddr::new(address, port).to_string()
}

/// Packets of the lower end, of the higher, who began, and whether that is sure.
type Share = (u64, u64, Option<End>, bool);
type Shares = Vec<Share>;

fn by_pair(list: &[Exchange]) -> BTreeMap<Pair, Shares> {
    let mut pairs: BTreeMap<Pair, Shares> = BTreeMap::new();
    for exchange in list {
        let ((low, sent), (high, received)) = exchange.ordered();
        pairs.entry((exchange.transport, low, high)).or_default().push((
            sent,
            received,
            exchange.originator,
            exchange.sure,
        ));
    }
    for shares in pairs.values_mut() {
        shares.sort_unstable();
    }
    pairs
}

fn of_pair(theirs: &Shares, ours: &Shares) -> Vec<(&'static str, String)> {
    let sum = |shares: &Shares| shares.iter().fold((0, 0), |sum, share| (sum.0 + share.0, sum.1 + share.1));
    let split = |shares: &Shares| shares.iter().map(|share| (share.0, share.1)).collect::<Vec<_>>();
    let ((sent, received), (our_sent, our_received)) = (sum(theirs), sum(ours));
    let packets = format!("{sent}+{received} packets, here {our_sent}+{our_received}");
    if ours.is_empty() {
        return vec![("not found", format!("{sent}+{received} packets"))];
    }
    if theirs.is_empty() {
        return vec![("only here", format!("{our_sent}+{our_received} packets"))];
    }
    if (sent, received) != (our_sent, our_received) {
        return vec![("packets", packets)];
    }
    if theirs.len() != ours.len() {
        return vec![("conversations", format!("{}, here {}", theirs.len(), ours.len()))];
    }
    if split(theirs) != split(ours) {
        return vec![("divided otherwise", format!("{:?}, here {:?}", split(theirs), split(ours)))];
    }
    // Two inferences may differ: there is nothing to see in the capture that could settle it.
    let contrary = |(their, our): &(&Share, &Share)| {
        their.2.is_some() && our.2.is_some() && their.2 != our.2 && (their.3 || our.3)
    };
    match theirs.iter().zip(ours).filter(contrary).count() {
        0 => Vec::new(),
        number => vec![("originator", format!("the other end in {number} of {}", ours.len()))],
    }
}

#[cfg(test)]
mod tests {
    use super::{End, Exchange, differences};

    fn end(text: &str) -> End {
        let socket: std::net::SocketAddr = text.parse().unwrap();
        (socket.ip(), socket.port())
    }

    /// `A>B sent+received` when A was seen to start it, `A~B` when that is inferred, `A-B` when
    /// the list does not say.
    fn list(lines: &[&str]) -> Vec<Exchange> {
        let one = |line: &&str| {
            let (ends, counts) = line.split_once(' ').unwrap();
            let (sent, received) = counts.split_once('+').unwrap();
            let (a, b) = ends.split_once(['>', '~', '-']).unwrap();
            Exchange {
                transport: "tcp",
                a: (end(a), sent.parse().unwrap()),
                b: (end(b), received.parse().unwrap()),
                originator: (!ends.contains('-')).then(|| end(a)),
                sure: ends.contains('>'),
            }
        };
        lines.iter().map(one).collect()
    }

    fn check(theirs: &[&str], ours: &[&str], expected: &[&str]) {
        assert_eq!(differences("peer", &list(theirs), &list(ours)), expected, "{theirs:?} and {ours:?}");
    }

    #[test]
    fn equal_lists_do_not_differ() {
        check(&[], &[], &[]);
        check(&["1.1.1.1:1>2.2.2.2:2 3+4"], &["1.1.1.1:1>2.2.2.2:2 3+4"], &[]);
        check(&["1.1.1.1:1-2.2.2.2:2 3+4"], &["2.2.2.2:2>1.1.1.1:1 4+3"], &[]);
        check(
            &["1.1.1.1:1>2.2.2.2:2 3+4", "1.1.1.1:1>2.2.2.2:2 1+0"],
            &["1.1.1.1:1>2.2.2.2:2 1+0", "1.1.1.1:1>2.2.2.2:2 3+4"],
            &[],
        );
        check(&["1.1.1.1:1~2.2.2.2:2 3+4"], &["2.2.2.2:2~1.1.1.1:1 4+3"], &[]);
        check(&["[fe80::1]:1>[fe80::2]:2 1+1"], &["[fe80::1]:1>[fe80::2]:2 1+1"], &[]);
    }

    #[test]
    fn each_kind_of_difference_has_its_line() {
        const ONE: &str = "1.1.1.1:1>2.2.2.2:2 3+4";
        check(&[ONE], &[], &["peer: tcp not found: 1.1.1.1:1 2.2.2.2:2: 3+4 packets"]);
        check(&[], &[ONE], &["peer: tcp only here: 1.1.1.1:1 2.2.2.2:2: 3+4 packets"]);
        check(&[ONE], &["1.1.1.1:1>2.2.2.2:2 3+5"], &["peer: tcp packets: 1.1.1.1:1 2.2.2.2:2: 3+4 packets, here 3+5"]);
        check(
            &[ONE],
            &["1.1.1.1:1>2.2.2.2:2 3+0", "1.1.1.1:1>2.2.2.2:2 0+4"],
            &["peer: tcp conversations: 1.1.1.1:1 2.2.2.2:2: 1, here 2"],
        );
        check(
            &["1.1.1.1:1>2.2.2.2:2 2+4", "1.1.1.1:1>2.2.2.2:2 1+0"],
            &["1.1.1.1:1>2.2.2.2:2 3+0", "1.1.1.1:1>2.2.2.2:2 0+4"],
            &["peer: tcp divided otherwise: 1.1.1.1:1 2.2.2.2:2: [(1, 0), (2, 4)], here [(0, 4), (3, 0)]"],
        );
        check(
            &[ONE],
            &["2.2.2.2:2>1.1.1.1:1 4+3"],
            &["peer: tcp originator: 1.1.1.1:1 2.2.2.2:2: the other end in 1 of 1"],
        );
        check(
            &["1.1.1.1:1~2.2.2.2:2 3+4"],
            &["2.2.2.2:2>1.1.1.1:1 4+3"],
            &["peer: tcp originator: 1.1.1.1:1 2.2.2.2:2: the other end in 1 of 1"],
        );
    }

    #[test]
    fn many_of_a_kind_become_one_line_with_their_number() {
        let ours = ["1.1.1.1:1>2.2.2.2:2 1+0", "1.1.1.1:2>2.2.2.2:2 1+0", "1.1.1.1:3>2.2.2.2:2 1+0"];
        assert_eq!(differences("peer", &[], &list(&ours)).len(), 3);
        check(&["1.1.1.1:4>2.2.2.2:2 1+0"], &ours[..0], &["peer: tcp not found: 1.1.1.1:4 2.2.2.2:2: 1+0 packets"]);
        let four = [ours[0], ours[1], ours[2], "1.1.1.1:4>2.2.2.2:2 1+0"];
        check(&[], &four, &["peer: tcp only here: 4 pairs"]);
    }
}
