//! What leaves the house: folders for other people's gateways, and checks of what was shipped.
//!
//! [`export()`] turns a router into the [`Bundle`] of a [`Target`], or says why the target cannot
//! express it; each target is a folder here. Opens no file: whoever calls writes the bundle down.
//! Knows nothing of traces, training or replay.

mod bundle;
mod diff;
mod endpoints;
mod envoy;
mod error;
mod litellm;
mod nearest;
mod onnx;
mod target;
mod verify;
mod vllm_sr;

pub use bundle::{Bundle, Held, MANIFEST, Manifest, POLICY, held};
pub use diff::{Change, FigurePair, FileDiff, Part, Recorded, diff};
pub use error::{Nearest, Unfit};
pub use nearest::Habits;
pub use target::{Target, export, export_nearest, nearest};
pub use verify::{Finding, FolderCheck, Verification, verify, verify_folder};
