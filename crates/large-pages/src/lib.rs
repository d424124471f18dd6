//! Stands between a program and the C library (`LD_PRELOAD`), and acts as if the system's pages were as
//! long as `NDSHM_PAGE_SIZE` says: they are called so, mappings begin at multiples of it, and what is not a
//! multiple of it is refused where the kernel refuses what is not a multiple of a page.
//!
//! Pages of the page cache, and so what a file's last page holds, stay as they are.
//!
//! # Safety
//!
//! The functions have the types of those that they stand for, and hand on what they were given. Address
//! space is only given back that was reserved here, for nobody else, a moment before.
#![allow(unsafe_code, reason = "this is what the C library is, seen from Rust")]
#![allow(missing_docs, clippy::not_unsafe_ptr_arg_deref, reason = "the manual pages have that")]

use std::ptr;

use libc::{c_int, c_long, c_void, off_t, size_t};

/// Length of an ordinary page here.
const SHORTEST: usize = 4096;

/// The length that pages are said to have.
fn page() -> usize {
    // SAFETY: the name is a C string; nobody changes the environment of a test.
    let text = unsafe { libc::getenv(c"NDSHM_PAGE_SIZE".as_ptr()) };
    if text.is_null() {
        return SHORTEST;
    }
    // SAFETY: it is a C string.
    let size = unsafe { libc::atol(text) };
    usize::try_from(size).unwrap_or(0).next_power_of_two().max(SHORTEST)
}

fn is_whole(number: usize) -> bool {
    number.is_multiple_of(page())
}

/// Where this thread's error number is, as long as the thread runs.
fn error_number() -> *mut c_int {
    // SAFETY: it takes nothing and always answers.
    unsafe { libc::__errno_location() }
}

fn refuse() -> c_int {
    // SAFETY: this thread runs, and the number is its own.
    unsafe { *error_number() = libc::EINVAL };
    -1
}

/// The call behind `mmap`; of 32-bit systems it takes the offset in units of 4096.
fn call_mmap(
    at: *mut c_void,
    len: size_t,
    bits: c_int,
    flags: c_int,
    file: c_int,
    offset: i64,
) -> *mut c_void {
    #[cfg(target_pointer_width = "64")]
    // SAFETY: what the caller of `mmap` asked for, or space that nobody has.
    let mapped = unsafe { libc::syscall(libc::SYS_mmap, at, len, bits, flags, file, offset) };
    #[cfg(target_pointer_width = "32")]
    // SAFETY: the same.
    let mapped = unsafe {
        libc::syscall(libc::SYS_mmap2, at, len, bits, flags, file, (offset / 4096) as c_long)
    };
    let mapped = isize::try_from(mapped).expect("on Linux a long is as wide as an address");
    ptr::with_exposed_provenance_mut(mapped.cast_unsigned())
}

fn call(number: c_long, at: *mut c_void, len: size_t, third: c_int) -> c_int {
    // SAFETY: what the caller of the function asked for.
    let result = unsafe { libc::syscall(number, at, len, third) };
    c_int::try_from(result).unwrap_or(-1)
}

fn map(
    at: *mut c_void,
    len: size_t,
    bits: c_int,
    flags: c_int,
    file: c_int,
    offset: i64,
) -> *mut c_void {
    let whole = is_whole(at.addr()) && usize::try_from(offset).is_ok_and(is_whole);
    if flags & libc::MAP_FIXED != 0 || !whole {
        if !whole {
            refuse();
            return libc::MAP_FAILED;
        }
        return call_mmap(at, len, bits, flags, file, offset);
    }
    let Some(room) = len.checked_next_multiple_of(page()).and_then(|len| len.checked_add(page()))
    else {
        refuse();
        return libc::MAP_FAILED;
    };
    let reserved = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    let start = call_mmap(ptr::null_mut(), room, libc::PROT_NONE, reserved, -1, 0);
    if start == libc::MAP_FAILED {
        return start;
    }
    let aligned = start.map_addr(|address| address.next_multiple_of(page()));
    let before = aligned.addr() - start.addr();
    let end = len.next_multiple_of(page());
    let after = room - before - end;
    if before > 0 {
        call(libc::SYS_munmap, start, before, 0);
    }
    if after > 0 {
        call(libc::SYS_munmap, aligned.wrapping_byte_add(end), after, 0);
    }
    let mapped = call_mmap(aligned, len, bits, flags | libc::MAP_FIXED, file, offset);
    if mapped == libc::MAP_FAILED {
        // SAFETY: this thread runs, and the number is its own.
        let error = unsafe { *error_number() };
        call(libc::SYS_munmap, aligned, end, 0);
        // SAFETY: as above.
        unsafe { *error_number() = error };
    }
    mapped
}

#[unsafe(no_mangle)]
pub extern "C" fn mmap(
    at: *mut c_void,
    len: size_t,
    bits: c_int,
    flags: c_int,
    file: c_int,
    offset: off_t,
) -> *mut c_void {
    #[allow(clippy::useless_conversion, reason = "it is narrower on 32-bit systems")]
    map(at, len, bits, flags, file, i64::from(offset))
}

#[unsafe(no_mangle)]
pub extern "C" fn mmap64(
    at: *mut c_void,
    len: size_t,
    bits: c_int,
    flags: c_int,
    file: c_int,
    offset: i64,
) -> *mut c_void {
    map(at, len, bits, flags, file, offset)
}

#[unsafe(no_mangle)]
pub extern "C" fn munmap(at: *mut c_void, len: size_t) -> c_int {
    if !is_whole(at.addr()) {
        return refuse();
    }
    call(libc::SYS_munmap, at, len.next_multiple_of(page()), 0)
}

#[unsafe(no_mangle)]
pub extern "C" fn mprotect(at: *mut c_void, len: size_t, bits: c_int) -> c_int {
    if !is_whole(at.addr()) {
        return refuse();
    }
    call(libc::SYS_mprotect, at, len, bits)
}

#[unsafe(no_mangle)]
pub extern "C" fn madvise(at: *mut c_void, len: size_t, advice: c_int) -> c_int {
    if !is_whole(at.addr()) {
        return refuse();
    }
    call(libc::SYS_madvise, at, len, advice)
}

#[unsafe(no_mangle)]
pub extern "C" fn msync(at: *mut c_void, len: size_t, flags: c_int) -> c_int {
    if !is_whole(at.addr()) {
        return refuse();
    }
    call(libc::SYS_msync, at, len, flags)
}

#[unsafe(no_mangle)]
pub extern "C" fn sysconf(name: c_int) -> c_long {
    if name == libc::_SC_PAGESIZE {
        return c_long::try_from(page()).unwrap_or(-1);
    }
    // SAFETY: the next one of that name is the C library's, which is of that type.
    let next = unsafe { libc::dlsym(libc::RTLD_NEXT, c"sysconf".as_ptr()) };
    // SAFETY: as above.
    let next =
        unsafe { std::mem::transmute::<*mut c_void, unsafe extern "C" fn(c_int) -> c_long>(next) };
    // SAFETY: takes a number.
    unsafe { next(name) }
}
