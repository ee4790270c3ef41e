//! Which installation of Isomer started something: processes, containers and pods carry its id, so that
//! nobody ends what is another's.

use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use uuid::Uuid;

/// The file in the data folder: one line with a UUID.
const FILE: &str = "installation";
/// Longer files are none of ours.
const MAX_BYTES: u64 = 256;

/// Returns the id of this installation; the first call makes it. Blocks.
///
/// # Errors
/// The file cannot be read or written, or holds no UUID. Nothing may be started then: it could not
/// be told from what others have started.
pub fn id(data_dir: &Path) -> io::Result<Uuid> {
    let text = kept(data_dir, FILE, Uuid::new_v4().to_string())?;
    text.parse().map_err(|_| io::Error::other("the file of the installation holds no UUID"))
}

/// Returns the line in a private file of the data folder; the first call puts `fresh` there. Blocks.
///
/// # Errors
/// The file cannot be read or written.
pub(super) fn kept(data_dir: &Path, name: &str, fresh: String) -> io::Result<String> {
    let path = data_dir.join(name);
    match read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        found => return found,
    }
    // Written beside and linked into place: whoever finds it finds all of it, and the first one wins.
    let draft = data_dir.join(format!(".{name}-{}", Uuid::new_v4()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    file.write_all(format!("{fresh}\n").as_bytes())?;
    file.sync_all()?;
    let linked = std::fs::hard_link(&draft, &path);
    std::fs::remove_file(&draft)?;
    match linked {
        Ok(()) => Ok(fresh),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => read(&path),
        Err(error) => Err(error),
    }
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?.take(MAX_BYTES).read_to_string(&mut text)?;
    Ok(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn an_installation_keeps_its_id() {
        let folder = tempfile::tempdir().unwrap();
        let first = id(folder.path()).unwrap();
        assert_eq!(id(folder.path()).unwrap(), first);
        let file = folder.path().join(FILE);
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left");
        std::fs::write(file, "nonsense").unwrap();
        assert!(id(folder.path()).is_err(), "it is not made anew");
    }

    #[test]
    fn many_first_calls_agree() {
        let folder = tempfile::tempdir().unwrap();
        let ids: Vec<_> = std::thread::scope(|scope| {
            let calls: Vec<_> =
                (0..8).map(|_| scope.spawn(|| id(folder.path()).unwrap())).collect();
            calls.into_iter().map(|call| call.join().unwrap()).collect()
        });
        assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    }
}
