//! What leaves the house: folders for other people's gateways, and checks of what was shipped.
//!
//! [`export()`] turns a router into the [`Bundle`] of a [`Target`], or says why the target cannot
//! express it; each target is a folder here. Opens no file: whoever calls writes the bundle down.
//! Knows nothing of traces, training or replay.

mod bundle;
mod endpoints;
mod envoy;
mod error;
mod litellm;
mod onnx;
mod target;
mod verify;

pub use bundle::{Bundle, Held, MANIFEST, Manifest, POLICY, held};
pub use error::{Nearest, Unfit};
pub use target::{Target, export};
pub use verify::{Finding, FolderCheck, Verification, verify, verify_folder};
