//! The targets: their names, and which folder of code makes the bundle of which.

use std::fmt;
use std::str::FromStr;

use weighbridge_router::Router;

use super::bundle::{Bundle, POLICY};
use super::error::Unfit;
use super::{envoy, litellm, onnx};

/// Where a policy can be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A plugin for LiteLLM's proxy.
    Litellm,
    /// The sidecar behind Envoy.
    Envoy,
    /// The trained heads as an ONNX model.
    Onnx,
}

impl Target {
    /// Every target.
    pub const ALL: [Self; 3] = [Self::Litellm, Self::Envoy, Self::Onnx];

    /// Its name on the command line and in a manifest.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Litellm => "litellm",
            Self::Envoy => "envoy",
            Self::Onnx => "onnx",
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|target| target.name() == text);
        found.ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("`{text}` is no target; there are: {names}")
        })
    }
}

/// The folder that takes a policy to a target: what the target itself brings, the router file and
/// the manifest. `file` is the router file as it is shipped.
///
/// # Errors
/// Where the target cannot express the policy.
pub fn export(router: &Router, file: &[u8], target: Target) -> Result<Bundle, Unfit> {
    let mut bundle = match target {
        Target::Litellm => litellm::bundle(router)?,
        Target::Envoy => envoy::bundle(router)?,
        Target::Onnx => onnx::bundle(router, file)?,
    };
    bundle.add(POLICY, file);
    Ok(bundle.sealed(router, target))
}
