//! The file of the server's secret key: 32 random bytes as 64 hex digits, readable by the owner only.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use rand::TryRngCore;
use runtime::secrets::Secrets;

use crate::arguments::{Data, SecretKey};

const BYTES: usize = 32;

/// Where the key is: as given, or beside the database.
pub fn path(data: &Data, secret_key: &SecretKey) -> PathBuf {
    match &secret_key.secret_key_file {
        Some(path) => path.clone(),
        None => data.database.folder().join("secret.key"),
    }
}

/// Reads the key.
///
/// # Errors
/// When it is missing, malformed, or readable by everybody on the machine.
pub fn read(path: &Path) -> anyhow::Result<Secrets> {
    let name = path.display();
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => bail!(
            "the secret key `{name}` is missing; put it back from a backup, or name it with `--secret-key-file`: \
             without it no token or key can be checked"
        ),
        Err(error) => return Err(error).with_context(|| format!("cannot read the secret key `{name}`")),
    };
    check_mode(&file, path)?;
    let text = std::io::read_to_string(file).with_context(|| format!("cannot read the secret key `{name}`"))?;
    let Some(key) = from_hex(text.trim()) else {
        bail!("the secret key `{name}` must have {} hex digits, as `portcullis init` writes it", 2 * BYTES);
    };
    Ok(Secrets::new(&key))
}

/// Reads the key, or makes it if there is none.
///
/// # Errors
/// As for [`read`]; when it cannot be written.
pub fn read_or_create(path: &Path) -> anyhow::Result<Secrets> {
    match create(path) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error).with_context(|| format!("cannot write the secret key `{}`", path.display())),
    }
    read(path)
}

/// Makes the key. It is whole before it has its name, so that a crash leaves none rather than half of one.
fn create(path: &Path) -> std::io::Result<()> {
    if path.try_exists()? {
        return Err(ErrorKind::AlreadyExists.into());
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut key = [0; BYTES];
    rand::rngs::OsRng.try_fill_bytes(&mut key).map_err(std::io::Error::other)?;
    let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let unfinished = path.with_extension("unfinished");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&unfinished)?;
    writeln!(file, "{hex}")?;
    file.sync_all()?;
    fs::rename(&unfinished, path)
}

#[cfg(unix)]
fn check_mode(file: &File, path: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = file
        .metadata()
        .with_context(|| format!("cannot read the secret key `{}`", path.display()))?
        .permissions()
        .mode();
    if mode & 0o007 != 0 {
        let name = path.display();
        bail!("everybody on this machine may read or change the secret key `{name}`; run `chmod 600 {name}`");
    }
    Ok(())
}

#[cfg(not(unix))]
fn check_mode(_: &File, _: &Path) -> anyhow::Result<()> {
    Ok(())
}

fn from_hex(text: &str) -> Option<[u8; BYTES]> {
    let mut key = [0; BYTES];
    if text.len() != 2 * BYTES || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (index, byte) in key.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    Some(key)
}
