//! Markup and text in, one HTML or SVG document out. Markup can only be a literal of this program;
//! everything else is text and is escaped here, so nothing that came from outside can become an
//! element, an attribute or a style.

use std::fmt::Display;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::escape;

/// A document that grows.
#[derive(Debug, Default)]
pub struct Markup(String);

impl Markup {
    /// Adds markup of this program.
    pub fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Adds text from anywhere, escaped; what is longer than [`LONGEST`] is cut and says so.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.0.push_str(&escape::html(&cut(text, LONGEST)));
        self
    }

    /// Adds a figure.
    pub fn number(&mut self, number: impl Into<i64>) -> &mut Self {
        self.shown(&number.into())
    }

    /// Adds a document that was made the same way.
    pub fn join(&mut self, other: &Self) -> &mut Self {
        self.0.push_str(&other.0);
        self
    }

    /// Whether it has grown to `bytes`.
    pub const fn reaches(&self, bytes: usize) -> bool {
        self.0.len() >= bytes
    }

    /// The document.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    fn shown(&mut self, value: &dyn Display) -> &mut Self {
        self.0.push_str(&value.to_string());
        self
    }
}

/// `text` cut to at most `columns`, with `…` where something is missing; a wide character takes two.
pub fn cut(text: &str, columns: usize) -> String {
    if text.len() <= columns || text.width() <= columns {
        return text.to_owned();
    }
    let mut used = 1usize;
    let mut shown = String::new();
    for character in text.chars() {
        used = used.saturating_add(character.width().unwrap_or(1));
        if used > columns {
            break;
        }
        shown.push(character);
    }
    format!("{}…", shown.trim_end())
}

/// `text` on two lines of at most `columns`, broken at a space where there is one; the second is
/// cut, and empty when one line is enough.
pub fn halves(text: &str, columns: usize) -> (String, String) {
    if text.width() <= columns {
        return (text.to_owned(), String::new());
    }
    let fits = |(place, _): &(usize, &str)| text.get(..*place).is_some_and(|head| head.width() <= columns);
    let split = text.match_indices(' ').take_while(fits).last().and_then(|(place, _)| text.split_at_checked(place));
    match split {
        Some((head, rest)) => (head.to_owned(), cut(rest.trim_start(), columns)),
        None => (cut(text, columns), String::new()),
    }
}

/// Columns of the longest text; the whole of it is in the JSON.
const LONGEST: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, columns: usize, one: &str, two: (&str, &str)) {
        assert_eq!(cut(text, columns), one);
        let (head, rest) = halves(text, columns);
        assert_eq!((head.as_str(), rest.as_str()), two);
    }

    #[test]
    fn text_is_cut_to_columns() {
        check("plain", 8, "plain", ("plain", ""));
        check("one two three", 8, "one two…", ("one two", "three"));
        check("日本語日本", 6, "日本…", ("日本…", ""));
        check(
            "Active Directory global catalog servers",
            24,
            "Active Directory global…",
            ("Active Directory global", "catalog servers"),
        );
    }

    #[test]
    fn text_is_never_markup() {
        let mut page = Markup::default();
        page.raw("<b>").text("<i>\"&").raw("</b>").number(7);
        assert_eq!(page.as_bytes(), b"<b>&lt;i&gt;&quot;&amp;</b>7");
    }
}
