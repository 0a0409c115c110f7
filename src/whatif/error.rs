//! Why a scenario cannot be worked out.

use crate::catalog::TomlError;

/// What is wrong with a scenario; one line with the mend in it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ScenarioError {
    /// A name that means nothing.
    #[error("{name}: {message}")]
    Name {
        /// The name as it was given.
        name: String,
        /// What is wrong with it.
        message: String,
    },
    /// A value that the name cannot take.
    #[error("{setting}: {message}")]
    Value {
        /// The setting as it was given.
        setting: String,
        /// What is wrong with it.
        message: String,
    },
    /// A fault of a scenario file.
    #[error(transparent)]
    File(#[from] TomlError),
    /// What is asked for cannot be told from this trace.
    #[error("{setting}: {message}")]
    Data {
        /// The setting.
        setting: String,
        /// What is missing.
        message: String,
    },
    /// A router that cannot be put together in the new world.
    #[error("`{policy}` cannot be recompiled: {message}")]
    Recompile {
        /// The policy.
        policy: String,
        /// What is wrong.
        message: String,
    },
}

impl ScenarioError {
    /// Whether it is the data that say no, and not the call that is wrong.
    #[must_use]
    pub const fn is_of_data(&self) -> bool {
        matches!(
            self,
            Self::File(_) | Self::Data { .. } | Self::Recompile { .. }
        )
    }

    pub(super) fn value(setting: impl ToString, message: impl Into<String>) -> Self {
        Self::Value {
            setting: setting.to_string(),
            message: message.into(),
        }
    }

    pub(super) fn data(setting: impl ToString, message: impl Into<String>) -> Self {
        Self::Data {
            setting: setting.to_string(),
            message: message.into(),
        }
    }
}
