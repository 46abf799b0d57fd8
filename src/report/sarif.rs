//! An audit in, SARIF 2.1.0 out: documented rows and kinds of findings are rules, findings are
//! results with a fingerprint that stays the same from audit to audit, and each names the frames of
//! the captures that it rests on. Text from outside is plain text: never a link, never a placeholder.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::junit::beside_rows;
use super::{address, escape, words};
use crate::audit::{Audit, EvidenceRef, Finding, RowResult};

/// Writes the log.
///
/// # Errors
/// Whatever `out` met.
pub fn write(out: &mut dyn Write, audit: &Audit) -> io::Result<()> {
    let rules = Rules::of(audit);
    let files = files(audit);
    let findings = audit.findings.iter().take(MOST_FINDINGS);
    let results: Vec<Value> = findings.map(|finding| result(audit, &rules, &files, finding)).collect();
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": driver(audit, &rules)},
            "artifacts": artifacts(audit),
            "columnKind": "unicodeCodePoints",
            "invocations": [{
                "executionSuccessful": audit.inputs.iter().all(|input| input.fault.is_none()),
                "toolExecutionNotifications": notifications(audit),
            }],
            "properties": {
                "answer": audit.answer,
                "headline": shown(&audit.headline),
                "site": shown(&audit.site.name),
                "vantage": shown(&audit.site.vantage),
                "complete": audit.quality.complete,
            },
            "results": results,
        }],
    });
    super::json::write_pretty(out, &log)
}

/// The rules: a row of the audited packs each, then a kind of finding each, sorted.
struct Rules<'audit> {
    rows: &'audit [RowResult],
    kinds: Vec<&'audit str>,
}

impl<'audit> Rules<'audit> {
    fn of(audit: &'audit Audit) -> Self {
        let mut kinds: Vec<&str> = beside_rows(audit).map(|finding| finding.kind.as_str()).collect();
        kinds.sort_unstable();
        kinds.dedup();
        Self { rows: &audit.rows, kinds }
    }

    /// The rule that a finding breaks, and its place among the rules.
    fn broken_by(&self, finding: &'audit Finding) -> (&'audit str, usize) {
        let row = self.rows.iter().position(|row| finding.is_of(row));
        let kind = || self.kinds.binary_search(&finding.kind.as_str()).unwrap_or(0);
        match row.and_then(|place| Some((place, self.rows.get(place)?))) {
            Some((place, row)) => (&row.id, place),
            None => (&finding.kind, self.rows.len().saturating_add(kind())),
        }
    }
}

fn driver(audit: &Audit, rules: &Rules<'_>) -> Value {
    let rows = rules.rows.iter().map(|row| row_rule(audit, row));
    let kinds = rules.kinds.iter().map(|kind| {
        json!({
            "id": shown(kind),
            "shortDescription": {"text": plain(&format!("{kind}: a finding beside the documented rows."))},
        })
    });
    json!({
        "name": shown(&audit.tool.name),
        "version": shown(&audit.tool.version),
        "rules": rows.chain(kinds).collect::<Vec<Value>>(),
    })
}

fn row_rule(audit: &Audit, row: &RowResult) -> Value {
    let services: Vec<&str> = row.atoms.iter().map(|atom| atom.service.as_str()).collect();
    let sentence = format!("{} -> {}: {}", row.from, row.to, services.join(", "));
    let mut rule = json!({
        "id": shown(&row.id),
        "shortDescription": {"text": plain(&sentence)},
        "fullDescription": {"text": plain(&row.purpose)},
        "properties": {"pack": shown(&row.pack), "need": row.need, "status": row.status, "reason": shown(&row.reason)},
    });
    let pack = audit.packs.iter().find(|pack| pack.id == row.pack);
    if let (Some(link), Some(rule)) = (pack.and_then(|pack| address::web(&pack.reference)), rule.as_object_mut()) {
        rule.insert("helpUri".to_owned(), json!(link));
    }
    rule
}

/// Paths of the artifacts, in the order in which the log lists them.
fn files(audit: &Audit) -> Vec<&str> {
    audit.inputs.iter().map(|input| input.path.as_str()).chain(audit.site.path.as_deref()).collect()
}

fn artifacts(audit: &Audit) -> Vec<Value> {
    let inputs = audit.inputs.iter().map(|input| {
        let mut entry = artifact(&input.path, &input.sha256);
        if let Some(entry) = entry.as_object_mut() {
            entry.insert("length".to_owned(), json!(input.bytes));
            entry.insert("roles".to_owned(), json!(["analysisTarget"]));
        }
        entry
    });
    let site = audit.site.path.as_deref().map(|path| {
        let mut entry = artifact(path, audit.site.sha256.as_deref().unwrap_or_default());
        if let Some(entry) = entry.as_object_mut() {
            entry.insert("roles".to_owned(), json!(["referencedOnCommandLine"]));
        }
        entry
    });
    inputs.chain(site).collect()
}

