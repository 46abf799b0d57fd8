//! What other programs say of the shared captures: tshark's facts, Zeek's connections, Arkime's
//! sessions, nDPI's flows. Files in, lists of conversations out; nothing is compared here.

use std::net::IpAddr;
use std::path::Path;

use serde_json::Value;

use crate::exchanges::{End, Exchange};

/// What tshark and capinfos say of one capture.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Packets in the file; `None` where no tool could read it.
    pub packets: Option<u64>,
    /// TCP and UDP conversations.
    pub exchanges: Vec<Exchange>,
}

fn read(path: &Path) -> Result<String, String> {
    let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn json(path: &Path) -> Result<Value, String> {
    serde_json::from_str(&read(path)?).map_err(|error| format!("{}: {error}", path.display()))
}

fn list<'value>(value: &'value Value, name: &str) -> &'value [Value] {
    value.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn end(value: &Value, address: &str, port: &str) -> Result<End, String> {
    let text = value.pointer(address).and_then(Value::as_str).unwrap_or_default();
    let address: IpAddr = text.parse().map_err(|_| format!("`{text}` is no address"))?;
    let port = value.pointer(port).and_then(Value::as_u64).unwrap_or_default();
    Ok((address, u16::try_from(port).map_err(|_| format!("{port} is no port"))?))
}

fn number(value: &Value, pointer: &str) -> u64 {
    value.pointer(pointer).and_then(Value::as_u64).unwrap_or_default()
}

fn transport(name: &str) -> Option<&'static str> {
    ["tcp", "udp"].into_iter().find(|known| name.eq_ignore_ascii_case(known))
}

/// tshark's facts of a capture.
pub fn facts(path: &Path) -> Result<Facts, String> {
    facts_of(&json(path)?)
}

fn facts_of(facts: &Value) -> Result<Facts, String> {
    let mut exchanges = Vec::new();
    for transport in ["tcp", "udp"] {
        let conversations = list(facts, transport);
        let total = number(facts, &format!("/{transport}_total"));
        if usize::try_from(total) != Ok(conversations.len()) {
            return Err(format!("the facts list {} of {total} {transport} conversations", conversations.len()));
        }
        for conversation in conversations {
            let (a, b) = (end(conversation, "/a", "/a_port")?, end(conversation, "/b", "/b_port")?);
            let sent = number(conversation, "/a_packets");
            let received = number(conversation, "/b_packets");
            let (originator, sure) = started(conversation, a, b);
            exchanges.push(Exchange { transport, a: (a, sent), b: (b, received), originator: Some(originator), sure });
        }
    }
    let read = number(facts, "/tshark/packets");
    let failed = facts.pointer("/tshark/error").is_some_and(|error| !error.is_null());
    let packets = facts.pointer("/capinfos/packets").and_then(Value::as_u64);
    let packets = packets.or(if failed && read == 0 { None } else { Some(read) });
    Ok(Facts { packets, exchanges })
}

/// Who sent the SYN or was sent the SYN/ACK, and true; else who sent the first packet, and false.
fn started(conversation: &Value, a: End, b: End) -> (End, bool) {
    let side = |name: &str| conversation.get(name).and_then(Value::as_str);
    match (side("syn"), side("syn_ack")) {
        (Some("b"), _) | (None, Some("a")) => (b, true),
        (None, None) => (a, false),
        _ => (a, true),
    }
}

/// The conversations that a peer lists, by its name in `EXPECTED.csv`.
pub fn peer(name: &str, path: &Path) -> Result<Vec<Exchange>, String> {
    match name {
        "zeek" => zeek(&read(path)?),
        "arkime" => arkime(&json(path)?),
        "ndpi" => ndpi(&read(path)?),
        other => Err(format!("the lists of {other} are not known here")),
    }
}

/// Zeek's `conn.log`: tab-separated, the columns named by a `#fields` line. Without a SYN its roles
/// follow its own list of ports, which proves nothing.
fn zeek(log: &str) -> Result<Vec<Exchange>, String> {
    let mut fields: Vec<&str> = Vec::new();
    let mut exchanges = Vec::new();
    for line in log.lines() {
        if let Some(names) = line.strip_prefix("#fields\t") {
            fields = names.split('\t').collect();
        }
        if line.starts_with('#') || line.is_empty() {
            continue;
        }
        let cells: Vec<&str> = line.split('\t').collect();
        let cell = |name: &str| {
            let index = fields.iter().position(|field| *field == name);
            index.and_then(|index| cells.get(index)).copied().ok_or_else(|| format!("no {name} in: {line}"))
        };
        let Some(transport) = transport(cell("proto")?) else { continue };
        let end = |address: &str, port: &str| Ok::<End, String>((parsed(cell(address)?)?, parsed(cell(port)?)?));
        let (a, b) = (end("id.orig_h", "id.orig_p")?, end("id.resp_h", "id.resp_p")?);
        let sure = transport == "tcp" && cell("history")?.starts_with('S');
        let (sent, received) = (parsed(cell("orig_pkts")?)?, parsed(cell("resp_pkts")?)?);
        exchanges.push(Exchange { transport, a: (a, sent), b: (b, received), originator: sure.then_some(a), sure });
    }
    Ok(exchanges)
}

fn parsed<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("`{text}` cannot be read"))
}

/// Arkime's sessions. Its source is the side that it saw first.
fn arkime(sessions: &Value) -> Result<Vec<Exchange>, String> {
    let mut exchanges = Vec::new();
    for session in list(sessions, "sessions3") {
        let Some(body) = session.get("body") else { continue };
        let transport = match number(body, "/ipProtocol") {
            6 => "tcp",
            17 => "udp",
            _ => continue,
        };
        exchanges.push(Exchange {
            transport,
            a: (end(body, "/source/ip", "/source/port")?, number(body, "/source/packets")),
            b: (end(body, "/destination/ip", "/destination/port")?, number(body, "/destination/packets")),
            originator: None,
            sure: false,
        });
    }
    Ok(exchanges)
}

