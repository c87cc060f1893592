//! What the records of a log say of some fields, kept by stretches of the log, so that a question reads only those records that can fit.
//!
//! Ada asks for what Ben deleted, among a million entries. For every 2,048 records there is a column of who and a column of what was
//! done: a list of the values that occur, as short digests, and for each record a number into the list. Where Ben does not occur, the
//! stretch is passed over; where he does, the records of his deletions are read, and judged by what they say themselves. So a column can
//! be wrong only by keeping a record from being read, and columns can be made anew at any time.

use sha2::{Digest as _, Sha256};
use store::{Store, StoreError, Summary};

/// So many records are a stretch. Stretches begin at the revisions 1, 2,049, and so on, and have columns once they are full.
pub const STRETCH: u64 = 2048;
/// The version of what values are made of. Columns of another one are as if they were not there.
const VERSION: &str = "1";

/// A value as a column has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Digest([u8; 8]);

impl Digest {
    /// The record says nothing of the field.
    pub const NOTHING: Digest = Digest([0; 8]);
    /// The record alone does not tell: it fits whatever is asked.
    pub const UNTOLD: Digest = Digest([0xff; 8]);

    /// Of a value. 64 bits of a cryptographic digest, so that nobody can choose a name that hides behind another.
    pub fn of(value: &str) -> Digest {
        let whole: [u8; 32] = Sha256::digest(value.as_bytes()).into();
        let mut short = [0; 8];
        short.copy_from_slice(&whole[..8]);
        Digest(short)
    }
}

/// A question to one column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The field.
    pub field: &'static str,
    /// The values.
    pub values: Vec<Digest>,
    /// Whether they are those that are left out.
    pub not: bool,
}

impl Wanted {
    fn fits(&self, digest: Digest) -> bool {
        digest == Digest::UNTOLD || self.values.contains(&digest) != self.not
    }
}

/// The name under which a column is kept.
fn kind(field: &str) -> String {
    format!("audit{VERSION}/{field}")
}

/// The first revision of the stretch that a revision is in.
pub fn first_of(revision: u64) -> u64 {
    (revision - 1) / STRETCH * STRETCH + 1
}

/// The column of a field over a stretch: the values that occur, then for each record the number of its value.
pub fn column(field: &str, first: u64, digests: &[Digest]) -> Summary {
    let mut values: Vec<Digest> = digests.to_vec();
    values.sort_unstable();
    values.dedup();
    let mut bytes = Vec::with_capacity(2 + values.len() * 8 + digests.len() * 2);
    bytes.extend_from_slice(&(values.len() as u16).to_be_bytes());
    values.iter().for_each(|value| bytes.extend_from_slice(&value.0));
    if values.len() > 1 {
        for digest in digests {
            let at = values.binary_search(digest).unwrap_or_default() as u16;
            match values.len() {
                ..=256 => bytes.push(at as u8),
                _ => bytes.extend_from_slice(&at.to_be_bytes()),
            }
        }
    }
    Summary { kind: kind(field).into(), first, bytes }
}

/// Takes out of `fitting`, one for each record of a stretch, those that do not fit; false if the column cannot be read.
fn narrow(bytes: &[u8], wanted: &Wanted, fitting: &mut [bool]) -> bool {
    let Some((count, rest)) = bytes.split_first_chunk::<2>() else { return false };
    let count = usize::from(u16::from_be_bytes(*count));
    let Some((values, numbers)) = rest.split_at_checked(count * 8) else { return false };
    let fits: Vec<bool> = values.as_chunks::<8>().0.iter().map(|value| wanted.fits(Digest(*value))).collect();
    let fit = |at: usize| fits.get(at).copied().unwrap_or(true);
    match (count, numbers.len()) {
        (0, _) => return false,
        (1, 0) => fitting.iter_mut().for_each(|one| *one &= fit(0)),
        (2..=256, length) if length == fitting.len() => {
            fitting.iter_mut().zip(numbers).for_each(|(one, at)| *one &= fit(usize::from(*at)));
        }
        (257.., length) if length == fitting.len() * 2 => {
            let numbers = numbers.as_chunks::<2>().0;
            fitting.iter_mut().zip(numbers).for_each(|(one, at)| *one &= fit(usize::from(u16::from_be_bytes(*at))));
        }
        _ => return false,
    }
    true
}

