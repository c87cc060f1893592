//! An account in a file, signed: what it decides, it decides as the server does, without the server.
//!
//! ```text
//! portcullis snapshot 1            what it is
//! {"account_id": …, …}             the head: JSON, one line
//! …                                the rest but 64 bytes: lines of JSON, compressed with zstd: the operator's catalogue files, then
//!                                  each document
//! 64 bytes                         the Ed25519 signature (RFC 8032) of all that is before
//! ```
//!
//! Digests of secrets are not in it. Who a token belongs to is for whoever authenticated it to say, by the token's id.

use std::io::{self, BufRead, BufReader, Write as _};
use std::sync::Arc;

use catalog::Catalog;
use data_encoding::HEXLOWER;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use model::account_state::Malformed;
use model::change::Document;
use model::ids::{AccountId, Revision};
use model::time::Timestamp;
use model::tokens::Token;
use serde::{Deserialize, Serialize};

use crate::{Account, Engine};

const MAGIC: &[u8] = b"portcullis snapshot 1\n";
/// Small, and quick to open.
const COMPRESSION: i32 = 9;
/// A longer head is none that we wrote.
const LONGEST_HEAD: usize = 4096;

/// What a file says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The account.
    pub account_id: AccountId,
    /// Its revision.
    pub revision: Revision,
    /// The hash of the commit that made it, in hex digits: its place in the log.
    pub hash: Box<str>,
    /// The time of that commit.
    pub at: Timestamp,
    /// When the file was made.
    pub made_on: Timestamp,
    /// From when on it must not be decided from.
    pub expires_on: Timestamp,
}

/// The private half of what files are signed with.
pub struct SealingKey(SigningKey);

impl SealingKey {
    /// From 32 secret bytes.
    pub fn new(seed: &[u8; 32]) -> SealingKey {
        SealingKey(SigningKey::from_bytes(seed))
    }

    /// The public half, for whoever opens files.
    pub fn opening_key(&self) -> OpeningKey {
        OpeningKey(self.0.verifying_key())
    }

    /// The signature of some bytes.
    pub fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        self.0.sign(bytes).to_bytes()
    }
}

impl std::fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealingKey(…)")
    }
}

/// The public half of what files are signed with: 64 hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpeningKey(VerifyingKey);

impl OpeningKey {
    /// The key of these bytes; `None` where they are none.
    pub fn from_bytes(bytes: &[u8; 32]) -> Option<OpeningKey> {
        VerifyingKey::from_bytes(bytes).ok().filter(|key| !key.is_weak()).map(OpeningKey)
    }

    /// Its bytes.
    pub fn to_bytes(self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// Whether it is the signature of these bytes by the other half of this key.
    pub fn has_signed(&self, bytes: &[u8], signature: &[u8; 64]) -> bool {
        self.0.verify_strict(bytes, &Signature::from_bytes(signature)).is_ok()
    }
}

impl std::fmt::Display for OpeningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&HEXLOWER.encode(self.0.as_bytes()))
    }
}

/// The text is not 64 hex digits, or no point of the curve.
#[derive(Debug, thiserror::Error)]
#[error("a key to open snapshots has 64 hex digits, as `portcullis snapshot key` prints it")]
pub struct NotAnOpeningKey;

impl std::str::FromStr for OpeningKey {
    type Err = NotAnOpeningKey;

    fn from_str(text: &str) -> Result<OpeningKey, NotAnOpeningKey> {
        let bytes = HEXLOWER.decode(text.as_bytes()).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        bytes.and_then(|bytes| OpeningKey::from_bytes(&bytes)).ok_or(NotAnOpeningKey)
    }
}

