//! Rows of a sheet, whatever its format, and which of them are wanted.

use std::collections::BTreeMap;

use weighbridge_router::{Tokens, Usd};

use super::error::SheetError;
use crate::catalog::document::nearest;

/// A row that can be an endpoint.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Offer {
    /// The sheet's name for what is sold.
    pub(super) key: String,
    pub(super) provider: String,
    /// Whether the caller wants this very row: it is taken even where the shipped catalog has the
    /// endpoint.
    pub(super) named: bool,
    pub(super) prices: Prices,
    pub(super) tiers: Vec<(Tokens, Prices)>,
    /// How many of its prices had to be rounded.
    pub(super) rounded: u64,
    pub(super) context_tokens: Option<Tokens>,
    pub(super) max_output_tokens: Option<Tokens>,
    pub(super) can: Vec<&'static str>,
    pub(super) source: String,
    pub(super) note: Option<String>,
}

/// Prices of one token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Prices {
    pub(super) input: Usd,
    pub(super) cached: Option<Usd>,
    pub(super) output: Usd,
}

/// What a sheet holds that was wanted.
#[derive(Debug, Default)]
pub(super) struct Sheet {
    pub(super) offers: Vec<Offer>,
    pub(super) left_out: LeftOut,
    /// Columns that were not read.
    pub(super) unread: Vec<String>,
}

/// Rows that became no endpoint: how many, by reason.
pub(super) type LeftOut = BTreeMap<String, u64>;

pub(super) fn leave_out(left_out: &mut LeftOut, why: impl Into<String>) {
    *left_out.entry(why.into()).or_default() += 1;
}

/// Which rows of a sheet are wanted; all where nothing is named.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pick {
    /// Names of models. One that ends in `*` stands for all rows that begin so, any other for the
    /// row of that name, else for all that have it behind their first slash.
    pub models: Vec<String>,
    /// Names of providers.
    pub providers: Vec<String>,
}

/// How much a row is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wish {
    /// Not at all.
    No,
    /// As one of many.
    AmongOthers,
    /// By its name.
    ByName,
}

impl Pick {
    /// How much each row of a sheet, told by its name and provider, is wanted.
    ///
    /// # Errors
    /// Where a name stands on no row.
    pub(super) fn wishes(&self, rows: &[(&str, &str)]) -> Result<Vec<Wish>, SheetError> {
        for name in &self.providers {
            if !rows.iter().any(|(_, provider)| provider == name) {
                let known = rows.iter().map(|(_, provider)| *provider);
                return Err(no_such("provider", name, known));
            }
        }
        let sold = |provider: &str| {
            self.providers.is_empty() || self.providers.iter().any(|name| name == provider)
        };
        let mut wishes: Vec<Wish> = rows
            .iter()
            .map(
                |(_, provider)| match self.models.is_empty() && sold(provider) {
                    true => Wish::AmongOthers,
                    false => Wish::No,
                },
            )
            .collect();
        for name in &self.models {
            let keys = rows
                .iter()
                .enumerate()
                .filter(|(_, (_, provider))| sold(provider))
                .map(|(row, (key, _))| (row, *key));
            let found = rows_of(name, keys.clone());
            if found.is_empty() {
                return Err(no_such("model", name, keys.map(|(_, key)| key)));
            }
            let wish = match name.ends_with('*') {
                true => Wish::AmongOthers,
                false => Wish::ByName,
            };
            found
                .into_iter()
                .for_each(|row| wishes[row] = wishes[row].max(wish));
        }
        Ok(wishes)
    }
}

/// The rows that a name stands for.
fn rows_of<'a>(name: &str, keys: impl Iterator<Item = (usize, &'a str)> + Clone) -> Vec<usize> {
    let with = |holds: &dyn Fn(&str) -> bool| -> Vec<usize> {
        let keys = keys.clone().filter(|(_, key)| holds(key));
        keys.map(|(row, _)| row).collect()
    };
    if let Some(start) = name.strip_suffix('*') {
        return with(&|key| key.starts_with(start));
    }
    let same = with(&|key| key == name);
    match same.is_empty() {
        true => with(&|key| short_name(key) == Some(name)),
        false => same,
    }
}

/// A name without the route that a sheet puts before it, `azure/gpt-4o`.
pub(super) fn short_name(key: &str) -> Option<&str> {
    key.split_once('/').map(|(_, name)| name)
}

/// That a name stands on no row, and what the caller may have meant.
fn no_such<'a>(
    flag: &'static str,
    name: &str,
    known: impl Iterator<Item = &'a str> + Clone,
) -> SheetError {
    let part = name.trim_end_matches('*').to_ascii_lowercase();
    let near = nearest(name, known.clone());
    let mut like: Vec<&str> = known
        .filter(|known| !part.is_empty() && known.to_ascii_lowercase().contains(&part))
        .collect();
    like.sort_unstable();
    like.dedup();
    let hint = match (near, like.len()) {
        (_, 1..) => {
            let more = if like.len() > 5 { ", ..." } else { "" };
            like.truncate(5);
            format!("; some have it inside: {}{more}", like.join(", "))
        }
        (Some(near), _) => format!("; did you mean `{near}`?"),
        (None, _) => String::new(),
    };
    SheetError::NoSuchName {
        flag,
        name: name.to_owned(),
        hint: format!("no row has this name{hint}"),
    }
}
