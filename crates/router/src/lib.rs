//! Load a Weighbridge router file and decide which endpoint a request goes to.
//!
//! A router file is a policy compiled, learned or not: endpoints with their prices and limits, how
//! to choose among them, the trained heads that predict success and output tokens, and golden
//! requests that loading decides again. Start at [`Router::load`] and [`Router::decide`];
//! [`Router::explain`] tells why. The crate knows nothing of outcomes, clocks, threads or random
//! numbers, so that the same file and [`Request`] give the same [`Decision`] everywhere.
//!
//! ```
//! use weighbridge_router::{Choose, Endpoint, Parts, Request, Router};
//!
//! // Work that needs tools goes to the model that has them, all else to the other.
//! let with_tools = Endpoint {
//!     can: vec!["tools".into()],
//!     recorded_only: false,
//!     ..Endpoint::recorded_only("driver@maker")
//! };
//! let without = Endpoint {
//!     recorded_only: false,
//!     ..Endpoint::recorded_only("specialist@maker")
//! };
//! let router = Router::try_new(Parts {
//!     endpoints: vec![with_tools, without],
//!     choose: Some(Choose::from_json(r#"{"kind":"always","to":"specialist@maker"}"#)?),
//!     fallback: vec!["driver@maker".into()],
//!     ..Parts::default()
//! })?;
//!
//! let file = router.to_bytes()?;
//! let router = Router::from_bytes(&file)?;
//! let request = Request::from_json(r#"{"prompt":"Book a table","needs":["tools"]}"#)?;
//! let decision = router.decide(&request.as_ref());
//! let (endpoint, share) = decision.masses()[0];
//! assert_eq!(router.endpoint(endpoint).id, "driver@maker");
//! assert_eq!(share.0, 1_000_000);
//! # Ok::<(), weighbridge_router::Error>(())
//! ```

#![warn(clippy::missing_errors_doc, clippy::missing_panics_doc)]

mod bloom;
mod calibration;
mod chat;
mod choose;
mod condition;
mod decide;
mod draw;
mod emit;
mod endpoint;
mod error;
mod explain;
mod explore;
mod features;
mod file;
mod given;
mod golden;
mod heads;
mod instead;
mod json;
mod line;
mod request;
mod router;
mod text;
mod time;
mod units;
mod weigh;
mod wire;

pub use bloom::GroupFilter;
pub use calibration::{Calibration, CalibrationModel};
pub use chat::CHAT_HINTS;
pub use choose::{Choose, Rule, Threshold, Trade};
pub use condition::{Condition, Field, Limits, Quantity};
pub use decide::{Decision, EndpointIndex, Prediction, Scratch, Terms};
pub use endpoint::{Endpoint, Ineligible, PriceRow, Rates, Tier, Usage, within};
pub use error::{Error, ErrorKind};
pub use explain::{EndpointExplanation, Explanation, FeatureExplanation};
pub use features::{
    Embedding, FeatureScratch, Recipe, Scaling, Step, Surface, Surface2, Tag, WordScore,
    WordScores, Words, surface, surface2, word_counts,
};
pub use heads::{LogLinear, Logistic, Mean, Shrink, Split, Success, Tree, Trees};
pub use line::decision_line;
pub use request::{Request, RequestRef};
pub use router::{Heads, Parts, Router};
pub use text::{Phrases, prompt_group};
pub use time::Timestamp;
pub use units::{Millis, Ppm, Probability, Tokens, Usd};
pub use weigh::Candidate;
