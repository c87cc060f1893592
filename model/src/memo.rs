//! Something that is worked out from a document once and kept beside it. Documents never change, so it never goes stale;
//! it is no part of the document: not stored, not compared, not copied.

use std::sync::OnceLock;

/// A value that is a function of the document it lies in.
pub struct Memo<T>(OnceLock<T>);

impl<T> Memo<T> {
    /// The value, worked out at the first call.
    pub fn get_or(&self, work_out: impl FnOnce() -> T) -> &T {
        self.0.get_or_init(work_out)
    }
}

impl<T> Default for Memo<T> {
    fn default() -> Self {
        Memo(OnceLock::new())
    }
}

impl<T> Clone for Memo<T> {
    fn clone(&self) -> Self {
        Memo::default()
    }
}

impl<T> PartialEq for Memo<T> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl<T> Eq for Memo<T> {}

impl<T> std::fmt::Debug for Memo<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Memo")
    }
}
