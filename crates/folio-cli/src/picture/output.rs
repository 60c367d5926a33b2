//! Writing a picture: a file that is there when it is whole, or standard output.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;

use super::scene::Scene;
use super::{Output, png, svg};
use crate::draft::{Draft, Readers};
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
        let write = || {
            let mut draft = Draft::new(self.path(), Readers::Usual)?;
            draft.write_all(&bytes)?;
            draft.place()
        };
        write().map_err(told)
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
