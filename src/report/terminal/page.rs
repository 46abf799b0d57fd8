//! Pieces of text with a meaning in, terminal lines out. Every piece is escaped here, and colour
//! is only ever added to what already reads without it. Never writes a line wider than the page.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use super::text;
use crate::report::escape;
use crate::report::words::Tone;

/// What a piece of text is, which decides how it looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    /// Ordinary text.
    Plain,
    /// Text that explains.
    Quiet,
    /// A heading.
    Heading,
    /// A status.
    Accent(Tone),
    /// The answer itself.
    Answer(Tone),
}

impl Paint {
    fn style(self) -> Style {
        match self {
            Self::Plain => Style::new(),
            Self::Quiet => Style::new().dimmed(),
            Self::Heading => Style::new().bold(),
            Self::Accent(tone) => accent(tone),
            Self::Answer(tone) => accent(tone).bold(),
        }
    }
}

fn accent(tone: Tone) -> Style {
    let colour = match tone {
        Tone::Good => AnsiColor::Green,
        Tone::Bad => AnsiColor::Red,
        Tone::Mixed | Tone::Unsure => AnsiColor::Yellow,
        Tone::Calm => return Style::new().dimmed(),
    };
    Style::new().fg_color(Some(colour.into()))
}

/// One line of pieces.
#[derive(Clone, Debug, Default)]
pub struct Line {
    pieces: Vec<(Paint, String)>,
}

impl Line {
    /// A line that begins with `columns` spaces.
    pub fn indented(columns: usize) -> Self {
        Self { pieces: vec![(Paint::Plain, " ".repeat(columns))] }
    }

    /// Adds a piece.
    pub fn with(mut self, paint: Paint, piece: &str) -> Self {
        self.pieces.push((paint, escape::terminal(piece).into_owned()));
        self
    }

    /// Adds a piece of exactly `columns`, cut or filled on its right, and two spaces behind it.
    pub fn cell(self, paint: Paint, piece: &str, columns: usize) -> Self {
        let piece = text::cut(&escape::terminal(piece), columns);
        let fill = columns.saturating_sub(text::width(&piece)).saturating_add(2);
        self.with(paint, &piece).with(Paint::Plain, &" ".repeat(fill))
    }

    /// The same, filled on its left.
    pub fn figure(self, paint: Paint, piece: &str, columns: usize) -> Self {
        let fill = columns.saturating_sub(text::width(piece));
        self.with(Paint::Plain, &" ".repeat(fill)).with(paint, piece).with(Paint::Plain, "  ")
    }
}

/// The page that the report is written on.
pub struct Page<'out> {
    out: &'out mut dyn Write,
    width: usize,
    colour: bool,
}

impl<'out> Page<'out> {
    /// A page of `width` columns.
    pub fn new(out: &'out mut dyn Write, width: usize, colour: bool) -> Self {
        Self { out, width, colour }
    }

    /// Its width in columns.
    pub const fn width(&self) -> usize {
        self.width
    }

    /// An empty line.
    ///
    /// # Errors
    /// Whatever the output met, here and below.
    pub fn gap(&mut self) -> io::Result<()> {
        self.out.write_all(b"\n")
    }

    /// Writes a line, cut at the width of the page, without trailing spaces.
    pub fn line(&mut self, line: &Line) -> io::Result<()> {
        let mut left = self.width;
        let last = line.pieces.iter().rposition(|(_, piece)| !piece.trim_end().is_empty());
        for (place, (paint, piece)) in line.pieces.iter().enumerate() {
            if last.is_none_or(|last| place > last) || left == 0 {
                break;
            }
            let piece = if last == Some(place) { piece.trim_end() } else { piece };
            let shown = text::cut(piece, left);
            left = left.saturating_sub(text::width(&shown));
            self.piece(*paint, &shown)?;
        }
        self.gap()
    }

    /// Writes a paragraph of one paint at an indentation, at most `most` lines of it.
    pub fn paragraph(&mut self, paint: Paint, indent: usize, content: &str, most: usize) -> io::Result<()> {
        if content.is_empty() {
            return Ok(());
        }
        let columns = self.width.saturating_sub(indent).min(WIDEST_PARAGRAPH);
        for line in text::wrap_at_most(&escape::terminal(content), columns, most) {
            self.line(&Line::indented(indent).with(paint, &line))?;
        }
        Ok(())
    }

    /// Writes a heading with a quiet remark behind it, after an empty line.
    pub fn heading(&mut self, heading: &str, remark: &str) -> io::Result<()> {
        self.gap()?;
        let first = text::width(heading).saturating_add(2);
        let columns = self.width.saturating_sub(first).min(WIDEST_PARAGRAPH);
        let mut remarks = text::wrap(&escape::terminal(remark), columns).into_iter();
        let line = Line::default().with(Paint::Heading, heading).with(Paint::Plain, "  ");
        self.line(&line.with(Paint::Quiet, &remarks.next().unwrap_or_default()))?;
        remarks.try_for_each(|rest| self.line(&Line::indented(first).with(Paint::Quiet, &rest)))
    }

    fn piece(&mut self, paint: Paint, piece: &str) -> io::Result<()> {
        let style = paint.style();
        if self.colour && style != Style::new() && !piece.trim().is_empty() {
            write!(self.out, "{style}{piece}{style:#}")
        } else {
            self.out.write_all(piece.as_bytes())
        }
    }
}

/// Longer lines than this are hard to read, however wide the terminal is.
const WIDEST_PARAGRAPH: usize = 110;
