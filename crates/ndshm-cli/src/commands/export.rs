//! `ndshm export`.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use ndshm::{AnySnapshot, Dtype, Scalar, Status};
use serde_json::json;

use crate::args::{Export, Format};
use crate::data;
use crate::failure::{Failure, Outcome, Result, about};
use crate::home::Home;
use crate::output::Output;
use crate::progress::{Progress, STEP};

pub(crate) fn run(args: &Export, home: &Home, out: &Output) -> Result<Outcome> {
    let format = match args.format {
        Some(format) => format,
        None => format_of(&args.output)?,
    };
    if Status::of(args.output.as_path()).is_ok() {
        return Err(Failure::problem(format!(
            "{}: is a segment, and whoever has it open would be left with the old one: choose another \
             file, or remove it with `ndshm rm`",
            args.output.display()
        )));
    }
    let copy = home.find(&args.name).copy(&args.look)?;
    let (head, body) = match format {
        Format::Npy => (copy.npy_header()?, copy.bytes().into()),
        Format::Raw => (Vec::new(), data::c_order(&copy)),
        Format::Png => (png(&copy)?, (&[][..]).into()),
    };
    let parts = [&head[..], &body[..]];
    if args.output.as_os_str() == "-" {
        parts.iter().try_for_each(|part| out.raw(part))?;
        return Ok(Outcome::Fine);
    }
    let name = args.output.display().to_string();
    let partial = Partial::beside(&args.output)?;
    let mut file = File::create(&partial.0).map_err(about(&name))?;
    let mut progress = Progress::new(parts.iter().map(|part| part.len()).sum(), out);
    for chunk in parts.iter().flat_map(|part| part.chunks(STEP)) {
        file.write_all(chunk).map_err(about(&name))?;
        progress.advance(chunk.len());
    }
    drop(progress);
    fs::rename(&partial.0, &args.output).map_err(about(&name))?;
    let written = parts.iter().map(|part| part.len() as u64).sum();
    if out.json {
        out.value(&json!({ "file": args.output, "bytes": written }))?;
    }
    out.note(&format!("wrote {name}, {}", out.size(written)))?;
    Ok(Outcome::Fine)
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

/// A file in the making, so that nobody ever sees half of it; removed if it was not finished.
struct Partial(PathBuf);

impl Partial {
    fn beside(path: &Path) -> Result<Self> {
        let wrong = || Failure::usage(format!("{}: is no file's name", path.display()));
        let mut name: OsString = path.file_name().ok_or_else(wrong)?.to_owned();
        name.push(format!(".part-{}", std::process::id()));
        Ok(Self(path.with_file_name(name)))
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // After the renaming there is none.
        let _ = fs::remove_file(&self.0);
    }
}

fn png(copy: &AnySnapshot) -> Result<Vec<u8>> {
    use ExtendedColorType::{L8, L16, La8, La16, Rgb8, Rgb16, Rgba8, Rgba16};
    let color = match (copy.dtype(), copy.shape()) {
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
    let wrong = || {
        Failure::problem(format!(
            "{} of shape {:?} is no picture: a .png takes |u1 or <u2 of shape (h, w) or (h, w, 1..4)",
            copy.dtype(),
            copy.shape()
        ))
    };
    let color = color.ok_or_else(wrong)?;
    let side = |axis: usize| u32::try_from(copy.shape()[axis]).map_err(|_| wrong());
    let (height, width) = (side(0)?, side(1)?);
    let mut bytes = Vec::new();
    PngEncoder::new(&mut bytes)
        .write_image(&data::c_order(copy), width, height, color)
        .map_err(|error| Failure::problem(format!("could not write a .png: {error}")))?;
    Ok(bytes)
}
