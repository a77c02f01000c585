//! Owns what says that a message is part n of total.
//! Must never join parts: that is the completing-part gate's work.

/// How the segmentation was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SegmentScheme {
    /// UDH element 0x00, 8-bit reference (3GPP TS 23.040 §9.2.3.24.1).
    Udh8,
    /// UDH element 0x08, 16-bit reference (§9.2.3.24.8).
    Udh16,
    /// TLVs sar_msg_ref_num, sar_total_segments, sar_segment_seqnum (SMPP 3.4 §5.3.2.22).
    Sar,
}

/// Part `number` (1..=total) of a message of `total` parts (1..=255).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Segment {
    pub scheme: SegmentScheme,
    pub reference: u16,
    pub total: u8,
    pub number: u8,
}
