//! How far the evidence goes, what it was made from, and how anybody can make it again: quality,
//! inputs with their digests, packs and site, and the command.

use super::{badge, element, more};
use crate::audit::{Audit, InputEntry, Quality};
use crate::report::losses;
use crate::report::markup::Markup;
use crate::report::words::{self, Tone};

/// Writes the sections.
pub fn write(page: &mut Markup, audit: &Audit) {
    quality(page, &audit.quality);
    inputs(page, audit);
    matrix(page, audit);
    again(page, audit);
}

fn quality(page: &mut Markup, quality: &Quality) {
    page.raw("<section aria-labelledby=\"quality\">\n<h2 id=\"quality\">Quality of the evidence</h2>\n<div class=\"box\">\n<p>");
    let (tone, word) = if quality.complete { (Tone::Good, "complete") } else { (Tone::Unsure, "incomplete") };
    badge(page, tone, word);
    page.raw("</p>\n");
    if !quality.gaps.is_empty() {
        page.raw("<ul class=\"gaps\">\n");
        for gap in quality.gaps.iter().take(MOST_ENTRIES) {
            page.raw("<li>").text(gap).raw("</li>\n");
        }
        page.raw("</ul>\n");
        more(page, quality.gaps.len().saturating_sub(MOST_ENTRIES));
    }
    page.raw("<ul class=\"grid\">\n");
    entry(page, "Captured at", &quality.vantage);
    let undecoded = quality.undecoded.values().copied().fold(0, u64::saturating_add);
    for (name, number) in [
        ("Packets read", quality.frames),
        ("Packets in scope", quality.in_scope),
        ("Packets out of scope", quality.out_of_scope),
        ("Duplicates", quality.duplicates),
        ("Packets in unfinished fragments", quality.fragments_pending),
        ("Packets without a datagram", undecoded),
        ("Lost by the capturing system", quality.drops),
        ("Lost by the kernel", quality.kernel_drops),
        ("Lost by the interface", quality.interface_drops),
        ("Dropped by the host itself", quality.dropped_by_host),
        ("Cut by the snap length", quality.truncated),
        ("One-sided flows", quality.one_sided),
        ("Flows open before the capture", quality.midstream),
        ("Flows folded", quality.folded),
        ("Acknowledged bytes not captured", quality.missed_bytes),
        ("Packets out of order in time", quality.time_inversions),
        ("Names that made room for others", quality.names_pushed_out),
        ("DNS messages not kept", quality.names_unread),
        ("Messages of SQL Server browsers not kept", quality.browsers_unread),
        ("Flows whose first bytes were not kept", quality.payloads_not_held),
    ] {
        entry(page, name, &words::thousands(number));
    }
    for (reason, number) in quality.undecoded.iter().take(MOST_ENTRIES) {
        page.raw("<li><span class=\"term\">Without a datagram: ")
            .text(reason)
            .raw("</span> <span class=\"value\">")
            .text(&words::thousands(*number))
            .raw("</span></li>\n");
    }
    page.raw("</ul>\n");
    times(page, &losses::phrases(quality));
    page.raw("</div>\n</section>\n");
}

/// When something was lost, an interface was down, or a clock was set.
fn times(page: &mut Markup, phrases: &[String]) {
    if phrases.is_empty() {
        return;
    }
    page.raw("<h3>Times in which silence means nothing (UTC)</h3>\n<ul class=\"gaps\">\n");
    for phrase in phrases.iter().take(MOST_ENTRIES) {
        page.raw("<li>").text(phrase).raw("</li>\n");
    }
    page.raw("</ul>\n");
    more(page, phrases.len().saturating_sub(MOST_ENTRIES));
}

fn entry(page: &mut Markup, name: &'static str, value: &str) {
    // A long list of zeros hides what is not one.
    let class = if value == "0" { "value zero" } else { "value" };
    page.raw("<li><span class=\"term\">")
        .raw(name)
        .raw("</span> <span class=\"")
        .raw(class)
        .raw("\">")
        .text(if value.is_empty() { "none" } else { value })
        .raw("</span></li>\n");
}

fn inputs(page: &mut Markup, audit: &Audit) {
    page.raw("<section aria-labelledby=\"inputs\">\n<h2 id=\"inputs\">Inputs</h2>\n<table class=\"cards\">\n");
    page.raw("<caption>What was read; the digest is that of the very bytes that were judged.</caption>\n<thead><tr>");
    for name in ["Input", "Packets", "Size", "First and last packet (UTC)", "SHA-256"] {
        page.raw("<th scope=\"col\">").raw(name).raw("</th>");
    }
    page.raw("</tr></thead>\n<tbody>\n");
    for input in audit.inputs.iter().take(MOST_ENTRIES) {
        one_input(page, input);
    }
    page.raw("</tbody>\n</table>\n");
    more(page, audit.inputs.len().saturating_sub(MOST_ENTRIES));
    page.raw("</section>\n");
}

fn one_input(page: &mut Markup, input: &InputEntry) {
    page.raw("<tr><th scope=\"row\">").text(&input.path);
    if let Some(fault) = &input.fault {
        page.raw(" <span class=\"reason bad\">").text(fault).raw("</span>");
    }
    page.raw("</th><td data-label=\"Packets\">").text(&words::thousands(input.packets));
    page.raw("</td><td data-label=\"Size\">")
        .text(&words::size(input.bytes))
        .raw("</td><td data-label=\"Packets from, to\">");
    let day = input.first.as_deref().map_or("", words::date);
    let span = words::span(input.first.as_deref(), input.last.as_deref());
    // A span over midnight names its days itself.
    page.text(if span.starts_with(day) { "" } else { day }).raw(" ").text(&span);
    page.raw("</td><td data-label=\"SHA-256\"><code>").text(&input.sha256).raw("</code></td></tr>\n");
}

