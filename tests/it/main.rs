//! The one integration binary: the server real, the provider a sandbox or an emulator, the clock
//! fake where it can be.

mod frames;
mod house;
mod stdio;
