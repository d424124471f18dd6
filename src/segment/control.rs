//! The control block's head: the description of a segment, written once and checked by everybody.
//!
//! Raw bytes become a [`Control`] in named steps. Nothing reads the bytes again afterwards.

use bytemuck::{Pod, Zeroable};

use super::facts::{Kind, Lifetime};
use super::layout::{Layout, MAX_AXES, Measures, SHARED_ALIGNMENT, data_len};
use super::options::{MOST_LEASES, MOST_SLOTS};
use super::plan::Plan;
use crate::atomic::pin;
use crate::error::{Error, ErrorKind, Result, size};
use crate::npy::{Dtype, Header, Order, UNIT};
use crate::sys::lifeline::registration;
use crate::sys::process::{self, Process};
use crate::sys::users::UserId;

/// First bytes of every control block.
pub(crate) const MAGIC: [u8; 8] = *b"\x93NDSHM\r\n";

/// First bytes of a control block that somebody is still adding to a plain file, or died while
/// adding.
pub(crate) const UNFINISHED: [u8; 8] = *b"\x93NDSHM\r\0";

/// Version of the layout that this build reads and writes.
const LAYOUT_VERSION: u32 = 1;

/// Reads back as itself only on machines of the same byte order.
const BYTE_ORDER: u32 = 0x0a0b_0c0d;

/// The longest NPY header that a segment may have: twice the longest of NPY 1.0. Listing segments
/// reads the header of every file, so the length is limited.
pub(super) const LONGEST_HEADER: usize = 128 << 10;

/// Longest head: the fixed part and the text of the dtype. The text may be twice as long as in the
/// header. There a name may be Latin-1, and `bf16` has a shorter word.
const LONGEST_HEAD: usize = 1024 + 2 * LONGEST_HEADER;

/// How many bytes of a control block an opener reads first. Enough for all but long dtypes.
pub(crate) const FIRST_READ: usize = 640;

/// Fixed part of the head, little-endian, followed by the dtype's text, padded to 64 bytes.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Head {
    magic: [u8; 8],
    layout_version: u32,
    byte_order: u32,
    head_len: u32,
    /// CRC-32 (IEEE 802.3) of the whole head, this field taken as zero.
    checksum: u32,
    kind: u32,
    lifetime: u32,
    id: [u8; 16],
    boot_id: [u8; 16],
    created_ns: u64,
    creator_pid: u32,
    creator_user: u32,
    creator_namespace: u64,
    creator_started: u64,
    data_offset: u64,
    data_len: u64,
    control_len: u64,
    item_size: u64,
    alignment: u32,
    order: u32,
    participants: u32,
    stripes: u32,
    ndim: u32,
    dtype_len: u32,
    shadow_len: u64,
    shape: [u64; MAX_AXES],
    leases: u32,
    reserved: [u8; 84],
    inode: u64,
}

const HEAD: usize = size_of::<Head>();

/// No control block is shorter than this.
pub(crate) const SHORTEST_HEAD: u64 = HEAD as u64;

pin!(
    Head,
    512,
    HEAD_FIELDS {
        magic: 0,
        layout_version: 8,
        byte_order: 12,
        head_len: 16,
        checksum: 20,
        kind: 24,
        lifetime: 28,
        id: 32,
        boot_id: 48,
        created_ns: 64,
        creator_pid: 72,
        creator_user: 76,
        creator_namespace: 80,
        creator_started: 88,
        data_offset: 96,
        data_len: 104,
        control_len: 112,
        item_size: 120,
        alignment: 128,
        order: 132,
        participants: 136,
        stripes: 140,
        ndim: 144,
        dtype_len: 148,
        shadow_len: 152,
        shape: 160,
        leases: 416,
        inode: 504,
    }
);

/// The immutable description of a segment, checked.
#[derive(Clone, Debug)]
pub(crate) struct Control {
    pub(crate) kind: Kind,
    pub(crate) lifetime: Lifetime,
    pub(crate) id: [u8; 16],
    pub(crate) boot_id: [u8; 16],
    pub(crate) created_ns: u64,
    pub(crate) creator: Process,
    pub(crate) creator_user: u32,
    pub(crate) dtype: Dtype,
    pub(crate) order: Order,
    pub(crate) shape: Vec<usize>,
    pub(crate) participants: u32,
    pub(crate) stripes: u32,
    pub(crate) shadow_len: usize,
    pub(crate) leases: u32,
    /// Number of the file in which it was made, on that file's filesystem. 0 if unknown. A copy of
    /// the file has another number.
    pub(crate) inode: u64,
    pub(crate) layout: Layout,
}

