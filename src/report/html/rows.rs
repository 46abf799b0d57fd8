//! The documented rows in document order: what the document says, how it came out and why, and for
//! each service the peers that it rests on.

use super::{badge, count, element, more};
use crate::audit::{AtomResult, Audit, PeerResult, RowResult};
use crate::report::markup::Markup;
use crate::report::words::{self, RowSums, Tone};

/// Writes the section.
pub fn write(page: &mut Markup, audit: &Audit) {
    page.raw(
        "<section aria-labelledby=\"rows\">\n<h2 id=\"rows\">Documented rows</h2>\n<table class=\"cards rows\">\n",
    );
    page.raw(
        "<caption>Every row of the audited document, in its order.</caption>\n<thead><tr><th scope=\"col\">Row</th>",
    );
    page.raw(
        "<th scope=\"col\">Status</th><th scope=\"col\">Documented flow</th><th scope=\"col\">Services and peers</th>",
    );
    page.raw("<th scope=\"col\">Seen (UTC)</th></tr></thead>\n<tbody>\n");
    let mut shown = 0usize;
    for row in audit.rows.iter().take(MOST_ROWS) {
        if page.reaches(LARGEST) {
            break;
        }
        one(page, row, audit.inputs.len() > 1);
        shown = shown.saturating_add(1);
    }
    page.raw("</tbody>\n</table>\n");
    more(page, audit.rows.len().saturating_sub(shown));
    page.raw("</section>\n");
}

fn one(page: &mut Markup, row: &RowResult, several: bool) {
    let tone = Tone::of(row.status);
    let sums = RowSums::of(row);
    page.raw("<tr><th scope=\"row\"><span class=\"id\">").text(&row.id).raw("</span><span class=\"quiet\">");
    page.text(&row.need).raw("</span></th>\n<td data-label=\"Status\">");
    badge(page, tone, row.status.name());
    page.raw("</td>\n<td data-label=\"Flow\"><span class=\"ends\">").text(&row.from);
    page.raw(" <span aria-hidden=\"true\">→</span><span class=\"sr\">to</span> ").text(&row.to);
    page.raw("</span>");
    element(page, "<span class=\"quiet\">", &row.purpose, "</span>");
    if !row.reason.trim().is_empty() {
        page.raw("<span class=\"reason ").raw(super::tint(tone)).raw("\">").text(&row.reason).raw("</span>");
    }
    page.raw("</td>\n<td data-label=\"Services\">");
    for atom in row.atoms.iter().take(MOST_ATOMS) {
        service(page, atom, several);
    }
    left_out(page, row.atoms.len().saturating_sub(MOST_ATOMS), "more services");
    page.raw("</td>\n<td data-label=\"Seen\" class=\"seen\">");
    let span = words::span(sums.first, sums.last);
    page.text(if span.is_empty() { "never" } else { &span }).raw("</td></tr>\n");
}

fn service(page: &mut Markup, atom: &AtomResult, several: bool) {
    let tone = Tone::of(atom.status);
    page.raw("<div class=\"service\"><span class=\"").raw(super::tint(tone)).raw("\" aria-hidden=\"true\">");
    page.raw(tone.mark()).raw("</span> <b>").text(&atom.service).raw("</b> <span class=\"quiet whole\">");
    page.text(&tally(atom)).raw("</span>");
    if !atom.peers.is_empty() {
        page.raw("<ul>");
        for peer in atom.peers.iter().take(MOST_PEERS) {
            page.raw("<li>");
            one_peer(page, peer, several);
            page.raw("</li>");
        }
        page.raw("</ul>");
    }
    let rest = atom.peers.len().saturating_sub(MOST_PEERS);
    left_out(page, rest.saturating_add(usize::try_from(atom.more_peers).unwrap_or(usize::MAX)), "more peers");
    page.raw("</div>");
}

fn tally(atom: &AtomResult) -> String {
    let mut parts = vec![atom.status.name().to_owned()];
    for (number, word) in [(atom.established, "open"), (atom.blocked, "blocked")] {
        if number > 0 {
            parts.push(format!("{} {word}", words::thousands(number)));
        }
    }
    if atom.optional {
        parts.push("optional".to_owned());
    }
    parts.join(", ")
}

fn one_peer(page: &mut Markup, peer: &PeerResult, several: bool) {
    page.text(&peer.peer).raw(" <span class=\"quiet whole\">").text(&words::tally(&peer.outcomes)).raw("</span>");
    let frames = words::frames(&peer.evidence, several, 3, "; ");
    let told = peer.reason.as_deref().is_some_and(|reason| reason.ends_with(&format!("({frames})")));
    element(page, " <span class=\"quiet whole\">(", if told { "" } else { &frames }, ")</span>");
    element(page, " <span class=\"quiet why\">", peer.reason.as_deref().unwrap_or_default(), "</span>");
}

fn left_out(page: &mut Markup, left: usize, what: &'static str) {
    if left > 0 {
        page.raw("<p class=\"quiet\">and ").text(&words::thousands(count(left))).raw(" ").raw(what).raw("</p>");
    }
}

const MOST_ROWS: usize = 400;
const MOST_ATOMS: usize = 12;
const MOST_PEERS: usize = 6;

/// Bytes at which the list of rows ends.
const LARGEST: usize = 2_000_000;
