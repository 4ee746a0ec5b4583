//! Where things are on disk. Found by `HOME` and by what the configuration says: hosts drop the
//! XDG variables, and state must not move with them.
