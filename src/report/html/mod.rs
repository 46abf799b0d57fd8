//! An audit in, one HTML page out for people who would rather look than read. The page holds
//! everything it needs, fetches nothing and runs nothing: its own policy forbids it, down to the
//! digest of its one style block. Never larger than five megabytes; what is left out is counted.

use std::io::{self, Write};

use data_encoding::BASE64;
use sha2::{Digest as _, Sha256};

use super::markup::Markup;
use super::portmap::{self, PortMap};
use super::words::{self, Tone};
use crate::audit::{Answer, Audit};

mod evidence;
mod findings;
mod names;
mod rows;
mod timeline;

/// Writes the page.
///
/// # Errors
/// Whatever `out` met.
pub fn write(out: &mut dyn Write, audit: &Audit) -> io::Result<()> {
    let mut page = Markup::default();
    head(&mut page, audit);
    answer(&mut page, audit);
    map(&mut page, audit);
    timeline::write(&mut page, audit);
    rows::write(&mut page, audit);
    findings::write(&mut page, audit);
    names::write(&mut page, audit);
    evidence::write(&mut page, audit);
    page.raw("</main>\n<footer><p>Written by ").text(&audit.tool.name).raw(" ").text(&audit.tool.version);
    page.raw(" from the audit document alone. All times are UTC.</p></footer>\n</body>\n</html>\n");
    out.write_all(page.as_bytes())
}

fn head(page: &mut Markup, audit: &Audit) {
    let mut digest = Sha256::new();
    digest.update(portmap::STYLE);
    digest.update(STYLE);
    let digest = BASE64.encode(&digest.finalize());
    page.raw("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    page.raw("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-");
    page.text(&digest).raw("'\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    page.raw("<meta name=\"color-scheme\" content=\"light dark\">\n<title>Flow audit: ").text(&audit.site.name);
    page.raw("</title>\n<style>").raw(portmap::STYLE).raw(STYLE).raw("</style>\n</head>\n<body>\n");
}

fn answer(page: &mut Markup, audit: &Audit) {
    let (tone, word) = match audit.answer {
        Answer::Clean => (Tone::Good, "clean"),
        Answer::Findings => (Tone::Bad, "findings"),
        Answer::Incomplete => (Tone::Unsure, "incomplete"),
    };
    page.raw("<header>\n<p class=\"kind\">Flow audit</p>\n<h1>")
        .text(&audit.site.name)
        .raw("</h1>\n<p class=\"about\">");
    let audited = audit.packs.iter().filter(|pack| pack.audited);
    let packs: Vec<String> = audited.map(|pack| format!("{} {}", pack.title, pack.version).trim().to_owned()).collect();
    page.text(&packs.join(", ")).raw(" <span>captured at ").text(&audit.quality.vantage).raw(", ");
    page.text(&taken(audit)).raw("</span>");
    if let Some(redaction) = &audit.redaction {
        page.raw(" <span>").text(&words::redacted(redaction)).raw("</span>");
    }
    page.raw("</p>\n</header>\n<main>\n<section class=\"answer ").raw(tint(tone));
    page.raw("\" aria-labelledby=\"answer\">\n<h2 id=\"answer\"><span class=\"seal\" aria-hidden=\"true\">");
    page.raw(tone.mark())
        .raw("</span> <span class=\"sr\">Answer: </span>")
        .raw(word)
        .raw("</h2>\n<p class=\"headline\">");
    page.text(&audit.headline).raw("</p>\n<ul class=\"figures\">\n");
    let working = audit.rows.iter().filter(|row| Tone::of(row.status) == Tone::Good).count();
    let figures = [
        ("rows confirmed", format!("{working} of {}", audit.rows.len())),
        ("findings", words::thousands(count(audit.findings.len()))),
        ("flows", words::thousands(audit.totals.flows)),
        ("packets", words::thousands(audit.totals.packets)),
        ("evidence", if audit.quality.complete { "complete" } else { "incomplete" }.to_owned()),
    ];
    for (name, figure) in figures {
        page.raw("<li><span class=\"term\">")
            .raw(name)
            .raw("</span> <span class=\"value\">")
            .text(&figure)
            .raw("</span></li>\n");
    }
    page.raw("</ul>\n<p class=\"quiet\">Flows by verdict: ").text(&words::tally(&audit.totals.by_verdict));
    page.raw(".</p>\n</section>\n");
}

/// `2026-11-22 10:00:00 to 10:02:31 UTC (2 min 31 s)`.
fn taken(audit: &Audit) -> String {
    let quality = &audit.quality;
    let (Some(first), Some(last)) = (quality.first.as_deref(), quality.last.as_deref()) else {
        return "no packets".to_owned();
    };
    let until = if words::date(first) == words::date(last) { "" } else { words::date(last) };
    let until = format!("{until} {}", words::clock(last));
    let span = words::duration(&quality.span_seconds);
    format!("{} {} to {} UTC ({span})", words::date(first), words::clock(first), until.trim())
}

fn map(page: &mut Markup, audit: &Audit) {
    page.raw("<section aria-labelledby=\"map\">\n<h2 id=\"map\">Port map</h2>\n");
    page.raw(HINT);
    page.raw("<div class=\"picture\" tabindex=\"0\" role=\"group\" aria-label=\"Port map, scrolls sideways\">");
    page.join(&PortMap::of_audit(audit).element()).raw("</div>\n</section>\n");
}

/// The colour class of a tone.
const fn tint(tone: Tone) -> &'static str {
    match tone {
        Tone::Good => "good",
        Tone::Bad => "bad",
        Tone::Mixed | Tone::Unsure => "mixed",
        Tone::Calm => "calm",
    }
}

/// A mark and a word, in the colour of their tone.
fn badge(page: &mut Markup, tone: Tone, word: &str) {
    page.raw("<span class=\"badge ").raw(tint(tone)).raw("\"><span aria-hidden=\"true\">").raw(tone.mark());
    page.raw("</span> ").text(word).raw("</span>");
}

/// An element around text; without text there is none.
fn element(page: &mut Markup, open: &'static str, text: &str, close: &'static str) {
    if !text.trim().is_empty() {
        page.raw(open).text(text).raw(close);
    }
}

/// What stands for the rest of a list; nothing when there is none.
fn more(page: &mut Markup, left: usize) {
    if left > 0 {
        page.raw("<p class=\"quiet\">… and ").text(&words::thousands(count(left)));
        page.raw(" more, left out to keep this page small; the JSON of the audit (<code>--json</code>) has all of them.</p>\n");
    }
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// What narrow screens say above a picture.
const HINT: &str = "<p class=\"hint quiet\" aria-hidden=\"true\">scrolls sideways →</p>\n";
const STYLE: &str = include_str!("page.css");
