//! Rights of files, where tests run as root as well: root reads and writes everything, so nothing would be closed to it.

use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// Does something as a user who may not read and write everything. Where tests run as root, this thread gives that right
/// up meanwhile: what is closed to its owner is closed.
pub(crate) fn as_a_user<T>(act: impl FnOnce() -> T) -> T {
    without(CapabilitySet::DAC_OVERRIDE | CapabilitySet::DAC_READ_SEARCH, act)
}

/// The same as a user who can give files to no group but his own.
pub(crate) fn without_other_groups<T>(act: impl FnOnce() -> T) -> T {
    without(CapabilitySet::CHOWN, act)
}

fn without<T>(given_up: CapabilitySet, act: impl FnOnce() -> T) -> T {
    struct GivenBack(CapabilitySets);
    impl Drop for GivenBack {
        fn drop(&mut self) {
            set_capabilities(None, self.0).unwrap();
        }
    }
    let before = capabilities(None).unwrap();
    let effective = before.effective - given_up;
    set_capabilities(None, CapabilitySets { effective, ..before }).unwrap();
    let _given_back = GivenBack(before);
    act()
}

/// Sets the rights of a file or directory.
pub(crate) fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}
