//! The commands, one file each: its arguments, what it does, what it prints.

pub(crate) mod demo;
pub(crate) mod dev_server;
pub(crate) mod expire;
pub(crate) mod import;
pub(crate) mod keys;
pub(crate) mod list;
pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod migrate;
pub(crate) mod refresh;
pub(crate) mod status;
pub(crate) mod sweep;
pub(crate) mod token;
pub(crate) mod userinfo;
