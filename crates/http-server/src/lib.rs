//! A session for every visitor of a web server: sign-in, callback, logout and guarded routes as a tower layer and axum extractors.
