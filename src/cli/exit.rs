//! Exit codes, and the one place where errors become text.

use std::fmt::Display;
use std::process::ExitCode;

/// Done.
pub const DONE: u8 = 0;
/// The data or a check says no: a broken file, a failed check.
pub const SAYS_NO: u8 = 1;
/// The call is wrong: an unknown flag, a name that means nothing, a file that is not there.
pub const WRONG_CALL: u8 = 2;

/// Why a command stops.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) code: u8,
    pub(super) message: String,
}

pub(super) type Outcome = Result<ExitCode, Failure>;

/// The data say no.
pub(super) fn says_no(message: impl Display) -> Failure {
    Failure {
        code: SAYS_NO,
        message: message.to_string(),
    }
}

/// The call is wrong.
pub(super) fn wrong_call(message: impl Display) -> Failure {
    Failure {
        code: WRONG_CALL,
        message: message.to_string(),
    }
}
