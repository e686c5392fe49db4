//! A folder in which commands are run as a user types them.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::house::root;

/// The binary under test.
pub fn binary() -> PathBuf {
    assert_cmd::cargo::cargo_bin("windtunnel")
}

/// What a command printed.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// A temporary folder with the binary on the path.
pub struct Workshop {
    folder: tempfile::TempDir,
}

impl Workshop {
    pub fn new() -> Workshop {
        Workshop { folder: tempfile::tempdir().expect("there is room for a folder") }
    }

    /// With the repository's scenarios and their data, as in a checkout.
    pub fn with_scenarios() -> Workshop {
        let shop = Workshop::new();
        for name in ["scenarios", "data", "monitoring"] {
            link(&root().join(name), &shop.path().join(name));
        }
        shop
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Runs a line of shell, without colours and with a terminal of a hundred columns.
    pub fn run(&self, line: &str) -> Said {
        let folder = binary().parent().expect("it stands in a folder").to_owned();
        let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default());
        let output = Command::new("sh")
            .args(["-c", line])
            .current_dir(self.path())
            .env("PATH", path)
            .env("NO_COLOR", "1")
            .env("COLUMNS", "100")
            .output()
            .expect("there is a shell");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        Said { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    }
}

/// Copies where links are not to be had.
fn link(from: &Path, to: &Path) {
    #[cfg(unix)]
    std::os::unix::fs::symlink(from, to).expect("a link can be made");
    #[cfg(not(unix))]
    panic!("commands of pages are run on Unix: {} {}", from.display(), to.display());
}
