//! Escaped text in, text of a known width out. Widths are terminal columns: wide characters count
//! two, combining marks none. Never cuts inside a character.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Columns that `text` takes.
pub fn width(text: &str) -> usize {
    text.width()
}

/// `text` cut to at most `columns`, with `…` where something is missing.
pub fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut shown = head(text, columns.saturating_sub(1)).0.trim_end().to_owned();
    if columns > 0 {
        shown.push('…');
    }
    shown
}

/// `text` broken at spaces into lines of at most `columns`; a word that is longer is broken inside.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(8);
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let mut word = word;
        while width(word) > columns {
            let (piece, rest) = head(word, columns);
            place(&mut lines, piece, columns);
            word = rest;
        }
        if !word.is_empty() {
            place(&mut lines, word, columns);
        }
    }
    lines
}

/// [`wrap`], but at most `most` lines, the last one ending in `…` when there was more.
pub fn wrap_at_most(text: &str, columns: usize, most: usize) -> Vec<String> {
    let mut lines = wrap(text, columns);
    if lines.len() > most {
        lines.truncate(most);
        if let Some(last) = lines.last_mut() {
            *last = format!("{} …", cut(last, columns.max(8).saturating_sub(2)).trim_end_matches('…'));
        }
    }
    lines
}

fn place(lines: &mut Vec<String>, word: &str, columns: usize) {
    match lines.last_mut() {
        Some(line) if line.is_empty() => line.push_str(word),
        Some(line) if width(line).saturating_add(1).saturating_add(width(word)) <= columns => {
            line.push(' ');
            line.push_str(word);
        }
        Some(_) | None => lines.push(word.to_owned()),
    }
}

/// As many characters as fit into `columns`, at least one, and the rest.
fn head(text: &str, columns: usize) -> (&str, &str) {
    let mut used = 0usize;
    for (place, character) in text.char_indices() {
        used = used.saturating_add(character.width().unwrap_or(0));
        if used > columns && place > 0 {
            return text.split_at_checked(place).unwrap_or((text, ""));
        }
    }
    (text, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(found: &[String], expected: &[&str]) {
        assert_eq!(found, expected);
    }

    #[test]
    fn text_keeps_its_width() {
        check(&[cut("plain", 5), cut("plainly", 5), cut("日本語", 5), cut("", 0)], &["plain", "plai…", "日本…", ""]);
        check(&wrap("one two three", 8), &["one two", "three"]);
        check(&wrap("a 0123456789abcdef z", 8), &["a", "01234567", "89abcdef", "z"]);
        check(&wrap("日本語日本語", 8), &["日本語日", "本語"]);
        check(&wrap("", 8), &[""]);
        check(&wrap_at_most("one two three four five", 8, 2), &["one two", "three …"]);
        check(&wrap_at_most("12345678 12345678 x", 8, 1), &["12345 …"]);
    }
}
