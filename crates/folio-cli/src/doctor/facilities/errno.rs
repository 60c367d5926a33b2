//! The kernel's answers by the names that manual pages use.

use std::io;

use rustix::io::Errno;

/// The name of the answer, `EOPNOTSUPP`; its words where it is one that nobody expects.
pub(super) fn name(error: &io::Error) -> String {
    let Some(errno) = Errno::from_io_error(error) else { return error.to_string() };
    let known = NAMES.iter().find(|(known, _)| *known == errno);
    known.map_or_else(|| error.to_string(), |(_, name)| (*name).to_owned())
}

/// The same, of an error of the library.
pub(super) fn of_folio(error: &folio::Error) -> String {
    let os = error.raw_os_error().map(io::Error::from_raw_os_error);
    os.map_or_else(|| error.reason().to_string(), |os| name(&os))
}

/// Whether the answer is `errno`.
pub(super) fn is(error: &io::Error, errno: Errno) -> bool {
    Errno::from_io_error(error) == Some(errno)
}

/// Whether it says that there is no such operation: in this kernel, or for this file.
pub(super) fn not_offered(error: &io::Error) -> bool {
    let unknown = [Errno::NOSYS, Errno::OPNOTSUPP, Errno::NOTTY, Errno::INVAL, Errno::NODEV];
    Errno::from_io_error(error).is_some_and(|errno| unknown.contains(&errno))
}

const NAMES: [(Errno, &str); 29] = [
    (Errno::PERM, "EPERM"),
    (Errno::NOENT, "ENOENT"),
    (Errno::INTR, "EINTR"),
    (Errno::IO, "EIO"),
    (Errno::NXIO, "ENXIO"),
    (Errno::BADF, "EBADF"),
    (Errno::AGAIN, "EAGAIN"),
    (Errno::NOMEM, "ENOMEM"),
    (Errno::ACCESS, "EACCES"),
    (Errno::FAULT, "EFAULT"),
    (Errno::BUSY, "EBUSY"),
    (Errno::EXIST, "EEXIST"),
    (Errno::XDEV, "EXDEV"),
    (Errno::NODEV, "ENODEV"),
    (Errno::ISDIR, "EISDIR"),
    (Errno::INVAL, "EINVAL"),
    (Errno::NFILE, "ENFILE"),
    (Errno::MFILE, "EMFILE"),
    (Errno::NOTTY, "ENOTTY"),
    (Errno::TXTBSY, "ETXTBSY"),
    (Errno::FBIG, "EFBIG"),
    (Errno::NOSPC, "ENOSPC"),
    (Errno::ROFS, "EROFS"),
    (Errno::NOLCK, "ENOLCK"),
    (Errno::NOSYS, "ENOSYS"),
    (Errno::USERS, "EUSERS"),
    (Errno::OPNOTSUPP, "EOPNOTSUPP"),
    (Errno::DQUOT, "EDQUOT"),
    (Errno::OVERFLOW, "EOVERFLOW"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answers_have_names() {
        assert_eq!(name(&Errno::OPNOTSUPP.into()), "EOPNOTSUPP");
        assert_eq!(name(&Errno::AGAIN.into()), "EAGAIN");
        assert_eq!(name(&io::Error::other("something else")), "something else");
    }

    #[test]
    fn no_answer_is_there_twice() {
        for (index, (errno, name)) in NAMES.iter().enumerate() {
            let rest = &NAMES[index + 1..];
            assert!(rest.iter().all(|(other, word)| other != errno && word != name), "{name}");
        }
    }

    #[test]
    fn what_is_not_offered_is_no_refusal() {
        assert!(not_offered(&Errno::NOSYS.into()) && not_offered(&Errno::NOTTY.into()));
        assert!(!not_offered(&Errno::NOSPC.into()) && !not_offered(&Errno::PERM.into()));
    }
}
