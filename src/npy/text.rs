//! Writes headers and dtypes as Python literals.

use std::fmt;

use super::dtype::Dtype;
use super::header::Order;

/// Greatest number of axes.
pub(crate) const MAX_AXES: usize = 32;

/// The dictionary as `np.save` writes it.
pub(super) struct Dictionary<'a> {
    pub(super) dtype: &'a Dtype,
    pub(super) order: Order,
    pub(super) shape: &'a [usize],
}

impl fmt::Display for Dictionary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fortran_order = match self.order {
            Order::C => "False",
            Order::F => "True",
        };
        let (descr, shape) = (Description(self.dtype), Tuple(self.shape));
        write!(f, "{{'descr': {descr}, 'fortran_order': {fortran_order}, 'shape': {shape}, }}")
    }
}

/// A dtype as Python's `repr` writes its description.
pub(super) struct Description<'a>(pub(super) &'a Dtype);

impl fmt::Display for Description<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Dtype::Array(..) => {
                let Folded { base, axes } = Folded::of(self.0);
                write!(f, "({}, {})", Description(base), Tuple(&axes))
            }
            Dtype::Struct(fields) => {
                f.write_str("[")?;
                for (index, field) in fields.iter().enumerate() {
                    let comma = if index == 0 { "" } else { ", " };
                    let Folded { base, axes } = Folded::of(field.dtype());
                    write!(f, "{comma}('{}', {}", field.name(), Description(base))?;
                    if !axes.is_empty() {
                        write!(f, ", {}", Tuple(&axes))?;
                    }
                    f.write_str(")")?;
                }
                f.write_str("]")
            }
            word => write!(f, "'{word}'"),
        }
    }
}

/// The innermost dtype of nested arrays, and their lengths, outermost first.
struct Folded<'a> {
    base: &'a Dtype,
    axes: Vec<usize>,
}

impl<'a> Folded<'a> {
    fn of(mut base: &'a Dtype) -> Self {
        let mut axes = Vec::new();
        while let Dtype::Array(item, len) = base {
            axes.push(*len);
            base = item;
        }
        Self { base, axes }
    }
}

/// Numbers as a Python tuple: `()`, `(3,)`, `(3, 4)`.
pub(super) struct Tuple<'a>(pub(super) &'a [usize]);

impl fmt::Display for Tuple<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => f.write_str("()"),
            [one] => write!(f, "({one},)"),
            [first, rest @ ..] => {
                write!(f, "({first}")?;
                rest.iter().try_for_each(|len| write!(f, ", {len}"))?;
                f.write_str(")")
            }
        }
    }
}

/// The beginning of an untrusted text, for a message.
pub(super) fn excerpt(text: &str) -> String {
    let start: String = text.chars().take(24).collect();
    match start.trim_end() {
        "" => "nothing".into(),
        start => format!("{start:?}"),
    }
}
