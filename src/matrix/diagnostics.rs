//! Places in a text in, faults as rustc prints them out. A fault knows its file, line, column, what
//! was found and what was expected; a collection of faults holds every one of a file at once.
//! Nothing here decides what is a fault, and nothing here prints.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

/// A text that was read, shared by the faults that point into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Path or name, as the user knows it.
    pub path: String,
    /// The whole text.
    pub text: Arc<str>,
}

impl Source {
    /// A text and where it came from.
    #[must_use]
    pub fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: Arc::from(text) }
    }

    /// Line and column of a byte offset, both from 1, the column in characters. An offset behind
    /// the end means the end.
    #[must_use]
    pub fn place(&self, offset: usize) -> (usize, usize) {
        let before = self.text.get(..self.clamp(offset)).unwrap_or_default();
        let line = before.matches('\n').count().saturating_add(1);
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count().saturating_add(1);
        (line, column)
    }

    /// The nearest character border at or before `offset`.
    fn clamp(&self, offset: usize) -> usize {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset = offset.saturating_sub(1);
        }
        offset
    }

    /// The line around `span`: where it starts in the text, and its text without the line end.
    fn line_at(&self, span: &Range<usize>) -> (usize, &str) {
        let offset = self.clamp(span.start);
        let before = self.text.get(..offset).unwrap_or_default();
        let start = before.rfind('\n').map_or(0, |newline| newline.saturating_add(1));
        (start, self.text.get(start..).unwrap_or_default().lines().next().unwrap_or_default())
    }
}

/// One thing that is wrong in a pack, a site or a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file or shipped pack, as the user knows it.
    pub file: String,
    /// Line, from 1; 0 when the fault is about no place in a text.
    pub line: usize,
    /// Column in characters, from 1; 0 likewise.
    pub column: usize,
    /// What is wrong, with the text that was found.
    pub message: String,
    /// What was expected, or what to write instead.
    pub help: Option<String>,
    at: Option<(Source, Range<usize>)>,
}

impl Fault {
    /// A fault at `span` (bytes) of a text.
    #[must_use]
    pub fn at(source: &Source, span: Range<usize>, message: impl Into<String>) -> Self {
        let (line, column) = source.place(span.start);
        let at = Some((source.clone(), span));
        Self { file: source.path.clone(), line, column, message: message.into(), help: None, at }
    }

    /// A fault that is about a whole file, or about the command line.
    #[must_use]
    pub fn whole(file: &str, message: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line: 0, column: 0, message: message.into(), help: None, at: None }
    }

    /// The same fault with a hint.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same fault with a hint, if there is one.
    #[must_use]
    pub fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help;
        self
    }

    fn group(&self) -> Group<'_> {
        let group = Group::with_title(Level::ERROR.primary_title(self.message.as_str()));
        let group = match self.snippet() {
            Some(snippet) => group.element(snippet),
            None if self.line > 0 => {
                group.element(Origin::path(self.file.as_str()).line(self.line).char_column(self.column))
            }
            None => group.element(Origin::path(self.file.as_str())),
        };
        match &self.help {
            Some(help) => group.element(Level::HELP.message(help.as_str())),
            None => group,
        }
    }

    /// The line that is at fault. `None` without a place, or where the line is too long to show.
    fn snippet(&self) -> Option<Snippet<'_, annotate_snippets::Annotation<'_>>> {
        let (source, span) = self.at.as_ref()?;
        let (line_start, text) = source.line_at(span);
        // The renderer panics on spans outside the text or inside a character: both ends are kept
        // within this one line, on character borders, in order.
        let start = source.clamp(span.start).checked_sub(line_start)?.min(text.len());
        let end = source.clamp(span.end).saturating_sub(line_start).clamp(start, text.len());
        if text.len() > LONGEST_LINE || !text.is_char_boundary(start) || !text.is_char_boundary(end) {
            return None;
        }
        let annotation = AnnotationKind::Primary.span(start..end);
        Some(Snippet::source(text).line_start(self.line).path(self.file.as_str()).annotation(annotation))
    }
}

/// Every fault of one or more texts, in the order of their places.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    faults: Vec<Fault>,
}