impl Control {
    /// Describes a new segment, made by this process now.
    pub(crate) fn new(plan: Plan, lifetime: Lifetime, data_offset: usize) -> Result<Self> {
        let head_len = head_len(plan.dtype.to_string().len());
        if head_len > LONGEST_HEAD {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!(
                    "has a dtype that takes {head_len} bytes of control block, of {LONGEST_HEAD} at \
                     most: use fewer fields"
                ),
            ));
        }
        let layout = Layout::new(Measures {
            data_offset,
            data_len: plan.data_len,
            head_len,
            participants: plan.participants,
            stripes: plan.stripes,
            shadow_len: plan.shadow_len,
            frames: frames(plan.kind, &plan.shape),
            leases: plan.leases,
        })?;
        let proof = registration();
        let since_epoch = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        Ok(Self {
            kind: plan.kind,
            lifetime,
            id: process::random_id(),
            boot_id: process::boot_id(&proof),
            created_ns: u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX),
            creator: process::current(&proof),
            creator_user: UserId::current().number(),
            dtype: plan.dtype,
            order: plan.order,
            shape: plan.shape,
            participants: plan.participants,
            stripes: plan.stripes,
            shadow_len: plan.shadow_len,
            leases: plan.leases,
            inode: 0,
            layout,
        })
    }

    /// Encodes the head.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let dtype = self.dtype.to_string();
        let head_len = head_len(dtype.len());
        let mut shape = [0; MAX_AXES];
        for (to, &from) in shape.iter_mut().zip(&self.shape) {
            *to = from as u64;
        }
        let head = Head {
            magic: MAGIC,
            layout_version: LAYOUT_VERSION,
            byte_order: BYTE_ORDER,
            head_len: narrow(head_len),
            checksum: 0,
            kind: self.kind as u32,
            lifetime: self.lifetime as u32,
            id: self.id,
            boot_id: self.boot_id,
            created_ns: self.created_ns,
            creator_pid: self.creator.pid,
            creator_user: self.creator_user,
            creator_namespace: self.creator.namespace,
            creator_started: self.creator.started,
            data_offset: self.layout.data_offset as u64,
            data_len: self.layout.data_len as u64,
            control_len: self.layout.control_len as u64,
            item_size: self.dtype.item_size() as u64,
            alignment: narrow(self.dtype.alignment()),
            order: order_code(self.order),
            participants: self.participants,
            stripes: self.stripes,
            ndim: narrow(self.shape.len()),
            dtype_len: narrow(dtype.len()),
            shadow_len: self.shadow_len as u64,
            shape,
            leases: self.leases,
            reserved: [0; 84],
            inode: self.inode,
        };
        let mut bytes = bytemuck::bytes_of(&head).to_vec();
        bytes.extend_from_slice(dtype.as_bytes());
        bytes.resize(head_len, 0);
        let checksum = checksum(&bytes);
        bytes[CHECKSUM].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// How many bytes of the block [`decode`](Self::decode) needs, computed from the first ones.
    ///
    /// Fails when these bytes are no control block that this build can read.
    pub(crate) fn head_len(first: &[u8]) -> Result<usize> {
        let head: Head = match first.get(..HEAD) {
            Some(bytes) => bytemuck::pod_read_unaligned(bytes),
            None => return Err(not_a_segment()),
        };
        if head.magic != MAGIC {
            return Err(not_a_segment());
        }
        if head.byte_order == BYTE_ORDER.swap_bytes() {
            return Err(Error::new(
                ErrorKind::ForeignByteOrder,
                "was written on a machine of the other byte order: convert it there, or recreate it",
            ));
        }
        if head.layout_version != LAYOUT_VERSION {
            let found = head.layout_version;
            return Err(Error::new(
                ErrorKind::UnsupportedVersion,
                format!(
                    "has layout version {found}, this build reads version {LAYOUT_VERSION}: use the \
                     same release of ndshm in all processes"
                ),
            ));
        }
        let head_len = head.head_len as usize;
        if !(HEAD..=LONGEST_HEAD).contains(&head_len) {
            return Err(corrupt(format!("its control block's head claims {head_len} bytes")));
        }
        Ok(head_len)
    }

    /// Checks a head of the length that [`head_len`](Self::head_len) returned. It must agree with
    /// the NPY header before the payload and with the length of the file.
    pub(crate) fn decode(bytes: &[u8], header: &Header, file_len: u64) -> Result<Self> {
        let head: Head = bytemuck::pod_read_unaligned(&bytes[..HEAD]);
        if checksum(bytes) != head.checksum {
            return Err(corrupt("its control block does not match its checksum".into()));
        }
        let control = Self::from_head(&head, bytes)?;
        control.check_header(header)?;
        let needed = control.layout.total as u64;
        if file_len < needed {
            return Err(Error::new(
                ErrorKind::Truncated,
                format!(
                    "is {} long but its header needs {}: it was cut short, remove it",
                    size(file_len),
                    size(needed)
                ),
            ));
        }
        Ok(control)
    }

    /// Turns fields into types. The checksum proves that the creator wrote them, not that they make
    /// sense.
    fn from_head(head: &Head, bytes: &[u8]) -> Result<Self> {
        let field = |name: &str| corrupt(format!("its control block holds an impossible {name}"));
        let kind = Kind::from_code(head.kind).ok_or_else(|| field("kind"))?;
        let lifetime = Lifetime::from_code(head.lifetime).ok_or_else(|| field("lifetime"))?;
        let order = match head.order {
            0 => Order::C,
            1 => Order::F,
            _ => return Err(field("order")),
        };
        if !(1..=1024).contains(&head.participants) {
            return Err(field("number of participants"));
        }
        if !(1..=1024).contains(&head.stripes) {
            return Err(field("number of stripes"));
        }
        let dtype: Dtype = bytes[HEAD..]
            .get(..head.dtype_len as usize)
            .and_then(|text| std::str::from_utf8(text).ok())
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| field("dtype"))?;
        let length = |value: u64, name: &str| usize::try_from(value).map_err(|_| field(name));
        let shape = head
            .shape
            .get(..head.ndim as usize)
            .ok_or_else(|| field("number of axes"))?
            .iter()
            .map(|&len| length(len, "axis"))
            .collect::<Result<Vec<_>>>()?;
        let shadow_len = length(head.shadow_len, "shadow length")?;
        let alignment = if kind == Kind::Array { SHARED_ALIGNMENT } else { UNIT };
        if !head.data_offset.is_multiple_of(alignment as u64) {
            return Err(field("data offset"));
        }
        let is_ring = kind == Kind::Ring;
        let frames = frames(kind, &shape);
        if is_ring && (shape.len() != 1 || !(1..=MOST_SLOTS).contains(&frames)) {
            return Err(field("number of slots"));
        }
        if head.leases > MOST_LEASES || is_ring != (head.leases > 0) {
            return Err(field("number of leases"));
        }
        let layout = Layout::new(Measures {
            data_offset: length(head.data_offset, "data offset")?,
            data_len: data_len(&shape, dtype.item_size()).map_err(|_| field("shape"))?,
            head_len: bytes.len(),
            participants: head.participants,
            stripes: head.stripes,
            shadow_len,
            frames,
            leases: head.leases,
        })
        .map_err(|_| field("size"))?;
        let agrees = head.data_len == layout.data_len as u64
            && head.control_len == layout.control_len as u64
            && head.item_size == dtype.item_size() as u64
            && head.alignment as usize == dtype.alignment();
        if !agrees {
            return Err(field("size"));
        }
        Ok(Self {
            kind,
            lifetime,
            id: head.id,
            boot_id: head.boot_id,
            created_ns: head.created_ns,
            creator: Process {
                pid: head.creator_pid,
                namespace: head.creator_namespace,
                started: head.creator_started,
            },
            creator_user: head.creator_user,
            dtype,
            order,
            shape,
            participants: head.participants,
            stripes: head.stripes,
            shadow_len,
            leases: head.leases,
            inode: head.inode,
            layout,
        })
    }

    /// Compares the fields with the NPY header before the payload.
    fn check_header(&self, header: &Header) -> Result<()> {
        let disagree = |what: &str, text: String, control: String| {
            Err(corrupt(format!("its header says {what} {text}, its control block {control}")))
        };
        header.check_in_place().map_err(|error| corrupt(format!("its header {error}")))?;
        if header.dtype != self.dtype.numpy_form() {
            return disagree("dtype", header.dtype.to_string(), self.dtype.to_string());
        }
        if header.order != self.order {
            return disagree("order", format!("{:?}", header.order), format!("{:?}", self.order));
        }
        if header.shape != self.shape {
            return disagree("shape", format!("{:?}", header.shape), format!("{:?}", self.shape));
        }
        if header.data_offset != self.layout.data_offset {
            return disagree(
                "data offset",
                header.data_offset.to_string(),
                self.layout.data_offset.to_string(),
            );
        }
        Ok(())
    }
}

