//! One `[[waiver]]` of a site in, a waiver whose roles are still open out; then, with the roles
//! known, the [`Waiver`] of the matrix. Never asks what day it is.

use std::ops::Range;

use toml::de::DeValue;

use super::addresses::{AddressRange, Player, everybody, joined};
use super::diagnostics::{did_you_mean, quoted};
use super::model::{Ports, Role, Waiver};
use super::reader::{Reader, Table, Word};
use super::services::{PortTerm, Service, parse_protocol};
use super::site::{Setting, Site};
use super::site_parse::setting;
use crate::wire::{Timestamp, Transport};

/// A waiver as the site writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteWaiver {
    /// Originators: addresses, roles, or `any`.
    pub from: Vec<Setting>,
    /// Responders: addresses, names, roles, or `any`.
    pub to: Vec<Setting>,
    /// The service as written.
    pub service: String,
    /// IP protocol.
    pub transport: Transport,
    /// Destination ports.
    pub ports: Ports,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// First instant at which it no longer holds.
    pub until: Option<Timestamp>,
}

/// Reads one waiver; `None` when it is too broken to stand for anything.
pub(super) fn read(reader: &mut Reader<'_>, table: &Table<'_>, span: Range<usize>) -> Option<SiteWaiver> {
    reader.known_keys(table, &["from", "to", "service", "reason", "owner", "expires"], "a waiver");
    let mut ends = |key: &str| {
        if table.get(key).is_none() {
            let help = Some(format!("add a line `{key} = \"10.0.0.5\"`, or `{key} = \"any\"`"));
            reader.fault(span.clone(), format!("`{key}` is missing"), help);
        }
        reader.strings(table, key).unwrap_or_default().into_iter().map(setting).collect()
    };
    let (from, to) = (ends("from"), ends("to"));
    let service = reader.required(table, "service", span.clone());
    let reason = reader.required(table, "reason", span.clone());
    let owner = reader.required(table, "owner", span);
    let until = read_expiry(reader, table);
    let service = service?;
    let (transport, ports) = read_service(reader, &service)?;
    Some(SiteWaiver {
        from,
        to,
        service: service.into_inner(),
        transport,
        ports,
        reason: reason?.into_inner(),
        owner: owner?.into_inner(),
        until,
    })
}

/// `tcp/9997`, or a service with its application as packs write it.
fn read_service(reader: &mut Reader<'_>, word: &Word) -> Option<(Transport, Ports)> {
    let text = word.get_ref();
    let parsed = if text.trim().contains(char::is_whitespace) {
        Service::parse(text).map(|service| (service.transport, service.ports))
    } else {
        parse_protocol(text, &(0..text.len()))
    };
    match parsed {
        Ok((transport, None)) => Some((transport, Ports::Any)),
        Ok((transport, Some(terms))) => {
            let mut ranges = Vec::new();
            for term in terms {
                match term {
                    PortTerm::Range(range) => ranges.push(range),
                    PortTerm::Variable { name, .. } => {
                        reader.fault(
                            word.span(),
                            format!("a waiver names its ports, not the variable {}", quoted(&name)),
                            None,
                        );
                        return None;
                    }
                }
            }
            Some((transport, Ports::Ranges(joined_ports(ranges))))
        }
        Err(fault) => {
            reader.fault(word.span(), fault.message, fault.help);
            None
        }
    }
}

/// Port ranges sorted, disjoint and joined.
pub(super) fn joined_ports(mut ranges: Vec<std::ops::RangeInclusive<u16>>) -> Vec<std::ops::RangeInclusive<u16>> {
    ranges.sort_by_key(|range| (*range.start(), *range.end()));
    let mut out: Vec<std::ops::RangeInclusive<u16>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match out.last_mut() {
            Some(last) if last.end().saturating_add(1) >= *range.start() => {
                *last = *last.start()..=(*last.end()).max(*range.end());
            }
            _ => out.push(range),
        }
    }
    out
}

/// The day after `expires`, 00:00 UTC: the day itself still counts.
fn read_expiry(reader: &mut Reader<'_>, table: &Table<'_>) -> Option<Timestamp> {
    let value = table.get("expires")?;
    let text = match value.get_ref() {
        DeValue::Datetime(date) => date.to_string(),
        DeValue::String(text) => text.clone().into_owned(),
        other => {
            reader.shape(value.span(), "expires", "a day such as 2027-03-31", other);
            return None;
        }
    };
    let until = day_after(&text);
    if until.is_none() {
        reader.fault(value.span(), format!("{} is no date: expected a day such as 2027-03-31", quoted(&text)), None);
    }
    until
}

