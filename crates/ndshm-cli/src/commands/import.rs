//! `ndshm import`.

use std::io::BufReader;

use image::{ColorType, ImageFormat, ImageReader};
use ndshm::{AnyArray, Dtype, ErrorKind, NpyFile, Options, Scalar};

use super::create;
use crate::args::Import;
use crate::failure::{Failure, Outcome, Result};
use crate::file;
use crate::home::{Home, Target};
use crate::output::Output;
use crate::progress::{Progress, STEP};

pub(crate) fn run(args: &Import, home: &Home, out: &Output) -> Result<Outcome> {
    let target = home.find(&args.name);
    let options = args.mode.options();
    let is_picture = args.file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("png"));
    let array = if is_picture {
        picture(args, &target, &options)?
    } else {
        npy(args, &target, options, out)?
    };
    create::report(&array, out)?;
    Ok(Outcome::Fine)
}

fn npy(
    args: &Import,
    target: &Target,
    options: Options<AnyArray>,
    out: &Output,
) -> Result<AnyArray> {
    let file = NpyFile::open(&args.file)?;
    let options = options.order(file.order());
    let mut progress = Progress::new(file.data_len(), out);
    make(args, target, &options, file.dtype(), file.shape(), |bytes| {
        for (step, chunk) in bytes.chunks_mut(STEP).enumerate() {
            file.read_at(chunk, step * STEP)?;
            progress.advance(chunk.len());
        }
        Ok(())
    })
}

/// Creates the array. It takes the place of another only if that is wanted.
fn make(
    args: &Import,
    target: &Target,
    options: &Options<AnyArray>,
    dtype: &Dtype,
    shape: &[usize],
    fill: impl FnOnce(&mut [u8]) -> ndshm::Result<()>,
) -> Result<AnyArray> {
    let made = if args.replace {
        options.create_or_replace_with(target.address(), dtype, shape, fill)
    } else {
        options.create_with(target.address(), dtype, shape, fill)
    };
    made.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => create::refused(target, error).or("replace it with --replace"),
        ErrorKind::NotTrusted => Failure::permission(format!(
            "{:?} may be written by others than you, who could break it while it is replaced: take that right \
             away (chmod go-w {}), or remove it first with `ndshm rm`",
            error.segment().unwrap_or_default(),
            target.path().display()
        )),
        // The fault is in the file, of which no segment can be made, and not in what was typed.
        ErrorKind::InvalidArgument => Failure::problem(error.to_string()),
        _ => error.into(),
    })
}

fn picture(args: &Import, target: &Target, options: &Options<AnyArray>) -> Result<AnyArray> {
    let name = args.file.display();
    let file = BufReader::new(file::open(&args.file)?);
    let reader = ImageReader::with_format(file, ImageFormat::Png);
    let picture = reader.decode().map_err(|error| Failure::problem(format!("{name}: {error}")))?;
    let (item, channels) = match picture.color() {
        ColorType::L8 => (Scalar::U8, 1),
        ColorType::La8 => (Scalar::U8, 2),
        ColorType::Rgb8 => (Scalar::U8, 3),
        ColorType::Rgba8 => (Scalar::U8, 4),
        ColorType::L16 => (Scalar::U16, 1),
        ColorType::La16 => (Scalar::U16, 2),
        ColorType::Rgb16 => (Scalar::U16, 3),
        ColorType::Rgba16 => (Scalar::U16, 4),
        other => {
            return Err(Failure::problem(format!(
                "{name}: has {other:?} pixels, which no .png has"
            )));
        }
    };
    let mut shape = vec![picture.height() as usize, picture.width() as usize];
    if channels > 1 {
        shape.push(channels);
    }
    let pixels = picture.as_bytes();
    make(args, target, options, &Dtype::Scalar(item), &shape, |bytes| {
        bytes.copy_from_slice(pixels);
        Ok(())
    })
}
