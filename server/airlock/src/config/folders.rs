//! The user's usual folders, found from the environment alone.

use std::ffi::OsString;
use std::path::PathBuf;

/// The variables that decide where the user's files are. Handed in rather than read where needed, so that a test can
/// have its own and nothing here depends on the process.
pub struct Variables<'a>(pub &'a dyn Fn(&str) -> Option<OsString>);

impl Variables<'_> {
    /// The process's own environment.
    pub fn process() -> Variables<'static> {
        Variables(&|name| std::env::var_os(name))
    }

    /// A variable that is set and not empty.
    pub fn get(&self, name: &str) -> Option<OsString> {
        (self.0)(name).filter(|v| !v.is_empty())
    }

    /// A variable that holds an absolute path. The XDG specification says to ignore relative ones.
    pub fn absolute(&self, name: &str) -> Option<PathBuf> {
        self.get(name).map(PathBuf::from).filter(|p| p.is_absolute())
    }

    /// The home folder.
    pub fn home(&self) -> Option<PathBuf> {
        self.absolute(if cfg!(windows) { "USERPROFILE" } else { "HOME" })
    }

    /// The folder for the user's configuration files: `$XDG_CONFIG_HOME`, else `~/.config`, on macOS
    /// `~/Library/Application Support`, on Windows `%APPDATA%`.
    pub fn config_home(&self) -> Option<PathBuf> {
        self.absolute("XDG_CONFIG_HOME").or_else(|| {
            if cfg!(windows) {
                self.absolute("APPDATA")
            } else if cfg!(target_os = "macos") {
                Some(self.home()?.join("Library/Application Support"))
            } else {
                Some(self.home()?.join(".config"))
            }
        })
    }

    /// The folder for caches: `$XDG_CACHE_HOME`, else `~/.cache`, on macOS `~/Library/Caches`, on Windows
    /// `%LOCALAPPDATA%`.
    pub fn cache_home(&self) -> Option<PathBuf> {
        self.absolute("XDG_CACHE_HOME").or_else(|| {
            if cfg!(windows) {
                self.absolute("LOCALAPPDATA")
            } else if cfg!(target_os = "macos") {
                Some(self.home()?.join("Library/Caches"))
            } else {
                Some(self.home()?.join(".cache"))
            }
        })
    }

    /// The folder for data that is to stay: `$XDG_DATA_HOME`, else `~/.local/share`, on macOS
    /// `~/Library/Application Support`, on Windows `%LOCALAPPDATA%`.
    pub fn data_home(&self) -> Option<PathBuf> {
        self.absolute("XDG_DATA_HOME").or_else(|| {
            if cfg!(windows) {
                self.absolute("LOCALAPPDATA")
            } else if cfg!(target_os = "macos") {
                Some(self.home()?.join("Library/Application Support"))
            } else {
                Some(self.home()?.join(".local/share"))
            }
        })
    }

    /// The folder for what is kept of running: `$XDG_STATE_HOME`, else `~/.local/state`; elsewhere that of data.
    pub fn state_home(&self) -> Option<PathBuf> {
        self.absolute("XDG_STATE_HOME").or_else(|| {
            if cfg!(any(windows, target_os = "macos")) {
                self.data_home()
            } else {
                Some(self.home()?.join(".local/state"))
            }
        })
    }

    /// Where the user's configuration file is looked for.
    pub fn user_file(&self) -> Option<PathBuf> {
        Some(self.config_home()?.join("airlock").join("config.toml"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(all(unix, not(target_os = "macos")))]
    fn relative_and_empty_variables_are_ignored() {
        let get = |name: &str| -> Option<OsString> {
            match name {
                "HOME" => Some("/home/u".into()),
                "XDG_CONFIG_HOME" => Some("relative".into()),
                "XDG_CACHE_HOME" => Some("".into()),
                _ => None,
            }
        };
        let vars = Variables(&get);
        assert_eq!(vars.user_file(), Some(PathBuf::from("/home/u/.config/airlock/config.toml")));
        assert_eq!(vars.cache_home(), Some(PathBuf::from("/home/u/.cache")));
        assert_eq!(vars.data_home(), Some(PathBuf::from("/home/u/.local/share")));
    }
}
