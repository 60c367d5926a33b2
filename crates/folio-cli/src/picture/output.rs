//! Writing a picture: a file under a temporary name that becomes the wanted one when it is whole, or standard output.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process;

use super::scene::Scene;
use super::{Output, png, svg};
use crate::failure::{Failure, InputFailure};
use crate::name::quoted;
use crate::stdout::Stdout;

impl Output {
    /// Whether it is standard output, which then is for nothing else.
    pub(crate) fn is_stdout(&self) -> bool {
        self.path() == Path::new("-")
    }

    fn path(&self) -> &Path {
        match self {
            Self::Svg(path) | Self::Png(path) => path,
        }
    }

    /// Draw `scene` and write it.
    pub(super) fn write(&self, scene: &Scene) -> Result<(), Failure> {
        if self.is_stdout() {
            return self.print(scene);
        }
        let told = |error| InputFailure::os(quoted(self.path()), "write the picture", &error);
        let bytes = self.bytes(scene).map_err(told)?;
        replace(self.path(), &bytes).map_err(told)
    }

    fn bytes(&self, scene: &Scene) -> io::Result<Vec<u8>> {
        match self {
            Self::Svg(_) => Ok(svg::svg(scene).into_bytes()),
            Self::Png(_) => png::png(scene),
        }
    }

    fn print(&self, scene: &Scene) -> Result<(), Failure> {
        if matches!(self, Self::Png(_)) && io::stdout().is_terminal() {
            let why = "a PNG is not for a terminal; name a file, or redirect it";
            return Err(InputFailure::refused("standard output", why));
        }
        let bytes = self.bytes(scene).map_err(Failure::Output)?;
        Stdout::new().and_then(|mut out| out.write_all(&bytes)).map_err(Failure::Output)
    }
}

/// Make `bytes` the content of the file at `path`, all of it or, if that fails, nothing.
///
/// What is there and is no regular file, such as a FIFO or `/dev/null`, is written to: it must not become a file.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let found = match fs::metadata(path) {
        Ok(found) => Some(found),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    if found.as_ref().is_some_and(|found| !found.is_file()) {
        return OpenOptions::new().write(true).open(path)?.write_all(bytes);
    }
    // A symbolic link stays one.
    let target = if found.is_some() { fs::canonicalize(path)? } else { path.to_owned() };
    let (temporary, mut file) = beside(&target)?;
    let written = file.write_all(bytes).and_then(|()| match found {
        Some(found) => file.set_permissions(found.permissions()),
        None => Ok(()),
    });
    let done = written.and_then(|()| fs::rename(&temporary, &target));
    if done.is_err() {
        // It failed already, and is told; that this fails too changes nothing.
        let _ = fs::remove_file(&temporary);
    }
    done
}

/// A new file in the directory of `target`, so that it can be renamed to it.
fn beside(target: &Path) -> io::Result<(PathBuf, File)> {
    let id = process::id();
    for attempt in 0..100 {
        let path = target.with_file_name(format!(".folio-{id}-{attempt}.tmp"));
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(file) => return Ok((path, file)),
            // Left over from a process that had this number.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::from(io::ErrorKind::AlreadyExists))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    fn names(dir: &Path) -> Vec<String> {
        let names = fs::read_dir(dir).unwrap();
        let mut names: Vec<_> =
            names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_replaced_whole_and_keeps_its_mode_and_links_to_it() {
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("a.svg"), dir.path().join("link"));
        replace(&file, b"first").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        symlink("a.svg", &link).unwrap();
        replace(&link, b"2").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"2");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(names(dir.path()), ["a.svg", "link"]);
    }

    #[test]
    fn a_failure_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        // A directory cannot be written to, and nothing can be renamed over it.
        let error = replace(dir.path(), b"x").unwrap_err();
        assert_eq!(error.raw_os_error(), Some(rustix::io::Errno::ISDIR.raw_os_error()));
        assert!(replace(&dir.path().join("none/a.svg"), b"x").is_err());
        // The new name is longer than a file system takes, the temporary one is not.
        assert!(replace(&dir.path().join("x".repeat(300)), b"x").is_err());
        assert!(names(dir.path()).is_empty());
    }

    #[test]
    fn what_is_no_regular_file_is_written_to() {
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join("null");
        symlink("/dev/null", &link).unwrap();
        replace(&link, b"x").unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
        assert_eq!(names(dir.path()), ["null"]);
    }
}
