//! Thirty-two bytes on a page of their own: never swapped, never in a core dump, erased at the end.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::fmt;
use std::ptr::NonNull;

use rustix::mm::{Advice, madvise, mlock, munlock};
use zeroize::Zeroize;

/// A key in a page that holds nothing else.
pub struct Locked {
    page: NonNull<u8>,
    layout: Layout,
    pinned: bool,
}

// SAFETY: `Locked` owns its page alone, and hands out only shared references to bytes that are
// written once, before the value exists for anybody else.
#[allow(unsafe_code)]
unsafe impl Send for Locked {}
// SAFETY: as above; there is no interior mutability.
#[allow(unsafe_code)]
unsafe impl Sync for Locked {}

impl Locked {
    /// Copies `bytes` to a page of their own and pins it. Where the system's limit on pinned
    /// memory (`RLIMIT_MEMLOCK`) does not allow that, the page stays unpinned: see
    /// [`Self::is_pinned`].
    ///
    /// `None` when there is no memory.
    #[allow(unsafe_code)]
    pub fn new(bytes: &[u8; 32]) -> Option<Self> {
        let size = rustix::param::page_size().max(bytes.len());
        let layout = Layout::from_size_align(size, size).ok()?;
        // SAFETY: the layout has a size above zero.
        let page = NonNull::new(unsafe { alloc_zeroed(layout) })?;
        // SAFETY: the range is exactly the page just allocated, which is aligned to a page and
        // freed only in `drop`, after it was unpinned. Neither call touches its contents:
        // `mlock` pins, and `LinuxDontDump` only leaves the range out of core dumps.
        let pinned = unsafe {
            let _ = madvise(page.as_ptr().cast(), size, Advice::LinuxDontDump);
            mlock(page.as_ptr().cast(), size).is_ok()
        };
        // SAFETY: the page has at least 32 bytes, is ours alone, and does not overlap `bytes`.
        unsafe { page.as_ptr().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        Some(Self { page, layout, pinned })
    }

    /// Returns the bytes.
    #[allow(unsafe_code)]
    pub fn expose(&self) -> &[u8; 32] {
        // SAFETY: the page holds 32 initialised bytes for as long as `self` lives, and nobody
        // writes to them after `new`. `[u8; 32]` has no alignment to speak of.
        unsafe { self.page.cast::<[u8; 32]>().as_ref() }
    }

    /// Returns whether the page can never be swapped out.
    pub fn is_pinned(&self) -> bool {
        self.pinned
    }
}

impl Drop for Locked {
    #[allow(unsafe_code)]
    fn drop(&mut self) {
        // SAFETY: nobody else holds the page: references borrow from `self`. It is erased before it
        // is unpinned, made dumpable again because the allocator reuses it, and freed with the
        // layout it was allocated with.
        unsafe {
            self.page.cast::<[u8; 32]>().as_mut().zeroize();
            if self.pinned {
                let _ = munlock(self.page.as_ptr().cast(), self.layout.size());
            }
            let _ = madvise(self.page.as_ptr().cast(), self.layout.size(), Advice::LinuxDoDump);
            dealloc(self.page.as_ptr(), self.layout);
        }
    }
}

impl fmt::Debug for Locked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Locked(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_what_it_was_given_and_says_nothing() {
        let keys: Vec<_> = (0..64u8).filter_map(|n| Locked::new(&[n; 32])).collect();
        assert_eq!(keys.len(), 64);
        for (n, key) in (0..64u8).zip(&keys) {
            assert_eq!(key.expose(), &[n; 32]);
            assert_eq!(format!("{key:?}"), "Locked(..)");
        }
    }
}
