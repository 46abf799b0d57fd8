//! Rows in, a picture of when each was first and last seen out, over the span of the capture. Times
//! are those of the packets; a row that was never seen has a lane and no bar.

use jiff::Timestamp;

use super::{count, tint};
use crate::audit::{Audit, RowResult};
use crate::report::markup::{Markup, cut};
use crate::report::words::{self, RowSums, Tone};

/// First and last packet of the capture in nanoseconds, the last one later.
struct Span {
    first: i128,
    last: i128,
}

/// Writes the section; a capture without time has none.
pub fn write(page: &mut Markup, audit: &Audit) {
    let Some(span) = Span::of(audit) else { return };
    let rows = audit.rows.get(..MOST_ROWS).unwrap_or(&audit.rows);
    let bottom = TOP + LANE * i32::try_from(rows.len()).unwrap_or(0);
    page.raw("<section aria-labelledby=\"times\">\n<h2 id=\"times\">First and last sight</h2>\n");
    page.raw(super::HINT).raw("<div class=\"picture\" tabindex=\"0\"");
    page.raw(" role=\"group\" aria-label=\"Time line, scrolls sideways\"><svg class=\"timeline\" role=\"img\"");
    page.raw(" aria-label=\"Time line\" aria-describedby=\"times-desc\" viewBox=\"0 0 1120 ")
        .number(bottom + 8)
        .raw("\">");
    page.raw("<title>When each row was first and last seen</title><desc id=\"times-desc\">");
    page.text(&words::count(count(rows.len()), "row"))
        .raw(" between the first and the last packet; the table of rows has ");
    page.raw("the same times as text.</desc>");
    axis(page, &span, bottom);
    for (row, place) in rows.iter().zip(0..) {
        lane(page, &span, row, TOP + LANE * place);
    }
    page.raw("</svg></div>\n</section>\n");
}

impl Span {
    fn of(audit: &Audit) -> Option<Self> {
        let first = nanoseconds(audit.quality.first.as_deref()?)?;
        let last = nanoseconds(audit.quality.last.as_deref()?)?;
        (last > first).then_some(Self { first, last })
    }

    /// Where `time` stands on the picture.
    fn place(&self, time: &str) -> Option<i32> {
        let inside = nanoseconds(time)?.clamp(self.first, self.last) - self.first;
        let wide = i128::from(RIGHT - LEFT);
        let place = (inside * wide).checked_div(self.last - self.first)?;
        i32::try_from(place).ok().map(|place| LEFT + place)
    }

    /// The time at this many quarters of the span.
    fn quarter(&self, quarters: i128) -> Option<String> {
        let at = self.first + (self.last - self.first) / 4 * quarters;
        Timestamp::from_nanosecond(at).ok().map(|at| format!("{at:.9}"))
    }

    fn days(&self) -> bool {
        (self.last - self.first) > 86_400_000_000_000
    }
}

fn nanoseconds(time: &str) -> Option<i128> {
    time.parse::<Timestamp>().ok().map(Timestamp::as_nanosecond)
}

fn axis(page: &mut Markup, span: &Span, bottom: i32) {
    for (quarters, class) in (0..).zip(["start", "", "", "", "end"]) {
        let x = LEFT + (RIGHT - LEFT) / 4 * quarters;
        let time = span.quarter(i128::from(quarters)).unwrap_or_default();
        page.raw("<path class=\"tick\" d=\"M").number(x).raw(" 24V").number(bottom).raw("\"/><text class=\"tick ");
        page.raw(class).raw("\" x=\"").number(x).raw("\" y=\"16\">");
        page.text(if span.days() { words::date(&time) } else { "" }).raw(" ").text(words::clock(&time)).raw("</text>");
    }
}

fn lane(page: &mut Markup, span: &Span, row: &RowResult, y: i32) {
    let tone = Tone::of(row.status);
    let sums = RowSums::of(row);
    page.raw("<g class=\"").raw(tint(tone)).raw("\"><title>");
    page.text(&format!("{} {} {}", row.id, row.status.name(), words::span(sums.first, sums.last))).raw("</title>");
    page.raw("<text class=\"mark\" x=\"8\" y=\"").number(y + 16).raw("\">").raw(tone.mark()).raw("</text>");
    page.raw("<text class=\"row\" x=\"26\" y=\"").number(y + 16).raw("\">").text(&cut(&row.id, 14)).raw("</text>");
    let ends = sums.first.zip(sums.last).and_then(|(first, last)| span.place(first).zip(span.place(last)));
    match ends {
        Some((from, to)) => {
            let from = from.min(RIGHT - 4);
            page.raw("<path class=\"lane\" d=\"M")
                .number(LEFT)
                .raw(" ")
                .number(y + LANE / 2)
                .raw("H")
                .number(RIGHT)
                .raw("\"/>");
            page.raw("<rect class=\"bar\" rx=\"3\" x=\"").number(from).raw("\" y=\"").number(y + 6).raw("\" width=\"");
            page.number((to - from).max(4)).raw("\" height=\"").number(LANE - 12).raw("\"/>");
        }
        None => {
            page.raw("<text class=\"never\" x=\"").number(LEFT + 6).raw("\" y=\"").number(y + 16).raw("\">");
            page.raw(row.status.name()).raw(", never seen</text>");
        }
    }
    page.raw("</g>");
}

const MOST_ROWS: usize = 200;
const TOP: i32 = 28;
const LANE: i32 = 24;
const LEFT: i32 = 130;
const RIGHT: i32 = 1110;
