//! A fresh access token on every outgoing request: a reqwest-middleware middleware and a tower layer.
