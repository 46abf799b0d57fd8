//! A port map in, SVG out. Three columns: callers, subject, called; one lane per row, so that no two
//! lines cross. Below them the rows that pass the subject by, and what nothing documents. The
//! number of elements depends on the number of rows alone, never on what they are called.

use super::marks;
use super::{Edge, End, PortMap, Stray};
use crate::audit::RowStatus;
use crate::report::markup::{Markup, cut, halves};
use crate::report::words;

/// A role and its lanes.
struct Group<'map> {
    end: &'map End,
    edges: Vec<&'map Edge>,
}

/// Which end of its rows a group is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    /// It calls.
    Left,
    /// It is called.
    Right,
}

/// The whole picture; with `style` it is a document of its own.
pub fn picture(map: &PortMap, style: Option<&'static str>) -> Markup {
    let calls: Vec<&Edge> = map.edges.iter().filter(|edge| edge.from.title == map.subject).collect();
    let called: Vec<&Edge> =
        map.edges.iter().filter(|edge| edge.to.title == map.subject && edge.from.title != map.subject).collect();
    let aside: Vec<&Edge> =
        map.edges.iter().filter(|edge| edge.from.title != map.subject && edge.to.title != map.subject).collect();
    let (left, right) = (grouped(&called, Side::Left), grouped(&calls, Side::Right));
    let height = height_of(&left).max(height_of(&right)).max(LANE);

    let mut body = Markup::default();
    headings(&mut body, &map.subject);
    subject(&mut body, map, height);
    column(&mut body, &left, Side::Left, TOP);
    column(&mut body, &right, Side::Right, TOP);
    let mut y = TOP + height;
    y = passing(&mut body, &aside, &map.subject, y);
    y = strays(&mut body, map, y);
    y = marks::legend(&mut body, map.edges.iter().filter_map(|edge| edge.status), !map.strays.is_empty(), y);

    let mut svg = Markup::default();
    svg.raw(
        "<svg class=\"portmap\" role=\"img\" aria-label=\"Port map\" aria-describedby=\"map-desc\" viewBox=\"0 0 1120 ",
    )
    .number(y);
    match style {
        Some(style) => svg
            .raw("\" width=\"1120\" height=\"")
            .number(y)
            .raw("\" xmlns=\"http://www.w3.org/2000/svg\"><style>")
            .raw(style)
            .raw("</style>"),
        None => svg.raw("\">"),
    };
    svg.raw("<title>").text(&map.title).raw("</title>");
    svg.raw("<desc id=\"map-desc\">").text(&map.description).raw("</desc>");
    svg.raw("<rect class=\"ground\" width=\"1120\" height=\"").number(y).raw("\"/>").join(&body).raw("</svg>");
    svg
}

/// Rows by the role at their far end, in the order in which the document first names it.
fn grouped<'map>(edges: &[&'map Edge], side: Side) -> Vec<Group<'map>> {
    let mut groups: Vec<Group<'map>> = Vec::new();
    for edge in edges {
        let end = if side == Side::Left { &edge.from } else { &edge.to };
        match groups.iter_mut().find(|group| group.end.title == end.title) {
            Some(group) => group.edges.push(edge),
            None => groups.push(Group { end, edges: vec![edge] }),
        }
    }
    groups
}

