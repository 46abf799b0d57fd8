//! Values in, JSON text out that holds no raw control, bidirectional or invisible character: they
//! are written as `\uXXXX`, which every reader turns back. Never loses or changes a value.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter, Serializer};

use super::escape;
use crate::audit::Audit;

/// Writes the audit as indented JSON with a trailing newline.
///
/// # Errors
/// Whatever `out` met.
pub fn write(out: &mut dyn Write, audit: &Audit) -> io::Result<()> {
    write_pretty(out, audit)
}

/// Writes one value as indented JSON with a trailing newline.
///
/// # Errors
/// Whatever `out` met.
pub fn write_pretty(out: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
    value
        .serialize(&mut Serializer::with_formatter(&mut *out, Inert(PrettyFormatter::new())))
        .map_err(io::Error::from)?;
    out.write_all(b"\n")
}

/// Writes one value as one line of JSON.
///
/// # Errors
/// Whatever `out` met.
pub fn write_line(out: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
    value.serialize(&mut Serializer::with_formatter(&mut *out, Inert(CompactFormatter))).map_err(io::Error::from)?;
    out.write_all(b"\n")
}

/// A formatter that leaves the layout to another one and keeps strings inert.
struct Inert<Layout>(Layout);

/// Hands the layout calls on to the formatter inside.
macro_rules! layout {
    ($($name:ident($($argument:ident: $kind:ty),*)),+ $(,)?) => {
        $(fn $name<W: ?Sized + Write>(&mut self, writer: &mut W $(, $argument: $kind)*) -> io::Result<()> {
            self.0.$name(writer $(, $argument)*)
        })+
    };
}

impl<Layout: Formatter> Formatter for Inert<Layout> {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut buffer = [0u16; 2];
        let mut plain = String::with_capacity(fragment.len());
        for character in fragment.chars() {
            if escape::is_hostile(character) {
                for unit in character.encode_utf16(&mut buffer) {
                    plain.push_str(&format!("\\u{unit:04x}"));
                }
            } else {
                plain.push(character);
            }
        }
        writer.write_all(plain.as_bytes())
    }

    layout!(
        begin_array(),
        end_array(),
        begin_array_value(first: bool),
        end_array_value(),
        begin_object(),
        end_object(),
        begin_object_key(first: bool),
        end_object_key(),
        begin_object_value(),
        end_object_value(),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let mut written = Vec::new();
        write_line(&mut written, &text).unwrap();
        assert_eq!(std::str::from_utf8(&written).unwrap(), format!("{expected}\n"));
        assert_eq!(serde_json::from_slice::<String>(&written).unwrap(), text);
    }

    #[test]
    fn strings_are_inert_and_survive() {
        check("plain ü 日本", r#""plain ü 日本""#);
        check("\x1b[2J\n\"\\", r#""\u001b[2J\n\"\\""#);
        check("\u{9b}\u{7f}\u{202e}\u{2028}", r#""\u009b\u007f\u202e\u2028""#);
        check("\u{e0041}", r#""\udb40\udc41""#);
        check("</script>", r#""</script>""#);
    }
}
