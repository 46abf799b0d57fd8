//! Rust source text in, the words and paths of its code out, each with its line. A lexer that
//! knows comments, strings and braces, and never more than that; what a macro writes it does not see.

use std::path::{Path, PathBuf};

/// A line number, from 1.
pub type Line = usize;

/// Every `.rs` file below `folder`, sorted; none if the folder is not there.
pub fn rust_files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        if !folder.is_dir() {
            continue;
        }
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Whether a character can be part of an identifier.
pub fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The text with comments, strings and character literals blanked out, line for line.
pub fn code_of(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    let mut previous = ' ';
    while let Some(first) = rest.chars().next() {
        let blank = comment(rest).or_else(|| if is_word(previous) { None } else { raw_string(rest) });
        match blank.or_else(|| string(rest)).or_else(|| character(rest)) {
            Some(length) => {
                let (gone, after) = rest.split_at(length);
                code.extend(gone.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
                rest = after;
                previous = ' ';
            }
            None => {
                code.push(first);
                rest = rest.strip_prefix(first).unwrap_or_default();
                previous = first;
            }
        }
    }
    code
}

fn comment(rest: &str) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if !rest.starts_with("/*") {
        return None;
    }
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(here) = rest.get(at..).filter(|here| !here.is_empty()) {
        let step = match here {
            open if open.starts_with("/*") => {
                depth += 1;
                2
            }
            close if close.starts_with("*/") => {
                depth -= 1;
                2
            }
            other => other.chars().next().map_or(1, char::len_utf8),
        };
        at += step;
        if depth == 0 {
            break;
        }
    }
    Some(at)
}

fn raw_string(rest: &str) -> Option<usize> {
    let body = rest.strip_prefix("br").or_else(|| rest.strip_prefix('r'))?;
    let hashes = body.len() - body.trim_start_matches('#').len();
    let body = body.trim_start_matches('#').strip_prefix('"')?;
    let close = format!("\"{}", "#".repeat(hashes));
    let length = body.find(&close).map_or(body.len(), |at| at + close.len());
    Some(rest.len() - body.len() + length)
}

fn string(rest: &str) -> Option<usize> {
    let body = rest.strip_prefix('"')?;
    let mut escaped = false;
    for (at, c) in body.char_indices() {
        match c {
            '"' if !escaped => return Some(at + 2),
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    Some(rest.len())
}

/// A character literal, told from a lifetime by its closing quote.
fn character(rest: &str) -> Option<usize> {
    let body = rest.strip_prefix('\'')?;
    let mut inside = body.chars();
    let first = inside.next()?;
    if first == '\\' {
        let after = body.get(2..)?;
        return after.find('\'').map(|at| at + 4);
    }
    (inside.next() == Some('\'')).then(|| first.len_utf8() + 2)
}

/// The code with everything from the first `#[cfg(test)]` in column 0 blanked out.
pub fn mask_tests(code: &str) -> String {
    let plain = code.lines().take_while(|line| !line.starts_with("#[cfg(test)]"));
    plain.map(|line| format!("{line}\n")).collect()
}

/// Every identifier with its line and byte offset.
pub fn words(code: &str) -> Vec<(Line, usize, &str)> {
    let mut found = Vec::new();
    let (mut line, mut start) = (1, None);
    for (at, c) in code.char_indices().chain([(code.len(), '\n')]) {
        match (is_word(c), start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                found.extend(code.get(from..at).map(|word| (line, from, word)));
                start = None;
            }
            (true, Some(_)) | (false, None) => {}
        }
        line += usize::from(c == '\n');
    }
    found
}

fn before(code: &str, at: usize) -> &str {
    code.get(..at).unwrap_or_default().trim_end()
}

fn after<'code>(code: &'code str, at: usize, word: &str) -> &'code str {
    code.get(at + word.len()..).unwrap_or_default().trim_start()
}

/// Whether the word at `at` is the first segment of a path, or a whole `use`.
pub fn is_crate_root(code: &str, at: usize, word: &str) -> bool {
    let head = before(code, at);
    let rooted = head.strip_suffix("::");
    if rooted.is_some_and(|head| head.ends_with(|c| is_word(c) || c == '>')) {
        return false;
    }
    let previous = rooted.unwrap_or(head).trim_end().rsplit(|c| !is_word(c)).next();
    matches!(previous, Some("use" | "crate")) || after(code, at, word).starts_with("::")
}

