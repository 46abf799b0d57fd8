//! The findings, gravest first as the audit orders them, each with what would settle it and the
//! packets that it rests on; then the waivers and what they covered.

use std::collections::HashMap;

use super::{badge, count, element, more};
use crate::audit::{Audit, Finding, NextStep, SmallestRule, WaiverResult};
use crate::report::markup::Markup;
use crate::report::words::{self, Tone};

/// Writes both sections.
pub fn write(page: &mut Markup, audit: &Audit) {
    page.raw("<section aria-labelledby=\"findings\">\n<h2 id=\"findings\">Findings</h2>\n");
    if audit.findings.is_empty() {
        page.raw("<p>None.</p>\n");
    } else {
        list(page, audit);
    }
    page.raw("</section>\n");
    waivers(page, audit);
}

fn list(page: &mut Markup, audit: &Audit) {
    let mut steps: HashMap<&str, &NextStep> = HashMap::new();
    for step in &audit.next {
        steps.entry(&step.finding).or_insert(step);
    }
    let severities = ["high", "medium", "low"].into_iter().filter_map(|severity| {
        let number = count(audit.findings.iter().filter(|finding| finding.severity == severity).count());
        (number > 0).then(|| format!("{} {severity}", words::thousands(number)))
    });
    page.raw("<p class=\"quiet\">")
        .text(&severities.collect::<Vec<_>>().join(", "))
        .raw("</p>\n<ol class=\"findings\">\n");
    let mut shown = 0usize;
    for finding in audit.findings.iter().take(MOST_FINDINGS) {
        if page.reaches(LARGEST) {
            break;
        }
        one(page, finding, steps.get(finding.id.as_str()).copied(), audit.inputs.len() > 1);
        shown = shown.saturating_add(1);
    }
    page.raw("</ol>\n");
    more(page, audit.findings.len().saturating_sub(shown));
}

fn one(page: &mut Markup, finding: &Finding, step: Option<&NextStep>, several: bool) {
    let tone = if finding.severity == "high" { Tone::Bad } else { Tone::Mixed };
    page.raw("<li class=\"").raw(super::tint(tone)).raw("\">\n<h3>");
    badge(page, tone, &finding.severity);
    page.raw(" ").text(&finding.summary).raw("</h3>\n");
    element(page, "<p>", &sentence(finding), "</p>\n");
    if let Some(step) = step {
        page.raw("<p class=\"step\"><b>Next:</b> ");
        with_command(page, &step.text);
        page.raw("</p>\n");
        step.rule.iter().for_each(|rule| smallest(page, rule));
    }
    page.raw("<ul class=\"facts\">");
    let rows = if finding.rows.is_empty() { "no row is near it".to_owned() } else { finding.rows.join(", ") };
    let flows = format!("{} in {}", words::count(finding.flows, "flow"), words::count(finding.packets, "packet"));
    let entries = [
        ("Kind", finding.kind.clone()),
        (if crate::report::portmap::is_about_a_row(&finding.kind) { "Row" } else { "Nearest row" }, rows),
        ("Seen", if finding.flows == 0 { "never".to_owned() } else { flows }),
        ("When (UTC)", words::span(finding.first.as_deref(), finding.last.as_deref())),
        ("Evidence", words::frames(&finding.evidence, several, MOST_FRAMES, "; ")),
        ("Finding", finding.id.clone()),
    ];
    for (name, value) in entries {
        if !value.is_empty() {
            page.raw("<li><span class=\"term\">")
                .raw(name)
                .raw("</span> <span class=\"value\">")
                .text(&value)
                .raw("</span></li>");
        }
    }
    page.raw("</ul>\n</li>\n");
}

/// The detail of a finding; the cell that tells a flow from its nearest row becomes a sentence.
fn sentence(finding: &Finding) -> String {
    let mut letters = finding.detail.chars();
    match letters.next() {
        Some(first) if finding.kind == "unexpected" => {
            let end = if finding.detail.ends_with('.') { "" } else { "." };
            format!("{}{}{end}", first.to_ascii_uppercase(), letters.as_str())
        }
        _ => finding.detail.clone(),
    }
}

/// Text whose first pair of backticks holds a command.
fn with_command(page: &mut Markup, text: &str) {
    let parts = text.split_once('`').and_then(|(before, rest)| Some((before, rest.split_once('`')?)));
    match parts {
        Some((before, (command, after))) => {
            page.text(before).raw("<code>").text(command).raw("</code>").text(after);
        }
        None => {
            page.text(text);
        }
    }
}

/// The smallest rule that would document what was found; shut until somebody asks, and open on paper.
fn smallest(page: &mut Markup, rule: &SmallestRule) {
    page.raw("<details><summary>The smallest rule that would document it</summary>\n");
    for (place, toml) in [("In the site:", &rule.site), ("In a pack:", &rule.pack)] {
        if !toml.trim().is_empty() {
            page.raw("<p>").raw(place).raw("</p>\n<pre><code>");
            for line in toml.trim_end().lines() {
                page.text(line).raw("\n");
            }
            page.raw("</code></pre>\n");
        }
    }
    element(page, "<p>", &rule.allows, "</p>\n");
    page.raw("</details>\n");
}

fn waivers(page: &mut Markup, audit: &Audit) {
    if audit.waivers.is_empty() {
        return;
    }
    page.raw("<section aria-labelledby=\"waivers\">\n<h2 id=\"waivers\">Waivers</h2>\n<table class=\"cards\">\n");
    page.raw("<caption>Exceptions that the site grants, and how many flows each covered.</caption>\n<thead><tr>");
    for name in ["Waiver", "Reason", "Owner", "Until", "Flows"] {
        page.raw("<th scope=\"col\">").raw(name).raw("</th>");
    }
    page.raw("</tr></thead>\n<tbody>\n");
    for waiver in audit.waivers.iter().take(MOST_WAIVERS) {
        one_waiver(page, waiver);
    }
    page.raw("</tbody>\n</table>\n");
    more(page, audit.waivers.len().saturating_sub(MOST_WAIVERS));
    page.raw("</section>\n");
}

fn one_waiver(page: &mut Markup, waiver: &WaiverResult) {
    page.raw("<tr><th scope=\"row\">").text(&waiver.text).raw("</th><td data-label=\"Reason\">").text(&waiver.reason);
    page.raw("</td><td data-label=\"Owner\">").text(&waiver.owner).raw("</td><td data-label=\"Until\">");
    page.text(waiver.expires.as_deref().unwrap_or("no end")).raw("</td><td data-label=\"Flows\">");
    page.text(&words::thousands(waiver.flows)).raw("</td></tr>\n");
}

const MOST_FINDINGS: usize = 500;
const MOST_FRAMES: usize = 8;
const MOST_WAIVERS: usize = 100;

/// Bytes at which the list of findings ends.
const LARGEST: usize = 3_500_000;
