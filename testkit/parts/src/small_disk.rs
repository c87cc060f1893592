//! A disk that is soon full: a file system in memory of a few megabytes.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// A file system of its own. It is gone when this is dropped.
#[derive(Debug)]
pub struct SmallDisk {
    path: PathBuf,
}

impl SmallDisk {
    /// Makes one that the user may write to. None, and a word about it, for whoever may not mount anything.
    ///
    /// # Panics
    /// When its folder cannot be made.
    pub fn mount(megabytes: u32, user: &str) -> Option<SmallDisk> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("portcullis-small-disk-{}-{number}", std::process::id()));
        std::fs::create_dir(&path).expect("a folder");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={megabytes}m,uid={user},mode=0700"), "tmpfs"]).arg(&path);
        let disk = SmallDisk { path };
        if mount.output().is_ok_and(|output| output.status.success()) {
            return Some(disk);
        }
        eprintln!("a disk cannot be mounted by this user; this test did not run");
        None
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // What is still in use is let go of lazily; a folder that stays is only litter.
        drop(Command::new("umount").arg("--lazy").arg(&self.path).output());
        drop(std::fs::remove_dir(&self.path));
    }
}
