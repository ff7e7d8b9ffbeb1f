//! What helps where the audit log cannot be read whole, so that nothing is decided.

use super::exit::Failure;
use otto_catalog::session::Unclear;

/// A refusal with the next step.
pub(super) fn hinted(failure: Failure, why: &Unclear) -> Failure {
    match why {
        Unclear::Lines(_) => failure.hint_command(
            "nothing was deleted or marked; this takes over all that can be read, and says what is lost",
            "check --fix",
        ),
        Unclear::Log(_) => failure.hint(
            "nothing was deleted or marked; let yourself read it, or move it away if nobody can: the pins that this catalog \
             has hold all the same, others are lost with it",
        ),
    }
}
