//! Text from outside in, text that a terminal, a spreadsheet or a Markdown reader shows without
//! obeying it out. Every name, path, reason and summary passes here once, on its way out. Never
//! drops text silently: what is escaped stays readable, what is cut says how much.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Longest cell in characters; the rest is counted in `…(+N)`.
pub const LONGEST: usize = 4096;

/// `text` with every character that could steer or deceive a terminal written out: C0, C1, DEL,
/// bidirectional controls, line separators and invisible characters become `\x1b` or `\u{202e}`.
#[must_use]
pub fn terminal(text: &str) -> Cow<'_, str> {
    let cut = shorten(text, LONGEST);
    if !cut.chars().any(is_hostile) {
        return cut;
    }
    let mut shown = String::with_capacity(cut.len());
    for character in cut.chars() {
        push_visible(&mut shown, character);
    }
    Cow::Owned(shown)
}

/// `text` as a spreadsheet cell: as on a terminal, and with `'` in front where a spreadsheet would
/// take it for a formula. Quoting is the CSV writer's part; quoting alone does not defuse.
#[must_use]
pub fn csv(text: &str) -> Cow<'_, str> {
    let first = text.trim_start_matches(' ').chars().next();
    let safe = terminal(text);
    if first.is_some_and(|first| FORMULA.contains(&first)) { Cow::Owned(format!("'{safe}")) } else { safe }
}

/// `text` inside a line or a table cell of Markdown (CommonMark with GitHub's tables): no markup,
/// no HTML, no link, no mention.
#[must_use]
pub fn markdown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in terminal(text).chars() {
        match character {
            '&' => shown.push_str("&amp;"),
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            '@' => shown.push_str("&#64;"),
            ':' => shown.push_str("&#58;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' | '!' | '$' => {
                shown.push('\\');
                shown.push(character);
            }
            _ => shown.push(character),
        }
    }
    // GitHub makes a link of a bare `www.` too, and a reference of an empty line's indentation.
    shown.replace("www.", "www&#46;").replace("WWW.", "WWW&#46;").trim().to_owned()
}

/// `text` inside an element or a quoted attribute of HTML or SVG: no markup, no entity, and nothing
/// that hides or reorders text.
#[must_use]
pub fn html(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in terminal(text).chars() {
        match character {
            '&' => shown.push_str("&amp;"),
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            '"' => shown.push_str("&quot;"),
            '\'' => shown.push_str("&#39;"),
            _ => shown.push(character),
        }
    }
    shown
}

/// Whether `character` could steer a terminal or hide or reorder text.
#[must_use]
pub const fn is_hostile(character: char) -> bool {
    matches!(character,
        '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{180e}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// `text` cut to `longest` characters, `…(+N)` counted apart, at the end.
fn shorten(text: &str, longest: usize) -> Cow<'_, str> {
    let length = text.chars().count();
    if length <= longest {
        return Cow::Borrowed(text);
    }
    let mut head: String = text.chars().take(longest).collect();
    let _ = write!(head, "…(+{})", length.saturating_sub(longest));
    Cow::Owned(head)
}

fn push_visible(shown: &mut String, character: char) {
    if !is_hostile(character) {
        shown.push(character);
        return;
    }
    let code = u32::from(character);
    // Writing into a string cannot fail.
    let _ = if code <= 0xff { write!(shown, "\\x{code:02x}") } else { write!(shown, "\\u{{{code:x}}}") };
}

/// First characters of a formula (OWASP list) and their full-width forms.
const FORMULA: &[char] = &['=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, on_terminal: &str, in_csv: &str, in_markdown: &str) {
        assert_eq!(terminal(text), on_terminal, "terminal {text:?}");
        assert_eq!(csv(text), in_csv, "csv {text:?}");
        assert_eq!(markdown(text), in_markdown, "markdown {text:?}");
    }

    #[test]
    fn hostile_text_is_inert() {
        check("dc1.corp.example", "dc1.corp.example", "dc1.corp.example", "dc1.corp.example");
        check("\x1b[31mred\x07", r"\x1b[31mred\x07", r"\x1b[31mred\x07", r"\\x1b\[31mred\\x07");
        check("a\u{9b}2Jb\x7f", r"a\x9b2Jb\x7f", r"a\x9b2Jb\x7f", r"a\\x9b2Jb\\x7f");
        check("gpj\u{202e}exe", r"gpj\u{202e}exe", r"gpj\u{202e}exe", r"gpj\\u{202e}exe");
        check(
            "one\u{2028}two\r\nthree",
            r"one\u{2028}two\x0d\x0athree",
            r"one\u{2028}two\x0d\x0athree",
            r"one\\u{2028}two\\x0d\\x0athree",
        );
        check("=cmd|' /C calc'!A0", "=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0", r"=cmd\|' /C calc'\!A0");
        check("\t=1", r"\x09=1", r"'\x09=1", r"\\x09=1");
        check("  @x", "  @x", "'  @x", "&#64;x");
        check("\u{ff1d}1", "\u{ff1d}1", "'\u{ff1d}1", "\u{ff1d}1");
        check("<img src=x>&", "<img src=x>&", "<img src=x>&", "&lt;img src=x&gt;&amp;");
        check("[a](http://x) www.x", "[a](http://x) www.x", "[a](http://x) www.x", r"\[a\](http&#58;//x) www&#46;x");
        check(
            "zero\u{200b}width\u{feff}",
            r"zero\u{200b}width\u{feff}",
            r"zero\u{200b}width\u{feff}",
            r"zero\\u{200b}width\\u{feff}",
        );
        check("日本 ü", "日本 ü", "日本 ü", "日本 ü");
    }

    #[test]
    fn html_holds_no_markup() {
        assert_eq!(html("<b a=\"'\">&amp;\x1b\u{202e}"), "&lt;b a=&quot;&#39;&quot;&gt;&amp;amp;\\x1b\\u{202e}");
    }

    #[test]
    fn long_text_is_cut_and_says_so() {
        let long = "x".repeat(LONGEST + 7);
        assert_eq!(terminal(&long), format!("{}…(+7)", "x".repeat(LONGEST)));
    }
}
