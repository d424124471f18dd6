//! Derive macro of `ndshm`: structs as elements of shared arrays.
