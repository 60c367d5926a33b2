//! Mapping code from here.

use folio::raw::{MapFlags, Mapping, Protection, Sharing};
use rustix::io::Errno;

use super::errno;
use super::parts::map_readable;
use crate::doctor::experiment::{Experiment, Finding, Unable};
use crate::doctor::place::Place;

pub(super) const NOEXEC: Experiment = Experiment {
    name: "noexec",
    about: "map a file as code, and make a mapping code afterwards",
    source: "mmap(2), EPERM; mm/mmap.c, path_noexec",
    run: noexec,
};

fn noexec(place: &Place) -> Result<Vec<Finding>, Unable> {
    let (file, plain) = map_readable(place, 1, Protection::READ, Sharing::Private)?;
    let map = |access| Mapping::file(&file, 0, 1, access, Sharing::Private, MapFlags::empty());
    let mapped = map(Protection::READ | Protection::EXEC).map(drop);
    let changed = plain.protect(0..plain.len(), Protection::READ | Protection::EXEC);
    let mounted = place.file_system().has_option("noexec");
    Ok(vec![
        judged(mounted, &mapped).part("mmap"),
        judged_change(&mapped, &changed).part("mprotect"),
    ])
}

type Answer = std::io::Result<()>;

fn judged(mounted_noexec: bool, mapped: &Answer) -> Finding {
    const PROMISED: &str = "a file can be mapped as code unless the mount is noexec: EPERM";
    match (mapped, mounted_noexec) {
        (Ok(()), false) => Finding::ok(PROMISED, "mapped"),
        (Err(error), true) if errno::is(error, Errno::PERM) => Finding::not_here(
            PROMISED,
            "EPERM: it is mounted noexec",
            "libraries and plugins cannot be loaded from here",
        ),
        (Ok(()), true) => Finding::differs(
            PROMISED,
            "mapped, and the mount is noexec",
            "noexec keeps no code out",
        ),
        (Err(error), _) => Finding::not_here(
            PROMISED,
            format!("mmap gives {}", errno::name(error)),
            "libraries and plugins cannot be loaded from here",
        ),
    }
}

/// Making a mapping code afterwards is no way around it.
fn judged_change(mapped: &Answer, changed: &Answer) -> Finding {
    const PROMISED: &str = "mprotect allows code where mmap does, and nowhere else";
    match (mapped, changed) {
        (Ok(()), Ok(())) => Finding::ok(PROMISED, "allowed, as by mmap"),
        (Err(_), Err(error)) => {
            Finding::ok(PROMISED, format!("{}, as by mmap", errno::name(error)))
        }
        (Err(_), Ok(())) => {
            Finding::differs(PROMISED, "allowed, unlike by mmap", "noexec keeps no code out")
        }
        (Ok(()), Err(error)) => Finding::not_here(
            PROMISED,
            format!("{}, unlike by mmap", errno::name(error)),
            "a security module is stricter: map code as code at once",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::experiment::Verdict;

    #[test]
    fn a_mount_without_code_is_not_here() {
        let refused = || Err(Errno::PERM.into());
        assert_eq!(judged(false, &Ok(())).verdict, Verdict::Ok);
        assert_eq!(judged(true, &refused()).verdict, Verdict::NotHere);
        assert_eq!(judged(true, &Ok(())).verdict, Verdict::Differs);
        assert_eq!(judged_change(&refused(), &Ok(())).verdict, Verdict::Differs);
        assert_eq!(judged_change(&refused(), &refused()).verdict, Verdict::Ok);
    }
}
