//! An audit in, NIST OSCAL assessment results (1.1.3, JSON) out: an observation for each documented
//! row and each finding, and a finding for whatever they decide. Times are the packets', identifiers
//! are derived from what they identify, so the same audit gives the same bytes.

mod value;

use std::io::{self, Write};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use self::value::{property, put, shown, title, token, uuid};
use super::junit::beside_rows;
use super::{address, words};
use crate::audit::{Audit, EvidenceRef, Finding, InputEntry, RowResult, RowStatus};

/// Writes the document.
///
/// # Errors
/// Whatever `out` met.
pub fn write(out: &mut dyn Write, audit: &Audit) -> io::Result<()> {
    let mut bytes = Vec::new();
    super::json::write(&mut bytes, audit)?;
    let seed = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    let document = Document { audit, seed };
    let model = json!({"assessment-results": {
        "uuid": document.own("assessment-results", ""),
        "metadata": document.metadata(),
        "import-ap": {"href": format!("#{}", document.plan()), "remarks": PLAN},
        "results": [document.result()],
        "back-matter": {"resources": document.resources()},
    }});
    super::json::write_pretty(out, &model)
}

/// Findings beside the rows in one document, the gravest: each takes four kilobytes.
const MOST_FINDINGS: usize = 1000;

/// The audit, and the digest of all that it says.
struct Document<'audit> {
    audit: &'audit Audit,
    seed: String,
}

