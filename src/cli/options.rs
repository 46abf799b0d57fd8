//! Arguments in, what they mean here out: the site as file and options make it, and how the page
//! looks on this terminal. Reads the site file and the hosts file, nothing else.

use std::io;
use std::path::Path;

use anstream::ColorChoice;

use super::args::{Color, LookArguments, PageArguments, SiteArguments};
use super::exit::Failure;
use crate::matrix::{Hosts, Site};
use crate::report::terminal::{Detail, Look};

/// The site of the file, changed by the options.
///
/// # Errors
/// No site and no role was given, the site is wrong, or a role is.
pub fn site(arguments: &SiteArguments) -> Result<Site, Failure> {
    if arguments.site.is_none() && arguments.role.is_empty() {
        return Err(Failure::Advice(NO_SITE, HOW_TO_SAY_IT));
    }
    let mut site = match &arguments.site {
        Some(path) => {
            let site = Site::load(&path_text(path)?)?;
            site.read_by_somebody()?;
            site
        }
        None => Site::default(),
    };
    for (role, players) in merged(&arguments.role) {
        site.bind(&role, &players).map_err(|fault| Failure::plain(format!("--role {role}: {fault}")))?;
    }
    if let Some(vantage) = &arguments.vantage {
        site.set_vantage(vantage);
    }
    if !arguments.pack.is_empty() {
        site.packs.clone_from(&arguments.pack);
    }
    if arguments.no_baseline || !arguments.baseline.is_empty() {
        site.baseline.clone_from(&arguments.baseline);
    }
    site.declared.hosts = match &arguments.hosts {
        Some(path) => Some(Hosts::load(&path_text(path)?)?),
        None => None,
    };
    site.declared.trusts_captures = arguments.trust_names;
    Ok(site)
}

/// A path as text: faults and reports name it, so it has to be text.
///
/// # Errors
/// It is not UTF-8.
pub fn path_text(path: &Path) -> Result<String, Failure> {
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| Failure::plain(format!("{}: the path is not UTF-8; rename the file", path.display())))
}

/// How the page looks: columns and colour of this terminal unless said otherwise.
pub fn look(arguments: &LookArguments) -> Look {
    let detail = if arguments.verbose { Detail::Full } else { Detail::Glance };
    page(&arguments.page, detail)
}

/// The same for a page that has one level of detail.
pub fn page(arguments: &PageArguments, detail: Detail) -> Look {
    let terminal = || terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| width.0.clamp(40, 500));
    Look {
        width: arguments.width.or_else(terminal).unwrap_or(100).into(),
        colour: colour(arguments.color, &io::stdout()),
        detail,
    }
}

/// Whether to use colour on `stream`. An explicit wish beats the environment.
pub fn colour(wish: Color, stream: &impl anstream::stream::RawStream) -> bool {
    match wish {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => anstream::AutoStream::choice(stream) != ColorChoice::Never,
    }
}

/// Whether the terminal shows more than ASCII: a locale that is set and is not UTF-8 says no, and so
/// does the console of Linux, whose fonts have no marks.
#[cfg(feature = "live")]
pub fn unicode() -> bool {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set);
    let utf8 = locale.is_none_or(|locale| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    });
    utf8 && set("TERM").is_none_or(|term| term != "linux")
}

/// One role given twice has the players of both.
fn merged(roles: &[(String, String)]) -> Vec<(String, String)> {
    let mut merged: Vec<(String, String)> = Vec::new();
    for (role, players) in roles {
        match merged.iter_mut().find(|(known, _)| known == role) {
            Some((_, all)) => {
                all.push(',');
                all.push_str(players);
            }
            None => merged.push((role.clone(), players.clone())),
        }
    }
    merged
}

const NO_SITE: &str = "nobody is known here: say who the server under audit is, and who plays the other roles";

const HOW_TO_SAY_IT: &str = "\
guess it from the capture, read it, correct it, and audit with it:
  flowaudit site init CAPTURE > site.toml
  flowaudit audit -s site.toml CAPTURE

or for a quick look, on the command line:
  flowaudit audit --role ams-server=10.0.0.5 --role domain-controllers=10.0.0.10,10.0.0.11 server.pcap

`flowaudit matrix show ams` lists all roles; a role that nobody plays leaves its rows unjudged.";
