//! Reading a backup. Everything is checked before anything is made of it: a file is read once to its end, and only then once more.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{Context, bail, ensure};
use data_encoding::HEXLOWER;
use model::time::Timestamp;
use sha2::{Digest, Sha256};
use store::Row;
use zstd::stream::read::Decoder;

use super::line::{Heads, Line, VERSION};

/// The rows of a backup.
pub struct Reader {
    lines: BufReader<Decoder<'static, BufReader<File>>>,
    heads: Heads,
    digest: Sha256,
    made_at: Timestamp,
    /// Those read so far, and the lines, of which the first and the last are no rows.
    rows: u64,
    line: u64,
    is_over: bool,
}

impl Reader {
    /// Opens the file.
    ///
    /// # Errors
    /// When it is no backup, or one of a newer release.
    pub fn open(path: &Path) -> anyhow::Result<Reader> {
        let file = File::open(path).with_context(|| format!("cannot read `{}`", path.display()))?;
        let lines = BufReader::new(Decoder::new(file)?);
        let (heads, digest, made_at) = (Heads::default(), Sha256::new(), Timestamp::from_micros(0));
        let mut reader = Reader { lines, heads, digest, made_at, rows: 0, line: 0, is_over: false };
        match reader.line().with_context(|| format!("`{}` is no backup", path.display()))? {
            Some(Line::Backup { version: VERSION, made_at }) => reader.made_at = made_at,
            Some(Line::Backup { version, .. }) => {
                bail!(
                    "`{}` has version {version}, this program reads {VERSION}; use a newer portcullis",
                    path.display()
                )
            }
            _ => bail!("`{}` is no backup", path.display()),
        }
        Ok(reader)
    }

    /// Reads the file to its end. Tells of when it is, and how many rows it has.
    ///
    /// # Errors
    /// When it is damaged or cut short.
    pub fn check(path: &Path) -> anyhow::Result<(Timestamp, u64)> {
        let mut reader = Reader::open(path)?;
        while reader
            .next()
            .with_context(|| format!("`{}` is damaged, and nothing was restored", path.display()))?
            .is_some()
        {}
        Ok((reader.made_at, reader.rows))
    }

    /// The next row; none at the end of a whole file.
    ///
    /// # Errors
    /// When the file is damaged or cut short.
    pub fn next(&mut self) -> anyhow::Result<Option<Row>> {
        if self.is_over {
            return Ok(None);
        }
        let digest = self.digest.clone();
        match self.line()? {
            None => bail!("it was cut short after {} rows", self.rows),
            Some(Line::End { rows, sha256 }) => {
                ensure!(rows == self.rows, "it says that it has {rows} rows, and has {}", self.rows);
                ensure!(sha256 == HEXLOWER.encode(&digest.finalize()), "its digest does not fit its content");
                ensure!(self.line()?.is_none(), "something follows its end");
                self.is_over = true;
                Ok(None)
            }
            Some(line) => {
                self.rows += 1;
                let number = self.line;
                let row = self.heads.row_of(line).map_err(|what| anyhow::anyhow!("line {number}: {what}"))?;
                match row {
                    Some(row) => Ok(Some(row)),
                    None => bail!("line {number}: a second beginning"),
                }
            }
        }
    }

    fn line(&mut self) -> anyhow::Result<Option<Line>> {
        let mut bytes = Vec::new();
        self.lines.read_until(b'\n', &mut bytes)?;
        if bytes.is_empty() {
            return Ok(None);
        }
        self.digest.update(&bytes);
        self.line += 1;
        Ok(Some(serde_json::from_slice(&bytes).with_context(|| format!("line {}", self.line))?))
    }
}
