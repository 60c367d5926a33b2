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
    /// Where to draw; nowhere if none is asked for.
    pub(crate) fn outputs(&self) -> Vec<Output> {
        let svg = self.svg.clone().map(Output::Svg);
        svg.into_iter().chain(self.png.clone().map(Output::Png)).collect()
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
        assert_eq!(minus.outputs().len(), 2);
        assert!(minus.take_stdout());
    }
}
