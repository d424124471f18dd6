#!/bin/sh
# A compiler that leaves the steps in: see src/step_kill.rs.
exec "$@" --cfg ndshm_steps
