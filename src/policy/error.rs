//! Why a policy was refused.

use crate::catalog::TomlError;

/// Why a policy was refused; one line with the mend in it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PolicyError {
    /// Something in the policy file, with its line and field.
    #[error(transparent)]
    File(#[from] TomlError),
    /// A role that a flag or a trace binds to a name that means nothing.
    #[error(
        "{origin} binds the role `{role}` to `{name}`, which is neither in the catalog nor in the trace{hint}"
    )]
    Role {
        /// The flag, or the trace's header.
        origin: String,
        /// The role.
        role: String,
        /// What it is bound to.
        name: String,
        /// `; did you mean ...?`, or nothing.
        hint: String,
    },
    /// A learned choice without the trained router that it names.
    #[error(
        "{file}: the policy chooses by the trained router `{router}`, which has not been loaded; train it, or name another `file`"
    )]
    Untrained {
        /// The policy file.
        file: String,
        /// The router file, as the policy names it.
        router: String,
    },
    /// A model that the trained router predicts, but that nothing sells.
    #[error(
        "{file}: the trained router predicts `{model}`, which has no endpoint in the catalog and is not in the trace; add it to the catalog (--catalog)"
    )]
    Predicted {
        /// The policy file.
        file: String,
        /// The model.
        model: String,
    },
    /// A dial that no value of a right answer attains, at its line and field.
    #[error(transparent)]
    Unattainable(TomlError),
    /// The parts do not make a router.
    #[error("{file}: {source}")]
    Router {
        /// The policy file.
        file: String,
        /// Which part, and why.
        source: weighbridge_router::Error,
    },
}
