//! The scenarios that come with the tool, so that an installed binary needs no checkout.

use super::error::ScenarioError;
use super::scenario::Scenario;

/// The names that [`Scenario::builtin`] knows.
pub const BUILTIN_NAMES: [&str; 1] = ["engineering"];

const TEXTS: [&str; BUILTIN_NAMES.len()] =
    [include_str!("../../traces/scenarios/engineering.toml")];

impl Scenario {
    /// A scenario that comes with the tool; `None` where [`BUILTIN_NAMES`] does not have it.
    ///
    /// # Errors
    /// Never for a released version: a test reads every one of them.
    #[must_use]
    pub fn builtin(name: &str) -> Option<Result<Self, ScenarioError>> {
        let place = BUILTIN_NAMES.iter().position(|known| *known == name)?;
        Some(Self::parse(
            &format!("traces/scenarios/{name}.toml"),
            TEXTS[place],
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bundled_scenario_is_valid_and_has_its_own_name() {
        for name in BUILTIN_NAMES {
            let scenario = Scenario::builtin(name).unwrap();
            assert_eq!(scenario.unwrap().name(), name);
        }
        assert!(Scenario::builtin("nosuch").is_none());
    }
}
