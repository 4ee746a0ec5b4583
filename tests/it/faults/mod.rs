//! What a machine does to a program: clocks that jump, limits, disks that are full, read-only or
//! without power. What needs a disk or a control group of its own is ignored here and run by
//! `tests/faults/run`.

mod clock;
mod damage;
mod descriptors;
mod disk;
mod group;
mod image;
mod limits;
mod mount;