/// For each stretch whose first revision is from `from` to `to`: the revisions that can fit, ascending; none where a column is missing,
/// so that all of its records must be read.
///
/// # Errors
/// When the database cannot be read.
pub async fn candidates(
    store: &Store,
    stream: &str,
    wanted: &[Wanted],
    from: u64,
    to: u64,
) -> Result<Vec<Option<Vec<u64>>>, StoreError> {
    let stretches = ((to - from) / STRETCH + 1) as usize;
    let mut fitting = vec![[true; STRETCH as usize]; stretches];
    let mut is_whole = vec![true; stretches];
    for one in wanted {
        let mut columns = store.summaries(stream, &kind(one.field), from, to).await?.into_iter().peekable();
        for (at, (fitting, is_whole)) in fitting.iter_mut().zip(&mut is_whole).enumerate() {
            let first = from + at as u64 * STRETCH;
            let column = columns.next_if(|column| column.first == first);
            *is_whole &= column.is_some_and(|column| narrow(&column.bytes, one, fitting));
        }
    }
    let revisions = |(at, fitting): (usize, [bool; STRETCH as usize])| {
        let first = from + at as u64 * STRETCH;
        (first..).zip(fitting).filter_map(|(revision, fits)| fits.then_some(revision)).collect()
    };
    let found = fitting.into_iter().enumerate().map(revisions).zip(is_whole);
    Ok(found.map(|(revisions, is_whole)| is_whole.then_some(revisions)).collect())
}

/// Up to which revision, from the first after `from` on, a log has columns of a field. `from` is where a stretch ends, or 0.
///
/// # Errors
/// When the database cannot be read.
pub async fn reach(store: &Store, stream: &str, field: &str, from: u64) -> Result<u64, StoreError> {
    let columns = store.summaries(stream, &kind(field), from + 1, u64::MAX).await?;
    let unbroken = columns.iter().zip(0..).take_while(|(column, at)| column.first == from + at * STRETCH + 1);
    Ok(from + unbroken.count() as u64 * STRETCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn narrowed(digests: &[Digest], wanted: &Wanted) -> Vec<bool> {
        let column = column("x", 1, digests);
        let mut fitting = vec![true; digests.len()];
        assert!(narrow(&column.bytes, wanted, &mut fitting));
        fitting
    }

    #[test]
    fn a_column_tells_which_records_can_fit() {
        let digest = |at: usize| match at % 10 {
            0 => Digest::UNTOLD,
            1 => Digest::NOTHING,
            _ => Digest::of(&at.to_string()),
        };
        // Of one value, of few, and of so many that a byte does not number them.
        for count in [1, 2, 9, 100, 256, 257, 300, 2048] {
            let digests: Vec<Digest> = (0..count).map(digest).collect();
            for not in [false, true] {
                let wanted = Wanted { field: "x", values: vec![Digest::of("2"), Digest::of("257")], not };
                let expected: Vec<bool> = digests
                    .iter()
                    .map(|digest| *digest == Digest::UNTOLD || wanted.values.contains(digest) != not)
                    .collect();
                assert_eq!(narrowed(&digests, &wanted), expected, "{count} {not}");
            }
        }
        assert_eq!(
            column("x", 1, &[Digest::NOTHING; 2048]).bytes.len(),
            10,
            "what is the same everywhere takes no room"
        );
    }

    #[test]
    fn what_cannot_be_read_is_no_column() {
        let wanted = Wanted { field: "x", values: vec![], not: false };
        let whole = column("x", 1, &[Digest::NOTHING, Digest::UNTOLD]).bytes;
        for cut in 0..whole.len() {
            assert!(!narrow(&whole[..cut], &wanted, &mut [true; 2]), "{cut}");
        }
        assert!(!narrow(&whole, &wanted, &mut [true; 3]));
    }

    #[test]
    fn stretches_begin_at_the_first_revision() {
        for (revision, first) in [(1, 1), (2048, 1), (2049, 2049), (4096, 2049), (4097, 4097)] {
            assert_eq!(first_of(revision), first);
        }
    }
}
