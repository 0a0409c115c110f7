//! Load a Weighbridge router file and decide which endpoint a request goes to.

mod bloom;
mod calibration;
mod choose;
mod condition;
mod decide;
mod endpoint;
mod error;
mod features;
mod heads;
mod json;
mod request;
mod router;
mod text;
mod time;
mod units;

pub use bloom::GroupFilter;
pub use calibration::{Calibration, CalibrationModel};
pub use choose::{Choose, Rule, Threshold, Trade};
pub use condition::{Condition, Field, Limits, Quantity};
pub use decide::{Decision, EndpointIndex, Prediction, Scratch, Terms};
pub use endpoint::{Endpoint, Ineligible, PriceRow, Rates, Tier, Usage, within};
pub use error::{Error, ErrorKind};
pub use features::{FeatureScratch, Recipe, Step, Surface, Tag, Words, surface};
pub use heads::{LogLinear, Logistic};
pub use request::{Request, RequestRef};
pub use router::{Heads, Parts, Router};
pub use text::prompt_group;
pub use time::Timestamp;
pub use units::{Millis, Ppm, Probability, Tokens, Usd};
