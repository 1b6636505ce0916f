//! Work that blocks, off the test's runtime.

use std::panic::resume_unwind;
use std::thread;

use tokio::sync::oneshot;

/// Does `work` on a thread of its own, and panics if it panics. Once called it is done to its end, even if nobody waits.
pub(crate) async fn in_background<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (tell, told) = oneshot::channel();
    let thread = thread::spawn(move || {
        let done = work();
        // Nobody needs to wait.
        let _ = tell.send(done);
    });
    match told.await {
        Ok(done) => done,
        Err(_) => match thread.join() {
            Err(panic) => resume_unwind(panic),
            Ok(()) => unreachable!("the thread tells before it ends"),
        },
    }
}
