//! Who plays which role here, which features are on, where the capture was taken, what is waived:
//! a site as its author, and then the command line, wrote it. Not yet held against any pack.
//! Parsing is in `site_parse`.

use std::ops::Range;

use super::addresses::Player;
use super::diagnostics::{Fault, Faults, Source};
use super::hosts::Hosts;
use super::model::MinimumBasis;
use super::services::parse_ports;
use super::waiver::SiteWaiver;
use super::{shipped, site_parse};

/// A site, open to the options of the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Its name; empty when none was given.
    pub name: String,
    /// The line that says that nobody has read what was guessed here; `None` in a site that was read.
    pub draft: Option<Setting>,
    /// Packs that are audited: ids of shipped packs, or paths.
    pub packs: Vec<String>,
    /// Packs that explain the rest: ids of shipped packs, or paths.
    pub baseline: Vec<String>,
    /// The role at which the capture was taken, or `mirror`; `None`: at the subject.
    pub vantage: Option<Setting>,
    /// Weakest proofs that are accepted.
    pub basis: MinimumBasis,
    /// Replaces the window of every row, in nanoseconds.
    pub window: Option<i64>,
    /// Who plays which role.
    pub roles: Vec<SiteRole>,
    /// Which features are on or off.
    pub features: Vec<(Setting, bool)>,
    /// Ports by name.
    pub variables: Vec<(Setting, Vec<std::ops::RangeInclusive<u16>>)>,
    /// Waivers, in document order.
    pub waivers: Vec<SiteWaiver>,
    /// Path and SHA-256 of the file, if one was read.
    pub file: Option<(String, String)>,
    /// The text of that file.
    pub source: Source,
    /// Names that the command line declares.
    pub declared: Declared,
}

/// A word of a site, and where it stands in the file; `None` when it came from the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The word.
    pub text: String,
    /// Its place in bytes.
    pub place: Option<Range<usize>>,
}

/// Who plays a role here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteRole {
    /// The role.
    pub id: Setting,
    /// Its players; nobody when empty, whatever the pack's default is.
    pub players: Vec<Player>,
}

/// Names that nobody had to answer for: whoever runs the audit says that they are right.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declared {
    /// A hosts file.
    pub hosts: Option<Hosts>,
    /// Whether the names that captures themselves hold are taken for as good.
    pub trusts_captures: bool,
}

impl Default for Site {
    fn default() -> Self {
        let ids = |purpose: shipped::Purpose| shipped::with_purpose(purpose).map(str::to_owned).collect();
        Self {
            name: String::new(),
            draft: None,
            packs: ids(shipped::Purpose::Audited),
            baseline: ids(shipped::Purpose::Baseline),
            vantage: None,
            basis: MinimumBasis::default(),
            window: None,
            roles: Vec::new(),
            features: Vec::new(),
            variables: Vec::new(),
            waivers: Vec::new(),
            file: None,
            source: Source::new("command line", ""),
            declared: Declared::default(),
        }
    }
}

impl Site {
    /// Reads a site in TOML. `path` is what faults will call it.
    ///
    /// # Errors
    /// Every fault of the text, in the order of their places.
    pub fn parse(path: &str, text: &str) -> Result<Self, Faults> {
        site_parse::parse(path, text)
    }

    /// Reads the site file at `path`. Packs that it names by path are looked for beside it.
    ///
    /// # Errors
    /// Every fault of the file, or that it cannot be read.
    pub fn load(path: &str) -> Result<Self, Faults> {
        let text = shipped::read_text(path)?;
        let mut site = Self::parse(path, &text)?;
        let folder = std::path::Path::new(path).parent().unwrap_or(std::path::Path::new(""));
        for pack in site.packs.iter_mut().chain(&mut site.baseline) {
            if shipped::is_path(pack) {
                *pack = folder.join(&*pack).to_string_lossy().into_owned();
            }
        }
        Ok(site)
    }

    /// Refuses a site that was guessed and that nobody has read: who is listed in it may have
    /// listed himself.
    ///
    /// # Errors
    /// The line that says so.
    pub fn read_by_somebody(&self) -> Result<(), Faults> {
        let mut faults = Faults::default();
        if let Some(draft) = &self.draft {
            let message = "this site was guessed from a capture, and nobody has read it yet".to_owned();
            let help = "read every line, correct what is wrong, then take the line `draft = true` out";
            faults.push(self.fault(draft, message, Some(help.to_owned())));
        }
        faults.or(())
    }

    /// Lets `players` (`10.0.0.5,10.0.1.0/24,host.example`) play `role`, whatever the file says.
    ///
    /// # Errors
    /// What is wrong in the list, in one sentence.
    pub fn bind(&mut self, role: &str, players: &str) -> Result<(), String> {
        let words = players.split(',').map(str::trim).filter(|word| !word.is_empty());
        let players = words.map(Player::parse).collect::<Result<Vec<_>, _>>()?;
        self.roles.retain(|bound| bound.id.text != role);
        self.roles.push(SiteRole { id: Setting::given(role), players });
        Ok(())
    }

    /// Sets the vantage: a role, or `mirror`.
    pub fn set_vantage(&mut self, vantage: &str) {
        self.vantage = Some(Setting::given(vantage));
    }

    /// Switches a feature on or off, whatever the file says.
    pub fn set_feature(&mut self, feature: &str, on: bool) {
        self.features.retain(|(set, _)| set.text != feature);
        self.features.push((Setting::given(feature), on));
    }

    /// Gives a variable its ports (`1433`, `11000-11999`), whatever the file says.
    ///
    /// # Errors
    /// What is wrong in the ports, in one sentence.
    pub fn set_variable(&mut self, variable: &str, ports: &str) -> Result<(), String> {
        let ports = ports.split(',').map(parse_ports).collect::<Result<Vec<_>, _>>()?;
        self.variables.retain(|(set, _)| set.text != variable);
        self.variables.push((Setting::given(variable), ports));
        Ok(())
    }

    /// A fault about one of its words.
    pub(super) fn fault(&self, setting: &Setting, message: String, help: Option<String>) -> Fault {
        let fault = match &setting.place {
            Some(place) => Fault::at(&self.source, place.clone(), message),
            None => Fault::whole("command line", message),
        };
        fault.maybe_help(help)
    }
}

impl Setting {
    /// A word of the command line.
    #[must_use]
    pub fn given(text: &str) -> Self {
        Self { text: text.to_owned(), place: None }
    }
}