/// nDPI's flow lines: `1 TCP A:1 <-> B:2 […][6 pkts/3706 bytes <-> 0 pkts/0 bytes]…`.
fn ndpi(text: &str) -> Result<Vec<Exchange>, String> {
    let mut exchanges = Vec::new();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let number = words.next().and_then(|word| word.parse::<u32>().ok());
        let Some(transport) = number.and(words.next()).and_then(transport) else { continue };
        let (Some(a), Some("->" | "<->"), Some(b)) = (words.next(), words.next(), words.next()) else { continue };
        let mut counts = line.split('[').filter_map(|part| part.split_once(" pkts/"));
        let Some((sent, rest)) = counts.next() else { continue };
        let received = rest.split_once("> ").and_then(|(_, rest)| rest.split_once(" pkts"));
        let received = received.ok_or_else(|| format!("no packet counts in: {line}"))?.0;
        let ends = (socket(a)?, socket(b)?);
        exchanges.push(Exchange {
            transport,
            a: (ends.0, parsed(sent)?),
            b: (ends.1, parsed(received)?),
            originator: None,
            sure: false,
        });
    }
    Ok(exchanges)
}

fn socket(text: &str) -> Result<End, String> {
    let (address, port) = text.rsplit_once(':').ok_or_else(|| format!("`{text}` has no port"))?;
    Ok((parsed(address.trim_start_matches('[').trim_end_matches(']'))?, parsed(port)?))
}

#[cfg(test)]
mod tests {
    use super::{Exchange, Facts, arkime, facts_of, ndpi, zeek};
    use serde_json::json;

    fn exchange(a: (&str, u16, u64), b: (&str, u16, u64), originator: Option<bool>, sure: bool) -> Exchange {
        let (a, b) = (((a.0.parse().unwrap(), a.1), a.2), ((b.0.parse().unwrap(), b.1), b.2));
        let originator = originator.map(|first| if first { a.0 } else { b.0 });
        Exchange { transport: "tcp", a, b, originator, sure }
    }

    #[test]
    fn facts_name_who_started() {
        const CASES: &[(Option<&str>, Option<&str>, bool, bool)] = &[
            (Some("a"), Some("b"), true, true),
            (Some("b"), None, false, true),
            (None, Some("a"), false, true),
            (None, Some("b"), true, true),
            (None, None, true, false),
        ];
        for (syn, syn_ack, started, sure) in CASES {
            let facts = json!({
                "capinfos": {"packets": null}, "tshark": {"packets": 5, "error": null}, "tcp_total": 1,
                "tcp": [{"a": "1.1.1.1", "a_port": 1, "b": "fe80::2", "b_port": 2, "a_packets": 3, "b_packets": 2,
                    "syn": syn, "syn_ack": syn_ack}],
            });
            let expected = exchange(("1.1.1.1", 1, 3), ("fe80::2", 2, 2), Some(*started), *sure);
            assert_eq!(facts_of(&facts), Ok(Facts { packets: Some(5), exchanges: vec![expected] }));
        }
    }

    #[test]
    fn facts_without_packets_or_with_a_short_list_say_so() {
        let refused = json!({"capinfos": {"packets": null}, "tshark": {"packets": 0, "error": "no"}});
        assert_eq!(facts_of(&refused), Ok(Facts::default()));
        assert!(facts_of(&json!({"tcp_total": 9, "tcp": []})).is_err());
    }

    #[test]
    fn lists_of_peers_are_read() {
        let log = "#fields\tts\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\thistory\torig_pkts\tresp_pkts\n\
                   X\t1.1.1.1\t1\t::2\t2\ttcp\tShAD\t6\t4\n\
                   X\t1.1.1.1\t1\t::2\t2\ttcp\t^hA\t6\t4\n\
                   X\t1.1.1.1\t8\t1.1.1.2\t0\ticmp\t-\t1\t1\n#close\n";
        let with = |first, sure| exchange(("1.1.1.1", 1, 6), ("::2", 2, 4), first, sure);
        assert_eq!(zeek(log), Ok(vec![with(Some(true), true), with(None, false)]));

        let end = |ip, port, packets| json!({"ip": ip, "port": port, "packets": packets});
        let sessions = json!({"sessions3": [
            {"body": {"ipProtocol": 6, "source": end("1.1.1.1", 1, 6), "destination": end("::2", 2, 4)}},
            {"body": {"ipProtocol": 1, "source": end("1.1.1.1", 8, 1), "destination": end("::2", 0, 1)}},
        ]});
        assert_eq!(arkime(&sessions), Ok(vec![with(None, false)]));

        let flows = "DPI Packets (UDP):\t4\t(1.00 pkts/flow)\nSCTP\t4\t340\t2\n\
                     \t1\tTCP 1.1.1.1:1 <-> [::2]:2 [proto: 1][6 pkts/37 bytes <-> 4 pkts/9 bytes][x]\n\
                     \t2\tSCTP 1.1.1.1:0 -> 1.1.1.2:0 [1 pkts/138 bytes -> 0 pkts/0 bytes]\n\
                     \t3\tTCP 1.1.1.1:1 -> [::2]:2 [VLAN: 7][6 pkts/37 bytes -> 4 pkts/9 bytes]\n";
        assert_eq!(ndpi(flows), Ok(vec![with(None, false), with(None, false)]));
    }
}
