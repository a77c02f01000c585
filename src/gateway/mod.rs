//! Owns the data plane: lanes, the two doors and the two paths.
//! Must never be seen from inside by the control plane: it asks through the handle.

pub mod settings;
