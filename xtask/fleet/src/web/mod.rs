//! A web site: two processes of the example `load-balanced` behind a load balancer, and its visitors.

mod process;
mod site;
mod visitor;

pub(crate) use process::WebProcess;
pub(crate) use site::{CLIENT_ID, CLIENT_SECRET, REDIRECT_URI, Site, turned_away};
pub(crate) use visitor::{Answer, Visitor};
