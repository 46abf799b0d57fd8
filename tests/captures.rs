//! Every shared capture in, its packets and conversations held against what tshark, Zeek, Arkime
//! and nDPI say of the same file. Whatever differs stands in `differences/captures.csv` with its
//! reason; a line there that no longer differs fails as well.
#![forbid(unsafe_code)]

#[path = "support/differences.rs"]
mod differences;
#[path = "support/exchanges.rs"]
mod exchanges;
#[path = "support/oracles.rs"]
mod oracles;
#[path = "support/parallel.rs"]
mod parallel;
#[path = "support/shared.rs"]
mod shared;

use std::collections::BTreeMap;
use std::path::Path;

use differences::Difference;
use exchanges::Exchange;
use flowaudit::capture::{self, Capture, CaptureError};
use flowaudit::flow::{Conversation, DirectionBasis};
use flowaudit::ledger::{self, Ledger, Observation};
use flowaudit::wire::Transport;

#[test]
fn captures_agree_with_other_programs() {
    let Some(folder) = shared::folder("captures") else { return };
    let captures = differences::csv_rows(&folder.join("MANIFEST.csv")).unwrap();
    let lists = differences::csv_rows(&folder.join("EXPECTED.csv")).unwrap();
    let table = differences::known_differences("captures").unwrap();
    let found: Vec<Difference> =
        parallel::in_parallel(&captures, |row| of_capture(&folder, row, &lists)).into_iter().flatten().collect();
    let complaints = differences::unexplained(&found, &table, str::eq);
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}

type Row = BTreeMap<String, String>;

fn of_capture(folder: &Path, row: &Row, lists: &[Row]) -> Vec<Difference> {
    let id = row.get("id").cloned().unwrap_or_default();
    let path = folder.join(row.get("file").map_or("", String::as_str));
    let lines = compared(folder, &id, &path, lists).unwrap_or_else(|error| vec![error]);
    lines.into_iter().map(|line| (id.clone(), line)).collect()
}

fn compared(folder: &Path, id: &str, path: &Path, lists: &[Row]) -> Result<Vec<String>, String> {
    let facts = oracles::facts(&folder.join("facts").join(id).with_extension("json"))?;
    let observation = match std::panic::catch_unwind(|| observe(path)) {
        Ok(Ok(observation)) => observation,
        Ok(Err(_)) if facts.packets.is_none() => return Ok(Vec::new()),
        Ok(Err(error)) => return Ok(vec![format!("not read: {error}")]),
        Err(_) => return Ok(vec!["panicked".to_owned()]),
    };
    let ours: Vec<Exchange> = observation.flows.iter().filter_map(exchange).collect();
    let mut lines = exchanges::differences("tshark", &facts.exchanges, &ours);
    let packets = observation.inputs.iter().map(|input| input.packets).sum::<u64>();
    if facts.packets != Some(packets) {
        let theirs = facts.packets.map_or("no".to_owned(), |packets| packets.to_string());
        lines.insert(0, format!("capinfos: {theirs} packets; here {packets}"));
    }
    let agreeing = |row: &&Row| {
        row.get("id").is_some_and(|of| of == id)
            && row.get("agreement").is_some_and(|agreement| agreement == "same conversations and packets")
    };
    for row in lists.iter().filter(agreeing) {
        let cell = |name: &str| row.get(name).map_or("", String::as_str);
        let theirs = oracles::peer(cell("peer"), &folder.join(cell("file")))?;
        lines.extend(exchanges::differences(cell("peer"), &theirs, &ours));
    }
    Ok(lines)
}

fn observe(path: &Path) -> Result<Observation, String> {
    let fault = |error: CaptureError| error.to_string().replace(&path.display().to_string(), "FILE");
    let mut capture = Capture::open(&[path], &capture::Options::default()).map_err(fault)?;
    let mut ledger = Ledger::new(ledger::Options::default());
    while let Some(frame) = capture.next().map_err(fault)? {
        ledger.observe(&frame);
    }
    let (inputs, taps) = capture.finish();
    ledger.set_inputs(inputs, taps);
    Ok(ledger.settle())
}

fn exchange(flow: &Conversation) -> Option<Exchange> {
    let transport = match flow.transport {
        Transport::TCP => "tcp",
        Transport::UDP => "udp",
        _ => return None,
    };
    let originator = (flow.originator().address, flow.originator().port);
    let responder = (flow.responder().address, flow.responder().port);
    let sure = matches!(flow.direction_basis, DirectionBasis::Syn | DirectionBasis::SynAck | DirectionBasis::First);
    Some(Exchange {
        transport,
        a: (originator, flow.sent.packets),
        b: (responder, flow.received.packets),
        originator: Some(originator),
        sure,
    })
}