fn artifact(path: &str, sha256: &str) -> Value {
    let location = json!({"uri": address::of_file(path)});
    if sha256.is_empty() {
        json!({"location": location})
    } else {
        json!({"location": location, "hashes": {"sha-256": shown(sha256)}})
    }
}

/// Why the evidence is incomplete, if it is.
fn notifications(audit: &Audit) -> Vec<Value> {
    let left_out = words::left_out(audit.findings.len(), MOST_FINDINGS);
    let all = audit.quality.gaps.iter().chain(&left_out);
    all.map(|gap| json!({"level": "warning", "message": {"text": plain(gap)}})).collect()
}

/// Results in one log, the gravest: viewers and code hosts take no more.
const MOST_FINDINGS: usize = 5000;

fn result(audit: &Audit, rules: &Rules<'_>, files: &[&str], finding: &Finding) -> Value {
    let (rule, place) = rules.broken_by(finding);
    let message = match finding.detail.as_str() {
        "" => finding.summary.clone(),
        detail => format!("{} {detail}", finding.summary),
    };
    let mut locations: Vec<Value> = finding.evidence.iter().map(|evidence| frame(files, evidence)).collect();
    if locations.is_empty() {
        // What was never seen has no frame: it stands at the site that asks for it, or at the capture.
        let path = audit.site.path.as_deref().or_else(|| files.first().copied());
        locations.extend(path.map(|path| json!({"physicalLocation": {"artifactLocation": place_of(files, path)}})));
    }
    json!({
        "ruleId": shown(rule),
        "ruleIndex": place,
        "kind": "fail",
        "level": LEVELS.iter().find(|(severity, _)| *severity == finding.severity).map_or("error", |(_, level)| level),
        "message": {"text": plain(&message)},
        "locations": locations,
        "fingerprints": {"flowaudit/finding/1": shown(&finding.id)},
        "partialFingerprints": {"flowaudit/finding/1": shown(&finding.id)},
        "properties": {
            "kind": shown(&finding.kind),
            "severity": shown(&finding.severity),
            "rows": finding.rows.iter().map(|row| shown(row)).collect::<Vec<_>>(),
            "flows": finding.flows,
            "packets": finding.packets,
            "first": finding.first,
            "last": finding.last,
        },
    })
}

/// A capture is binary, so that a frame has neither line nor byte that a viewer could show: it is a
/// logical location inside the file.
fn frame(files: &[&str], evidence: &EvidenceRef) -> Value {
    let name = format!("frame {}", evidence.frame);
    json!({
        "physicalLocation": {"artifactLocation": place_of(files, &evidence.file)},
        "logicalLocations": [{
            "name": name,
            "fullyQualifiedName": format!("{}, {name}", shown(&evidence.file)),
            "kind": "frame",
        }],
        "properties": {"frame": evidence.frame},
    })
}

fn place_of(files: &[&str], path: &str) -> Value {
    match files.iter().position(|file| *file == path) {
        Some(index) => json!({"uri": address::of_file(path), "index": index}),
        None => json!({"uri": address::of_file(path)}),
    }
}

/// Text that shows what is hidden.
fn shown(outside: &str) -> String {
    escape::terminal(outside).into_owned()
}

/// Text of a message: brackets would be a link there and braces a placeholder (sections 3.11.5, 3.11.6).
fn plain(outside: &str) -> String {
    let mut message = String::with_capacity(outside.len());
    for character in escape::terminal(outside).chars() {
        match character {
            '[' | ']' => message.extend(['\\', character]),
            '{' | '}' => message.extend([character, character]),
            _ => message.push(character),
        }
    }
    message
}

/// Severities and SARIF's levels.
const LEVELS: &[(&str, &str)] = &[("high", "error"), ("medium", "warning"), ("low", "note")];

#[cfg(test)]
mod tests {
    use super::*;

    fn check(outside: &str, expected: &str) {
        assert_eq!(plain(outside), expected);
    }

    #[test]
    fn messages_are_plain_text() {
        check("10.0.0.5 -> 10.0.0.9 tcp/22", "10.0.0.5 -> 10.0.0.9 tcp/22");
        check("[click](http://x)", "\\[click\\](http://x)");
        check("{0}", "{{0}}");
        check("\u{202e}", "\\u{{202e}}");
    }
}