/// Whether the word is called as `Type::word(`.
pub fn is_called_on_a_type(code: &str, at: usize, word: &str) -> bool {
    before(code, at).ends_with("::") && after(code, at, word).starts_with('(')
}

/// Names that stand right below the crate root: in `crate::NAME`, `flowaudit::NAME`, a group after
/// either, and as many `super::` as lead out of the file's module, which is `depth` deep.
pub fn crate_paths(code: &str, depth: usize) -> Vec<(Line, String)> {
    let mut found = Vec::new();
    for (line, at, word) in words(code) {
        let rest = after(code, at, word);
        match word {
            "crate" | "flowaudit" if is_crate_root(code, at, word) => {
                if let Some(path) = rest.strip_prefix("::") {
                    found.extend(heads(path, line_at(code, path)));
                } else if rest.starts_with("as ") {
                    found.push((line, "crate as".to_owned()));
                }
            }
            "super" if !before(code, at).ends_with("::") => {
                let mut rest = rest;
                let mut climbed = 1;
                while let Some(higher) = rest.strip_prefix("::super") {
                    climbed += 1;
                    rest = higher;
                }
                let inline = code.get(..at).map_or(0, inline_modules);
                if let Some(path) = rest.strip_prefix("::").filter(|_| climbed >= depth + inline) {
                    found.extend(heads(path, line_at(code, path)));
                }
            }
            _ => {}
        }
    }
    found
}

fn line_at(code: &str, rest: &str) -> Line {
    let read = code.len() - rest.len();
    1 + code.get(..read).unwrap_or_default().matches('\n').count()
}

/// The first names of a path or of each branch of a group `{a::b, c::{d, e}}`.
fn heads(path: &str, line: Line) -> Vec<(Line, String)> {
    let Some(group) = path.strip_prefix('{') else {
        let head: String = path.chars().take_while(|c| is_word(*c) || *c == '*').collect();
        return vec![(line, head)];
    };
    let (mut found, mut depth, mut line, mut fresh) = (Vec::new(), 0_usize, line, true);
    for (at, c) in group.char_indices() {
        match c {
            '\n' => line += 1,
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => fresh = true,
            c if fresh && (is_word(c) || c == '*') => {
                found.extend(heads(group.get(at..).unwrap_or_default(), line));
                fresh = false;
            }
            _ => {}
        }
    }
    found
}

/// How many inline modules are open at the end of `code`.
fn inline_modules(code: &str) -> usize {
    let (mut open, mut depth) = (Vec::new(), 0_usize);
    for (at, c) in code.char_indices() {
        match c {
            '{' => {
                let mut words = before(code, at).rsplit(|c: char| c.is_whitespace());
                if (words.next(), words.next()).1 == Some("mod") {
                    open.push(depth);
                }
                depth += 1;
            }
            '}' => {
                depth = depth.saturating_sub(1);
                open.retain(|module| *module < depth);
            }
            _ => {}
        }
    }
    open.len()
}

/// First line, last line and name of each function that has a body.
pub fn braces(code: &str) -> Vec<(Line, Line, String)> {
    let all = words(code);
    let pairs = all.iter().zip(all.iter().skip(1));
    let named = pairs.filter(|((_, at, word), (_, name_at, _))| {
        *word == "fn" && code.get(at + 2..*name_at).is_some_and(|gap| gap.trim().is_empty())
    });
    let body = |name_at: usize| last_line(code.get(name_at..)?);
    named
        .filter_map(|((line, ..), (at_line, at, name))| Some((*line, at_line + body(*at)?, (*name).to_owned())))
        .collect()
}

/// Lines from the start of `rest` to the brace that closes its first body.
fn last_line(rest: &str) -> Option<usize> {
    let (mut lines, mut depth, mut brackets) = (0, 0_usize, 0_usize);
    for c in rest.chars() {
        match c {
            '\n' => lines += 1,
            '(' | '[' => brackets += 1,
            ')' | ']' => brackets = brackets.saturating_sub(1),
            ';' if depth == 0 && brackets == 0 => return None,
            '{' => depth += 1,
            '}' if depth == 1 => return Some(lines),
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}
