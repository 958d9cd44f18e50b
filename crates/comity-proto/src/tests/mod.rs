//! Tests of the link in a world of two.
