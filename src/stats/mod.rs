//! Statistics: keyed draws, exact bootstrap sums, quantiles, intervals.
//!
//! It deliberately knows no traces, money or text: units are keys, values are numbers, and what
//! either means is the caller's. All that can be merged (the bootstrap's replicate sums, the
//! histogram) is made of integers and keyed by unit, so that neither order nor sharding shows in a
//! result. Whatever is unknown or undefined is `None`, never 0.
//!
//! Start with [`Replicates`] for how an interval comes about.

mod histogram;
mod interval;
mod keyed;
mod poisson;
mod quantile;
mod replicates;
mod tail;

pub use histogram::{Histogram, bucket};
pub use interval::{
    Z_95, bootstrap_p_value, holm, standard_error, units_to_tell, variance_to_tell,
};
pub use keyed::{Keyed, fold, uniform, unit_hash};
pub use poisson::{weights_into, weights_of_eight};
pub use quantile::{percentile_interval, quantile_sorted};
pub use replicates::Replicates;
pub use tail::{chi_squared_upper, normal_p_value};
