//! Dtypes with their Rust names.

use std::fmt;

use super::dtype::Dtype;
use super::scalar::Scalar;

/// Shows a dtype, with its Rust name if it is one number: `<f8 (f64)`.
pub(crate) struct Named<'a>(pub(crate) &'a Dtype);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        match self.0 {
            Dtype::Scalar(scalar) => {
                rust_name(*scalar).map_or(Ok(()), |name| write!(f, " ({name})"))
            }
            _ => Ok(()),
        }
    }
}

fn rust_name(scalar: Scalar) -> Option<&'static str> {
    Some(match scalar {
        Scalar::Bool => "Bool",
        Scalar::I8 => "i8",
        Scalar::I16 => "i16",
        Scalar::I32 => "i32",
        Scalar::I64 => "i64",
        Scalar::U8 => "u8",
        Scalar::U16 => "u16",
        Scalar::U32 => "u32",
        Scalar::U64 => "u64",
        Scalar::F16 => "f16",
        Scalar::Bf16 => "bf16",
        Scalar::F32 => "f32",
        Scalar::F64 => "f64",
        Scalar::Complex64 => "Complex<f32>",
        Scalar::Complex128 => "Complex<f64>",
        #[allow(unreachable_patterns, reason = "what else there may be has a name of its own")]
        _ => return None,
    })
}
