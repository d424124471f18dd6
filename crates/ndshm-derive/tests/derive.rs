//! What derived elements look like from outside, through the public interface alone.
#![deny(unsafe_code, missing_docs)]

use ndshm::{Bool, Dtype, Element, Field, Scalar};

/// A struct that is a field of another.
#[derive(Clone, Copy, Debug, PartialEq, Element)]
#[repr(C)]
pub struct Point {
    x: f32,
    y: f32,
}

#[derive(Clone, Copy, Element)]
#[repr(C)]
struct Record {
    r#type: u16,
    valid: Bool,
    #[element(padding)]
    _pad: [u8; 5],
    corners: [[Point; 2]; 3],
    #[element(rename = "grid id")]
    grid: u64,
}

#[derive(Clone, Copy, Element)]
#[repr(transparent)]
struct Metres {
    metres: f64,
}

#[derive(Clone, Copy, Element)]
#[repr(C)]
struct Nothing {
    items: [u32; 0],
}

#[test]
fn fields_keep_their_order_and_offsets() {
    let dtype = Record::dtype();
    assert_eq!(
        dtype.to_string(),
        "[('type', '<u2'), ('valid', '|b1'), ('', '|V5'), \
         ('corners', [('x', '<f4'), ('y', '<f4')], (3, 2)), ('grid id', '<u8')]",
    );
    assert_eq!(dtype.to_string().parse::<Dtype>().unwrap(), dtype);
    assert_eq!(dtype.item_size(), size_of::<Record>());
    assert_eq!(dtype.alignment(), align_of::<Record>());
    assert_eq!(dtype.offset_of("corners"), Some(std::mem::offset_of!(Record, corners)));
    assert_eq!(dtype.offset_of("grid id"), Some(std::mem::offset_of!(Record, grid)));
}

#[test]
fn a_transparent_struct_is_its_field() {
    assert_eq!(Metres::dtype(), Dtype::Scalar(Scalar::F64));
    let metres: Metres = zeroed();
    assert_eq!(metres.metres.to_bits(), 0);
}

#[test]
fn a_struct_of_no_bytes_compiles_and_is_told_by_its_size() {
    let items = Dtype::Array(Box::new(Dtype::Scalar(Scalar::U32)), 0);
    assert_eq!(Nothing::dtype(), Dtype::Struct(vec![Field::new("items", items)]));
    assert_eq!(Nothing::dtype().item_size(), 0);
}

fn zeroed<T: Element>() -> T {
    ndshm::__private::bytemuck::Zeroable::zeroed()
}

/// Fields where NumPy puts them by default: one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Element)]
#[repr(C, packed)]
struct Packed {
    side: u8,
    price: f64,
    at: Point,
}

#[derive(Clone, Copy, Element)]
#[repr(C, packed(2))]
struct HalfPacked {
    side: u16,
    price: f64,
}

#[test]
fn packed_fields_follow_each_other() {
    let dtype = Packed::dtype();
    assert_eq!(
        dtype.to_string(),
        "[('side', '|u1'), ('price', '<f8'), ('at', [('x', '<f4'), ('y', '<f4')])]",
    );
    assert_eq!((dtype.item_size(), size_of::<Packed>(), align_of::<Packed>()), (17, 17, 1));
    assert_eq!(dtype.offset_of("price"), Some(std::mem::offset_of!(Packed, price)));
    assert_eq!(HalfPacked::dtype().to_string(), "[('side', '<u2'), ('price', '<f8')]");
    let half: HalfPacked = zeroed();
    assert_eq!(({ half.side }, { half.price }.to_bits()), (0, 0));
}

#[test]
fn arrays_of_packed_structs_are_written_and_read() {
    let quote = |n: u8| Packed { side: n, price: f64::from(n) / 4.0, at: Point { x: 1.0, y: 2.0 } };
    let array = ndshm::Array1::<Packed>::create_unique("derive-packed-", 3).unwrap();
    array.write().unwrap()[1] = quote(7);
    assert_eq!(array.read().unwrap()[1], quote(7));
    assert_eq!(array.snapshot().unwrap()[1], quote(7));
    let value = ndshm::Value::create_unique("derive-packed-", quote(1)).unwrap();
    value.set(quote(2)).unwrap();
    assert_eq!(value.get().unwrap(), quote(2));
}
