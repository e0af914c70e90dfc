//! The index that saves reading files again.
//!
//! A file is taken for unchanged when its length, its times of modification and of change, its inode and
//! its device are those that it had when it was hashed, and these times are older than that moment by
//! more than the file system may blur them. A torn or foreign index counts as none.

use std::fs::{self, Metadata};
use std::io::Write;
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use base::Digest;

use crate::packs::format::Numbers;
use crate::{Error, Result, StoredTree};

const MAGIC: &[u8; 8] = b"GNGSTAT1";
/// How much a file system that keeps fractions of seconds may blur times, in nanoseconds.
const FINE_BLUR: i128 = 50_000_000;
/// The same for one that keeps whole seconds, or even ones.
const COARSE_BLUR: i128 = 2_100_000_000;

/// What a file looks like from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Look {
    bytes: u64,
    modified_ns: i128,
    changed_ns: i128,
    inode: u64,
    device: u64,
}

impl Look {
    pub(super) fn of(known: &Metadata) -> Self {
        let nanos = |seconds: i64, nanos: i64| i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
        Self {
            bytes: known.len(),
            modified_ns: nanos(known.mtime(), known.mtime_nsec()),
            changed_ns: nanos(known.ctime(), known.ctime_nsec()),
            inode: known.ino(),
            device: known.dev(),
        }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether a change right after `looked_at` would show in the times.
    fn is_settled(&self, looked_at_ns: i128) -> bool {
        let newest = self.modified_ns.max(self.changed_ns);
        let blur = if newest % 1_000_000_000 == 0 { COARSE_BLUR } else { FINE_BLUR };
        newest + blur < looked_at_ns
    }
}

/// What was found the last time.
#[derive(Debug, Default)]
pub(super) struct StatIndex {
    /// The tree that the files made.
    pub(super) tree: Option<StoredTree>,
    looked_at_ns: i128,
    content: Vec<u8>,
    /// In the order of their names; a name is where it lies in the content.
    files: Vec<Known>,
}

#[derive(Debug)]
struct Known {
    name: Range<usize>,
    look: Look,
    digest: Digest,
}

impl StatIndex {
    /// Reads an index; an empty one where there is none that can be used.
    pub(super) fn read(path: &Path) -> Self {
        fs::read(path).ok().and_then(Self::parse).unwrap_or_default()
    }

    fn parse(content: Vec<u8>) -> Option<Self> {
        let (body, sum) = content.split_at_checked(content.len().checked_sub(32)?)?;
        if Digest::of(body).as_bytes() != sum {
            return None;
        }
        let mut rest = Numbers(body.strip_prefix(MAGIC)?);
        let looked_at_ns = i128::from(rest.u64().ok()?);
        let tree =
            StoredTree { digest: rest.digest().ok()?, files: rest.u64().ok()?, bytes: rest.u64().ok()? };
        let mut files: Vec<Known> =
            Vec::with_capacity(usize::try_from(tree.files).ok()?.min(body.len() / 64));
        let mut before: &[u8] = &[];
        while !rest.0.is_empty() {
            let length = rest.u32().ok()? as usize;
            let at = body.len() - rest.0.len();
            let (name, after) = rest.0.split_at_checked(length)?;
            // The order is what makes looking up cheap.
            if !files.is_empty() && before >= name {
                return None;
            }
            before = name;
            rest = Numbers(after);
            let look = Look {
                bytes: rest.u64().ok()?,
                modified_ns: i128::from(rest.u64().ok()?),
                changed_ns: i128::from(rest.u64().ok()?),
                inode: rest.u64().ok()?,
                device: rest.u64().ok()?,
            };
            files.push(Known { name: at..at + length, look, digest: rest.digest().ok()? });
        }
        Some(Self { tree: Some(tree), looked_at_ns, files, content })
    }

    /// The digest of each file that cannot have changed. The files must be in the order of their paths.
    pub(super) fn unchanged<'a>(&self, files: impl Iterator<Item = (&'a str, Look)>) -> Vec<Option<Digest>> {
        let mut known = self.files.iter().peekable();
        files
            .map(|(path, look)| {
                while known.next_if(|known| self.name(known) < path.as_bytes()).is_some() {}
                let known = known.next_if(|known| self.name(known) == path.as_bytes())?;
                (known.look == look && look.is_settled(self.looked_at_ns)).then_some(known.digest)
            })
            .collect()
    }

    fn name(&self, known: &Known) -> &[u8] {
        self.content.get(known.name.clone()).unwrap_or_default()
    }

    /// How many files it lists.
    pub(super) fn len(&self) -> usize {
        self.files.len()
    }

    /// Writes an index in one step.
    pub(super) fn write<'a>(
        path: &Path,
        tree: StoredTree,
        looked_at_ns: i128,
        files: impl Iterator<Item = (&'a str, Look, Digest)>,
    ) -> Result<()> {
        // Times before 1970 are kept as 1970: such files are read again each time.
        let nanos = |time: i128| u64::try_from(time).unwrap_or_default().to_le_bytes();
        let mut content = MAGIC.to_vec();
        content.extend_from_slice(&nanos(looked_at_ns));
        content.extend_from_slice(tree.digest.as_bytes());
        content.extend_from_slice(&tree.files.to_le_bytes());
        content.extend_from_slice(&tree.bytes.to_le_bytes());
        for (name, look, digest) in files {
            content.extend_from_slice(&u32::try_from(name.len()).unwrap_or_default().to_le_bytes());
            content.extend_from_slice(name.as_bytes());
            content.extend_from_slice(&look.bytes.to_le_bytes());
            content.extend_from_slice(&nanos(look.modified_ns));
            content.extend_from_slice(&nanos(look.changed_ns));
            content.extend_from_slice(&look.inode.to_le_bytes());
            content.extend_from_slice(&look.device.to_le_bytes());
            content.extend_from_slice(digest.as_bytes());
        }
        let sum = Digest::of(&content);
        content.extend_from_slice(sum.as_bytes());
        let failed = |source| Error::Folder { action: "write", key: path.display().to_string(), source };
        let parent = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(parent).map_err(failed)?;
        let aside = parent.join(base::id::new_hex_id());
        let written = fs::File::create_new(&aside).and_then(|mut file| file.write_all(&content));
        let put = written.and_then(|()| fs::rename(&aside, path));
        if put.is_err() {
            let _ = fs::remove_file(&aside);
        }
        put.map_err(failed)
    }
}
