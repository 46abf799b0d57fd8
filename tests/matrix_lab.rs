//! Every flow of the lab's truth against the shipped packs, by address, port and name alone: what
//! only payload can tell apart is left to the audit.

#[cfg(test)]
#[path = "support/shared.rs"]
mod shared;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::net::IpAddr;
    use std::path::PathBuf;

    use super::shared;
    use flowaudit::matrix::{Facts, Match, Matrix, Peer, Site, Standing};
    use flowaudit::wire::Transport;

    /// Kinds of violation that have a listed address, port and name.
    const ONLY_PAYLOAD_TELLS: &[&str] = &["wrong-protocol", "rpc-not-announced", "sni-mismatch", "unlisted-name"];

    struct Flow {
        place: String,
        originator: IpAddr,
        responder: IpAddr,
        transport: Transport,
        port: u16,
        names: Vec<String>,
        rule: String,
        verdict: String,
        kind: String,
    }

    fn flows(path: &std::path::Path) -> Vec<Flow> {
        let mut reader = csv::Reader::from_path(path).unwrap();
        let header = reader.headers().unwrap().clone();
        let rows = reader.records().map(|record| {
            let record = record.unwrap();
            let cell = |name: &str| record[header.iter().position(|title| title == name).unwrap()].to_owned();
            let mut ends = [("client_ip", "client_port"), ("server_ip", "server_port")];
            // An answer that came too late for its query: the service is at the other end.
            if cell("kind") == "netbios-unicast" {
                ends.reverse();
            }
            let [(from, _), (to, port)] = ends;
            let names = [cell("sni"), cell("dns_names")].join(";");
            Flow {
                place: format!("{} {}", cell("file"), cell("flow")),
                originator: cell(from).parse().unwrap(),
                responder: cell(to).parse().unwrap(),
                transport: Transport::from_name(&cell("proto")).unwrap(),
                port: cell(port).parse().unwrap(),
                names: names
                    .split([';', ' ', ','])
                    .filter(|name| !name.is_empty())
                    .map(str::to_ascii_lowercase)
                    .collect(),
                rule: cell("rule"),
                verdict: cell("verdict"),
                kind: cell("kind"),
            }
        });
        rows.collect()
    }

    fn check(matrix: &Matrix, flow: &Flow) {
        let names: Vec<&str> = flow.names.iter().map(String::as_str).collect();
        // The names of a DNS flow are what was asked, not who answered.
        let names = if flow.port == 53 { Vec::new() } else { names };
        let facts = Facts {
            originator: Peer { address: flow.originator, names: &[] },
            responder: Peer { address: flow.responder, names: &names },
            transport: flow.transport,
            port: flow.port,
        };
        let mut found: Vec<Match> = Vec::new();
        matrix.matches(&facts, &mut found);
        assert_eq!(found, matrix.scan(&facts), "{}", flow.place);
        let rows: BTreeSet<&str> = found
            .iter()
            .filter_map(|found| matrix.row(found.atom.row))
            .filter(|row| row.standing != Standing::NotApplicable)
            .map(|row| row.id.as_str())
            .collect();
        let bystanders = !matrix.subject_plays(flow.originator) && !matrix.subject_plays(flow.responder);
        let place = &flow.place;
        match flow.verdict.as_str() {
            "allowed" => {
                let wanted = flow.rule.replace('R', "AMS-");
                let by_name_only = matches!(wanted.as_str(), "AMS-01" | "AMS-02" | "AMS-03" | "AMS-04" | "AMS-13");
                assert!(
                    rows.contains(wanted.as_str()) || (by_name_only && names.is_empty()),
                    "{place}: {wanted} not in {rows:?}"
                );
            }
            "noise" => assert!(bystanders || !rows.is_empty(), "{place}: nothing explains {}", flow.kind),
            _ if ONLY_PAYLOAD_TELLS.contains(&flow.kind.as_str()) => {}
            _ => assert!(rows.is_empty(), "{place}: {rows:?} explain {}", flow.kind),
        }
    }

    #[test]
    fn every_flow_of_the_lab_falls_where_the_truth_says() {
        let Some(lab) = shared::folder("lab") else { return };
        let site = Site::load(lab.join("site.toml").to_str().unwrap()).unwrap_or_else(|faults| panic!("{faults}"));
        let matrix = Matrix::load(&site).unwrap_or_else(|faults| panic!("{faults}"));
        assert_eq!(matrix.warnings(), &[] as &[String]);
        let live = matrix.rows.iter().filter(|row| row.id.starts_with("AMS-"));
        let standings: Vec<Standing> = live.map(|row| row.standing).collect();
        assert_eq!(standings.iter().filter(|standing| **standing == Standing::Live).count(), 12);
        assert_eq!(standings.last(), Some(&Standing::NotObservable));
        let mut files: Vec<PathBuf> =
            std::fs::read_dir(lab.join("captures")).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        let mut count = 0;
        for file in files.iter().filter(|file| file.to_string_lossy().ends_with(".flows.csv")) {
            for flow in flows(file) {
                check(&matrix, &flow);
                count += 1;
            }
        }
        assert!(count > 1_000, "only {count} flows");
    }
}
