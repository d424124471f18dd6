//! The description of an object, read and checked without mapping it.

use super::control::{Control, FIRST_READ, LONGEST_HEADER, MAGIC, SHORTEST_HEAD};
use super::facts::{Access, Lifetime};
use super::layout::data_len;
use super::name::Name;
use crate::error::{Error, ErrorKind, Result, size};
use crate::npy::{HEADER_SIZE, Header, PRELUDE, UNIT};
use crate::sys::lifeline;
use crate::sys::object::{Facts, Object};
use crate::sys::place::Place;

/// The contents of a segment's header and control block, copied out and checked.
///
/// `docs/format.md` lists where each field lies. Its `Display` is a short table.
///
/// # Examples
///
/// ```
/// # fn main() -> ndshm::Result<()> {
/// let array = ndshm::Array2::<f32>::create_unique("doc-info-", (3, 4))?;
/// let info = array.segment().info()?;
/// assert_eq!(info.kind(), ndshm::Kind::Array);
/// assert_eq!(info.dtype().item_size(), 4);
/// assert_eq!(info.shape(), [3, 4]);
/// assert_eq!(info.order(), ndshm::Order::C);
/// assert_eq!((info.data_offset(), info.data_len()), (4096, 48));
/// assert_eq!(info.control_offset(), 8192);
/// assert_eq!(info.creator_pid(), std::process::id());
/// println!("{info}");
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Info {
    pub(crate) name: Name,
    pub(crate) control: Control,
    pub(crate) facts: Facts,
}

impl Info {
    pub(crate) fn new(name: Name, control: Control, facts: Facts) -> Self {
        Self { name, control, facts }
    }
}

/// Refuses to map a sealed object for writing.
pub(super) fn check_unsealed(object: &Object, name: &Name, access: Access) -> Result<()> {
    let may_be_sealed = matches!(name.place(), Place::InProcess(_)) && access != Access::Observe;
    if may_be_sealed && object.is_sealed()? {
        return Err(Error::new(
            ErrorKind::Frozen,
            "is sealed: nobody writes it any more; open it as `Frozen`, or with `Access::Observe`",
        ));
    }
    Ok(())
}

