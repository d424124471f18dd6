//! What handles, guards and errors are as text.

use ndshm::{AnyArray, AnyRing, Array1, Array2, Block, Event, Log, Ring2, Value};

use crate::bad_input::refused;
use crate::support::FreeName;

#[test]
fn a_handle_shows_its_kind_name_shape_and_dtype() {
    let free = FreeName::new();
    let name = free.as_str();
    let array = Array2::<f32>::create(name, (3, 4)).unwrap();
    let says = format!("Array {name:?} of shape [3, 4] of <f4 (f32)");
    assert_eq!(array.to_string(), says);
    assert_eq!(array.segment().to_string(), says);
    assert_eq!(AnyArray::from(array).to_string(), says);
    let value = Value::create(name, 7_i64).unwrap();
    assert_eq!(value.to_string(), format!("Value {name:?} of shape [] of <i8 (i64)"));
    drop(value);
    let event = Event::create(name).unwrap();
    assert_eq!(event.to_string(), format!("Event {name:?}"));
    drop(event);
    let log = Log::<[u8; 2]>::create(name, 9).unwrap();
    assert_eq!(log.to_string(), format!("Log {name:?} of shape [9, 2] of |u1 (u8)"));
    drop(log);
    let ring = Ring2::<u16>::options().slots(4).create(name, (2, 3)).unwrap();
    let says = format!("Ring {name:?} of 4 frames of shape [2, 3] of <u2 (u16)");
    assert_eq!(ring.to_string(), says);
    assert_eq!(AnyRing::open(name).unwrap().to_string(), says);
    drop(ring);
    let block = Block::create(name, 4096).unwrap();
    assert_eq!(block.to_string(), format!("Block {name:?} of 4.1 kB (4,096 bytes)"));
}

#[test]
fn a_guard_shows_its_data_as_ndarray_does() {
    let array = Array2::<f32>::create_unique("it-shown-", (2, 2)).unwrap();
    array.write().unwrap()[[1, 0]] = 0.5;
    let expected = "[[0, 0],\n [0.5, 0]]";
    assert_eq!(array.read().unwrap().to_string(), expected);
    assert_eq!(array.read_owned().unwrap().to_string(), expected);
    assert_eq!(array.write().unwrap().to_string(), expected);
    assert_eq!(array.write_owned().unwrap().to_string(), expected);
    assert_eq!(format!("{:.2}", array.read_rows(1..).unwrap()), "[[0.50, 0.00]]");
    let log = Log::<u8>::create_unique("it-shown-", 9).unwrap();
    log.extend(&[1, 2]).unwrap();
    assert_eq!(log.rows().to_string(), "[1, 2]");
    let value = Value::create_unique("it-shown-", 7_u8).unwrap();
    assert_eq!(value.edit().unwrap().to_string(), "7");
    assert_eq!(array.freeze().unwrap().to_string(), expected);
}

#[test]
fn a_mismatch_names_kinds_with_their_articles_and_dtypes_as_rust_does() {
    use ndshm::ErrorKind::{DtypeMismatch, KindMismatch, OutOfBounds};
    let free = FreeName::new();
    let name = free.as_str();
    let array = Array1::<f64>::create(name, 50).unwrap();
    let says = "holds an Array, asked for an Event: open it as an Array";
    refused(Event::open(name), KindMismatch, says);
    refused(Log::<f64>::open(name), KindMismatch, "holds an Array, asked for a Log");
    refused(Value::<f64>::open(name), KindMismatch, "holds an Array, asked for a Value");
    refused(ndshm::Ring1::<f64>::open(name), KindMismatch, "holds an Array, asked for a Ring");
    let says = "holds <f8 (f64), 1 axis: 50, asked for <f4 (f32), 1 axis";
    refused(Array1::<f32>::open(name), DtypeMismatch, says);
    refused(array.read_rows(60..=70), OutOfBounds, "has 50 rows, asked for rows 60..=70");
    refused(array.read_rows(60..), OutOfBounds, "asked for rows 60..");
    refused(array.read_rows(..60), OutOfBounds, "asked for rows ..60");
    drop(array);
    let _event = Event::create(name).unwrap();
    refused(Array1::<f64>::open(name), KindMismatch, "holds an Event, asked for an Array");
    refused(AnyArray::open(name), KindMismatch, "holds an Event, asked for an Array");
    refused(AnyRing::open(name), KindMismatch, "holds an Event, asked for a Ring");
}
