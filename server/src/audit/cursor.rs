//! Where the next page begins: the place of the last entry that was looked at, sealed together with the question, so that it fits no
//! other question and nobody can make one up (D78).

use runtime::audit::merged::Mark;
use runtime::secrets::{Secrets, same_seal};

/// How much of a seal a cursor carries, in bytes.
const SEAL: usize = 16;

/// The cursor that continues a question after an entry.
pub fn write(secrets: &Secrets, question: &[&[u8]], mark: &Mark) -> String {
    let mut bytes = Vec::with_capacity(64);
    bytes.extend_from_slice(&mark.at.to_be_bytes());
    bytes.extend_from_slice(&mark.revision.to_be_bytes());
    bytes.extend_from_slice(mark.stream.as_bytes());
    let seal = seal(secrets, question, &bytes);
    seal[..SEAL].iter().chain(&bytes).map(|byte| format!("{byte:02x}")).collect()
}

/// The place after which a cursor continues, if this server made it for this question.
pub fn read(secrets: &Secrets, question: &[&[u8]], cursor: &str) -> Option<Mark> {
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if !cursor.len().is_multiple_of(2) || !cursor.bytes().all(is_hex) {
        return None;
    }
    let byte = |at: usize| u8::from_str_radix(cursor.get(at..at + 2)?, 16).ok();
    let all: Vec<u8> = (0..cursor.len()).step_by(2).map(byte).collect::<Option<_>>()?;
    let (given, bytes) = all.split_at_checked(SEAL)?;
    if !same_seal(given, &seal(secrets, question, bytes)[..SEAL]) {
        return None;
    }
    let (at, rest) = bytes.split_first_chunk::<8>()?;
    let (revision, stream) = rest.split_first_chunk::<8>()?;
    Some(Mark {
        at: i64::from_be_bytes(*at),
        revision: u64::from_be_bytes(*revision),
        stream: String::from_utf8(stream.to_vec()).ok()?.into(),
    })
}

fn seal(secrets: &Secrets, question: &[&[u8]], bytes: &[u8]) -> [u8; 32] {
    let parts: Vec<&[u8]> = [b"audit".as_slice()].into_iter().chain(question.iter().copied()).chain([bytes]).collect();
    secrets.page_seal(&parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark() -> Mark {
        Mark { at: 1_737_732_696_759_979, stream: "account/00".into(), revision: 17 }
    }

    #[test]
    fn a_cursor_reads_back_for_its_own_question_alone() {
        let secrets = Secrets::new(&[1; 32]);
        let cursor = write(&secrets, &[b"who", b"what"], &mark());
        assert_eq!(read(&secrets, &[b"who", b"what"], &cursor), Some(mark()));
        assert_eq!(read(&secrets, &[b"who", b"else"], &cursor), None);
        assert_eq!(read(&Secrets::new(&[2; 32]), &[b"who", b"what"], &cursor), None);
    }

    #[test]
    fn a_cursor_that_was_changed_anywhere_is_none() {
        let secrets = Secrets::new(&[1; 32]);
        let cursor = write(&secrets, &[b"q"], &mark());
        for at in 0..cursor.len() {
            let mut changed = cursor.clone().into_bytes();
            changed[at] = if changed[at] == b'0' { b'1' } else { b'0' };
            assert_eq!(read(&secrets, &[b"q"], &String::from_utf8(changed).unwrap()), None, "at {at}");
            assert_eq!(read(&secrets, &[b"q"], &cursor[..at]), None, "cut at {at}");
        }
        for none in ["", "0", "zz", "\u{e9}\u{e9}", &cursor.to_uppercase()] {
            assert_eq!(read(&secrets, &[b"q"], none), None);
        }
    }
}