impl Document<'_> {
    /// The identifier of something that belongs to this very audit.
    fn own(&self, kind: &str, name: &str) -> String {
        uuid(&[&self.seed, kind, name])
    }

    fn plan(&self) -> String {
        self.own("plan", "")
    }

    fn tool(&self) -> String {
        uuid(&["tool", &self.audit.tool.name, &self.audit.tool.version])
    }

    fn subject(&self) -> String {
        uuid(&["subject", &self.audit.site.name, &self.audit.site.subject])
    }

    fn input(&self, place: usize, input: &InputEntry) -> String {
        uuid(&["input", &input.sha256, &input.path, &place.to_string()])
    }

    fn began(&self) -> &str {
        self.audit.quality.first.as_deref().unwrap_or(NEVER)
    }

    fn ended(&self) -> &str {
        self.audit.quality.last.as_deref().unwrap_or(NEVER)
    }

    fn metadata(&self) -> Value {
        json!({
            "title": title(&format!("Flow audit: {}", self.audit.site.name)),
            "last-modified": self.ended(),
            "version": token(&self.audit.tool.version),
            "oscal-version": "1.1.3",
            "remarks": "last-modified is the time of the last packet, so that the same evidence gives the same document.",
        })
    }

    fn result(&self) -> Value {
        let audit = self.audit;
        let mut props = vec![
            property("answer", answer_word(audit)),
            property("vantage", &audit.site.vantage),
            property("flows", &audit.totals.flows.to_string()),
            property("packets", &audit.totals.packets.to_string()),
            property("complete", if audit.quality.complete { "yes" } else { "no" }),
        ];
        props.extend(audit.quality.gaps.iter().map(|gap| property("gap", gap)));
        let left_out = words::left_out(beside_rows(audit).count(), MOST_FINDINGS);
        props.extend(left_out.map(|sentence| property("left-out", &sentence)));
        let mut result = json!({
            "uuid": self.own("result", ""),
            "title": title(&audit.headline),
            "description": shown(&audit.headline),
            "start": self.began(),
            "end": self.ended(),
            "props": props,
            "local-definitions": self.definitions(),
            "reviewed-controls": {
                "description": "The rows of the documented matrix stand for the controls.",
                "control-selections": [{"include-all": {}}],
            },
        });
        let rows = audit.rows.iter().map(|row| self.row_observation(row));
        let beside = beside_rows(audit).take(MOST_FINDINGS).map(|finding| self.finding_observation(finding));
        put(&mut result, "observations", rows.chain(beside).collect());
        let rows = audit.rows.iter().filter_map(|row| self.row_finding(row));
        let beside = beside_rows(audit).take(MOST_FINDINGS).map(|finding| self.other_finding(finding));
        put(&mut result, "findings", rows.chain(beside).collect());
        result
    }

    /// The subject of the audit, and the tool that made it.
    fn definitions(&self) -> Value {
        let audit = self.audit;
        let subject = title(&audit.site.subject);
        let players = audit.site.roles.get(&audit.site.subject).map(|players| players.join(", ")).unwrap_or_default();
        json!({
            "components": [{
                "uuid": self.subject(),
                "type": "system",
                "title": subject,
                "description": shown(&format!("The subject of the audit: {players}")),
                "status": {"state": "operational"},
            }],
            "assessment-assets": {
                "components": [{
                    "uuid": self.tool(),
                    "type": "software",
                    "title": title(&audit.tool.name),
                    "description": "A passive auditor of network traffic. It reads captures and sends nothing.",
                    "props": [property("version", &audit.tool.version)],
                    "status": {"state": "operational"},
                }],
                "assessment-platforms": [{
                    "uuid": uuid(&["platform", &audit.tool.name, &audit.tool.version]),
                    "title": title(&audit.tool.name),
                    "uses-components": [{"component-uuid": self.tool()}],
                }],
            },
        })
    }

    fn row_observation(&self, row: &RowResult) -> Value {
        let sums = words::RowSums::of(row);
        let mut props = vec![
            property("row", &row.id),
            property("pack", &row.pack),
            property("status", row.status.name()),
            property("need", &row.need),
            property("flows", &sums.flows.to_string()),
            property("open", &sums.established.to_string()),
            property("blocked", &sums.blocked.to_string()),
        ];
        props.extend(
            row.atoms.iter().map(|atom| property("service", &format!("{}: {}", atom.service, atom.status.name()))),
        );
        let observation = json!({
            "uuid": self.row_uuid(row),
            "title": title(&format!("{}: {} -> {}", row.id, row.from, row.to)),
            "description": shown(&row.reason),
            "props": props,
            "types": ["control-objective"],
            "collected": sums.last.unwrap_or_else(|| self.ended()),
            "remarks": shown(&row.purpose),
        });
        let peers = row.atoms.iter().flat_map(|atom| &atom.peers);
        self.observed(observation, peers.flat_map(|peer| &peer.evidence))
    }

    fn finding_observation(&self, finding: &Finding) -> Value {
        let observation = json!({
            "uuid": self.own("observation of finding", &finding.id),
            "title": title(&finding.summary),
            "description": shown(&finding.detail),
            "props": finding_properties(finding),
            "types": ["finding"],
            "collected": finding.last.as_deref().unwrap_or_else(|| self.ended()),
        });
        self.observed(observation, finding.evidence.iter())
    }

    /// Adds what all observations share: how, by what, of whom, and on which packets.
    fn observed<'own>(&self, mut observation: Value, evidence: impl Iterator<Item = &'own EvidenceRef>) -> Value {
        let mut frames: Vec<&EvidenceRef> = evidence.collect();
        frames.sort_unstable();
        frames.dedup();
        put(&mut observation, "methods", vec![json!("EXAMINE")]);
        put(&mut observation, "origins", vec![json!({"actors": [{"type": "tool", "actor-uuid": self.tool()}]})]);
        put(&mut observation, "subjects", vec![json!({"subject-uuid": self.subject(), "type": "component"})]);
        put(&mut observation, "relevant-evidence", frames.into_iter().map(|frame| self.frame(frame)).collect());
        observation
    }

    fn frame(&self, frame: &EvidenceRef) -> Value {
        let description = shown(&format!("{} frame {}", frame.file, frame.frame));
        let props = [property("frame", &frame.frame.to_string())];
        let mut inputs = self.audit.inputs.iter().enumerate();
        match inputs.find(|(_, input)| input.path == frame.file) {
            Some((place, input)) => {
                json!({"href": format!("#{}", self.input(place, input)), "description": description, "props": props})
            }
            None => json!({"description": description, "props": props}),
        }
    }

    fn row_uuid(&self, row: &RowResult) -> String {
        self.own("observation of row", &format!("{}\n{}", row.pack, row.id))
    }

    /// What a row decides; a row that could not be judged decides nothing.
    fn row_finding(&self, row: &RowResult) -> Option<Value> {
        let (state, reason) = match row.status {
            RowStatus::Confirmed => ("satisfied", "pass"),
            status if status.is_finding() => ("not-satisfied", "fail"),
            _ => return None,
        };
        let own = self.audit.findings.iter().find(|finding| finding.is_of(row));
        let mut finding = json!({
            "uuid": uuid(&["finding of row", &self.audit.site.name, &row.pack, &row.id]),
            "title": title(&format!("{} is {}", row.id, row.status.name())),
            "description": shown(&row.reason),
            "target": {
                "type": "objective-id",
                "target-id": token(&row.id),
                "status": {"state": state, "reason": reason},
            },
            "related-observations": [{"observation-uuid": self.row_uuid(row)}],
        });
        put(&mut finding, "props", own.map(finding_properties).unwrap_or_default());
        Some(finding)
    }

    fn other_finding(&self, finding: &Finding) -> Value {
        json!({
            "uuid": uuid(&["finding", &self.audit.site.name, &finding.id]),
            "title": title(&finding.summary),
            "description": shown(&finding.detail),
            "props": finding_properties(finding),
            "target": {
                "type": "objective-id",
                "target-id": token(&finding.kind),
                "status": {"state": "not-satisfied", "reason": "fail"},
            },
            "related-observations": [{"observation-uuid": self.own("observation of finding", &finding.id)}],
        })
    }

    /// The plan, the packs, the site and the captures, each with its digest.
    fn resources(&self) -> Vec<Value> {
        let audit = self.audit;
        let named = |pack: &crate::audit::PackEntry| format!("{} {}", pack.id, pack.version);
        let plan = json!({
            "uuid": self.plan(),
            "title": title(&format!("Documented matrix of {}", audit.site.name)),
            "description": PLAN,
            "props": audit.packs.iter().map(|pack| property("pack", &named(pack))).collect::<Vec<_>>(),
        });
        let packs = audit.packs.iter().map(|pack| {
            let id = uuid(&["pack", &pack.sha256, &pack.id]);
            let use_of_it = if pack.audited { "audited" } else { "baseline" };
            let props = [property("use", use_of_it), property("sha256", &pack.sha256)];
            let mut resource = json!({"uuid": id, "title": title(&named(pack)), "props": props});
            let link = address::web(&pack.reference).map(|link| json!({"href": link}));
            put(&mut resource, "rlinks", link.into_iter().collect());
            resource
        });
        let site = audit.site.path.as_deref().map(|path| {
            let id = uuid(&["site", audit.site.sha256.as_deref().unwrap_or_default(), path]);
            file(&id, path, audit.site.sha256.as_deref().unwrap_or_default())
        });
        let inputs = audit.inputs.iter().enumerate();
        let inputs = inputs.map(|(place, input)| file(&self.input(place, input), &input.path, &input.sha256));
        std::iter::once(plan).chain(packs).chain(site).chain(inputs).collect()
    }
}

fn finding_properties(finding: &Finding) -> Vec<Value> {
    let mut props = vec![
        property("finding", &finding.id),
        property("kind", &finding.kind),
        property("severity", &finding.severity),
        property("flows", &finding.flows.to_string()),
    ];
    props.extend(finding.rows.iter().map(|row| property("row", row)));
    props
}

fn file(id: &str, path: &str, sha256: &str) -> Value {
    let link = if sha256.is_empty() {
        json!({"href": address::of_file(path)})
    } else {
        json!({"href": address::of_file(path), "hashes": [{"algorithm": "SHA-256", "value": token(sha256)}]})
    };
    json!({"uuid": id, "title": title(path), "rlinks": [link]})
}

const fn answer_word(audit: &Audit) -> &'static str {
    match audit.answer {
        crate::audit::Answer::Clean => "clean",
        crate::audit::Answer::Findings => "findings",
        crate::audit::Answer::Incomplete => "incomplete",
    }
}

/// What the assessment was planned by.
const PLAN: &str = "The packs and the site of this audit are its plan: who may talk to whom, and who is who.";
/// The time of a capture without packets: the form wants one, and no clock is read.
const NEVER: &str = "1970-01-01T00:00:00.000000000Z";
