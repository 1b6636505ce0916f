//! What differs between the secret stores of the operating systems.
//!
//! Each of them offers the same six things: how large an entry may be, how to connect, how a new entry is described to
//! the user, how entries are searched for, how a found entry says its name, and what its errors mean.

#[cfg(target_os = "macos")]
mod keychain;
#[cfg(target_os = "macos")]
pub(crate) use keychain::{
    LARGEST_ENTRY, WITHOUT_A_STORE, connect, description, folder, kind_of, means_gone, name_of, search,
};

#[cfg(windows)]
mod credential_manager;
#[cfg(windows)]
pub(crate) use credential_manager::{
    LARGEST_ENTRY, WITHOUT_A_STORE, connect, description, folder, kind_of, means_gone, name_of, search,
};

#[cfg(all(unix, not(any(target_os = "macos", target_os = "ios", target_os = "android"))))]
mod secret_service;
#[cfg(all(unix, not(any(target_os = "macos", target_os = "ios", target_os = "android"))))]
pub(crate) use secret_service::{
    LARGEST_ENTRY, WITHOUT_A_STORE, connect, description, folder, kind_of, means_gone, name_of, search,
};

#[cfg(not(any(windows, all(unix, not(any(target_os = "ios", target_os = "android"))))))]
compile_error!("there is no secret store for this operating system: use another store");
