//! What a trace says of itself.

use std::collections::BTreeMap;

use weighbridge_router::Timestamp;

/// The first line of a trace.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Header {
    /// Where the rows come from.
    pub source: Option<String>,
    /// Under which licence.
    pub licence: Option<String>,
    /// How the rows were made up, where they were; absent: they were recorded.
    pub synthetic: Option<String>,
    /// Role (`driver`, `specialist`) and the model or endpoint that has it.
    pub roles: BTreeMap<String, String>,
    /// From which graded score an answer counts as right; absent: scores count as they are.
    pub pass_at: Option<f64>,
    /// The date whose prices hold for requests without a time.
    pub prices_at: Option<Timestamp>,
    /// How many requests a day the trace stands for.
    pub requests_per_day: Option<f64>,
    /// What was assumed and not recorded.
    pub assumed: Vec<Assumption>,
    /// Fields that this version does not know: name and JSON text.
    pub extra: BTreeMap<String, String>,
}

/// A field that an importer filled by assumption.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Assumption {
    /// The field of the outcomes, for example `output_tokens`.
    pub field: String,
    /// What was assumed, in words.
    pub what: String,
}

/// Two traces that cannot be read as one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the headers disagree on {field}: {a} and {b}; give the traces apart, or set it by a flag")]
pub struct HeaderConflict {
    /// The field.
    pub field: String,
    /// What the traces read before say.
    pub a: String,
    /// What this one says.
    pub b: String,
}

impl Header {
    /// Take in the header of another trace that is read together with this one.
    ///
    /// # Errors
    /// Where both bind a role, a pass mark or a price date, and differently.
    pub fn absorb(&mut self, other: Self) -> Result<(), HeaderConflict> {
        for (role, name) in other.roles {
            match self.roles.get(&role) {
                Some(held) if *held != name => {
                    return Err(HeaderConflict {
                        field: format!("roles.{role}"),
                        a: held.clone(),
                        b: name,
                    });
                }
                _ => self.roles.insert(role, name),
            };
        }
        agree("pass_at", &mut self.pass_at, other.pass_at)?;
        agree("prices_at", &mut self.prices_at, other.prices_at)?;
        self.requests_per_day = match (self.requests_per_day, other.requests_per_day) {
            (Some(a), Some(b)) => Some(a + b),
            _ => None,
        };
        for (mine, theirs) in [
            (&mut self.source, other.source),
            (&mut self.licence, other.licence),
            (&mut self.synthetic, other.synthetic),
        ] {
            join(mine, theirs);
        }
        self.assumed.extend(other.assumed);
        self.assumed.sort();
        self.assumed.dedup();
        for (name, json) in other.extra {
            self.extra.entry(name).or_insert(json);
        }
        Ok(())
    }
}

fn agree<T: PartialEq + ToString>(
    field: &str,
    held: &mut Option<T>,
    other: Option<T>,
) -> Result<(), HeaderConflict> {
    match (&held, other) {
        (_, None) => {}
        (None, other) => *held = other,
        (Some(a), Some(b)) if *a != b => {
            return Err(HeaderConflict {
                field: field.into(),
                a: a.to_string(),
                b: b.to_string(),
            });
        }
        _ => {}
    }
    Ok(())
}

fn join(held: &mut Option<String>, other: Option<String>) {
    match (held.as_mut(), other) {
        (Some(a), Some(b)) if *a != b => {
            a.push_str("; ");
            a.push_str(&b);
        }
        (None, other) => *held = other,
        _ => {}
    }
}
