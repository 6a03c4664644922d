//! Whether a folder is on a network disk, where locks and shared memory, which SQLite lives by, are not to be trusted.

use std::path::Path;

/// Kinds of file systems behind a network, as the kernel names them.
const NETWORK: [&str; 19] = [
    "9p",
    "afs",
    "ceph",
    "cifs",
    "coda",
    "fuse.glusterfs",
    "fuse.rclone",
    "fuse.s3fs",
    "fuse.sshfs",
    "gfs2",
    "glusterfs",
    "lustre",
    "ncpfs",
    "nfs",
    "nfs4",
    "ocfs2",
    "smb3",
    "smbfs",
    "webdavfs",
];

/// The kind of network disk a folder is on; none where it is on a local one, or where the system does not say.
pub(crate) fn network(folder: &Path) -> Option<String> {
    let folder = folder.canonicalize().ok()?;
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").ok()?;
    let kind = kind_of(&mounts, &folder)?;
    NETWORK.contains(&kind.as_str()).then_some(kind)
}

/// The kind of the file system that a path lies on, by a table as of `/proc/self/mountinfo` (proc_pid_mountinfo(5)).
fn kind_of(mounts: &str, path: &Path) -> Option<String> {
    let mut best: Option<(usize, &str)> = None;
    for line in mounts.lines() {
        let Some((left, right)) = line.split_once(" - ") else { continue };
        let (Some(point), Some(kind)) = (left.split(' ').nth(4), right.split(' ').next()) else { continue };
        let point = unescaped(point);
        // A later mount covers an earlier one at the same place.
        if path.starts_with(&point) && best.is_none_or(|(length, _)| point.len() >= length) {
            best = Some((point.len(), kind));
        }
    }
    best.map(|(_, kind)| kind.to_owned())
}

/// A mount point with its octal escapes (space, tab, newline, backslash) undone.
fn unescaped(text: &str) -> String {
    ["\\040", "\\011", "\\012", "\\134"]
        .into_iter()
        .zip([" ", "\t", "\n", "\\"])
        .fold(text.to_owned(), |text, (escape, letter)| text.replace(escape, letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:40 / /home rw,relatime - nfs4 server:/home rw
31 30 8:2 / /home/me/local rw - xfs /dev/sdb1 rw
32 22 0:41 / /mnt/with\\040space rw - fuse.sshfs me@host: rw
33 22 0:42 / /over rw - nfs a:/ rw
34 22 0:43 / /over rw - tmpfs none rw
";

    #[test]
    fn the_nearest_mount_decides() {
        let cases = [
            ("/var/x", "ext4"),
            ("/home/me/.local/share", "nfs4"),
            ("/home/me/local/share", "xfs"),
            ("/homestead", "ext4"),
            ("/mnt/with space/x", "fuse.sshfs"),
            ("/over/x", "tmpfs"),
        ];
        for (path, kind) in cases {
            assert_eq!(kind_of(TABLE, Path::new(path)).as_deref(), Some(kind), "{path}");
        }
        assert!(NETWORK.is_sorted());
        assert_eq!(network(&std::env::temp_dir()), None, "tests run on a local disk");
    }
}
