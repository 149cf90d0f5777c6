//! The blob model through its public interface.
