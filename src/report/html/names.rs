//! Who was known by which name, and what stands behind which port: on what each rests, when it held,
//! what went by it, and what speaks against it. Alternatives that nothing used share a line.

use super::{badge, element, more};
use crate::audit::{Audit, NameEntry, PortEntry};
use crate::report::markup::Markup;
use crate::report::words::{self, Tone};

/// Writes the section; an audit without names and ports has none.
pub fn write(page: &mut Markup, audit: &Audit) {
    if audit.names.is_empty() && audit.ports.is_empty() {
        return;
    }
    let several = audit.inputs.len() > 1;
    page.raw("<section aria-labelledby=\"names\">\n<h2 id=\"names\">Names and RPC attributions</h2>\n");
    if !audit.names.is_empty() {
        table(page, "Who was known by which name, from the DNS answers and the hellos in the capture alone.", NAMES);
        let mut shown = 0usize;
        for group in words::alike(&audit.names).iter().take(MOST_ENTRIES) {
            if page.reaches(LARGEST) {
                break;
            }
            name(page, group, several);
            shown = shown.saturating_add(group.len());
        }
        end(page, audit.names.len().saturating_sub(shown), audit.more_names);
    }
    if !audit.ports.is_empty() {
        table(page, "Ports that were assigned as needed, and who said what is behind them.", PORTS);
        let mut shown = 0usize;
        for entry in audit.ports.iter().take(MOST_ENTRIES) {
            if page.reaches(LARGEST) {
                break;
            }
            port(page, entry, several);
            shown = shown.saturating_add(1);
        }
        end(page, audit.ports.len().saturating_sub(shown), audit.more_ports);
    }
    page.raw("</section>\n");
}

fn end(page: &mut Markup, left: usize, beyond: u64) {
    page.raw("</tbody>\n</table>\n");
    more(page, left.saturating_add(usize::try_from(beyond).unwrap_or(usize::MAX)));
}

fn table(page: &mut Markup, caption: &'static str, columns: &[&'static str]) {
    page.raw("<table class=\"cards names\">\n<caption>").raw(caption).raw("</caption>\n<thead><tr>");
    for column in columns {
        page.raw("<th scope=\"col\">").raw(column).raw("</th>");
    }
    page.raw("</tr></thead>\n<tbody>\n");
}

/// One name: an address that was used under it, or all that one client was given beside it.
fn name(page: &mut Markup, group: &[&NameEntry], several: bool) {
    let Some(entry) = group.first() else { return };
    page.raw("<tr><th scope=\"row\">").text(&entry.name);
    let clients = words::listed(group.iter().map(|entry| entry.client.as_str()), MOST_CLIENTS);
    element(page, " <span class=\"quiet\">known to ", &clients, "</span>");
    page.raw("</th>\n<td data-label=\"Strength\">");
    strength(page, &entry.strength);
    page.raw("</td>\n<td data-label=\"Address\">");
    let addresses = words::listed(group.iter().filter_map(|entry| entry.address.as_deref()), MOST_ADDRESSES);
    page.text(if addresses.is_empty() { "none" } else { &addresses });
    rests_on(page, &entry.how, &words::frames(&entry.evidence, several, MOST_FRAMES, "; "), &entry.contradictions);
    let flows = group.iter().map(|entry| entry.flows).fold(0, u64::saturating_add);
    let first = group.iter().filter_map(|entry| entry.first.as_deref()).min();
    used(page, flows, first, group.iter().filter_map(|entry| entry.last.as_deref()).max());
    let from = group.iter().filter_map(|entry| entry.from.as_deref()).min();
    let held = words::span(from, group.iter().filter_map(|entry| entry.until.as_deref()).max());
    element(page, "<span class=\"quiet\">valid ", &held, "</span>");
    page.raw("</td></tr>\n");
}

fn port(page: &mut Markup, entry: &PortEntry, several: bool) {
    page.raw("<tr><th scope=\"row\">").text(&format!("{} tcp/{}", entry.server, entry.port));
    element(page, " <span class=\"quiet\">for ", &entry.client, "</span>");
    page.raw("</th>\n<td data-label=\"Grade\">");
    strength(page, &entry.grade);
    page.raw("</td>\n<td data-label=\"Interface\">");
    page.raw(if entry.interfaces.is_empty() { "unknown" } else { "" });
    for interface in &entry.interfaces {
        page.raw("<span class=\"ends\">").text(interface.name.as_deref().unwrap_or(&interface.id)).raw("</span>");
        let id = if interface.name.is_some() { interface.id.as_str() } else { "" };
        element(page, "<span class=\"quiet\">", id, "</span>");
    }
    let frames = words::frames(&entry.evidence, several, MOST_FRAMES, "; ");
    rests_on(page, &words::attributed(entry), &frames, &entry.contradictions);
    used(page, entry.flows, entry.first.as_deref(), entry.last.as_deref());
    page.raw("</td></tr>\n");
}

/// The cell that says what it rests on and what speaks against it, and the beginning of the next one.
fn rests_on(page: &mut Markup, how: &str, frames: &str, against: &[String]) {
    page.raw("</td>\n<td data-label=\"Rests on\">").text(how);
    element(page, " <span class=\"quiet whole\">(", frames, ")</span>");
    contradictions(page, against);
    page.raw("</td>\n<td data-label=\"Used (UTC)\" class=\"seen\">");
}

fn strength(page: &mut Markup, word: &str) {
    let tone = match word {
        "agreed" | "dns" | "bind" | "announced" => Tone::Good,
        "declared" | "sni" | "range" => Tone::Unsure,
        _ => Tone::Bad,
    };
    badge(page, tone, word);
}

fn contradictions(page: &mut Markup, all: &[String]) {
    for why in all {
        element(page, "<span class=\"reason bad\">", why, "</span>");
    }
}

fn used(page: &mut Markup, flows: u64, first: Option<&str>, last: Option<&str>) {
    if flows == 0 {
        page.raw("never used");
        return;
    }
    page.text(&words::span(first, last))
        .raw(" <span class=\"quiet\">")
        .text(&words::count(flows, "flow"))
        .raw("</span>");
}

const NAMES: &[&str] = &["Name", "Strength", "Address", "Rests on", "Used (UTC)"];
const PORTS: &[&str] = &["Port", "Grade", "Interface", "Rests on", "Used (UTC)"];
const MOST_ENTRIES: usize = 100;
const MOST_CLIENTS: usize = 3;
const MOST_ADDRESSES: usize = 12;
const MOST_FRAMES: usize = 4;

/// Bytes at which the lists end.
const LARGEST: usize = 3_800_000;