impl Faults {
    /// Notes one more.
    pub fn push(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    /// Takes over all of `other`.
    pub fn append(&mut self, other: Self) {
        self.faults.extend(other.faults);
    }

    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.faults.is_empty()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.faults.len()
    }

    /// All of them; sorted by file and place once they came out of [`Faults::or`].
    pub fn iter(&self) -> std::slice::Iter<'_, Fault> {
        self.faults.iter()
    }

    /// `value` when nothing is wrong, else the faults, sorted by place, each said once.
    ///
    /// # Errors
    /// The faults themselves.
    pub fn or<T>(mut self, value: T) -> Result<T, Self> {
        if self.faults.is_empty() {
            return Ok(value);
        }
        self.faults
            .sort_by(|a, b| (&a.file, a.line, a.column, &a.message).cmp(&(&b.file, b.line, b.column, &b.message)));
        self.faults.dedup();
        Err(self)
    }

    /// All faults as text, with ANSI colours when `styled`, in the manner of rustc.
    #[must_use]
    pub fn render(&self, styled: bool) -> String {
        let renderer = if styled { Renderer::styled() } else { Renderer::plain() };
        let mut text = String::new();
        for fault in self.faults.iter().take(MOST_SHOWN) {
            text.push_str(&renderer.render(&[fault.group()]));
            text.push_str("\n\n");
        }
        if let Some(more @ 1..) = self.faults.len().checked_sub(MOST_SHOWN) {
            text.push_str(&format!("… and {more} more\n\n"));
        }
        text.truncate(text.trim_end().len());
        text
    }
}

impl From<Fault> for Faults {
    fn from(fault: Fault) -> Self {
        Self { faults: vec![fault] }
    }
}

impl<'faults> IntoIterator for &'faults Faults {
    type Item = &'faults Fault;
    type IntoIter = std::slice::Iter<'faults, Fault>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Faults {}

/// A found text for a message: in backquotes, control and direction marks escaped, not endless.
#[must_use]
pub fn quoted(text: &str) -> String {
    let mut shown = String::from("`");
    for character in text.chars().take(LONGEST_QUOTE) {
        if character.is_control()
            || matches!(character, '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        {
            shown.extend(character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    if text.chars().nth(LONGEST_QUOTE).is_some() {
        shown.push('…');
    }
    shown.push('`');
    shown
}

/// The known word that was probably meant, as a hint: at most two slips away, and nearer than a
/// word of other letters altogether.
#[must_use]
pub fn did_you_mean<'word>(found: &str, known: impl IntoIterator<Item = &'word str>) -> Option<String> {
    let found = found.get(..LONGEST_QUOTE).unwrap_or(found).to_lowercase();
    known
        .into_iter()
        .map(|word| (strsim::damerau_levenshtein(&found, word), word))
        .filter(|(distance, word)| *distance <= 2 && *distance < word.len())
        .min()
        .map(|(_, word)| format!("did you mean `{word}`?"))
}

/// Longest line that is shown under a fault, in bytes.
const LONGEST_LINE: usize = 400;
/// Longest quotation inside a message, in characters.
const LONGEST_QUOTE: usize = 60;
/// Most faults that are printed.
const MOST_SHOWN: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, span: Range<usize>, expected: &str) {
        let faults = Faults::from(Fault::at(&Source::new("a.toml", text), span, "bad").help("good"));
        assert!(faults.render(false).contains(expected), "{expected:?} not in:\n{faults}");
        assert!(!faults.render(true).is_empty());
    }

    #[test]
    fn places() {
        check("one\ntwo = 3\n", 4..7, "a.toml:2:1");
        check("one\ntwo = 3\n", 10..11, "a.toml:2:7");
        check("ü = 3", 1..2, "a.toml:1:1");
        check("ü = 3", 3..400, "a.toml:1:3");
        check("", 70..3, "a.toml:1:1");
        check(&"x".repeat(5000), 4000..4001, "a.toml:1:4001");
        check("a\r\nbc = 1", 3..5, "a.toml:2:1");
        check("a\nb", 0..3, "help: good");
    }

    #[test]
    fn every_span_is_survived() {
        let text = "ä\n\r\n\u{202e}b = \"\u{1b}[31m\"\tß\n";
        for start in 0..text.len() + 3 {
            for end in 0..text.len() + 3 {
                check(text, start..end, "bad");
            }
        }
    }
}
