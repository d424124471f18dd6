//! Any bytes as an NPY header: what parses must say the same when written and read again.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ndshm::__fuzz::header(bytes));
