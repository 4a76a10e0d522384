//! Starts the thread that enforces a deadline.
//!
//! On Unix, whycap creates the thread with the C library. The standard library would also store the thread's name and
//! reserve memory for reporting a stack overflow, which this thread does not need. Because of these allocations, the C
//! library would reserve 128 MB of address space for the thread, while the main thread waits. In total, this would take
//! 0.1 ms, which is a twentieth of a status-line call.

/// The thread's work: waiting for the deadline.
type Work = Box<dyn FnOnce() + Send>;

/// Runs `work` in a new thread. Does nothing if the system cannot start a thread.
///
/// A process may call this function only once, because a second call could replace work that has not started yet.
#[cfg(unix)]
pub(super) fn start_watcher(work: impl FnOnce() + Send + 'static) {
    use std::ffi::c_void;
    use std::mem::MaybeUninit;
    use std::ptr;
    use std::sync::{Mutex, PoisonError};

    /// The size of the thread's stack, which is also the standard library's default.
    const STACK_SIZE: usize = 2 << 20;

    /// The work of the new thread. It is passed in a static variable because a pointer would require unsafe code in the
    /// thread, too.
    static WORK: Mutex<Option<Work>> = Mutex::new(None);

    extern "C" fn run(_argument: *mut c_void) -> *mut c_void {
        let work = WORK.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(work) = work {
            work();
        }
        ptr::null_mut()
    }

    *WORK.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(work));
    let mut attributes = MaybeUninit::<libc::pthread_attr_t>::uninit();
    let mut thread = MaybeUninit::<libc::pthread_t>::uninit();
    #[expect(
        unsafe_code,
        reason = "only the C library starts a thread without preparing it"
    )]
    // SAFETY: `attributes` is initialized before it is used, and both variables outlive the calls that write to them.
    // `run` has the required signature. It does not use its argument, which is null. The work that it runs is `Send`
    // and owns its data. `run` cannot unwind into the C library, because panics end the process.
    unsafe {
        if libc::pthread_attr_init(attributes.as_mut_ptr()) == 0 {
            libc::pthread_attr_setstacksize(attributes.as_mut_ptr(), STACK_SIZE);
            libc::pthread_create(
                thread.as_mut_ptr(),
                attributes.as_ptr(),
                run,
                ptr::null_mut(),
            );
            libc::pthread_attr_destroy(attributes.as_mut_ptr());
        }
    }
}

/// Runs `work` in a new thread. Does nothing if the system cannot start a thread.
#[cfg(not(unix))]
pub(super) fn start_watcher(work: impl FnOnce() + Send + 'static) {
    let work: Work = Box::new(work);
    let _ = std::thread::Builder::new().spawn(work);
}
