//! A status in, its line, disc and legend on the map out. Every status differs from every other by
//! pattern, mark and word, so that the map reads the same in grey.

use crate::audit::RowStatus;
use crate::report::markup::Markup;
use crate::report::words::Tone;

/// The class of a row's lane, which gives its line colour and pattern.
pub const fn class(status: RowStatus) -> &'static str {
    match status {
        RowStatus::Confirmed => "confirmed good",
        RowStatus::Unverified => "unverified mixed",
        RowStatus::Partial => "partial mixed",
        RowStatus::Blocked => "blocked bad",
        RowStatus::WrongProtocol => "wrong bad",
        RowStatus::NameFailed => "nameless bad",
        RowStatus::Missing => "missing bad",
        RowStatus::NotYet => "notyet mixed",
        RowStatus::Idle => "idle calm",
        RowStatus::NotObservable | RowStatus::NotApplicable | RowStatus::Unbound => "absent calm",
    }
}

/// Whether a row is drawn faintly: nothing could be seen of it.
pub const fn is_faint(status: RowStatus) -> bool {
    matches!(status, RowStatus::NotObservable | RowStatus::NotApplicable | RowStatus::Unbound)
}

/// The colour class of a tone.
pub const fn tint(tone: Tone) -> &'static str {
    match tone {
        Tone::Good => "good",
        Tone::Bad => "bad",
        Tone::Mixed | Tone::Unsure => "mixed",
        Tone::Calm => "calm",
    }
}

/// The line of a row from left to right, with its head and, where there is one, its mark.
pub fn line(svg: &mut Markup, status: Option<RowStatus>, (from, to): (i32, i32), y: i32) {
    let middle = from + (to - from) / 2;
    let stopped = status == Some(RowStatus::Blocked);
    path(svg, "line", from, if stopped { middle - 13 } else { to - 9 }, y);
    if stopped {
        svg.raw("<path class=\"bar\" d=\"M").number(middle - 13).raw(" ").number(y - 9).raw("v18\"/>");
        path(svg, "line beyond", middle + 12, to - 9, y);
    }
    svg.raw("<path class=\"head\" d=\"M").number(to - 10).raw(" ").number(y - 5).raw("l9 5l-9 5z\"/>");
    match status.map(Tone::of) {
        Some(Tone::Good | Tone::Calm) | None => {}
        Some(tone) => disc(svg, tone, (middle, y)),
    }
}

/// A mark in a ring.
pub fn disc(svg: &mut Markup, tone: Tone, (x, y): (i32, i32)) {
    svg.raw("<circle class=\"disc ").raw(tint(tone)).raw("\" r=\"8\" cx=\"").number(x).raw("\" cy=\"").number(y);
    svg.raw("\"/><text class=\"mark ").raw(tint(tone)).raw("\" x=\"").number(x).raw("\" y=\"").number(y + 4);
    svg.raw("\">").raw(tone.mark()).raw("</text>");
}

/// What the lines on this map mean; returns where the picture ends.
pub fn legend(svg: &mut Markup, used: impl Iterator<Item = RowStatus>, strays: bool, top: i32) -> i32 {
    let mut used: Vec<RowStatus> = used.collect();
    used.sort_unstable();
    used.dedup();
    let (mut x, mut y) = (10, top + 40);
    for status in used {
        if x + 150 > 1110 {
            (x, y) = (10, y + 26);
        }
        svg.raw("<g class=\"").raw(class(status)).raw("\">");
        line(svg, Some(status), (x, x + 56), y);
        svg.raw("<text class=\"key\" x=\"").number(x + 63).raw("\" y=\"").number(y + 4).raw("\">");
        svg.raw(status.name()).raw("</text></g>");
        x += 84 + i32::try_from(status.name().len()).unwrap_or(0) * 7;
    }
    if strays {
        if x + 170 > 1110 {
            (x, y) = (10, y + 26);
        }
        svg.raw("<g class=\"bad\">");
        path(svg, "line stray bad", x, x + 56, y);
        svg.raw("<text class=\"key\" x=\"")
            .number(x + 63)
            .raw("\" y=\"")
            .number(y + 4)
            .raw("\">not documented</text></g>");
    } else if x == 10 {
        return top + 16;
    }
    y + 20
}

fn path(svg: &mut Markup, class: &'static str, from: i32, to: i32, y: i32) {
    svg.raw("<path class=\"")
        .raw(class)
        .raw("\" d=\"M")
        .number(from)
        .raw(" ")
        .number(y)
        .raw("H")
        .number(to)
        .raw("\"/>");
}
