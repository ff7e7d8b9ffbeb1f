//! What stopped imports left, and whether the next one, or a clean, can end it.

use super::{Error, Finding, Findings, Kind, Mend, Session};
use crate::archive::{self, State};

/// Looks through what imports left.
pub(super) fn check(session: &Session, findings: &mut Findings) -> Result<(), Error> {
    for leftover in archive::leftovers(session) {
        let finding = match leftover.state {
            State::Nothing => {
                let what = "an import was stopped before anything of it was in the store";
                Finding::new(Kind::StrayFile, what).mended_by(Mend::EndImports)
            }
            State::Arrived { runs, entries } => {
                let came = format!("runs: {runs}, cache entries: {entries}");
                let what = format!("an import was stopped: not all may be noted of what came by it ({came})");
                Finding::new(Kind::ImportStopped, what).mended_by(Mend::EndImports)
            }
            State::Damaged(cause) => {
                let what =
                    format!("what a stopped import told of its runs cannot be read, so no clean is made: {cause}");
                let name = leftover.path.parent().and_then(|place| place.file_name()).unwrap_or_default();
                Finding::new(Kind::ImportUnsettled, what).mended_by(Mend::SetImportAside(name.to_owned()))
            }
            State::Later(cause) => Finding::new(
                Kind::ImportUnsettled,
                format!("a stopped import is not ended, so no clean is made: {cause}; use the otto that did"),
            ),
            State::Unclear(cause) => Finding::new(
                Kind::ImportUnsettled,
                format!(
                    "a stopped import cannot be ended, so no clean is made: {cause}. Mend that; or move what it left out of the store, \
                     and lose the tags and statuses that it brought"
                ),
            ),
        };
        findings.add(finding.at(leftover.path));
    }
    Ok(())
}