fn height_of(groups: &[Group<'_>]) -> i32 {
    let lanes = groups.iter().map(|group| length(&group.edges) * LANE).sum::<i32>();
    lanes + (length(groups) - 1).max(0) * GAP
}

fn headings(svg: &mut Markup, subject: &str) {
    let subject = cut(subject, 26);
    label(svg, "column", (10, 26), &format!("Who calls the {subject}"));
    svg.raw("<text class=\"column end\" x=\"1110\" y=\"26\">")
        .text(&format!("Whom the {subject} calls"))
        .raw("</text>");
}

fn subject(svg: &mut Markup, map: &PortMap, height: i32) {
    let middle = TOP + height / 2;
    let (head, rest) = halves(&map.subject, 14);
    frame(svg, "subject", (SUBJECT_LEFT, TOP), (SUBJECT_RIGHT - SUBJECT_LEFT, height));
    for (class, text, y) in [
        ("role on", head, middle - 6),
        ("role on", rest, middle + 12),
        ("players on", cut(&map.subject_note, 20), middle + 32),
    ] {
        svg.raw("<text class=\"")
            .raw(class)
            .raw(" mid\" x=\"560\" y=\"")
            .number(y)
            .raw("\">")
            .text(&text)
            .raw("</text>");
    }
}

fn column(svg: &mut Markup, groups: &[Group<'_>], side: Side, top: i32) {
    let mut y = top;
    let (x, from, to) = match side {
        Side::Left => (10, 10 + NODE, SUBJECT_LEFT),
        Side::Right => (1110 - NODE, SUBJECT_RIGHT, 1110 - NODE),
    };
    for group in groups {
        let height = length(&group.edges) * LANE;
        let faint = group.edges.iter().all(|edge| edge.status.is_some_and(marks::is_faint));
        node(svg, group.end, (x, y), height, faint);
        for edge in &group.edges {
            lane(svg, edge, (from, to), y);
            y += LANE;
        }
        y += GAP;
    }
}

/// Rows between two other roles.
fn passing(svg: &mut Markup, edges: &[&Edge], subject: &str, top: i32) -> i32 {
    if edges.is_empty() {
        return top;
    }
    label(svg, "column", (10, top + 44), &format!("Documented, but not by way of the {}", cut(subject, 30)));
    let mut y = top + 56;
    for edge in edges {
        let faint = edge.status.is_some_and(marks::is_faint);
        node(svg, &edge.from, (10, y), LANE, faint);
        node(svg, &edge.to, (1110 - NODE, y), LANE, faint);
        lane(svg, edge, (10 + NODE, 1110 - NODE), y);
        y += LANE + GAP;
    }
    y - GAP
}

fn strays(svg: &mut Markup, map: &PortMap, top: i32) -> i32 {
    if map.strays.is_empty() {
        return top;
    }
    label(svg, "column", (10, top + 44), "Seen, but not documented");
    let mut y = top + 56;
    let height = length(&map.strays) * STRAY - 10;
    let end = End { title: map.subject.clone(), note: String::new() };
    node(svg, &end, (10, y), height, false);
    for found in &map.strays {
        stray(svg, found, y);
        y += STRAY;
    }
    if map.more_strays > 0 {
        let more = words::count(u64::try_from(map.more_strays).unwrap_or(u64::MAX), "more finding");
        label(svg, "players", (330, y + 12), &format!("and {more} below"));
        y += 24;
    }
    y - 10
}

/// A lane to a box of its own: nothing in the matrix stands at its other end.
fn stray(svg: &mut Markup, found: &Stray, y: i32) {
    let middle = y + (STRAY - 10) / 2;
    let baseline = middle + 4;
    svg.raw("<g><title>").text(&found.summary).raw("</title>");
    svg.raw("<path class=\"line stray ").raw(marks::tint(found.tone)).raw("\" d=\"M").number(10 + NODE);
    svg.raw(" ").number(middle).raw("H330\"/>");
    marks::disc(svg, found.tone, (275, middle));
    frame(svg, "strange", (330, y), (780, STRAY - 10));
    label(svg, "service", (344, baseline), &cut(&found.heading, 24));
    label(svg, "players", (512, baseline), &cut(&found.summary, 92));
    svg.raw("</g>");
}

/// One row: its services above the line, its id and status below it.
fn lane(svg: &mut Markup, edge: &Edge, (from, to): (i32, i32), y: i32) {
    let middle = y + 31;
    let columns = usize::try_from((to - from) / 7).unwrap_or(0);
    let word = edge.status.map_or("", RowStatus::name);
    svg.raw("<g class=\"").raw(edge.status.map_or("plain", marks::class)).raw("\"><title>");
    svg.text(&format!("{} {}: {} to {}, {}", edge.id, word, edge.from.title, edge.to.title, edge.services))
        .raw("</title>");
    label(svg, "service", (from + 10, middle - 13), &cut(&edge.services, columns));
    marks::line(svg, edge.status, (from, to), middle);
    svg.raw("<text class=\"row\" x=\"").number(from + 10).raw("\" y=\"").number(middle + 20).raw("\">");
    svg.text(&cut(&edge.id, 14)).raw("</text>");
    svg.raw("<text class=\"status end\" x=\"").number(to - 14).raw("\" y=\"").number(middle + 20).raw("\">");
    svg.text(&cut(&edge.note, 22)).raw(if edge.note.is_empty() { "" } else { " · " });
    svg.raw("<tspan class=\"word\">").raw(word).raw("</tspan></text></g>");
}

fn node(svg: &mut Markup, end: &End, (x, y): (i32, i32), height: i32, faint: bool) {
    frame(svg, if faint { "node faint" } else { "node" }, (x, y), (NODE, height));
    let (head, rest) = halves(&end.title, 25);
    let note = cut(&end.note, 28);
    let lines = [("role", head), ("role", rest), ("players", note)];
    let used = i32::try_from(lines.iter().filter(|(_, text)| !text.is_empty()).count()).unwrap_or(3);
    let mut baseline = y + height / 2 + 4 - (used - 1) * 8;
    for (class, text) in lines {
        label(svg, class, (x + 14, baseline), &text);
        if !text.is_empty() {
            baseline += 16;
        }
    }
}

fn frame(svg: &mut Markup, class: &'static str, (x, y): (i32, i32), (width, height): (i32, i32)) {
    svg.raw("<rect rx=\"6\" class=\"").raw(class).raw("\" x=\"").number(x).raw("\" y=\"").number(y);
    svg.raw("\" width=\"").number(width).raw("\" height=\"").number(height).raw("\"/>");
}

fn label(svg: &mut Markup, class: &'static str, (x, y): (i32, i32), text: &str) {
    svg.raw("<text class=\"").raw(class).raw("\" x=\"").number(x).raw("\" y=\"").number(y).raw("\">");
    svg.text(text).raw("</text>");
}

/// The map holds at most a few hundred of anything, so lengths and places fit with room to spare.
fn length<Item>(items: &[Item]) -> i32 {
    i32::try_from(items.len()).unwrap_or(0)
}

const TOP: i32 = 42;
const LANE: i32 = 64;
const GAP: i32 = 12;
const STRAY: i32 = 40;
const NODE: i32 = 208;
const SUBJECT_LEFT: i32 = 494;
const SUBJECT_RIGHT: i32 = 626;