/// Why a file was not opened. Nothing can be decided from it.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file is something else, or of another version.
    #[error("it is no snapshot that this program knows")]
    Unknown,
    /// Somebody else signed it, or it was changed since.
    #[error("its signature is not right: it was changed, or signed with another key")]
    Forged,
    /// It must not be decided from any more.
    #[error("it was good until {0}; export another one")]
    Expired(Timestamp),
    /// It is signed, and yet cannot be read: it is of another release.
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    /// A catalogue file in it does not fit the built-in catalogue of this release.
    #[error("{0}")]
    Catalogue(#[from] catalog::CatalogError),
    /// A document does not fit the others.
    #[error("it cannot be read: {0}")]
    Malformed(#[from] Malformed),
}

/// Writes an account into a file. The catalogue's files go with it.
///
/// # Errors
/// When a document cannot be written as JSON, which is our fault.
pub fn seal(account: &Account, head: &Head, key: &SealingKey) -> io::Result<Vec<u8>> {
    let mut bytes = MAGIC.to_vec();
    serde_json::to_writer(&mut bytes, head)?;
    bytes.push(b'\n');
    let mut body = zstd::stream::write::Encoder::new(bytes, COMPRESSION)?;
    serde_json::to_writer(&mut body, account.engine().catalog().files())?;
    for document in account.documents() {
        body.write_all(b"\n")?;
        serde_json::to_writer(&mut body, &without_secrets(document))?;
    }
    let mut bytes = body.finish()?;
    let signature = key.sign(&bytes);
    bytes.extend_from_slice(&signature);
    Ok(bytes)
}

fn without_secrets(document: Document) -> Document {
    match document {
        Document::Token(token) => Document::Token(Token { digest: None, ..Token::clone(&token) }.into()),
        other => other,
    }
}

/// Reads a file that was signed with that key and is good at that time.
///
/// # Errors
/// [`OpenError`]; then nothing of it was believed.
pub fn open(bytes: &[u8], key: &OpeningKey, now: Timestamp) -> Result<(Head, Account), OpenError> {
    let (head, body) = check(bytes, key)?;
    if head.expires_on <= now {
        return Err(OpenError::Expired(head.expires_on));
    }
    let mut lines = BufReader::new(zstd::stream::read::Decoder::new(body)?).lines();
    let first = lines.next().ok_or_else(|| io::Error::other("it is empty"))??;
    let files: Vec<(Box<str>, Box<str>)> = serde_json::from_str(&first).map_err(io::Error::from)?;
    let extend = |catalog: Catalog, (name, text): &(Box<str>, Box<str>)| catalog.with_file(text, name);
    let catalog = files.iter().try_fold(Catalog::builtin(), extend)?;
    let engine = Engine::new(Arc::new(catalog));
    let document = |line: io::Result<String>| Ok::<Document, io::Error>(serde_json::from_str(&line?)?);
    let documents = lines.map(document).collect::<Result<Vec<Document>, io::Error>>()?;
    let account = Account::load(&engine, head.revision, documents)?;
    Ok((head, account))
}

/// What a file says of itself, if it was signed with that key; whether it is still good is not looked at.
///
/// # Errors
/// [`OpenError::Unknown`] and [`OpenError::Forged`].
pub fn head(bytes: &[u8], key: &OpeningKey) -> Result<Head, OpenError> {
    check(bytes, key).map(|(head, _)| head)
}

/// The signature first: nothing else is looked at before it is known whose the bytes are.
fn check<'a>(bytes: &'a [u8], key: &OpeningKey) -> Result<(Head, &'a [u8]), OpenError> {
    let rest = bytes.strip_prefix(MAGIC).ok_or(OpenError::Unknown)?;
    let (signed, signature) = bytes.split_last_chunk::<{ Signature::BYTE_SIZE }>().ok_or(OpenError::Forged)?;
    if !key.has_signed(signed, signature) {
        return Err(OpenError::Forged);
    }
    let end = rest.iter().take(LONGEST_HEAD).position(|byte| *byte == b'\n').ok_or(OpenError::Unknown)?;
    let head = serde_json::from_slice(&rest[..end]).map_err(|_| OpenError::Unknown)?;
    Ok((head, &rest[end + 1..rest.len() - Signature::BYTE_SIZE]))
}
