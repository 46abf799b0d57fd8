//! Shared captures in, what the dissect floor learns from them held against what tshark learnt.
//! Every difference must stand in `tests/differences/captures.csv` with its reason. The walk
//! from frame to payload is naive on purpose: it knows Ethernet, and TCP that is put in order by its
//! sequence numbers, and shares nothing with the program's own.

#[path = "support/differences.rs"]
mod differences;
#[path = "support/frames.rs"]
mod frames;
#[path = "support/shared.rs"]
mod shared;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::Path;

use flowaudit::dissect::{
    Application, ClaimSource, Prefix, Progress, Recognised, cldap, dcom, dns, epm, name, recognise, smb,
};
use flowaudit::wire::Transport;
use serde_json::Value;

type Facts = BTreeSet<String>;

#[test]
fn what_is_learnt_is_what_tshark_learns() {
    let Some(captures) = shared::folder("captures") else { return };
    let mut found = BTreeSet::new();
    let mut checked = 0;
    for group in ["matrix", "names"] {
        for entry in std::fs::read_dir(captures.join(group)).unwrap() {
            let path = entry.unwrap().path();
            let id = path.file_name().unwrap().to_str().unwrap().split('.').next().unwrap().to_owned();
            let facts = std::fs::read_to_string(captures.join("facts").join(format!("{id}.json"))).unwrap();
            let facts: Value = serde_json::from_str(&facts).unwrap();
            let (ours, theirs) = (learnt(&path), expected(&facts));
            found.extend(ours.difference(&theirs).map(|fact| (id.clone(), format!("+{fact}"))));
            found.extend(theirs.difference(&ours).map(|fact| (id.clone(), format!("-{fact}"))));
            checked += theirs.len();
        }
    }
    assert!(checked > 300, "{checked} facts");
    let found: Vec<_> = found.into_iter().collect();
    let complaints = differences::unexplained(&found, &differences::known_differences("dissect").unwrap(), str::eq);
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn services_are_recognised_on_whatever_port_they_run() {
    let Some(captures) = shared::folder("captures") else { return };
    let cases: &[(&str, u16, Application)] = &[
        ("matrix/arkime-smb-port80.pcap", 80, Application::Smb),
        ("matrix/zeek-simpleauth-diff-port.pcap", 0, Application::Ldap),
        ("matrix/suricata-cldap.pcap", 389, Application::Cldap),
        ("matrix/arkime-tds7.pcap", 1433, Application::Tds),
        ("matrix/arkime-tds5.pcap", 0, Application::Tds),
        ("matrix/ndpi-rdp.pcap", 3389, Application::Rdp),
        ("matrix/arkime-krb5-tcp.pcap", 88, Application::Kerberos),
        ("matrix/zeek-kinit.pcap", 88, Application::Kerberos),
        ("matrix/zeek-ldap-starttls.pcap", 389, Application::Ldap),
        ("matrix/samr-powershell-evaluation-multiple-ps1.pcapng", 9389, Application::Adws),
        ("matrix/otrf-scranton.cap", 135, Application::Epm),
        ("matrix/otrf-scranton.cap", 5985, Application::Winrm),
        ("matrix/otrf-scranton.cap", 445, Application::Smb),
        ("names/ndpi-tls-port-80.pcapng", 80, Application::Https),
        ("names/ndpi-quic-v2.pcapng", 4443, Application::Quic),
        ("names/zeek-smtp-starttls.pcap", 0, Application::Smtp),
        ("names/ndpi-netbios.pcap", 137, Application::Netbios),
        ("names/zeek-mdns.pcap", 5353, Application::Mdns),
        ("names/ndpi-doq.pcapng", 784, Application::Quic),
        ("matrix/malcolm-tds.pcap", 1433, Application::Tds),
    ];
    for (file, port, expected) in cases {
        let flows = recognised(&read(&captures.join(file)));
        let there = flows.iter().filter(|(ports, _)| *port == 0 || ports.contains(port));
        let seen: Vec<_> = there.map(|(_, known)| known.as_ref().and_then(|known| known.application)).collect();
        assert!(seen.contains(&Some(*expected)), "{file} {port}: {seen:?}");
    }
}

#[test]
fn controllers_and_clients_say_who_and_what() {
    let Some(captures) = shared::folder("captures") else { return };
    let traffic = read(&captures.join("matrix/otrf-scranton.cap"));
    let datagrams = traffic.udp.iter().flat_map(|flow| flow.datagrams.iter().flatten());
    let domains: BTreeSet<String> = datagrams.filter_map(|bytes| cldap::ping(bytes)).map(|ping| ping.domain).collect();
    assert_eq!(domains, BTreeSet::from(["dmevals.local".to_owned()]));
    let traffic = read(&captures.join("matrix/otrf-empire-shell-samr-enumdomainusers.cap"));
    let opened: BTreeSet<String> = traffic
        .tcp
        .iter()
        .flat_map(|stream| smb::opened(&stream.bytes()[0]))
        .map(|opened| match opened {
            smb::Opened::Tree(path) | smb::Opened::File(path) => path,
        })
        .collect();
    assert_eq!(opened, BTreeSet::from([r"\\MORDORDC.theshire.local\IPC$".to_owned(), "samr".to_owned()]));
}

/// What tshark says, one line for each fact.
fn expected(facts: &Value) -> Facts {
    let rows = |key: &str| facts[key].as_array().cloned().unwrap_or_default();
    let text = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    let canonical = |text: String| name::from_text(text.as_bytes());
    let mut found = Facts::new();
    found.extend(rows("tls_sni").iter().filter_map(|row| Some(format!("sni {}", canonical(text(row, "name"))?))));
    found.extend(
        rows("http_hosts")
            .iter()
            .filter_map(|row| Some(format!("host {}", name::from_host(text(row, "name").as_bytes())?))),
    );
    for row in rows("dns_answers") {
        let (owner, kind, data) = (canonical(text(&row, "name")), text(&row, "type"), text(&row, "data"));
        let data = if kind == "CNAME" { canonical(data).unwrap_or_default() } else { data };
        found.insert(format!("dns {} {kind} {data}", owner.unwrap_or_default()));
    }
    for row in rows("epm_map") {
        found.insert(format!("epm {} {} {}", text(&row, "server"), text(&row, "uuid"), row["tcp_port"]));
    }
    for row in rows("dcom_bindings") {
        found.insert(format!("dcom {} {}", text(&row, "server"), text(&row, "binding")));
    }
    found
}

/// What the dissect floor says, in the same lines.
fn learnt(path: &Path) -> Facts {
    let traffic = read(path);
    let mut found = Facts::new();
    for (_, known) in recognised(&traffic) {
        for claim in known.into_iter().flat_map(|known| known.claims) {
            match claim.source {
                ClaimSource::Sni | ClaimSource::OuterSni | ClaimSource::RivalSni => {
                    found.insert(format!("sni {}", claim.name))
                }
                ClaimSource::Host => found.insert(format!("host {}", claim.name)),
                ClaimSource::Connect(_)
                | ClaimSource::Certificate
                | ClaimSource::RootDse
                | ClaimSource::CatalogRootDse => false,
            };
        }
    }
    for flow in &traffic.udp {
        if flow.ends.iter().any(|(_, port)| [53, 5353, 5355].contains(port)) {
            found.extend(flow.datagrams.iter().flatten().flat_map(|bytes| answers(bytes)));
        }
    }
    for stream in &traffic.tcp {
        let [first, second] = stream.bytes();
        if stream.ends.iter().any(|(_, port)| *port == 53) {
            found.extend([&first, &second].into_iter().flat_map(|side| dns::tcp_messages(side)).flat_map(answers));
        }
        for (client, server, (address, _)) in [(&first, &second, stream.ends[1]), (&second, &first, stream.ends[0])] {
            let ports = epm::announcements(client, server);
            found.extend(ports.iter().map(|it| format!("epm {address} {} {}", it.interface, it.port)));
            found.extend(dcom::bindings(client, server).iter().map(|it| {
                let port = it.port.map(|port| format!("[{port}]")).unwrap_or_default();
                format!("dcom {address} {}{port}", it.host)
            }));
        }
    }
    found
}

fn answers(message: &[u8]) -> Vec<String> {
    let message = dns::parse(message).filter(|message| message.response);
    let records = message.into_iter().flat_map(|message| message.answers);
    records
        .filter_map(|record| {
            let data = match &record.data {
                dns::Data::A(address) => format!("A {address}"),
                dns::Data::Aaaa(address) => format!("AAAA {address}"),
                dns::Data::Cname(name) => format!("CNAME {name}"),
                _ => return None,
            };
            Some(format!("dns {} {data}", record.name))
        })
        .collect()
}

/// The ports of each flow, and what its first bytes were recognised as.
fn recognised(traffic: &Traffic) -> Vec<([u16; 2], Option<Recognised>)> {
    let ask = |transport, [first, second]: [&[u8]; 2], from_start| {
        let prefix = |bytes| Prefix { bytes, from_start, ended: true, ..Prefix::default() };
        match recognise(transport, prefix(first), prefix(second)) {
            Progress::Known(known) => Some(*known),
            Progress::More(_) | Progress::Unknown => None,
        }
    };
    let mut found = Vec::new();
    for stream in &traffic.tcp {
        let [first, second] = stream.bytes();
        let known = ask(Transport::TCP, [&first, &second], stream.start.iter().any(Option::is_some));
        found.push((stream.ends.map(|(_, port)| port), known));
    }
    for flow in &traffic.udp {
        let sides = flow.datagrams.each_ref().map(|side| side.concat());
        found.push((flow.ends.map(|(_, port)| port), ask(Transport::UDP, sides.each_ref().map(Vec::as_slice), true)));
    }
    found
}

type End = (IpAddr, u16);

#[derive(Default)]
struct Traffic {
    tcp: Vec<Stream>,
    udp: Vec<Flow>,
}

struct Flow {
    ends: [End; 2],
    datagrams: [Vec<Vec<u8>>; 2],
}

struct Stream {
    ends: [End; 2],
    /// Sequence number of the first payload byte, where a SYN was seen.
    start: [Option<u32>; 2],
    segments: [Vec<(u32, Vec<u8>)>; 2],
}

impl Stream {
    /// Both directions in order, up to the first hole.
    fn bytes(&self) -> [Vec<u8>; 2] {
        [0, 1].map(|side| {
            let Some(base) = self.start[side].or(self.segments[side].first().map(|(seq, _)| *seq)) else {
                return Vec::new();
            };
            let mut pieces = BTreeMap::new();
            for (sequence, bytes) in &self.segments[side] {
                let offset = sequence.wrapping_sub(base) as usize;
                let longest: &mut &[u8] = pieces.entry(offset).or_insert(&[]);
                if bytes.len() > longest.len() {
                    *longest = bytes;
                }
            }
            let mut joined = Vec::new();
            for (offset, bytes) in pieces {
                let Some(known) = joined.len().checked_sub(offset) else { break };
                joined.extend_from_slice(bytes.get(known..).unwrap_or_default());
            }
            joined
        })
    }
}

fn read(path: &Path) -> Traffic {
    let mut traffic = Traffic::default();
    for owned in frames::read(path).into_iter().flatten() {
        let frame = owned.frame();
        let _: Option<()> = frame_into(&mut traffic, frame.link.0, frame.bytes);
    }
    traffic
}

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn frame_into(traffic: &mut Traffic, link: u16, frame: &[u8]) -> Option<()> {
    let packet = match link {
        1 => {
            let mut at = 12;
            while matches!(be16(frame, at)?, 0x8100 | 0x88a8) {
                at += 4;
            }
            frame.get(at + 2..)?
        }
        0 => frame.get(4..)?,
        113 => frame.get(16..)?,
        _ => frame,
    };
    match packet.first()? >> 4 {
        4 => {
            let header = usize::from(packet[0] & 15) * 4;
            let total = usize::from(be16(packet, 2)?);
            let end = if total == 0 { packet.len() } else { total.min(packet.len()) };
            let address = |at: usize| Some(IpAddr::from(*packet.get(at..)?.first_chunk::<4>()?));
            let whole = be16(packet, 6)? & 0x3fff == 0;
            whole.then_some(())?;
            segment_into(traffic, packet[9], [address(12)?, address(16)?], packet.get(header..end)?)
        }
        6 => {
            let end = (usize::from(be16(packet, 4)?) + 40).min(packet.len());
            let address = |at: usize| Some(IpAddr::from(*packet.get(at..)?.first_chunk::<16>()?));
            segment_into(traffic, packet[6], [address(8)?, address(24)?], packet.get(40..end)?)
        }
        _ => None,
    }
}

fn segment_into(traffic: &mut Traffic, transport: u8, [from, to]: [IpAddr; 2], bytes: &[u8]) -> Option<()> {
    let ends = [(from, be16(bytes, 0)?), (to, be16(bytes, 2)?)];
    let side_of =
        |known: &[End; 2]| [ends[0], ends[1]].eq(known).then_some(0).or([ends[1], ends[0]].eq(known).then_some(1));
    match transport {
        17 => {
            let payload = bytes.get(8..)?.to_vec();
            let known = traffic.udp.iter_mut().find_map(|flow| side_of(&flow.ends).map(|side| (flow, side)));
            if let Some((flow, side)) = known {
                flow.datagrams[side].push(payload);
            } else {
                traffic.udp.push(Flow { ends, datagrams: [vec![payload], Vec::new()] });
            }
        }
        6 => {
            let sequence = u32::from_be_bytes(*bytes.get(4..)?.first_chunk()?);
            let payload = bytes.get(usize::from(*bytes.get(12)? >> 4) * 4..)?.to_vec();
            let flags = *bytes.get(13)?;
            let known = traffic.tcp.iter().rposition(|stream| side_of(&stream.ends).is_some());
            // A SYN with another number opens the next connection between the same ends.
            let known = known.filter(|at| {
                let start = traffic.tcp[*at].start[side_of(&traffic.tcp[*at].ends).unwrap_or(0)];
                flags & 2 == 0 || start.is_none_or(|start| start == sequence.wrapping_add(1))
            });
            let at = known.unwrap_or_else(|| {
                traffic.tcp.push(Stream { ends, start: [None, None], segments: [Vec::new(), Vec::new()] });
                traffic.tcp.len() - 1
            });
            let side = side_of(&traffic.tcp[at].ends)?;
            if flags & 2 != 0 {
                traffic.tcp[at].start[side] = Some(sequence.wrapping_add(1));
            } else if payload.len() > 1 || (payload.len() == 1 && payload[0] != 0) {
                // One zero byte is a keep-alive.
                traffic.tcp[at].segments[side].push((sequence, payload));
            }
        }
        _ => {}
    }
    Some(())
}
