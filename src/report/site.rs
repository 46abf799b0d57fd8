//! A guessed site in, commented TOML for a human to correct out. Whatever a packet said stands in
//! comments and is escaped there; a line counts only when its player reads back as what it is.

use std::fmt::Write as _;
use std::io::{self, Write};

use super::escape;
use crate::audit::{Strength, SuggestedFeature, SuggestedPlayer, SuggestedRole, Suggestion};
use crate::matrix::Player;

/// What the site is made for.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'site> {
    /// The captures, as the user named them.
    pub captures: &'site [String],
    /// The audited packs.
    pub packs: &'site [String],
    /// The packs that explain the rest.
    pub baseline: &'site [String],
}

/// Writes the site.
///
/// # Errors
/// Whatever `out` meets.
pub fn write(out: &mut dyn Write, suggestion: &Suggestion, origin: Origin<'_>) -> io::Result<()> {
    let text = head(suggestion, origin) + &roles(suggestion) + &features(&suggestion.features);
    out.write_all(text.as_bytes())
}

fn head(suggestion: &Suggestion, origin: Origin<'_>) -> String {
    let captures: Vec<_> = origin.captures.iter().map(|path| escape::terminal(path)).collect();
    let mut title = String::new();
    push_wrapped(&mut title, "# ", "# ", &format!("GUESSED by `flowaudit site init` from {}.", captures.join(", ")));
    let packs = list(origin.packs);
    let baseline = list(origin.baseline);
    let vantage = match suggestion.subject.at_the_tap {
        true => format!("vantage = {:<27} # nearly every flow has it at one end", quoted(&suggestion.subject.role)),
        false => "vantage = \"mirror\"                    # many flows pass it by".to_owned(),
    };
    format!(
        "\
{title}# Nobody has read this yet, and a stranger in the capture may have listed himself. Read every line,
# correct it, then take the line `draft = true` out: until then no audit accepts this file.
# Lines that begin with `#` count for nothing: they are offered where the evidence is weak.

[site]
draft = true
name = \"\"                              # how reports call this place
packs = {packs}
baseline = {baseline}
{vantage}
"
    )
}

fn list(words: &[String]) -> String {
    let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    format!("[{}]", words.join(", "))
}

fn roles(suggestion: &Suggestion) -> String {
    let subject = &suggestion.subject;
    let players = subject.addresses.iter().map(|(address, why)| SuggestedPlayer {
        player: address.to_string(),
        strength: Strength::Seen,
        evidence: why.clone(),
    });
    let own = SuggestedRole {
        id: subject.role.clone(),
        title: subject.title.clone(),
        players: players.collect(),
        notes: Vec::new(),
    };
    let mut text = "\n[roles]\n".to_owned();
    for role in std::iter::once(&own).chain(&suggestion.roles) {
        push_role(&mut text, role);
    }
    text
}

/// A role of whom nobody was seen stays a comment: an empty list would mean that nobody plays it.
fn push_role(text: &mut String, role: &SuggestedRole) {
    let notes = role.notes.iter().map(|note| format!("; {}", comment(note)));
    push_wrapped(text, "# ", "# ", &format!("{}{}", comment(&role.title), notes.collect::<String>()));
    let counts = |player: &&SuggestedPlayer| player.strength == Strength::Seen && is_plain(&player.player);
    let is_live = role.players.iter().any(|player| counts(&player));
    let mark = if is_live { "" } else { "# " };
    match role.players.as_slice() {
        [] if !role.notes.is_empty() => {}
        [] => push(text, &format!("# {} = []  # not seen", role.id)),
        players => {
            push(text, &format!("{mark}{} = [", role.id));
            let (live, offered): (Vec<_>, Vec<_>) = players.iter().partition(counts);
            live.into_iter().for_each(|player| push_player(text, "    ", player));
            offered.into_iter().for_each(|player| push_player(text, if is_live { "    # " } else { "#     " }, player));
            push(text, &format!("{mark}]"));
        }
    }
    text.push('\n');
}

fn push_player(text: &mut String, mark: &str, player: &SuggestedPlayer) {
    let who = if is_plain(&player.player) { quoted(&player.player) } else { comment(&player.player) };
    let front = format!("{mark}{:<20} # ", format!("{who},"));
    push_wrapped(text, &front, &format!("{mark}{:<20} # ", ""), &comment(&player.evidence));
}