fn day_after(text: &str) -> Option<Timestamp> {
    // A time of day would be dropped silently by the date parser, so it is refused here.
    let day: jiff::civil::Date = if text.len() == 10 { text.parse().ok()? } else { return None };
    let midnight = day.tomorrow().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    i64::try_from(midnight.timestamp().as_nanosecond()).ok().map(Timestamp::from_nanoseconds)
}

/// The waiver of the matrix, its roles resolved.
///
/// # Errors
/// The word that is neither an address nor a role, with the sentence to say about it.
pub(super) fn resolve(waiver: &SiteWaiver, roles: &[Role]) -> Result<Waiver, Vec<(Setting, String, Option<String>)>> {
    let mut faults = Vec::new();
    let (from, from_names) = parties(&waiver.from, roles, &mut faults);
    let (to, to_names) = parties(&waiver.to, roles, &mut faults);
    if let (Some(name), Some(setting)) = (from_names.first(), waiver.from.first()) {
        let message = format!("{} is a name: who starts a waived flow is told by address", quoted(name));
        faults.push((setting.clone(), message, None));
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let list = |settings: &[Setting]| settings.iter().map(|s| s.text.as_str()).collect::<Vec<_>>().join(", ");
    Ok(Waiver {
        text: format!("{} -> {} {}", list(&waiver.from), list(&waiver.to), waiver.service),
        from: from.unwrap_or_else(everybody),
        to: to.unwrap_or_default(),
        to_names,
        transport: waiver.transport,
        ports: waiver.ports.clone(),
        reason: waiver.reason.clone(),
        owner: waiver.owner.clone(),
        until: waiver.until,
    })
}

type WaiverFault = (Setting, String, Option<String>);

/// Addresses (`None` for anybody) and names of one end.
fn parties(
    settings: &[Setting],
    roles: &[Role],
    faults: &mut Vec<WaiverFault>,
) -> (Option<Vec<AddressRange>>, Vec<String>) {
    let (mut ranges, mut names) = (Vec::new(), Vec::new());
    for setting in settings {
        let text = setting.text.as_str();
        if text == "any" {
            return (None, Vec::new());
        }
        if let Some(role) = roles.iter().find(|role| role.id == text) {
            if !role.is_bound() {
                faults.push((setting.clone(), format!("nobody plays the role {}", quoted(text)), None));
            }
            ranges.extend(role.addresses.iter().cloned());
            names.extend(role.names.iter().cloned());
            continue;
        }
        match Player::parse(text) {
            Ok(Player::Addresses(range)) => ranges.push(range),
            Ok(Player::Name(name)) if name.contains('.') => names.push(name),
            Ok(Player::Name(_)) => {
                let help = did_you_mean(text, roles.iter().map(|role| role.id.as_str()));
                faults.push((setting.clone(), format!("{} is no role, address or full name", quoted(text)), help));
            }
            Err(message) => faults.push((setting.clone(), message, None)),
        }
    }
    (Some(joined(ranges)), names)
}

/// Resolves every waiver of a site, noting faults at their places.
pub(super) fn resolve_all(site: &Site, roles: &[Role], faults: &mut super::diagnostics::Faults) -> Vec<Waiver> {
    let mut waivers = Vec::with_capacity(site.waivers.len());
    for waiver in &site.waivers {
        match resolve(waiver, roles) {
            Ok(waiver) => waivers.push(waiver),
            Err(wrong) => {
                wrong.into_iter().for_each(|(setting, message, help)| faults.push(site.fault(&setting, message, help)));
            }
        }
    }
    waivers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<&str>) {
        let shown = day_after(text)
            .map(|until| jiff::Timestamp::from_nanosecond(until.nanoseconds().into()).unwrap().to_string());
        assert_eq!(shown.as_deref(), expected, "{text}");
    }

    #[test]
    fn a_waiver_holds_through_its_last_day() {
        check("2027-03-31", Some("2027-04-01T00:00:00Z"));
        check("2028-02-28", Some("2028-02-29T00:00:00Z"));
        check("2027-02-29", None);
        check("2027-03-31T12:00:00Z", None);
        check("9999-12-31", None);
    }
}
