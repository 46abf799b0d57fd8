//! A TOML text in, its values with their places out, and every fault on the way noted. Knows the
//! shapes of values (string, list, table), never their meaning. Serde is not used: it stops at the
//! first error, and reports wrong places for flattened tables.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostics::{Fault, Faults, Source, did_you_mean, quoted};

/// A string and where it stands, quotes included.
pub(super) type Word = Spanned<String>;
/// A value and where it stands.
pub(super) type Value<'text> = Spanned<DeValue<'text>>;
/// A table without its place.
pub(super) type Table<'text> = DeTable<'text>;

/// Collects the faults of one text.
pub(super) struct Reader<'source> {
    /// The text.
    pub source: &'source Source,
    /// What was wrong so far.
    pub faults: Faults,
}

impl<'source> Reader<'source> {
    /// Parses `source`; what is no TOML is noted, the rest is kept.
    pub fn parse(source: &'source Source) -> (Self, Spanned<Table<'source>>) {
        let mut reader = Self { source, faults: Faults::default() };
        if source.text.len() > LONGEST_TEXT {
            let message = format!("the file is larger than {} MiB", LONGEST_TEXT >> 20);
            reader.faults.push(Fault::whole(&source.path, message));
            return (reader, Spanned::new(0..0, Table::new()));
        }
        let (table, errors) = DeTable::parse_recoverable(&source.text);
        for error in errors {
            reader.fault(error.span().unwrap_or(0..0), error.message(), None);
        }
        (reader, table)
    }

    /// Notes a fault at a place.
    pub fn fault(&mut self, span: Range<usize>, message: impl Into<String>, help: Option<String>) {
        if self.faults.len() < MOST_FAULTS {
            self.faults.push(Fault::at(self.source, span, message).maybe_help(help));
        }
    }

    /// Notes every key of `table` that is not in `known`.
    pub fn known_keys(&mut self, table: &Table<'_>, known: &[&str], what: &str) {
        for key in table.keys().filter(|key| !known.contains(&key.get_ref().as_ref())) {
            let help = did_you_mean(key.get_ref(), known.iter().copied());
            let help = help.or_else(|| Some(format!("{what} has the keys {}", known.join(", "))));
            self.fault(key.span(), format!("unknown key {} in {what}", quoted(key.get_ref())), help);
        }
    }

    /// The string under `key`, if there is one.
    pub fn string(&mut self, table: &Table<'_>, key: &str) -> Option<Word> {
        let value = table.get(key)?;
        self.word(value, key)
    }

    /// The string under `key`; its absence is a fault at `span`.
    pub fn required(&mut self, table: &Table<'_>, key: &str, span: Range<usize>) -> Option<Word> {
        if table.get(key).is_none() {
            self.fault(span, format!("`{key}` is missing"), Some(format!("add a line `{key} = \"…\"`")));
        }
        self.string(table, key)
    }

    /// A value that is to be a string.
    pub fn word(&mut self, value: &Value<'_>, what: &str) -> Option<Word> {
        match value.get_ref() {
            DeValue::String(text) => Some(Spanned::new(value.span(), text.clone().into_owned())),
            other => {
                self.shape(value.span(), what, "a string", other);
                None
            }
        }
    }

    /// A string or a list of strings under `key`.
    pub fn strings(&mut self, table: &Table<'_>, key: &str) -> Option<Vec<Word>> {
        let value = table.get(key)?;
        Some(self.words(value, key))
    }

    /// A value that is to be a string or a list of strings.
    pub fn words(&mut self, value: &Value<'_>, what: &str) -> Vec<Word> {
        match value.get_ref() {
            DeValue::Array(values) => values.iter().filter_map(|value| self.word(value, what)).collect(),
            DeValue::String(_) => self.word(value, what).into_iter().collect(),
            other => {
                self.shape(value.span(), what, "a string or a list of strings", other);
                Vec::new()
            }
        }
    }

    /// The boolean under `key`, if there is one.
    pub fn boolean(&mut self, table: &Table<'_>, key: &str) -> Option<bool> {
        let value = table.get(key)?;
        if let DeValue::Boolean(on) = value.get_ref() {
            return Some(*on);
        }
        self.shape(value.span(), key, "true or false", value.get_ref());
        None
    }

    /// The table under `key`, if there is one.
    pub fn table<'table, 'text>(
        &mut self,
        table: &'table Table<'text>,
        key: &str,
    ) -> Option<(&'table Table<'text>, Range<usize>)> {
        let value = table.get(key)?;
        if let DeValue::Table(inner) = value.get_ref() {
            return Some((inner, value.span()));
        }
        self.shape(value.span(), key, "a table", value.get_ref());
        None
    }

