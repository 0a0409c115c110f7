//! What leaves the house: checks of a router file before it is shipped. Targets for gateways come
//! here too. Knows nothing of traces, training or replay.

mod onnx;
mod verify;

pub use verify::{Finding, Verification, verify};
