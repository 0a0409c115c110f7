//! Out of memory is a fault like any other: one line on standard error, and exit code 1.
//!
//! The standard library aborts where memory is not given, which leaves a core dump and looks like a
//! bug; what would change that is not stable (`alloc_error_hook`). So the binary's allocator is the
//! system's, and where that has nothing left, [`Told`] says so and ends the process. It costs a
//! comparison an allocation. Code that would go on without the memory (`try_reserve`) never gets to:
//! there is none in this project.
//!
//! The only `unsafe` code of the project beside the wheel's, since an allocator cannot be had without.

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::Write as _;
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};

/// The system's allocator, which tells when it has nothing left.
#[derive(Debug, Default, Clone, Copy)]
pub struct Told;

// SAFETY: every call goes to `System` as it came, and what it gives is passed on as it is, or the
// process ends.
unsafe impl GlobalAlloc for Told {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps to the contract of `alloc`, which is that of `System`.
        given(unsafe { System.alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        given(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        // SAFETY: as above; the block is one of `System`, since all are.
        given(unsafe { System.realloc(block, layout, bytes) }, bytes)
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }
}

#[inline]
fn given(block: *mut u8, bytes: usize) -> *mut u8 {
    if block.is_null() {
        give_up(bytes);
    }
    block
}

/// Says it once, whatever the number of threads that fail. Nothing here may allocate.
#[cold]
#[expect(
    clippy::disallowed_methods,
    reason = "nothing can be returned to `main` from here"
)]
fn give_up(bytes: usize) -> ! {
    static TOLD: AtomicBool = AtomicBool::new(false);
    if !TOLD.swap(true, Ordering::Relaxed) {
        tell(bytes);
    }
    // What is not yet written is left: a result that is cut off is not mistaken for a whole one.
    process::exit(1)
}

fn tell(bytes: usize) {
    let mut line = [0; 160];
    let mut rest = &mut line[..];
    let _ = writeln!(
        rest,
        "error: out of memory: {bytes} bytes more are not to be had; give it more, or less to hold at a time"
    );
    let unused = rest.len();
    say(&line[..line.len() - unused]);
}

/// Not through the library's stream, which another thread, or this one, may hold.
#[cfg(unix)]
fn say(line: &[u8]) {
    use std::fs::File;
    use std::mem::ManuallyDrop;
    use std::os::fd::FromRawFd as _;
    // SAFETY: it is not closed here, and where it is closed already, writing fails.
    let stderr = ManuallyDrop::new(unsafe { File::from_raw_fd(2) });
    let _ = (&*stderr).write_all(line);
}

#[cfg(not(unix))]
fn say(line: &[u8]) {
    let _ = std::io::stderr().write_all(line);
}
