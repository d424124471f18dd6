#!/bin/sh
# rustdoc that takes unstable options, whatever its release: see src/api.rs.
RUSTC_BOOTSTRAP=1 exec rustdoc "$@"
