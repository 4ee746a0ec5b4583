//! What leaves the process, and what comes of the answers, against a server on loopback.
