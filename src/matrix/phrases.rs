//! The table of phrases in, the role, feature or application that a cell of a document means out.
//! The table is data (`rules/phrases.toml`): no product is known here.

use super::diagnostics::{Faults, Source};
use super::reader::{Reader, Table, Word};
use crate::dissect::Application;

/// How documents say what packs say.
pub(super) struct Phrases {
    roles: Vec<Phrase>,
    features: Vec<Phrase>,
    labels: Vec<Phrase>,
    ports: Vec<Phrase>,
    optional: Vec<Phrase>,
}

/// One entry of the table.
#[derive(Debug, Default)]
pub(super) struct Phrase {
    /// What it means: the id of a role or feature, or an application.
    pub meaning: String,
    /// Title of the role or feature.
    pub title: String,
    /// Role that plays this role unless the site says otherwise.
    pub default: String,
    /// Id of the pack whose subject this role is.
    pub pack: String,
    /// Whether the feature is on, or the ports must be announced.
    pub on: bool,
    phrases: Vec<String>,
    roles: Vec<String>,
}

impl Phrases {
    /// Reads the shipped table.
    ///
    /// # Errors
    /// The faults of the table; there are none in a tested build.
    pub fn shipped() -> Result<Self, Faults> {
        let source = Source::new("rules/phrases.toml", include_str!("../../rules/phrases.toml"));
        let (mut reader, document) = Reader::parse(&source);
        let table = document.get_ref();
        reader.known_keys(table, &["role", "feature", "label", "port", "optional"], "the phrases");
        let phrases = Self {
            roles: read(&mut reader, table, "role"),
            features: read(&mut reader, table, "feature"),
            labels: read(&mut reader, table, "label"),
            ports: read(&mut reader, table, "port"),
            optional: read(&mut reader, table, "optional"),
        };
        reader.faults.or(phrases)
    }

    /// The role that a cell means.
    pub fn role(&self, cell: &str) -> Option<&Phrase> {
        contained(&self.roles, cell)
    }

    /// The features that a description or the roles of its row ask for.
    pub fn features<'this>(
        &'this self,
        description: &'this str,
        roles: &'this [&str],
    ) -> impl Iterator<Item = &'this Phrase> {
        let text = description.to_lowercase();
        self.features.iter().filter(move |feature| {
            feature.phrases.iter().any(|phrase| text.contains(phrase))
                || feature.roles.iter().any(|role| roles.contains(&role.as_str()))
        })
    }

    /// The application that the words before a port mean, and whether its ports are announced.
    pub fn label(&self, label: &str) -> Option<(Application, bool)> {
        if let Some(phrase) = contained(&self.labels, label) {
            return Some((Application::from_name(&phrase.meaning)?, phrase.on));
        }
        let words = label.to_lowercase();
        words.split_whitespace().find_map(Application::from_name).map(|application| (application, false))
    }

    /// The application that usually has this port (`tcp/443`).
    pub fn port(&self, protocol: &str) -> Option<Application> {
        let phrase = self.ports.iter().find(|phrase| phrase.phrases.iter().any(|known| known == protocol))?;
        Application::from_name(&phrase.meaning)
    }

    /// Whether a description says that its row need not be used.
    pub fn is_optional(&self, description: &str) -> bool {
        contained(&self.optional, description).is_some()
    }
}

fn contained<'phrases>(phrases: &'phrases [Phrase], text: &str) -> Option<&'phrases Phrase> {
    let text = text.to_lowercase();
    phrases.iter().find(|phrase| phrase.phrases.iter().any(|known| text.contains(known)))
}

fn read(reader: &mut Reader<'_>, table: &Table<'_>, key: &str) -> Vec<Phrase> {
    let known = ["id", "application", "title", "default", "pack", "announced", "phrases", "roles"];
    let mut phrases = Vec::new();
    for (entry, _) in reader.tables(table, key) {
        reader.known_keys(entry, &known, "a phrase");
        let text = |word: Option<Word>| word.map(Word::into_inner).unwrap_or_default();
        let words = |words: Option<Vec<Word>>| words.unwrap_or_default().into_iter().map(Word::into_inner).collect();
        let meaning = if entry.contains_key("id") { "id" } else { "application" };
        let is_feature = key == "feature";
        phrases.push(Phrase {
            meaning: text(reader.string(entry, meaning)),
            title: text(reader.string(entry, "title")),
            default: if is_feature { String::new() } else { text(reader.string(entry, "default")) },
            pack: text(reader.string(entry, "pack")),
            on: reader.boolean(entry, if is_feature { "default" } else { "announced" }).unwrap_or(false),
            phrases: words(reader.strings(entry, "phrases")),
            roles: words(reader.strings(entry, "roles")),
        });
    }
    phrases
}
