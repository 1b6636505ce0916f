//! Seals session records before any store sees them, and names them by a keyed hash.
