//! Closes in the program that is about to be executed whatever the server itself inherited.
#![expect(unsafe_code, reason = "a descriptor that was inherited has no owner in this program")]

use std::io;
use std::os::fd::{BorrowedFd, RawFd};

use rustix::io::{Errno, FdFlags, fcntl_setfd};

/// Standard input, output and error.
const STANDARD: RawFd = 2;

/// Marks every open descriptor beside the standard ones and `kept` to be closed on exec. To be
/// called while no other thread runs.
pub(super) fn keep_only(kept: Option<RawFd>) -> io::Result<()> {
    let mut open = Vec::new();
    for entry in std::fs::read_dir("/proc/self/fd")? {
        let number = entry?.file_name().to_str().and_then(|name| name.parse::<RawFd>().ok());
        open.extend(number.filter(|number| *number > STANDARD && Some(*number) != kept));
    }
    for number in open {
        // SAFETY: the number is not -1, as it was parsed from the name of an open descriptor. It is
        // borrowed for one call that changes a flag, and neither closes nor keeps it. The one of the
        // listing itself is closed by now: the call answers EBADF then, which is ignored.
        let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
        match fcntl_setfd(borrowed, FdFlags::CLOEXEC) {
            Ok(()) | Err(Errno::BADF) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
