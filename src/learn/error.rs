//! Why nothing could be learned.

/// Why training was refused; one line, with the mend in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LearnError {
    /// An option that cannot be.
    #[error("{option}: {message}")]
    Option {
        /// The option.
        option: &'static str,
        /// What is wrong and what to do.
        message: String,
    },
    /// No outcome of a model.
    #[error("the trace has no outcome of `{model}`{role}; it has outcomes of {known}")]
    NoOutcomes {
        /// The model that was asked for.
        model: String,
        /// The role that it was to have, in brackets; empty for none.
        role: String,
        /// The models that are there.
        known: String,
    },
    /// Nothing to tell right answers from wrong ones by.
    #[error(
        "`{model}` is right in {percent}% of the {rows} training rows, so there is nothing to learn; add rows, or route by a fixed policy"
    )]
    OneClass {
        /// The model.
        model: String,
        /// 0 or 100.
        percent: u32,
        /// Its training rows.
        rows: usize,
    },
    /// Too little to learn from.
    #[error(
        "`{model}`: {groups} different prompts with a known {what} are left to train on, and {needed} are needed; record more requests{hint}"
    )]
    TooFew {
        /// The model.
        model: String,
        /// `outcome` or `number of output tokens`.
        what: &'static str,
        /// How many there are.
        groups: usize,
        /// How many there must be.
        needed: usize,
        /// Another way out; empty for none.
        hint: &'static str,
    },
    /// More tasks than columns can be made of.
    #[error(
        "the training rows have {tasks} different tasks, and a column each is made for at most {limit}; train with --features -task"
    )]
    TooManyTasks {
        /// How many there are.
        tasks: usize,
        /// How many there may be.
        limit: usize,
    },
    /// The optimiser gave up.
    #[error("the success head of `{model}` could not be fitted: {message}")]
    Fit {
        /// The model.
        model: String,
        /// What the optimiser said.
        message: String,
    },
    /// A line of a file of splits.
    #[error("{file}:{line}: {message}")]
    SplitFile {
        /// The file, as the caller named it.
        file: String,
        /// The line, from 1; 0 where the file as a whole is to blame.
        line: u64,
        /// What is wrong and what to do.
        message: String,
    },
    /// The learned parts do not make a router.
    #[error("the trained router cannot be put together: {0}")]
    Router(#[from] weighbridge_router::Error),
}