fn matrix(page: &mut Markup, audit: &Audit) {
    page.raw("<section aria-labelledby=\"matrix\">\n<h2 id=\"matrix\">Packs and site</h2>\n<table class=\"cards\">\n");
    page.raw("<caption>What the traffic was held against.</caption>\n<thead><tr>");
    for name in ["Pack", "Use", "Document", "SHA-256"] {
        page.raw("<th scope=\"col\">").raw(name).raw("</th>");
    }
    page.raw("</tr></thead>\n<tbody>\n");
    for pack in audit.packs.iter().take(MOST_ENTRIES) {
        page.raw("<tr><th scope=\"row\">")
            .text(&pack.id)
            .raw(" ")
            .text(&pack.version)
            .raw("</th><td data-label=\"Use\">");
        page.raw(if pack.audited { "audited" } else { "baseline" })
            .raw("</td><td data-label=\"Document\">")
            .text(&pack.title);
        element(page, "<span class=\"quiet\">", &pack.reference, "</span>");
        page.raw("</td><td data-label=\"SHA-256\"><code>").text(&pack.sha256).raw("</code></td></tr>\n");
    }
    page.raw("</tbody>\n</table>\n<div class=\"box\">\n<ul class=\"grid\">\n");
    let site = &audit.site;
    entry(page, "Site", &site.name);
    entry(page, "Role under audit", &site.subject);
    entry(page, "Site file", site.path.as_deref().unwrap_or("none"));
    page.raw("<li><span class=\"term\">Its SHA-256</span> <span class=\"value\"><code>")
        .text(site.sha256.as_deref().unwrap_or("none"))
        .raw("</code></span></li>\n");
    let on: Vec<&str> = site.features.iter().filter(|(_, on)| **on).map(|(feature, _)| feature.as_str()).collect();
    let off: Vec<&str> = site.features.iter().filter(|(_, on)| !**on).map(|(feature, _)| feature.as_str()).collect();
    entry(page, "Features that are on", &on.join(", "));
    entry(page, "Features that are off", &off.join(", "));
    page.raw("</ul>\n<h3>Who plays which role</h3>\n<ul class=\"roles\">\n");
    let played = site.roles.iter().filter(|(_, players)| !players.is_empty());
    for (role, players) in played.take(MOST_ENTRIES) {
        let shown: Vec<&str> = players.iter().take(20).map(String::as_str).collect();
        page.raw("<li><span class=\"term\">").text(role).raw("</span> <span class=\"value\">").text(&shown.join(", "));
        page.raw(if players.len() > 20 { ", …" } else { "" }).raw("</span></li>\n");
    }
    page.raw("</ul>\n</div>\n</section>\n");
}

/// The command, and what has to be compared first.
fn again(page: &mut Markup, audit: &Audit) {
    page.raw("<section aria-labelledby=\"again\">\n<h2 id=\"again\">How to run it again</h2>\n");
    if audit.redaction.is_some() {
        page.raw("<p>Paths, addresses and names on this page are pseudonyms. Whoever holds the key turns the ");
        page.raw("stored audit back, and the page that it then makes says how to run it again:</p>\n<pre><code>");
        page.raw("flowaudit report audit.json --reveal KEYFILE --html page.html</code></pre>\n</section>\n");
        return;
    }
    page.raw("<p>With the same inputs, site and ");
    page.raw(
        "packs (compare their digests above), this command makes the same audit, on any machine. Options that choose ",
    );
    page.raw(
        "packets (<code>--filter</code>, <code>--from</code>, <code>--to</code>) are not recorded in the audit: add ",
    );
    page.raw("them if they were given.</p>\n<pre><code>flowaudit audit");
    for part in command(audit) {
        page.raw(" \\\n  ").text(&part);
    }
    page.raw("</code></pre>\n</section>\n");
}

/// What follows the program's name, a line each.
fn command(audit: &Audit) -> Vec<String> {
    let site = &audit.site;
    let mut parts = Vec::new();
    match &site.path {
        Some(path) => parts.push(format!("--site {}", quoted(path))),
        None => {
            let played = site.roles.iter().filter(|(_, players)| !players.is_empty());
            let roles = played.take(MOST_WORDS).map(|(role, players)| format!("{role}={}", players.join(",")));
            parts.extend(roles.map(|role| format!("--role {}", quoted(&role))));
        }
    }
    parts.push(format!("--vantage {}", quoted(&site.vantage)));
    parts.push("--json audit.json --html audit.html".to_owned());
    parts.extend(audit.inputs.iter().take(MOST_WORDS).map(|input| quoted(&input.path)));
    if audit.inputs.len() > MOST_WORDS {
        parts.push("…".to_owned());
    }
    parts
}

/// A word that a shell takes as one.
fn quoted(word: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "/._-=,:+@%".contains(character);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

const MOST_ENTRIES: usize = 100;
const MOST_WORDS: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(word: &str, expected: &str) {
        assert_eq!(quoted(word), expected);
    }

    #[test]
    fn a_shell_takes_each_word_as_one() {
        check("a-b.pcap", "a-b.pcap");
        check("it's $(x)", "'it'\\''s $(x)'");
        check("", "''");
    }
}
