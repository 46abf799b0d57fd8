//! Names of roles in, the roles that a name plays out. Knows no addresses and no rows.

use std::collections::HashMap;

use super::model::{Role, RoleId};

/// Names of roles: whole, below one label, below any number of labels.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    whole: HashMap<String, Vec<RoleId>>,
    one_label: HashMap<String, Vec<RoleId>>,
    labels: HashMap<String, Vec<RoleId>>,
}

/// Roles that some names play, each with the place of the first name that does. The first few lie in
/// place, so that a look-up needs no heap.
#[derive(Clone, Debug)]
pub(super) struct Named {
    few: [(RoleId, usize); FEW],
    count: usize,
    more: Vec<(RoleId, usize)>,
}

const FEW: usize = 4;

impl Named {
    /// No role.
    pub const fn nobody() -> Self {
        Self { few: [(RoleId(0), 0); FEW], count: 0, more: Vec::new() }
    }

    fn add(&mut self, role: RoleId, name: usize) {
        if self.get(role).is_some() {
            return;
        }
        match self.few.get_mut(self.count) {
            Some(entry) => {
                *entry = (role, name);
                self.count = self.count.saturating_add(1);
            }
            None => self.more.push((role, name)),
        }
    }

    /// The name by which a role is played.
    pub fn get(&self, role: RoleId) -> Option<usize> {
        self.iter().find(|(named, _)| *named == role).map(|(_, name)| name)
    }

    /// Whether no role is played by name.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Every role with its name.
    pub fn iter(&self) -> impl Iterator<Item = (RoleId, usize)> {
        self.few.iter().take(self.count).chain(&self.more).copied()
    }
}

impl Names {
    /// Sorts the patterns of every role by kind.
    pub fn new(roles: &[Role]) -> Self {
        let mut names = Self::default();
        for (id, role) in (0u32..).map(RoleId).zip(roles) {
            for pattern in &role.names {
                let (map, key) = if let Some(suffix) = pattern.strip_prefix("**.") {
                    (&mut names.labels, suffix)
                } else if let Some(suffix) = pattern.strip_prefix("*.") {
                    (&mut names.one_label, suffix)
                } else {
                    (&mut names.whole, pattern.as_str())
                };
                map.entry(key.to_owned()).or_default().push(id);
            }
        }
        names
    }

    /// Roles that these names play.
    pub fn roles(&self, names: &[&str]) -> Named {
        let mut found = Named::nobody();
        for (place, name) in names.iter().enumerate() {
            let mut add = |roles: Option<&Vec<RoleId>>| {
                roles.into_iter().flatten().for_each(|role| found.add(*role, place));
            };
            add(self.whole.get(*name));
            if let Some((label, rest)) = name.split_once('.') {
                add(if label.is_empty() { None } else { self.one_label.get(rest) });
            }
            for (dot, _) in name.match_indices('.').filter(|(dot, _)| *dot > 0) {
                add(name.get(dot.saturating_add(1)..).and_then(|suffix| self.labels.get(suffix)));
            }
        }
        found
    }
}
