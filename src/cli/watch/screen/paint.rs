//! Text from anywhere in, spans of a known width out, escaped. Says with colour nothing that it
//! does not say with a word or a mark as well. Never knows what the text is about.

use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};

use crate::report::escape;
use crate::report::terminal::text;
use crate::report::words::Tone;

/// Which colours and characters the terminal has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Palette {
    /// Whether colour may be used.
    pub colour: bool,
    /// Whether it shows more than ASCII.
    pub unicode: bool,
}

impl Palette {
    /// The style of what a tone says.
    pub fn tone(self, tone: Tone) -> Style {
        let colour = match tone {
            Tone::Good => Color::Green,
            Tone::Bad => Color::Red,
            Tone::Mixed | Tone::Unsure => Color::Yellow,
            Tone::Calm => return self.quiet(),
        };
        let weight = match tone {
            Tone::Bad | Tone::Mixed => Modifier::BOLD,
            Tone::Good | Tone::Unsure | Tone::Calm => Modifier::empty(),
        };
        self.coloured(colour).add_modifier(weight)
    }

    /// What matters less.
    pub fn quiet(self) -> Style {
        if self.colour { Style::new().fg(Color::DarkGray) } else { Style::new().add_modifier(Modifier::DIM) }
    }

    /// Headings.
    pub fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// Names of keys.
    pub fn key(self) -> Style {
        self.coloured(Color::Cyan).add_modifier(Modifier::BOLD)
    }

    /// The line that is chosen; it also bears a mark.
    pub fn chosen(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    fn coloured(self, colour: Color) -> Style {
        if self.colour { Style::new().fg(colour) } else { Style::new() }
    }
}

/// One line under construction.
#[derive(Clone, Debug, Default)]
pub struct Cells {
    spans: Vec<Span<'static>>,
    columns: usize,
}

impl Cells {
    /// Text as it is, escaped.
    pub fn with(mut self, style: Style, content: &str) -> Self {
        let shown = escape::terminal(content).into_owned();
        self.columns = self.columns.saturating_add(text::width(&shown));
        self.spans.push(Span::styled(shown, style));
        self
    }

    /// Text in `columns`, cut or filled up, and two spaces. A cell without columns is left out.
    pub fn cell(self, style: Style, content: &str, columns: usize) -> Self {
        if columns == 0 {
            return self;
        }
        let shown = text::cut(&escape::terminal(content), columns);
        let gap = " ".repeat(columns.saturating_sub(text::width(&shown)).saturating_add(2));
        self.with(style, &format!("{shown}{gap}"))
    }

    /// The same against the right edge of its columns, and one space.
    pub fn figure(self, style: Style, content: &str, columns: usize) -> Self {
        if columns == 0 {
            return self;
        }
        let shown = text::cut(&escape::terminal(content), columns);
        let gap = " ".repeat(columns.saturating_sub(text::width(&shown)));
        self.with(style, &format!("{gap}{shown} "))
    }

    /// What fits into the rest of a line of `width`.
    pub fn rest(self, style: Style, content: &str, width: usize) -> Self {
        let left = width.saturating_sub(self.columns);
        let shown = text::cut(&escape::terminal(content), left);
        self.with(style, &shown)
    }

    /// `content` against the right edge of a line of `width`; it gives way where there is no room.
    pub fn right(self, style: Style, content: &str, width: usize) -> Self {
        let left = width.saturating_sub(self.columns);
        let columns = text::width(&escape::terminal(content));
        if columns.saturating_add(1) > left {
            return self;
        }
        let gap = " ".repeat(left.saturating_sub(columns));
        self.with(style, &gap).with(style, content)
    }

    /// Columns so far.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The line.
    pub fn line(self) -> Line<'static> {
        Line::from(self.spans)
    }
}
