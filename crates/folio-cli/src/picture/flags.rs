//! How a picture is asked for, by every command that has one.

use std::path::PathBuf;

use clap::Args;

use super::Output;

/// Pictures, beside what is printed.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Pictures")]
pub(crate) struct PictureFlags {
    /// Draw a picture to FILE as SVG: for a browser; - is standard output, where nothing else is printed then
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,

    /// Draw a picture to FILE as PNG, likewise
    #[arg(long, value_name = "FILE")]
    png: Option<PathBuf>,
}

impl PictureFlags {
    /// Where to draw; nowhere if none is asked for. Standard output comes last, so that files are there when it is closed early.
    pub(crate) fn outputs(&self) -> Vec<Output> {
        let svg = self.svg.clone().map(Output::Svg);
        let mut outputs: Vec<_> =
            svg.into_iter().chain(self.png.clone().map(Output::Png)).collect();
        outputs.sort_by_key(Output::is_stdout);
        outputs
    }

    /// Whether a picture takes standard output.
    pub(crate) fn take_stdout(&self) -> bool {
        self.outputs().iter().any(Output::is_stdout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minus_is_standard_output() {
        let file = PictureFlags { svg: Some("a.svg".into()), png: None };
        assert_eq!(file.outputs(), [Output::Svg("a.svg".into())]);
        assert!(!file.take_stdout());
        let minus = PictureFlags { png: Some("-".into()), ..file };
        assert_eq!(minus.outputs(), [Output::Svg("a.svg".into()), Output::Png("-".into())]);
        let swapped = PictureFlags { svg: Some("-".into()), png: Some("a.png".into()) };
        assert_eq!(swapped.outputs(), [Output::Png("a.png".into()), Output::Svg("-".into())]);
        assert!(minus.take_stdout());
    }
}