    /// The tables under `[[key]]`, in document order.
    pub fn tables<'table, 'text>(
        &mut self,
        table: &'table Table<'text>,
        key: &str,
    ) -> Vec<(&'table Table<'text>, Range<usize>)> {
        let Some(value) = table.get(key) else { return Vec::new() };
        let DeValue::Array(values) = value.get_ref() else {
            self.shape(value.span(), key, &format!("a list of tables, each under `[[{key}]]`"), value.get_ref());
            return Vec::new();
        };
        let mut tables = Vec::with_capacity(values.len());
        for value in values.iter() {
            match value.get_ref() {
                DeValue::Table(inner) => tables.push((inner, value.span())),
                other => self.shape(value.span(), key, "a table", other),
            }
        }
        tables
    }

    /// One of a few words under `key`.
    pub fn choice<T: Copy>(&mut self, table: &Table<'_>, key: &str, choices: &[(&str, T)]) -> Option<T> {
        let word = self.string(table, key)?;
        let found = choices.iter().find(|(name, _)| name == word.get_ref()).map(|(_, choice)| *choice);
        if found.is_none() {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            let help = did_you_mean(word.get_ref(), names.iter().copied());
            let help = help.or_else(|| Some(format!("expected {}", names.join(", "))));
            self.fault(word.span(), format!("{} is no `{key}`", quoted(word.get_ref())), help);
        }
        found
    }

    /// The place of a part of a word, where the text is written as it is read; else of all of it.
    pub fn inside(&self, word: &Word, part: Range<usize>) -> Range<usize> {
        let span = word.span();
        let inner = span.start.saturating_add(1)..span.end.saturating_sub(1);
        if self.source.text.get(inner.clone()) != Some(word.get_ref().as_str()) {
            return span;
        }
        inner.start.saturating_add(part.start)..inner.start.saturating_add(part.end)
    }

    /// Notes a value of the wrong shape.
    pub fn shape(&mut self, span: Range<usize>, what: &str, expected: &str, found: &DeValue<'_>) {
        self.fault(span, format!("`{what}` is a {}", found.type_str()), Some(format!("expected {expected}")));
    }
}

/// Reads `90s`, `15m`, `24h`, `7d`, `1h30m` into nanoseconds.
///
/// # Errors
/// What was expected.
pub(super) fn duration(text: &str) -> Result<i64, String> {
    let wrong = || format!("{} is no duration: expected a number with s, m, h or d, such as 15m", quoted(text));
    let mut seconds: i64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (digits, tail) = rest.split_at_checked(end).ok_or_else(wrong)?;
        let number: i64 = digits.parse().map_err(|_| wrong())?;
        let mut letters = tail.chars();
        let unit: i64 = match letters.next() {
            Some('s') => 1,
            Some('m') => 60,
            Some('h') => 3_600,
            Some('d') => 86_400,
            _ => return Err(wrong()),
        };
        seconds = number.checked_mul(unit).and_then(|part| seconds.checked_add(part)).ok_or_else(wrong)?;
        rest = letters.as_str();
    }
    if text.is_empty() {
        return Err(wrong());
    }
    seconds.checked_mul(1_000_000_000).ok_or_else(wrong)
}

/// The shortest form that [`duration`] reads back.
pub(super) fn duration_text(nanoseconds: i64) -> String {
    let seconds = nanoseconds.checked_div(1_000_000_000).unwrap_or_default();
    let units = [(86_400, 'd'), (3_600, 'h'), (60, 'm')];
    let fits = units.iter().find(|(unit, _)| seconds > 0 && seconds.checked_rem(*unit) == Some(0));
    match fits {
        Some((unit, letter)) => format!("{}{letter}", seconds.checked_div(*unit).unwrap_or_default()),
        None => format!("{seconds}s"),
    }
}

/// Longest pack or site, in bytes: 10,000 rows and a million addresses fit.
const LONGEST_TEXT: usize = 64 << 20;
/// Most faults that are kept of one text.
const MOST_FAULTS: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<i64>) {
        assert_eq!(duration(text).ok(), expected.map(|seconds| seconds * 1_000_000_000), "{text}");
    }

    #[test]
    fn durations() {
        check("15m", Some(900));
        check("0s", Some(0));
        check("1h30m", Some(5_400));
        check("7d", Some(604_800));
        check("", None);
        check("15", None);
        check("m", None);
        check("-1s", None);
        check("99999999999999999999d", None);
        check("999999999999d", None);
        check("1w", None);
        for text in ["15m", "0s", "24h", "90s"] {
            let expected = if text == "24h" { "1d" } else { text };
            assert_eq!(duration_text(duration(text).unwrap()), expected);
        }
    }
}
