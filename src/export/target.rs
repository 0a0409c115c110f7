//! The targets: their names, and which folder of code makes the bundle of which.

use std::fmt;
use std::str::FromStr;

use weighbridge_router::Router;

use super::bundle::{Bundle, MANIFEST, POLICY};
use super::error::{Nearest, Unfit};
use super::nearest::Habits;
use super::{envoy, litellm, onnx, vllm_sr};

/// Where a policy can be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A plugin for LiteLLM's proxy.
    Litellm,
    /// The sidecar behind Envoy.
    Envoy,
    /// The trained heads as an ONNX model.
    Onnx,
    /// The vLLM semantic router.
    VllmSr,
}

impl Target {
    /// Every target.
    pub const ALL: [Self; 4] = [Self::Litellm, Self::Envoy, Self::Onnx, Self::VllmSr];

    /// Its name on the command line and in a manifest.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Litellm => "litellm",
            Self::Envoy => "envoy",
            Self::Onnx => "onnx",
            Self::VllmSr => "vllm-sr",
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
        Target::VllmSr => vllm_sr::bundle(router)?,
    };
    bundle.add(POLICY, file);
    Ok(bundle.sealed(router, target))
}

/// The folder of the nearest policy to one that the target cannot express; `said`, which tells what
/// was given up and what that costs, stands at the top of its README.
///
/// # Errors
/// Where the target cannot express that one either.
pub fn export_nearest(
    nearest: &Router,
    file: &[u8],
    target: Target,
    said: &str,
) -> Result<Bundle, Unfit> {
    let mut bundle = export(nearest, file, target)?;
    bundle.files.retain(|(path, _)| path != MANIFEST);
    for (path, content) in &mut bundle.files {
        if path == "README.md" {
            content.splice(..0, format!("{said}\n").into_bytes());
        }
    }
    Ok(bundle.sealed(nearest, target))
}

/// The nearest policy that a target can express for one that it cannot; `habits` tell what its
/// learned choices do. None: there is none, or the target expresses every policy.
#[must_use]
pub fn nearest(router: &Router, target: Target, habits: Option<&Habits>) -> Option<Nearest> {
    match target {
        Target::Litellm | Target::Envoy | Target::Onnx => None,
        Target::VllmSr => vllm_sr::nearest(router, habits),
    }
}
