//! The flows of the lab captures: originator and outcome of every TCP and UDP flow that the lab's
//! driver meant, and none beside them.

mod frames;

use std::collections::HashMap;
use std::path::Path;

use flowaudit::flow::{Conversation, Endpoint, Outcome};
use flowaudit::ledger::{Ledger, Options};
use flowaudit::wire::Transport;

#[test]
fn the_lab_agrees() {
    let Some(folder) = frames::shared("lab/captures") else { return };
    let mut failed = Vec::new();
    for name in ["a-clean", "b-noise", "c-missing", "d-blocked", "e-violations", "f-midstream", "j-names"] {
        let mut table = csv::Reader::from_path(folder.join(format!("{name}.flows.csv"))).unwrap();
        let rows: Vec<HashMap<String, String>> = table.deserialize().map(Result::unwrap).collect();
        for suffix in [".pcap", ".pcapng", "-span.pcapng"] {
            let file = format!("{name}{suffix}");
            let truth: Vec<_> = rows.iter().filter(|row| row["file"] == file && row["proto"] != "icmp").collect();
            if folder.join(&file).is_file() {
                failed.extend(check(&folder.join(&file), &truth).into_iter().map(|line| format!("{file}: {line}")));
            }
        }
    }
    assert!(failed.is_empty(), "{} differ:\n{}", failed.len(), failed.join("\n"));
}

fn check(path: &Path, truth: &[&HashMap<String, String>]) -> Vec<String> {
    let mut ledger = Ledger::new(Options::default());
    frames::read(path).unwrap().iter().for_each(|frame| ledger.observe(&frame.frame()));
    let mut flows = ledger.settle().flows;
    flows.retain(|flow| flow.transport == Transport::TCP || flow.transport == Transport::UDP);
    let mut failed = Vec::new();
    for row in truth {
        match flows.iter().position(|flow| is_meant(flow, row)) {
            None => failed.push(format!("not found: {row:?}")),
            Some(position) => {
                let flow = flows.remove(position);
                let turned = row["syn_seen"] == "1" && flow.originator != end(row, "client");
                let quiet = row["server_ip"].ends_with(".255") || row["outcome"].is_empty();
                if turned || !(quiet || agree(flow.outcome, &row["outcome"])) {
                    failed.push(format!("{} {}: {row:?}", flow.direction_basis.name(), flow.outcome.name()));
                }
            }
        }
    }
    failed.extend(flows.iter().map(|flow| format!("not meant: {flow:?}")));
    failed
}

fn is_meant(flow: &Conversation, row: &HashMap<String, String>) -> bool {
    let (client, server) = (end(row, "client"), end(row, "server"));
    let ends = (flow.originator, flow.responder);
    let first: f64 = row["t_first"].parse().unwrap();
    flow.transport.name() == Some(&*row["proto"])
        && (ends == (client, server) || ends == (server, client))
        && (flow.first.nanoseconds() as f64 / 1e9 - first).abs() < 0.01
}

fn end(row: &HashMap<String, String>, side: &str) -> Endpoint {
    let address = row[&format!("{side}_ip")].parse().unwrap();
    Endpoint { address, port: row[&format!("{side}_port")].parse().unwrap_or(0) }
}

fn agree(ours: Outcome, truth: &str) -> bool {
    match truth {
        "no-answer" => matches!(ours, Outcome::Filtered | Outcome::Unanswered | Outcome::Pending),
        "unreachable" => matches!(ours, Outcome::Rejected | Outcome::Refused),
        word => ours.name() == word,
    }
}