const CHECKSUM: std::ops::Range<usize> = 20..24;

fn checksum(head: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&head[..CHECKSUM.start]);
    hasher.update(&[0; 4]);
    hasher.update(&head[CHECKSUM.end..]);
    hasher.finalize()
}

/// How many slots a ring of that shape has. 0 for every other kind.
fn frames(kind: Kind, shape: &[usize]) -> u32 {
    match (kind, shape) {
        (Kind::Ring, [slots]) => u32::try_from(*slots).unwrap_or(u32::MAX),
        _ => 0,
    }
}

/// Length of a head whose dtype takes that many bytes of text.
fn head_len(dtype_len: usize) -> usize {
    (HEAD + dtype_len).next_multiple_of(64)
}

fn order_code(order: Order) -> u32 {
    match order {
        Order::C => 0,
        Order::F => 1,
    }
}

/// Lengths in a head are bounded by [`LONGEST_HEAD`] and [`MAX_AXES`].
fn narrow(len: usize) -> u32 {
    u32::try_from(len).expect("lengths in a head fit 32 bits")
}

#[cold]
fn not_a_segment() -> Error {
    Error::new(
        ErrorKind::NotASegment,
        "is a plain .npy file, not a segment: it has no control block after the data",
    )
}

#[cold]
fn corrupt(what: String) -> Error {
    Error::new(ErrorKind::Corrupt, format!("is damaged: {what}; remove it and create it anew"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::npy::dtype::tests::any_dtype;

    /// A control block with its header, for any plan that fits.
    fn any_control() -> impl Strategy<Value = (Control, Header)> {
        let shape = prop::collection::vec(0usize..50, 0..=MAX_AXES);
        let counts = (1u32..=1024, 1u32..=1024, 0usize..1000);
        (any_dtype(), shape, any::<bool>(), counts).prop_filter_map(
            "does not fit",
            |(dtype, shape, fortran, (participants, stripes, shadow_len))| {
                let dtype = dtype.fold().0;
                let order = if fortran { Order::F } else { Order::C };
                let bytes = Header::encode(&dtype, order, &shape).ok()?;
                let plan = Plan {
                    kind: Kind::Array,
                    data_len: data_len(&shape, dtype.item_size()).ok()?,
                    dtype,
                    order,
                    shape,
                    participants,
                    stripes,
                    shadow_len,
                    leases: 0,
                };
                let control = Control::new(plan, Lifetime::Persistent, bytes.len());
                let control = Control { inode: u64::from(participants), ..control.ok()? };
                Some((control, Header::parse(&bytes).ok()?))
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded((control, header) in any_control()) {
            let bytes = control.encode();
            prop_assert_eq!(Control::head_len(&bytes).unwrap(), bytes.len());
            let file_len = control.layout.total as u64;
            let decoded = Control::decode(&bytes, &header, file_len).unwrap();
            prop_assert_eq!(format!("{decoded:?}"), format!("{control:?}"));
            let short = Control::decode(&bytes, &header, file_len - 1).unwrap_err();
            prop_assert_eq!(short.kind(), ErrorKind::Truncated);
        }

        #[test]
        fn no_changed_bit_passes((control, header) in any_control(), place: usize, bit in 0u32..8) {
            let mut bytes = control.encode();
            let place = place % bytes.len();
            bytes[place] ^= 1 << bit;
            let changed = Control::head_len(&bytes)
                .and_then(|len| match bytes.get(..len) {
                    Some(bytes) => Control::decode(bytes, &header, u64::MAX).map(drop),
                    None => Err(corrupt("longer than it is".into())),
                });
            prop_assert!(changed.is_err());
        }
    }
}
