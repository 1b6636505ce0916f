//! A web application with a session for each visitor, to look at and to take apart.

fn main() {}
