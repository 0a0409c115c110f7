//! What the names of a policy mean: roles, endpoints, models, and models that only a trace has.

use std::collections::BTreeMap;

use super::check::Policy;
use super::error::PolicyError;
use super::wire::Named;
use crate::catalog::{Catalog, Resolved, nearest};

/// The roles that flags can bind.
const ROLES: [&str; 2] = ["driver", "specialist"];

/// Roles bound outside the policy, by name. Flags go before the policy's own roles, and those
/// before the trace's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roles {
    /// By `--driver` and `--specialist`.
    pub flags: BTreeMap<String, String>,
    /// By the header of the trace.
    pub trace: BTreeMap<String, String>,
}

/// Every name that may be used, and what it means.
pub(super) struct Names<'a> {
    catalog: &'a Catalog,
    recorded_only: &'a [String],
    /// Role and the endpoint or model that it is bound to.
    pub(super) roles: BTreeMap<String, String>,
}

impl<'a> Names<'a> {
    pub(super) fn new(
        policy: &Policy,
        catalog: &'a Catalog,
        roles: &Roles,
        recorded_only: &'a [String],
    ) -> Result<Self, PolicyError> {
        let mut names = Self {
            catalog,
            recorded_only,
            roles: BTreeMap::new(),
        };
        let layers = [
            (&roles.trace, Origin::Trace),
            (&policy.roles, Origin::Policy),
            (&roles.flags, Origin::Flag),
        ];
        let mut bound = BTreeMap::new();
        for (layer, origin) in layers {
            bound.extend(layer.iter().map(|(role, name)| (role, (name, origin))));
        }
        for (role, (name, origin)) in bound {
            let meaning = names
                .plain(name)
                .ok_or_else(|| names.misbound(policy, role, name, origin))?;
            names.roles.insert(role.clone(), meaning.to_owned());
        }
        Ok(names)
    }

    /// The endpoint or model that a name means, roles included.
    pub(super) fn resolve(&self, name: &'a str) -> Option<&str> {
        match self.roles.get(name) {
            Some(bound) => Some(bound),
            None => self.plain(name),
        }
    }

    /// The endpoint or model that a name means, roles aside.
    pub(super) fn plain<'n>(&self, name: &'n str) -> Option<&'n str>
    where
        'a: 'n,
    {
        let recorded = || {
            let held = self.recorded_only.iter().any(|held| held == name);
            held.then_some(name)
        };
        self.sold(name).or_else(recorded)
    }

    /// The endpoint or model of the catalog that a name means; a model that nothing sells is
    /// none.
    pub(super) fn sold(&self, name: &str) -> Option<&'a str> {
        match self.catalog.resolve(name)? {
            Resolved::Endpoint(card) => Some(&card.endpoint.id),
            Resolved::Model(model) => {
                let card = self.catalog.endpoints_of(&model.id).next();
                card.map(|card| card.endpoint.model.as_str())
            }
        }
    }

    /// One error for all the targets that mean nothing, at the first of them.
    pub(super) fn check(&self, targets: &'a [Named]) -> Result<(), PolicyError> {
        let mut unknown: Vec<&Named> = Vec::new();
        for target in targets {
            if self.resolve(&target.name).is_none()
                && !unknown.iter().any(|held| held.name == target.name)
            {
                unknown.push(target);
            }
        }
        let Some(first) = unknown.first() else {
            return Ok(());
        };
        let faults: Vec<String> = unknown
            .iter()
            .map(|named| self.fault(&named.name))
            .collect();
        Err(first.place.fault(faults.join("; and ")).into())
    }

    fn fault(&self, name: &str) -> String {
        if ROLES.contains(&name) {
            return format!(
                "the role `{name}` is not bound; bind it by --{name}, in the policy's [roles], or in the header of the trace"
            );
        }
        if self.catalog.model(name).is_some() {
            return format!(
                "the model `{name}` has no endpoint in the catalog; add one (--catalog)"
            );
        }
        format!(
            "`{name}` is neither in the catalog nor in the trace{}",
            self.hint(name)
        )
    }

    fn hint(&self, name: &str) -> String {
        let known = self
            .catalog
            .names()
            .chain(self.recorded_only.iter().map(String::as_str))
            .chain(ROLES);
        nearest(name, known).map_or_else(
            || "; add it to the catalog (--catalog)".to_owned(),
            |near| format!("; did you mean `{near}`?"),
        )
    }

    fn misbound(&self, policy: &Policy, role: &str, name: &str, origin: Origin) -> PolicyError {
        let origin = match (origin, policy.role_places.get(role)) {
            (Origin::Policy, Some(place)) => return place.fault(self.fault(name)).into(),
            (Origin::Flag, _) => format!("--{role}"),
            _ => "the header of the trace".to_owned(),
        };
        PolicyError::Role {
            origin,
            role: role.to_owned(),
            name: name.to_owned(),
            hint: self.hint(name),
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Origin {
    Trace,
    Policy,
    Flag,
}