/// Whether a live process is a participant.
pub(super) fn is_in_use(object: &Object, control: &Control) -> Result<bool> {
    for slot in 0..control.participants {
        if lifeline::is_alive(object, slot)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether only the dead have left it: its name was to go with its participants, and none of them
/// is alive.
pub(super) fn is_left_by_the_dead(object: &Object, control: &Control) -> Result<bool> {
    Ok(is_to_go(object, control) && !is_in_use(object, control)?)
}

/// Whether its name goes with its participants. The name of a copy of a segment's file does not:
/// the copy belongs to whoever made it.
pub(crate) fn is_to_go(object: &Object, control: &Control) -> bool {
    let is_copy = control.inode != 0 && control.inode != object.identity().inode();
    control.lifetime != Lifetime::Persistent && !is_copy
}

/// Reads and checks both descriptions of a segment, without mapping it.
pub(crate) fn read_control(object: &Object, facts: &Facts) -> Result<Control> {
    let mut buffer = [0; HEADER_SIZE];
    let mut longer = Vec::new();
    let mut bytes = read_start(object, facts, &mut buffer)?;
    check_header_len(bytes)?;
    let header = match Header::parse(bytes) {
        Err(error) if error.kind() == ErrorKind::Truncated && bytes.len() == HEADER_SIZE => {
            longer.resize(Header::len_of(bytes)?, 0);
            bytes = read_start(object, facts, &mut longer)?;
            Header::parse(bytes)?
        }
        parsed => parsed?,
    };
    let control_offset = control_offset(&header)?;
    let rest = facts.len.saturating_sub(control_offset);
    if rest < SHORTEST_HEAD {
        return Err(no_control_block(&header, bytes, facts));
    }
    let mut first = [0; FIRST_READ];
    let first_len = usize::try_from(rest).map_or(FIRST_READ, |rest| rest.min(FIRST_READ));
    let first = &mut first[..first_len];
    object.read_exact_at(first, control_offset)?;
    let head_len = Control::head_len(first)?;
    if head_len as u64 > rest {
        return Err(truncated(facts));
    }
    if let Some(head) = first.get(..head_len) {
        return Control::decode(head, &header, facts.len);
    }
    let mut head = vec![0; head_len];
    object.read_exact_at(&mut head, control_offset)?;
    Control::decode(&head, &header, facts.len)
}

/// Refuses, before reading it, a header that is longer than any segment's. Listing segments reads
/// the header of every file.
fn check_header_len(start: &[u8]) -> Result<()> {
    match Header::len_of(start) {
        Ok(len) if len <= LONGEST_HEADER => Ok(()),
        Err(error) if error.kind() != ErrorKind::Unsupported => Err(error),
        // Too long for a segment, or for any file.
        _ => Err(Error::new(
            ErrorKind::NotASegment,
            format!(
                "is a plain .npy file, not a segment, whose header has {LONGEST_HEADER} bytes at most"
            ),
        )),
    }
}

/// Where the control block of a segment with that header is.
fn control_offset(header: &Header) -> Result<u64> {
    let data_len = data_len(&header.shape, header.dtype.item_size())?;
    let end = header.data_offset.checked_add(data_len);
    let offset = end.and_then(|end| end.checked_next_multiple_of(UNIT));
    Ok(offset.map_or(u64::MAX, |offset| offset as u64))
}

/// Refuses objects that are not segments. Damaged segments that are still recognisable pass.
pub(super) fn check_ours(object: &Object, facts: &Facts) -> Result<()> {
    let Err(error) = read_control(object, facts) else { return Ok(()) };
    if was_a_segment(object, facts) {
        return Ok(());
    }
    match error.kind() {
        ErrorKind::NotASegment | ErrorKind::Os => Err(error),
        _ => Err(Error::new(
            ErrorKind::NotASegment,
            format!("{error}; nothing shows that it was a segment, so it is left alone"),
        )),
    }
}

/// Whether an unreadable object was a segment: it begins as only segments do, or has the beginning
/// of a control block where one would be.
fn was_a_segment(object: &Object, facts: &Facts) -> bool {
    let padded = || {
        let mut start = [0; PRELUDE];
        let len = Header::len_of(read_start(object, facts, &mut start)?)?;
        let mut header = vec![0; if len.is_multiple_of(HEADER_SIZE) { len } else { 0 }];
        read_start(object, facts, &mut header).map(Header::is_as_padded_for_segments)
    };
    let has_control_block = || {
        let mut first = [0; 8];
        let place = read_header(object, facts).and_then(|header| control_offset(&header));
        place.is_ok_and(|place| object.read_exact_at(&mut first, place).is_ok()) && first == MAGIC
    };
    padded().unwrap_or(false) || has_control_block()
}

/// Reads the NPY header, however long it is.
pub(super) fn read_header(object: &Object, facts: &Facts) -> Result<Header> {
    let mut start = [0; PRELUDE];
    let mut bytes = vec![0; Header::len_of(read_start(object, facts, &mut start)?)?];
    Header::parse(read_start(object, facts, &mut bytes)?)
}

/// Reads the first bytes of an object, as many as it has and `buffer` holds.
pub(super) fn read_start<'a>(
    object: &Object,
    facts: &Facts,
    buffer: &'a mut [u8],
) -> Result<&'a [u8]> {
    let len = usize::try_from(facts.len).map_or(buffer.len(), |len| len.min(buffer.len()));
    let bytes = &mut buffer[..len];
    object.read_exact_at(bytes, 0)?;
    Ok(bytes)
}

/// The error for a file that ends before or in its control block: a segment that was cut short, or
/// a plain `.npy` file.
fn no_control_block(header: &Header, bytes: &[u8], facts: &Facts) -> Error {
    if header.is_canonical(bytes) {
        return truncated(facts);
    }
    Error::new(
        ErrorKind::NotASegment,
        "is a plain .npy file, not a segment: it has no control block after the data",
    )
}

fn truncated(facts: &Facts) -> Error {
    Error::new(
        ErrorKind::Truncated,
        format!(
            "is {} long and ends before its control block: it was cut short, remove it",
            size(facts.len)
        ),
    )
}
