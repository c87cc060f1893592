//! Random numbers that are the same for ever: a table of figures is only worth something if the data stays. Libraries
//! promise that of some generators, but not of what they draw from them.

/// SplitMix64 (Steele, Lea and Flood, 2014).
pub struct Random(u64);

impl Random {
    /// A sequence of its own for each seed and purpose.
    pub fn new(seed: u64, purpose: u64) -> Random {
        let mut random = Random(seed ^ purpose.wrapping_mul(0xd1b5_4a32_d192_ed03));
        // Neighbouring purposes begin at neighbouring states: one step takes them apart.
        Random(random.next())
    }

    /// Any number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; all are as likely, but for one part in 2⁶⁴ of `end`.
    pub fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.next()) * end as u128) >> 64) as usize
    }

    /// `count` different numbers below `end`, in random order; all of them where `count` is more.
    pub fn distinct(&mut self, count: usize, end: usize) -> Vec<u16> {
        let mut all: Vec<u16> = (0..end as u16).collect();
        for at in 0..count.min(end) {
            let other = at + self.below(end - at);
            all.swap(at, other);
        }
        all.truncate(count);
        all
    }

    /// 16 bytes, as ids are.
    pub fn id(&mut self) -> model::ids::Id {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.next().to_be_bytes());
        bytes[8..].copy_from_slice(&self.next().to_be_bytes());
        model::ids::Id::from_bytes(bytes)
    }
}
