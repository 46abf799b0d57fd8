//! The packs inside the binary, and the one door through which packs and sites are read from
//! files. A name without a path is a shipped pack; anything else is a file, never both.

use std::io::Read;

use super::diagnostics::{Fault, Faults, did_you_mean, quoted};
use super::pack::Pack;
use super::table;

/// What a shipped pack is for when no site says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Audited by default.
    Audited,
    /// Part of the default baseline.
    Baseline,
    /// Used when a site asks for it.
    Offered,
}

/// Every shipped pack: its id and its text.
#[must_use]
pub fn shipped() -> Vec<(&'static str, &'static str)> {
    SHIPPED.iter().map(|(id, _, text)| (*id, *text)).collect()
}

/// Ids of the shipped packs with this purpose.
pub fn with_purpose(purpose: Purpose) -> impl Iterator<Item = &'static str> {
    SHIPPED.iter().filter(move |(_, found, _)| *found == purpose).map(|(id, _, _)| *id)
}

/// Reads a shipped pack by its id, or a pack or table from a file (`.toml`, `.md`, `.csv`).
///
/// # Errors
/// Every fault of the pack, or that there is no such pack.
pub fn load_pack(name: &str) -> Result<Pack, Faults> {
    if let Some((id, _, text)) = SHIPPED.iter().find(|(id, _, _)| *id == name) {
        return Pack::parse(&format!("rules/{id}.toml"), text);
    }
    if !is_path(name) {
        let ids: Vec<&str> = SHIPPED.iter().map(|(id, _, _)| *id).collect();
        let help = did_you_mean(name, ids.iter().copied());
        let help =
            help.unwrap_or_else(|| format!("shipped packs are {}; a file ends in .toml, .md or .csv", ids.join(", ")));
        return Err(Fault::whole(name, format!("there is no pack {}", quoted(name))).help(help).into());
    }
    let text = read_text(name)?;
    match table::Form::of(name) {
        Some(form) => table::import(name, &text, form).map(|imported| imported.pack),
        None => Pack::parse(name, &text),
    }
}

/// Whether a pack name means a file.
pub(super) fn is_path(name: &str) -> bool {
    let shipped = SHIPPED.iter().any(|(id, _, _)| *id == name);
    !shipped && (name.contains(['/', '\\']) || name.contains('.'))
}

/// The text of a file, within the limit of packs and sites.
///
/// # Errors
/// Why it cannot be read.
pub(super) fn read_text(path: &str) -> Result<String, Faults> {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        std::fs::File::open(path)?.take(LONGEST_FILE).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().map_err(|error| Fault::whole(path, format!("cannot read the file: {error}")))?;
    // A byte order mark is what editors on Windows put in front.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").map_or(bytes.as_slice(), |rest| rest).to_vec();
    String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        Fault::whole(path, format!("the file is not UTF-8: byte {offset} is no character")).into()
    })
}

const SHIPPED: &[(&str, Purpose, &str)] = &[
    ("ams", Purpose::Audited, include_str!("../../rules/ams.toml")),
    ("ams-v2", Purpose::Offered, include_str!("../../rules/ams-v2.toml")),
    ("windows-member", Purpose::Baseline, include_str!("../../rules/windows-member.toml")),
    ("ams-extras", Purpose::Offered, include_str!("../../rules/ams-extras.toml")),
    ("link-noise", Purpose::Baseline, include_str!("../../rules/link-noise.toml")),
];
/// One byte more than the readers accept, so that they can tell.
const LONGEST_FILE: u64 = (64 << 20) + 1;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str) {
        let pack = load_pack(name).unwrap_or_else(|faults| panic!("{faults}"));
        assert_eq!(pack.id, name);
        let again =
            Pack::parse("again", &pack.to_toml()).unwrap_or_else(|faults| panic!("{faults}\n{}", pack.to_toml()));
        let bare = |pack: &Pack| {
            let mut pack = pack.clone();
            pack.rows.iter_mut().for_each(|row| row.span = 0..0);
            pack.roles.iter_mut().for_each(|role| role.span = 0..0);
            pack.features.iter_mut().for_each(|feature| feature.span = 0..0);
            (pack.rows, pack.roles, pack.features, pack.subject, pack.reference, pack.version)
        };
        assert_eq!(bare(&again), bare(&pack));
    }

    #[test]
    fn shipped_packs_are_without_fault_and_survive_the_writer() {
        shipped().into_iter().for_each(|(id, _)| check(id));
    }

    #[test]
    fn unknown_packs_are_named() {
        let said = load_pack("windows-membr").unwrap_err().to_string();
        assert!(said.contains("did you mean `windows-member`?"), "{said}");
        let said = load_pack("no/such.toml").unwrap_err().to_string();
        assert!(said.contains("cannot read the file"), "{said}");
    }
}