fn features(features: &[SuggestedFeature]) -> String {
    let mut text = "[features]\n".to_owned();
    for feature in features {
        let title = comment(&feature.title);
        let (setting, seen) = match &feature.evidence {
            Some(evidence) => (format!("{} = true", feature.id), comment(evidence)),
            None => (format!("# {} = {}", feature.id, feature.default), "not seen; this is the default".to_owned()),
        };
        let (front, further) = (format!("{setting:<24} # "), format!("{:<24} # ", "#"));
        push_wrapped(&mut text, &front, &further, &format!("{title}: {seen}"));
    }
    text
}

/// A comment that goes on below itself where it gets too long to read: `front` before the first line of it,
/// `further` before the others. A word that is longer than a line stays whole.
fn push_wrapped(text: &mut String, front: &str, further: &str, words: &str) {
    let mut line = front.to_owned();
    let mut is_empty = true;
    for word in words.split(' ') {
        if !is_empty && line.chars().count() + word.chars().count() >= WIDTH {
            push(text, &line);
            line = further.to_owned();
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
        is_empty = false;
    }
    push(text, &line);
}

/// Columns of a line.
const WIDTH: usize = 100;

fn push(text: &mut String, line: &str) {
    let _ = writeln!(text, "{}", line.trim_end());
}

/// Text from outside inside a comment: one line, without controls.
fn comment(text: &str) -> String {
    escape::terminal(text).into_owned()
}

/// Whether a player can stand in quotes as it is, and is what it looks like.
fn is_plain(player: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b".:/-_".contains(&byte);
    player.bytes().all(known) && Player::parse(player).is_ok_and(|read| read.to_string() == player)
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(character);
            }
            control if escape::is_hostile(control) => {
                let _ = write!(quoted, "\\U{:08x}", u32::from(control));
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Subject;
    use crate::matrix::Site;

    fn check(player: &str, evidence: &str, path: &str, counts: bool) {
        let players =
            vec![SuggestedPlayer { player: player.into(), strength: Strength::Seen, evidence: evidence.into() }];
        let role = SuggestedRole { id: "hosts".into(), title: evidence.into(), players, notes: vec![evidence.into()] };
        let subject =
            Subject { role: "server".into(), title: evidence.into(), addresses: Vec::new(), at_the_tap: true };
        let feature = SuggestedFeature {
            id: "on".into(),
            title: evidence.into(),
            default: true,
            evidence: Some(evidence.into()),
        };
        let suggestion = Suggestion { subject, roles: vec![role], features: vec![feature] };
        let captures = [path.to_owned()];
        let mut out = Vec::new();
        write(&mut out, &suggestion, Origin { captures: &captures, packs: &captures, baseline: &[] }).unwrap();
        let text = String::from_utf8(out).unwrap();
        let site = Site::parse("site.toml", &text).unwrap_or_else(|faults| panic!("{text}\n{faults}"));
        assert!(site.read_by_somebody().is_err(), "{text}");
        assert_eq!(site.packs, captures, "{text}");
        assert_eq!(site.roles.iter().map(|role| role.players.len()).sum::<usize>(), usize::from(counts), "{text}");
        assert!(text.chars().all(|c| c == '\n' || !escape::is_hostile(c)), "{text:?}");
    }

    #[test]
    fn long_comments_go_on_below() {
        let long = "word ".repeat(40) + &"x".repeat(120);
        let mut text = String::new();
        push_wrapped(&mut text, "    \"10.0.0.1\", # ", "        # ", &long);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines.len() == 4 && lines[1..].iter().all(|line| line.starts_with("        # ")), "{text}");
        assert!(lines[..3].iter().all(|line| line.len() <= WIDTH), "{text}");
        assert_eq!(lines[3].trim_start_matches([' ', '#']).len(), 120);
    }

    #[test]
    fn what_a_packet_says_stays_in_its_comment() {
        check("10.0.0.1", "plain", "a.pcap", true);
        check("10.0.0.0/24", "x\n[site]\ndraft = false\n", "a\n.pcap", true);
        check("a.example", "\r\u{2028}\u{85}\x1b[2J\"'\\", "\"\\\u{7f}.pcap", true);
        check("a\"]\nb = [\"", "x", "a.pcap", false);
        check("*", "x", "a.pcap", false);
        check("A.example", "x", "a.pcap", false);
    }
}
