//! Systems that lack what Linux has: files without a name, and `/proc`.
//!
//! # Safety
//!
//! The unsafe code here is calls of `prctl` with numbers, and with a filter that outlives the call.
#![allow(unsafe_code)]

/// What `O_TMPFILE` has that no other flag has.
const TMPFILE: u32 = 0o20_000_000;

/// Has the kernel refuse files without a name to this thread and what it starts, for good.
pub(crate) fn refuse_nameless_files() {
    let load = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    let is = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    let has = libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K;
    let answer = libc::BPF_RET | libc::BPF_K;
    let refused = libc::SECCOMP_RET_ERRNO | libc::EOPNOTSUPP.unsigned_abs();
    let step =
        |code: u32, jt, jf, k| libc::sock_filter { code: u16::try_from(code).unwrap(), jt, jf, k };
    // struct seccomp_data: the number of the call, 12 bytes more, and its arguments of 8 bytes.
    let refuse = |call: libc::c_long, argument: u32| {
        [
            step(load, 0, 0, 0),
            step(is, 0, 3, u32::try_from(call).unwrap()),
            step(load, 0, 0, 16 + argument * 8),
            step(has, 0, 1, TMPFILE),
            step(answer, 0, 0, refused),
        ]
    };
    let mut filter = refuse(libc::SYS_openat, 2).to_vec();
    #[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
    filter.extend(refuse(libc::SYS_open, 1));
    filter.push(step(answer, 0, 0, libc::SECCOMP_RET_ALLOW));
    let len = libc::c_ushort::try_from(filter.len()).unwrap();
    let program = libc::sock_fprog { len, filter: filter.as_mut_ptr() };
    // SAFETY: takes numbers.
    let result = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    assert_eq!(result, 0, "no new privileges: {}", std::io::Error::last_os_error());
    // SAFETY: the kernel copies the program, which lives until then.
    let result =
        unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) };
    assert_eq!(result, 0, "seccomp: {}", std::io::Error::last_os_error());

    let flags = rustix::fs::OFlags::TMPFILE | rustix::fs::OFlags::RDWR;
    let opened = rustix::fs::open("/dev/shm", flags, rustix::fs::Mode::RUSR);
    assert_eq!(opened.unwrap_err(), rustix::io::Errno::OPNOTSUPP);
}
