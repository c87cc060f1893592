//! A persistent list with places that never move: members name their groups by place.

use std::sync::Arc;

/// How many places are copied when one changes.
const CHUNK: usize = 32;

/// A persistent list: a clone is a pointer copy.
#[derive(Clone)]
pub(crate) struct Slots<T> {
    chunks: Arc<[Arc<[T; CHUNK]>]>,
    len: usize,
    blank: T,
}

impl<T: Clone> Slots<T> {
    /// Without places; `blank` stands where nothing was put yet.
    pub(crate) fn new(blank: T) -> Slots<T> {
        Slots { chunks: Arc::new([]), len: 0, blank }
    }

    /// What is at a place that was given out; the blank at any other.
    pub(crate) fn get(&self, slot: u32) -> &T {
        let slot = slot as usize;
        self.chunks.get(slot / CHUNK).map_or(&self.blank, |chunk| &chunk[slot % CHUNK])
    }

    /// Puts something at a new place. Places are never given out twice.
    pub(crate) fn push(&mut self, value: T) -> u32 {
        let slot = self.len;
        if slot.is_multiple_of(CHUNK) {
            let chunk = Arc::new(std::array::from_fn(|_| self.blank.clone()));
            self.chunks = self.chunks.iter().cloned().chain([chunk]).collect();
        }
        self.len += 1;
        self.set(slot as u32, value);
        slot as u32
    }

    /// Replaces what is at a place that was given out.
    pub(crate) fn set(&mut self, slot: u32, value: T) {
        let slot = slot as usize;
        if let Some(chunk) = Arc::make_mut(&mut self.chunks).get_mut(slot / CHUNK) {
            Arc::make_mut(chunk)[slot % CHUNK] = value;
        }
    }
}
