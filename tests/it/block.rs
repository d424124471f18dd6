//! Blocks: memory without a header, shared with those who know nothing of this library.
//!
//! # Safety
//!
//! The unsafe code here looks at blocks that its test and the peer that it started use in turns.
#![allow(unsafe_code)]

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use ndarray::{ArrayViewMut1, Ix1, ShapeBuilder};
use ndshm::{Access, Array1, Block, ErrorKind::*, Lifetime, Reserve};

use crate::bad_input::refused;
use crate::support::{FreeName, become_user, exists, fork, is_root, skip};

/// All of a block as numbers.
fn numbers(block: &Block) -> ArrayViewMut1<'_, u32> {
    let raw = block.raw_view_mut::<u32, Ix1>(0, block.len() / 4).unwrap();
    // SAFETY: the test and its peer take turns, and the block outlives the view.
    unsafe { raw.deref_into_view_mut() }
}

fn persistent(name: &FreeName, len: usize) -> Block {
    Block::options().lifetime(Lifetime::Persistent).create(name.as_str(), len).unwrap()
}

#[test]
fn a_block_is_so_many_zeros_and_nothing_else() {
    for reserve in [Reserve::Full, Reserve::Lazy] {
        let block =
            Block::options().mode(0o640).reserve(reserve).create_unique("it-block-", 5001).unwrap();
        assert_eq!(block.len(), 5001);
        assert_eq!(fs::read(block.path()).unwrap(), vec![0; 5001]);
        assert_eq!(fs::metadata(block.path()).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(block.as_ptr().align_offset(4096), 0);
        let same = Block::open(&format!("/{}", block.name())).unwrap();
        numbers(&same)[1249] = 7;
        assert_eq!(numbers(&block)[1249], 7);
    }
}

#[test]
fn the_name_goes_with_the_last_clone_of_the_creator_and_with_nobody_else() {
    let block = Block::create_unique("it-block-", 8).unwrap();
    let (name, clone) = (block.name().to_owned(), block.clone());
    drop(Block::open(&name).unwrap());
    drop(block);
    assert!(exists(&name), "a clone is left");
    drop(clone);
    assert!(!exists(&name));

    let kept = FreeName::new();
    drop(persistent(&kept, 8));
    assert!(exists(kept.as_str()));
}

#[test]
fn a_forked_child_takes_no_name_away() {
    let block = Block::create_unique("it-block-", 8).unwrap();
    let name = block.name().to_owned();
    let mut block = Some(block);
    let child = fork(|| drop(block.take()));
    child.pass();
    assert!(exists(&name));
    drop(block);
    assert!(!exists(&name));
}

#[test]
fn a_namesake_is_not_removed() {
    let name = FreeName::new();
    let block = Block::create(name.as_str(), 8).unwrap();
    Block::remove(name.as_str()).unwrap();
    let other = persistent(&name, 16);
    drop(block);
    assert_eq!(Block::open(name.as_str()).unwrap().len(), other.len());
}

#[test]
fn a_block_in_a_file_lasts_until_it_is_removed() {
    let file = FreeName::new();
    let path = file.path();
    numbers(&Block::create(&path, 8).unwrap())[1] = 4;
    assert_eq!(numbers(&Block::open(&path).unwrap())[1], 4);
    Block::remove(&path).unwrap();
    assert!(!path.exists());
}

#[test]
fn views_stay_within_the_block_and_on_their_alignment() {
    let block = Block::create_unique("it-block-", 64).unwrap();
    assert_eq!(block.raw_view::<u64, _>(0, (2, 4)).unwrap().len(), 8);
    assert_eq!(block.raw_view::<u64, _>(8, (2, 3).f()).unwrap().strides(), [1, 2]);
    assert_eq!(block.raw_view::<u64, _>(64, 0).unwrap().len(), 0);
    assert_eq!(block.raw_view::<u8, _>(63, ()).unwrap().len(), 1);
    refused(block.raw_view::<u64, _>(0, 9), OutOfBounds, "takes 72");
    refused(block.raw_view::<u64, _>(8, 8), OutOfBounds, "has 64 bytes");
    refused(block.raw_view::<u8, _>(65, 0), OutOfBounds, "offset 65");
    refused(block.raw_view::<u8, _>(usize::MAX, 1), OutOfBounds, "ask for less");
    let says = format!("multiple of {}", align_of::<u64>());
    refused(block.raw_view::<u64, _>(2, 1), Misaligned, &says);
    refused(block.raw_view::<u8, _>(0, (usize::MAX, 2)), SizeOverflow, "smaller shape");
    refused(block.raw_view::<u8, _>(0, (usize::MAX, 0)), SizeOverflow, "smaller shape");
    refused(block.raw_view_mut::<u64, _>(0, 9), OutOfBounds, "takes 72");
    refused(block.raw_view_mut::<u64, _>(2, 1), Misaligned, &says);
}

#[test]
fn a_block_for_reading_is_mapped_for_reading() {
    let block = Block::create_unique("it-block-", 8).unwrap();
    let looked_at = Block::options().access(Access::Read).open(block.name()).unwrap();
    refused(looked_at.as_mut_ptr(), ReadOnly, "Access::ReadWrite");
    refused(looked_at.raw_view_mut::<u8, _>(0, 8), ReadOnly, "Access::ReadWrite");
    let start = format!("{:x}-", looked_at.as_ptr().addr());
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let line = maps.lines().find(|line| line.starts_with(&start)).unwrap();
    assert!(line.contains(" r--s "), "{line}");
    refused(
        Block::options().access(Access::Read).create("it-block", 8),
        InvalidArgument,
        "reading",
    );
}

#[test]
fn to_read_takes_no_more_than_permission_to_read() {
    if !is_root() {
        return skip("only root can become another user");
    }
    let (public, private) = (FreeName::new(), FreeName::new());
    let of_mode =
        |name: &FreeName, mode| Block::options().mode(mode).create(name.as_str(), 8).unwrap();
    let _blocks = (of_mode(&public, 0o644), of_mode(&private, 0o600));
    fork(|| {
        become_user(65534);
        let reader = Block::options().access(Access::Read);
        assert_eq!(reader.open(public.as_str()).unwrap().len(), 8);
        refused(Block::open(public.as_str()), PermissionDenied, "owner");
        refused(reader.open(private.as_str()), PermissionDenied, "owner");
        refused(Block::remove(public.as_str()), PermissionDenied, "owner");
    })
    .pass();

    std::os::unix::fs::chown(public.path(), Some(65534), None).unwrap();
    refused(Block::open(public.as_str()), NotTrusted, "belongs to user 65534");
    refused(Block::remove(public.as_str()), NotTrusted, "belongs to user 65534");
    std::os::unix::fs::chown(public.path(), Some(0), None).unwrap();
}

#[test]
fn what_can_never_be_a_block_is_refused() {
    let name = FreeName::new();
    refused(Block::create(name.as_str(), 0), InvalidArgument, "one or more");
    refused(Block::create(name.as_str(), usize::MAX), SizeOverflow, "address space");
    refused(Block::create("a/b", 8), InvalidName, "slash");
    refused(Block::open(name.as_str()), NotFound, "does not exist");
    refused(Block::remove(name.as_str()), NotFound, "does not exist");
    assert!(!exists(name.as_str()));

    let block = persistent(&name, 8);
    numbers(&block)[0] = 1;
    refused(Block::create(name.as_str(), 8), AlreadyExists, "exists already");
    assert_eq!(numbers(&block)[0], 1);

    let link = FreeName::new();
    symlink(name.path(), link.path()).unwrap();
    refused(Block::open(link.as_str()), NotASegment, "symbolic link");
    let directory = FreeName::new();
    fs::create_dir(directory.path()).unwrap();
    refused(Block::open(directory.as_str()), NotASegment, "directory");
}

#[test]
fn what_has_no_bytes_yet_is_empty_and_then_opened() {
    let name = FreeName::new();
    let file = File::create_new(name.path()).unwrap();
    for access in [Access::ReadWrite, Access::Read] {
        refused(Block::options().access(access).open(name.as_str()), Empty, "ftruncate");
    }
    file.set_len(3).unwrap();
    assert_eq!(Block::open(name.as_str()).unwrap().len(), 3);
    file.set_len(0).unwrap();
    Block::remove(name.as_str()).unwrap();
}

#[test]
fn segments_and_blocks_are_each_removed_by_their_own() {
    let name = FreeName::new();
    let block = persistent(&name, 8);
    refused(ndshm::remove(name.as_str()), NotASegment, "not NPY");
    assert!(!ndshm::reap().unwrap().iter().any(|info| info.name() == name.as_str()));
    assert!(!ndshm::list().unwrap().iter().any(|info| info.name() == name.as_str()));
    numbers(&block)[1] = 3;
    Block::remove(name.as_str()).unwrap();
    assert_eq!(numbers(&block)[1], 3);

    let array = Array1::<u8>::create_unique("it-block-", 8).unwrap();
    refused(Block::remove(array.name()), KindMismatch, "ndshm::remove");
    let bytes = Block::options().access(Access::Read).open(array.name()).unwrap();
    // SAFETY: nobody writes the header of a segment.
    let start = unsafe { bytes.raw_view::<u8, _>(0, 6).unwrap().deref_into_view() };
    assert_eq!(start.to_vec(), b"\x93NUMPY");
    assert!(exists(array.name()));
}

#[test]
fn a_c_program_opens_a_block() {
    let Some(program) = Program::compile() else { return };
    let block = Block::create_unique("it-block-", 4000).unwrap();
    numbers(&block).fill(10);
    let mut peer = program.run(&["open", block.name(), "1000"]);
    assert_eq!(peer.hear(), "added");
    assert!(numbers(&block).iter().zip(10..).all(|(&number, n)| number == n));
    numbers(&block).fill(2);
    peer.tell("go on");
    assert_eq!(peer.hear(), "2000");
    peer.end();
    assert!(exists(block.name()));
}

#[test]
fn a_block_is_opened_that_a_c_program_made() {
    let Some(program) = Program::compile() else { return };
    let name = FreeName::new();
    let mut peer = program.run(&["create", &format!("/{}", name.as_str()), "1000"]);
    assert_eq!(peer.hear(), "made");
    refused(Block::open(name.as_str()), Empty, "try again");
    peer.tell("size");
    assert_eq!(peer.hear(), "added");
    let block = Block::open(name.as_str()).unwrap();
    assert_eq!(block.len(), 4000);
    assert!(numbers(&block).iter().zip(0..).all(|(&number, n)| number == n));
    numbers(&block).fill(3);
    peer.tell("go on");
    assert_eq!(peer.hear(), "3000");
    peer.end();
    drop(block);
    assert!(exists(name.as_str()), "who opens a block removes nothing");
    Block::remove(name.as_str()).unwrap();
}

/// `tests/c/peer.c`, compiled; removed when dropped.
struct Program(PathBuf);

impl Program {
    /// Compiles it; `None`, and a loud word, where there is no compiler.
    fn compile() -> Option<Self> {
        let program = FreeName::new();
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(program.as_str());
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c/peer.c");
        let compiled = Command::new("cc")
            .args(["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-O1", "-o"])
            .args([&path, &source])
            // Where shm_open lived before glibc 2.34.
            .arg("-lrt")
            .status();
        let Ok(status) = compiled else {
            skip("there is no C compiler called cc");
            return None;
        };
        assert!(status.success(), "cc: {status}");
        Some(Self(path))
    }

    fn run(&self, arguments: &[&str]) -> Peer {
        let mut child = Command::new(&self.0)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Peer { child, output }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// A run of it; killed when dropped.
struct Peer {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Peer {
    fn tell(&mut self, line: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    fn hear(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn end(mut self) {
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(feature = "shared_memory")]
mod shmem {
    use shared_memory::ShmemConf;

    use super::*;

    #[test]
    fn the_shared_memory_crate_opens_a_block() {
        let block = Block::create_unique("it-block-", 4000).unwrap();
        let shmem = ShmemConf::new().os_id(format!("/{}", block.name())).open().unwrap();
        assert_eq!((shmem.len(), shmem.is_owner()), (4000, false));
        numbers(&block).fill(9);
        let theirs = Block::from(shmem);
        assert_eq!((theirs.name(), theirs.len()), (block.name(), 4000));
        assert_eq!(numbers(&theirs).sum(), 9000);
        drop(theirs);
        assert!(exists(block.name()), "it did not own the name");
    }

    #[test]
    fn a_block_is_opened_that_the_shared_memory_crate_made() {
        let shmem = ShmemConf::new().size(4000).create().unwrap();
        let block = Block::open(shmem.get_os_id()).unwrap();
        numbers(&block).fill(9);
        assert_eq!(numbers(&Block::from(shmem)).sum(), 9000);
        refused(Block::open(block.name()), NotFound, "does not exist");
        assert_eq!(numbers(&block).sum(), 9000);
    }

    #[test]
    fn a_forked_child_takes_no_name_of_theirs_away() {
        let link = FreeName::new();
        let link_path = link.path();
        let shmem = ShmemConf::new().size(8).flink(&link_path).create().unwrap();
        let mut block = Some(Block::from(shmem));
        let name = block.as_ref().unwrap().name().to_owned();
        fork(|| drop(block.take())).pass();
        assert!(exists(&name) && link_path.exists());
        drop(block);
        assert!(!exists(&name) && !link_path.exists(), "the owner takes both with it");
    }

    #[test]
    fn a_shmem_becomes_a_block_that_threads_share() {
        let block = Block::from(ShmemConf::new().size(8).create().unwrap());
        let clone = block.clone();
        std::thread::spawn(move || numbers(&clone)[1] = 5).join().unwrap();
        assert_eq!(numbers(&block)[1], 5);
    }
}
