//! Community ids held against the baselines that their specification publishes with its captures.
//! ICMP is left out: its ids are made of message types, which a conversation does not keep.
#![forbid(unsafe_code)]

#[path = "support/frames.rs"]
mod frames;
#[path = "support/shared.rs"]
mod shared;

#[cfg(test)]
mod baselines {
    use std::collections::BTreeMap;
    use std::net::IpAddr;

    use flowaudit::flow::Endpoint;
    use flowaudit::ledger::{Ledger, Options};
    use flowaudit::report::community;
    use serde_json::Value;

    type Ends = (u8, Endpoint, Endpoint);

    /// Every entry that has ports or no use for them, by protocol and ends.
    fn baseline(text: &str) -> BTreeMap<Ends, String> {
        let entries: Vec<Value> = serde_json::from_str(text).unwrap();
        let end = |entry: &Value, address: &str, port: &str| Endpoint {
            address: entry[address].as_str().unwrap().parse::<IpAddr>().unwrap(),
            port: u16::try_from(entry[port].as_u64().unwrap_or(0)).unwrap(),
        };
        let read = |entry: &Value| {
            let transport = u8::try_from(entry["proto"].as_u64().unwrap()).unwrap();
            let ends = (transport, end(entry, "saddr", "sport"), end(entry, "daddr", "dport"));
            (!matches!(transport, 1 | 58)).then(|| (ends, entry["communityid"].as_str().unwrap().to_owned()))
        };
        entries.iter().filter_map(read).collect()
    }

    #[test]
    fn ids_equal_their_baselines() {
        let Some(folder) = crate::shared::folder("captures") else { return };
        for transport in ["tcp", "udp", "sctp", "ipv6"] {
            let id = format!("communityid-{transport}");
            let text = std::fs::read_to_string(folder.join("expected").join(&id).join("community-id.json")).unwrap();
            let baseline = baseline(&text);
            let file = ["pcap", "cap", "pcapng"].iter().find_map(|ending| {
                let groups = std::fs::read_dir(&folder).unwrap().flatten();
                groups.map(|group| group.path().join(format!("{id}.{ending}"))).find(|path| path.is_file())
            });
            let mut ledger = Ledger::new(Options::default());
            let frames = crate::frames::read(&file.unwrap()).unwrap();
            frames.iter().for_each(|frame| ledger.observe(&frame.frame()));
            let mut compared = 0;
            for flow in ledger.settle().flows {
                let key = (flow.transport.0, flow.originator(), flow.responder());
                if let Some(expected) = baseline.get(&key) {
                    assert_eq!(
                        &community::id(flow.transport, flow.originator(), flow.responder()),
                        expected,
                        "{id} {key:?}"
                    );
                    compared += 1;
                }
            }
            assert!(compared > 0 || transport == "ipv6", "{id}: no flow of it stands in the baseline");
        }
    }
}
