//! The next steps of an audit in, the same steps out with those that say one sentence of many flows
//! put together: the sentence once, and under it what it is about. Never drops one.

use crate::audit::NextStep;

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step<'audit> {
    /// What to do.
    pub text: String,
    /// With what, when one sentence speaks of several.
    pub about: Vec<&'audit str>,
}

/// The steps, each sentence once, at the place where it was first said.
#[must_use]
pub fn grouped(next: &[NextStep]) -> Vec<Step<'_>> {
    let mut groups: Vec<(Option<Parts<'_>>, Vec<&NextStep>)> = Vec::new();
    for step in next {
        let parts = parts(&step.text);
        let same = |known: &Option<Parts<'_>>| match (known, &parts) {
            (Some(known), Some(parts)) => (known.doing, known.how) == (parts.doing, parts.how),
            (_, _) => false,
        };
        match groups.iter_mut().find(|(known, _)| same(known)) {
            Some((_, steps)) => steps.push(step),
            None => groups.push((parts, vec![step])),
        }
    }
    groups.into_iter().map(|(parts, steps)| joined(parts, &steps)).collect()
}

/// `Find out who runs` · `10.0.0.5 -> 10.0.0.9 tcp/22` · `stop it, …`.
#[derive(Clone, Copy, Debug)]
struct Parts<'audit> {
    doing: &'audit str,
    what: &'audit str,
    how: &'audit str,
}

/// What is done begins the sentence and has no figures; how it is done follows the colon.
fn parts(text: &str) -> Option<Parts<'_>> {
    let (head, how) = text.rsplit_once(": ")?;
    let named = head.split(' ').find(|word| word.contains(|c: char| c.is_ascii_digit() || c == ':'))?;
    let (doing, _) = head.split_once(named)?;
    let what = head.strip_prefix(doing)?;
    (doing.split_whitespace().count() >= FEWEST_WORDS).then_some(Parts { doing: doing.trim_end(), what, how })
}

fn joined<'audit>(parts: Option<Parts<'audit>>, steps: &[&'audit NextStep]) -> Step<'audit> {
    match (parts, steps) {
        (Some(Parts { doing, how, .. }), [_, _, ..]) => {
            let about: Vec<&str> =
                steps.iter().filter_map(|step| self::parts(&step.text)).map(|parts| parts.what).collect();
            Step { text: format!("{doing} each of these {}: {how}", steps.len()), about }
        }
        (_, steps) => Step { text: steps.first().map(|step| step.text.clone()).unwrap_or_default(), about: Vec::new() },
    }
}

/// A verb alone is no sentence in common.
const FEWEST_WORDS: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(next: &[&str], expected: &[(&str, &[&str])]) {
        let next: Vec<NextStep> =
            next.iter().map(|text| NextStep { finding: String::new(), text: (*text).to_owned() }).collect();
        let found = grouped(&next);
        let found: Vec<(&str, &[&str])> =
            found.iter().map(|step| (step.text.as_str(), step.about.as_slice())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_sentence_is_said_once() {
        check(&[], &[]);
        check(
            &["Find out who runs 10.0.0.5 tcp/22: stop it."],
            &[("Find out who runs 10.0.0.5 tcp/22: stop it.", &[])],
        );
        check(
            &[
                "Find out who runs 10.0.0.5 tcp/22: stop it.",
                "Allow tcp/1 (A: b).",
                "Find out who runs fe80:: -> ::1: stop it.",
            ],
            &[
                ("Find out who runs each of these 2: stop it.", &["10.0.0.5 tcp/22", "fe80:: -> ::1"]),
                ("Allow tcp/1 (A: b).", &[]),
            ],
        );
        check(&["Allow tcp/1: x.", "Allow tcp/2: x."], &[("Allow tcp/1: x.", &[]), ("Allow tcp/2: x.", &[])]);
    }
}
