//! Where the shared captures and the lab stand.

use std::path::{Path, PathBuf};

/// The shared folder beside the repository, or `None` where it is absent and need not be there.
/// With the environment variable `CI` set its absence is a failure.
pub fn folder(inside: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared").join(inside);
    if path.is_dir() {
        return Some(path);
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "{} is absent. With CI set the shared captures and the lab must stand beside the repository; \
         unset CI to leave out the tests that need them",
        path.display()
    );
    None
}
