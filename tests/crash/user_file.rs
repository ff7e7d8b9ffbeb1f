//! A file of the user's, replaced: stopped or failing at every change, it is the old or the new one.

use crate::support::fault::{self, fail_at, stop_at, until_stopped};
use crate::support::rights::without_other_groups;
use otto_catalog::store::change::Hook;
use otto_catalog::store::user_file::UserFile;
use rustix::io::Errno;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

const OLD: &str = "# mine\nretention: {}\n";
const NEW: &str = "# mine\nretention: { default: { keep_days: 7 } }\n";

fn replace(path: &Path, hook: &Hook) -> bool {
    let written = UserFile::read(path, 1000).unwrap().replace(hook, NEW.as_bytes());
    // What is told of as an error left what was there.
    assert_eq!(written.is_ok(), fs::read_to_string(path).is_ok_and(|text| text == NEW));
    written.is_ok_and(|unsure| unsure.is_none())
}

fn names(dir: &Path) -> Vec<String> {
    fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn a_file_of_the_users_is_the_old_or_the_new_one_wherever_its_replacement_stops_or_fails() {
    for there in [true, false] {
        let (watching, seen) = fault::watch();
        let mut steps = 0;
        for n in 0.. {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("config.yml");
            let write_old = || {
                if there {
                    fs::write(&path, OLD).unwrap();
                    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
                } else if path.exists() {
                    fs::remove_file(&path).unwrap();
                }
            };
            write_old();
            if n == 0 {
                assert!(replace(&path, &watching));
                steps = seen.acts().len();
                assert!(steps >= 4, "{:?}", seen.acts());
                continue;
            }
            if n > steps {
                break;
            }
            let is_old = || match fs::read_to_string(&path) {
                Ok(text) => text == OLD,
                Err(_) => !there,
            };
            let is_new = || fs::read_to_string(&path).is_ok_and(|text| text == NEW);
            assert!(!replace(&path, &fail_at(n, Errno::NOSPC).0), "failing at {n}");
            assert!(is_old() || is_new(), "failing at {n} of {steps}");
            assert!(names(dir.path()).iter().all(|name| name == "config.yml"), "{:?}", names(dir.path()));
            write_old();
            assert!(until_stopped(|| replace(&path, &stop_at(n).0)).is_none(), "not stopped at {n}");
            assert!(is_old() || is_new(), "stopped at {n} of {steps}");
            // What lies beside it goes with the next.
            assert!(replace(&path, &Hook::default()) && is_new());
            assert_eq!(names(dir.path()), ["config.yml"], "after {n}");
        }
    }
}

#[test]
fn a_file_that_changed_since_it_was_read_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config.yml");
    for before in [Some(OLD), None] {
        before.map_or_else(|| drop(fs::remove_file(&path)), |text| fs::write(&path, text).unwrap());
        let read = UserFile::read(&path, 1000).unwrap();
        fs::write(&path, "# meanwhile\n").unwrap();
        assert!(read.replace(&Hook::default(), NEW.as_bytes()).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "# meanwhile\n");
        assert_eq!(names(dir.path()), ["config.yml"]);
    }
}

/// The names of whom rights are given to travel with no rename, and the mode says the most that any of them may do.
#[test]
fn a_file_with_an_access_control_list_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config.yml");
    fs::write(&path, OLD).unwrap();
    // Owner and user 7: read and write; group and others: nothing.
    let entries =
        [(0x01_u16, 6_u16, u32::MAX), (0x02, 6, 7), (0x04, 0, u32::MAX), (0x10, 6, u32::MAX), (0x20, 0, u32::MAX)];
    let mut list = 2_u32.to_le_bytes().to_vec();
    for (tag, rights, who) in entries {
        list.extend([tag.to_le_bytes(), rights.to_le_bytes()].concat());
        list.extend(who.to_le_bytes());
    }
    match rustix::fs::setxattr(&path, "system.posix_acl_access", &list, rustix::fs::XattrFlags::empty()) {
        Err(Errno::NOTSUP) => return,
        set => set.unwrap(),
    }
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o660, "what the group would get");
    let refused = UserFile::read(&path, 1000).unwrap_err().to_string();
    assert!(refused.contains("an access control list"), "{refused}");
    // Also when it gets one meanwhile.
    rustix::fs::removexattr(&path, "system.posix_acl_access").unwrap();
    let read = UserFile::read(&path, 1000).unwrap();
    rustix::fs::setxattr(&path, "system.posix_acl_access", &list, rustix::fs::XattrFlags::empty()).unwrap();
    assert!(read.replace(&Hook::default(), NEW.as_bytes()).is_err());
    assert_eq!(fs::read_to_string(&path).unwrap(), OLD);
    assert_eq!(names(dir.path()), ["config.yml"]);
}

#[test]
fn a_file_of_another_group_stays_in_it_or_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config.yml");
    fs::write(&path, OLD).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let group = 54_321;
    // Only root can give a file to any group.
    if std::os::unix::fs::chown(&path, None, Some(group)).is_err() {
        return;
    }
    let of = || fs::metadata(&path).map(|meta| (meta.gid(), meta.mode() & 0o777)).unwrap();
    let refused =
        without_other_groups(|| UserFile::read(&path, 1000).unwrap().replace(&Hook::default(), NEW.as_bytes()));
    assert!(refused.unwrap_err().to_string().contains("a group that you cannot give"));
    assert_eq!((fs::read_to_string(&path).unwrap().as_str(), of()), (OLD, (group, 0o640)));
    assert!(replace(&path, &Hook::default()));
    assert_eq!(of(), (group, 0o640));
    assert_eq!(names(dir.path()), ["config.yml"]);
    // Of one that is given to another group meanwhile it is not known who may read it.
    let read = UserFile::read(&path, 1000).unwrap();
    std::os::unix::fs::chown(&path, None, Some(group + 1)).unwrap();
    assert!(read.replace(&Hook::default(), OLD.as_bytes()).is_err());
    assert_eq!(of(), (group + 1, 0o640));
}
