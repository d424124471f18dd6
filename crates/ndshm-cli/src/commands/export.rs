//! `ndshm export`.

use std::io::{Seek, Write};
use std::path::Path;

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use ndshm::{Dtype, Look, Order, Scalar};
use serde_json::json;

use crate::args::{Export, Format};
use crate::data::{self, Numbers};
use crate::failure::{Failure, Outcome, Result, about};
use crate::file::Making;
use crate::home::Home;
use crate::output::Output;
use crate::progress::{Progress, STEP, WORTH_A_BAR as WORTH_A_COPY};
use crate::source::Source;

pub(crate) fn run(args: &Export, home: &Home, out: &Output) -> Result<Outcome> {
    let format = match args.format {
        Some(format) => format,
        None => format_of(&args.output)?,
    };
    if Look::of(args.output.as_path()).is_ok() {
        return Err(Failure::problem(format!(
            "{}: is a segment, and whoever has it open would be left with the old one: choose another \
             file, or remove it with `ndshm rm`",
            args.output.display()
        )));
    }
    let to_output = args.output.as_os_str() == "-";
    if to_output && out.json {
        return Err(Failure::usage("-o - and --json both want standard output: leave one out"));
    }
    let source = home.find(&args.name).numbers(&args.look)?;
    // What was printed cannot be taken back if somebody writes meanwhile.
    let in_pieces = !to_output && format != Format::Png && matches!(source, Source::Segment(..));
    let source = source.copied_up_to(if in_pieces { WORTH_A_COPY } else { usize::MAX })?;
    let mut sink = Sink::new(args, out)?;
    source.read(|numbers| {
        sink.begin_anew();
        match format {
            Format::Png => match png(numbers)? {
                Ok(bytes) => sink.write(&bytes),
                Err(failure) => sink.fail(failure),
            },
            Format::Raw if numbers.order() == Order::F => match data::c_order(numbers)? {
                Ok(bytes) => sink.write(&bytes),
                Err(failure) => sink.fail(failure),
            },
            Format::Npy | Format::Raw => {
                if format == Format::Npy {
                    sink.write(&numbers.npy_header()?);
                }
                let mut progress = Progress::new(numbers.byte_len(), out);
                numbers.chunks(STEP, |chunk| {
                    sink.write(chunk);
                    progress.advance(chunk.len());
                    Ok(())
                })?;
            }
        }
        Ok(())
    })?;
    sink.finish()?;
    Ok(Outcome::Fine)
}

/// Where the bytes go. It remembers the first failure, and takes nothing after it.
struct Sink<'a> {
    out: &'a Output,
    target: &'a Path,
    /// None for standard output.
    making: Option<Making>,
    written: u64,
    failure: Option<Failure>,
}

impl<'a> Sink<'a> {
    fn new(args: &'a Export, out: &'a Output) -> Result<Self> {
        let target = args.output.as_path();
        let to_output = target.as_os_str() == "-";
        let making = if to_output { None } else { Some(Making::begin(target)?) };
        Ok(Self { out, target, making, written: 0, failure: None })
    }

    /// Forgets what was written. Only files are asked to.
    fn begin_anew(&mut self) {
        if self.written > 0
            && let Some(Making { file, .. }) = &mut self.making
        {
            let emptied = file.set_len(0).and_then(|()| file.rewind());
            if let Err(error) = emptied {
                self.fail(about(self.target.display())(error));
            }
        }
        self.written = 0;
    }

    fn write(&mut self, bytes: &[u8]) {
        if self.failure.is_some() {
            return;
        }
        let written = match &mut self.making {
            Some(Making { file, .. }) => {
                file.write_all(bytes).map_err(about(self.target.display()))
            }
            None => self.out.raw(bytes),
        };
        match written {
            Ok(()) => self.written += bytes.len() as u64,
            Err(failure) => self.fail(failure),
        }
    }

    fn fail(&mut self, failure: Failure) {
        self.failure.get_or_insert(failure);
    }

    fn finish(self) -> Result {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        let Some(making) = self.making else { return Ok(()) };
        making.finish()?;
        if self.out.json {
            return self
                .out
                .value(&json!({ "file": self.target.to_string_lossy(), "bytes": self.written }));
        }
        self.out.note(&format!("wrote {}, {}", self.target.display(), self.out.size(self.written)))
    }
}

fn format_of(path: &Path) -> Result<Format> {
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("npy") => Ok(Format::Npy),
        Some("png") => Ok(Format::Png),
        Some("raw" | "bin") => Ok(Format::Raw),
        _ => Err(Failure::usage(format!(
            "{}: does not end with .npy, .png or .raw: say which is meant with --format",
            path.display()
        ))),
    }
}

/// The picture as a `.png` file, if it is one.
fn png(numbers: &Numbers<'_>) -> ndshm::Result<Result<Vec<u8>>> {
    use ExtendedColorType::{L8, L16, La8, La16, Rgb8, Rgb16, Rgba8, Rgba16};
    let (dtype, shape) = (numbers.dtype(), numbers.shape());
    let color = match (dtype, shape) {
        (Dtype::Scalar(Scalar::U8), [_, _] | [_, _, 1]) => Some(L8),
        (Dtype::Scalar(Scalar::U8), [_, _, 2]) => Some(La8),
        (Dtype::Scalar(Scalar::U8), [_, _, 3]) => Some(Rgb8),
        (Dtype::Scalar(Scalar::U8), [_, _, 4]) => Some(Rgba8),
        (Dtype::Scalar(Scalar::U16), [_, _] | [_, _, 1]) => Some(L16),
        (Dtype::Scalar(Scalar::U16), [_, _, 2]) => Some(La16),
        (Dtype::Scalar(Scalar::U16), [_, _, 3]) => Some(Rgb16),
        (Dtype::Scalar(Scalar::U16), [_, _, 4]) => Some(Rgba16),
        _ => None,
    };
    let sides = shape.iter().take(2).map(|&len| u32::try_from(len).ok());
    let sides: Option<Vec<u32>> = sides.collect();
    let (Some(color), Some(&[height, width])) = (color, sides.as_deref()) else {
        return Ok(Err(Failure::problem(format!(
            "{dtype} of shape {shape:?} is no picture: a .png takes |u1 or <u2 of shape (h, w) or (h, \
             w, 1..4)"
        ))));
    };
    let (pixels, mut bytes) = match data::c_order(numbers)? {
        Ok(pixels) => (pixels, Vec::new()),
        Err(failure) => return Ok(Err(failure)),
    };
    let encoded = PngEncoder::new(&mut bytes).write_image(&pixels, width, height, color);
    let wrong = |error| Failure::problem(format!("could not write a .png: {error}"));
    Ok(encoded.map(|()| bytes).map_err(wrong))
}
