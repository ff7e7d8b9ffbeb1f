//! Stamps of directories: what a refresh compares instead of listing.

/// What tells whether a directory gained or lost entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The directory's inode.
    pub inode: u64,
    /// Its mtime in nanoseconds.
    pub mtime_ns: i64,
    /// Its ctime in nanoseconds.
    pub ctime_ns: i64,
}

impl Stamp {
    /// How long a stamp must have stood before a listing can be trusted to have seen every change under it: a second
    /// change within one tick of the file system's clock leaves the same stamp. Git's index has the same rule; two
    /// seconds cover file systems that keep whole or even seconds.
    pub const RACY_NS: i64 = 2_000_000_000;

    /// Whether the stamp was old enough at that moment of the wall clock. A stamp of the future never is.
    pub const fn is_trusted(&self, wall_ns: i64) -> bool {
        let newest = if self.mtime_ns > self.ctime_ns { self.mtime_ns } else { self.ctime_ns };
        newest < wall_ns.saturating_sub(Self::RACY_NS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_trusted_once_it_is_two_seconds_old() {
        let stamp = Stamp { inode: 1, mtime_ns: 10_000_000_000, ctime_ns: 12_000_000_000 };
        assert!(!stamp.is_trusted(13_000_000_000), "the later of the two times counts");
        assert!(!stamp.is_trusted(14_000_000_000));
        assert!(stamp.is_trusted(14_000_000_001));
        assert!(!stamp.is_trusted(0), "a stamp of the future is not trusted");
    }
}
